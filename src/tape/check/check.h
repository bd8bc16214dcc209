/* check: is this tape a program on which both sides of a dispute must agree? TAPE 5.3.
 *
 * One linear integer pass, run by everyone who takes a tape from a stranger. Uses: tape/record. */
#ifndef TAPE_CHECK_H
#define TAPE_CHECK_H
#include "tape/record/tape.h"

/* tape_check returns TAPE_OK if rules (a) to (f) hold, header counts included; else TAPE_ERR_RULE and why names record
 * and rule, or TAPE_ERR_MEMORY. Takes a few bytes a record from scratch and gives them back. */
enum tape_status tape_check(const struct tape *t, struct arena *scratch, struct why *why);

/* tape_count computes the three counts of TAPE 5.4; false if one does not fit in 64 bits. */
bool tape_count(const struct tape *t, struct tape_counts *counts);

#endif
