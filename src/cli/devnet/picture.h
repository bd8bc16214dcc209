/* picture: how a running devnet is shown to a person: the whole of it on a terminal, or one line an event.
 *
 * Accounts are shown by the names of their processes. Uses: found, keep, lookout, screen. */
#ifndef CLI_DEVNET_PICTURE_H
#define CLI_DEVNET_PICTURE_H
#include "cli/devnet/found.h"
#include "cli/devnet/keep.h"
#include "cli/devnet/lookout.h"
#include "cli/devnet/screen.h"

struct picture {
  const struct found *found;
  struct kept *kept;                 /* as many as the plan has processes */
  const struct lookout_now *chain;   /* NULL: not looked at yet */
  const char *node, *faucet, *state; /* URLs; what is said at the top: "starting" .. */
};

/* picture_draw draws it all on the terminal, where it changed. */
void picture_draw(const struct picture *p, struct screen *s);

/* picture_names writes text with each address of this devnet replaced by the name of its process, and other addresses
 * cut short if `brief`. */
enum { PICTURE_TEXT = 1024 };
void picture_names(const struct found *f, const char *text, bool brief, char out[PICTURE_TEXT]);

#endif
