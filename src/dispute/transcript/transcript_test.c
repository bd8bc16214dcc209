/* Transcripts of the corpus: read, written, cut, changed. Games are played to their end by other tests; these files say
 * what came of a few, and whose side was honest: `honest-` files have an honest claimant, `forged-` and `shown-` ones
 * too, with a PROOF behind it that is none; the others have an honest challenger. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "crypto/sha256.h"
#include "dispute/transcript/transcript.h"

static const uint8_t honest[][SHA256_BYTES] = {
#include "dispute/transcript/honest.inc"
};

enum { FILES_MAX = 64 };
static struct file {
  char name[64];
  uint8_t bytes[TRANSCRIPT_BYTES_MAX];
  size_t length;
} files[FILES_MAX];
static uint32_t files_count;

static int read_files(void **state) {
  (void)state;
  DIR *folder = opendir("transcript/corpus");
  assert_non_null(folder);
  for (struct dirent *e; (e = readdir(folder));) {
    if (e->d_name[0] == '.') continue;
    assert_true(files_count < FILES_MAX);
    struct file *f = &files[files_count++];
    char path[300];
    snprintf(f->name, sizeof f->name, "%.60s", e->d_name);
    snprintf(path, sizeof path, "transcript/corpus/%s", e->d_name);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    f->length = fread(f->bytes, 1, sizeof f->bytes, in);
    fclose(in);
  }
  closedir(folder);
  assert_true(files_count >= 20);
  return 0;
}

static bool has_false_proof(const struct file *f) {
  return strncmp(f->name, "forged", 6) == 0 || strncmp(f->name, "shown", 5) == 0;
}
static bool claimant_is_honest(const struct file *f) {
  return strncmp(f->name, "honest", 6) == 0 || has_false_proof(f);
}

static struct transcript t;
static struct dispute_frame frame;
static struct dispute d;
static struct why why;

static enum transcript_outcome judge(const uint8_t *bytes, size_t length) {
  if (!transcript_open(bytes, length, &t, &frame, &why)) return TRANSCRIPT_DAMAGED;
  return transcript_play(&t, &frame, &d, &why);
}

static void make_digest_right(uint8_t *bytes, size_t length) {
  sha256(bytes, length - SHA256_BYTES, bytes + length - SHA256_BYTES);
}

static void what_came_of_them(void **state) {
  (void)state;
  uint32_t proven = 0, silent = 0, unfinished = 0;
  for (uint32_t i = 0; i < files_count; i++) {
    enum transcript_outcome outcome = judge(files[i].bytes, files[i].length);
    assert_true((outcome == TRANSCRIPT_DAMAGED) == has_false_proof(&files[i]));
    proven += outcome == TRANSCRIPT_PROVEN;
    silent += outcome == TRANSCRIPT_SILENT;
    unfinished += outcome == TRANSCRIPT_UNFINISHED;
    if (outcome == TRANSCRIPT_PROVEN || outcome == TRANSCRIPT_SILENT)
      assert_int_equal(d.verdict.loser, claimant_is_honest(&files[i]) ? DISPUTE_CHALLENGER : DISPUTE_CLAIMANT);
    if (claimant_is_honest(&files[i]) && !has_false_proof(&files[i])) assert_int_equal(outcome, TRANSCRIPT_SILENT);
  }
  assert_true(proven >= 10 && silent >= 6 && unfinished >= 1);
}

/* The fuzzer knows an honest claimant by its frame. */
static void the_frames_of_honest_claimants_are_listed(void **state) {
  (void)state;
  static uint8_t bytes[TRANSCRIPT_FRAME_BYTES_MAX];
  for (uint32_t i = 0; i < files_count; i++) {
    uint8_t hash[SHA256_BYTES];
    bool listed = false;
    assert_true(transcript_open(files[i].bytes, files[i].length, &t, &frame, &why));
    sha256(bytes, transcript_frame_encode(&frame, bytes, sizeof bytes), hash);
    for (size_t n = 0; n < sizeof honest / sizeof *honest; n++) listed |= memcmp(hash, honest[n], sizeof hash) == 0;
    assert_int_equal(listed, claimant_is_honest(&files[i]));
  }
}

