#include "dispute/world/vary.h"

#include <string.h>

#include "tape/element/element.h"

struct varying {
  const struct dispute *d;
  const struct dispute_frame *f;
  const struct evidence *e;
  const struct move *move;
  struct move other;
  vary_take *take;
  void *context;
  uint32_t count;
};

static void begin(struct varying *v) { memcpy(&v->other, v->move, sizeof v->other); }

static void give(struct varying *v, const char *what) {
  const struct move *a = v->move, *b = &v->other;
  if (a->number == b->number && a->kind == b->kind && a->length == b->length &&
      memcmp(a->payload, b->payload, a->length) == 0)
    return;
  v->count++;
  v->take(v->context, b, what);
}

static uint64_t field_at(const struct move *m, uint32_t at, uint32_t size) {
  uint64_t x = 0;
  for (uint32_t b = 0; b < size; b++) x |= (uint64_t)m->payload[at + b] << 8 * b;
  return x;
}

static void set_field(struct move *m, uint32_t at, uint32_t size, uint64_t x) {
  for (uint32_t b = 0; b < size; b++) m->payload[at + b] = (uint8_t)(x >> 8 * b);
}

/* An integer: its neighbours, single bits, the least and the greatest. */
static void vary_field(struct varying *v, uint32_t at, uint32_t size, const char *what) {
  uint64_t x = field_at(v->move, at, size);
  const uint64_t others[] = {x + 1, x - 1,      x + 2,           x - 2,  0,       1,
                             2,     UINT64_MAX, UINT64_MAX >> 1, x ^ 16, x ^ 256, x + 256};
  for (uint32_t i = 0; i < sizeof others / sizeof *others; i++) {
    begin(v);
    set_field(&v->other, at, size, others[i]);
    give(v, what);
  }
}

/* Bits of a region: at its ends, in its middle, and here and there. */
static void vary_bytes(struct varying *v, uint32_t at, uint32_t length, const char *what) {
  static const uint8_t masks[] = {0x01, 0x80, 0xff};
  if (!length) return;
  const uint32_t places[] = {0, length - 1, length / 2, length / 3, length * 5 / 7};
  for (uint32_t p = 0; p < sizeof places / sizeof *places; p++)
    for (uint32_t i = 0; i < sizeof masks; i++) {
      begin(v);
      v->other.payload[at + places[p]] ^= masks[i];
      give(v, what);
    }
}

static void vary_head(struct varying *v) {
  for (uint8_t number = 0; number <= MOVE_NUMBER_MAX + 1; number++) {
    begin(v);
    v->other.number = number;
    give(v, "number");
  }
  for (uint8_t kind = 0; kind <= MOVE_KINDS_MAX + 1; kind++) {
    begin(v);
    v->other.kind = kind;
    give(v, "kind");
  }
  static const int32_t changes[] = {-1, 1, -4, 4, -32, 32, -64, 64};
  for (uint32_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    int32_t length = v->move->length + changes[i];
    begin(v);
    if (length < 0 || length > MOVE_PAYLOAD_MAX) continue;
    if (changes[i] > 0) memset(v->other.payload + v->move->length, 0, (size_t)changes[i]);
    v->other.length = (uint16_t)length;
    give(v, "length");
  }
  begin(v);
  v->other.length = 0;
  give(v, "nothing");
}

/* Words: each single one changed in its lowest and highest bit (of many, the first and the last hundred), made a NaN,
 * zero; neighbours exchanged. */
static void vary_words(struct varying *v, uint32_t at) {
  uint32_t count = (v->move->length - at) / 4;
  for (uint32_t n = 0; n < count; n++) {
    if (n > 100 && n + 100 < count) continue;
    uint32_t place = at + 4 * n, word = (uint32_t)field_at(v->move, place, 4);
    const uint32_t others[] = {word ^ 1, word ^ 0x80000000, 0, 0x7fc00000, 0x7f800001, word + 1};
    for (uint32_t i = 0; i < sizeof others / sizeof *others; i++) {
      begin(v);
      set_field(&v->other, place, 4, others[i]);
      give(v, "word");
    }
    if (n + 1 == count) break;
    begin(v);
    memcpy(v->other.payload + place, v->move->payload + place + 4, 4);
    memcpy(v->other.payload + place + 4, v->move->payload + place, 4);
    give(v, "words exchanged");
  }
}

/* Every record of the tape, truly there, with the words that it reads for an element of that number. */
static void vary_record(struct varying *v) {
  const struct tape *t = v->e->tape[v->f->step_tape[v->d->j - 1]];
  uint32_t element = (uint32_t)field_at(v->move, 0, 2);
  for (uint32_t n = 1; n <= t->records_count; n++) {
    const struct tape_record *r = &t->record[n - 1];
    uint8_t bytes[TAPE_RECORD_BYTES_MAX], path[MOVE_TAPE_HEIGHT_MAX * MERKLE_BYTES], words[4 * MOVE_WORDS_MAX];
    size_t length = record_encode(r, bytes, sizeof bytes);
    if (element >= record_elements(r)) continue;
    uint32_t count = evidence_words(v->e, r, element, 0, words);
    tape_path(t, n, path);
    for (uint32_t zero = 0; zero < 2; zero++) {
      move_begin(&v->other, MOVE_11, MOVE_CASE);
      move_put_u16(&v->other, (uint16_t)element);
      move_put_u16(&v->other, (uint16_t)n);
      move_put_u16(&v->other, (uint16_t)length);
      move_put_bytes(&v->other, bytes, length);
      move_put_bytes(&v->other, path, (size_t)merkle_height((uint64_t)t->records_count + 1) * MERKLE_BYTES);
      if (zero) memset(words, 0, sizeof words);
      move_put_bytes(&v->other, words, element_chunks(r) > 1 ? (size_t)4 * element_chunks(r) : (size_t)4 * count);
      give(v, "another record");
    }
  }
}

