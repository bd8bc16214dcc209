/* What a transfer promises: right bytes arrive whatever breaks, wrong ones are refused at their leaf, and neither side
 * grows with the blob. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hex.h"
#include "commit/state/state.h"
#include "crypto/address.h"
#include "net/client/call.h"
#include "net/client/stage.h"
#include "net/transfer/listen.h"
#include "net/transfer/transfer.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LEAVES = 2 * BLOB_PIECE_LEAVES + 9, LENGTH = LEAVES * BLOB_LEAF_BYTES, LONG_BYTES = 200 << 20 };

/* What a reader or a storer may take for a blob of any size. Sanitizers keep what was freed for a while. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { SHARE_KIB = 131072 };
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { SHARE_KIB = 131072 };
#else
enum { SHARE_KIB = 8192 };
#endif
#else
enum { SHARE_KIB = 8192 };
#endif

static uint8_t *blob, *hashes, blob_root[32];
static char here[64], there[64];
static struct sign_secret *secret;
static struct transfer_signer signer;
static const struct transfer_options hasty = {.connect_ms = 3000, .slow_s = 4, .rounds = 2};

static void fill(uint8_t *bytes, size_t length, uint64_t x) {
  for (size_t i = 0; i < length; i += 8) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    memcpy(bytes + i, &x, 8);
  }
}

static int set_up(void **state) {
  (void)state;
  struct why why;
  static const uint8_t seed[32] = {7};
  blob = malloc(LENGTH);
  hashes = malloc((size_t)LEAVES * 64);
  fill(blob, LENGTH, 88172645463325252u);
  state_root(blob, LENGTH, hashes, blob_root);
  state_leaf_hashes(blob, LENGTH, 0, LEAVES, hashes);
  if (sign_open(&why) != SIGN_OK || sign_secret_open(seed, &secret) != SIGN_OK) return 1;
  signer.secret = secret;
  address_of_key(sign_secret_public(secret).bytes, signer.account);
  memset(signer.genesis, 9, 32);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  sign_secret_shut(&secret);
  free(blob);
  free(hashes);
  return 0;
}

static int fresh(void **state) {
  (void)state;
  snprintf(here, sizeof here, "/tmp/here-XXXXXX");
  snprintf(there, sizeof there, "/tmp/there-XXXXXX");
  return mkdtemp(here) && mkdtemp(there) ? 0 : 1;
}

static int gone(void **state) {
  (void)state;
  char command[200];
  snprintf(command, sizeof command, "rm -r %s %s", here, there);
  return system(command);
}

static struct shelf *open_shelf(const char *folder) {
  struct shelf *s;
  struct why why;
  assert_int_equal(shelf_open(&s, folder, (struct shelf_limits){0}, &why), SHELF_OK);
  return s;
}

static void expect_blob(struct shelf *s) {
  uint64_t first, length;
  int file = shelf_file(s, blob_root, false, &first, &length);
  uint8_t *back = malloc(LENGTH);
  assert_true(file >= 0);
  assert_int_equal(length, LENGTH);
  assert_int_equal(pread(file, back, LENGTH, (off_t)first), LENGTH);
  assert_memory_equal(back, blob, LENGTH);
  close(file);
  free(back);
}

/* A storer: a shelf of its own in a folder, and a server. */
struct storer {
  struct shelf *shelf;
  struct serve serve;
  struct listen *listen;
  char url[40];
  struct transfer_server server;
};

static void open_storer(struct storer *s, const char *folder, struct shelf_limits limits) {
  struct why why;
  *s = (struct storer){.serve.account = {5}, .server.account = {5}};
  memcpy(s->serve.genesis, signer.genesis, 32);
  assert_int_equal(shelf_open(&s->shelf, folder, limits, &why), SHELF_OK);
  s->serve.shelf = s->shelf;
  assert_true(listen_open(&s->listen, "127.0.0.1", 0, &s->serve, &why));
  snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u", listen_port(s->listen));
  s->server.url = s->url;
}

