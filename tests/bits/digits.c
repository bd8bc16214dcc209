/* digits: a small made-up data set as IDX files, the same on every machine: DIR/x (samples of 1x8x8 or what is asked)
 * and DIR/y.
 *
 *   digits DIR SAMPLES HEIGHT WIDTH CLASSES [train|test]
 *
 * Each class has a fixed pattern of pixels; a sample is its pattern with noise, so that there is something to learn. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next_random(uint64_t *s) { /* splitmix64 (Steele, Lea, Flood, OOPSLA 2014) */
  uint64_t z = (*s += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static void put_big(FILE *f, uint32_t x) {
  for (int b = 24; b >= 0; b -= 8) fputc((int)(x >> b & 255), f);
}

int main(int argc, char **argv) {
  if (argc < 6) return fprintf(stderr, "usage: digits DIR SAMPLES HEIGHT WIDTH CLASSES [SET]\n"), 2;
  uint32_t samples = (uint32_t)atoi(argv[2]), height = (uint32_t)atoi(argv[3]), width = (uint32_t)atoi(argv[4]);
  uint32_t classes = (uint32_t)atoi(argv[5]);
  uint64_t noise = argc > 6 && strcmp(argv[6], "test") == 0 ? 2 : 1;
  char path[4096];
  snprintf(path, sizeof path, "%s/x", argv[1]);
  FILE *x = fopen(path, "wb");
  snprintf(path, sizeof path, "%s/y", argv[1]);
  FILE *y = fopen(path, "wb");
  if (!x || !y) return perror(path), 3;
  put_big(x, 0x00000803), put_big(x, samples), put_big(x, height), put_big(x, width);
  put_big(y, 0x00000801), put_big(y, samples);
  for (uint32_t i = 0; i < samples; i++) {
    uint32_t label = (uint32_t)(next_random(&noise) % classes);
    uint64_t pattern = 1000 + label;
    fputc((int)label, y);
    for (uint32_t p = 0; p < height * width; p++) {
      uint32_t pixel = (uint32_t)(next_random(&pattern) >> 56);
      fputc((int)((pixel + (next_random(&noise) >> 56)) / 2), x);
    }
  }
  return fclose(x) || fclose(y) ? 3 : 0;
}
