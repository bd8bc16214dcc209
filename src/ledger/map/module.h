/* module: the first byte of every key of the map, so that no two kinds of record share one. LEDGER 17.1.
 *
 * The numbers are consensus: only appended to. docs/ledger.md has the table with the ids and values. */
#ifndef LEDGER_MAP_MODULE_H
#define LEDGER_MAP_MODULE_H

enum map_module {
  MODULE_LOG = 1,     /* the frontier of the receipts' tree: one record, no id */
  MODULE_ACCOUNT = 2, /* account id 32 */
};

#endif
