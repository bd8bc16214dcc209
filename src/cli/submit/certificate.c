/* What shows others what came of the job: LEDGER 18. */
#include "certificate/certificate.h"
#include "base/hex.h"
#include "cli/output.h"
#include "cli/submit/submit.h"
#include "training/file/machine.h"
#include <stdlib.h>
#include <unistd.h>

static const double PATIENCE_S = 20;
enum { BLOCK_MS = 1000 };

/* The header behind a settled task takes one more block; and a node that is away comes back, mostly. */
static enum client_status fetch(struct submission *s, const uint8_t job[32], uint8_t **bytes, size_t *length,
                                struct why *why) {
  double until = machine_seconds() + PATIENCE_S;
  enum client_status status = CLIENT_NONE;
  while ((status == CLIENT_NONE || status == CLIENT_LOST) && machine_seconds() < until) {
    status = client_certificate(s->reach.client, job, 32, s->reach.port.genesis, bytes, length, why);
    if (status != CLIENT_NONE && status != CLIENT_LOST) break;
    enum client_status waited =
        client_wait(s->reach.client, view_chain(agent_view(s->agent))->now.height + 1, BLOCK_MS, NULL);
    if (waited == CLIENT_STOPPED) return waited;
    view_now(agent_view(s->agent), NULL);
  }
  return status;
}

/* With the job's text in it, if that is the one whose hash was posted. */
static enum training_status keep(const struct submission *s, const char *path, const uint8_t *bytes, size_t length,
                                 struct why *why) {
  static struct certificate c; /* large */
  char spec_path[SUBMIT_PATH];
  struct file_bytes spec = {0};
  uint8_t *whole = malloc(CERTIFICATE_BYTES_MAX);
  size_t more = 0;
  if (whole && file_join(spec_path, s->folder, "job.json") &&
      file_map(spec_path, CERTIFICATE_SPEC_BYTES_MAX, &spec, NULL) == TRAINING_OK &&
      certificate_decode(bytes, length, &c, NULL))
    more = certificate_with(&c, bytes, length, (struct certificate_span){spec.bytes, spec.length}, whole,
                            CERTIFICATE_BYTES_MAX);
  bool good =
      more && certificate_decode(whole, more, &c, NULL) && certificate_verify(&c, NULL, NULL) == CERTIFICATE_TRUE;
  enum training_status status = file_replace(path, good ? whole : bytes, good ? more : length, why);
  if (spec.bytes) file_unmap(&spec);
  free(whole);
  return status;
}

enum outcome submit_certificate(struct submission *s, const uint8_t job[32], bool *there) {
  char path[SUBMIT_PATH], text[65];
  uint8_t *bytes = NULL;
  size_t length = 0;
  struct why why = {""};
  *there = file_join(path, s->folder, "certificate") && access(path, F_OK) == 0;
  if (*there) return OUTCOME_DONE;
  enum client_status status = fetch(s, job, &bytes, &length, &why);
  if (status == CLIENT_STOPPED) return complain("stopped"), OUTCOME_INTERRUPTED;
  if (status != CLIENT_OK) {
    hex_encode(job, 32, text);
    note("certificate: not to be had now (%s); assay certificate fetch %s -o FILE gets it later", why.text, text);
    return OUTCOME_DONE;
  }
  enum training_status kept = keep(s, path, bytes, length, &why);
  free(bytes);
  *there = kept == TRAINING_OK;
  if (kept != TRAINING_OK) complain("%s", why.text);
  return (enum outcome)kept;
}