/* element u16 | record u16 | length u16 | record | path | words */
static void vary_case(struct varying *v) {
  uint32_t length = (uint32_t)field_at(v->move, 4, 2);
  uint32_t path = merkle_height((uint64_t)dispute_tape_now(v->d, v->f)->records + 1) * MERKLE_BYTES;
  for (uint32_t element = 0; element <= TAPE_LEAF_BYTES; element += element < 20 ? 1 : 509) {
    begin(v);
    set_field(&v->other, 0, 2, element);
    give(v, "element");
  }
  vary_field(v, 0, 2, "element");
  for (uint32_t record = 0; record < 16; record++) {
    begin(v);
    set_field(&v->other, 2, 2, record);
    give(v, "record");
  }
  vary_field(v, 2, 2, "record");
  vary_field(v, 4, 2, "record length");
  for (uint32_t b = 0; b < length; b++) { /* each byte of the record: dims, operands, literals, body */
    begin(v);
    v->other.payload[6 + b] ^= 1;
    give(v, "record bytes");
  }
  vary_bytes(v, 6 + length, path, "path");
  vary_words(v, 6 + length + path);
}

/* V | nodes of V | nodes of S_j: bits; and V made to fit a node that was changed, so that all hashes up. */
static void vary_values(struct varying *v) {
  uint32_t height = dispute_height(v->d, v->f, TAPE_TEMP, 0), temps = 1u << (height - move_top_level(height));
  vary_bytes(v, 0, MERKLE_BYTES, "V");
  vary_bytes(v, MERKLE_BYTES, temps * MERKLE_BYTES, "nodes of V");
  vary_bytes(v, (1 + temps) * MERKLE_BYTES, v->move->length - (1 + temps) * MERKLE_BYTES, "nodes of S");
  for (uint32_t n = 0; n < temps; n++) {
    uint8_t row[MOVE_TOP_NODES_MAX * MERKLE_BYTES];
    begin(v);
    v->other.payload[(1 + n) * MERKLE_BYTES + n % MERKLE_BYTES] ^= 1;
    memcpy(row, v->other.payload + MERKLE_BYTES, (size_t)temps * MERKLE_BYTES);
    merkle_fold(row, temps, v->other.payload);
    give(v, "a node of V that nothing hashes to");
    memcpy(v->other.payload + (1 + n) * MERKLE_BYTES, v->move->payload + (1 + (n + 1) % temps) * MERKLE_BYTES,
           MERKLE_BYTES);
    memcpy(row, v->other.payload + MERKLE_BYTES, (size_t)temps * MERKLE_BYTES);
    merkle_fold(row, temps, v->other.payload);
    give(v, "another node of V in its place");
  }
}

void vary_move(const struct dispute *d, const struct dispute_frame *f, const struct evidence *e, const struct move *m,
               vary_take *take, void *context, uint32_t *count) {
  struct varying v = {.d = d, .f = f, .e = e, .move = m, .take = take, .context = context};
  vary_head(&v);
  switch ((enum move_kind)m->kind) {
  case MOVE_CHALLENGE: break;
  case MOVE_VALUES: vary_values(&v); break;
  case MOVE_NODE:
    if (m->number == MOVE_5) vary_field(&v, 0, 1, "space");
    vary_field(&v, m->number == MOVE_5, 4, "index");
    break;
  case MOVE_EXPRESS:
    vary_field(&v, 0, 1, "space");
    vary_field(&v, 1, 4, "leaf");
    vary_bytes(&v, 5, MERKLE_BYTES, "leaf hash");
    vary_bytes(&v, 5 + MERKLE_BYTES, m->length - 5u - MERKLE_BYTES, "path");
    break;
  case MOVE_CASE:
    vary_case(&v);
    vary_record(&v);
    break;
  case MOVE_STEP:
  case MOVE_CHUNK:
  case MOVE_OPERAND: vary_field(&v, 0, 2, "number named"); break;
  case MOVE_OPERANDS: vary_words(&v, 0); break;
  case MOVE_STEPS:
  case MOVE_SLAB: vary_bytes(&v, 0, m->length, "nodes"); break;
  case MOVE_LEAF: vary_bytes(&v, 0, m->length, "leaf"); break;
  case MOVE_PROOF:
    vary_field(&v, d->operand.offset, tape_dtype_bytes(d->operand.dtype), "proven word");
    vary_bytes(&v, 0, TAPE_LEAF_BYTES, "leaf");
    vary_bytes(&v, TAPE_LEAF_BYTES, m->length - (uint32_t)TAPE_LEAF_BYTES, "path");
    break;
  }
  *count += v.count;
}
