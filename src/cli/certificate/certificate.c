/* assay certificate: checks one offline, or gets one from a node. */
#include "base/hex.h"
#include "cli/certificate/model.h"
#include "cli/certificate/words.h"
#include "cli/chain/ids.h"
#include "cli/output.h"
#include "crypto/sign.h"
#include "training/file/file.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_anchor(const struct arguments *a, uint8_t hash[32], const uint8_t **out) {
  const char *text = arguments_text(a, "validators", NULL);
  *out = text ? hash : NULL;
  if (!text || hex_decode(text, hash, 32)) return true;
  complain("--validators: 64 hexadecimal digits are wanted, the hash that names a chain's validators");
  return false;
}

static enum outcome check(const struct arguments *a) {
  static struct certificate certificate; /* large */
  struct certificate_finding finding = {.model = arguments_text(a, "model", NULL)};
  struct file_bytes file;
  struct why why = {""};
  uint8_t anchor[32];
  if (!read_anchor(a, anchor, &finding.anchor)) return OUTCOME_INPUT;
  if (sign_open(&why) != SIGN_OK) return complain("%s", why.text), OUTCOME_ENVIRONMENT;
  enum training_status status = file_map(a->operand[1], CERTIFICATE_BYTES_MAX, &file, &why);
  if (status != TRAINING_OK) return complain("%s", why.text), (enum outcome)status;
  enum outcome outcome = OUTCOME_INPUT;
  if (!certificate_decode(file.bytes, file.length, &certificate, &why)) {
    complain("%s is no certificate: %s; ask for another copy", a->operand[1], why.text);
  } else {
    finding.check = certificate_verify(&certificate, finding.anchor, &why);
    finding.why = why.text;
    bool compared =
        !finding.model || certificate_model(&certificate, arguments_text(a, "state", NULL), &finding, &outcome);
    if (compared) {
      if (arguments_given(a, "json"))
        output_json(certificate_json(&certificate, &finding));
      else
        certificate_print(&certificate, &finding);
      bool good = finding.check == CERTIFICATE_TRUE && (!finding.model || finding.model_same);
      outcome = good ? OUTCOME_DONE : OUTCOME_NO;
    }
  }
  file_unmap(&file);
  return outcome;
}

/* A short number is a receipt's; JOB/N and digits are a job's or a task's. */
static bool read_number(const char *text, uint8_t asked[8]) {
  char *end = NULL;
  size_t length = strlen(text);
  if (length == 0 || length >= CHAIN_ID_SHORT || strspn(text, "0123456789") != length) return false;
  unsigned long long number = strtoull(text, &end, 10);
  for (int i = 0; i < 8; i++) asked[i] = (uint8_t)(number >> (8 * i));
  return true;
}

/* The job's text goes along where it is given: certificate_with. */
static enum outcome keep(const struct arguments *a, const uint8_t *bytes, size_t length) {
  struct why why = {""};
  const char *path = arguments_text(a, "output", NULL), *spec_path = arguments_text(a, "spec", NULL);
  static struct certificate certificate;
  struct file_bytes spec = {0};
  uint8_t *whole = NULL;
  enum training_status status = TRAINING_OK;
  if (spec_path) {
    status = file_map(spec_path, CERTIFICATE_SPEC_BYTES_MAX, &spec, &why);
    bool read = status == TRAINING_OK && certificate_decode(bytes, length, &certificate, &why);
    if (read) {
      whole = malloc(CERTIFICATE_BYTES_MAX);
      size_t more =
          whole ? certificate_with(&certificate, bytes, length, (struct certificate_span){spec.bytes, spec.length},
                                   whole, CERTIFICATE_BYTES_MAX)
                : 0;
      if (!more || !certificate_decode(whole, more, &certificate, &why) ||
          certificate_verify(&certificate, NULL, &why) != CERTIFICATE_TRUE) {
        why_set(&why, "--spec: %s is not the text whose hash was posted with the job", spec_path);
        status = TRAINING_ERR_INPUT;
      }
      bytes = whole, length = more;
    }
  }
  if (status == TRAINING_OK) status = file_replace(path, bytes, length, &why);
  if (status != TRAINING_OK) complain("%s", why.text);
  if (spec.bytes) file_unmap(&spec);
  free(whole);
  return (enum outcome)status;
}

