#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/blob_store.h"
#include "agent/stage.h"
#include "commit/state/state.h"
#include "crypto/vrf.h"
#include "ledger/provider/provider.h"
#include "net/transfer/listen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  LEAVES = BLOB_PIECE_LEAVES + 3,
  LENGTH = LEAVES * BLOB_LEAF_BYTES,
  SHORT = 5,
  GIVER = 5,
  READER = 6,
  STORER = 4
};

static struct network *net;
static struct chain_port port;
static char folder[64], shelves[3][80];
static uint8_t *blob, *back, root[32];

static int begin(void **state) {
  (void)state;
  strcpy(folder, "/tmp/assay-blobs-XXXXXX");
  assert_non_null(mkdtemp(folder));
  for (int i = 0; i < 3; i++) snprintf(shelves[i], sizeof shelves[0], "%s/%d", folder, i);
  net = network_open();
  port = network_port(net);
  blob = calloc(1, LENGTH);
  back = malloc(LENGTH);
  uint8_t *hashes = malloc(LEAVES * 32);
  for (size_t i = 0; i < LENGTH - SHORT; i++) blob[i] = (uint8_t)(i * 2654435761u >> 13);
  state_root(blob, LENGTH, hashes, root);
  free(hashes);
  return 0;
}

static int end(void **state) {
  (void)state;
  char command[100];
  network_shut(net);
  free(blob);
  free(back);
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command);
}

static struct blob_store *open_store(uint32_t who, const char *shelf) {
  struct blob_store_options o = {.folder = shelf, .chain = &port, .transfer = {.rounds = 1, .slow_s = 4}};
  struct blob_store *s;
  struct why why = {{0}};
  o.signer.secret = network_stage(net)->key[who];
  memcpy(o.signer.account, network_stage(net)->id[who], 32);
  memcpy(o.signer.genesis, port.genesis, 32);
  if (blob_store_open(&s, &o, &why) != TRANSFER_OK) fail_msg("%s", why.text);
  return s;
}

/* An account says on the chain that it stores, and where. */
static void register_as(uint32_t who, const char *url) {
  struct stage *s = network_stage(net);
  uint8_t input[PROVIDER_REGISTRATION_BYTES], proof[VRF_BYTES], tls[32] = {0}, body[512];
  struct sign_public key = sign_secret_public(s->vrf[who]);
  provider_registration(port.genesis, s->id[who], input);
  vrf_prove(s->vrf[who], input, sizeof input, proof);
  struct body_provider b = {.roles = PROVIDER_STORER,
                            .available = 1,
                            .vrf_key = key.bytes,
                            .vrf_proof = proof,
                            .tls_hash = tls,
                            .endpoint = (const uint8_t *)url,
                            .endpoint_length = (uint8_t)strlen(url)};
  stage_begin(s, 25);
  assert_int_equal(stage_send(s, who, TRANSACTION_PROVIDER_SET, body, body_provider_put(&b, body, sizeof body)).code,
                   CHAIN_OK);
  stage_end(s);
}

static void register_storer(const char *url) { register_as(STORER, url); }

static void a_blob_goes_by_the_storer_that_the_chain_names(void **state) {
  (void)state;
  struct serve serve = {.shelf = NULL};
  struct listen *listen;
  struct why why;
  char url[64];
  memcpy(serve.genesis, port.genesis, 32);
  memcpy(serve.account, network_stage(net)->id[STORER], 32);
  assert_int_equal(shelf_open(&serve.shelf, shelves[0], (struct shelf_limits){0}, &why), SHELF_OK);
  assert_true(listen_open(&listen, "127.0.0.1", 0, &serve, &why));
  snprintf(url, sizeof url, "http://127.0.0.1:%u", listen_port(listen));
  struct blob_store *giver = open_store(GIVER, shelves[1]), *reader = open_store(READER, shelves[2]);
  struct blob_port give = blob_store_port(giver), take = blob_store_port(reader);

  /* Nobody stores yet: it stays here, and the other finds nothing. */
  assert_int_equal(give.put(give.self, root, blob, LENGTH - SHORT, &why), TRANSFER_OK);
  assert_true(give.has(give.self, root));
  assert_int_equal(take.get(take.self, root, LEAVES, back, &why), TRANSFER_NONE);
  register_storer(url);
  assert_int_equal(give.put(give.self, root, blob, LENGTH - SHORT, &why), TRANSFER_OK);
  assert_false(take.has(take.self, root));
  assert_int_equal(take.get(take.self, root, LEAVES, back, &why), TRANSFER_OK);
  assert_memory_equal(back, blob, LENGTH);
  assert_true(take.has(take.self, root));

  /* A storer that is gone: what is on the shelf is there, what is put says that nobody has it. */
  listen_shut(listen);
  memset(back, 0, LENGTH);
  assert_int_equal(take.get(take.self, root, LEAVES, back, &why), TRANSFER_OK);
  assert_memory_equal(back, blob, LENGTH);
  assert_int_equal(give.put(give.self, root, blob, LENGTH - SHORT, &why), TRANSFER_LOST);
  shelf_shut(serve.shelf);
  blob_store_shut(giver);
  blob_store_shut(reader);
}

