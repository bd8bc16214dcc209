/* solver: who solves an attempt: offers, the race between them, the bond, the work. For this folder. LEDGER 8.2. */
#ifndef LEDGER_SOLVER_H
#define LEDGER_SOLVER_H
#include "ledger/task/task.h"

/* solver_choose: rows 6 and 7, the timer of OPEN. solver_late: row 8, that of WORK. */
void solver_choose(struct chain *c, struct task_record *t);
void solver_late(struct chain *c, struct task_record *t);

/* The bond is locked stake. solver_pay lets a part of it flow away, at most what is left, and returns how much;
 * solver_free frees what is left of it, and of the gas lock. Both change the record, which the caller stores. */
uint64_t solver_pay(struct chain *c, struct payments *list, uint8_t row, struct task_record *t, const struct pocket *to,
                    uint64_t amount);
void solver_free(struct chain *c, struct payments *list, uint8_t row, struct task_record *t);

#endif
