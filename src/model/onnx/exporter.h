/* exporter: what the program that wrote an ONNX file made of the module it was given.
 *
 * Exporters optimize for running a network, not for training it: by default they merge equal tensors, store transposed
 * copies under new names, and fold batch norms away. Nothing here decides how a model lowers; a person is told, and how
 * to export instead. Evidence is what PyTorch 2's exporters write: the signature in the graph's metadata, which names
 * the module's parameters and buffers; names that no module has; tensors in several places. Uses: onnx. */
#ifndef MODEL_EXPORTER_H
#define MODEL_EXPORTER_H
#include "model/onnx/onnx.h"

enum exporter_deed {
  EXPORTER_TIED,    /* one tensor in several places, as in the module: it trains as one */
  EXPORTER_MERGED,  /* one tensor in nodes of one kind: equal tensors of several layers, or one layer used again */
  EXPORTER_UNTIED,  /* a transposed copy of another tensor, which trains apart; other is its name */
  EXPORTER_RENAMED, /* a float tensor under a name that no module gave it: transposed, packed or computed */
  EXPORTER_SCALAR,  /* a float of rank 0 that nothing marks as a parameter, so that it is taken for a constant */
  EXPORTER_FOLDED,  /* a batch norm that went into its neighbours; name is the module's */
  EXPORTER_GONE,    /* a parameter that the file does not have under its name: merged, renamed, or of no effect */
  EXPORTER_UNUSED /* the same of a file that is otherwise as the module: another name of a tied one, or of no effect */
};

/* Strings live as long as the call. */
struct exporter_finding {
  enum exporter_deed deed;
  const char *name;                 /* of the tensor, or of the module's parameter or batch norm */
  const struct onnx_tensor *tensor; /* NULL where the file has none */
  const char *places, *other;       /* TIED, MERGED: names of the nodes; UNTIED: of the tensor; else "" */
};
typedef void exporter_report(void *context, const struct exporter_finding *finding);

/* exporter_look reports each finding once: tensors in the file's order, then what is not in the file in the
 * signature's. False if the arena is too small. Time: that of sorting the names, and of comparing at most 2^28 weights.
 */
bool exporter_look(const struct onnx_model *m, struct arena *arena, exporter_report *report, void *context);

#endif
