/* rows: the training steps that are measured, those of docs/performance.md: a network, its batch, its data.
 *
 * Networks whose files are small lie in the source tree; tests/peers/export.py makes the others. Uses: training/file.
 */
#ifndef CLI_BENCH_ROWS_H
#define CLI_BENCH_ROWS_H
#include "training/file/file.h"

struct bench_row {
  const char *name, *model; /* "mlp-1024" is the model "mlp" at batch 1024 */
  const char *home;         /* its file in the source tree; NULL: too large to lie there */
  uint32_t batch, context;  /* context: bytes of text a sample; 0: pictures of Fashion-MNIST */
};

enum { BENCH_ROWS = 8 };
extern const struct bench_row bench_row[BENCH_ROWS];

/* rows_choose puts the rows that `word` names into chosen and returns how many: one by its name, all of a model by the
 * model's, all if word is NULL; 0 with why (and the nearest known word) if there are none. */
uint32_t rows_choose(const char *word, const struct bench_row *chosen[BENCH_ROWS], struct why *why);

/* rows_find writes the whole path of a row's model: FOLDER/MODEL.onnx where a folder is given, else in
 * build/peers/models or at the row's home, in the source tree that the program was built in. False with why: there is
 * none, and how to make it. */
bool rows_find(const struct bench_row *row, const char *folder, char path[FILE_PATH_MAX], struct why *why);

/* rows_pictures writes noise, shaped and named like Fashion-MNIST, into folder/fashion-mnist. rows_text writes the
 * licences of a Debian system, one behind the other in the order of their names, links left out, to `path`, or made-up
 * bytes where there are none or *made_up asks for them, and says which in *made_up. */
enum training_status rows_pictures(const char *folder, struct why *why);
enum training_status rows_text(const char *path, bool *made_up, struct why *why);

#endif
