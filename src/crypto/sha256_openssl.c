/* Through OpenSSL, which uses the machine's SHA instructions. The digest is fetched once per process and each thread
 * keeps its contexts until it ends: a fetch or an allocation per call would cost more than hashing an inner node. */
#include <assert.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "crypto/sha256.h"

struct contexts {
  EVP_MD_CTX *context[SHA256_STREAMS_MAX];
  uint32_t open;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static EVP_MD *algorithm;
static _Thread_local struct contexts *mine;

static void contexts_free(void *at) {
  struct contexts *c = at;
  for (uint32_t i = 0; i < SHA256_STREAMS_MAX; i++) EVP_MD_CTX_free(c->context[i]);
  free(c);
  mine = NULL;
}

static void fetch(void) {
  algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
  assert(algorithm && "OpenSSL has no SHA-256");
  int failed = pthread_key_create(&key, contexts_free);
  assert(!failed && "no thread key left");
}

static struct contexts *contexts_open(void) {
  pthread_once(&once, fetch);
  struct contexts *c = calloc(1, sizeof *c);
  assert(c && "out of memory");
  for (uint32_t i = 0; i < SHA256_STREAMS_MAX; i++) {
    c->context[i] = EVP_MD_CTX_new();
    int ready = c->context[i] && EVP_DigestInit_ex2(c->context[i], algorithm, NULL);
    assert(ready && "out of memory");
  }
  int failed = pthread_setspecific(key, c);
  assert(!failed && "out of memory");
  return mine = c;
}

void sha256_begin(struct sha256_stream *s) {
  struct contexts *c = mine ? mine : contexts_open();
  assert(c->open < SHA256_STREAMS_MAX && "a stream was not ended");
  s->context = c->context[c->open++];
  int ready = EVP_DigestInit_ex2(s->context, NULL, NULL);
  assert(ready);
}

void sha256_add(struct sha256_stream *s, const void *bytes, size_t length) {
  int added = EVP_DigestUpdate(s->context, bytes, length);
  assert(added);
}

void sha256_end(struct sha256_stream *s, uint8_t digest[SHA256_BYTES]) {
  assert(mine && mine->open && mine->context[mine->open - 1] == s->context && "streams end in reverse order");
  unsigned length = 0;
  int ended = EVP_DigestFinal_ex(s->context, digest, &length);
  assert(ended && length == SHA256_BYTES);
  mine->open--;
}

void sha256_parts(const struct sha256_part *parts, size_t count, uint8_t digest[SHA256_BYTES]) {
  struct sha256_stream s;
  sha256_begin(&s);
  for (size_t i = 0; i < count; i++) sha256_add(&s, parts[i].bytes, parts[i].length);
  sha256_end(&s, digest);
}

void sha256(const void *bytes, size_t length, uint8_t digest[SHA256_BYTES]) {
  sha256_parts(&(struct sha256_part){bytes, length}, 1, digest);
}