static void shut_storer(struct storer *s) {
  listen_shut(s->listen);
  shelf_shut(s->shelf);
}

static void a_blob_goes_out_and_comes_back(void **state) {
  (void)state;
  struct storer storer;
  struct why why;
  uint8_t root[32];
  open_storer(&storer, there, (struct shelf_limits){0});
  struct shelf *mine = open_shelf(here);
  assert_int_equal(shelf_put(mine, blob, LENGTH, signer.account, root, &why), SHELF_OK);
  assert_memory_equal(root, blob_root, 32);
  assert_int_equal(transfer_give(mine, root, &storer.server, &signer, NULL, &why), TRANSFER_OK);
  assert_int_equal(transfer_give(mine, root, &storer.server, &signer, NULL, &why), TRANSFER_OK); /* once more */
  expect_blob(storer.shelf);
  struct shelf_blob found;
  assert_true(shelf_find(storer.shelf, root, &found));
  assert_memory_equal(found.account, signer.account, 32);
  assert_int_equal(shelf_erase(mine, root), SHELF_OK);
  assert_int_equal(transfer_fetch(mine, root, LEAVES, signer.account, &storer.server, 1, &hasty, &why), TRANSFER_OK);
  expect_blob(mine);
  const uint8_t other[32] = {1};
  assert_int_equal(transfer_fetch(mine, other, LEAVES, signer.account, &storer.server, 1, &hasty, &why), TRANSFER_NONE);
  assert_int_equal(transfer_give(mine, other, &storer.server, &signer, NULL, &why), TRANSFER_NONE);
  shelf_shut(mine);
  shut_storer(&storer);
}

static bool nobody(void *context, const uint8_t account[32], const uint8_t key[32], uint64_t bytes) {
  (void)context, (void)account, (void)key;
  assert_int_equal(bytes, LEAVES * (BLOB_LEAF_BYTES + 32));
  return false;
}

static void a_storer_refuses_strangers_and_keeps_quotas(void **state) {
  (void)state;
  struct storer storer;
  struct why why;
  uint8_t root[32];
  open_storer(&storer, there, (struct shelf_limits){.account_bytes = LENGTH});
  struct shelf *mine = open_shelf(here);
  assert_int_equal(shelf_put(mine, blob, LENGTH, signer.account, root, &why), SHELF_OK);
  struct transfer_signer other = signer;
  other.genesis[0] ^= 1;
  assert_int_equal(transfer_give(mine, root, &storer.server, &other, &hasty, &why), TRANSFER_REFUSED);
  other = signer;
  other.account[31] ^= 1;
  assert_int_equal(transfer_give(mine, root, &storer.server, &other, &hasty, &why), TRANSFER_REFUSED);
  struct transfer_server elsewhere = storer.server;
  elsewhere.account[0] ^= 1;
  assert_int_equal(transfer_give(mine, root, &elsewhere, &signer, &hasty, &why), TRANSFER_REFUSED);
  assert_non_null(strstr(why.text, "does not check"));
  storer.serve.may = nobody;
  assert_int_equal(transfer_give(mine, root, &storer.server, &signer, &hasty, &why), TRANSFER_REFUSED);
  storer.serve.may = NULL;
  assert_int_equal(transfer_give(mine, root, &storer.server, &signer, &hasty, &why), TRANSFER_QUOTA);
  assert_non_null(strstr(why.text, "quota of the account"));
  assert_int_equal(shelf_used(storer.shelf), 0);
  shelf_shut(mine);
  shut_storer(&storer);
}

/* A request as it is, and the number of its answer. */
static int status_of(const struct storer *s, const char *head, const void *body, size_t length) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  at.sin_port = htons(listen_port(s->listen));
  char answer[64] = "";
  int c = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(c, (struct sockaddr *)&at, sizeof at), 0);
  if (stage_write(c, head, strlen(head))) stage_write(c, body, length);
  size_t got = 0;
  for (ssize_t n; got < 12 && (n = recv(c, answer + got, 12 - got, 0)) > 0;) got += (size_t)n;
  close(c);
  return got == 12 ? atoi(answer + 9) : 0;
}

