/* Which records run in one pass. */
#include <string.h>

#include "numeric/canon.h"
#include "tape/execute/fold/fold.h"
#include "tape/execute/map/map.h"
#include "tape/execute/plan/axis.h"

/* A pass has the dims of its first record, k behind the outputs. WHOLE: a map of all of them; of the others the values
 * have a word a row, a row being the last dim: what a fold over it leaves, and maps of such words (a last dim of 1 is
 * none). */
enum role { STRANGER, WHOLE, ROW_FOLD, ROW_MAP };

static enum role role_in(const struct tape_record *first, const struct tape_record *r) {
  uint32_t rank = axis_rank(first), outer = rank ? rank - 1 : 0;
  if (r->out_rank < outer || r->out_rank > rank || memcmp(first->dim, r->dim, outer * sizeof r->dim[0]) != 0)
    return STRANGER;
  bool same_last = rank == 0 || r->dim[outer] == first->dim[outer];
  if (r->op == TAPE_MAP && r->out_rank == rank && same_last) return WHOLE;
  if (r->op == TAPE_MAP) return r->out_rank == outer || r->dim[outer] == 1 ? ROW_MAP : STRANGER;
  return r->op == TAPE_FOLD && r->out_rank == outer && r->k_rank == 1 && same_last ? ROW_FOLD : STRANGER;
}

bool map_by_rows(const struct tape_record *first, const struct tape_record *r) { return role_in(first, r) != WHOLE; }

/* Numbers of outputs and of k mean another thing in a map than in a fold, and coordinates none for words of rows. */
static bool may_mix(const struct tape_record *r, enum role role) {
  if (r->space != TAPE_TEMP) return false;
  for (uint8_t b = 0; b < r->body_ops; b++) {
    uint8_t code = r->body[b].code;
    if (code == CANON_KLIN || code == CANON_LIN) return false;
    if (role == ROW_MAP && (code == CANON_COORD || code == CANON_RAND || code == CANON_PERM)) return false;
  }
  if (role == WHOLE) return true;
  if (r->dtype != TAPE_F32) return false;
  if (role == ROW_MAP) return true;
  bool tree = r->reducer == TAPE_LANES || r->reducer == TAPE_FMAX || r->reducer == TAPE_FMIN;
  return tree && r->dim[r->out_rank] <= CANON_CHUNK && fold_along_rows(r);
}

static uint32_t nodes_most(const struct tape_record *r) {
  return 2 * (uint32_t)r->operands + r->literals + r->body_ops + 4;
}

bool map_joins(const struct execute *x, uint32_t from, uint32_t next) {
  const struct tape_record *all = x->tape->record, *r = &all[next];
  enum role role = role_in(&all[from], r);
  uint32_t nodes = nodes_most(r), rank = axis_rank(&all[from]);
  bool folds = role == ROW_FOLD, mixes = true;
  if (role == STRANGER || role_in(&all[from], &all[from]) == STRANGER) return false;
  for (uint32_t q = from; q < next; q++) {
    enum role before = role_in(&all[from], &all[q]);
    nodes += nodes_most(&all[q]);
    folds |= before == ROW_FOLD;
    mixes &= may_mix(&all[q], before);
  }
  if (nodes > PROGRAM_NODES_MAX || (folds && !(mixes && may_mix(r, role))) || (role == ROW_MAP && !folds)) return false;
  for (uint8_t o = 0; o < r->operands; o++) {
    const struct tape_operand *of = &r->operand[o];
    uint32_t producer = of->space == TAPE_TEMP ? plan_producer(x, of->first_leaf) : 0;
    bool inside = of->space == TAPE_TEMP && producer >= from;
    bool row = inside && role_in(&all[from], &all[producer]) != WHOLE;
    if (role == ROW_MAP && !row) return false; /* words of rows alone */
    if (!inside || operand_walks(r, of, row ? rank - 1 : rank)) continue;
    if (inside && !row && role == WHOLE && operand_is_identity(r, of)) continue;
    return false;
  }
  return true;
}
