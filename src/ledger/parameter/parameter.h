/* parameter: the numbers that govern the chain, by version. LEDGER 4.2, 4.3, 12.
 *
 * Genesis fixes version 1; a task is judged to its end by the version of its JOB_POST. Uses: base. */
#ifndef LEDGER_PARAMETER_H
#define LEDGER_PARAMETER_H
#include "base/why.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLASSES_MAX = 8 };

/* What a machine of a class does in a tick, and its memory. LEDGER 5.2, 7.4 */
struct parameter_class {
  uint64_t dot_flops, body_ops, bytes, mem_mib;
};

struct parameters {
  uint32_t version;
  /* time: ticks, except tick_ms */
  uint32_t tick_ms, epoch, window_offer, window_work, window_take, window_publish, window_seal, window_show,
      window_claim, window_reveal, window_disclose, window_stalled, turn, slack, keep_settled, keep_tapes;
  uint64_t publish_rate; /* bytes a tick */
  /* prices, grain */
  uint64_t posting_fee, task_fee_min, stake_min;
  uint32_t work_dot, work_body, work_bytes_half; /* work = dot * dot flops + body * body ops + bytes_half * bytes / 2 */
  uint32_t gas_floor, gas_lock;                  /* gas_lock: gamma, in gas */
  /* shares, as fractions over 1,000 unless said otherwise */
  uint32_t seat_share;                                    /* 1250: phi = 1.25 F m' / N */
  uint32_t solver_bond;                                   /* 2000: B_s = 2 F */
  uint32_t seat_bond;                                     /* 16000: B_v = 16 phi */
  uint32_t forced_loss, jackpot;                          /* 8000 and 6000 of phi */
  uint32_t claim_bond;                                    /* 4000 of phi */
  uint32_t protocol_share;                                /* 20: X = 2 % of F */
  uint32_t finder, compensation;                          /* 250 of B_s each */
  uint32_t refuse_divisor, late_divisor, untaken_divisor; /* F / 64, F / 4, phi / 4 */
  uint32_t unsealed;                                      /* 2000 of phi */
  uint32_t slash_permille, forced_permille;               /* forced_permille 0: no baits */
  bool certificates_required;                             /* da_required */
  uint8_t classes;
  struct parameter_class class[CLASSES_MAX];
};

/* parameters_named gives the sets of LEDGER 12.3: "main", "devnet", "test"; false for another name. */
bool parameters_named(const char *name, struct parameters *out);

/* One encoding; parameters_decode takes exactly that and refuses what parameters_check does. */
enum { PARAMETERS_BYTES_MAX = 512 };
size_t parameters_encode(const struct parameters *p, uint8_t bytes[PARAMETERS_BYTES_MAX]);
bool parameters_decode(const uint8_t *bytes, size_t length, struct parameters *out, struct why *why);

/* parameters_check: every number within its bounds, and the inequalities of LEDGER 12.2 that hold without baits (I1,
 * I2, I5, I10, I12, I13; the others too where forced_permille > 0), in integers with the assumed cost share C / F = 800
 * / 1,000. */
bool parameters_check(const struct parameters *p, struct why *why);

#endif
