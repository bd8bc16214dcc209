#define _DEFAULT_SOURCE
#include "training/run/bundle.h"
#include "base/bytes.h"
#include "training/checkpoint/committer.h"
#include "training/run/folder.h"
#include <stdlib.h>
#include <string.h>

/* init and train; with micro-batches all, since what the schedule runs includes the last. */
static uint32_t tapes_in_bundle(const struct prepared *p) { return p->lowered.accumulate ? p->lowered.tapes_count : 2; }

static bool read_by_schedule(const struct prepared *p, uint8_t number) {
  for (uint32_t t = 0; t < tapes_in_bundle(p); t++)
    if (layout_data(&p->lowered.tape[t].layout, number)) return true;
  return false;
}

static uint64_t bundle_bytes(const struct prepared *p) {
  uint64_t bytes = 8 + 4 + 4 + 8 + 1 + 1 + 2 + 4 + 4 + (uint64_t)p->intervals * MERKLE_BYTES;
  for (uint32_t s = 0; s < p->job.sections; s++) bytes += 8 + 8u * p->job.section[s].entries;
  for (uint32_t t = 0; t < tapes_in_bundle(p); t++) bytes += 8 + tape_bytes(&p->lowered.tape[t]);
  for (uint32_t d = 0; d < DATA_COUNT; d++)
    if (read_by_schedule(p, (uint8_t)d)) bytes += 12 + p->data_bytes[d];
  return bytes;
}

enum training_status bundle_write(const struct prepared *p, const uint8_t *roots, const char *path, struct why *why) {
  uint64_t bytes = bundle_bytes(p);
  uint8_t *whole = malloc(bytes), data = 0;
  if (!whole) {
    why_set(why, "not enough memory to write %s", path);
    return TRAINING_ERR_SYSTEM;
  }
  struct writer w = writer_over(whole, bytes);
  for (uint32_t d = 0; d < DATA_COUNT; d++) data += read_by_schedule(p, (uint8_t)d);
  put_bytes(&w, "ASBUNDL\1", 8);
  put_u32(&w, p->steps);
  put_u32(&w, p->interval_steps);
  put_u64(&w, p->job.seed);
  put_u8(&w, (uint8_t)tapes_in_bundle(p));
  put_u8(&w, data);
  put_u16(&w, 0);
  put_u32(&w, p->job.sections);
  for (uint32_t s = 0; s < p->job.sections; s++) {
    const struct job_section *section = &p->job.section[s];
    put_u32(&w, section->repeat);
    put_u32(&w, section->entries);
    for (uint32_t e = 0; e < section->entries; e++) {
      put_u32(&w, section->entry[e].tape);
      put_u32(&w, section->entry[e].repeat);
    }
  }
  for (uint32_t t = 0; t < tapes_in_bundle(p); t++) {
    size_t length = tape_bytes(&p->lowered.tape[t]);
    put_u64(&w, length);
    w.at += tape_write(&p->lowered.tape[t], w.at, (size_t)(w.end - w.at));
  }
  for (uint32_t d = 0; d < DATA_COUNT; d++) {
    if (!read_by_schedule(p, (uint8_t)d)) continue;
    put_u32(&w, d);
    put_u64(&w, p->data_bytes[d]);
    put_bytes(&w, p->data[d], p->data_bytes[d]);
  }
  put_u32(&w, p->intervals);
  static const uint8_t unknown[MERKLE_BYTES];
  for (uint32_t n = 0; n < p->intervals; n++)
    put_bytes(&w, roots ? roots + (size_t)n * MERKLE_BYTES : unknown, MERKLE_BYTES);
  enum training_status status = TRAINING_ERR_SYSTEM;
  if (w.full || bytes_written(&w) != bytes)
    why_set(why, "%s: a tape could not be written", path);
  else
    status = file_replace(path, whole, bytes, why);
  free(whole);
  return status;
}

/* The roots after each interval, out of all traces; a diverged run has zeros behind its last. */
static enum training_status all_roots(const char *folder, const struct prepared *p, uint8_t *roots, struct why *why) {
  struct trace *trace = malloc(sizeof *trace);
  enum training_status status = TRAINING_OK;
  if (!trace) {
    why_set(why, "not enough memory to read traces");
    return TRAINING_ERR_SYSTEM;
  }
  for (uint32_t t = 0; t < p->job.tasks && status == TRAINING_OK; t++) {
    status = committer_trace_read(folder, t, trace, why);
    uint32_t first = t * TRACE_INTERVALS_MAX;
    if (status != TRAINING_OK || first + trace->intervals > p->intervals) break;
    memcpy(roots + (size_t)first * MERKLE_BYTES, trace->roots[1], (size_t)trace->intervals * MERKLE_BYTES);
    if (trace->outcome == TRACE_DIVERGED) break;
  }
  free(trace);
  return status;
}

enum training_status bundle_folder(const char *folder, const struct prepare_options *options, const char *path,
                                   struct why *why) {
  struct prepared *p = calloc(1, sizeof *p);
  struct folder_info *info = calloc(1, sizeof *info);
  struct arena arena = {0};
  uint8_t *roots = NULL;
  enum training_status status = TRAINING_ERR_SYSTEM;
  if (p && info && arena_open(&arena, 64 << 20))
    status = folder_read(folder, &arena, info, why);
  else
    why_set(why, "not enough memory");
  bool prepared = false;
  if (status == TRAINING_OK) {
    status = folder_prepare(folder, info, options, p, why);
    prepared = status == TRAINING_OK;
  }
  if (prepared && !(roots = calloc(p->intervals, MERKLE_BYTES))) {
    why_set(why, "not enough memory");
    status = TRAINING_ERR_SYSTEM;
  }
  if (status == TRAINING_OK) status = all_roots(folder, p, roots, why);
  if (status == TRAINING_OK) status = bundle_write(p, roots, path, why);
  if (prepared) prepare_shut(p);
  arena_shut(&arena);
  free(roots);
  free(info);
  free(p);
  return status;
}
