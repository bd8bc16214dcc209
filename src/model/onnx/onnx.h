/* onnx: an ONNX file as a bounded graph, and back. ONNX IR and operator specification, opsets 13 to 28.
 *
 * Bytes from a stranger: sizes are bounded before they are believed, everything lies in the caller's arena. Shapes are
 * inferred elsewhere (model/lower); this is the file, decoded. Uses: protobuf-c, base. */
#ifndef MODEL_ONNX_H
#define MODEL_ONNX_H
#include "base/arena.h"
#include "base/why.h"

enum {
  ONNX_FILE_BYTES_MAX = 1 << 30,
  ONNX_NODES_MAX = 65536,
  ONNX_NAME_MAX = 512,
  ONNX_RANK_MAX = 8,
  ONNX_ATTRIBUTES_MAX = 64,
  ONNX_INPUTS_MAX = 1024,
  ONNX_VALUES_MAX = 1 << 20
};

/* TensorProto.DataType numbers of what we read; others are refused by name. */
enum onnx_type {
  ONNX_FLOAT = 1,
  ONNX_UINT8 = 2,
  ONNX_INT8 = 3,
  ONNX_UINT16 = 4,
  ONNX_INT16 = 5,
  ONNX_INT32 = 6,
  ONNX_INT64 = 7,
  ONNX_BOOL = 9,
  ONNX_DOUBLE = 11,
  ONNX_UINT32 = 12,
  ONNX_UINT64 = 13
};

/* onnx_type_name: "FLOAT16" for 10; what is no type gives "an unknown type". onnx_type_range: the least and the
 * largest value of a whole number or truth value (UINT64: 2^63 - 1, more is refused); false for other types. */
const char *onnx_type_name(int32_t type);
bool onnx_type_range(int32_t type, int64_t *least, int64_t *most);

/* The mark that PyTorch's exporter leaves on an initializer, where it left one: ONNX itself does not say what trains.
 */
enum onnx_role { ONNX_ROLE_UNKNOWN, ONNX_ROLE_PARAMETER, ONNX_ROLE_BUFFER };

/* A dense tensor, row major, little endian. count = product of dims (1 for rank 0). data: float, int64_t (for all
 * integer types and bool), or double for DOUBLE, by `type`; may be NULL where count is 0. */
struct onnx_tensor {
  const char *name;
  enum onnx_type type;
  uint32_t rank;
  int64_t dim[ONNX_RANK_MAX];
  uint64_t count;
  const float *f32;    /* FLOAT */
  const int64_t *i64;  /* integers, BOOL: widened */
  const double *f64;   /* DOUBLE */
  enum onnx_role role; /* of an initializer */
};

struct onnx_attribute {
  const char *name;
  enum {
    ONNX_ATTR_FLOAT,
    ONNX_ATTR_INT,
    ONNX_ATTR_TEXT,
    ONNX_ATTR_TENSOR,
    ONNX_ATTR_FLOATS,
    ONNX_ATTR_INTS,
    ONNX_ATTR_TEXTS,
    ONNX_ATTR_OTHER
  } kind;
  float f;
  int64_t i;
  const char *text;
  const struct onnx_tensor *tensor;
  uint32_t count;
  const float *floats;
  const int64_t *ints;
  const char *const *texts;
};

struct onnx_node {
  const char *name, *op, *domain; /* name may be "" */
  uint32_t inputs_count, outputs_count, attributes_count;
  const char **input, **output; /* "" = omitted */
  struct onnx_attribute *attribute;
};

/* A graph input or output. A dim of -1 is symbolic; symbol[d] is its name or "". Inputs always have a shape; an output
 * may come without one: then shaped is false and rank 0. */
struct onnx_value {
  const char *name;
  enum onnx_type type;
  bool shaped;
  uint32_t rank;
  int64_t dim[ONNX_RANK_MAX];
  const char *symbol[ONNX_RANK_MAX];
};

struct onnx_model {
  int64_t ir_version, opset; /* opset of the default domain */
  const char *producer;
  const char *signature; /* PyTorch's list of the module's parameters and buffers, a line each; "": none. Not bounded */
  uint32_t nodes_count, initializers_count, inputs_count, outputs_count;
  struct onnx_node *node;            /* in topological order, checked: every input is defined before its use */
  struct onnx_tensor *initializer;   /* external data resolved */
  struct onnx_value *input, *output; /* inputs without those that are initializers */
};

/* BYTES: cut, malformed, or against ONNX's own rules. LIMIT: sound, but above a limit of this header. UNSUPPORTED:
 * sound, and Assay does not do that. MEMORY: the arena is too small. */
enum onnx_status { ONNX_OK, ONNX_ERR_BYTES, ONNX_ERR_LIMIT, ONNX_ERR_UNSUPPORTED, ONNX_ERR_MEMORY };

/* Gives the bytes of an external data file by its relative name (already checked: no "..", not absolute), or NULL.
 * onnx_decode itself opens nothing. */
typedef const uint8_t *onnx_external(void *context, const char *name, uint64_t *length);

/* onnx_decode reads exactly length bytes. The domain "ai.onnx" becomes "". Costs the file's size in memory, twice while
 * it reads where values must be widened, and time linear in it. why names byte and field, or node, attribute,
 * initializer; never the file, which the caller puts before it. Subgraphs, local functions and sparse tensors are
 * unsupported. On failure the arena may hold leftovers: reset it to a mark. */
enum onnx_status onnx_decode(const uint8_t *bytes, size_t length, onnx_external *external, void *context,
                             struct arena *arena, struct onnx_model *out, struct why *why);

/* onnx_replace writes the file again with the named float initializers replaced (same shapes), everything else as it
 * was except that source paths in metadata are stripped, Dropout and BatchNormalization leave training mode, and
 * external data becomes internal. *out lies in the arena, which holds about three times the file while this works.
 * ONNX_ERR_BYTES as well where a name is no FLOAT initializer or count is not its own. */
struct onnx_replacement {
  const char *name;
  const float *values;
  uint64_t count;
};
enum onnx_status onnx_replace(const uint8_t *bytes, size_t length, onnx_external *external, void *context,
                              const struct onnx_replacement *replacement, uint32_t count, struct arena *arena,
                              const uint8_t **out, size_t *out_length, struct why *why);

#endif
