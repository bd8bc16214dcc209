/* bundle: a prepared job as one simple binary file that a program without libraries can replay (tests/bits/replay.c).
 *
 *   "ASBUNDL\1" | steps u32 | interval_steps u32 | seed u64 | tapes u8 | data u8 | zero u16 | sections u32 |
 *   {repeat u32, entries u32, (tape u32, repeat u32)..}.. | per tape: length u64, the tape's file form |
 *   per data tensor: number u32, length u64, bytes | intervals u32 | state roots 32 x intervals (all zero: not known)
 *
 * Integers little endian. Uses: prepare. */
#ifndef TRAINING_BUNDLE_H
#define TRAINING_BUNDLE_H
#include "training/run/prepare.h"

/* bundle_write: roots holds p->intervals state roots (32 B each), or NULL. */
enum training_status bundle_write(const struct prepared *p, const uint8_t *roots, const char *path, struct why *why);

/* bundle_folder takes job and roots from the folder of a finished run. */
enum training_status bundle_folder(const char *folder, const struct prepare_options *options, const char *path,
                                   struct why *why);

#endif
