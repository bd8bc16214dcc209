#include "model/onnx/exporter.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A name of an initializer: its own, or that of an Identity node over it, which is how the older exporter writes the
 * further names of a merged tensor. */
struct place {
  const char *name;
  uint32_t tensor;
};

struct use {
  uint32_t tensor, node, slot;
};

struct look {
  const struct onnx_model *m;
  struct place *place;
  uint32_t places_count;
  struct use *use;
  uint32_t uses_count;
  exporter_report *report;
  void *context;
};

static int by_name(const void *a, const void *b) {
  return strcmp(((const struct place *)a)->name, ((const struct place *)b)->name);
}

static int by_tensor(const void *a, const void *b) {
  const struct use *x = a, *y = b;
  if (x->tensor != y->tensor) return x->tensor < y->tensor ? -1 : 1;
  if (x->node != y->node) return x->node < y->node ? -1 : 1;
  return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static const struct place *find(const struct look *l, const char *name) {
  struct place wanted = {.name = name};
  return bsearch(&wanted, l->place, l->places_count, sizeof wanted, by_name);
}

static bool is(const struct onnx_node *node, const char *op) { return !*node->domain && strcmp(node->op, op) == 0; }

/* Names first, as bsearch wants them sorted: initializers, then the aliases found among them. */
static bool gather(struct look *l, struct arena *arena) {
  const struct onnx_model *m = l->m;
  uint64_t inputs = 0;
  uint32_t aliases = 0;
  for (uint32_t n = 0; n < m->nodes_count; n++) {
    inputs += m->node[n].inputs_count;
    aliases += is(&m->node[n], "Identity");
  }
  l->place = arena_take(arena, (size_t)m->initializers_count + aliases + 1, sizeof *l->place);
  l->use = arena_take(arena, inputs + 1, sizeof *l->use);
  if (!l->place || !l->use) return false;
  for (uint32_t i = 0; i < m->initializers_count; i++) l->place[i] = (struct place){m->initializer[i].name, i};
  uint32_t count = l->places_count = m->initializers_count;
  qsort(l->place, count, sizeof *l->place, by_name);
  for (uint32_t n = 0; n < m->nodes_count; n++) {
    const struct onnx_node *node = &m->node[n];
    if (!is(node, "Identity") || !node->inputs_count || !node->outputs_count) continue;
    const struct place *p = find(l, node->input[0]);
    if (p) l->place[count++] = (struct place){node->output[0], p->tensor};
  }
  l->places_count = count;
  qsort(l->place, count, sizeof *l->place, by_name);
  for (uint32_t n = 0; n < m->nodes_count; n++) {
    const struct onnx_node *node = &m->node[n];
    if (is(node, "Identity") || is(node, "Shape") || is(node, "Size")) continue; /* no use of the values */
    for (uint32_t i = 0; i < node->inputs_count; i++) {
      const struct place *p = *node->input[i] ? find(l, node->input[i]) : NULL;
      if (p && m->initializer[p->tensor].f32) l->use[l->uses_count++] = (struct use){p->tensor, n, i};
    }
  }
  qsort(l->use, l->uses_count, sizeof *l->use, by_tensor);
  return true;
}

static bool digits(const char *text) {
  if (!*text) return false;
  while (isdigit((unsigned char)*text)) text++;
  return !*text;
}

/* onnx::MatMul_43 of the older exporter; val_12, embedding_1, slice_2, X.weight_bias of the newer one, which leaves a
 * signature: what they call what they compute. */
static bool coined(const struct onnx_model *m, const char *name) {
  size_t length = strlen(name);
  const char *last = strrchr(name, '_');
  if (strncmp(name, "onnx::", 6) == 0) return true;
  if (!*m->signature) return false;
  if (length > 12 && strcmp(name + length - 12, ".weight_bias") == 0) return true;
  return last && !strchr(name, '.') && digits(last + 1);
}

/* One line of the signature: "p_fc_weight: PARAMETER target='fc.weight' ..". The rest of the text, or NULL. */
static const char *line_of(const char *at, const char *kind, char name[ONNX_NAME_MAX + 1]) {
  static const char target[] = " target='";
  const char *end = strchr(at, '\n'), *stop = end ? end : at + strlen(at),
             *colon = memchr(at, ':', (size_t)(stop - at));
  *name = 0;
  if (colon && colon[1] == ' ' && strncmp(colon + 2, kind, strlen(kind)) == 0) {
    const char *from = colon + 2 + strlen(kind);
    if (strncmp(from, target, sizeof target - 1) == 0) {
      from += sizeof target - 1;
      const char *quote = memchr(from, '\'', (size_t)(stop - from));
      if (quote && quote - from <= ONNX_NAME_MAX) snprintf(name, ONNX_NAME_MAX + 1, "%.*s", (int)(quote - from), from);
    }
  }
  return end ? end + 1 : NULL;
}

/* Are all float tensors of the file the module's own, as the exporter marks them while it changes nothing? */
static bool untouched(const struct look *l) {
  for (uint32_t u = 0; u < l->uses_count; u++)
    if (l->m->initializer[l->use[u].tensor].role == ONNX_ROLE_UNKNOWN) return false;
  return *l->m->signature != 0;
}

static bool transposed(const struct onnx_tensor *a, const struct onnx_tensor *b, uint64_t *budget) {
  if (a->rank != 2 || b->rank != 2 || a->dim[0] != b->dim[1] || a->dim[1] != b->dim[0]) return false;
  uint64_t rows = (uint64_t)a->dim[0], columns = (uint64_t)a->dim[1];
  for (uint64_t i = 0; i < rows; i++)
    for (uint64_t j = 0; j < columns; j++, --*budget)
      if (!*budget || memcmp(&a->f32[i * columns + j], &b->f32[j * rows + i], sizeof *a->f32) != 0) return false;
  return rows * columns > 1;
}

/* A tensor under a coined name: the lost copy of a tied one, or another. */
static void tell_coined(struct look *l, const struct onnx_tensor *t, uint64_t *budget) {
  for (uint32_t i = 0; i < l->m->initializers_count; i++) {
    const struct onnx_tensor *other = &l->m->initializer[i];
    if (other == t || !other->f32 || coined(l->m, other->name) || !transposed(t, other, budget)) continue;
    l->report(l->context, &(struct exporter_finding){EXPORTER_UNTIED, t->name, t, "", other->name});
    return;
  }
  l->report(l->context, &(struct exporter_finding){EXPORTER_RENAMED, t->name, t, "", ""});
}

/* Do two of these places look like two layers of a kind? */
static bool alike(const struct look *l, uint32_t first, uint32_t end) {
  enum { LOOKED_AT = 16 };
  if (end - first > LOOKED_AT) return true;
  for (uint32_t u = first; u < end; u++)
    for (uint32_t v = u + 1; v < end; v++) {
      const struct onnx_node *a = &l->m->node[l->use[u].node], *b = &l->m->node[l->use[v].node];
      if (a != b && strcmp(a->op, b->op) == 0 && l->use[u].slot == l->use[v].slot) return true;
    }
  return false;
}

static void tell_places(struct look *l, uint32_t first, uint32_t end, bool whole) {
  const struct onnx_node *node = l->m->node;
  const struct use *use = l->use;
  char text[400];
  size_t length = 0;
  uint32_t shown = 0;
  bool pieces = true; /* of a packed tensor, the gates of an LSTM say: each place takes another */
  *text = 0;
  for (uint32_t u = first; u < end; u++) {
    const struct onnx_node *n = &node[use[u].node];
    pieces = pieces && is(n, "Slice");
    if (u > first && use[u].node == use[u - 1].node) continue;
    const char *name = *n->name ? n->name : n->op;
    int wrote = shown < 4    ? snprintf(text + length, sizeof text - length, "%s%.80s", length ? ", " : "", name)
                : shown == 4 ? snprintf(text + length, sizeof text - length, ", ..")
                             : 0;
    length += (size_t)wrote;
    shown++;
  }
  if (shown < 2 || pieces) return;
  const struct onnx_tensor *t = &l->m->initializer[use[first].tensor];
  struct exporter_finding f = {!whole && alike(l, first, end) ? EXPORTER_MERGED : EXPORTER_TIED, t->name, t, text, ""};
  l->report(l->context, &f);
}

/* What the signature names and the file has not. A batch norm whose statistics are gone was folded, and its weights
 * went with it: they are not told again. */
static bool tell_missing(struct look *l, bool whole, struct arena *arena) {
  static const char ending[] = ".running_mean";
  const size_t tail = sizeof ending - 1;
  char name[ONNX_NAME_MAX + 1];
  uint32_t lines = 1, count = 0;
  for (const char *at = l->m->signature; *at; at++) lines += *at == '\n';
  struct place *folded = arena_take(arena, lines, sizeof *folded);
  if (!folded) return false;
  for (const char *at = l->m->signature; at && *at;) {
    at = line_of(at, "BUFFER", name);
    size_t length = strlen(name);
    if (length <= tail || strcmp(name + length - tail, ending) != 0 || find(l, name)) continue;
    name[length - tail] = 0;
    char *copy = arena_take(arena, length, 1);
    if (!copy) return false;
    folded[count++] = (struct place){.name = memcpy(copy, name, length - tail + 1)};
    l->report(l->context, &(struct exporter_finding){EXPORTER_FOLDED, copy, NULL, "", ""});
  }
  qsort(folded, count, sizeof *folded, by_name);
  for (const char *at = l->m->signature; at && *at;) {
    at = line_of(at, "PARAMETER", name);
    if (!*name || find(l, name)) continue;
    char layer[ONNX_NAME_MAX + 1];
    const char *dot = strrchr(name, '.');
    snprintf(layer, sizeof layer, "%.*s", dot ? (int)(dot - name) : 0, name);
    struct place wanted = {.name = layer};
    if (!bsearch(&wanted, folded, count, sizeof wanted, by_name))
      l->report(l->context, &(struct exporter_finding){whole ? EXPORTER_UNUSED : EXPORTER_GONE, name, NULL, "", ""});
  }
  return true;
}

bool exporter_look(const struct onnx_model *m, struct arena *arena, exporter_report *report, void *context) {
  struct look l = {.m = m, .report = report, .context = context};
  if (!gather(&l, arena)) return false;
  bool whole = untouched(&l);
  uint64_t budget = (uint64_t)1 << 28;
  for (uint32_t first = 0, end; first < l.uses_count; first = end) {
    const struct onnx_tensor *t = &m->initializer[l.use[first].tensor];
    for (end = first; end < l.uses_count && l.use[end].tensor == l.use[first].tensor;) end++;
    if (coined(m, t->name) && t->role == ONNX_ROLE_UNKNOWN && t->rank) tell_coined(&l, t, &budget);
    if (!t->rank && t->role == ONNX_ROLE_UNKNOWN && !*m->signature && !coined(m, t->name))
      report(context, &(struct exporter_finding){EXPORTER_SCALAR, t->name, t, "", ""});
    tell_places(&l, first, end, whole);
  }
  return tell_missing(&l, whole, arena);
}
