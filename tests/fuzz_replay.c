/* fuzz_replay: runs a fuzz target without libFuzzer, so that every build and compiler sees its corpus.
 *
 *   x_fuzz CORPUS_DIR [MUTATIONS]
 *
 * Each file is run as it is, then with seeded mutations (bit flips, cuts, byte runs), a fixed number per file. */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

enum { MUTATIONS = 400, FILE_BYTES_MAX = 1 << 20 };

static uint64_t next_random(uint64_t *s) { /* splitmix64, public domain algorithm by Sebastiano Vigna */
  uint64_t z = (*s += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/* An exact-size heap block, so that a sanitizer sees one byte too far. */
static void run(const uint8_t *bytes, size_t length) {
  uint8_t *copy = malloc(length ? length : 1);
  if (!copy) abort();
  memcpy(copy, bytes, length);
  LLVMFuzzerTestOneInput(copy, length);
  free(copy);
}

static void mutate(const uint8_t *bytes, size_t length, uint64_t *s) {
  uint8_t *copy = malloc(length + 1);
  if (!copy) abort();
  memcpy(copy, bytes, length);
  size_t cut = length;
  for (uint64_t n = 1 + next_random(s) % 3; n && length; n--) {
    size_t at = next_random(s) % length;
    switch (next_random(s) % 5) {
    case 0: copy[at] ^= (uint8_t)(1u << next_random(s) % 8); break;
    case 1: copy[at] = (uint8_t)next_random(s); break;
    case 2: cut = at; break;
    case 3: memset(copy + at, (int)(next_random(s) % 2 * 255), length - at < 4 ? length - at : 4); break;
    case 4: copy[at] = copy[next_random(s) % length]; break;
    }
  }
  run(copy, cut);
  free(copy);
}

int main(int argc, char **argv) {
  if (argc != 2 && argc != 3) return fprintf(stderr, "usage: %s CORPUS_DIR [MUTATIONS]\n", argv[0]), 2;
  int mutations = argc == 3 ? atoi(argv[2]) : MUTATIONS;
  DIR *dir = opendir(argv[1]);
  if (!dir) return perror(argv[1]), 2;
  static uint8_t bytes[FILE_BYTES_MAX];
  uint64_t seed = 1;
  int files = 0;
  run(bytes, 0);
  for (struct dirent *e; (e = readdir(dir));) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", argv[1], e->d_name);
    FILE *f = e->d_name[0] == '.' ? NULL : fopen(path, "rb");
    if (!f) continue;
    size_t length = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    files++;
    run(bytes, length);
    for (int i = 0; i < mutations; i++) mutate(bytes, length, &seed);
  }
  closedir(dir);
  printf("%d corpus files, %d mutations each\n", files, mutations);
  return files == 0; /* an empty corpus would be a test that cannot fail */
}
