/* transaction_read GENESIS_HASH: takes lines of hexadecimal digits, one transaction each, and answers each with a line
 * of JSON: all its fields under the names of LEDGER 3.1 and 15.1, its id, the SHA-256 of what is signed; or {"refused":
 * why}. What it prints it took from the decoded form, after that encoded to the same bytes again. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "crypto/sha256.h"
#include "ledger/transaction/example.h"

/* JSON as it comes: a comma before everything that is not the first of its braces. */
static bool first = true;

static void comma(void) {
  if (!first) printf(", ");
  first = false;
}

static void key(const char *name) {
  comma();
  printf("\"%s\": ", name);
}

static void begin(char brace) {
  putchar(brace);
  first = true;
}

static void end(char brace) {
  putchar(brace);
  first = false;
}

static void digits(const uint8_t *bytes, size_t length) {
  putchar('"');
  for (size_t i = 0; i < length; i++) printf("%02x", bytes[i]);
  putchar('"');
}

static void field(const char *name, const uint8_t *bytes, size_t length) {
  key(name);
  digits(bytes, length);
}

static void number(const char *name, uint64_t x) {
  key(name);
  printf("%" PRIu64, x);
}

/* A list of byte strings, `length` bytes each, side by side. */
static void list(const char *name, const uint8_t *bytes, size_t count, size_t length) {
  key(name);
  begin('[');
  for (size_t i = 0; i < count; i++) {
    comma();
    digits(bytes + i * length, length);
  }
  end(']');
}

/* A list of rows: rows, then for each of them row .. end('}'), then end(']'). */
static void rows(const char *name) {
  key(name);
  begin('[');
}

static void row(void) {
  comma();
  begin('{');
}

static void attempt(const struct body_attempt *at, int seated) {
  field("task", at->task, TASK_ID_BYTES);
  number("attempt", at->attempt);
  if (seated) number("seat", at->seat);
}

static void provider(const struct body_provider *p) {
  number("roles", p->roles);
  number("class", p->class);
  number("mem", p->mem_mib);
  field("vrf", p->vrf_key, 32);
  field("proof", p->vrf_proof, VRF_BYTES);
  field("tls", p->tls_hash, 32);
  field("endpoint", p->endpoint, p->endpoint_length);
  number("ask", p->ask);
  number("available", p->available);
}

static void schedule(const struct body_post *p) {
  rows("schedule");
  for (uint8_t i = 0; i < p->sections; i++) {
    row();
    number("repeat", p->section[i].repeat);
    rows("entries");
    for (uint8_t n = 0; n < p->section[i].entries; n++) {
      row();
      number("tape", p->section[i].entry[n].tape);
      number("repeat", p->section[i].entry[n].repeat);
      end('}');
    }
    end(']');
    end('}');
  }
  end(']');
}

static void post(const struct body_post *p, const struct job_task *task) {
  field("spec_hash", p->spec_hash, 32);
  number("canon", p->canon);
  number("lower", p->lower);
  field("layout_hash", p->layout_hash, 32);
  list("tape_roots", p->tape_root, p->tapes, 32);
  schedule(p);
  list("data_roots", p->data_root, p->data, 32);
  field("start_root", p->start_root, 32);
  number("first_step", p->first_step);
  number("figure", p->figure);
  number("seed_mode", p->seed_mode);
  number("seed", p->seed);
  rows("tasks");
  for (uint16_t i = 0; i < p->tasks; i++) {
    row();
    number("steps", task[i].steps);
    number("interval", task[i].interval_steps);
    number("class", task[i].time_class);
    end('}');
  }
  end(']');
  number("level", p->level);
  number("n", p->seats);
  number("m", p->draws);
  number("price", p->price);
  number("reserve", p->reserve);
  field("own_seat", p->own_seat, 32);
  number("params", p->params);
  number("deadline", p->deadline);
}

static void publish(const struct body_publish *p, const struct publish_row *start) {
  attempt(&p->at, 0);
  rows("starts");
  for (uint16_t i = 0; i < p->count; i++) {
    row();
    number("i", start[i].interval);
    field("root", start[i].root, 32);
    field("sigma", start[i].sigma, 32);
    list("path", start[i].path, p->height, 32);
    end('}');
  }
  end(']');
}

static void opening(const struct body_open *o) {
  attempt(&o->at, 0);
  field("sigma", o->sigma, 32);
  list("roots", o->roots, o->roots_count, 32);
  rows("leaves");
  for (uint8_t i = 0; i < o->leaves; i++) {
    row();
    field("leaf", o->leaf[i], OPEN_LEAF_BYTES);
    list("path", o->path[i], o->height, 32);
    end('}');
  }
  end(']');
}

static void show(const struct body_show *s) {
  attempt(&s->at, 1);
  field("salt", s->salt, 32);
  list("ends", s->ends, s->ends_count, 32);
  list("probes", s->probes, s->ends_count, 32);
}

static void move(const struct body_move *b) {
  struct move m;
  assert(move_decode(b->move, b->move_length, &m, NULL));
  number("dispute", b->dispute);
  number("number", m.number);
  number("kind", m.kind);
  field("payload", m.payload, m.length);
}