static enum outcome fetch(const struct arguments *a) {
  struct reach reach;
  struct why why = {""};
  struct chain_id id;
  uint8_t asked[TASK_ID_BYTES], *bytes;
  size_t asked_length = 8, length;
  const char *path = arguments_text(a, "output", NULL);
  if (!path) return complain("-o FILE: where to keep it"), OUTCOME_INPUT;
  bool number = read_number(a->operand[1], asked);
  if (!number && !chain_id_read(a->operand[1], &id)) return OUTCOME_INPUT;
  enum outcome outcome = reach_open(a, &reach);
  if (outcome != OUTCOME_DONE) return outcome;
  if (!number) outcome = chain_id_find(&reach, true, &id);
  if (outcome != OUTCOME_DONE) return reach_shut(&reach), outcome;
  if (!number) {
    asked_length = id.whole ? 32 : TASK_ID_BYTES;
    memcpy(asked, id.task, asked_length);
  }
  enum client_status status =
      client_certificate(reach.client, asked, asked_length, reach.port.genesis, &bytes, &length, &why);
  if (status == CLIENT_NONE)
    why_set(&why, "%.80s: nothing of that name has been settled; assay why tells how far it is", a->operand[1]);
  outcome = reach_outcome(&reach, status, &why);
  reach_shut(&reach);
  if (outcome != OUTCOME_DONE) return outcome;
  outcome = keep(a, bytes, length);
  free(bytes);
  if (outcome != OUTCOME_DONE) return outcome;
  if (arguments_given(a, "json"))
    output_json(json_pack("{s:o, s:I}", "certificate", output_text(path), "bytes", (json_int_t)length));
  else
    printf("%s: %zu bytes, checked; assay certificate check %s says what it shows\n", path, length, path);
  return OUTCOME_DONE;
}

static enum outcome run(const struct arguments *a) {
  const char *verb = a->operand[0];
  if (a->operands_count == 2 && strcmp(verb, "check") == 0) return check(a);
  if (a->operands_count == 2 && strcmp(verb, "fetch") == 0) return fetch(a);
  static const char *const verbs[] = {"check", "fetch"};
  if (strcmp(verb, "check") != 0 && strcmp(verb, "fetch") != 0) return arguments_unknown("certificate", verb, verbs, 2);
  complain("certificate check FILE, or certificate fetch JOB|TASK|RECEIPT -o FILE");
  return OUTCOME_INPUT;
}

const struct command command_certificate = {
    .name = "certificate",
    .usage = "check FILE [--model FILE] [--validators HASH] | fetch ID -o FILE [--node URL]",
    .summary = "checks offline what came of a job, who audited it and who signed; or gets that file",
    .text = "check asks no network: header and signatures, the receipts of the job from its posting on, the job itself "
            "and\n"
            "the payments have to fit together. It prints what the certificate shows and what it does not, above all "
            "whose\n"
            "word it is: the hash of the validators has to be known from elsewhere.\n"
            "fetch asks a node, checks the answer, and keeps it. ID is a job, a task, JOB/N, or the number of the "
            "receipt that\n"
            "settled a task; a job stands for its last settled task, and its first digits for the job.\n"
            "Exit status: 0 valid, or fetched; 1 not valid, another model, or nothing settled; 2 no certificate, bad "
            "words\n"
            "or node; 3 no node answers, disk or memory; 130 stopped.",
    .option = {{"model", 0, "FILE", "check: is this .state or .safetensors the certified model?"},
               {"state", 0, "FILE", "check: the final state that tensors are compared with (final.state beside them)"},
               {"validators", 0, "HASH", "check: the validators' hash that you know from elsewhere"},
               {"output", 'o', "FILE", "fetch: where to keep it"},
               {"spec", 0, "FILE", "fetch: puts the job's text (job.json) into it"},
               REACH_OPTION,
               {"json", 0, NULL, "prints one JSON object"}},
    .operands_min = 2,
    .operands_max = 2,
    .run = run};