static void bytes_of_another_root_are_refused(void **state) {
  (void)state;
  struct blob_store *s = open_store(GIVER, shelves[1]);
  struct blob_port p = blob_store_port(s);
  struct why why;
  blob[7] ^= 1;
  assert_int_equal(p.put(p.self, root, blob, LENGTH - SHORT, &why), TRANSFER_WRONG);
  assert_false(p.has(p.self, root));
  assert_int_equal(shelf_used(blob_store_shelf(s)), 0);
  blob[7] ^= 1;
  assert_int_equal(p.put(p.self, root, blob, LENGTH - SHORT, &why), TRANSFER_OK);
  /* Asked for with another length: not what lies there. */
  assert_int_equal(p.get(p.self, root, LEAVES - 1, back, &why), TRANSFER_DISK);
  blob_store_shut(s);
}

/* A storer that nobody is behind costs its patience once, not at every call. */
static uint32_t knocks;
static void knock(void *context, struct exchange *e) {
  (void)context;
  (void)e; /* the connection is closed without an answer */
  knocks++;
}

static void who_does_not_answer_is_left_alone(void **state) {
  (void)state;
  struct listen *listen;
  struct why why;
  char url[64];
  knocks = 0;
  assert_true(listen_open_for(&listen, "127.0.0.1", 0, knock, NULL, &why));
  snprintf(url, sizeof url, "http://127.0.0.1:%u", listen_port(listen));
  register_storer(url);
  struct blob_store *s = open_store(GIVER, shelves[1]);
  struct blob_port p = blob_store_port(s);
  assert_int_equal(p.get(p.self, root, LEAVES, back, &why), TRANSFER_LOST);
  uint32_t first = knocks;
  assert_true(first > 0);
  for (int i = 0; i < 3; i++) assert_int_equal(p.put(p.self, root, blob, LENGTH - SHORT, &why), TRANSFER_LOST);
  assert_int_equal(knocks, first);
  blob_store_shut(s);
  listen_shut(listen);
}

/* Records of storers cost next to nothing. Who has something at stake is asked before those who have not, whatever
 * their accounts are; and who was found to fail comes after everybody else, stake or not. */
static struct shelf *honest;
static uint32_t knocks_before;
static void knock_early(void *context, struct exchange *e) {
  struct shelf_blob found;
  (void)context, (void)e;
  knocks++;
  knocks_before += !shelf_find(honest, root, &found) || found.next < found.pieces;
}

static void stake_as_storer(uint32_t who, uint64_t amount) {
  uint8_t body[64];
  struct body_stake b = {.role = ROLE_STORER, .amount = amount};
  stage_begin(network_stage(net), 25);
  assert_int_equal(
      stage_send(network_stage(net), who, TRANSACTION_STAKE, body, body_stake_put(&b, body, sizeof body)).code,
      CHAIN_OK);
  stage_end(network_stage(net));
}