static void sign_for(uint64_t leaves, int64_t age_s, char text[400]) {
  uint8_t bytes[SERVE_SIGNED_BYTES], signature[64];
  static const uint8_t storer[32] = {5};
  char account[65], key[65], hex[129];
  uint64_t time_s = (uint64_t)((int64_t)time(NULL) - age_s);
  serve_signed(signer.genesis, storer, blob_root, leaves, time_s, bytes);
  sign_make(secret, bytes, sizeof bytes, signature);
  hex_encode(signer.account, 32, account);
  hex_encode(sign_secret_public(secret).bytes, 32, key);
  hex_encode(signature, 64, hex);
  snprintf(text, 400, "Authorization: Assay %s %s %" PRIu64 " %s\r\n", account, key, time_s, hex);
}

static void requests_that_are_none_get_their_numbers(void **state) {
  (void)state;
  struct storer s;
  struct why why;
  uint8_t root[32], wrong[LEAVES * 32];
  char hex[65], by[400], late[400], short_by[400], head[800];
  open_storer(&s, there, (struct shelf_limits){0});
  assert_int_equal(shelf_put(s.shelf, blob, 5000, signer.account, root, &why), SHELF_OK);
  hex_encode(root, 32, hex);
  static const struct {
    const char *rest;
    int status;
  } reads[] = {{"", 200},
               {"/leaves", 200},
               {"/0", 404},
               {"/x", 404},
               {"/01", 404},
               {"/", 404},
               {"a", 404},
               {" HTTP/1.1\r\nRange: bytes=8191-\r\nX: y", 206},
               {" HTTP/1.1\r\nRange: bytes=8192-\r\nX: y", 416},
               {" HTTP/1.1\r\nRange: bytes=5-3\r\nX: y", 200},
               {" HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\nX: y", 400}};
  for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
    bool own = reads[i].rest[0] == ' ';
    snprintf(head, sizeof head, "GET /blobs/%s%s%s\r\n\r\n", hex, reads[i].rest, own ? "" : " HTTP/1.1");
    assert_int_equal(status_of(&s, head, "", 0), reads[i].status);
  }
  snprintf(head, sizeof head, "HEAD /blobs/%s HTTP/1.1\r\n\r\n", hex);
  assert_int_equal(status_of(&s, head, "", 0), 200);
  hex_encode(blob_root, 32, hex);
  sign_for(LEAVES, 0, by);
  sign_for(LEAVES, 301, late);
  sign_for(LEAVES - 1, 0, short_by);
  memcpy(wrong, hashes, sizeof wrong);
  wrong[77] ^= 1;
  const struct {
    const char *method, *rest, *by, *length;
    const uint8_t *body;
    size_t body_length;
    int status;
  } puts[] = {
      {"PUT", "/leaves", "", "16768", hashes, 16768, 401},
      {"PUT", "/leaves", late, "16672", hashes, 16672, 401},
      {"PUT", "/leaves", short_by, "16672", hashes, 16672, 401},
      {"PUT", "/leaves", by, NULL, hashes, 16672, 411},
      {"PUT", "/leaves", by, "16671", hashes, 16671, 400},
      {"PUT", "", by, "16672", hashes, 16672, 405},
      {"POST", "/leaves", by, "16672", hashes, 16672, 405},
      {"PUT", "/0", by, "4096", blob, 4096, 404},
      {"PUT", "/leaves", by, "16672", wrong, 16672, 422},
      {"PUT", "/leaves", by, "16672", hashes, 16672, 200},
      {"PUT", "/1", by, "1048576", blob, 1048576, 409},
      {"PUT", "/9", by, "1048576", blob, 1048576, 409},
      {"PUT", "/0", by, "4096", blob, 4096, 400},
      {"PUT", "/0", by, "1048576", blob + 1, 1048576, 422},
      {"PUT", "/0", late, "1048576", blob, 1048576, 401},
      {"PUT", "/0", by, "1048576", blob, 1048576, 200},
      {"PUT", "/0", by, "1048576", blob, 1048576, 200},
  };
  _Static_assert(LEAVES * 32 == 16672, "the numbers above");
  for (size_t i = 0; i < sizeof puts / sizeof *puts; i++) {
    snprintf(head, sizeof head, "%s /blobs/%s%s HTTP/1.1\r\n%s%s%s%s\r\n", puts[i].method, hex, puts[i].rest,
             puts[i].by, puts[i].length ? "Content-Length: " : "", puts[i].length ? puts[i].length : "",
             puts[i].length ? "\r\n" : "");
    int status = status_of(&s, head, puts[i].body, puts[i].body_length);
    if (status != puts[i].status) print_message("case %zu\n", i);
    assert_int_equal(status, puts[i].status);
  }
  shut_storer(&s);
}

