/* exported: what an exporter did to the module, in words for `assay check`. Uses: output, model/onnx. */
#ifndef CLI_EXPORTED_H
#define CLI_EXPORTED_H
#include "model/onnx/onnx.h"

/* exported_tell prints what training will not be as the module's because of how the file was exported, and at the end
 * how to export instead; with json an object for each. trains[i]: does initializer i train? What does not may be called
 * anything. Gives the number of warnings. */
uint32_t exported_tell(const struct onnx_model *m, const bool *trains, bool json, struct arena *arena);

#endif
