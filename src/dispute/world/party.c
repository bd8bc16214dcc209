#include "dispute/world/party.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "numeric/canon.h"
#include "numeric/reference/reference.h"
#include "tape/element/element.h"

static const struct tape *tape_of(const struct party *p, uint16_t j) {
  return p->world->tape[p->world->step_tape[j - 1]];
}
static uint32_t state_leaves(const struct party *p) { return p->world->tape[0]->state_leaves; }

/* The memory that one step of one party reads and writes. */
struct step {
  const struct party *party;
  const struct tape_record *record; /* the one that runs */
  const uint8_t *in;
  uint8_t *temps, *out;
};

static const struct world_data *data_of(const struct party *p, uint8_t number) {
  for (uint32_t i = 0; i < p->lies; i++)
    if (p->lie[i].kind == LIE_DATA && p->lie[i].from == number) return &p->data;
  return &p->world->data[number];
}

static uint32_t load(void *context, uint8_t o, uint32_t k, uint64_t index) {
  (void)k;
  const struct step *s = context;
  const struct tape_operand *x = &s->record->operand[o];
  const uint8_t *base = x->space == TAPE_TEMP ? s->temps : x->space == TAPE_IN ? s->in : NULL;
  if (!base) base = data_of(s->party, x->data_number)->bytes;
  base += x->first_leaf * TAPE_LEAF_BYTES;
  if (x->dtype == TAPE_U8) return base[index];
  uint32_t word = (uint32_t)base[4 * index] | (uint32_t)base[4 * index + 1] << 8 | (uint32_t)base[4 * index + 2] << 16 |
                  (uint32_t)base[4 * index + 3] << 24;
  return x->dtype == TAPE_F32 && (word & 0x7fffffff) > 0x7f800000 ? CANON_NAN : word;
}

static void compute(struct step *s, const struct element_world *world) {
  const struct tape_record *r = s->record;
  uint8_t *to = (r->space == TAPE_OUT ? s->out : s->temps) + r->first_leaf * TAPE_LEAF_BYTES;
  uint32_t size = tape_dtype_bytes(r->dtype);
  memset(to, 0, record_leaves(r) * TAPE_LEAF_BYTES);
  for (uint64_t e = 0; e < record_elements(r); e++) {
    uint32_t word = element_value(r, world, e);
    for (uint32_t b = 0; b < size; b++) to[e * size + b] = (uint8_t)(word >> 8 * b);
  }
}

/* Lies about bytes of step j in leaves first .. first + leaves - 1 of a space that others follow from, or do not. */
static void tell(const struct party *p, uint16_t j, uint8_t space, bool follow, uint64_t first, uint64_t leaves,
                 uint8_t *bytes) {
  for (uint32_t i = 0; i < p->lies; i++) {
    const struct lie *l = &p->lie[i];
    if (l->kind == LIE_BYTE && l->j == j && l->space == space && l->follow == follow && l->leaf >= first &&
        l->leaf - first < leaves)
      bytes[(size_t)l->leaf * TAPE_LEAF_BYTES + l->offset] ^= l->mask;
  }
}

static const struct lie *lie_of(const struct party *p, uint16_t j, enum lie_kind kind) {
  for (uint32_t i = 0; i < p->lies; i++)
    if (p->lie[i].kind == kind && p->lie[i].j == j) return &p->lie[i];
  return NULL;
}

static void materialise(struct party *p, uint16_t j);

/* What step j makes of `in`, with all that later values follow from. */
static void run(const struct party *p, uint16_t j, const uint8_t *in, uint8_t *temps, uint8_t *out) {
  struct step s = {.party = p, .in = in, .temps = temps, .out = out};
  struct element_world world = {.apply = reference_apply,
                                .load = load,
                                .context = &s,
                                .step = p->world->first_step + j - 1 + (lie_of(p, j, LIE_STEP) != NULL),
                                .seed = p->world->seed ^ (lie_of(p, j, LIE_SEED) ? 1 : 0)};
  const struct lie *stale = lie_of(p, j, LIE_STALE);
  const struct tape *t = tape_of(p, j);
  for (uint32_t n = 0; n < t->records_count; n++) {
    const struct tape_record *r = s.record = &t->record[n];
    uint64_t at = r->first_leaf * TAPE_LEAF_BYTES, leaves = record_leaves(r);
    if (stale && r->space == TAPE_TEMP)
      memcpy(temps + at, p->honest->temps[stale->from] + at, leaves * TAPE_LEAF_BYTES);
    else
      compute(&s, &world);
    tell(p, j, r->space, true, r->first_leaf, leaves, r->space == TAPE_TEMP ? temps : out);
  }
  if (lie_of(p, j, LIE_SKIP)) memcpy(out, in, (size_t)state_leaves(p) * TAPE_LEAF_BYTES);
}