/* A server that serves the blob, but badly. */
struct crook {
  size_t list_flip, flip; /* byte that is wrong, SIZE_MAX for none */
  size_t cut;             /* a connection ends after so many bytes; 0 for never */
  size_t extra;           /* bytes behind the end */
  uint32_t pause_ms;      /* between 64 KiB */
  atomic_size_t sent, last_first;
  atomic_uint asked;
};

static void be_crook(void *context, const struct stage_request *r) {
  struct crook *c = context;
  c->asked++;
  bool list = strstr(r->head, "/leaves ");
  const char *range = strstr(r->head, "Range: bytes=");
  size_t first = range ? strtoul(range + 13, NULL, 10) : 0, length = list ? LEAVES * 32 : LENGTH;
  size_t flip = list ? c->list_flip : c->flip, end = list ? length : length + c->extra;
  char head[200];
  int n = snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n", range ? 206 : 200, end - first);
  if (!list) c->last_first = first;
  if (!stage_write(r->socket, head, (size_t)n)) return;
  uint8_t *bytes = calloc(1, end);
  memcpy(bytes, list ? hashes : blob, length);
  if (flip < end) bytes[flip] ^= 1;
  size_t stop = !list && c->cut && first + c->cut < end ? first + c->cut : end;
  for (size_t at = first; at < stop;) {
    size_t part = stop - at < 65536 ? stop - at : 65536;
    if (!stage_write(r->socket, bytes + at, part)) break;
    if (!list) c->sent += part;
    if (c->pause_ms) call_pause(NULL, c->pause_ms);
    at += part;
  }
  free(bytes);
}

static const struct crook honest = {.list_flip = SIZE_MAX, .flip = SIZE_MAX};

static enum transfer_status fetch_from(struct shelf *s, struct crook *c, struct why *why) {
  struct stage *stage = stage_open(be_crook, c);
  const struct transfer_server server = {.url = stage_url(stage)};
  enum transfer_status status = transfer_fetch(s, blob_root, LEAVES, signer.account, &server, 1, &hasty, why);
  stage_shut(stage);
  return status;
}

