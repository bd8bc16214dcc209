/* Bytes from strangers as a certificate: what is taken is written again as the same bytes, and asked whether it is
 * true. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "certificate/certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  static struct certificate c;
  static struct certificate_receipt rows[CERTIFICATE_RECEIPTS_MAX];
  static bool opened;
  struct why why;
  size_t offset = 0;
  uint16_t count = 0;
  if (!opened) opened = sign_open(NULL) == SIGN_OK;
  if (!opened) abort();
  if (!certificate_decode(data, length, &c, &why)) return 0;
  while (certificate_next(&c, &offset, &rows[count])) count++;
  struct comet_commit commit = {.height = c.header.height,
                                .round = c.round,
                                .block.parts = c.parts,
                                .count = c.validators,
                                .signatures = c.signature};
  comet_header_hash(&c.header, commit.block.hash);
  memcpy(commit.block.parts_hash, c.parts_hash, 32);
  const struct certificate_parts parts = {.header = &c.header,
                                          .commit = &commit,
                                          .validator = c.validator,
                                          .state_root = c.state_root,
                                          .log_size = c.log_size,
                                          .receipts = count,
                                          .receipt = rows,
                                          .job = c.job_bytes,
                                          .payments = c.payments,
                                          .layout = c.layout,
                                          .spec = c.spec};
  uint8_t *again = malloc(length);
  if (!again) abort();
  size_t written = certificate_encode(&parts, again, length);
  assert(written == length && memcmp(again, data, length) == 0);
  free(again);
  (void)certificate_verify(&c, NULL, &why);
  (void)certificate_intervals(&c);
  for (uint16_t i = 0; i < c.job.tasks; i++) (void)certificate_task(&c.job, i);
  return 0;
}
