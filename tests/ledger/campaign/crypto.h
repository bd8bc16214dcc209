/* crypto: signatures and draws' proofs on their way to the library: what was found of each goes into the list, and a
 * quick walk takes what it has made itself for good. The linker puts these before the library's (--wrap). */
#ifndef CAMPAIGN_CRYPTO_H
#define CAMPAIGN_CRYPTO_H
#include "campaign/walk.h"

extern bool crypto_quick;
void crypto_of(struct walk *w); /* whose answers they are */
#endif
