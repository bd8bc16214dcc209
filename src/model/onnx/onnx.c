#include "model/onnx/onnx.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/onnx/order.h"
#include "model/onnx/tensor.h"
#include "model/onnx/wire.h"

enum { OPSET_MIN = 13, OPSET_MAX = 28, IR_MIN = 3, IR_MAX = 14 };

/* AttributeProto.AttributeType */
enum {
  TYPE_FLOAT = 1,
  TYPE_INT,
  TYPE_STRING,
  TYPE_TENSOR,
  TYPE_GRAPH,
  TYPE_FLOATS,
  TYPE_INTS,
  TYPE_STRINGS,
  TYPE_GRAPHS = 10
};

struct decoder {
  struct tensor_source source;
  struct arena *arena;
  struct why *why;
};

static const char *or_empty(const char *text) { return text ? text : ""; }

/* Names end up in messages on terminals, so control characters are refused with them. */
static enum onnx_status check_name(const struct decoder *d, const char *where, const char *name) {
  size_t length = strlen(name);
  if (length > ONNX_NAME_MAX) {
    why_set(d->why, "%s: a name of %zu bytes; Assay reads up to %d", where, length, ONNX_NAME_MAX);
    return ONNX_ERR_LIMIT;
  }
  for (size_t i = 0; i < length; i++) {
    if ((unsigned char)name[i] >= 0x20 && name[i] != 0x7f) continue;
    why_set(d->why, "%s: a name with the control character %u in it", where, (unsigned)name[i]);
    return ONNX_ERR_BYTES;
  }
  return ONNX_OK;
}

static enum onnx_status no_memory(const struct decoder *d) {
  why_set(d->why, "not enough memory for the graph");
  return ONNX_ERR_MEMORY;
}

static enum onnx_status unsupported(const struct decoder *d, const char *where, const char *what) {
  why_set(d->why, "%s %s", where, what);
  return ONNX_ERR_UNSUPPORTED;
}

static enum onnx_status limit(const struct decoder *d, const char *where, const char *noun, size_t count, int most) {
  why_set(d->why, "%s: %zu %s; Assay reads up to %d", where, count, noun, most);
  return ONNX_ERR_LIMIT;
}

/* Bytes of an attribute as a text; NULL and a status where they are none. */
static enum onnx_status read_text(const struct decoder *d, const char *what, const ProtobufCBinaryData *bytes,
                                  const char **out) {
  *out = arena_text(d->arena, (const char *)bytes->data, bytes->len);
  if (!*out) return no_memory(d);
  if (strlen(*out) == bytes->len) return ONNX_OK;
  why_set(d->why, "%s: a text with a NUL in it", what);
  return ONNX_ERR_BYTES;
}

static enum onnx_status read_texts(const struct decoder *d, const char *what, const Onnx__AttributeProto *proto,
                                   struct onnx_attribute *a) {
  const char **texts = arena_take(d->arena, proto->n_strings, sizeof *texts);
  enum onnx_status status = texts ? ONNX_OK : no_memory(d);
  for (size_t n = 0; n < proto->n_strings && status == ONNX_OK; n++)
    status = read_text(d, what, &proto->strings[n], &texts[n]);
  a->kind = ONNX_ATTR_TEXTS, a->count = (uint32_t)proto->n_strings, a->texts = texts;
  return status;
}

static enum onnx_status read_attribute(const struct decoder *d, const char *where, const Onnx__AttributeProto *proto,
                                       struct onnx_attribute *out) {
  struct onnx_attribute a = {.name = or_empty(proto->name), .kind = ONNX_ATTR_OTHER, .text = ""};
  char what[ORDER_NODE_MAX + 80];
  enum onnx_status status = check_name(d, where, a.name);
  if (status != ONNX_OK) return status;
  snprintf(what, sizeof what, "%s: attribute \"%.60s\"", where, a.name);
  if (proto->ref_attr_name && proto->ref_attr_name[0])
    return unsupported(d, what, "refers to a function's attribute, outside a function");
  if (proto->has_g || proto->n_graphs || proto->type == TYPE_GRAPH || proto->type == TYPE_GRAPHS)
    return unsupported(d, what, "is a graph: Assay trains straight-line models, without If, Loop and Scan");
  /* Writers that drop defaults leave out a 0 or an empty text, so an absent value is one. */
  switch (proto->type) {
  case TYPE_FLOAT: a.kind = ONNX_ATTR_FLOAT, a.f = proto->f; break;
  case TYPE_INT: a.kind = ONNX_ATTR_INT, a.i = proto->i; break;
  case TYPE_STRING:
    a.kind = ONNX_ATTR_TEXT;
    if ((status = read_text(d, what, &proto->s, &a.text)) != ONNX_OK) return status;
    break;
  case TYPE_TENSOR: {
    struct onnx_tensor *tensor = arena_take(d->arena, 1, sizeof *tensor);
    if (!tensor) return no_memory(d);
    if (!proto->t) {
      why_set(d->why, "%s: a tensor that is not there", what);
      return ONNX_ERR_BYTES;
    }
    status = tensor_decode(proto->t, what, &d->source, tensor, d->why);
    if (status != ONNX_OK) return status;
    a.kind = ONNX_ATTR_TENSOR, a.tensor = tensor;
    break;
  }
  case TYPE_FLOATS: a.kind = ONNX_ATTR_FLOATS, a.count = (uint32_t)proto->n_floats, a.floats = proto->floats; break;
  case TYPE_INTS: a.kind = ONNX_ATTR_INTS, a.count = (uint32_t)proto->n_ints, a.ints = proto->ints; break;
  case TYPE_STRINGS:
    if ((status = read_texts(d, what, proto, &a)) != ONNX_OK) return status;
    break;
  case 0: why_set(d->why, "%s: no type", what); return ONNX_ERR_BYTES;
  }
  *out = a;
  return ONNX_OK;
}

