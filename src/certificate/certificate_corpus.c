/* certificate_corpus: writes seeds of the fuzzer, and the certificates that tests/certificate reads.
 *
 *   certificate_corpus DIR */
#include <stdio.h>
#include <stdlib.h>

#include "certificate/stage.h"

static uint8_t bytes[CERTIFICATE_BYTES_MAX];

static void write(const char *folder, const char *name, const struct stage *s) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f = fopen(path, "wb");
  size_t length = stage_write(s, bytes, sizeof bytes);
  if (!f || fwrite(bytes, 1, length, f) != length || fclose(f) != 0) {
    perror(path);
    exit(1);
  }
}

int main(int argc, char **argv) {
  static struct stage s;
  if (argc != 2 || sign_open(NULL) != SIGN_OK) return 2;
  stage_usual(&s, 1, 1);
  write(argv[1], "one", &s);
  stage_usual(&s, 4, 1);
  write(argv[1], "four", &s);
  s.absent = 1;
  write(argv[1], "four-absent", &s);
  s.absent = 2;
  write(argv[1], "four-too-few", &s);
  stage_usual(&s, 4, 1);
  s.twisted = true;
  write(argv[1], "four-wrong-order", &s);
  stage_usual(&s, 4, 1);
  s.signed_chain = "another";
  write(argv[1], "four-other-chain", &s);
  stage_usual(&s, 100, 1);
  write(argv[1], "hundred", &s);
  stage_usual(&s, 1, 4);
  write(argv[1], "tasks", &s);
  s.row[3].start_root[0] ^= 1;
  write(argv[1], "tasks-gap", &s);
  stage_usual(&s, 1, 1);
  s.row[1].kind = RECEIPT_OPENED;
  write(argv[1], "opened", &s);
  stage_usual(&s, 1, 1);
  s.row[0].final_root[0] ^= 1;
  write(argv[1], "other-job", &s);
  return 0;
}
