#include "dispute/world/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tape/record/example.h"

void *world_take(size_t bytes) {
  void *memory = calloc(bytes ? bytes : 1, 1);
  if (!memory) {
    fprintf(stderr, "no memory for a world\n");
    abort();
  }
  return memory;
}

void world_leaves(const uint8_t *bytes, uint32_t leaves, uint8_t *hashes) {
  for (uint32_t i = 0; i < leaves; i++)
    merkle_leaf(bytes + (size_t)i * TAPE_LEAF_BYTES, TAPE_LEAF_BYTES, hashes + (size_t)i * MERKLE_BYTES);
}

void world_root(const uint8_t *hashes, uint32_t leaves, uint8_t root[MERKLE_BYTES]) {
  merkle_node(hashes, leaves, merkle_height(leaves), 0, root);
}

/* Halves between -4 and 4, whole numbers from 0 to 2 and now and then from -1 to 6, any bytes: sums of them are exact,
 * and indices mostly hit. */
static void fill(uint8_t *bytes, uint8_t dtype, uint64_t elements, uint64_t *seed) {
  for (uint64_t i = 0; i < elements; i++) {
    uint64_t x = example_next(seed) >> 20;
    if (dtype == TAPE_U8) {
      bytes[i] = (uint8_t)x;
      continue;
    }
    float half = (float)((int32_t)(x % 17) - 8) / 2;
    int32_t whole = x % 8 ? (int32_t)(x / 8 % 3) : (int32_t)(x / 8 % 8) - 1;
    memcpy(bytes + 4 * i, dtype == TAPE_F32 ? (const void *)&half : (const void *)&whole, 4);
  }
}

static void open_data(struct world *w, const struct layout *l, uint64_t *seed) {
  for (uint32_t i = l->state_count; i < (uint32_t)l->state_count + l->data_count; i++) {
    const struct layout_entry *e = &l->entry[i];
    struct world_data *d = &w->data[e->number];
    if (d->leaves) continue;
    d->leaves = (uint32_t)layout_entry_leaves(e);
    d->bytes = world_take((size_t)d->leaves * TAPE_LEAF_BYTES);
    d->hashes = world_take((size_t)d->leaves * MERKLE_BYTES);
    fill(d->bytes, e->dtype, layout_entry_elements(e), seed);
  }
}

void world_hash(struct world *w) {
  uint32_t leaves = w->tape[0]->state_leaves;
  world_leaves(w->start, leaves, w->start_hashes);
  world_root(w->start_hashes, leaves, w->start_root);
  for (uint32_t n = 0; n < WORLD_DATA_MAX; n++) {
    world_leaves(w->data[n].bytes, w->data[n].leaves, w->data[n].hashes);
    world_root(w->data[n].hashes, w->data[n].leaves, w->data[n].root);
  }
}

void world_open(struct world *w, const struct tape *const *tape, uint8_t tapes, uint16_t steps, uint64_t seed) {
  const struct layout *l = &tape[0]->layout;
  memset(w, 0, sizeof *w);
  w->tapes = tapes;
  w->steps = steps;
  w->first_step = (uint32_t)(seed % 11);
  w->seed = example_next(&seed);
  for (uint8_t t = 0; t < tapes; t++) {
    w->tape[t] = tape[t];
    w->known[t] = (struct dispute_tape){
        .records = tape[t]->records_count, .temp_leaves = tape[t]->temp_leaves, .values_ticks = 40};
    tape_root(tape[t], w->known[t].root);
    open_data(w, &tape[t]->layout, &seed);
  }
  for (uint16_t j = 0; j < steps; j++) w->step_tape[j] = (uint8_t)(j % tapes);
  w->start = world_take((size_t)tape[0]->state_leaves * TAPE_LEAF_BYTES);
  w->start_hashes = world_take((size_t)tape[0]->state_leaves * MERKLE_BYTES);
  for (uint32_t i = 1; i < l->state_count; i++) /* entry 0, diverged, stays 0 */
    fill(w->start + l->entry[i].first_leaf * TAPE_LEAF_BYTES, l->entry[i].dtype, layout_entry_elements(&l->entry[i]),
         &seed);
  world_hash(w);
}

void world_shut(struct world *w) {
  for (uint32_t n = 0; n < WORLD_DATA_MAX; n++) {
    free(w->data[n].bytes);
    free(w->data[n].hashes);
  }
  free(w->start);
  free(w->start_hashes);
  memset(w, 0, sizeof *w);
}

void world_frame(const struct world *w, uint16_t inner, const uint8_t end_root[MERKLE_BYTES], struct dispute_frame *f) {
  memset(f, 0, sizeof *f);
  f->target = (struct move_challenge){.job_root = {0xa5, 0x5a, 1}, .task = 2, .interval = 3, .inner = inner};
  memcpy(f->start_root, w->start_root, MERKLE_BYTES);
  memcpy(f->end_root, end_root, MERKLE_BYTES);
  f->first_step = w->first_step;
  f->steps = inner ? inner : w->steps;
  f->seed = w->seed;
  f->state_leaves = w->tape[0]->state_leaves;
  f->tapes = w->tapes;
  memcpy(f->tape, w->known, sizeof f->tape);
  memcpy(f->step_tape, w->step_tape, f->steps);
  f->data_count = WORLD_DATA_MAX;
  for (uint32_t n = 0; n < WORLD_DATA_MAX; n++) {
    f->data[n].leaves = w->data[n].leaves;
    memcpy(f->data[n].root, w->data[n].root, MERKLE_BYTES);
  }
  f->window_ticks = DISPUTE_WINDOW_TICKS;
  f->slack_ticks = DISPUTE_SLACK_TICKS;
  f->steps_ticks = 100;
}