static enum onnx_status read_node(const struct decoder *d, uint32_t index, const Onnx__NodeProto *proto,
                                  struct onnx_node *out) {
  struct onnx_node n = {.name = or_empty(proto->name),
                        .op = or_empty(proto->op_type),
                        .domain = or_empty(proto->domain),
                        .inputs_count = (uint32_t)proto->n_input,
                        .outputs_count = (uint32_t)proto->n_output,
                        .attributes_count = (uint32_t)proto->n_attribute};
  char where[ORDER_NODE_MAX];
  snprintf(where, sizeof where, "node %" PRIu32, index);
  enum onnx_status status = check_name(d, where, n.name);
  if (status == ONNX_OK) status = check_name(d, where, n.op);
  if (status == ONNX_OK) status = check_name(d, where, n.domain);
  if (status != ONNX_OK) return status;
  if (!strcmp(n.domain, "ai.onnx")) n.domain = ""; /* two spellings of the default domain */
  order_node(&n, index, where);
  if (!n.op[0]) {
    why_set(d->why, "%s: no operator", where);
    return ONNX_ERR_BYTES;
  }
  if (proto->n_input > ONNX_INPUTS_MAX) return limit(d, where, "inputs", proto->n_input, ONNX_INPUTS_MAX);
  if (proto->n_output > ONNX_INPUTS_MAX) return limit(d, where, "outputs", proto->n_output, ONNX_INPUTS_MAX);
  if (proto->n_attribute > ONNX_ATTRIBUTES_MAX)
    return limit(d, where, "attributes", proto->n_attribute, ONNX_ATTRIBUTES_MAX);
  n.input = arena_take(d->arena, n.inputs_count, sizeof *n.input);
  n.output = arena_take(d->arena, n.outputs_count, sizeof *n.output);
  n.attribute = arena_take(d->arena, n.attributes_count, sizeof *n.attribute);
  if (!n.input || !n.output || !n.attribute) return no_memory(d);
  for (uint32_t i = 0; i < n.inputs_count; i++) {
    n.input[i] = proto->input[i];
    if ((status = check_name(d, where, n.input[i])) != ONNX_OK) return status;
  }
  for (uint32_t i = 0; i < n.outputs_count; i++) {
    n.output[i] = proto->output[i];
    if ((status = check_name(d, where, n.output[i])) != ONNX_OK) return status;
  }
  for (uint32_t i = 0; i < n.attributes_count; i++) {
    status = read_attribute(d, where, proto->attribute[i], n.attribute + i);
    if (status != ONNX_OK) return status;
    for (uint32_t earlier = 0; earlier < i; earlier++) {
      if (strcmp(n.attribute[earlier].name, n.attribute[i].name)) continue;
      why_set(d->why, "%s: attribute \"%.60s\" is given twice", where, n.attribute[i].name);
      return ONNX_ERR_BYTES;
    }
  }
  *out = n;
  return ONNX_OK;
}

static enum onnx_status read_initializer(const struct decoder *d, const Onnx__TensorProto *proto,
                                         struct onnx_tensor *out) {
  char what[96];
  const char *name = or_empty(proto->name);
  enum onnx_status status = check_name(d, "an initializer", name);
  if (status != ONNX_OK) return status;
  snprintf(what, sizeof what, "initializer \"%.60s\"", name);
  if (!name[0]) {
    why_set(d->why, "an initializer without a name");
    return ONNX_ERR_BYTES;
  }
  return tensor_decode(proto, what, &d->source, out, d->why);
}