static void what_is_read_is_written_again(void **state) {
  (void)state;
  static uint8_t again[TRANSCRIPT_BYTES_MAX];
  for (uint32_t i = 0; i < files_count; i++) {
    const struct file *f = &files[i];
    assert_true(transcript_open(f->bytes, f->length, &t, &frame, &why));
    for (size_t room = 0; room <= f->length; room += room < f->length - 200 ? 97 : 1) {
      struct transcript_writer w;
      memset(again, 0xee, sizeof again);
      transcript_begin(&w, &frame, again, room);
      for (uint8_t n = 0; n < t.moves; n++) {
        struct move m;
        uint64_t tick;
        assert_true(transcript_move(&t, n, &m, &tick, &why));
        transcript_add(&w, &m, tick);
      }
      assert_int_equal(transcript_end(&w, t.last_tick), room == f->length ? f->length : 0);
      for (size_t at = room; at < room + 64 && at < sizeof again; at++) assert_int_equal(again[at], 0xee);
    }
    assert_memory_equal(again, f->bytes, f->length);
  }
}

static void frames_stand_alone(void **state) {
  (void)state;
  static uint8_t bytes[TRANSCRIPT_FRAME_BYTES_MAX + 1];
  static struct dispute_frame again;
  assert_true(transcript_open(files[0].bytes, files[0].length, &t, &frame, &why));
  size_t length = transcript_frame_encode(&frame, bytes, sizeof bytes);
  assert_true(length > 0 && transcript_frame_decode(bytes, length, &again, &why));
  assert_memory_equal(&again, &frame, sizeof frame);
  assert_int_equal(transcript_frame_encode(&frame, bytes, length - 1), 0);
  for (size_t cut = 0; cut < length; cut++) assert_false(transcript_frame_decode(bytes, cut, &again, &why));
  assert_false(transcript_frame_decode(bytes, length + 1, &again, &why));
  frame.steps = MOVE_STEPS_MAX + 1;
  assert_int_equal(transcript_frame_encode(&frame, bytes, sizeof bytes), 0);
}

static void a_cut_transcript_is_damaged(void **state) {
  (void)state;
  for (uint32_t i = 0; i < files_count; i++)
    for (size_t cut = 0; cut < files[i].length; cut += cut < files[i].length - 300 ? 37 : 1)
      assert_int_equal(judge(files[i].bytes, cut), TRANSCRIPT_DAMAGED);
}

/* Long files are long because of a leaf or a row of nodes: every fifth byte of those, each time another fifth. */
static size_t stride(const struct file *f) { return f->length > 8000 ? 5 : 1; }

static void no_byte_can_be_changed_unseen(void **state) {
  (void)state;
  for (uint32_t i = 0; i < files_count; i++)
    for (size_t at = i % stride(&files[i]); at < files[i].length; at += stride(&files[i])) {
      files[i].bytes[at] ^= 0x10;
      assert_int_equal(judge(files[i].bytes, files[i].length), TRANSCRIPT_DAMAGED);
      files[i].bytes[at] ^= 0x10;
    }
}

/* PROTOCOL P8.3: "A byte altered here or there in the moves or ticks of an honest claimant's dispute makes it damaged,
 * unfinished or silent, never proven". Every byte behind the frame, in four ways, with the digest made right again. */
