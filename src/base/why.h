/* why: one line for a person about what went wrong.
 *
 * A function that can fail returns its module's status; the reason in words goes into an optional struct why. Logic
 * never reads it. A good reason names what, where and the way out. Uses: nothing. */
#ifndef BASE_WHY_H
#define BASE_WHY_H

enum { WHY_MAX = 600 };
struct why {
  char text[WHY_MAX];
};

/* why_set writes the formatted line, cut at WHY_MAX - 1 bytes. why may be NULL. No '%f', '%g' or '%e' in consensus
 * rooms. */
__attribute__((format(printf, 2, 3))) void why_set(struct why *why, const char *format, ...);

/* why_before puts the formatted words before what is there, as in "model.onnx: " + "node 3 ...". why may be NULL. */
__attribute__((format(printf, 2, 3))) void why_before(struct why *why, const char *format, ...);

#endif
