/* band: groups of items that one thread runs one behind the other over a band of rows, before anybody turns to the
 * next.
 *
 * A band is one of the equal parts that values fall into along their leading dims: a sequence, some images, some rows.
 * In a group every item reads of the group's own values only the band that it writes, so bands are independent tasks,
 * what lies between two items is still in the thread's cache, and a value that nobody outside the group reads exists
 * for one band a thread only. Softmax, layer norm, attention and what surrounds a product are such groups; nobody has
 * to recognise them. What sums over all rows joins too: its bands meet in chunks (chunk.h). Uses: plan and the items.
 */
#ifndef TAPE_BAND_H
#define TAPE_BAND_H
#include "tape/execute/plan/plan.h"

/* A group has at most this many bands. */
enum { BANDS_MAX = 128 };

/* band_cut brings items into an order in which groups are adjacent, and fills execute.group. Every item still comes
 * after those it reads from. false: out of memory. */
bool band_cut(struct execute *x);

/* band_place gives the values that live in a thread's buffer their places there, and takes the buffers. */
bool band_place(struct execute *x);

/* band_run runs a group: x->item[group->first] and those behind it. */
void band_run(struct execute *x, const struct group *g);

#endif
