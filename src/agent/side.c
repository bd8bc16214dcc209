#include "agent/side.h"

#include <stdlib.h>
#include <string.h>

#include "agent/work.h"

struct side {
  const struct material *m;
  struct replay *replay;
  struct evidence evidence;
  uint32_t last; /* step of the interval that is lied about */
};

static bool of_root(void *context, uint32_t step) {
  const struct side *s = context;
  return step == s->last;
}

static enum training_status lie(void *context, const uint8_t *state, uint8_t *shown, uint8_t root[MERKLE_BYTES],
                                struct why *why) {
  const struct side *s = context;
  uint8_t *altered = shown ? shown : material_state(s->m);
  why_set(why, "no memory for a state that is a lie");
  if (!altered) return TRAINING_ERR_SYSTEM;
  memcpy(altered, state, s->m->state_leaves * TAPE_LEAF_BYTES);
  work_alter(s->m, altered);
  bool good = material_root(s->m, altered, root);
  if (!shown) free(altered);
  return good ? TRAINING_OK : TRAINING_ERR_SYSTEM;
}

enum material_status side_open(struct side **out, const struct material *m, const struct material_options *options,
                               uint32_t first, uint16_t steps, const uint8_t *start, bool lies, struct why *why) {
  struct side *s = calloc(1, sizeof *s);
  *out = NULL;
  if (!s) {
    why_set(why, "no memory");
    return MATERIAL_ERR_SYSTEM;
  }
  s->m = m;
  s->last = first + steps - 1;
  enum material_status status = material_replay(m, options, 0, &s->replay, why);
  if (status == MATERIAL_OK && lies) {
    struct replay_lies l = {.context = s, .of_root = of_root, .root = lie};
    replay_sabotage(s->replay, &l);
  }
  if (status == MATERIAL_OK) status = material_of(replay_evidence(s->replay, first, steps, start, &s->evidence, why));
  if (status != MATERIAL_OK) {
    side_shut(s);
    return status;
  }
  *out = s;
  return MATERIAL_OK;
}

void side_shut(struct side *s) {
  if (!s) return;
  if (s->replay) replay_shut(s->replay);
  free(s);
}

enum evidence_answer side_move(struct side *s, const struct dispute *d, const struct dispute_frame *f, struct move *out,
                               struct why *why) {
  if (dispute_turn(d) == DISPUTE_CLAIMANT) return claimant_next(d, f, &s->evidence, out, why);
  return challenger_next(d, f, &s->evidence, NULL, out, why);
}
