#define _XOPEN_SOURCE 700 /* realpath */
#include "cli/bench/rows.h"
#include "base/nearest.h"
#include "cli/command.h"
#include "numeric/random.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct bench_row bench_row[BENCH_ROWS] = {{"mlp-128", "mlp", "tests/models/mlp.onnx", 128, 0},
                                                {"mlp-1024", "mlp", "tests/models/mlp.onnx", 1024, 0},
                                                {"lenet-128", "lenet", "tests/models/lenet.onnx", 128, 0},
                                                {"lenet32-128", "lenet32", NULL, 128, 0},
                                                {"resnet8-128", "resnet8", "examples/resnet/resnet.onnx", 128, 0},
                                                {"resnet14-128", "resnet14", NULL, 128, 0},
                                                {"gpt-32", "gpt", NULL, 32, 128},
                                                {"gpt10m-8", "gpt10m", NULL, 8, 256}};

uint32_t rows_choose(const char *word, const struct bench_row *chosen[BENCH_ROWS], struct why *why) {
  const char *known[2 * BENCH_ROWS];
  uint32_t n = 0;
  for (uint32_t i = 0; i < BENCH_ROWS; i++) {
    const struct bench_row *row = &bench_row[i];
    known[i] = row->name;
    known[BENCH_ROWS + i] = row->model;
    if (!word || strcmp(word, row->name) == 0 || strcmp(word, row->model) == 0) chosen[n++] = row;
  }
  const char *near = n ? NULL : nearest_word(word, known, 2 * BENCH_ROWS, TYPO_EDITS);
  if (near)
    why_set(why, "there is no row '%s'; did you mean '%s'?", word, near);
  else if (n == 0)
    why_set(why,
            "there is no row '%s'; there are mlp-128, mlp-1024, lenet-128, lenet32-128, resnet8-128, resnet14-128, "
            "gpt-32, gpt10m-8",
            word);
  return n;
}

/* The folder of the source tree that the program was built in: it lies in build/PRESET there. */
static bool source_tree(char folder[FILE_PATH_MAX]) {
  ssize_t length = readlink("/proc/self/exe", folder, FILE_PATH_MAX - 1);
  if (length < 0) return false;
  folder[length] = 0;
  for (int up = 0; up < 3; up++) {
    char *slash = strrchr(folder, '/');
    if (!slash) return false;
    *slash = 0;
  }
  return true;
}

bool rows_find(const struct bench_row *row, const char *folder, char path[FILE_PATH_MAX], struct why *why) {
  char file[64], places[2][FILE_PATH_MAX], root[FILE_PATH_MAX], made[FILE_PATH_MAX];
  int count = 0;
  snprintf(file, sizeof file, "%s.onnx", row->model);
  if (folder) {
    count += file_join(places[count], folder, file);
  } else if (source_tree(root)) {
    count += file_join(made, root, "build/peers/models") && file_join(places[count], made, file);
    if (row->home) count += file_join(places[count], root, row->home);
  }
  for (int i = 0; i < count; i++) {
    /* The job lies in a folder of its own, so the path must not begin at ours. */
    char *whole = access(places[i], R_OK) == 0 ? realpath(places[i], NULL) : NULL;
    bool fits = whole && strlen(whole) < FILE_PATH_MAX;
    if (fits) strcpy(path, whole);
    free(whole);
    if (fits) return true;
  }
  if (folder)
    why_set(why, "%s: no %s in the folder %s; `tests/peers/export.py --all %s` makes it", row->name, file, folder,
            folder);
  else
    why_set(why, "%s: found no %s; `tests/peers/export.py` makes it, or say where it lies with --models DIR", row->name,
            file);
  return false;
}

/* Data. */

enum { PICTURES = 6000, SIDE = 28, CLASSES = 10, TEXT_BYTES = 240000 };
static const uint64_t TEXT_MAX = 64 << 20;

enum training_status rows_pictures(const char *folder, struct why *why) {
  char path[FILE_PATH_MAX], set[FILE_PATH_MAX];
  static uint8_t pictures[16 + PICTURES * SIDE * SIDE], labels[8 + PICTURES];
  static const uint8_t pictures_head[16] = {0, 0, 8,    3, 0, 0, PICTURES >> 8, PICTURES & 255, 0,
                                            0, 0, SIDE, 0, 0, 0, SIDE};
  static const uint8_t labels_head[8] = {0, 0, 8, 1, 0, 0, PICTURES >> 8, PICTURES & 255};
  memcpy(pictures, pictures_head, sizeof pictures_head);
  memcpy(labels, labels_head, sizeof labels_head);
  for (uint32_t i = 0; i < PICTURES * SIDE * SIDE; i++) pictures[16 + i] = (uint8_t)random_word(i, 0, 0, 1);
  for (uint32_t i = 0; i < PICTURES; i++) labels[8 + i] = (uint8_t)(random_word(i, 1, 0, 1) % CLASSES);
  static const char *const names[] = {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"};
  file_join(set, folder, "fashion-mnist");
  enum training_status s = file_folder(set, why);
  for (int i = 0; i < 2 && s == TRAINING_OK; i++) {
    file_join(path, set, names[i]);
    s = file_replace(path, i ? labels : pictures, i ? sizeof labels : sizeof pictures, why);
  }
  return s;
}

static int whole_file(const struct dirent *entry) { return entry->d_name[0] != '.'; }

/* Bytes of byte order, as the shell's C locale and Python sort. */
static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

/* The licences joined in memory that the caller frees; NULL: none, or no memory. */
static uint8_t *licences(size_t *length) {
  static const char folder[] = "/usr/share/common-licenses";
  struct dirent **entry = NULL;
  int count = scandir(folder, &entry, whole_file, by_name);
  uint8_t *text = NULL;
  *length = 0;
  for (int i = 0; i < count; i++) {
    char path[FILE_PATH_MAX];
    struct stat status;
    struct file_bytes file;
    bool wanted = file_join(path, folder, entry[i]->d_name) && lstat(path, &status) == 0 && S_ISREG(status.st_mode);
    if (wanted && file_map(path, TEXT_MAX, &file, NULL) == TRAINING_OK) {
      uint8_t *longer = *length + file.length <= TEXT_MAX ? realloc(text, *length + file.length + 1) : NULL;
      if (longer) {
        memcpy(longer + *length, file.bytes, file.length);
        text = longer;
        *length += file.length;
      }
      file_unmap(&file);
    }
    free(entry[i]);
  }
  free(entry);
  return text;
}

enum training_status rows_text(const char *path, bool *made_up, struct why *why) {
  static uint8_t noise[TEXT_BYTES];
  size_t length = 0;
  uint8_t *text = *made_up ? NULL : licences(&length);
  *made_up = length < TEXT_BYTES / 4; /* none, or another system's folder of that name */
  for (uint32_t i = 0; *made_up && i < TEXT_BYTES; i++) noise[i] = (uint8_t)random_word(i, 2, 0, 1);
  enum training_status status = file_replace(path, *made_up ? noise : text, *made_up ? sizeof noise : length, why);
  free(text);
  return status;
}
