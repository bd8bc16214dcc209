/* The records that weave puts together: tensors whose dims have names, and drafts of records over these names. For
 * stage_weave.c alone. */
#ifndef TAPE_STAGE_WEAVE_RECORDS_H
#define TAPE_STAGE_WEAVE_RECORDS_H
#include "tape/execute/stage/stage_weave.h"
#include "tape/record/example.h"

enum {
  WEAVE_VALUES = 200,
  WEAVE_OPERANDS = 6,
  WEAVE_SHOWN_MAX = 1 << 17,
  WEAVE_SCORES_MAX = 150000,
  WEAVE_TERMS_MAX = 3000000
};

/* Names of dims: batch, place, the other place of a score, head, width of a head, hidden. */
enum { B, T, S, H, D, F, NAMES };

struct tensor {
  struct stage_value v;
  uint8_t dims, dim[4]; /* names, the outermost first */
  bool score;           /* has S */
};

struct weave {
  struct stage *s;
  uint64_t draw;
  bool merges; /* dims of records that lie side by side may be one */
  uint32_t extent[NAMES], values;
  struct tensor value[WEAVE_VALUES];
};

static inline uint32_t below(struct weave *w, uint32_t n) { return (uint32_t)(example_next(&w->draw) >> 33) % n; }

bool weave_has(const struct tensor *t, uint8_t name);
void weave_shuffle(struct weave *w, uint8_t *name, uint32_t n);

/* weave_data adds a data tensor. WILD: some of its elements are special. The pointer lives as long as w. */
struct tensor *weave_data(struct weave *w, uint8_t dims, const uint8_t *dim, enum stage_content content);

/* weave_show writes t into a state entry of its own, back to front or as the larger of it and what is there; nothing if
 * t has more elements than WEAVE_SHOWN_MAX. */
void weave_show(struct weave *w, const struct tensor *t);

/* A record under way: names of its dims, `out` of outputs, then `k` of what it sums over. */
struct draft {
  uint8_t op, reducer, out, k, name[12];
  uint32_t operands;
  struct {
    struct tensor t;
    uint8_t as[4];        /* names in the record */
    bool turned, shifted; /* along its first dim: back to front, or one further */
  } of[WEAVE_OPERANDS];
};

/* weave_operand adds t, whose T is the record's S and the other way round if t_as_s. */
void weave_operand(struct draft *d, const struct tensor *t, bool t_as_s);
/* weave_turn swaps a product's two operands, every other time. */
void weave_turn(struct weave *w, struct draft *d);
/* weave_finish makes the record, without its body. weave_keep adds it to the tape; its value is the next of w. */
struct tape_record weave_finish(struct weave *w, const struct draft *d);
struct tensor *weave_keep(struct weave *w, const struct draft *d, const struct tape_record *r);
/* Pieces of a body: a literal; the register `last` times step(x) / 8. */
uint8_t weave_number(struct tape_record *r, float by);
uint8_t weave_step(struct tape_record *r, uint8_t last);

/* Records of values drawn from all there are, late ones more often; none where those drawn do not fit. */
void weave_map(struct weave *w);     /* of a tensor and of others that have no more dims than it */
void weave_odd_map(struct weave *w); /* rows by an index, every other one, a neighbour's, or through u8 or i32 */
void weave_taps(struct weave *w);    /* a product along places and taps, or also its filter's gradient */
void weave_fold(struct weave *w);    /* over some dims, with another tensor perhaps */
void weave_product(struct weave *w); /* along dims that both have */

#endif
