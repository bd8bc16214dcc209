#include "dispute/moves/move.h"
#include "base/bytes.h"
#include <assert.h>

/* The rows of PROTOCOL P2: which numbers a kind may have (bit n: number n), and the payload's length: from `least`, in
 * units of `unit` more, to `most`. */
static const struct {
  const char *name;
  uint32_t numbers;
  uint16_t least, unit, most;
} row[MOVE_KINDS_MAX + 1] = {
    [MOVE_CHALLENGE] = {"CHALLENGE", 1u << MOVE_OPEN, MOVE_CHALLENGE_BYTES, 1, MOVE_CHALLENGE_BYTES},
    [MOVE_STEPS] = {"STEPS", 1u << MOVE_2, 2 * MERKLE_BYTES, MERKLE_BYTES, MOVE_STEPS_MAX *MERKLE_BYTES},
    [MOVE_STEP] = {"STEP", 1u << MOVE_3, 2, 1, 2},
    [MOVE_VALUES] = {"VALUES", 1u << MOVE_4, 3 * MERKLE_BYTES, MERKLE_BYTES,
                     (1 + 2 * MOVE_TOP_NODES_MAX) * MERKLE_BYTES},
    [MOVE_NODE] = {"NODE", 1u << MOVE_5 | 1u << MOVE_7 | 1u << MOVE_9, 4, 1, 5},
    [MOVE_SLAB] = {"SLAB", 1u << MOVE_6 | 1u << MOVE_8, MOVE_SLAB_NODES *MERKLE_BYTES, 1,
                   MOVE_SLAB_NODES *MERKLE_BYTES},
    [MOVE_LEAF] = {"LEAF", 1u << MOVE_10, TAPE_LEAF_BYTES, 1, TAPE_LEAF_BYTES},
    [MOVE_CASE] = {"CASE", 1u << MOVE_11, 6, 1, MOVE_CASE_BYTES_MAX},
    [MOVE_CHUNK] = {"CHUNK", 1u << MOVE_12, 2, 1, 2},
    [MOVE_OPERANDS] = {"OPERANDS", 1u << MOVE_13, 0, 4, 4 * MOVE_WORDS_MAX},
    [MOVE_OPERAND] = {"OPERAND", 1u << MOVE_14, 2, 1, 2},
    [MOVE_PROOF] = {"PROOF", 1u << MOVE_15, TAPE_LEAF_BYTES, MERKLE_BYTES,
                    TAPE_LEAF_BYTES + MOVE_TREE_HEIGHT_MAX *MERKLE_BYTES},
    [MOVE_EXPRESS] = {"EXPRESS", 1u << MOVE_5, 5 + MERKLE_BYTES, MERKLE_BYTES,
                      5 + (1 + MOVE_TREE_HEIGHT_MAX) * MERKLE_BYTES},
};

const char *move_kind_name(uint8_t kind) { return kind >= 1 && kind <= MOVE_KINDS_MAX ? row[kind].name : "?"; }

bool move_by_claimant(uint8_t number) {
  return number == MOVE_12 || number == MOVE_14 || (number < 12 && number % 2 == 0);
}

uint32_t move_top_level(uint32_t height) { return height > 15 ? 16 : height >= 8 ? 8 : 0; }

/* A move that its number, kind and length allow; what the game wants of it is another question. */
static bool well_formed(const struct move *m, struct why *why) {
  if (m->number < 1 || m->number > MOVE_NUMBER_MAX || m->kind < 1 || m->kind > MOVE_KINDS_MAX ||
      !(row[m->kind].numbers >> m->number & 1)) {
    why_set(why, "move %u cannot be of kind %u", m->number, m->kind);
    return false;
  }
  uint32_t least = row[m->kind].least, most = row[m->kind].most;
  if (m->kind == MOVE_NODE) least = most = m->number == MOVE_5 ? 5 : 4;
  if (m->length < least || m->length > most || (m->length - least) % row[m->kind].unit) {
    why_set(why, "move %u: a %s of %u bytes; it has %u to %u", m->number, row[m->kind].name, m->length, least, most);
    return false;
  }
  return true;
}

size_t move_encode(const struct move *m, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  if (!well_formed(m, NULL)) return 0;
  put_u8(&w, m->number);
  put_u8(&w, m->kind);
  put_u16(&w, m->length);
  put_bytes(&w, m->payload, m->length);
  return w.full ? 0 : bytes_written(&w);
}

bool move_decode(const uint8_t *bytes, size_t length, struct move *out, struct why *why) {
  struct reader r = reader_over(bytes, length);
  uint8_t number = take_u8(&r), kind = take_u8(&r);
  uint16_t payload_length = take_u16(&r);
  const uint8_t *payload = take_bytes(&r, payload_length);
  if (!bytes_done(&r) || payload_length > MOVE_PAYLOAD_MAX) {
    why_set(why, "a move of %zu bytes does not say so itself", length);
    return false;
  }
  /* The head alone decides whether it is well formed; nothing is written before. */
  struct move head;
  head.number = number;
  head.kind = kind;
  head.length = payload_length;
  if (!well_formed(&head, why)) return false;
  out->number = number;
  out->kind = kind;
  out->length = payload_length;
  memcpy(out->payload, payload, payload_length);
  return true;
}

static struct reader over(const struct move *m) { return reader_over(m->payload, m->length); }

