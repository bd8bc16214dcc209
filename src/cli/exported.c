#include "cli/exported.h"
#include "cli/output.h"
#include "model/onnx/exporter.h"
#include <inttypes.h>
#include <stdio.h>

enum { KINDS = EXPORTER_UNUSED + 1, SHOWN_OF_A_KIND = 8 };

static const char *const kind[KINDS] = {
    [EXPORTER_TIED] = "tied",       [EXPORTER_MERGED] = "merged", [EXPORTER_UNTIED] = "untied",
    [EXPORTER_RENAMED] = "renamed", [EXPORTER_SCALAR] = "scalar", [EXPORTER_FOLDED] = "folded",
    [EXPORTER_GONE] = "gone",       [EXPORTER_UNUSED] = "unused"};

struct telling {
  const struct onnx_tensor *first;
  const bool *trains;
  bool json;
  uint32_t count[KINDS];
};

static bool harmless(enum exporter_deed deed) { return deed == EXPORTER_TIED || deed == EXPORTER_UNUSED; }

static void words(const struct exporter_finding *f, char *text, size_t size) {
  switch (f->deed) {
  case EXPORTER_TIED: snprintf(text, size, "one tensor in %s: it trains as one", f->places); break;
  case EXPORTER_MERGED:
    snprintf(text, size,
             "one tensor in %s: it trains as one. Where the module has several, the exporter merged equal ones",
             f->places);
    break;
  case EXPORTER_UNTIED:
    snprintf(text, size, "a transposed copy of %s: tied in the module, the two train apart", f->other);
    break;
  case EXPORTER_RENAMED:
    snprintf(text, size,
             "the exporter's name for what it transposed, packed or computed: load_state_dict will not know it; if it "
             "is a constant, name it under freeze");
    break;
  case EXPORTER_SCALAR:
    snprintf(text, size, "a single number that the exporter does not mark as a parameter: it stays as it is");
    break;
  case EXPORTER_FOLDED:
    snprintf(text, size, "a batch norm of the module that is not in the file: it will not train");
    break;
  case EXPORTER_GONE:
    snprintf(text, size, "a parameter of the module that the file does not have under this name");
    break;
  case EXPORTER_UNUSED:
    snprintf(text, size,
             "a parameter of the module that is not in the file: another name of one that is, or no output needs it");
    break;
  }
}

static void tell(void *context, const struct exporter_finding *f) {
  struct telling *t = context;
  char text[2 * ONNX_NAME_MAX + 256];
  if (f->tensor && f->deed != EXPORTER_SCALAR && !t->trains[f->tensor - t->first]) return;
  words(f, text, sizeof text);
  t->count[f->deed]++;
  if (t->json) {
    json_t *name = output_text(f->name), *said = output_text(text);
    output_json(json_pack("{s:s, s:o, s:o}", "exported", kind[f->deed], "name", name,
                          harmless(f->deed) ? "note" : "warning", said));
    return;
  }
  if (t->count[f->deed] > SHOWN_OF_A_KIND) return;
  printf("  %-9s ", kind[f->deed]);
  output_name(f->name);
  fputs(": ", stdout);
  output_name(text);
  putchar('\n');
}

uint32_t exported_tell(const struct onnx_model *m, const bool *trains, bool json, struct arena *arena) {
  struct telling t = {.first = m->initializer, .trains = trains, .json = json};
  uint32_t warnings = 0;
  exporter_look(m, arena, tell, &t); /* where memory ends, less is told */
  for (int deed = 0; deed < KINDS; deed++) {
    if (!harmless((enum exporter_deed)deed)) warnings += t.count[deed];
    if (!json && t.count[deed] > SHOWN_OF_A_KIND)
      printf("  %-9s and %" PRIu32 " more\n", kind[deed], t.count[deed] - SHOWN_OF_A_KIND);
  }
  if (warnings && !json)
    puts("  better    assay.export(module, example, path) of the Python package, or torch.onnx.export(module.train(),\n"
         "            example, path, dynamo=True, optimize=False, dynamic_shapes=..): every tensor keeps its name, its "
         "shape\n"
         "            and its layers");
  return warnings;
}
