#include "dispute/referee/referee_bench.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dispute/dispute.h"
#include "numeric/canon.h"
#include "tape/element/element.h"

/* A game that awaits a move, and the move. Large: one for all messages. */
static struct stage {
  struct dispute_frame frame;
  struct dispute game;
  struct move move;
} stage;

static uint64_t random_state;

/* splitmix64 (Steele, Lea, Flood, OOPSLA 2014). */
static uint64_t draw(void) {
  uint64_t z = (random_state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

static void draw_bytes(uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)draw();
}

/* Trees as large as they may be: 2^23 leaves of values, of state, of data; 16,383 records; 256 steps. */
static void begin(uint8_t awaits) {
  random_state = 1;
  stage = (struct stage){.frame = {.first_step = 1,
                                   .steps = awaits <= MOVE_3 ? MOVE_STEPS_MAX : 1,
                                   .seed = 1,
                                   .state_leaves = TAPE_LEAVES_MAX,
                                   .tapes = 1,
                                   .tape = {{.records = TAPE_RECORDS_MAX, .temp_leaves = TAPE_LEAVES_MAX}},
                                   .data_count = 1,
                                   .data = {{.leaves = TAPE_LEAVES_MAX}},
                                   .window_ticks = DISPUTE_WINDOW_TICKS,
                                   .slack_ticks = DISPUTE_SLACK_TICKS},
                         .game = {.awaits = awaits, .moves = 1, .j = awaits <= MOVE_3 ? 0 : 1, .space = TAPE_OUT}};
}

static void fold_row(const uint8_t *row, uint32_t count, uint8_t root[MERKLE_BYTES]) {
  uint8_t scratch[MOVE_SLAB_NODES * MERKLE_BYTES];
  memcpy(scratch, row, (size_t)count * MERKLE_BYTES);
  merkle_fold(scratch, count, root);
}

static void steps_message(void) {
  begin(MOVE_2);
  move_begin(&stage.move, MOVE_2, MOVE_STEPS);
  for (uint32_t j = 1; j <= MOVE_STEPS_MAX; j++) {
    uint8_t root[MERKLE_BYTES];
    draw_bytes(root, sizeof root);
    move_put_bytes(&stage.move, root, sizeof root);
    memcpy(stage.frame.end_root, root, sizeof root);
  }
}

static void values_message(void) {
  static uint8_t row[2][MOVE_TOP_NODES_MAX * MERKLE_BYTES];
  uint8_t values[MERKLE_BYTES];
  begin(MOVE_4);
  draw_bytes(row[0], sizeof row);
  fold_row(row[0], MOVE_TOP_NODES_MAX, values);
  fold_row(row[1], MOVE_TOP_NODES_MAX, stage.game.after);
  move_begin(&stage.move, MOVE_4, MOVE_VALUES);
  move_put_bytes(&stage.move, values, sizeof values);
  move_put_bytes(&stage.move, row, sizeof row);
}

static void top_node_message(void) {
  begin(MOVE_5);
  draw_bytes(stage.game.shown, sizeof stage.game.shown);
  move_begin(&stage.move, MOVE_5, MOVE_NODE);
  move_put_u8(&stage.move, TAPE_OUT);
  move_put_u32(&stage.move, MOVE_TOP_NODES_MAX - 1);
}

static void express_message(void) {
  uint8_t hash[MERKLE_BYTES], path[MOVE_TREE_HEIGHT_MAX * MERKLE_BYTES];
  begin(MOVE_5);
  draw_bytes(hash, sizeof hash);
  draw_bytes(path, sizeof path);
  merkle_climb(hash, TAPE_LEAVES_MAX - 1, path, MOVE_TREE_HEIGHT_MAX, stage.game.after);
  move_begin(&stage.move, MOVE_5, MOVE_EXPRESS);
  move_put_u8(&stage.move, TAPE_OUT);
  move_put_u32(&stage.move, TAPE_LEAVES_MAX - 1);
  move_put_bytes(&stage.move, hash, sizeof hash);
  move_put_bytes(&stage.move, path, sizeof path);
}

static void slab_message(void) {
  uint8_t row[MOVE_SLAB_NODES * MERKLE_BYTES];
  begin(MOVE_8);
  stage.game.level = 8;
  draw_bytes(row, sizeof row);
  fold_row(row, MOVE_SLAB_NODES, stage.game.node_hash);
  move_begin(&stage.move, MOVE_8, MOVE_SLAB);
  move_put_bytes(&stage.move, row, sizeof row);
}

static void node_message(void) {
  begin(MOVE_9);
  stage.game.level = 8;
  draw_bytes(stage.game.shown, sizeof stage.game.shown);
  move_begin(&stage.move, MOVE_9, MOVE_NODE);
  move_put_u32(&stage.move, MOVE_SLAB_NODES - 1);
}

static void leaf_message(void) {
  uint8_t leaf[TAPE_LEAF_BYTES];
  begin(MOVE_10);
  draw_bytes(leaf, sizeof leaf);
  merkle_leaf(leaf, sizeof leaf, stage.game.node_hash);
  move_begin(&stage.move, MOVE_10, MOVE_LEAF);
  move_put_bytes(&stage.move, leaf, sizeof leaf);
}

/* Records that ask for much. */

static struct tape_record record_of(uint8_t op, uint8_t reducer, uint32_t k) {
  struct tape_record r = {
      .op = op, .space = TAPE_OUT, .reducer = reducer, .out_rank = 1, .k_rank = op == TAPE_MAP ? 0 : 4};
  const uint32_t dim[] = {64, 4, 4, 4, k / 64};
  memcpy(r.dim, dim, sizeof dim);
  return r;
}

/* An operand of six axes, each with a division that leaves nothing over and a term in every k dim there is: the longest
 * walk that a record's 2,048 bytes have room for. All of it in range. */
static void far_operand(struct tape_record *r, uint8_t dtype) {
  struct tape_operand *x = &r->operand[r->operands++];
  *x = (struct tape_operand){.space = TAPE_IN, .dtype = dtype, .axes = TAPE_RANK_MAX};
  for (uint8_t a = 0; a < x->axes; a++) {
    bool large = a == 0; /* so that positions fit: the product of extents is below 2^32 */
    x->axis[a] = (struct tape_axis){
        .extent = large ? 1u << 21 : 4, .div = large ? 3 : 0x7fff, .mode = TAPE_FLOOR, .indirect = TAPE_INDIRECT_NONE};
    for (uint8_t d = 0; d < r->k_rank; d++)
      x->axis[a].term[x->axis[a].terms++] = (struct tape_term){.dim = (uint8_t)(1 + d), .coef = 1};
  }
}

/* An operand that a put may have as its source or a fold beside the others: it stays where it is. */
static void still_operand(struct tape_record *r, uint8_t dtype) {
  struct tape_operand *x = &r->operand[r->operands++];
  *x = (struct tape_operand){.space = TAPE_IN, .dtype = dtype, .axes = 1};
  x->axis[0] = (struct tape_axis){.extent = 64, .div = 1, .indirect = TAPE_INDIRECT_NONE};
}

static uint8_t body_op(struct tape_record *r, uint8_t code, uint8_t a, uint8_t b, uint8_t c) {
  uint8_t arity = canon_op(code)->arity;
  r->body[r->body_ops] = (struct tape_body_op){code, arity > 0 ? a : 0, arity > 1 ? b : 0, arity > 2 ? c : 0};
  return (uint8_t)(TAPE_REGISTER_BODY + r->body_ops++);
}

/* The record as the only one of its tape that anybody looks at; the path's other nodes are anything. */
static void put_record(const struct tape_record *r) {
  uint8_t bytes[TAPE_RECORD_BYTES_MAX], path[MOVE_TAPE_HEIGHT_MAX * MERKLE_BYTES], hash[MERKLE_BYTES];
  struct why why = {""};
  size_t length = record_check(r, &why) == RECORD_OK ? record_encode(r, bytes, sizeof bytes) : 0;
  if (!length) fprintf(stderr, "referee_bench: %s\n", why.text);
  assert(length && "a benchmark's record is legal");
  draw_bytes(path, sizeof path);
  merkle_leaf(bytes, length, hash);
  merkle_climb(hash, 1, path, MOVE_TAPE_HEIGHT_MAX, stage.frame.tape[0].root);
  move_put_u16(&stage.move, 5); /* element */
  move_put_u16(&stage.move, 1);
  move_put_u16(&stage.move, (uint16_t)length);
  move_put_bytes(&stage.move, bytes, length);
  move_put_bytes(&stage.move, path, sizeof path);
  stage.game.record = 1;
  stage.game.record_length = (uint16_t)length;
  memcpy(stage.game.record_bytes, bytes, length);
}

/* A float that arithmetic takes the long way with: between 1/2 and 4, or of either sign and now and then subnormal. */
static uint32_t draw_word(bool positive) {
  uint32_t bits = (uint32_t)draw();
  if (positive) return 0x3f000000 + bits % 0x01800000;
  return bits & 0x80000000 ? bits & 0x807fffff : 0x3f000000 + bits % 0x01800000;
}

static void case_begin(void) {
  begin(MOVE_11);
  memset(stage.game.shown, 0x5a, TAPE_LEAF_BYTES); /* not what is computed */
  move_begin(&stage.move, MOVE_11, MOVE_CASE);
}

/* Words of the operands in turn, as they stand for each k. Those of slots 0 and 1 have a root. */
static void put_words(const struct tape_record *r) {
  for (uint32_t n = 0, count = element_words(r, 0); n < count; n++) move_put_u32(&stage.move, draw_word(n % 4 < 2));
}

static void results_message(void) {
  struct tape_record r = record_of(TAPE_DOT, TAPE_CHAIN, TAPE_K_MAX);
  case_begin();
  far_operand(&r, TAPE_F32);
  far_operand(&r, TAPE_F32);
  put_record(&r);
  for (uint32_t c = 0; c < MOVE_RESULTS_MAX; c++) move_put_u32(&stage.move, draw_word(false));
}

/* A fold with four operands that walk and four that stay. Its body is `count` operations of one kind on the operands of
 * slots 0 and 1, then as many fma as the limits leave room for. */
static struct tape_record fold_of(uint8_t code, uint32_t count, uint32_t k) {
  struct tape_record r = record_of(TAPE_FOLD, TAPE_LANES, k);
  for (int o = 0; o < 4; o++) far_operand(&r, TAPE_F32);
  for (int o = 0; o < 4; o++) still_operand(&r, TAPE_F32);
  for (uint32_t n = 0; n < count; n++) body_op(&r, code, n % 2, (n + 1) % 2, 2);
  for (uint8_t n = 0; r.body_ops < TAPE_BODY_MAX && record_body_cost(&r) < 96; n++)
    body_op(&r, CANON_FMA, n % 4, (n + 1) % 4, (n + 3) % 4);
  return r;
}

static void fold_message(uint8_t code, uint32_t count) {
  struct tape_record r = fold_of(code, count, REFEREE_CHUNK);
  case_begin();
  put_record(&r);
  put_words(&r);
}

/* Nothing but branches that cannot be guessed: sums of words of either sign, subnormal or hardly more, and of what came
 * of them. One tanh is dearer than the 31 sums that it takes the place of. */
static void fold_tanh_sums_message(void) {
  struct tape_record r = fold_of(CANON_TANH, 1, REFEREE_CHUNK);
  r.body_ops = 1;
  for (uint8_t n = 0; r.body_ops < TAPE_BODY_MAX; n++)
    body_op(&r, n % 2 ? CANON_SUB : CANON_ADD, n % 3 ? (uint8_t)(TAPE_REGISTER_BODY + r.body_ops - 1) : n % 4,
            (n + 1 + n / 4) % 4, 0);
  case_begin();
  put_record(&r);
  for (uint32_t n = 0, count = element_words(&r, 0); n < count; n++) move_put_u32(&stage.move, draw() & 0x80ffffff);
}

static void fold_sqrt_message(void) { fold_message(CANON_SQRT, 24); }
static void fold_some_sqrt_message(void) { fold_message(CANON_SQRT, 10); }
static void fold_log_message(void) { fold_message(CANON_LOG, 3); }
static void fold_erf_message(void) { fold_message(CANON_ERF, 3); }
static void fold_fma_message(void) { fold_message(CANON_FMA, 64); }

static void dot_message(void) {
  struct tape_record r = record_of(TAPE_DOT, TAPE_CHAIN, REFEREE_CHUNK);
  case_begin();
  far_operand(&r, TAPE_F32);
  far_operand(&r, TAPE_F32);
  put_record(&r);
  put_words(&r);
}

/* Every index matches the output's first coordinate, 5, so every source is read and added. */
static void put_message(void) {
  struct tape_record r = record_of(TAPE_PUT, TAPE_CHAIN, REFEREE_CHUNK);
  case_begin();
  far_operand(&r, TAPE_I32);
  far_operand(&r, TAPE_F32);
  put_record(&r);
  for (uint32_t k = 0; k < REFEREE_CHUNK; k++) {
    move_put_u32(&stage.move, 5);
    move_put_u32(&stage.move, draw_word(false));
  }
}

static void map_message(uint8_t code) {
  struct tape_record r = record_of(TAPE_MAP, TAPE_NONE, 0);
  case_begin();
  for (int o = 0; o < TAPE_OPERANDS_MAX; o++) still_operand(&r, TAPE_F32);
  for (uint8_t n = 0; n < TAPE_BODY_MAX; n++) body_op(&r, code, n % TAPE_OPERANDS_MAX, (n + 1) % TAPE_OPERANDS_MAX, 0);
  put_record(&r);
  put_words(&r);
}
static void map_erf_message(void) { map_message(CANON_ERF); }
static void map_sqrt_message(void) { map_message(CANON_SQRT); }

/* With this seed, permutation 416 of 57 takes 0 through six walks: the longest found among 6,000 permutations of a
 * dozen sizes, and a body may ask for it 64 times. */
static void map_perm_message(void) {
  struct tape_record r = record_of(TAPE_MAP, TAPE_NONE, 0);
  case_begin();
  r.dtype = TAPE_I32;
  r.literals = 3;
  r.literal_i32 = 7;
  r.literal[0] = 416;
  r.literal[1] = 57;
  enum { E = TAPE_REGISTER_LITERAL, N, I };
  for (int n = 0; n < TAPE_BODY_MAX; n++) body_op(&r, CANON_PERM, E, N, I);
  put_record(&r);
}

static void operands_message(void) {
  struct tape_record r = fold_of(CANON_SQRT, 24, 2 * REFEREE_CHUNK);
  uint8_t words[4 * MOVE_WORDS_MAX];
  case_begin();
  put_record(&r);
  move_begin(&stage.move, MOVE_13, MOVE_OPERANDS);
  put_words(&r);
  memcpy(words, stage.move.payload, stage.move.length);
  struct referee_site site = {&r, 5, stage.frame.first_step, stage.frame.seed};
  uint32_t result, deniable;
  bool right = referee_words(&site, 0, words, stage.move.length / 4u, &result, &deniable, NULL);
  assert(right);
  for (int i = 0; i < 4; i++) stage.game.posted[i] = (uint8_t)(result >> (8 * i));
  stage.game.posted_count = 2;
  stage.game.index = 5;
  stage.game.awaits = MOVE_13;
}

static void operand_message(void) {
  struct tape_record r = fold_of(CANON_FMA, 64, REFEREE_CHUNK);
  case_begin();
  put_record(&r);
  stage.game.posted_count = element_words(&r, 0);
  stage.game.index = 5;
  stage.game.awaits = MOVE_14;
  move_begin(&stage.move, MOVE_14, MOVE_OPERAND);
  move_put_u16(&stage.move, (uint16_t)(stage.game.posted_count - 1));
}

static void proof_message(void) {
  uint8_t leaf[TAPE_LEAF_BYTES], path[MOVE_TREE_HEIGHT_MAX * MERKLE_BYTES], hash[MERKLE_BYTES];
  struct tape_record r = fold_of(CANON_FMA, 64, REFEREE_CHUNK);
  case_begin();
  put_record(&r);
  draw_bytes(leaf, sizeof leaf);
  draw_bytes(path, sizeof path);
  merkle_leaf(leaf, sizeof leaf, hash);
  merkle_climb(hash, TAPE_LEAVES_MAX - 1, path, MOVE_TREE_HEIGHT_MAX, stage.game.before);
  stage.game.operand = (struct referee_operand){.space = TAPE_IN, .dtype = TAPE_U8, .leaf = TAPE_LEAVES_MAX - 1};
  stage.game.posted_count = 1;
  stage.game.posted[0] = leaf[0];
  stage.game.awaits = MOVE_15;
  move_begin(&stage.move, MOVE_15, MOVE_PROOF);
  move_put_bytes(&stage.move, leaf, sizeof leaf);
  move_put_bytes(&stage.move, path, sizeof path);
}

static const struct {
  const char *name;
  void (*make)(void);
} messages[] = {{"STEPS, 256 roots", steps_message},
                {"VALUES, 128 + 128 nodes", values_message},
                {"NODE, of 128", top_node_message},
                {"EXPRESS, height 23", express_message},
                {"SLAB, 256 nodes", slab_message},
                {"NODE, of a slab", node_message},
                {"LEAF", leaf_message},
                {"CASE, dot of 2,048 chunks", results_message},
                {"CASE, dot of 512", dot_message},
                {"CASE, put of 512", put_message},
                {"CASE, fold of 512, 24 sqrt", fold_sqrt_message},
                {"CASE, fold of 512, 10 sqrt 54 fma", fold_some_sqrt_message},
                {"CASE, fold of 512, 3 log", fold_log_message},
                {"CASE, fold of 512, 3 erf", fold_erf_message},
                {"CASE, fold of 512, 64 fma", fold_fma_message},
                {"CASE, fold of 512, 1 tanh 63 sums", fold_tanh_sums_message},
                {"CASE, map, 64 erf", map_erf_message},
                {"CASE, map, 64 sqrt", map_sqrt_message},
                {"CASE, map, 64 perm of 6 walks", map_perm_message},
                {"OPERANDS, fold of 512, 24 sqrt", operands_message},
                {"OPERAND, last of 2,052", operand_message},
                {"PROOF, height 23", proof_message}};

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Microseconds of each hearing, in ascending order. */
static void measure(double us[REFEREE_BENCH_REPETITIONS]) {
  static struct dispute game;
  for (int i = 0; i < REFEREE_BENCH_REPETITIONS; i++) {
    struct why why = {""};
    game = stage.game;
    double start = seconds();
    enum dispute_status status = dispute_hear(&game, &stage.frame, &stage.move, 0, &why);
    us[i] = 1e6 * (seconds() - start);
    if (status != DISPUTE_HEARD) fprintf(stderr, "referee_bench: %s\n", why.text);
    assert(status == DISPUTE_HEARD && "a benchmark's message is legal");
  }
  qsort(us, REFEREE_BENCH_REPETITIONS, sizeof *us, ascending);
}

int referee_bench(const char *only, bool json, FILE *out) {
  int lines = 0, above = 0;
  for (size_t n = 0; n < sizeof messages / sizeof *messages; n++) {
    if (only && !strstr(messages[n].name, only)) continue;
    double us[REFEREE_BENCH_REPETITIONS];
    messages[n].make();
    measure(us);
    double middle = us[REFEREE_BENCH_REPETITIONS / 2], largest = us[REFEREE_BENCH_REPETITIONS - 1];
    bool within = middle <= REFEREE_BENCH_BOUND_US;
    if (json)
      fprintf(out, "{\"name\": \"referee\", \"size\": \"%s\", \"us\": %.1f, \"max_us\": %.1f, \"bound_us\": %d}\n",
              messages[n].name, middle, largest, REFEREE_BENCH_BOUND_US);
    else
      fprintf(out, "referee %-34s %8.1f us (at most %.1f)  bound %d%s\n", messages[n].name, middle, largest,
              REFEREE_BENCH_BOUND_US, within ? "" : "  ABOVE");
    fflush(out);
    lines++;
    above += !within;
  }
  return !lines ? 2 : above ? 1 : 0;
}
