/* module: the first byte of every key of the map, so that no two kinds of record share one. LEDGER 17.1.
 *
 * The numbers are consensus: only appended to. docs/ledger.md has the table with the ids and values. */
#ifndef LEDGER_MAP_MODULE_H
#define LEDGER_MAP_MODULE_H

enum map_module {
  MODULE_LOG = 1,        /* the frontier of the receipts' tree: one record, no id */
  MODULE_ACCOUNT = 2,    /* account id 32 */
  MODULE_CHAIN = 3,      /* one record, no id */
  MODULE_PARAMETER = 4,  /* version u32 */
  MODULE_TIMER = 5,      /* tick u8 (0 wait, 1 timer) | height or deadline u64 | kind u8 | id */
  MODULE_BEACON = 6,     /* height u64 */
  MODULE_POCKET = 7,     /* kind u8 | id */
  MODULE_PROVIDER = 8,   /* account id 32 */
  MODULE_POOL = 9,       /* role u8 | stage u8: how many; | index u32: one of them */
  MODULE_VALIDATOR = 10, /* account id 32 */
  MODULE_TABLE = 11,     /* hash of a full layout table 32; | 00: its bytes; | 01 | data 32: the hash of a cut */
  MODULE_TAPE = 12,      /* tape root 32 */
  MODULE_JOB = 13,       /* job id 32 */
  MODULE_TASK = 14,      /* task id 34 */
  MODULE_SEAT = 15,      /* task id 34 | attempt u8 | seat u8 */
  MODULE_DRAWN = 16,     /* task id 34 | attempt u8 | account 32: drawn in that attempt */
  MODULE_TRACE = 17,     /* task id 34 | attempt u8: what its seats have in common; the roots, once opened */
  MODULE_START = 18,     /* task id 34 | attempt u8 | interval u16: a start that was published */
  MODULE_DISPUTE = 19,   /* dispute u64 */
  MODULE_ANSWER = 20, /* task id 34 | attempt u8 | interval u16 | step u16 (0: STEPS): an answer that disputes share */
};

#endif