static void wrong_bytes_at_any_place_are_refused(void **state) {
  (void)state;
  struct why why;
  for (size_t i = 0; i < 24; i++) {
    struct shelf *s = open_shelf(here);
    struct crook c = honest;
    c.list_flip = (i * 7919 * 97) % (LEAVES * 32);
    assert_int_equal(fetch_from(s, &c, &why), TRANSFER_WRONG);
    assert_non_null(strstr(why.text, "dishonest"));
    assert_int_equal(c.asked, 1);
    struct shelf_blob found;
    assert_false(shelf_find(s, blob_root, &found));
    c = honest;
    c.flip = i == 0 ? 0 : i == 1 ? LENGTH - 1 : (i * 104729 * 31) % LENGTH;
    assert_int_equal(fetch_from(s, &c, &why), TRANSFER_WRONG);
    assert_non_null(strstr(why.text, "dishonest"));
    assert_int_equal(c.asked, 2); /* the list, the bytes, and not again */
    assert_true(shelf_find(s, blob_root, &found));
    assert_int_equal(found.next, c.flip / BLOB_PIECE_BYTES);
    c = honest; /* what came is kept, and an honest server goes on from there */
    assert_int_equal(fetch_from(s, &c, &why), TRANSFER_OK);
    assert_int_equal(c.last_first, (size_t)found.next * BLOB_PIECE_BYTES);
    assert_int_equal(c.asked, 1);
    expect_blob(s);
    shelf_erase(s, blob_root);
    c = honest;
    c.extra = 1;
    assert_int_equal(i ? TRANSFER_OK : fetch_from(s, &c, &why),
                     TRANSFER_OK); /* it has its name before the byte comes */
    shelf_erase(s, blob_root);
    shelf_shut(s);
  }
}

static void several_servers_make_up_for_each_other(void **state) {
  (void)state;
  struct why why;
  struct crook liar = honest, breaker = honest, forger = honest;
  liar.flip = 10;
  forger.list_flip = 99;
  breaker.cut = BLOB_PIECE_BYTES + 100000;
  struct stage *stages[3] = {stage_open(be_crook, &forger), stage_open(be_crook, &liar),
                             stage_open(be_crook, &breaker)};
  struct transfer_server servers[4] = {{.url = "http://127.0.0.1:1"}};
  for (size_t i = 0; i < 3; i++) servers[i + 1].url = stage_url(stages[i]);
  struct shelf *s = open_shelf(here);
  assert_int_equal(transfer_fetch(s, blob_root, LEAVES, signer.account, servers, 4, &hasty, &why), TRANSFER_OK);
  expect_blob(s);
  assert_int_equal(forger.asked, 1);
  assert_int_equal(liar.asked, 2);
  assert_int_equal(breaker.asked, 2); /* once more after the break */
  assert_int_equal(breaker.last_first, BLOB_PIECE_BYTES);
  shelf_erase(s, blob_root);
  /* A length that is not the blob's is no blob. */
  assert_int_equal(transfer_fetch(s, blob_root, LEAVES + 1, signer.account, servers + 3, 1, &hasty, &why),
                   TRANSFER_WRONG);
  shelf_shut(s);
  for (size_t i = 0; i < 3; i++) stage_shut(stages[i]);
}

/* A reader that is killed goes on where it was. */
static void a_killed_reader_goes_on(void **state) {
  (void)state;
  struct crook slow = honest;
  slow.pause_ms = 15;
  struct stage *stage = stage_open(be_crook, &slow);
  const struct transfer_server server = {.url = stage_url(stage)};
  struct why why;
  pid_t child = fork();
  if (child == 0) {
    struct shelf *s;
    if (shelf_open(&s, here, (struct shelf_limits){0}, &why) == SHELF_OK)
      transfer_fetch(s, blob_root, LEAVES, signer.account, &server, 1, &hasty, &why);
    _exit(0);
  }
  while (slow.sent < BLOB_PIECE_BYTES + 5 * 65536) call_pause(NULL, 1);
  kill(child, SIGKILL);
  int status;
  waitpid(child, &status, 0);
  assert_true(WIFSIGNALED(status));
  slow.asked = 0;
  struct shelf *s = open_shelf(here);
  assert_int_equal(transfer_fetch(s, blob_root, LEAVES, signer.account, &server, 1, &hasty, &why), TRANSFER_OK);
  assert_int_equal(slow.last_first, BLOB_PIECE_BYTES);
  assert_int_equal(slow.asked, 1); /* not the list again */
  expect_blob(s);
  shelf_shut(s);
  stage_shut(stage);
}

static void count_pieces(void *context, const char *url, uint64_t bytes, uint64_t all) {
  uint64_t *last = context;
  assert_non_null(url);
  assert_true(bytes > *last && bytes <= all && all == LENGTH);
  *last = bytes;
}