/* Hashes, where a leaf is the honest party's its hash is known; then hashes that nothing has. */
static void hash_leaves(const struct party *p, uint16_t j, uint8_t space, const uint8_t *bytes, uint32_t leaves,
                        const uint8_t *honest, const uint8_t *honest_hashes, uint8_t *hashes) {
  for (uint32_t i = 0; i < leaves; i++) {
    size_t at = (size_t)i * TAPE_LEAF_BYTES, to = (size_t)i * MERKLE_BYTES;
    if (honest && memcmp(bytes + at, honest + at, TAPE_LEAF_BYTES) == 0)
      memcpy(hashes + to, honest_hashes + to, MERKLE_BYTES);
    else
      merkle_leaf(bytes + at, TAPE_LEAF_BYTES, hashes + to);
  }
  for (uint32_t i = 0; i < p->lies; i++)
    if (p->lie[i].kind == LIE_HASH && p->lie[i].j == j && p->lie[i].space == space)
      hashes[(size_t)p->lie[i].leaf * MERKLE_BYTES] ^= 1;
}

/* Every state of the interval. Temps are forgotten step by step. */
static void execute(struct party *p) {
  const struct party *h = p->honest;
  uint32_t leaves = state_leaves(p);
  if (h && !h->has_steps) execute((struct party *)h);
  p->executed++;
  p->has_steps = true;
  memcpy(p->roots[0], p->world->start_root, MERKLE_BYTES);
  for (uint16_t j = 1; j <= p->world->steps; j++) {
    if (j < p->first && h) {
      memcpy(p->roots[j], h->roots[j], MERKLE_BYTES);
      continue;
    }
    run(p, j, j - 1 < p->first && h ? h->clean[j - 1] : p->clean[j - 1], p->scratch_temps, p->clean[j]);
    memcpy(p->state[j], p->clean[j], (size_t)leaves * TAPE_LEAF_BYTES);
    tell(p, j, TAPE_OUT, false, 0, leaves, p->state[j]);
    hash_leaves(p, j, TAPE_OUT, p->state[j], leaves, h ? h->state[j] : NULL, h ? h->hashes[j] : NULL, p->hashes[j]);
    world_root(p->hashes[j], leaves, p->roots[j]);
    if (lie_of(p, j, LIE_ROOT)) p->roots[j][0] ^= 1;
  }
}

static const uint8_t *state_at(const struct party *p, uint16_t j, bool clean) {
  const struct party *of = p->honest && j < p->first ? p->honest : p;
  return clean ? of->clean[j] : of->state[j];
}

/* Every value of one step, kept. */
static void materialise(struct party *p, uint16_t j) {
  struct party *h = (struct party *)p->honest;
  uint32_t leaves = tape_of(p, j)->temp_leaves;
  if (p->has_values[j]) return;
  if (h) materialise(h, j);
  if (!p->has_steps) execute(p);
  p->materialised++;
  p->has_values[j] = true;
  run(p, j, state_at(p, (uint16_t)(j - 1), true), p->temps[j], p->scratch_out);
  tell(p, j, TAPE_TEMP, false, 0, leaves, p->temps[j]);
  hash_leaves(p, j, TAPE_TEMP, p->temps[j], leaves, h ? h->temps[j] : NULL, h ? h->temp_hashes[j] : NULL,
              p->temp_hashes[j]);
}

/* The callbacks of evidence. */

static bool give_steps(void *context, uint16_t steps, uint8_t (*roots)[MERKLE_BYTES], struct why *why) {
  struct party *p = context;
  (void)why;
  assert(steps <= p->world->steps);
  if (!p->has_steps) execute(p);
  memcpy(roots, p->roots[1], (size_t)steps * MERKLE_BYTES);
  return true;
}

static bool enter(void *context, uint16_t j, struct why *why) {
  struct party *p = context;
  (void)why;
  materialise(p, j);
  p->entered = j;
  return true;
}

static const uint8_t *give_hashes(void *context, uint8_t space, uint8_t number) {
  const struct party *p = context;
  uint16_t j = p->entered;
  if (space == TAPE_DATA) return data_of(p, number)->hashes;
  if (space == TAPE_TEMP) return p->temp_hashes[j];
  if (space == TAPE_IN) j--;
  return p->honest && j < p->first ? p->honest->hashes[j] : p->hashes[j];
}

