/* assay check: which nodes of an ONNX graph Assay can train, node by node. */
#include "cli/command.h"
#include "cli/output.h"
#include "model/lower/lower.h"
#include "training/file/onnx_file.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct onnx_file file;                       /* large */
static const size_t ARENA_BYTES = (size_t)16 << 30; /* address space; pages cost nothing until touched */

struct tally {
  bool json;
  uint32_t refused, tensors;
  uint64_t weights;
  json_t *trains; /* names */
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
      output_json(json_pack("{s:n, s:b, s:s}", "node", "lowers", 0, "reason", reason));
    else
      output_name(reason), putchar('\n');
    return;
  }
  if (t->json) {
    output_json(json_pack("{s:I, s:s, s:s, s:b, s:s}", "node", (json_int_t)index, "name", node->name, "op", node->op,
                          "lowers", lowers, "reason", reason ? reason : ""));
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
  putchar('\n');
}

static void list(void *context, const struct onnx_tensor *tensor, bool trains) {
  struct tally *t = context;
  if (trains) t->tensors++, t->weights += tensor->count;
  if (trains && t->json) json_array_append_new(t->trains, json_string(tensor->name));
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
  m->input[0].dim[0] = batch + 1;
  bool holds = lower_check(m, ignore, NULL, arena) > 0;
  m->input[0].dim[0] = batch;
  return holds ? batch : 0;
}

static enum outcome run(const struct arguments *a) {
  struct tally tally = {.json = arguments_given(a, "json")};
  struct arena arena;
  struct why why = {""};
  if (!arena_open(&arena, ARENA_BYTES)) {
    complain("the system refuses address space for the model");
    return OUTCOME_ENVIRONMENT;
  }
  enum training_status status = onnx_file_open(a->operand[0], &arena, &file, &why);
  if (status != TRAINING_OK) {
    complain("%s", why.text);
    arena_shut(&arena);
    return (enum outcome)status;
  }
  if (tally.json) tally.trains = json_array();
  uint32_t bad = lower_check(&file.model, report, &tally, &arena), nodes = file.model.nodes_count;
  lower_tensors(&file.model, list, &tally, &arena);
  int64_t batch = bad ? 0 : fixed_batch(&file.model, &arena);
  char count[SHORT_TEXT];
  if (tally.json)
    output_json(json_pack("{s:b, s:I, s:I, s:I, s:I, s:o, s:o}", "lowers", bad == 0, "nodes", (json_int_t)nodes,
                          "refused", (json_int_t)bad, "opset", (json_int_t)file.model.opset, "weights",
                          (json_int_t)tally.weights, "trains", tally.trains, "fixed_batch",
                          batch ? json_integer(batch) : json_null()));
  else if (bad)
    printf("%" PRIu32 " of %" PRIu32 " nodes cannot be lowered; docs/lower.md lists the operators that can\n", bad,
           nodes);
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
    .usage = "MODEL.onnx",
    .summary = "says node by node whether a model can be trained",
    .text = "Reads the file and tries to lower every node; for each that does not lower, the reason. Then the tensors\n"
            "that training would keep, whether they train, and the batch if the file allows only one.\n"
            "Exit status: 0 all lower, 1 some do not, 2 the file cannot be read.",
    .option = {{"json", 0, NULL, "one JSON object a node; the last is the answer"}},
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
