#include "cli/chain/ids.h"

#include "base/hex.h"
#include "cli/output.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TASK_DIGITS = 2 * TASK_ID_BYTES, SHOWN_MAX = 4 };

void chain_task_text(const uint8_t task[TASK_ID_BYTES], char text[CHAIN_ID_TEXT]) {
  hex_encode(task, TASK_ID_BYTES, text);
}

void chain_short_text(const uint8_t job[32], char text[CHAIN_ID_SHORT + 1]) {
  hex_encode(job, CHAIN_ID_SHORT / 2, text);
}

uint16_t chain_task_number(const uint8_t task[TASK_ID_BYTES]) { return (uint16_t)(task[32] | task[33] << 8); }

/* The number behind a slash: 0 to 65535, no more than five digits. */
static bool number_read(const char *text, uint16_t *number) {
  size_t digits = strspn(text, "0123456789");
  unsigned long n = digits >= 1 && digits <= 5 ? strtoul(text, NULL, 10) : UINT32_MAX;
  if (text[digits] || n > UINT16_MAX) return false;
  *number = (uint16_t)n;
  return true;
}

static bool id_read(const char *text, struct chain_id *id) {
  static const char digit[] = "0123456789abcdef";
  char padded[TASK_DIGITS + 1];
  uint16_t number = 0;
  size_t digits = strspn(text, digit);
  const char *rest = text + digits;
  if (digits == TASK_DIGITS && !*rest) {
    id->digits = JOB_DIGITS;
    return hex_decode(text, id->task, TASK_ID_BYTES);
  }
  id->whole = *rest != '/';
  if (digits < CHAIN_ID_DIGITS_MIN || digits > JOB_DIGITS || (*rest && *rest != '/')) return false;
  if (*rest == '/' && !number_read(rest + 1, &number)) return false;
  memset(padded, '0', sizeof padded);
  memcpy(padded, text, digits);
  padded[TASK_DIGITS] = 0;
  id->digits = (uint32_t)digits;
  if (!hex_decode(padded, id->task, TASK_ID_BYTES)) return false;
  id->task[32] = (uint8_t)number;
  id->task[33] = (uint8_t)(number >> 8);
  return true;
}

bool chain_id_read(const char *text, struct chain_id *out) {
  struct chain_id id = {.digits = 0};
  if (id_read(text, &id)) {
    *out = id;
    return true;
  }
  complain("'%.100s' is no job or task: a job has 64 hexadecimal digits, of which the first few are enough (4 or "
           "more), a task 68, or JOB/N; assay jobs lists them",
           text);
  return false;
}

bool chain_id_begins(const struct chain_id *id, const uint8_t job[32]) {
  uint32_t bytes = id->digits / 2;
  if (memcmp(id->task, job, bytes) != 0) return false;
  return id->digits % 2 == 0 || id->task[bytes] >> 4 == job[bytes] >> 4;
}

/* The jobs that begin so: how many, and the first few. */
struct finds {
  const struct chain_id *id;
  uint32_t count;
  uint8_t job[SHOWN_MAX][32];
};

static void found(struct finds *f, const uint8_t job[32]) {
  if (!chain_id_begins(f->id, job)) return;
  for (uint32_t i = 0; i < f->count && i < SHOWN_MAX; i++)
    if (memcmp(f->job[i], job, 32) == 0) return;
  if (f->count < SHOWN_MAX) memcpy(f->job[f->count], job, 32);
  f->count++; /* past those that are kept one may count twice: "or more" */
}

static bool see_job(void *context, const struct map_key *key, const uint8_t *value, size_t length) {
  (void)value, (void)length;
  if (key->length == 33) found(context, key->bytes + 1);
  return true;
}

static bool see_receipt(void *context, const struct receipt *r, const uint8_t *payments, size_t length) {
  (void)payments, (void)length;
  found(context, r->task);
  return true;
}

static enum outcome several(const struct finds *f, const char *digits) {
  char list[SHOWN_MAX * (CHAIN_ID_SHORT + 12)] = "";
  size_t used = 0;
  for (uint32_t i = 0; i < f->count && i < SHOWN_MAX; i++) {
    char text[2 * 32 + 1];
    hex_encode(f->job[i], 32, text);
    used += (size_t)snprintf(list + used, sizeof list - used, "%s%.18s", i ? ", " : "", text);
  }
  complain("%s%" PRIu32 " jobs begin with %s: %s%s; write more digits", f->count > SHOWN_MAX ? "more than " : "",
           f->count > SHOWN_MAX ? (uint32_t)SHOWN_MAX : f->count, digits, list, f->count > SHOWN_MAX ? ", .." : "");
  return OUTCOME_INPUT;
}

enum outcome chain_id_find(struct reach *r, bool receipts, struct chain_id *id) {
  struct finds f = {.id = id};
  struct why why = {""};
  char digits[2 * 32 + 1];
  uint64_t from = 0;
  if (id->digits == JOB_DIGITS) return OUTCOME_DONE;
  struct map_key prefix = map_key(MODULE_JOB, id->task, id->digits / 2);
  enum client_status status = client_walk(r->client, &prefix, NULL, UINT32_MAX, see_job, &f, NULL, &why);
  if (status == CLIENT_OK && receipts) status = view_receipts(r->view, NULL, &from, see_receipt, &f, &why);
  hex_encode(id->task, 32, digits);
  digits[id->digits] = 0;
  if (status == CLIENT_OK && f.count == 0) {
    why_set(&why, "there is no job that begins with %s%s", digits,
            receipts ? ", and no receipt of one" : " (what is over is forgotten after a while; assay why tells of it)");
    status = CLIENT_NONE;
  }
  if (status != CLIENT_OK) return reach_outcome(r, status, &why);
  if (f.count > 1) return several(&f, digits);
  memcpy(id->task, f.job[0], 32);
  id->digits = JOB_DIGITS;
  return OUTCOME_DONE;
}