static const uint8_t *give_leaf(void *context, uint8_t space, uint8_t number, uint64_t index) {
  const struct party *p = context;
  uint16_t j = p->entered;
  size_t at = (size_t)index * TAPE_LEAF_BYTES;
  if (space == TAPE_DATA) return data_of(p, number)->bytes + at;
  if (space == TAPE_TEMP) return p->temps[j] + at;
  return state_at(p, space == TAPE_IN ? (uint16_t)(j - 1) : j, false) + at;
}

void party_open(struct party *p, const struct world *w, struct party *honest) {
  uint32_t temp_leaves = 0, data_leaves = 0;
  memset(p, 0, sizeof *p);
  p->world = w;
  p->honest = honest;
  for (uint8_t t = 0; t < w->tapes; t++)
    if (w->tape[t]->temp_leaves > temp_leaves) temp_leaves = w->tape[t]->temp_leaves;
  for (uint32_t n = 0; n < WORLD_DATA_MAX; n++)
    if (w->data[n].leaves > data_leaves) data_leaves = w->data[n].leaves;
  size_t state = (size_t)state_leaves(p) * TAPE_LEAF_BYTES, temps = (size_t)temp_leaves * TAPE_LEAF_BYTES;
  for (uint16_t j = 0; j <= w->steps; j++) {
    p->clean[j] = world_take(state);
    p->state[j] = world_take(state);
    p->hashes[j] = world_take((size_t)state_leaves(p) * MERKLE_BYTES);
    p->temps[j] = world_take(j ? temps : 0);
    p->temp_hashes[j] = world_take((size_t)temp_leaves * MERKLE_BYTES);
  }
  memcpy(p->clean[0], w->start, state);
  memcpy(p->state[0], w->start, state);
  memcpy(p->hashes[0], w->start_hashes, (size_t)state_leaves(p) * MERKLE_BYTES);
  p->scratch_temps = world_take(temps);
  p->scratch_out = world_take(state);
  p->data.bytes = world_take((size_t)data_leaves * TAPE_LEAF_BYTES);
  p->data.hashes = world_take((size_t)data_leaves * MERKLE_BYTES);
  p->evidence =
      (struct evidence){.context = p, .steps = give_steps, .enter = enter, .hashes = give_hashes, .leaf = give_leaf};
  memcpy(p->evidence.tape, w->tape, sizeof w->tape);
  party_lie(p, NULL, 0);
}

void party_lie(struct party *p, const struct lie *lies, uint32_t count) {
  assert(count <= PARTY_LIES_MAX && (!count || p->honest));
  if (count) memcpy(p->lie, lies, count * sizeof *lies);
  p->lies = count;
  p->first = (uint16_t)(p->world->steps + 1);
  p->has_steps = false;
  memset(p->has_values, 0, sizeof p->has_values);
  p->executed = p->materialised = 0;
  for (uint32_t i = 0; i < count; i++) {
    const struct lie *l = &lies[i];
    if (l->j < p->first) p->first = l->j;
    if (l->kind == LIE_STALE) materialise((struct party *)p->honest, l->from);
    if (l->kind != LIE_DATA) continue;
    const struct world_data *d = &p->world->data[l->from];
    assert(l->j == 1 && l->leaf < d->leaves);
    p->data.leaves = d->leaves;
    memcpy(p->data.bytes, d->bytes, (size_t)d->leaves * TAPE_LEAF_BYTES);
    p->data.bytes[(size_t)l->leaf * TAPE_LEAF_BYTES + l->offset] ^= l->mask;
    world_leaves(p->data.bytes, d->leaves, p->data.hashes);
  }
}

void party_shut(struct party *p) {
  for (uint16_t j = 0; j <= WORLD_STEPS_MAX; j++) {
    free(p->clean[j]);
    free(p->state[j]);
    free(p->hashes[j]);
    free(p->temps[j]);
    free(p->temp_hashes[j]);
  }
  free(p->scratch_temps);
  free(p->scratch_out);
  free(p->data.bytes);
  free(p->data.hashes);
  memset(p, 0, sizeof *p);
}

const uint8_t (*party_roots(struct party *p))[MERKLE_BYTES] {
  if (!p->has_steps) execute(p);
  return (const uint8_t(*)[MERKLE_BYTES])p->roots;
}

void lie_text(const struct lie *l, char *text, size_t bytes) {
  static const char *const kinds[] = {"byte", "hash", "root", "stale", "skip", "step", "seed", "data"};
  snprintf(text, bytes, "%s at step %u, %s leaf %u byte %u mask %02x, from %u, %s", kinds[l->kind], l->j,
           l->space == TAPE_OUT ? "out" : "temp", l->leaf, l->offset, l->mask, l->from,
           l->follow ? "followed" : "not followed");
}