bool move_take_challenge(const struct move *m, struct move_challenge *out) {
  struct reader r = over(m);
  struct move_challenge c;
  const uint8_t *root = take_bytes(&r, MERKLE_BYTES);
  c.task = take_u32(&r);
  c.interval = take_u16(&r);
  c.inner = take_u16(&r);
  if (!bytes_done(&r)) return false;
  memcpy(c.job_root, root, MERKLE_BYTES);
  *out = c;
  return true;
}

bool move_take_steps(const struct move *m, uint16_t steps, const uint8_t **roots) {
  if (m->length != steps * MERKLE_BYTES) return false;
  *roots = m->payload;
  return true;
}

bool move_take_step(const struct move *m, uint16_t *j) { return move_take_u16(m, j); }

bool move_take_values(const struct move *m, uint32_t temp_height, uint32_t out_height, struct move_values *out) {
  uint32_t temps = 1u << (temp_height - move_top_level(temp_height)),
           outs = 1u << (out_height - move_top_level(out_height));
  if (m->length != (1 + temps + outs) * MERKLE_BYTES) return false;
  *out = (struct move_values){.root = m->payload,
                              .temp_nodes = m->payload + MERKLE_BYTES,
                              .out_nodes = m->payload + (1 + temps) * MERKLE_BYTES,
                              .temp_count = temps,
                              .out_count = outs};
  return true;
}

bool move_take_node(const struct move *m, struct move_node *out) {
  struct reader r = over(m);
  struct move_node n = {.space = 0};
  if (m->number == MOVE_5) n.space = take_u8(&r);
  n.index = take_u32(&r);
  if (!bytes_done(&r)) return false;
  *out = n;
  return true;
}

bool move_take_express(const struct move *m, uint32_t temp_height, uint32_t out_height, struct move_express *out) {
  struct reader r = over(m);
  struct move_express x;
  x.space = take_u8(&r); /* one after the other: initialisers have no order */
  x.leaf = take_u32(&r);
  if (x.space != TAPE_TEMP && x.space != TAPE_OUT) return false;
  x.hash = take_bytes(&r, MERKLE_BYTES);
  x.path = take_bytes(&r, (x.space == TAPE_TEMP ? temp_height : out_height) * (size_t)MERKLE_BYTES);
  if (!bytes_done(&r)) return false;
  *out = x;
  return true;
}

bool move_take_slab(const struct move *m, const uint8_t **nodes) {
  if (m->length != MOVE_SLAB_NODES * MERKLE_BYTES) return false;
  *nodes = m->payload;
  return true;
}

bool move_take_leaf(const struct move *m, const uint8_t **leaf) {
  if (m->length != TAPE_LEAF_BYTES) return false;
  *leaf = m->payload;
  return true;
}

bool move_take_case(const struct move *m, uint32_t tape_height, struct move_case *out) {
  struct reader r = over(m);
  struct move_case c;
  c.element = take_u16(&r);
  c.record = take_u16(&r);
  c.record_length = take_u16(&r);
  if (c.record_length > TAPE_RECORD_BYTES_MAX) return false;
  c.record_bytes = take_bytes(&r, c.record_length);
  c.path = take_bytes(&r, tape_height * (size_t)MERKLE_BYTES);
  size_t left = bytes_left(&r);
  if (r.short_of || left % 4 || left / 4 > MOVE_WORDS_MAX) return false;
  c.words_count = (uint32_t)(left / 4);
  c.words = take_bytes(&r, left);
  *out = c;
  return true;
}

bool move_take_u16(const struct move *m, uint16_t *out) {
  struct reader r = over(m);
  uint16_t x = take_u16(&r);
  if (!bytes_done(&r)) return false;
  *out = x;
  return true;
}

bool move_take_words(const struct move *m, const uint8_t **words, uint32_t *count) {
  if (m->length % 4 || m->length / 4 > MOVE_WORDS_MAX) return false;
  *words = m->payload;
  *count = m->length / 4u;
  return true;
}

bool move_take_proof(const struct move *m, uint32_t height, struct move_proof *out) {
  if (m->length != TAPE_LEAF_BYTES + height * MERKLE_BYTES) return false;
  *out = (struct move_proof){.leaf = m->payload, .path = m->payload + TAPE_LEAF_BYTES};
  return true;
}

void move_begin(struct move *m, uint8_t number, uint8_t kind) {
  m->number = number;
  m->kind = kind;
  m->length = 0;
}

void move_put_bytes(struct move *m, const void *bytes, size_t length) {
  assert(length <= (size_t)MOVE_PAYLOAD_MAX - m->length);
  if (length) memcpy(m->payload + m->length, bytes, length);
  m->length = (uint16_t)(m->length + length);
}

static void put_integer(struct move *m, uint32_t x, size_t length) {
  uint8_t bytes[4];
  for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)(x >> (8 * i));
  move_put_bytes(m, bytes, length);
}
void move_put_u8(struct move *m, uint8_t x) { put_integer(m, x, 1); }
void move_put_u16(struct move *m, uint16_t x) { put_integer(m, x, 2); }
void move_put_u32(struct move *m, uint32_t x) { put_integer(m, x, 4); }

uint32_t move_word(const uint8_t *words, uint32_t n) {
  struct reader r = reader_over(words + 4 * (size_t)n, 4);
  return take_u32(&r);
}
