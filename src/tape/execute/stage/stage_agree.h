/* stage_agree: one tape under several plans against the definition. For tests of this folder. Uses: stage. */
#ifndef TAPE_STAGE_AGREE_H
#define TAPE_STAGE_AGREE_H
#include "tape/execute/stage/stage.h"

/* stage_agrees fills the tape's counts, has tape_check look at it, and runs two steps of it, plain and under `variants`
 * plans: back ends in turn, with and without threads, temps kept or not. false: they differ, or the tape is refused;
 * the first difference is printed. A tape without state compares its temps alone. alter, unless NULL: in all of them,
 * and then every plan keeps its temps. */
bool stage_agrees(struct stage *s, uint64_t seed, uint32_t variants, struct pool *pool,
                  const struct execute_alteration *alter);

#endif