static enum onnx_status read_value(const struct decoder *d, const char *side, const Onnx__ValueInfoProto *proto,
                                   struct onnx_value *out) {
  struct onnx_value v = {.name = or_empty(proto->name)};
  char what[96];
  enum onnx_status status = check_name(d, side, v.name);
  if (status != ONNX_OK) return status;
  snprintf(what, sizeof what, "%s \"%.60s\"", side, v.name);
  if (!v.name[0]) {
    why_set(d->why, "an %s without a name", side);
    return ONNX_ERR_BYTES;
  }
  const Onnx__TensorTypeProto *type = proto->type ? proto->type->tensor_type : NULL;
  if (!type) return unsupported(d, what, "is no tensor");
  if (!onnx_type_reads(type->elem_type)) {
    char text[160];
    snprintf(text, sizeof text, "is %s; Assay reads " ONNX_TYPES_READ, onnx_type_name(type->elem_type));
    return unsupported(d, what, text);
  }
  v.type = (enum onnx_type)type->elem_type;
  v.shaped = type->shape != NULL;
  size_t rank = v.shaped ? type->shape->n_dim : 0;
  if (rank > ONNX_RANK_MAX) return limit(d, what, "dimensions", rank, ONNX_RANK_MAX);
  for (v.rank = 0; v.rank < rank; v.rank++) {
    const Onnx__Dimension *dim = type->shape->dim[v.rank];
    v.symbol[v.rank] = or_empty(dim->dim_param);
    if ((status = check_name(d, what, v.symbol[v.rank])) != ONNX_OK) return status;
    v.dim[v.rank] = dim->has_dim_value ? dim->dim_value : -1;
    if (dim->has_dim_value && (dim->dim_value < 0 || dim->dim_param)) {
      why_set(d->why, "%s: dimension %" PRIu32 " is %s", what, v.rank,
              dim->dim_param ? "a number and a name" : "negative");
      return ONNX_ERR_BYTES;
    }
  }
  *out = v;
  return ONNX_OK;
}

static bool is_initializer(const struct onnx_model *m, const char *name) {
  for (uint32_t i = 0; i < m->initializers_count; i++)
    if (!strcmp(m->initializer[i].name, name)) return true;
  return false;
}

/* What PyTorch's exporter notes about a value: is it a parameter of the module or a buffer? */
static enum onnx_role role_of(const Onnx__ValueInfoProto *info) {
  for (size_t i = 0; i < info->n_metadata_props; i++) {
    const Onnx__StringStringEntryProto *entry = info->metadata_props[i];
    if (strcmp(or_empty(entry->key), "pkg.torch.export.graph_signature.InputSpec.kind")) continue;
    if (!strcmp(or_empty(entry->value), "PARAMETER")) return ONNX_ROLE_PARAMETER;
    if (!strcmp(or_empty(entry->value), "BUFFER")) return ONNX_ROLE_BUFFER;
  }
  return ONNX_ROLE_UNKNOWN;
}

static enum onnx_status read_graph(const struct decoder *d, const Onnx__GraphProto *g, struct onnx_model *m) {
  static const char graph[] = "the graph";
  if (g->n_node > ONNX_NODES_MAX) return limit(d, graph, "nodes", g->n_node, ONNX_NODES_MAX);
  if (g->n_initializer > ONNX_NODES_MAX) return limit(d, graph, "initializers", g->n_initializer, ONNX_NODES_MAX);
  if (g->n_value_info > ONNX_VALUES_MAX) return limit(d, graph, "value types", g->n_value_info, ONNX_VALUES_MAX);
  if (g->n_output > ONNX_INPUTS_MAX) return limit(d, graph, "outputs", g->n_output, ONNX_INPUTS_MAX);
  if (g->n_input > ONNX_INPUTS_MAX) return limit(d, graph, "inputs", g->n_input, ONNX_INPUTS_MAX);
  if (g->n_sparse_initializer) return unsupported(d, graph, "has sparse initializers: store them dense");
  m->node = arena_take(d->arena, g->n_node, sizeof *m->node);
  m->initializer = arena_take(d->arena, g->n_initializer, sizeof *m->initializer);
  m->input = arena_take(d->arena, g->n_input, sizeof *m->input);
  m->output = arena_take(d->arena, g->n_output, sizeof *m->output);
  if (!m->node || !m->initializer || !m->input || !m->output) return no_memory(d);
  enum onnx_status status;
  for (; m->initializers_count < g->n_initializer; m->initializers_count++) {
    status = read_initializer(d, g->initializer[m->initializers_count], m->initializer + m->initializers_count);
    if (status != ONNX_OK) return status;
  }
  for (size_t i = 0; i < g->n_input; i++) { /* before IR 4 every initializer was an input too, with a default value */
    if (is_initializer(m, or_empty(g->input[i]->name))) continue;
    status = read_value(d, "input", g->input[i], m->input + m->inputs_count);
    if (status != ONNX_OK) return status;
    if (!m->input[m->inputs_count].shaped)
      return unsupported(d, m->input[m->inputs_count].name,
                         "is an input without a shape: export with an example input");
    m->inputs_count++;
  }
  for (; m->outputs_count < g->n_output; m->outputs_count++) {
    status = read_value(d, "output", g->output[m->outputs_count], m->output + m->outputs_count);
    if (status != ONNX_OK) return status;
  }
  for (; m->nodes_count < g->n_node; m->nodes_count++) {
    status = read_node(d, m->nodes_count, g->node[m->nodes_count], m->node + m->nodes_count);
    if (status != ONNX_OK) return status;
  }
  return ONNX_OK;
}

