/* certificate_model: is this file the certified model? A state by its root; tensors by their names and bits in a state
 * of that root. Uses: certificate, tape/record, jansson. */
#ifndef CLI_CERTIFICATE_MODEL_H
#define CLI_CERTIFICATE_MODEL_H
#include "cli/certificate/words.h"
#include "cli/command.h"

/* certificate_model compares f->model: FILE.state, or FILE.safetensors with `state` (NULL: final.state beside it), and
 * fills in f->model_same, f->model_tensors and f->model_why. A tensor is one of the state's when an entry of the layout
 * has its name and its floats, the axes in some order, for lowering may turn them. False after complaining, with the
 * exit status: a file that cannot be read, or of another kind. */
bool certificate_model(const struct certificate *c, const char *state, struct certificate_finding *f,
                       enum outcome *outcome);

#endif
