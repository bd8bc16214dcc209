/* assay check: which nodes of an ONNX graph Assay can train, node by node. */
#include "cli/command.h"
#include "cli/exported.h"
#include "cli/output.h"
#include "model/lower/lower.h"
#include "training/file/onnx_file.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct onnx_file file; /* large */
/* Address space; pages cost nothing until touched. The second under a limit (ulimit -v). */
static const size_t ARENA_BYTES = (size_t)16 << 30, ARENA_LEAST_BYTES = (size_t)1 << 30;

enum { OPSET_FIRST = 13 }; /* of what onnx_decode reads */

struct tally {
  bool json;
  int64_t opset;
  uint32_t refused, tensors;
  uint64_t weights;
  json_t *names; /* of what trains */
  bool *trains;  /* by initializer */
};

static void report(void *context, const struct onnx_node *node, uint32_t index, bool lowers, const char *reason) {
  struct tally *t = context;
  char own[ONNX_NAME_MAX * 2 + 64];
  t->refused += !lowers;
  if (node && reason) { /* the node's number, name and operator stand in the line already */
    const char *name = node->name && *node->name ? node->name : "";
    int n = snprintf(own, sizeof own, "node %" PRIu32 "%s%s%s (%s): ", index, *name ? " '" : "", name, *name ? "'" : "",
                     node->op);
    if (n > 0 && (size_t)n < sizeof own && strncmp(reason, own, (size_t)n) == 0) reason += n;
  }
  if (!node) {
    if (t->json)
      output_json(json_pack("{s:n, s:b, s:o}", "node", "lowers", 0, "reason", output_text(reason)));
    else
      output_name(reason), putchar('\n');
    return;
  }
  const char *advice = lowers ? NULL : lower_advice(node->op);
  if (advice && reason && strstr(reason, advice)) advice = NULL; /* said already */
  if (t->json) {
    json_t *name = output_text(node->name), *op = output_text(node->op), *said = output_text(reason ? reason : "");
    output_json(json_pack("{s:I, s:o, s:o, s:I, s:b, s:o, s:s*}", "node", (json_int_t)index, "name", name, "op", op,
                          "opset", (json_int_t)t->opset, "lowers", lowers, "reason", said, "instead", advice));
    return;
  }
  printf("  %-3s %-5" PRIu32 " ", lowers ? "yes" : "NO", index);
  output_name(node->op);
  putchar(' ');
  output_name(node->name);
  if (reason && *reason) {
    fputs(": ", stdout);
    output_name(reason);
  }
  if (advice) printf("; %s", advice);
  putchar('\n');
}

static void list(void *context, const struct onnx_tensor *tensor, bool trains) {
  struct tally *t = context;
  if (trains) t->tensors++, t->weights += tensor->count;
  uintptr_t at = ((uintptr_t)tensor - (uintptr_t)file.model.initializer) / sizeof *tensor;
  if (at >= file.model.initializers_count) return; /* a Constant node's: no name, never trained */
  if (trains) t->trains[at] = true;
  if (trains && t->json) json_array_append_new(t->names, output_text(tensor->name));
  if (t->json) return;
  printf("  %-9s ", trains ? "trains" : "stays");
  output_name(tensor->name);
  for (uint32_t d = 0; d < tensor->rank; d++) printf("%s%" PRId64, d ? ", " : " [", tensor->dim[d]);
  puts(tensor->rank ? "]" : "");
}

static void ignore(void *context, const struct onnx_node *node, uint32_t index, bool lowers, const char *reason) {
  (void)context, (void)node, (void)index, (void)lowers, (void)reason;
}

/* A batch written into the file, which holds unless the graph also lowers with another one; 0: any batch goes. */
static int64_t fixed_batch(struct onnx_model *m, struct arena *arena) {
  if (m->inputs_count != 1 || !m->input[0].rank || m->input[0].dim[0] < 1) return 0;
  int64_t batch = m->input[0].dim[0];
  if (batch >= INT32_MAX) return batch;
  size_t mark = arena_mark(arena);
  m->input[0].dim[0] = batch + 1;
  bool holds = lower_check(m, ignore, NULL, arena) > 0;
  m->input[0].dim[0] = batch;
  arena_reset(arena, mark);
  return holds ? batch : 0;
}

struct operator_row {
  const char *op;
  uint32_t first, last;
  bool differentiable;
};

struct operators {
  struct operator_row row[512];
  uint32_t count;
};

static void note_operator(void *context, const char *op, uint32_t first, uint32_t last, bool differentiable) {
  struct operators *o = context;
  first = first > OPSET_FIRST ? first : OPSET_FIRST;
  if ((last && last < first) || o->count == sizeof o->row / sizeof *o->row) return;
  o->row[o->count++] = (struct operator_row){op, first, last, differentiable};
}

static int by_operator(const void *a, const void *b) {
  const struct operator_row *x = a, *y = b;
  int order = strcmp(x->op, y->op);
  return order ? order : x->first < y->first ? -1 : x->first > y->first;
}

