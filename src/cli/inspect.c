/* assay inspect: what a file or a run's folder holds, as text. */
#include "base/hex.h"
#include "cli/certificate/words.h"
#include "cli/command.h"
#include "cli/inspect_tensors.h"
#include "cli/output.h"
#include "cli/tape_text.h"
#include "commit/trace/trace.h"
#include "tape/check/check.h"
#include "training/checkpoint/checkpoint.h"
#include "training/file/machine.h"
#include "training/file/onnx_file.h"
#include "training/run/folder.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Address space; pages cost nothing until touched. The second under a limit (ulimit -v). */
static const size_t ARENA_BYTES = (size_t)16 << 30, ARENA_LEAST_BYTES = (size_t)1 << 30;
static const uint64_t STATE_BYTES_MAX = (uint64_t)TAPE_LEAVES_MAX * TAPE_LEAF_BYTES;

struct hex_root {
  char text[2 * MERKLE_BYTES + 1];
};

static struct hex_root hex(const uint8_t root[MERKLE_BYTES]) {
  struct hex_root h;
  hex_encode(root, MERKLE_BYTES, h.text);
  return h;
}

static const char *outcome_word(uint8_t outcome) {
  switch (outcome) {
  case TRACE_DONE: return "done";
  case TRACE_DIVERGED: return "diverged";
  case TRACE_OPEN: return "not finished";
  }
  return "unknown";
}

static enum outcome refuse(const char *path, const struct why *why, enum outcome outcome) {
  if (strncmp(why->text, path, strlen(path)) == 0)
    complain("%s", why->text);
  else
    complain("%s: %s", path, why->text);
  return outcome;
}

/* The names of the records' origins, which a run keeps beside its tapes; NULL when there are none. They are for people
 * and are part of no root, so whatever cannot be read is left out. */
static json_t *names_open(const char *tape_path) {
  enum { NAMES_BYTES_MAX = 16 << 20 };
  char path[FILE_PATH_MAX];
  struct file_bytes f;
  size_t stem = strlen(tape_path);
  if (stem < 5 || strcmp(tape_path + stem - 5, ".tape") != 0) return NULL;
  if (snprintf(path, sizeof path, "%.*s.names.json", (int)(stem - 5), tape_path) >= (int)sizeof path) return NULL;
  if (file_map(path, NAMES_BYTES_MAX, &f, NULL) != TRAINING_OK) return NULL;
  json_t *names = json_loadb((const char *)f.bytes, f.length, 0, NULL);
  file_unmap(&f);
  return names;
}

static void print_record(const struct tape *t, uint32_t index, const json_t *names) {
  const json_t *n = json_array_get(names, index);
  const char *node = json_string_value(json_object_get(n, "node")), *op = json_string_value(json_object_get(n, "op")),
             *part = json_string_value(json_object_get(n, "part"));
  char remark[ONNX_NAME_MAX + 128] = "";
  if (node && op && part) snprintf(remark, sizeof remark, "%s%s%s, %s", op, *node ? " " : "", node, part);
  for (char *c = remark; *c; c++)
    if ((unsigned char)*c < ' ') *c = '?'; /* a name must not move the cursor */
  tape_text_record(stdout, t, index, remark);
}

/* A tape: header, layout, records. */
static enum outcome inspect_tape(const char *path, const struct file_bytes *f, struct arena *arena,
                                 const struct arguments *a) {
  static struct tape t;
  struct why why = {""};
  enum tape_status s = tape_read(f->bytes, f->length, arena, &t, &why);
  if (s == TAPE_OK) s = tape_check(&t, arena, &why);
  if (s != TAPE_OK) return refuse(path, &why, s == TAPE_ERR_MEMORY ? OUTCOME_ENVIRONMENT : OUTCOME_INPUT);
  uint8_t root[MERKLE_BYTES];
  tape_root(&t, root);
  if (arguments_given(a, "json")) {
    output_json(json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "kind", "tape", "root", hex(root).text, "records",
                          (json_int_t)t.records_count, "temp_leaves", (json_int_t)t.temp_leaves, "state_leaves",
                          (json_int_t)t.state_leaves, "dot_flops", (json_int_t)t.counts.dot_flops, "body_ops",
                          (json_int_t)t.counts.body_ops, "bytes", (json_int_t)t.counts.bytes));
    return OUTCOME_DONE;
  }
  uint64_t record = 0;
  if (!arguments_number(a, "record", 1, t.records_count, &record)) return OUTCOME_INPUT;
  json_t *names = names_open(path);
  if (record) {
    print_record(&t, (uint32_t)record - 1, names);
    json_decref(names);
    return OUTCOME_DONE;
  }
  printf("tape      root %s\n", hex(root).text);
  printf("records   %" PRIu32 "; %" PRIu32 " leaves of values, %" PRIu32 " of state\n", t.records_count, t.temp_leaves,
         t.state_leaves);
  printf("counts    %" PRIu64 " dot flops, %" PRIu64 " body operations, %" PRIu64 " bytes a step\n", t.counts.dot_flops,
         t.counts.body_ops, t.counts.bytes);
  puts("layout");
  tape_text_layout(stdout, &t.layout);
  puts("records");
  for (uint32_t n = 0; n < t.records_count; n++) print_record(&t, n, names);
  json_decref(names);
  return OUTCOME_DONE;
}

