/* stage: certificates of a chain that never was, signed by keys that everybody knows. For tests only. Uses:
 * certificate, commit/job. */
#ifndef CERTIFICATE_STAGE_H
#define CERTIFICATE_STAGE_H
#include "certificate/certificate.h"

enum { STAGE_RECEIPTS_MAX = 64, STAGE_TASKS_MAX = 16 };

/* What is certified. Fill in with stage_usual, change what the test is about, and write it with stage_write. */
struct stage {
  uint16_t validators;
  uint64_t power[CERTIFICATE_VALIDATORS_MAX]; /* by key, before they are put in order */
  uint16_t absent, nil;                       /* how many of the last places did not sign, or signed for no block */
  uint16_t tasks;                             /* settled */
  uint16_t tasks_all;                         /* of the job */
  uint32_t others;                            /* receipts of other jobs between ours */
  struct receipt row[1 + STAGE_TASKS_MAX];    /* the posting, the tasks */
  struct comet_header header;                 /* app is filled in */
  const char *signed_chain;                   /* what the votes name; NULL: the header's chain */
  uint8_t job_bytes[4096], payments[512];
  size_t job_length, payments_length;
  struct certificate_span layout, spec; /* layout: any bytes */
  bool twisted;                         /* the validators stand in the wrong order */
};
void stage_usual(struct stage *s, uint16_t validators, uint16_t tasks);

/* stage_write returns the length. */
size_t stage_write(const struct stage *s, uint8_t *bytes, size_t bytes_max);

#endif