/* "13-", "11-17" */
static enum outcome print_operators(bool json) {
  static struct operators o;
  char opsets[32];
  lower_operators(note_operator, &o);
  qsort(o.row, o.count, sizeof *o.row, by_operator);
  if (!json) printf("  %-28s %-8s %s\n", "operator", "opsets", "gradient");
  for (uint32_t n = 0; n < o.count; n++) {
    const struct operator_row *r = &o.row[n];
    snprintf(opsets, sizeof opsets, r->last ? "%" PRIu32 "-%" PRIu32 : "%" PRIu32 "-", r->first, r->last);
    if (json)
      output_json(json_pack("{s:s, s:I, s:o, s:b}", "op", r->op, "opset_first", (json_int_t)r->first, "opset_last",
                            r->last ? json_integer(r->last) : json_null(), "differentiable", r->differentiable));
    else
      printf("  %-28s %-8s %s\n", r->op, opsets, r->differentiable ? "yes" : "no");
  }
  return OUTCOME_DONE;
}

static enum outcome run(const struct arguments *a) {
  struct tally tally = {.json = arguments_given(a, "json")};
  if (arguments_given(a, "operators")) return print_operators(tally.json);
  if (!a->operands_count) {
    complain("which model? Give an ONNX file, or --operators for the list of what can be trained");
    return OUTCOME_INPUT;
  }
  struct arena arena;
  struct why why = {""};
  if (!arena_open(&arena, ARENA_BYTES) && !arena_open(&arena, ARENA_LEAST_BYTES)) {
    complain("the system refuses address space for the model");
    return OUTCOME_ENVIRONMENT;
  }
  enum training_status status = onnx_file_open(a->operand[0], &arena, &file, &why);
  if (status != TRAINING_OK) {
    complain("%s", why.text);
    arena_shut(&arena);
    return (enum outcome)status;
  }
  tally.trains = arena_take(&arena, (size_t)file.model.initializers_count + 1, sizeof *tally.trains);
  tally.opset = file.model.opset;
  if (!tally.trains) {
    complain("not enough memory for the model");
    onnx_file_shut(&file);
    arena_shut(&arena);
    return OUTCOME_ENVIRONMENT;
  }
  if (tally.json) tally.names = json_array();
  size_t mark = arena_mark(&arena);
  uint32_t bad = lower_check(&file.model, report, &tally, &arena), nodes = file.model.nodes_count;
  arena_reset(&arena, mark);
  lower_tensors(&file.model, list, &tally, &arena);
  int64_t batch = bad ? 0 : fixed_batch(&file.model, &arena);
  uint32_t warnings = exported_tell(&file.model, tally.trains, tally.json, &arena);
  char count[SHORT_TEXT];
  if (tally.json)
    output_json(json_pack("{s:b, s:I, s:I, s:I, s:I, s:o, s:o, s:I}", "lowers", bad == 0, "nodes", (json_int_t)nodes,
                          "refused", (json_int_t)bad, "opset", (json_int_t)file.model.opset, "weights",
                          (json_int_t)tally.weights, "trains", tally.names, "fixed_batch",
                          batch ? json_integer(batch) : json_null(), "warnings", (json_int_t)warnings));
  else if (bad)
    printf("%" PRIu32 " of %" PRIu32 " nodes cannot be lowered (opset %" PRId64
           "); assay check --operators lists the operators that can\n",
           bad, nodes, file.model.opset);
  else {
    if (batch)
      printf("  batch     only %" PRId64
             ": the file was exported for it; a dynamic batch (dynamic_shapes or dynamic_axes "
             "of torch.onnx.export) leaves it to the job\n",
             batch);
    printf("all %" PRIu32 " nodes lower (opset %" PRId64 "); %s weights in %" PRIu32 " tensors train\n", nodes,
           file.model.opset, text_count((double)tally.weights, count), tally.tensors);
  }
  onnx_file_shut(&file);
  arena_shut(&arena);
  return bad ? OUTCOME_NO : OUTCOME_DONE;
}

const struct command command_check = {
    .name = "check",
    .usage = "MODEL.onnx | --operators",
    .summary = "says node by node whether a model can be trained",
    .text = "Reads the file and tries to lower every node; for each that does not lower, why, and what to do instead. "
            "Then\n"
            "the tensors that training would keep, whether they train, the batch if the file allows only one, and what "
            "the\n"
            "exporter did to the module: tensors merged, renamed, tied or no longer tied, batch norms folded away.\n"
            "Exit status: 0 all lower, 1 some do not, 2 the file cannot be read.",
    .option = {{"operators", 0, NULL, "lists the operators that can be trained, and of which opsets"},
               {"json", 0, NULL, "one JSON object a line: nodes, then what the exporter did; the last is the answer"}},
    .operands_min = 0,
    .operands_max = 1,
    .run = run};
