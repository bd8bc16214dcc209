#include "ledger/parameter/parameter.h"

#include <inttypes.h>

#include "base/bytes.h"

/* LEDGER 12.4: every number in the order of its encoding, with its bounds. What is later may only be 0. */
struct field {
  const char *name;
  size_t offset;
  uint8_t bytes;
  uint64_t least, most;
};
#define FIELD(name, least, most)                                                                                       \
  { #name, offsetof(struct parameters, name), sizeof((struct parameters *)0)->name, least, most }

enum { TICKS_MAX = 1000000, SHARE_MAX = 100000 };
static const uint64_t grain_max = UINT64_C(1) << 50;

static const struct field fields[] = {
    FIELD(version, 1, UINT32_MAX),
    FIELD(tick_ms, 0, 60000),
    FIELD(epoch, 1, TICKS_MAX),
    FIELD(window_offer, 1, TICKS_MAX),
    FIELD(window_work, 1, TICKS_MAX),
    FIELD(window_take, 1, TICKS_MAX),
    FIELD(window_publish, 1, TICKS_MAX),
    FIELD(window_seal, 1, TICKS_MAX),
    FIELD(window_show, 1, TICKS_MAX),
    FIELD(window_claim, 0, 0),
    FIELD(window_reveal, 0, 0),
    FIELD(window_disclose, 0, 0),
    FIELD(window_stalled, 1, TICKS_MAX),
    FIELD(turn, 1, TICKS_MAX),
    FIELD(slack, 0, TICKS_MAX),
    FIELD(keep_settled, 1, TICKS_MAX),
    FIELD(keep_tapes, 1, TICKS_MAX),
    FIELD(publish_rate, 1, UINT64_C(1) << 40),
    FIELD(posting_fee, 0, UINT64_C(1) << 50),
    FIELD(task_fee_min, 1, UINT64_C(1) << 50),
    FIELD(stake_min, 1, UINT64_C(1) << 50),
    FIELD(work_dot, 0, 1000),
    FIELD(work_body, 0, 1000),
    FIELD(work_bytes_half, 0, 1000),
    FIELD(gas_floor, 1, 1000000),
    FIELD(gas_lock, 0, 10000000),
    FIELD(seat_share, 1, SHARE_MAX),
    FIELD(solver_bond, 1, SHARE_MAX),
    FIELD(seat_bond, 1, SHARE_MAX),
    FIELD(forced_loss, 1, SHARE_MAX),
    FIELD(jackpot, 1, SHARE_MAX),
    FIELD(claim_bond, 1, SHARE_MAX),
    FIELD(protocol_share, 0, 1000),
    FIELD(finder, 0, 1000),
    FIELD(compensation, 0, 1000),
    FIELD(refuse_divisor, 1, 1000000),
    FIELD(late_divisor, 1, 1000000),
    FIELD(untaken_divisor, 1, 1000000),
    FIELD(unsealed, 0, SHARE_MAX),
    FIELD(slash_permille, 100, 1000),
    FIELD(forced_permille, 0, 0),
    FIELD(certificates_required, 0, 0),
    FIELD(classes, 1, CLASSES_MAX),
};
enum { FIELDS = sizeof fields / sizeof *fields };

static uint64_t get(const struct parameters *p, const struct field *f) {
  const uint8_t *at = (const uint8_t *)p + f->offset;
  uint32_t narrow;
  uint64_t wide;
  if (f->bytes == 1) return *at;
  if (f->bytes == 4) return memcpy(&narrow, at, 4), narrow;
  return memcpy(&wide, at, 8), wide;
}

static void set(struct parameters *p, const struct field *f, uint64_t x) {
  uint8_t *at = (uint8_t *)p + f->offset;
  uint32_t narrow = (uint32_t)x;
  if (f->bytes == 1)
    *at = (uint8_t)x;
  else if (f->bytes == 4)
    memcpy(at, &narrow, 4);
  else
    memcpy(at, &x, 8);
}

static bool in_bounds(const struct field *f, uint64_t x, struct why *why) {
  if (x >= f->least && x <= f->most) return true;
  why_set(why, "%s is %" PRIu64 "; it has to be %" PRIu64 " to %" PRIu64, f->name, x, f->least, f->most);
  return false;
}

size_t parameters_encode(const struct parameters *p, uint8_t bytes[PARAMETERS_BYTES_MAX]) {
  struct writer w = writer_over(bytes, PARAMETERS_BYTES_MAX);
  for (uint32_t i = 0; i < FIELDS; i++) put_little(&w, get(p, &fields[i]), fields[i].bytes);
  for (uint32_t i = 0; i < p->classes && i < CLASSES_MAX; i++) {
    const struct parameter_class *k = &p->class[i];
    put_u64(&w, k->dot_flops);
    put_u64(&w, k->body_ops);
    put_u64(&w, k->bytes);
    put_u64(&w, k->mem_mib);
  }
  return w.full ? 0 : bytes_written(&w);
}

bool parameters_decode(const uint8_t *bytes, size_t length, struct parameters *out, struct why *why) {
  struct reader r = reader_over(bytes, length);
  struct parameters p;
  memset(&p, 0, sizeof p);
  for (uint32_t i = 0; i < FIELDS; i++) {
    uint64_t x = take_little(&r, fields[i].bytes);
    if (r.short_of) return why_set(why, "%zu bytes are too few for parameters", length), false;
    if (!in_bounds(&fields[i], x, why)) return false; /* a bool or a count out of bounds never gets into p */
    set(&p, &fields[i], x);
  }
  for (uint32_t i = 0; i < p.classes; i++) {
    struct parameter_class *k = &p.class[i];
    k->dot_flops = take_u64(&r);
    k->body_ops = take_u64(&r);
    k->bytes = take_u64(&r);
    k->mem_mib = take_u64(&r);
  }
  if (!bytes_done(&r)) return why_set(why, "parameters do not end where their fields end"), false;
  if (!parameters_check(&p, why)) return false;
  *out = p;
  return true;
}

static bool classes_check(const struct parameters *p, struct why *why) {
  for (uint32_t i = 0; i < p->classes; i++) {
    const struct parameter_class *k = &p->class[i];
    if (!k->dot_flops || !k->body_ops || !k->bytes || !k->mem_mib || k->dot_flops > grain_max ||
        k->body_ops > grain_max || k->bytes > grain_max || k->mem_mib > UINT32_MAX)
      return why_set(why, "class %u: every rate and the memory have to be 1 to 2^50", i), false;
  }
  return true;
}

/* LEDGER 12.2 in thousandths of F. C is the cost of an honest run. */
enum { COST = 800, MARGIN = 1250 };

static bool inequalities(const struct parameters *p, struct why *why) {
  uint64_t at_stake = 1000 * 1000 + (uint64_t)(1000 - p->finder) * p->solver_bond;
  if (at_stake <= (uint64_t)COST * 1000)
    return why_set(why, "I1: a solver that skips all of its work gains: solver_bond is too small"), false;
  /* alpha = 1/2, and one seat: that of the cheapest level. */
  if (at_stake / 2 <= (uint64_t)COST * 1000)
    return why_set(why, "I2: a solver with half of the seats gains: solver_bond is too small"), false;
  if ((uint64_t)p->seat_share * 1000 < (uint64_t)MARGIN * COST)
    return why_set(why, "I5: an honest seat does not earn a quarter above its cost: seat_share is too small"), false;
  if (3 * (uint64_t)p->claim_bond * p->seat_share < 4 * (uint64_t)COST * 1000)
    return why_set(why, "I10: a lost claim does not pay for the defence: claim_bond is too small"), false;
  if (p->finder + p->compensation > 1000)
    return why_set(why, "I12: finder and compensation together are more than the bond"), false;
  return true;
}

bool parameters_check(const struct parameters *p, struct why *why) {
  for (uint32_t i = 0; i < FIELDS; i++)
    if (!in_bounds(&fields[i], get(p, &fields[i]), why)) return false;
  if (!p->work_dot && !p->work_body && !p->work_bytes_half) return why_set(why, "work has no weight"), false;
  return classes_check(p, why) && inequalities(p, why);
}
