/* numeric_selfcheck VECTORS: the vector file, and soft against reference, without any library: for machines to which
 * the tests' libraries were not carried. Prints what differs; exit 0 if nothing does. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "numeric/agreement/agreement.h"
#include "numeric/canon.h"

enum { RANDOM_COUNT = 50000 };

static uint64_t check_vectors(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) {
    printf("%s: cannot be opened\n", path);
    return 1;
  }
  char line[256];
  uint64_t wrong = 0, held = 0;
  while (fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = '\0';
    enum vector_verdict verdict = vector_line(line);
    held += verdict == VECTOR_HOLDS;
    if (verdict == VECTOR_HOLDS || verdict == VECTOR_COMMENT) continue;
    printf("does not hold (%d): %s\n", (int)verdict, line);
    wrong++;
  }
  fclose(file);
  printf("vectors %" PRIu64 " hold, %" PRIu64 " do not\n", held, wrong);
  return held == 0 ? wrong + 1 : wrong;
}

static uint64_t check_agreement(void) {
  uint64_t wrong = 0, operations = 0;
  for (int code = 0; code <= CANON_UNBITS; code++) {
    struct disagreement d;
    if (!canon_op((uint8_t)code)) continue;
    uint64_t differ = agreement_boundary((uint8_t)code, &d);
    if (differ == 0) differ = agreement_random((uint8_t)code, 2, 0, RANDOM_COUNT, &d);
    if (differ)
      printf("%s %08" PRIx32 " %08" PRIx32 " %08" PRIx32 ": soft %08" PRIx32 ", reference %08" PRIx32 "\n",
             canon_op((uint8_t)code)->name, d.operand[0], d.operand[1], d.operand[2], d.soft, d.reference);
    wrong += differ;
    operations++;
  }
  printf("soft = reference on %" PRIu64 " operations, %" PRIu64 " operands differ\n", operations, wrong);
  return wrong;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: numeric_selfcheck VECTORS\n");
    return 2;
  }
  uint64_t wrong = check_vectors(argv[1]);
  wrong += check_agreement();
  return wrong != 0;
}
