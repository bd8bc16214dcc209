/* view: the part of the chain's state that a role looks at, as the ledger's own records.
 *
 * A view fetches records through a port, checks that each is one of its kind, and keeps them in a map of its own that
 * has the chain's keys. view_chain lends that as a struct chain, so every reading function of the ledger works on it:
 * task_find, audit_seat, attempt_find, audit_root, job_cost, docket_dispute, chain_beacon. What was not fetched is not
 * there, so ask view_task first. Times: a look is of one moment of its task; what stands beside it may be a block
 * younger. What the node says is state is believed as far as the node is. Single thread. Uses: chain_port, ledger. */
#ifndef AGENT_VIEW_H
#define AGENT_VIEW_H
#include "agent/chain_port.h"
#include "ledger/docket/docket.h"
#include "ledger/provider/provider.h"

struct view;

bool view_open(struct view **out, const struct chain_port *port, struct why *why);
void view_shut(struct view *v);

/* view_now reads height, clock, prices and the parameters in force: ->now, ->parameters, ->genesis of view_chain. It is
 * the first thing of every turn, and it forgets what was fetched of tasks in the turn before. */
enum client_status view_now(struct view *v, struct why *why);
struct chain *view_chain(struct view *v); /* its map is for reading */

/* One record each; NONE where there is none, and then *out is untouched. */
enum client_status view_account(struct view *v, const uint8_t id[32], struct account *out, struct why *why);
enum client_status view_provider(struct view *v, const uint8_t account[32], struct provider *out, struct why *why);

/* view_job reads a job with its table, its tapes' records and its parameters: then job_cost, job_ticks and posted
 * records of view_chain work. view_tape reads a tape's bytes (heap, the caller frees), checked against root, and
 * view_layout the bytes of a full layout table, against its hash. */
enum client_status view_job(struct view *v, const uint8_t job[32], struct job_stored *out, struct why *why);
enum client_status view_tape(struct view *v, const uint8_t root[32], uint8_t **bytes, size_t *length, struct why *why);
enum client_status view_layout(struct view *v, const uint8_t hash[32], uint8_t **bytes, size_t *length,
                               struct why *why);

/* view_known says whether a table (POSTED_TABLE) or tape (POSTED_TAPE) is posted, and fetches its record. */
enum client_status view_known(struct view *v, uint8_t what, const uint8_t hash[32], struct why *why);

/* view_task looks at a task: its record, its job (as view_job), and of the attempt that runs the common record, every
 * seat, the starts published, the disputes of its seats, and the beacons that offers and takes are drawn from. Then,
 * with c = view_chain(v):
 *
 *   audit_seat(c, &t, n, &s)       seat n; n = t.seats is the submitter's own
 *   attempt_find(c, &t, &a)        a.set_beacon is what TAKE proves
 *   chain_beacon(c, t.draw_height, b)  what OFFER proves, in OPEN
 *   audit_root(c, &t, i, root)     roots of the trace, once opened
 *   view_start(v, &t, i, root)     a start that was published
 *   docket_find(c, s.dispute - 1, &r), docket_dispute(c, &r, &frame, &d)   a dispute of seat s */
enum client_status view_task(struct view *v, const uint8_t task[TASK_ID_BYTES], struct task_record *out,
                             struct why *why);
bool view_start(struct view *v, const struct task_record *t, uint16_t interval, uint8_t root[32]);

/* view_tasks shows the records of all tasks that are in one of the states (a set of 1 << enum task_state), in the order
 * of their ids; view_tasks_of those of one job. Fetches nothing else. show returns false to end the walk. */
typedef bool view_show_task(void *context, const struct task_record *task);
enum client_status view_tasks(struct view *v, uint32_t states, view_show_task *show, void *context, struct why *why);
enum client_status view_tasks_of(struct view *v, const uint8_t job[32], view_show_task *show, void *context,
                                 struct why *why);

/* view_providers shows providers of a role (enum provider_role) that are available, in the order of their accounts. */
typedef bool view_show_provider(void *context, const uint8_t account[32], const struct provider *provider);
enum client_status view_providers(struct view *v, uint16_t role, view_show_provider *show, void *context,
                                  struct why *why);

/* view_receipts shows the receipts from number *from on, those of one job (job NULL: all), and moves *from behind the
 * last one looked at, so that the next call goes on there. There is no index on a chain: a reader that wants a task's
 * whole history begins at 0. */
typedef bool view_show_receipt(void *context, const struct receipt *receipt, const uint8_t *payments, size_t length);
enum client_status view_receipts(struct view *v, const uint8_t job[32], uint64_t *from, view_show_receipt *show,
                                 void *context, struct why *why);

#endif