struct marked {
  const char *name;
  enum onnx_role role;
};

static int marked_by_name(const void *a, const void *b) {
  const struct marked *x = a, *y = b;
  return strcmp(x->name, y->name);
}

static enum onnx_status read_roles(const struct decoder *d, const Onnx__GraphProto *g, struct onnx_model *m) {
  size_t mark = arena_mark(d->arena), count = 0;
  struct marked *marked = arena_take(d->arena, g->n_value_info, sizeof *marked);
  if (!marked) return no_memory(d);
  for (size_t i = 0; i < g->n_value_info; i++) {
    enum onnx_role role = role_of(g->value_info[i]);
    if (role != ONNX_ROLE_UNKNOWN) marked[count++] = (struct marked){or_empty(g->value_info[i]->name), role};
  }
  qsort(marked, count, sizeof *marked, marked_by_name);
  for (uint32_t i = 0; i < m->initializers_count; i++) {
    struct marked key = {.name = m->initializer[i].name};
    const struct marked *found = bsearch(&key, marked, count, sizeof *marked, marked_by_name);
    if (found) m->initializer[i].role = found->role;
  }
  arena_reset(d->arena, mark);
  return ONNX_OK;
}

static const char *signature_of(const Onnx__GraphProto *g) {
  for (size_t i = 0; i < g->n_metadata_props; i++)
    if (g->metadata_props[i]->key &&
        strcmp(g->metadata_props[i]->key, "pkg.torch.export.ExportedProgram.graph_signature") == 0)
      return or_empty(g->metadata_props[i]->value);
  return "";
}

static enum onnx_status read_model(const struct decoder *d, const Onnx__ModelProto *proto, struct onnx_model *m) {
  static const char reexport[] = "export again with torch.onnx.export(..., opset_version=20)";
  m->ir_version = proto->ir_version;
  m->producer = or_empty(proto->producer_name);
  enum onnx_status status = check_name(d, "the producer", m->producer);
  if (status != ONNX_OK) return status;
  if (!proto->graph) {
    why_set(d->why, "not an ONNX model: no graph in it");
    return ONNX_ERR_BYTES;
  }
  if (m->ir_version < IR_MIN || m->ir_version > IR_MAX) {
    why_set(d->why, "ONNX IR version %" PRId64 "; Assay reads %d to %d: %s", m->ir_version, IR_MIN, IR_MAX, reexport);
    return ONNX_ERR_UNSUPPORTED;
  }
  bool found = false;
  for (size_t i = 0; i < proto->n_opset_import; i++) {
    const char *domain = or_empty(proto->opset_import[i]->domain);
    if (domain[0] && strcmp(domain, "ai.onnx")) continue;
    if (found) {
      why_set(d->why, "the default operator set is imported twice");
      return ONNX_ERR_BYTES;
    }
    found = true;
    m->opset = proto->opset_import[i]->version;
  }
  if (!found || m->opset < OPSET_MIN || m->opset > OPSET_MAX) {
    why_set(d->why, "operator set %" PRId64 "; Assay reads %d to %d: %s", m->opset, OPSET_MIN, OPSET_MAX, reexport);
    return ONNX_ERR_UNSUPPORTED;
  }
  if (proto->n_functions) return unsupported(d, "the model", "has local functions: inline them with onnx.inliner");
  m->signature = signature_of(proto->graph);
  status = read_graph(d, proto->graph, m);
  if (status == ONNX_OK) status = order_check(m, d->arena, d->why);
  if (status == ONNX_OK) status = read_roles(d, proto->graph, m);
  return status;
}

enum onnx_status onnx_decode(const uint8_t *bytes, size_t length, onnx_external *external, void *context,
                             struct arena *arena, struct onnx_model *out, struct why *why) {
  struct decoder d = {.source = {external, context, arena}, .arena = arena, .why = why};
  struct onnx_model m = {0};
  ProtobufCMessage *proto;
  enum onnx_status status = wire_unpack(&onnx__model_proto__descriptor, bytes, length, arena, &proto, why);
  if (status == ONNX_OK) status = read_model(&d, (const Onnx__ModelProto *)proto, &m);
  if (status == ONNX_OK) *out = m;
  return status;
}
