/* profile: where the time of a tape's steps went: by instruction with the ONNX node it comes from, and by operator.
 *
 * The executor books work that several records share on the last of them, so a line here is one record that time was
 * booked on, with the records before it that none was booked on. A line with a dot in it gets GFLOP/s; another gets
 * GB/s, which counts each operand that the line's records did not make themselves and each value that somebody else
 * reads once, as if all of it went through memory. Uses: output, tape/record, model/lower. */
#ifndef CLI_PROFILE_H
#define CLI_PROFILE_H
#include "model/lower/lower.h"

struct profiled {
  const char *name; /* of the tape: train, evaluate, accumulate */
  const struct tape *tape;
  const struct lower_origin *origin;
  const double *record_seconds; /* records_count, of all steps together, as execute_profile books them */
  double seconds;               /* of the same steps from end to end */
  uint32_t steps;               /* at least 1 */
};

/* profile_print prints the lines, dearest first, and the sums by operator: tables in which what adds little is summed
 * up, or all of it as JSON, one object a line. False: no memory. */
bool profile_print(const struct profiled *p, bool json);

#endif
