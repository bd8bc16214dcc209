/* Tensors of folding: made, shared, walked. */
#include "model/lower/fold/array.h"

#include <inttypes.h>
#include <string.h>

/* Every content that folding made, by a hash of what it holds: layers repeat each other's masks, and the evaluation
 * repeats training's, and one window of the initial values is enough. */
struct folds {
  uint64_t work, kept; /* elements */
  uint32_t count, room;
  struct entry {
    uint64_t hash;
    const struct onnx_tensor *content;
  } * entry; /* room is a power of two; empty: content NULL */
};

const struct onnx_tensor *fold_input(const struct fold *f, uint32_t n) {
  const struct tensor *t = graph_input(f->g, f->a, n);
  if (!t || !t->content || t->parameter != GRAPH_NONE) return NULL;
  return t->content->i64 || t->content->f32 || t->content->f64 || !t->content->count ? t->content : NULL;
}

bool fold_given(const struct fold *f, uint32_t n) { return graph_input(f->g, f->a, n) != NULL; }

bool fold_shape(const struct fold *f, uint32_t n, uint32_t *rank, int64_t dim[ONNX_RANK_MAX]) {
  const struct tensor *t = graph_input(f->g, f->a, n);
  if (!t || (!t->known && !t->content)) return false;
  *rank = t->known ? t->v.rank : t->content->rank;
  for (uint32_t a = 0; a < *rank; a++) dim[a] = t->known ? (int64_t)t->v.dim[a] : t->content->dim[a];
  return true;
}

bool fold_list(const struct fold *f, uint32_t n, uint32_t *count, int64_t list[ONNX_RANK_MAX]) {
  const struct onnx_tensor *t = fold_input(f, n);
  if (!t || t->rank > 1 || t->count > ONNX_RANK_MAX || array_floats(t->type)) return false;
  *count = (uint32_t)t->count;
  for (uint32_t k = 0; k < *count; k++) list[k] = t->i64[k];
  return true;
}

bool fold_refuse(struct fold *f, const char *what) {
  graph_refuse(f->g, f->a, LOWER_ERR_SHAPE, "%s", what);
  return true;
}

bool array_floats(enum onnx_type type) { return type == ONNX_FLOAT || type == ONNX_DOUBLE; }

uint32_t array_width(const struct onnx_tensor *t) { return t->type == ONNX_FLOAT ? 4 : 8; }

const uint8_t *array_bytes(const struct onnx_tensor *t) {
  return t->type == ONNX_FLOAT    ? (const uint8_t *)t->f32
         : t->type == ONNX_DOUBLE ? (const uint8_t *)t->f64
                                  : (const uint8_t *)t->i64;
}

uint8_t *array_target(struct array *x) { return x->f ? (uint8_t *)x->f : x->d ? (uint8_t *)x->d : (uint8_t *)x->i; }

int64_t array_fit(enum onnx_type type, int64_t x) {
  switch ((int)type) {
  case ONNX_BOOL: return x != 0;
  case ONNX_UINT8: return (uint8_t)x;
  case ONNX_INT8: return (int8_t)(uint8_t)x;
  case 4: return (uint16_t)x; /* UINT16, INT16, UINT32 */
  case 5: return (int16_t)(uint16_t)x;
  case 12: return (uint32_t)x;
  case ONNX_INT32: return (int32_t)(uint32_t)x;
  }
  return x;
}

static bool count_of(uint32_t rank, const int64_t *dim, uint64_t *count) {
  uint64_t n = 1;
  bool empty = false;
  if (rank > ONNX_RANK_MAX) return false;
  for (uint32_t a = 0; a < rank; a++) {
    if (dim[a] < 0 || dim[a] > INT32_MAX) return false;
    if (!dim[a]) empty = true;
    if (dim[a] && n <= FOLD_ELEMENTS_MAX) n *= (uint64_t)dim[a];
  }
  *count = empty ? 0 : n;
  return *count <= FOLD_ELEMENTS_MAX;
}

