/* posting: bodies of a TAPE and a JOB_POST that name each other, as two lines of hexadecimal digits: a small job for
 * tests that sign by themselves. With the word `blobs` two lines more: the job's data and the state that it starts
 * from. */
#include "base/hex.h"
#include "ledger/docket/trial_world.h"
#include "numeric/canon.h"
#include "tape/record/tape.h"

#include <string.h>

enum { STEPS = 20, INTERVAL_STEPS = 3, DEADLINE = 4000 };

static uint8_t body[100000];
static char text[2 * sizeof body + 1];

static void say(size_t length) {
  CHECK(length);
  hex_encode(body, length, text);
  puts(text);
}

static void say_tape(const struct tape *t) {
  static uint8_t table[4096], tape[65536];
  struct body_tape b = {.layout = table, .tapes = 1, .tape = {tape}};
  b.layout_length = (uint32_t)layout_encode(&t->layout, table, sizeof table);
  b.tape_length[0] = (uint32_t)tape_write(t, tape, sizeof tape);
  say(body_tape_put(&b, body, sizeof body));
}

static void say_post(const struct world *w, const struct tape *t) {
  uint8_t spec[32] = {1}, layout[32], none[32] = {0};
  tape_layout_hash(t, layout);
  struct job_task row = {.steps = STEPS, .interval_steps = INTERVAL_STEPS};
  struct body_post b = {.spec_hash = spec,
                        .layout_hash = layout,
                        .start_root = w->start_root,
                        .own_seat = none,
                        .canon = CANON_VERSION,
                        .lower = 1,
                        .figure = TRIAL_FIGURE,
                        .tapes = 1,
                        .sections = 1,
                        .data = 1,
                        .tape_root = w->known[0].root,
                        .data_root = w->data[0].root,
                        .section = {{.repeat = 1, .entries = 1, .entry = {{0, STEPS}}}},
                        .first_step = w->first_step,
                        .params = 1,
                        .level = 0,
                        .seats = 3,
                        .draws = 2,
                        .seed = w->seed,
                        .price = UINT64_C(10000000000000),
                        .tasks = 1,
                        .deadline = DEADLINE};
  say(body_post_put(&b, &row, body, sizeof body));
}

static void say_bytes(const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) printf("%02x", bytes[i]);
  puts("");
}

int main(int argc, char **argv) {
  static struct world world;
  static struct built_tape tape;
  const struct tape *tapes[1] = {&tape.tape};
  trial_tape(&tape, UINT32_MAX);
  world_open(&world, tapes, 1, 1, TRIAL_SEED);
  say_tape(&tape.tape);
  say_post(&world, &tape.tape);
  if (argc > 1 && strcmp(argv[1], "blobs") == 0) {
    say_bytes(world.data[0].bytes, (size_t)world.data[0].leaves * TAPE_LEAF_BYTES);
    say_bytes(world.start, (size_t)tape.tape.state_leaves * TAPE_LEAF_BYTES);
  }
  world_shut(&world);
  return 0;
}