static void stops_and_stalls_end_soon(void **state) {
  (void)state;
  volatile int stop = 0;
  struct why why;
  uint64_t last = 0;
  struct crook stalled = honest;
  stalled.pause_ms = 2500; /* 64 KiB, then silence */
  struct stage *stage = stage_open(be_crook, &stalled);
  struct transfer_server server = {.url = stage_url(stage)};
  struct shelf *s = open_shelf(here);
  struct transfer_options options = {
      .slow_s = 1, .rounds = 1, .progress = count_pieces, .context = &last, .stop = &stop};
  uint64_t start = call_clock_ms();
  assert_int_equal(transfer_fetch(s, blob_root, LEAVES, signer.account, &server, 1, &options, &why), TRANSFER_LOST);
  assert_in_range(call_clock_ms() - start, 900, 12000);
  stop = 1;
  assert_int_equal(transfer_fetch(s, blob_root, LEAVES, signer.account, &server, 1, &options, &why), TRANSFER_STOPPED);
  stop = 0;
  struct crook good = honest;
  struct stage *other = stage_open(be_crook, &good);
  server.url = stage_url(other);
  assert_int_equal(transfer_fetch(s, blob_root, LEAVES, signer.account, &server, 1, &options, &why), TRANSFER_OK);
  assert_int_equal(last, LENGTH);
  shelf_shut(s);
  stage_shut(other);
  stage_shut(stage);
}

struct uploader {
  struct shelf *shelf;
  const struct transfer_server *server;
  enum transfer_status status;
};

static void *upload(void *context) {
  struct uploader *u = context;
  struct why why;
  u->status = transfer_give(u->shelf, blob_root, u->server, &signer, NULL, &why);
  return NULL;
}