static bool no_memory(struct graph *g) {
  emit_fail(g->e, LOWER_ERR_MEMORY, "what is known while lowering needs more memory than lowering was given");
  return false;
}

static struct folds *folds_of(struct graph *g) {
  if (!g->folds) g->folds = arena_take(g->arena, 1, sizeof *g->folds);
  if (!g->folds) no_memory(g);
  return g->folds;
}

static bool charge(struct graph *g, struct folds *all, uint64_t elements) {
  if (all->work + elements > FOLD_WORK_MAX) {
    emit_fail(
        g->e, LOWER_ERR_UNSUPPORTED,
        "the constants that the nodes to here compute are more work than 2^29 elements: simplify the graph before "
        "it is exported, or store the result as an initializer");
    return false;
  }
  all->work += elements;
  return true;
}

bool fold_charge(struct fold *f, uint64_t elements) {
  struct folds *all = folds_of(f->g);
  return all && charge(f->g, all, elements);
}

bool fold_keep(struct graph *g, uint64_t elements) {
  struct folds *all = folds_of(g);
  if (!all) return false;
  if (all->kept + elements > FOLD_KEPT_MAX) {
    emit_fail(g->e, LOWER_ERR_UNSUPPORTED,
              "the constants that the nodes to here ask for have more than 2^26 elements: use smaller sizes, or fewer "
              "nodes of different sizes");
    return false;
  }
  all->kept += elements;
  return true;
}

bool array_make(struct fold *f, enum onnx_type type, uint32_t rank, const int64_t *dim, struct array *out) {
  uint64_t count;
  struct folds *all = folds_of(f->g);
  *out = (struct array){.t = {.name = "", .type = type, .rank = rank}};
  if (!all || emit_failed(f->g->e) || !count_of(rank, dim, &count) || all->work + count > FOLD_WORK_MAX ||
      all->kept + count > FOLD_KEPT_MAX)
    return false;
  all->work += count + 1;
  out->mark = arena_mark(f->g->arena);
  out->t.count = count;
  for (uint32_t a = 0; a < rank; a++) out->t.dim[a] = dim[a];
  void *at = arena_take(f->g->arena, count ? count : 1, array_width(&out->t));
  if (!at) return no_memory(f->g);
  if (type == ONNX_FLOAT)
    out->t.f32 = out->f = at;
  else if (type == ONNX_DOUBLE)
    out->t.f64 = out->d = at;
  else
    out->t.i64 = out->i = at;
  return true;
}

bool array_like(const struct onnx_tensor *t, uint32_t rank, const int64_t *dim, struct array *out) {
  uint64_t count;
  if (!count_of(rank, dim, &count) || count != t->count) return false;
  *out = (struct array){.t = *t};
  out->t.name = "";
  out->t.rank = rank;
  for (uint32_t a = 0; a < rank; a++) out->t.dim[a] = dim[a];
  return true;
}

static uint64_t hash_of(const struct onnx_tensor *t) {
  uint64_t h = 14695981039346656037u, bytes = t->count * array_width(t);
  const uint8_t *at = array_bytes(t);
  h = (h ^ (uint64_t)t->type) * 1099511628211u;
  for (uint32_t a = 0; a < t->rank; a++) h = (h ^ (uint64_t)t->dim[a]) * 1099511628211u;
  for (uint64_t n = 0; n + 4 <= bytes; n += 4) {
    uint32_t word;
    memcpy(&word, at + n, sizeof word);
    h = (h ^ word) * 1099511628211u;
  }
  return h ^ h >> 32;
}

static bool same(const struct onnx_tensor *x, const struct onnx_tensor *y) {
  if (x->type != y->type || x->rank != y->rank || x->count != y->count) return false;
  for (uint32_t a = 0; a < x->rank; a++)
    if (x->dim[a] != y->dim[a]) return false;
  return !x->count || memcmp(array_bytes(x), array_bytes(y), x->count * array_width(x)) == 0;
}