static void first_comes_who_has_most_at_stake(void **state) {
  (void)state;
  enum { OTHER = 7 };
  struct stage *s = network_stage(net);
  uint32_t fake = memcmp(s->id[STORER], s->id[OTHER], 32) < 0 ? STORER : OTHER;
  uint32_t good = fake == STORER ? OTHER : STORER;
  struct serve serve = {.shelf = NULL};
  struct listen *listen, *other;
  struct why why;
  char url[64];
  memcpy(serve.genesis, port.genesis, 32);
  memcpy(serve.account, s->id[good], 32);
  assert_int_equal(shelf_open(&serve.shelf, shelves[0], (struct shelf_limits){0}, &why), SHELF_OK);
  honest = serve.shelf;
  assert_true(listen_open(&listen, "127.0.0.1", 0, &serve, &why));
  assert_true(listen_open_for(&other, "127.0.0.1", 0, knock_early, NULL, &why));
  snprintf(url, sizeof url, "http://127.0.0.1:%u", listen_port(other));
  register_as(fake, url);
  snprintf(url, sizeof url, "http://127.0.0.1:%u", listen_port(listen));
  register_as(good, url);
  stake_as_storer(good, 1000);
  knocks = knocks_before = 0;
  struct blob_store *store = open_store(GIVER, shelves[1]);
  struct blob_port p = blob_store_port(store);
  assert_int_equal(p.put(p.self, root, blob, LENGTH - SHORT, &why), TRANSFER_OK);
  assert_true(knocks > 0);
  assert_int_equal(knocks_before, 0);
  blob_store_shut(store);

  /* More at stake, and it is first, until it has failed once. */
  stake_as_storer(fake, 2000);
  store = open_store(GIVER, shelves[2]);
  p = blob_store_port(store);
  assert_int_equal(shelf_erase(serve.shelf, root), SHELF_OK);
  assert_int_equal(p.put(p.self, root, blob, LENGTH - SHORT, &why), TRANSFER_OK);
  assert_true(knocks_before > 0);
  knocks_before = 0;
  for (int i = 0; i < 3; i++) {
    assert_int_equal(shelf_erase(serve.shelf, root), SHELF_OK);
    assert_int_equal(p.put(p.self, root, blob, LENGTH - SHORT, &why), TRANSFER_OK);
  }
  assert_int_equal(knocks_before, 0);
  blob_store_shut(store);
  listen_shut(listen);
  listen_shut(other);
  shelf_shut(serve.shelf);
}

/* A shelf of one blob and a half: the older one goes when the next comes. */
static void a_full_shelf_lets_go(void **state) {
  (void)state;
  struct blob_store_options o = {.folder = shelves[1],
                                 .limits = {.bytes = (uint64_t)LEAVES * (BLOB_LEAF_BYTES + 32) * 3 / 2}};
  struct blob_store *s;
  struct why why;
  uint8_t other[32], *hashes = malloc(LEAVES * 32);
  assert_int_equal(blob_store_open(&s, &o, &why), TRANSFER_OK);
  struct blob_port p = blob_store_port(s);
  assert_int_equal(p.put(p.self, root, blob, LENGTH - SHORT, &why), TRANSFER_OK);
  blob[0] ^= 1;
  state_root(blob, LENGTH, hashes, other);
  assert_int_equal(p.put(p.self, other, blob, LENGTH - SHORT, &why), TRANSFER_OK);
  assert_true(p.has(p.self, other));
  assert_false(p.has(p.self, root));
  free(hashes);
  blob_store_shut(s);
  /* What is larger than the whole shelf does not go onto it. */
  o.limits.bytes = LENGTH / 2;
  o.folder = shelves[2];
  assert_int_equal(blob_store_open(&s, &o, &why), TRANSFER_OK);
  p = blob_store_port(s);
  assert_int_equal(p.put(p.self, other, blob, LENGTH - SHORT, &why), TRANSFER_QUOTA);
  blob_store_shut(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_blob_goes_by_the_storer_that_the_chain_names, begin, end),
      cmocka_unit_test_setup_teardown(bytes_of_another_root_are_refused, begin, end),
      cmocka_unit_test_setup_teardown(who_does_not_answer_is_left_alone, begin, end),
      cmocka_unit_test_setup_teardown(first_comes_who_has_most_at_stake, begin, end),
      cmocka_unit_test_setup_teardown(a_full_shelf_lets_go, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
