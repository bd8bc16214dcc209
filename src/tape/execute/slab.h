/* slab: groups of items that one thread runs one behind the other over a slab of rows, before anybody turns to the
 * next.
 *
 * A slab is one of the equal parts that values fall into along their leading dims: a sequence, some images, some rows.
 * In a group every item reads of the group's own values only the slab that it writes, so slabs are independent tasks,
 * what lies between two items is still in the thread's cache, and a value that nobody outside the group reads exists
 * for one slab a thread only. Softmax, layer norm, attention and what surrounds a product are such groups; nobody has
 * to recognise them. Uses: plan, map, fold, window, dot. */
#ifndef TAPE_SLAB_H
#define TAPE_SLAB_H
#include "tape/execute/plan.h"

/* slab_cut brings items into an order in which groups are adjacent, and fills execute.group. Every item still comes
 * after those it reads from. false: out of memory. */
bool slab_cut(struct execute *x);

/* slab_place gives the values that live in a thread's buffer their places there, and takes the buffers. */
bool slab_place(struct execute *x);

/* slab_run runs a group: x->item[group->first] and those behind it. */
void slab_run(struct execute *x, const struct group *g);

#endif
