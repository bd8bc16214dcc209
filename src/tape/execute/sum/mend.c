#include "tape/execute/sum/mend.h"

#include <math.h>
#include <string.h>

#include "numeric/canon.h"
#include "tape/element/element.h"
#include "tape/execute/plan/axis.h"

struct mend_call {
  struct execute *x;
  const struct tape_record *record;
  const float *a, *b;
  uint32_t *out;
  uint64_t elements, grain;
  bool padded;
};

static bool can_leave(const struct tape_record *r, const struct tape_operand *o) {
  for (uint8_t a = 0; a < o->axes; a++)
    if (axis_leaves(r, &o->axis[a])) return true;
  return false;
}

/* The rule of the element, given up at the first NaN: it would survive the chain and the chunk sums. */
static float exact(const struct mend_call *c, uint64_t index) {
  const struct tape_record *r = c->record;
  uint32_t count = record_k(r);
  float total = 0;
  for (uint32_t k = 0; k < count;) {
    float s = 0;
    for (uint32_t end = count - k < CANON_CHUNK ? count : k + CANON_CHUNK; k < end; k++) {
      uint64_t i, j;
      if (!element_address(r, 0, index, k, NULL, &i) || !element_address(r, 1, index, k, NULL, &j)) continue;
      s = fmaf(c->a[i], c->b[j], s);
      if (s != s) return s;
    }
    total = total + s;
    if (total != total) return total;
  }
  return total;
}

static void mend(const struct mend_call *c, uint64_t first, uint64_t end) {
  uint32_t *out = c->out;
  for (uint64_t e = first; e < end; e++) {
    if ((out[e] & 0x7fffffff) <= 0x7f800000) continue;
    float value = c->padded ? exact(c, e) : NAN;
    memcpy(&out[e], &value, 4);
    if (value != value) out[e] = CANON_NAN;
  }
}

static void mend_task(void *context, uint32_t i, uint32_t thread) {
  (void)thread;
  const struct mend_call *c = context;
  mend(c, i * c->grain, (i + 1) * c->grain < c->elements ? (i + 1) * c->grain : c->elements);
}

static struct mend_call call_of(struct execute *x, const struct tape_record *r, struct place out, uint32_t thread) {
  const float *operand[2];
  for (int o = 0; o < 2; o++)
    operand[o] = (const float *)(const void *)place_at_thread(x, plan_operand_place(x, &r->operand[o]), thread);
  return (struct mend_call){x,
                            r,
                            operand[0],
                            operand[1],
                            (uint32_t *)(void *)place_at_thread(x, out, thread),
                            record_elements(r),
                            1,
                            can_leave(r, &r->operand[0]) || can_leave(r, &r->operand[1])};
}

void mend_dot(struct execute *x, const struct tape_record *r, struct place out) {
  struct mend_call c = call_of(x, r, out, 0);
  c.grain = plan_grain(x, c.elements, 1000);
  pool_run(x->options.pool, (uint32_t)((c.elements + c.grain - 1) / c.grain), mend_task, &c);
}

void mend_dot_part(struct execute *x, const struct tape_record *r, struct place out, uint64_t first, uint64_t end,
                   uint32_t thread) {
  struct mend_call c = call_of(x, r, out, thread);
  mend(&c, first, end);
}
