/* assay check: which nodes of an ONNX graph Assay can train, node by node. */
#include "cli/command.h"
#include "cli/output.h"
#include "model/lower/lower.h"
#include "training/file/onnx_file.h"
#include <inttypes.h>
#include <stdio.h>

static struct onnx_file file;                       /* large */
static const size_t ARENA_BYTES = (size_t)16 << 30; /* address space; pages cost nothing until touched */

struct tally {
  bool json, all;
  uint32_t refused;
};

static void report(void *context, const struct onnx_node *node, uint32_t index, bool lowers, const char *reason) {
  struct tally *t = context;
  t->refused += !lowers;
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
  uint32_t bad = lower_check(&file.model, report, &tally, &arena), nodes = file.model.nodes_count;
  if (tally.json)
    output_json(
        json_pack("{s:b, s:I, s:I}", "lowers", bad == 0, "nodes", (json_int_t)nodes, "refused", (json_int_t)bad));
  else if (bad)
    printf("%" PRIu32 " of %" PRIu32 " nodes cannot be lowered\n", bad, nodes);
  else
    printf("all %" PRIu32 " nodes lower (opset %" PRId64 ")\n", nodes, file.model.opset);
  onnx_file_shut(&file);
  arena_shut(&arena);
  return bad ? OUTCOME_NO : OUTCOME_DONE;
}

const struct command command_check = {
    .name = "check",
    .usage = "MODEL.onnx",
    .summary = "says node by node whether a model can be trained",
    .text = "Reads the file and tries to lower every node; for each that does not lower, the reason.\n"
            "Exit status: 0 all lower, 1 some do not, 2 the file cannot be read.",
    .option = {{"json", 0, NULL, "one JSON object a node; the last is the answer"}},
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
