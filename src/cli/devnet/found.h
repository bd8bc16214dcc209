/* found: a devnet's folder, made at the first run and found again at the next.
 *
 *   devnet.json    the settings (plan)
 *   node/          the chain's folder (engine/solo/folder)
 *   faucet/ storer/ solver-1/ .. verifier-1/ ..    one identity each (identity)
 *   logs/          what each process said
 *   lock           held while a devnet runs here
 *
 * The genesis comes last, so a folder with one is whole, and one without has no money yet: what is missing in it is
 * made, what is there is used. In the genesis everybody has its key, money, stake and draw key, so that draws work from
 * block 1. Uses: plan, identity, engine/solo/folder. */
#ifndef CLI_DEVNET_FOUND_H
#define CLI_DEVNET_FOUND_H
#include "cli/devnet/plan.h"
#include "crypto/address.h"

struct found {
  char path[4096]; /* as it was given; children start in the same working folder */
  struct plan plan;
  char account[PLAN_PROCESSES_MAX][ADDRESS_TEXT_LENGTH + 1]; /* of each process */
  bool fresh;                                                /* made, or completed, by this call */
  int lock;
};

/* found_open makes or finds the folder `path` by the command's words, and locks it; the lock goes with found_shut, or
 * with the process. On anything but DONE it has said why, and there is nothing to shut. Call sign_open first. */
enum outcome found_open(const struct arguments *a, const char *path, struct found *out);
void found_shut(struct found *f);

/* found_path writes DIR/name or DIR/name/inside. */
bool found_path(const struct found *f, const char *name, const char *inside, char out[4096]);

#endif
