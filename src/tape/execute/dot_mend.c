#include <math.h>
#include <string.h>

#include "numeric/canon.h"
#include "tape/element/element.h"
#include "tape/execute/dot.h"

struct mend_call {
  struct execute *x;
  const struct tape_record *record;
  struct place out, operand[2];
  uint64_t elements, grain;
  bool padded;
};

static bool can_leave(const struct tape_record *r, const struct tape_operand *o) {
  for (uint8_t a = 0; a < o->axes; a++) {
    int64_t low = o->axis[a].offset, high = low;
    for (uint8_t t = 0; t < o->axis[a].terms; t++) {
      int64_t far = (int64_t)o->axis[a].term[t].coef * ((int64_t)r->dim[o->axis[a].term[t].dim] - 1);
      *(far < 0 ? &low : &high) += far;
    }
    if (o->axis[a].div != 1 || low < 0 || high >= (int64_t)o->axis[a].extent) return true;
  }
  return false;
}

/* The rule of the element, given up at the first NaN: it would survive the chain and the chunk sums. */
static float exact(const struct mend_call *c, uint64_t index) {
  const struct tape_record *r = c->record;
  const float *a = (const float *)(const void *)place_at(c->x, c->operand[0]);
  const float *b = (const float *)(const void *)place_at(c->x, c->operand[1]);
  uint32_t count = record_k(r);
  float total = 0;
  for (uint32_t k = 0; k < count;) {
    float s = 0;
    for (uint32_t end = count - k < CANON_CHUNK ? count : k + CANON_CHUNK; k < end; k++) {
      uint64_t i, j;
      if (!element_address(r, 0, index, k, NULL, &i) || !element_address(r, 1, index, k, NULL, &j)) continue;
      s = fmaf(a[i], b[j], s);
      if (s != s) return s;
    }
    total = total + s;
    if (total != total) return total;
  }
  return total;
}

static void mend_task(void *context, uint32_t i, uint32_t thread) {
  (void)thread;
  const struct mend_call *c = context;
  uint32_t *out = (uint32_t *)(void *)place_at(c->x, c->out);
  uint64_t end = (i + 1) * c->grain < c->elements ? (i + 1) * c->grain : c->elements;
  for (uint64_t e = i * c->grain; e < end; e++) {
    if ((out[e] & 0x7fffffff) <= 0x7f800000) continue;
    float value = c->padded ? exact(c, e) : NAN;
    memcpy(&out[e], &value, 4);
    if (value != value) out[e] = CANON_NAN;
  }
}

void dot_mend(struct execute *x, const struct tape_record *r, struct place out) {
  struct mend_call c = {x,
                        r,
                        out,
                        {plan_operand_place(x, &r->operand[0]), plan_operand_place(x, &r->operand[1])},
                        record_elements(r),
                        1,
                        can_leave(r, &r->operand[0]) || can_leave(r, &r->operand[1])};
  c.grain = plan_grain(x, c.elements, 1000);
  pool_run(x->options.pool, (uint32_t)((c.elements + c.grain - 1) / c.grain), mend_task, &c);
}