static void insert(struct folds *all, uint64_t hash, const struct onnx_tensor *content) {
  uint32_t at = (uint32_t)hash & (all->room - 1);
  while (all->entry[at].content) at = (at + 1) & (all->room - 1);
  all->entry[at] = (struct entry){hash, content};
  all->count++;
}

static bool grow(struct graph *g, struct folds *all) {
  struct folds before = *all;
  if (2 * all->count < all->room) return true;
  all->room = before.room ? 2 * before.room : 64;
  all->count = 0;
  all->entry = arena_take(g->arena, all->room, sizeof *all->entry);
  if (!all->entry) return no_memory(g);
  for (uint32_t n = 0; n < before.room; n++)
    if (before.entry[n].content) insert(all, before.entry[n].hash, before.entry[n].content);
  return true;
}

static const struct onnx_tensor *find(const struct folds *all, uint64_t hash, const struct onnx_tensor *t) {
  if (!all->room) return NULL;
  for (uint32_t at = (uint32_t)hash & (all->room - 1); all->entry[at].content; at = (at + 1) & (all->room - 1))
    if (all->entry[at].hash == hash && same(all->entry[at].content, t)) return all->entry[at].content;
  return NULL;
}

/* mark: where the arena stood before t's elements, which go back to it if they are there already; else SIZE_MAX. */
static const struct onnx_tensor *share(struct graph *g, const struct onnx_tensor *t, size_t mark) {
  struct folds *all = folds_of(g);
  if (!all || emit_failed(g->e)) return NULL;
  if (mark == SIZE_MAX && !charge(g, all, t->count)) return NULL;
  uint64_t hash = hash_of(t);
  const struct onnx_tensor *before = find(all, hash, t);
  if (before && mark != SIZE_MAX) arena_reset(g->arena, mark);
  if (before) return before;
  struct onnx_tensor *content = grow(g, all) ? arena_take(g->arena, 1, sizeof *content) : NULL;
  if (!content) {
    no_memory(g);
    return NULL;
  }
  *content = *t;
  if (mark != SIZE_MAX) all->kept += t->count;
  insert(all, hash, content);
  return content;
}

const struct onnx_tensor *fold_share(struct graph *g, const struct onnx_tensor *t) { return share(g, t, SIZE_MAX); }

void array_give(struct fold *f, uint32_t n, struct array *x) {
  const struct onnx_tensor *content = share(f->g, &x->t, array_target(x) ? x->mark : SIZE_MAX);
  if (content) graph_content_at(f->g, f->a, n, content);
}

void steps_of(const struct onnx_tensor *t, int64_t step[ONNX_RANK_MAX]) {
  int64_t by = t->count ? 1 : 0;
  for (uint32_t a = t->rank; a-- > 0; by *= t->dim[a]) step[a] = by;
}

bool walk_broadcast(struct walk *w, uint32_t count, const struct onnx_tensor *const *operand) {
  *w = (struct walk){.operands = count};
  for (uint32_t n = 0; n < count; n++)
    if (operand[n]->rank > w->rank) w->rank = operand[n]->rank;
  for (uint32_t a = 0; a < w->rank; a++) w->dim[a] = 1;
  for (uint32_t n = 0; n < count; n++) {
    int64_t step[ONNX_RANK_MAX];
    uint32_t less = w->rank - operand[n]->rank;
    steps_of(operand[n], step);
    for (uint32_t a = 0; a < operand[n]->rank; a++) {
      int64_t d = operand[n]->dim[a], *dim = &w->dim[a + less];
      if (d == 1) continue;
      if (*dim != 1 && *dim != d) return false;
      *dim = d;
      w->step[n][a + less] = step[a];
    }
  }
  return true;
}

void walk_next(struct walk *w) {
  for (uint32_t a = w->rank; a-- > 0;) {
    for (uint32_t n = 0; n < w->operands; n++) w->at[n] += w->step[n][a];
    if (++w->coord[a] < w->dim[a]) return;
    for (uint32_t n = 0; n < w->operands; n++) w->at[n] -= w->step[n][a] * w->dim[a];
    w->coord[a] = 0;
  }
}
