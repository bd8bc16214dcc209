/* publish: what changes in a model's file before others get it: it tells nothing of the exporter's disk, and it is a
 * network to run, not one in training. Only onnx_replace calls it. Uses: the generated messages, base. */
#ifndef MODEL_ONNX_PUBLISH_H
#define MODEL_ONNX_PUBLISH_H
#include "base/arena.h"
#include "onnx.pb-c.h"

/* publish_strip takes source paths out of the graph: metadata and texts of nodes that hold any. Dropout loses its
 * training_mode, and the Constant that held it goes if nobody else reads it; a BatchNormalization whose statistics
 * nobody reads gets training_mode 0 and its one output: what an exporter wrote in training mode would otherwise depend
 * on chance, or on the other samples of a batch. The graph is one that onnx_decode takes. False if the arena is too
 * small. Time: that of sorting the names. */
bool publish_strip(Onnx__GraphProto *graph, struct arena *arena);

/* The same of metadata elsewhere. */
void publish_strip_entries(Onnx__StringStringEntryProto **entry, size_t *count);

#endif
