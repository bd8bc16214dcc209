/* tensor: a TensorProto as a dense tensor: shape and length agree, values lie aligned. ONNX IR, "Tensor" and "External
 * data".
 *
 * Private to the onnx folder. Uses: protobuf-c, base. */
#ifndef MODEL_ONNX_TENSOR_H
#define MODEL_ONNX_TENSOR_H
#include "model/onnx/onnx.h"
#include "onnx.pb-c.h"

/* Where tensors may find bytes that are not in the file, and memory. */
struct tensor_source {
  onnx_external *external; /* may be NULL: there are none */
  void *context;
  struct arena *arena;
};

/* tensor_decode reads proto, which the arena holds as wire_unpack left it: values that are stored as `out` wants them
 * are lent, others are widened or copied. `what` names the tensor in messages, as in "initializer \"w\"".
 * ONNX_ERR_UNSUPPORTED: a type Assay does not read, segments. ONNX_ERR_BYTES: a negative dim, as many values as the
 * dims do not ask for, several sources of values or none, an integer that does not fit its type, a bad external
 * location. ONNX_ERR_LIMIT: rank or size. */
enum onnx_status tensor_decode(const Onnx__TensorProto *proto, const char *what, const struct tensor_source *source,
                               struct onnx_tensor *out, struct why *why);

/* tensor_is_external: its values lie in another file. tensor_external lends those length bytes, checked against dims.
 */
bool tensor_is_external(const Onnx__TensorProto *proto);
enum onnx_status tensor_external(const Onnx__TensorProto *proto, const char *what, const struct tensor_source *source,
                                 const uint8_t **bytes, uint64_t *length, struct why *why);

/* The types that are read, in words. onnx_type_reads: Assay reads it. */
#define ONNX_TYPES_READ "FLOAT, DOUBLE, BOOL, INT8 to INT64 and UINT8 to UINT64"
bool onnx_type_reads(int32_t type);

#endif
