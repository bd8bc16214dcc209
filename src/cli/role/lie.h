/* role_lie: the words of --lie: what a solver or verifier does wrong, for demonstrations and tests. Uses: agent. */
#ifndef CLI_ROLE_LIE_H
#define CLI_ROLE_LIE_H
#include "agent/solver.h"
#include "agent/verifier.h"

/* Several words are joined by commas; NULL is the truth. False after saying what is wrong, with the nearest word. */
bool role_lie_solver(const char *words, struct solver_lie *out);
bool role_lie_verifier(const char *words, struct verifier_lie *out);

#endif
