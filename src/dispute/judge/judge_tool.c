/* assay_verify_tool FILE..: prints the verdict on each recorded dispute, one line each. Knows the archive's header and
 * nothing else of ours, and so shows what a user of it writes.
 *
 * Exit status: 0 all proven, 1 one is silent, unfinished or damaged, 2 a file cannot be read. */
#include <stdio.h>

#include "assay_verify.h"

enum { FILE_BYTES_MAX = 1 << 20 };

int main(int argc, char **argv) {
  static uint8_t bytes[FILE_BYTES_MAX];
  int status = argc < 2 ? 2 : 0;
  if (argc < 2) fprintf(stderr, "usage: %s FILE..\n", argv[0]);
  for (int i = 1; i < argc; i++) {
    FILE *file = fopen(argv[i], "rb");
    if (!file) return perror(argv[i]), 2;
    size_t length = fread(bytes, 1, sizeof bytes, file);
    int failed = ferror(file);
    fclose(file);
    if (failed) return perror(argv[i]), 2;
    struct assay_verdict verdict;
    char reason[600], line[600];
    enum assay_outcome outcome = assay_judge(bytes, length, &verdict, reason, sizeof reason);
    assay_verdict_line(outcome, &verdict, line, sizeof line);
    puts(line);
    if (outcome == ASSAY_DAMAGED) fprintf(stderr, "%s: %s\n", argv[i], reason);
    if (outcome != ASSAY_PROVEN) status = 1;
  }
  return status;
}
