/* verdict: what follows from one: who pays, what becomes of the attempt. For this folder. LEDGER 11.8 to 11.11. */
#ifndef LEDGER_DOCKET_VERDICT_H
#define LEDGER_DOCKET_VERDICT_H
#include "ledger/docket/docket.h"

/* verdict_act: the dispute r of the attempt is decided and closed. Rows 34 and 35 of 8.2 follow at once where they
 * do. */
void verdict_act(struct chain *c, struct task_record *t, const struct docket_record *r,
                 const struct dispute_verdict *v);

#endif