static enum outcome inspect_trace(const char *path, const struct file_bytes *f, bool json) {
  struct trace t;
  struct why why = {""};
  if (trace_read(f->bytes, f->length, &t, &why) != TRACE_OK) return refuse(path, &why, OUTCOME_INPUT);
  uint8_t root[MERKLE_BYTES];
  trace_root(&t, root);
  if (json) {
    json_t *roots = json_array();
    for (uint32_t i = 0; i <= t.intervals; i++) json_array_append_new(roots, json_string(hex(t.roots[i]).text));
    output_json(json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:o}", "kind", "trace", "root", hex(root).text, "task",
                          (json_int_t)t.task, "first_step", (json_int_t)t.first_step, "steps", (json_int_t)t.steps,
                          "interval_steps", (json_int_t)t.interval_steps, "outcome", outcome_word(t.outcome),
                          "state_roots", roots));
    return OUTCOME_DONE;
  }
  printf("trace     root %s\n", hex(root).text);
  printf("task      %" PRIu32 ": %" PRIu32 " steps from step %" PRIu32 ", %d intervals of %d steps, %s\n", t.task,
         t.steps, t.first_step, t.intervals, t.interval_steps, outcome_word(t.outcome));
  for (uint32_t i = 0; i <= t.intervals; i++) printf("  state root %-4" PRIu32 " %s\n", i, hex(t.roots[i]).text);
  return OUTCOME_DONE;
}

static void print_dims(const int64_t *dim, uint32_t rank, const char *const *symbol) {
  putchar('[');
  for (uint32_t d = 0; d < rank; d++) {
    if (d) fputs(", ", stdout);
    if (dim[d] >= 0)
      printf("%" PRId64, dim[d]);
    else
      output_name(symbol && symbol[d] && *symbol[d] ? symbol[d] : "?");
  }
  putchar(']');
}

static void print_values(const char *title, const struct onnx_value *v, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    printf("%-9s ", title);
    output_name(v[i].name);
    putchar(' ');
    print_dims(v[i].dim, v[i].rank, v[i].symbol);
    putchar('\n');
  }
}

static enum outcome inspect_onnx(const char *path, struct arena *arena, bool json) {
  static struct onnx_file file; /* large */
  struct why why = {""};
  enum training_status s = onnx_file_open(path, arena, &file, &why);
  if (s != TRAINING_OK) return refuse(path, &why, (enum outcome)s);
  const struct onnx_model *m = &file.model;
  uint64_t weights = 0;
  for (uint32_t i = 0; i < m->initializers_count; i++)
    if (m->initializer[i].type == ONNX_FLOAT) weights += m->initializer[i].count;
  if (json) {
    output_json(json_pack("{s:s, s:I, s:I, s:I, s:I}", "kind", "onnx", "opset", (json_int_t)m->opset, "nodes",
                          (json_int_t)m->nodes_count, "initializers", (json_int_t)m->initializers_count, "weights",
                          (json_int_t)weights));
  } else {
    printf("onnx      opset %" PRId64 ", IR %" PRId64 ", from ", m->opset, m->ir_version);
    output_name(*m->producer ? m->producer : "an unnamed producer");
    putchar('\n');
    printf("weights   %" PRIu64 " floats in %" PRIu32 " tensors\n", weights, m->initializers_count);
    print_values("input", m->input, m->inputs_count);
    print_values("output", m->output, m->outputs_count);
    for (uint32_t i = 0; i < m->initializers_count; i++) {
      fputs("  tensor ", stdout);
      output_name(m->initializer[i].name);
      putchar(' ');
      print_dims(m->initializer[i].dim, m->initializer[i].rank, NULL);
      putchar('\n');
    }
    for (uint32_t i = 0; i < m->nodes_count; i++) {
      const struct onnx_node *n = &m->node[i];
      printf("  node %-4" PRIu32 " ", i);
      output_name(n->op);
      for (uint32_t k = 0; k < n->inputs_count; k++) {
        fputs(k ? ", " : "(", stdout);
        output_name(*n->input[k] ? n->input[k] : "-");
      }
      fputs(n->inputs_count ? ") ->" : "() ->", stdout);
      for (uint32_t k = 0; k < n->outputs_count; k++) {
        putchar(' ');
        output_name(n->output[k]);
      }
      putchar('\n');
    }
  }
  onnx_file_shut(&file);
  return OUTCOME_DONE;
}