static void uploads_of_one_blob_at_once_make_one_blob(void **state) {
  (void)state;
  struct why why;
  uint8_t root[32];
  struct shelf *mine = open_shelf(here);
  assert_int_equal(shelf_put(mine, blob, LENGTH, signer.account, root, &why), SHELF_OK);
  for (int round = 0; round < 4; round++) {
    struct storer storer;
    open_storer(&storer, there, (struct shelf_limits){0});
    struct uploader uploaders[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
      uploaders[i] = (struct uploader){.shelf = mine, .server = &storer.server};
      assert_int_equal(pthread_create(&threads[i], NULL, upload, &uploaders[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
      pthread_join(threads[i], NULL);
      assert_int_equal(uploaders[i].status, TRANSFER_OK);
    }
    expect_blob(storer.shelf);
    assert_int_equal(shelf_used(storer.shelf), LEAVES * (BLOB_LEAF_BYTES + 32));
    shelf_erase(storer.shelf, blob_root);
    shut_storer(&storer);
  }
  shelf_shut(mine);
}

/* TRANSFER 2.9: one address does not take all places, and a connection that says nothing loses its own. */
static void a_flood_from_one_address_has_an_end(void **state) {
  (void)state;
  struct storer s;
  open_storer(&s, there, (struct shelf_limits){0});
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  at.sin_port = htons(listen_port(s.listen));
  int sockets[LISTEN_PLACES_ADDRESS];
  uint64_t start = call_clock_ms();
  for (int i = 0; i < LISTEN_PLACES_ADDRESS; i++) {
    sockets[i] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(sockets[i], (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(send(sockets[i], "GET /", 5, 0), 5);
  }
  call_pause(NULL, 200);
  assert_int_equal(status_of(&s, "GET / HTTP/1.1\r\n\r\n", "", 0), 503);
  /* Somebody else is served: 127.0.0.2 is another address. */
  int other = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1)};
  char answer[13] = "";
  assert_int_equal(bind(other, (struct sockaddr *)&from, sizeof from), 0);
  assert_int_equal(connect(other, (struct sockaddr *)&at, sizeof at), 0);
  assert_int_equal(send(other, "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
  assert_int_equal(recv(other, answer, 12, MSG_WAITALL), 12);
  assert_string_equal(answer, "HTTP/1.1 404");
  close(other);
  /* A trickle does not move the deadline. */
  bool open = true;
  while (open && call_clock_ms() - start < 9000) {
    char byte;
    send(sockets[0], "a", 1, MSG_NOSIGNAL);
    open = recv(sockets[0], &byte, 1, MSG_DONTWAIT) < 0;
    call_pause(NULL, 100);
  }
  assert_in_range(call_clock_ms() - start, LISTEN_HEAD_MS - 200, LISTEN_HEAD_MS + 3000);
  call_pause(NULL, 2000);
  assert_int_equal(status_of(&s, "GET / HTTP/1.1\r\n\r\n", "", 0), 404);
  for (int i = 0; i < LISTEN_PLACES_ADDRESS; i++) close(sockets[i]);
  shut_storer(&s);
}

static long resident_kib(void) {
  long pages = 0, skipped = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (!f || fscanf(f, "%ld %ld", &skipped, &pages) != 2) pages = 0;
  if (f) fclose(f);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static long peak_kib(void) {
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  return use.ru_maxrss;
}

/* The storer's side: says its port, serves until `in` closes, says how much memory it took. */
static int serve_long(int in, int out) {
  struct storer s;
  char byte;
  long before = resident_kib();
  open_storer(&s, there, (struct shelf_limits){0});
  uint32_t port = listen_port(s.listen);
  if (write(out, &port, sizeof port) != sizeof port || read(in, &byte, 1) < 0) return 1;
  shut_storer(&s);
  long took = peak_kib() - before;
  return write(out, &took, sizeof took) == sizeof took ? 0 : 1;
}

static void a_long_blob_takes_little_memory(void **state) {
  (void)state;
  int to[2], from[2], result[2], status;
  struct why why;
  uint8_t root[32];
  assert_int_equal(pipe(to) + pipe(from) + pipe(result), 0);
  uint8_t *bytes = malloc(LONG_BYTES); /* so long that free gives it back to the system */
  assert_non_null(bytes);
  fill(bytes, LONG_BYTES, 99);
  struct shelf *s = open_shelf(here);
  assert_int_equal(shelf_put(s, bytes, LONG_BYTES, signer.account, root, &why), SHELF_OK);
  shelf_shut(s);
  free(bytes);
  pid_t server, reader;
  if ((server = fork()) == 0) {
    close(to[1]);
    _exit(serve_long(to[0], from[1]));
  }
  uint32_t port;
  assert_int_equal(read(from[0], &port, sizeof port), sizeof port);
  if ((reader = fork()) == 0) { /* gives the blob, forgets it, fetches it */
    char url[40];
    snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
    const struct transfer_server storer = {.url = url, .account = {5}};
    long before = resident_kib();
    uint64_t start = call_clock_ms(), middle, end;
    bool good = shelf_open(&s, here, (struct shelf_limits){0}, &why) == SHELF_OK &&
                transfer_give(s, root, &storer, &signer, NULL, &why) == TRANSFER_OK && shelf_erase(s, root) == SHELF_OK;
    middle = call_clock_ms();
    good = good && transfer_fetch(s, root, LONG_BYTES / 4096, signer.account, &storer, 1, NULL, &why) == TRANSFER_OK;
    end = call_clock_ms();
    long figures[4] = {good, peak_kib() - before, (long)(middle - start), (long)(end - middle)};
    _exit(write(result[1], figures, sizeof figures) == sizeof figures ? 0 : 1);
  }
  long figures[4], server_kib;
  assert_int_equal(read(result[0], figures, sizeof figures), sizeof figures);
  waitpid(reader, &status, 0);
  assert_int_equal(close(to[1]), 0);
  assert_int_equal(read(from[0], &server_kib, sizeof server_kib), sizeof server_kib);
  waitpid(server, &status, 0);
  print_message("200 MiB: out in %ld ms, back in %ld ms; reader took %ld KiB, storer %ld KiB\n", figures[2], figures[3],
                figures[1], server_kib);
  assert_int_equal(figures[0], 1);
  assert_in_range(figures[1], 0, SHARE_KIB);
  assert_in_range(server_kib, 0, SHARE_KIB);
}

/* Whoever is slow on purpose stays just above what counts as broken; the caller's own time is the end of it. */
static atomic_bool released;
static void keep_waiting(void *context, struct exchange *e) {
  (void)context, (void)e;
  while (!released) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void who_has_no_time_left_does_not_wait(void **state) {
  (void)state;
  struct shelf *shelf = open_shelf(here);
  struct listen *listen;
  struct why why;
  char url[64];
  struct timespec now;
  uint8_t is[32];
  released = false;
  assert_true(listen_open_for(&listen, "127.0.0.1", 0, keep_waiting, NULL, &why));
  snprintf(url, sizeof url, "http://127.0.0.1:%u", listen_port(listen));
  const struct transfer_server server = {.url = url};
  clock_gettime(CLOCK_MONOTONIC, &now);
  uint64_t began_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
  const struct transfer_options options = {.slow_s = 100000, .rounds = 3, .until_ms = began_ms + 300};
  assert_int_equal(transfer_fetch(shelf, blob_root, LEAVES, signer.account, &server, 1, &options, &why), TRANSFER_LOST);
  assert_int_equal(shelf_put(shelf, blob, LENGTH, signer.account, is, &why), SHELF_OK);
  assert_int_equal(transfer_give(shelf, blob_root, &server, &signer, &options, &why), TRANSFER_LOST);
  released = true;
  listen_shut(listen);
  shelf_shut(shelf);
}

static void a_full_disk_here_is_said_and_leaves_nothing(void **state) {
  (void)state;
  struct crook good = honest;
  struct stage *stage = stage_open(be_crook, &good);
  const struct transfer_server server = {.url = stage_url(stage)};
  pid_t child = fork();
  if (child == 0) {
    struct why why = {""};
    struct shelf *s;
    struct shelf_blob found;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){1500000, 1500000});
    bool right = shelf_open(&s, here, (struct shelf_limits){0}, &why) == SHELF_OK &&
                 transfer_fetch(s, blob_root, LEAVES, signer.account, &server, 1, &hasty, &why) == TRANSFER_DISK &&
                 strstr(why.text, here) && !shelf_find(s, blob_root, &found) && shelf_used(s) == 0;
    _exit(right ? 0 : 1);
  }
  int status;
  waitpid(child, &status, 0);
  assert_int_equal(status, 0);
  stage_shut(stage);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_long_blob_takes_little_memory, fresh, gone), /* first: while we are small */
      cmocka_unit_test_setup_teardown(a_blob_goes_out_and_comes_back, fresh, gone),
      cmocka_unit_test_setup_teardown(a_storer_refuses_strangers_and_keeps_quotas, fresh, gone),
      cmocka_unit_test_setup_teardown(requests_that_are_none_get_their_numbers, fresh, gone),
      cmocka_unit_test_setup_teardown(wrong_bytes_at_any_place_are_refused, fresh, gone),
      cmocka_unit_test_setup_teardown(several_servers_make_up_for_each_other, fresh, gone),
      cmocka_unit_test_setup_teardown(a_killed_reader_goes_on, fresh, gone),
      cmocka_unit_test_setup_teardown(stops_and_stalls_end_soon, fresh, gone),
      cmocka_unit_test_setup_teardown(uploads_of_one_blob_at_once_make_one_blob, fresh, gone),
      cmocka_unit_test_setup_teardown(a_flood_from_one_address_has_an_end, fresh, gone),
      cmocka_unit_test_setup_teardown(who_has_no_time_left_does_not_wait, fresh, gone),
      cmocka_unit_test_setup_teardown(a_full_disk_here_is_said_and_leaves_nothing, fresh, gone),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
