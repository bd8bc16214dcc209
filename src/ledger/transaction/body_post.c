/* JOB_POST, the longest body of LEDGER 15.1: a job as PROTOCOL M3.1 has it, and what its submitter pays for. */
#include "ledger/transaction/body.h"

static bool section_take(struct reader *r, uint8_t tapes, struct job_section *out, struct why *why) {
  bool idle;
  out->repeat = take_u32(r);
  out->entries = take_u8(r);
  if (out->entries < 1 || out->entries > JOB_ENTRIES_MAX)
    return why_set(why, "a section of %u entries; it has 1 to %u", out->entries, JOB_ENTRIES_MAX), false;
  idle = out->repeat < 1;
  for (uint8_t n = 0; n < out->entries; n++) {
    out->entry[n].tape = take_u8(r);
    out->entry[n].repeat = take_u32(r);
    idle |= out->entry[n].repeat < 1;
    if (out->entry[n].tape >= tapes)
      return why_set(why, "the schedule runs tape %u of %u", out->entry[n].tape, tapes), false;
  }
  if (idle) return why_set(why, "the schedule repeats something 0 times"), false;
  return true;
}

struct job_task body_post_task(const struct body_post *p, uint16_t i) {
  struct reader r = reader_over(p->task_rows + (size_t)i * POST_TASK_BYTES, POST_TASK_BYTES);
  struct job_task task;
  task.steps = take_u32(&r);
  task.interval_steps = take_u16(&r);
  task.time_class = take_u8(&r);
  return task;
}

/* What a job is made of. M3.1 of the protocol: tapes 1 to 8, sections 1 to 8. */
static bool job_take(struct reader *r, struct body_post *b, struct why *why) {
  b->spec_hash = take_bytes(r, 32);
  b->canon = take_u16(r);
  b->lower = take_u16(r);
  b->layout_hash = take_bytes(r, 32);
  b->tapes = take_u8(r);
  if (b->tapes < 1 || b->tapes > JOB_TAPES_MAX)
    return why_set(why, "%u tapes; a job has 1 to %u", b->tapes, JOB_TAPES_MAX), false;
  b->tape_root = take_bytes(r, (size_t)b->tapes * MERKLE_BYTES);
  b->sections = take_u8(r);
  if (b->sections < 1 || b->sections > JOB_SECTIONS_MAX)
    return why_set(why, "%u sections; a schedule has 1 to %u", b->sections, JOB_SECTIONS_MAX), false;
  for (uint8_t i = 0; i < b->sections; i++)
    if (!section_take(r, b->tapes, &b->section[i], why)) return false;
  b->data = take_u8(r);
  b->data_root = take_bytes(r, (size_t)b->data * MERKLE_BYTES);
  b->start_root = take_bytes(r, 32);
  b->first_step = take_u32(r);
  b->figure = take_u16(r);
  b->seed_mode = take_u8(r);
  b->seed = take_u64(r);
  b->tasks = take_u16(r);
  b->task_rows = take_bytes(r, (size_t)b->tasks * POST_TASK_BYTES);
  return true;
}

static void terms_take(struct reader *r, struct body_post *b) {
  b->level = take_u8(r);
  b->seats = take_u8(r);
  b->draws = take_u8(r);
  b->price = take_u64(r);
  b->reserve = take_u64(r);
  b->own_seat = take_bytes(r, ACCOUNT_ID_BYTES);
  b->params = take_u32(r);
  b->deadline = take_u64(r);
}

static bool post_well_formed(const struct body_post *b, struct why *why) {
  if (b->seed_mode > 1 || (b->seed_mode == 1 && b->seed))
    return why_set(why, "the seed is fixed (0) or drawn (1), and a drawn seed is posted as 0"), false;
  if (b->tasks < 1 || b->tasks > POST_TASKS_MAX)
    return why_set(why, "%u tasks; a job has 1 to %u", b->tasks, POST_TASKS_MAX), false;
  for (uint16_t i = 0; i < b->tasks; i++) {
    struct job_task task = body_post_task(b, i);
    if (task.steps < 1 || task.interval_steps < 1 || task.interval_steps > POST_INTERVAL_MAX)
      return why_set(why, "task %u has %u steps in intervals of %u", i, task.steps, task.interval_steps), false;
  }
  if (b->level > POST_LEVEL_MAX || b->seats > POST_SEATS_MAX || b->draws > POST_DRAWS_MAX)
    return why_set(why, "level %u with %u seats of %u intervals", b->level, b->seats, b->draws), false;
  return true;
}

bool body_post_take(const struct transaction *t, struct body_post *out, struct why *why) {
  struct reader r;
  struct body_post b = {.sections = 0};
  if (!body_begin(t, TRANSACTION_JOB_POST, &r, why) || !job_take(&r, &b, why)) return false;
  terms_take(&r, &b);
  if (!body_end(&r, t, why) || !post_well_formed(&b, why)) return false;
  *out = b;
  return true;
}

static void section_put(struct writer *w, const struct job_section *section) {
  put_u32(w, section->repeat);
  put_u8(w, section->entries);
  for (uint8_t n = 0; n < section->entries; n++) {
    put_u8(w, section->entry[n].tape);
    put_u32(w, section->entry[n].repeat);
  }
}

/* Whatever else is wrong, body_written finds; this is about the arrays of the struct itself. */
static bool sections_fit(const struct body_post *b) {
  if (b->sections > JOB_SECTIONS_MAX) return false;
  for (uint8_t i = 0; i < b->sections; i++)
    if (b->section[i].entries > JOB_ENTRIES_MAX) return false;
  return true;
}

size_t body_post_put(const struct body_post *b, const struct job_task *task, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  if (!sections_fit(b)) return 0;
  put_bytes(&w, b->spec_hash, 32);
  put_u16(&w, b->canon);
  put_u16(&w, b->lower);
  put_bytes(&w, b->layout_hash, 32);
  put_u8(&w, b->tapes);
  put_bytes(&w, b->tape_root, (size_t)b->tapes * MERKLE_BYTES);
  put_u8(&w, b->sections);
  for (uint8_t i = 0; i < b->sections; i++) section_put(&w, &b->section[i]);
  put_u8(&w, b->data);
  put_bytes(&w, b->data_root, (size_t)b->data * MERKLE_BYTES);
  put_bytes(&w, b->start_root, 32);
  put_u32(&w, b->first_step);
  put_u16(&w, b->figure);
  put_u8(&w, b->seed_mode);
  put_u64(&w, b->seed);
  put_u16(&w, b->tasks);
  for (uint16_t i = 0; i < b->tasks; i++) {
    put_u32(&w, task[i].steps);
    put_u16(&w, task[i].interval_steps);
    put_u8(&w, task[i].time_class);
  }
  put_u8(&w, b->level);
  put_u8(&w, b->seats);
  put_u8(&w, b->draws);
  put_u64(&w, b->price);
  put_u64(&w, b->reserve);
  put_bytes(&w, b->own_seat, ACCOUNT_ID_BYTES);
  put_u32(&w, b->params);
  put_u64(&w, b->deadline);
  return body_written(&w, TRANSACTION_JOB_POST);
}
