/* metrics: metrics.jsonl, one object a line, written so that floats read back to the same bits.
 *
 *   {"update": 1, "step": 1, "loss": 2.30258512, "lr": 0.00100000005, "samples_per_s": 51234.5}
 *   {"update": 469, "test_loss": 0.41, "test_accuracy": 0.85}
 *   {"done": true, "outcome": "done", "final_root": "..."}
 *
 * A float that JSON has no number for is the text "nan", "inf" or "-inf". Uses: file, jansson. */
#ifndef TRAINING_METRICS_H
#define TRAINING_METRICS_H
#include "crypto/merkle.h"
#include "training/file/file.h"

struct metrics_line {
  enum { METRICS_UPDATE, METRICS_EVALUATION, METRICS_DONE } kind;
  uint32_t update, step;
  float loss, rate; /* UPDATE: loss; EVALUATION: test loss */
  double samples_per_s;
  bool has_accuracy;
  float accuracy;
  uint8_t outcome; /* enum trace_outcome */
  uint8_t final_root[MERKLE_BYTES];
};

enum { METRICS_LINE_MAX = 512 };

/* metrics_print writes one line with its newline and returns its length. metrics_parse reads one line (without newline)
 * and refuses what is not exactly one of the three shapes; it never reads past length. */
size_t metrics_print(const struct metrics_line *line, char text[METRICS_LINE_MAX]);
enum training_status metrics_parse(const char *text, size_t length, struct metrics_line *out, struct why *why);

/* metrics_float prints a float as above (%.9g, always recognisable as a real). */
void metrics_float(float x, char text[32]);

#endif