static void no_change_proves_an_honest_side_wrong(void **state) {
  (void)state;
  static const uint8_t masks[] = {0x01, 0x80, 0x10, 0xff};
  static uint8_t bytes[TRANSCRIPT_FRAME_BYTES_MAX];
  uint32_t still_hold = 0;
  for (uint32_t i = 0; i < files_count; i++) {
    struct file f = files[i];
    assert_true(transcript_open(f.bytes, f.length, &t, &frame, &why));
    size_t moves_at = 8 + transcript_frame_encode(&frame, bytes, sizeof bytes);
    for (size_t at = moves_at + i % 5; at<f.length - SHA256_BYTES; at += f.length> 8000 ? 5 : 1) {
      uint8_t mask = masks[at % sizeof masks];
      f.bytes[at] ^= mask;
      make_digest_right(f.bytes, f.length);
      enum transcript_outcome outcome = judge(f.bytes, f.length);
      if (outcome != TRANSCRIPT_DAMAGED) dispute_check(&d, &frame);
      if (outcome == TRANSCRIPT_PROVEN) {
        assert_int_equal(d.verdict.loser, DISPUTE_CLAIMANT);
        assert_false(claimant_is_honest(&f));
      }
      still_hold += outcome != TRANSCRIPT_DAMAGED;
      f.bytes[at] ^= mask;
    }
  }
  assert_true(still_hold > 100); /* later ticks, other denied words: the loop looked behind the digest */
}

/* The same file without its last moves, and with one that is made twice. */
static void games_may_stop_but_not_stutter(void **state) {
  (void)state;
  static uint8_t again[TRANSCRIPT_BYTES_MAX];
  for (uint32_t i = 0; i < files_count; i++) {
    struct transcript whole;
    assert_true(transcript_open(files[i].bytes, files[i].length, &whole, &frame, &why));
    for (uint8_t moves = 0; moves < whole.moves; moves++) {
      uint8_t twice = moves ? (uint8_t)(moves - 1) : 0;
      for (int stutter = 0; stutter < 2; stutter++) {
        struct transcript_writer w;
        struct move m;
        uint64_t tick = 0;
        transcript_begin(&w, &frame, again, sizeof again);
        for (uint8_t n = 0; n < moves; n++) {
          assert_true(transcript_move(&whole, n, &m, &tick, &why));
          transcript_add(&w, &m, tick);
          if (stutter && n == twice) transcript_add(&w, &m, tick);
        }
        size_t length = transcript_end(&w, tick);
        assert_true(length > 0);
        assert_int_equal(judge(again, length), stutter || !moves ? TRANSCRIPT_DAMAGED : TRANSCRIPT_UNFINISHED);
      }
    }
  }
}

static struct file *file_of(const char *name) {
  for (uint32_t i = 0; i < files_count; i++)
    if (strcmp(files[i].name, name) == 0) return &files[i];
  fail_msg("no file %s", name);
  return NULL;
}

/* A recorder that waited to the last tick of a clock saw nobody lose, and one tick later it did. */
static void the_last_tick_decides_who_was_silent(void **state) {
  (void)state;
  struct file f = *file_of("honest-map");
  assert_int_equal(judge(f.bytes, f.length), TRANSCRIPT_SILENT);
  uint64_t last = t.last_tick;
  for (uint32_t early = 0; early < 2; early++) {
    uint8_t *at = f.bytes + f.length - SHA256_BYTES - 8;
    for (uint32_t b = 0; b < 8; b++) at[b] = (uint8_t)((last - early) >> (8 * b));
    make_digest_right(f.bytes, f.length);
    assert_int_equal(judge(f.bytes, f.length), early ? TRANSCRIPT_UNFINISHED : TRANSCRIPT_SILENT);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_came_of_them),
      cmocka_unit_test(the_frames_of_honest_claimants_are_listed),
      cmocka_unit_test(what_is_read_is_written_again),
      cmocka_unit_test(frames_stand_alone),
      cmocka_unit_test(a_cut_transcript_is_damaged),
      cmocka_unit_test(no_byte_can_be_changed_unseen),
      cmocka_unit_test(no_change_proves_an_honest_side_wrong),
      cmocka_unit_test(games_may_stop_but_not_stutter),
      cmocka_unit_test(the_last_tick_decides_who_was_silent),
  };
  return cmocka_run_group_tests(tests, read_files, NULL);
}