/* A state blob says nothing about itself but its root. */
static enum outcome inspect_state(const char *path, const struct file_bytes *f, bool json) {
  struct pool *pool = pool_open(machine_threads());
  uint8_t root[MERKLE_BYTES];
  struct why why = {""};
  enum training_status s = checkpoint_root(pool, f->bytes, f->length, root, &why);
  if (pool) pool_shut(pool);
  if (s != TRAINING_OK) return refuse(path, &why, (enum outcome)s);
  int32_t diverged = 0;
  memcpy(&diverged, f->bytes, sizeof diverged);
  uint64_t leaves = f->length / TAPE_LEAF_BYTES;
  if (json)
    output_json(json_pack("{s:s, s:s, s:I, s:b}", "kind", "state", "root", hex(root).text, "leaves", (json_int_t)leaves,
                          "diverged", diverged != 0));
  else
    printf("state     root %s\nleaves    %" PRIu64 " of 4,096 bytes\ndiverged  %s\n", hex(root).text, leaves,
           diverged ? "yes" : "no");
  return OUTCOME_DONE;
}

/* What it claims, and whether that is true. */
static enum outcome inspect_certificate(const char *path, const struct file_bytes *f, bool json) {
  static struct certificate certificate; /* large */
  struct why why = {""};
  if (sign_open(&why) != SIGN_OK) return refuse(path, &why, OUTCOME_ENVIRONMENT);
  if (!certificate_decode(f->bytes, f->length, &certificate, &why)) return refuse(path, &why, OUTCOME_INPUT);
  struct certificate_finding finding = {.check = certificate_verify(&certificate, NULL, &why), .why = why.text};
  if (json) {
    json_t *o = certificate_json(&certificate, &finding);
    json_object_set_new(o, "kind", json_string("certificate"));
    output_json(o);
  } else {
    certificate_print(&certificate, &finding);
  }
  return OUTCOME_DONE;
}

static enum outcome inspect_folder(const char *path, struct arena *arena, bool json) {
  static struct folder_info info;
  struct why why = {""};
  enum training_status s = folder_read(path, arena, &info, &why);
  if (s != TRAINING_OK) return refuse(path, &why, (enum outcome)s);
  bool finished = info.outcome != TRACE_OPEN;
  if (json) {
    json_t *tapes = json_array();
    for (uint32_t i = 0; i < info.tapes; i++) json_array_append_new(tapes, json_string(hex(info.tape_root[i]).text));
    output_json(json_pack("{s:s, s:s, s:s, s:o, s:I, s:o, s:I, s:I, s:o, s:o, s:o}", "kind", "run", "outcome",
                          outcome_word(info.outcome), "job_root", hex(info.job_root).text, "final_root",
                          finished ? json_string(hex(info.final_root).text) : json_null(), "updates",
                          (json_int_t)info.updates, "steps_run", finished ? json_integer(info.steps_run) : json_null(),
                          "interval_steps", (json_int_t)info.interval_steps, "intervals", (json_int_t)info.intervals,
                          "intervals_run", finished ? json_integer(info.intervals_run) : json_null(), "tape_roots",
                          tapes, "sabotage", *info.sabotage ? json_string(info.sabotage) : json_null()));
    return OUTCOME_DONE;
  }
  printf("run         %s: ", outcome_word(info.outcome));
  if (finished) /* job.json is written when a run begins and when it ends; between, it does not know how far it is */
    printf("%" PRIu32 " of %" PRIu32 " steps, %" PRIu32 " of ", info.steps_run, info.steps, info.intervals_run);
  else
    printf("a job of %" PRIu32 " steps, ", info.steps);
  printf("%" PRIu32 " interval%s of up to %" PRIu32 " steps\n", info.intervals, info.intervals == 1 ? "" : "s",
         info.interval_steps);
  struct sabotage sabotage;
  if (*info.sabotage && sabotage_parse(info.sabotage, &sabotage, NULL) == TRAINING_OK)
    printf("sabotaged   %s: %s; for tests and demonstrations only\n", info.sabotage, sabotage_meaning(sabotage.kind));
  printf("job root    %s\n", hex(info.job_root).text);
  uint32_t accumulate =
      info.updates && info.steps - 1 > info.updates ? info.tapes - 1 : 0; /* an update has several steps */
  for (uint32_t i = 0; i < info.tapes; i++)
    printf("tape root   %s  tapes/%s.tape\n", hex(info.tape_root[i]).text, prepare_tape_name(i, accumulate));
  for (uint32_t i = 0; i < info.tasks && finished; i++)
    printf("trace root  %s  traces/%04" PRIu32 ".bin\n", hex(info.trace_root[i]).text, i);
  if (finished) printf("final root  %s\n", hex(info.final_root).text);
  return OUTCOME_DONE;
}

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