static void tape(const struct body_tape *b) {
  field("layout", b->layout, b->layout_length);
  rows("tapes");
  for (uint8_t i = 0; i < b->tapes; i++) {
    comma();
    digits(b->tape[i], b->tape_length[i]);
  }
  end(']');
}

static void body(const struct example *e) {
  switch ((enum transaction_type)e->type) {
  case TRANSACTION_TRANSFER:
    field("to", e->b.transfer.to, 32);
    number("amount", e->b.transfer.amount);
    field("memo", e->b.transfer.memo, e->b.transfer.memo_length);
    return;
  case TRANSACTION_PROVIDER_SET: provider(&e->b.provider); return;
  case TRANSACTION_KEY_SET:
    number("index", e->b.key.index);
    field("key", e->b.key.key, 32);
    number("mask", e->b.key.mask);
    number("until", e->b.key.until_tick);
    return;
  case TRANSACTION_STAKE:
    number("role", e->b.stake.role);
    number("amount", e->b.stake.amount);
    return;
  case TRANSACTION_JOB_POST: post(&e->b.post, e->task); return;
  case TRANSACTION_OFFER:
    attempt(&e->b.offer.at, 0);
    field("proof", e->b.offer.proof, VRF_BYTES);
    return;
  case TRANSACTION_COMMIT:
    attempt(&e->b.commit.at, 0);
    field("trace_root", e->b.commit.trace_root, 32);
    number("outcome", e->b.commit.outcome);
    number("steps", e->b.commit.steps);
    return;
  case TRANSACTION_TAKE:
    attempt(&e->b.take.at, 1);
    field("proof", e->b.take.proof, VRF_BYTES);
    return;
  case TRANSACTION_PUBLISH: publish(&e->b.publish, e->row); return;
  case TRANSACTION_SEAL:
    attempt(&e->b.seal.at, 1);
    field("hash", e->b.seal.hash, 32);
    return;
  case TRANSACTION_OPEN: opening(&e->b.open); return;
  case TRANSACTION_SHOW: show(&e->b.show); return;
  case TRANSACTION_MOVE: move(&e->b.move); return;
  case TRANSACTION_BEACON: field("proof", e->b.beacon.proof, VRF_BYTES); return;
  case TRANSACTION_TAPE: tape(&e->b.tape); return;
  case TRANSACTION_FETCH:
    attempt(&e->b.fetch.at, 1);
    number("what", e->b.fetch.what);
    number("got", e->b.fetch.got);
    return;
  }
}

static void envelope(const struct transaction *t) {
  key("type");
  printf("\"%s\"", transaction_type_name(t->type));
  field("account", t->account, 32);
  number("key_index", t->key_index);
  number("nonce", t->nonce);
  number("until_tick", t->until_tick);
  number("gas", t->gas);
  number("price", t->price);
  if (t->payer) {
    field("payer", t->payer, 32);
    number("payer_key_index", t->payer_key_index);
    field("payer_signature", t->payer_signature, SIGNATURE_BYTES);
  }
  field("signature", t->signature, SIGNATURE_BYTES);
}

static void answer(const uint8_t *bytes, size_t length, const uint8_t genesis[32]) {
  static uint8_t again[TRANSACTION_TAPE_BYTES_MAX + TRANSACTION_SIGN_DOMAIN_BYTES];
  static struct example e;
  struct transaction t;
  struct why why = {""};
  uint8_t hash[32];
  if (!transaction_decode(bytes, length, &t, &why) || !body_check(&t, &why)) {
    printf("{\"refused\": \"%s\"}\n", why.text); /* no reason has a quotation mark in it */
    return;
  }
  assert(transaction_encode(&t, again, sizeof again) == length && !memcmp(again, bytes, length));
  assert(example_take(&t, &e) && example_put(&e, again, sizeof again) == t.body_length);
  assert(!memcmp(again, t.body, t.body_length));
  first = true;
  row();
  envelope(&t);
  key("body");
  begin('{');
  body(&e);
  end('}');
  transaction_id(bytes, length, hash);
  field("id", hash, sizeof hash);
  sha256(again, transaction_sign_bytes(&t, genesis, again, sizeof again), hash);
  field("signed", hash, sizeof hash);
  end('}');
  putchar('\n');
}

int main(int argc, char **argv) {
  uint8_t genesis[32];
  char *line = NULL;
  size_t room = 0;
  if (argc != 2 || !hex_decode(argv[1], genesis, sizeof genesis)) {
    fprintf(stderr, "usage: %s GENESIS_HASH < transactions in hexadecimal digits\n", argv[0]);
    return 2;
  }
  while (getline(&line, &room, stdin) > 0) {
    line[strcspn(line, "\n")] = 0;
    size_t length = strlen(line) / 2;
    uint8_t *bytes = malloc(length + 1);
    if (!bytes || !hex_decode(line, bytes, length)) {
      fprintf(stderr, "a line that is no bytes in hexadecimal digits\n");
      return 2;
    }
    answer(bytes, length, genesis);
    free(bytes);
  }
  free(line);
  return 0;
}
