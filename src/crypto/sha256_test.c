/* SHA-256 against the standard's examples, and the two implementations against each other. The plain one is linked here
 * a second time, its functions renamed by the build to plain_*. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "crypto/sha256.h"

void plain_begin(struct sha256_stream *s);
void plain_add(struct sha256_stream *s, const void *bytes, size_t length);
void plain_end(struct sha256_stream *s, uint8_t digest[SHA256_BYTES]);
void plain_parts(const struct sha256_part *parts, size_t count, uint8_t digest[SHA256_BYTES]);
void plain_sha256(const void *bytes, size_t length, uint8_t digest[SHA256_BYTES]);

static void assert_digest(const uint8_t digest[SHA256_BYTES], const char *expected) {
  char text[2 * SHA256_BYTES + 1];
  hex_encode(digest, SHA256_BYTES, text);
  assert_string_equal(text, expected);
}

/* NIST, "Examples with Intermediate Values", SHA256.pdf and SHA2_Additional.pdf. */
static const struct {
  const char *message, *digest;
} examples[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
     "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
};

static void the_standards_examples(void **state) {
  (void)state;
  uint8_t digest[SHA256_BYTES];
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    sha256(examples[i].message, strlen(examples[i].message), digest);
    assert_digest(digest, examples[i].digest);
    plain_sha256(examples[i].message, strlen(examples[i].message), digest);
    assert_digest(digest, examples[i].digest);
  }
}

static void a_million_times_a(void **state) {
  (void)state;
  static const char expected[] =
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"; /* the same source */
  char a[1000];
  uint8_t digest[SHA256_BYTES];
  struct sha256_stream s, p;
  memset(a, 'a', sizeof a);
  sha256_begin(&s);
  plain_begin(&p);
  for (int i = 0; i < 1000; i++) {
    sha256_add(&s, a, sizeof a);
    plain_add(&p, a, sizeof a);
  }
  sha256_end(&s, digest);
  assert_digest(digest, expected);
  plain_end(&p, digest);
  assert_digest(digest, expected);
}

static uint32_t next_random(uint32_t *s) { return *s = *s * 1664525 + 1013904223; }

static void both_agree_however_a_message_is_cut(void **state) {
  (void)state;
  uint8_t message[300], one[SHA256_BYTES], two[SHA256_BYTES];
  uint32_t random = 1;
  for (size_t i = 0; i < sizeof message; i++) message[i] = (uint8_t)(next_random(&random) >> 24);
  for (size_t length = 0; length <= sizeof message; length++) {
    size_t cut = length ? next_random(&random) % length : 0, cut2 = cut + (length - cut) / 2;
    const struct sha256_part parts[] = {{message, cut}, {message + cut, cut2 - cut}, {message + cut2, length - cut2}};
    sha256(message, length, one);
    sha256_parts(parts, 3, two);
    assert_memory_equal(one, two, SHA256_BYTES);
    plain_sha256(message, length, two);
    assert_memory_equal(one, two, SHA256_BYTES);
    plain_parts(parts, 3, two);
    assert_memory_equal(one, two, SHA256_BYTES);
  }
}

/* A stream is open while others come and go inside it. */
static void streams_nest(void **state) {
  (void)state;
  uint8_t digest[SHA256_BYTES];
  struct sha256_stream outer;
  sha256_begin(&outer);
  sha256_add(&outer, "a", 1);
  sha256("something else", 14, digest);
  sha256_add(&outer, "bc", 2);
  sha256_end(&outer, digest);
  assert_digest(digest, examples[1].digest);
}

static void *hash_in_thread(void *digest) {
  sha256("abc", 3, digest);
  return NULL;
}

/* Under the address sanitizer this also says that a thread's contexts go with the thread. */
static void threads_have_their_own(void **state) {
  (void)state;
  enum { THREADS = 4 };
  pthread_t thread[THREADS];
  uint8_t digest[THREADS][SHA256_BYTES];
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&thread[i], NULL, hash_in_thread, digest[i]), 0);
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(thread[i], NULL), 0);
    assert_digest(digest[i], examples[1].digest);
  }
}

/* Sixteen side by side and what is left over, at every length that ends a block in another way, and in place. */
static void each_of_many_is_hashed_as_if_alone(void **state) {
  (void)state;
  static uint8_t bytes[35 * 4096], digests[35 * SHA256_BYTES];
  const size_t lengths[] = {0, 1, 31, 32, 54, 55, 56, 62, 63, 64, 65, 118, 119, 120, 126, 127, 128, 200, 4096};
  uint32_t random = 2, lanes = sha256_lanes();
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(next_random(&random) >> 24);
  assert_true(lanes == 1 || lanes == 16);
#if defined(__x86_64__)
  assert_int_equal(lanes == 16, __builtin_cpu_supports("avx512bw") != 0);
#endif
  for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
    for (size_t count = 0; count <= 35; count++) {
      size_t length = lengths[l];
      uint8_t tag = (uint8_t)count, one[SHA256_BYTES];
      memset(digests, 0, sizeof digests);
      sha256_each(tag, bytes, length, count, digests);
      for (size_t i = 0; i < 35; i++) {
        const struct sha256_part parts[] = {{&tag, 1}, {bytes + i * length, length}};
        plain_parts(parts, 2, one);
        if (i >= count) memset(one, 0, sizeof one); /* and nothing behind the last is touched */
        assert_memory_equal(digests + i * SHA256_BYTES, one, SHA256_BYTES);
      }
      if (count && count <= lanes) { /* in slices, by a group that is copied between them */
        uint8_t sliced[SHA256_LANES_MAX * SHA256_BYTES];
        struct sha256_group g, moved;
        sha256_group_begin(&g, tag, bytes, length, count);
        for (size_t slices = 1; moved = g, !sha256_group_go(&moved, 1 + slices % 3, sliced); slices++) {
          assert_in_range(slices, 1, 1 + (length + 72) / 64);
          g = moved;
        }
        assert_memory_equal(sliced, digests, count * SHA256_BYTES);
      }
      if (length < SHA256_BYTES || length > 200) continue;
      uint8_t over[35 * 200 + SHA256_BYTES];
      memcpy(over, bytes, sizeof over);
      sha256_each(tag, over, length, count, over);
      assert_memory_equal(over, digests, count * SHA256_BYTES);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_standards_examples),
      cmocka_unit_test(a_million_times_a),
      cmocka_unit_test(both_agree_however_a_message_is_cut),
      cmocka_unit_test(streams_nest),
      cmocka_unit_test(each_of_many_is_hashed_as_if_alone),
      cmocka_unit_test(threads_have_their_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