static enum outcome inspect_file(const char *path, struct arena *arena, const struct arguments *a) {
  bool json = arguments_given(a, "json");
  struct file_bytes f;
  struct why why = {""};
  enum training_status s = file_map(path, STATE_BYTES_MAX, &f, &why);
  if (s != TRAINING_OK) return refuse(path, &why, (enum outcome)s);
  enum outcome outcome = OUTCOME_INPUT;
  if (f.length >= 6 && memcmp(f.bytes, "ASTAPE", 6) == 0)
    outcome = inspect_tape(path, &f, arena, a);
  else if (f.length >= 7 && memcmp(f.bytes, "ASTRACE", 7) == 0)
    outcome = inspect_trace(path, &f, json);
  else if (f.length >= 4 && memcmp(f.bytes, "ASYC", 4) == 0)
    outcome = inspect_certificate(path, &f, json);
  else if (ends_with(path, ".onnx"))
    outcome = inspect_onnx(path, arena, json);
  else if (ends_with(path, ".state") && f.length >= TAPE_LEAF_BYTES && f.length % TAPE_LEAF_BYTES == 0)
    outcome = inspect_state(path, &f, json);
  else if (ends_with(path, ".safetensors"))
    outcome = inspect_safetensors(&f, json, &why);
  else if (ends_with(path, ".npy"))
    outcome = inspect_npy(path, json, &why);
  else if (ends_with(path, ".json") || ends_with(path, ".jsonl") || ends_with(path, ".yaml") || ends_with(path, ".md"))
    complain("%s is text: read it as it is", path);
  else
    complain("%s: neither a tape, a trace, a certificate, a checkpoint (.state), a model (.onnx), tensors "
             "(.safetensors) nor "
             "an array (.npy), or cut short",
             path);
  if (*why.text) refuse(path, &why, outcome);
  file_unmap(&f);
  return outcome;
}

static enum outcome run(const struct arguments *a) {
  const char *path = a->operand[0];
  struct arena arena;
  if (!arena_open(&arena, ARENA_BYTES) && !arena_open(&arena, ARENA_LEAST_BYTES)) {
    complain("the system refuses address space");
    return OUTCOME_ENVIRONMENT;
  }
  struct stat st;
  bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
  enum outcome outcome =
      folder ? inspect_folder(path, &arena, arguments_given(a, "json")) : inspect_file(path, &arena, a);
  arena_shut(&arena);
  return outcome;
}

const struct command command_inspect = {
    .name = "inspect",
    .usage = "FILE|DIR [--record N]",
    .summary = "shows what a file or a run's folder holds, as text",
    .text = "DIR: outcome and roots of a run. FILE: a tape (layout and every record), a trace (its state roots), a "
            "checkpoint\n"
            "(its root), an ONNX model (its graph), safetensors or a .npy array (types and shapes), a certificate.\n"
            "Exit status: 0, 2 the file is damaged or of no kind we know.",
    .option = {{"record", 'r', "N", "of a tape, only record N"}, {"json", 0, NULL, "prints one JSON object"}},
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
