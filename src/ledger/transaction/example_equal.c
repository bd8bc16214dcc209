/* Two examples with the same meaning: every field, and the bytes that pointers lend. */
#include "ledger/transaction/example.h"

#include <string.h>

#define SAME(field) (x->field == y->field)
#define SAME_BYTES(field, length) (!memcmp(x->field, y->field, length))

static bool equal_at(const struct body_attempt *x, const struct body_attempt *y) {
  return SAME_BYTES(task, TASK_ID_BYTES) && SAME(attempt) && SAME(seat);
}

static bool equal_transfer(const struct body_transfer *x, const struct body_transfer *y) {
  return SAME_BYTES(to, ACCOUNT_ID_BYTES) && SAME(amount) && SAME(memo_length) && SAME_BYTES(memo, x->memo_length);
}

static bool equal_provider(const struct body_provider *x, const struct body_provider *y) {
  return SAME(roles) && SAME(class) && SAME(available) && SAME(mem_mib) && SAME(ask) && SAME_BYTES(vrf_key, 32) &&
         SAME_BYTES(vrf_proof, VRF_BYTES) && SAME_BYTES(tls_hash, 32) && SAME(endpoint_length) &&
         SAME_BYTES(endpoint, x->endpoint_length);
}

static bool equal_key(const struct body_key *x, const struct body_key *y) {
  return SAME(index) && SAME(mask) && SAME(until_tick) && SAME_BYTES(key, ACCOUNT_KEY_BYTES);
}

static bool equal_stake(const struct body_stake *x, const struct body_stake *y) { return SAME(role) && SAME(amount); }

static bool equal_sections(const struct body_post *p, const struct body_post *q) {
  for (uint8_t i = 0; i < p->sections; i++) {
    const struct job_section *x = &p->section[i], *y = &q->section[i];
    if (!SAME(repeat) || !SAME(entries)) return false;
    for (uint8_t n = 0; n < x->entries; n++)
      if (!SAME(entry[n].tape) || !SAME(entry[n].repeat)) return false;
  }
  return true;
}

static bool equal_tasks(const struct job_task *x, const struct job_task *y, uint16_t count) {
  for (; count--; x++, y++)
    if (!SAME(steps) || !SAME(interval_steps) || !SAME(time_class)) return false;
  return true;
}

static bool equal_post(const struct body_post *x, const struct body_post *y) {
  return SAME_BYTES(spec_hash, 32) && SAME(canon) && SAME(lower) && SAME_BYTES(layout_hash, 32) && SAME(tapes) &&
         SAME_BYTES(tape_root, x->tapes * 32u) && SAME(sections) && equal_sections(x, y) && SAME(data) &&
         SAME_BYTES(data_root, x->data * 32u) && SAME_BYTES(start_root, 32) && SAME(first_step) && SAME(figure) &&
         SAME(seed_mode) && SAME(seed) && SAME(tasks) && SAME(level) && SAME(seats) && SAME(draws) && SAME(price) &&
         SAME(reserve) && SAME_BYTES(own_seat, ACCOUNT_ID_BYTES) && SAME(params) && SAME(deadline);
}

static bool equal_offer(const struct body_offer *x, const struct body_offer *y) {
  return equal_at(&x->at, &y->at) && SAME_BYTES(proof, VRF_BYTES);
}

static bool equal_commit(const struct body_commit *x, const struct body_commit *y) {
  return equal_at(&x->at, &y->at) && SAME_BYTES(trace_root, 32) && SAME(outcome) && SAME(steps);
}

static bool equal_take(const struct body_take *x, const struct body_take *y) {
  return equal_at(&x->at, &y->at) && SAME_BYTES(proof, VRF_BYTES);
}

static bool equal_rows(const struct publish_row *x, const struct publish_row *y, uint16_t count, uint32_t height) {
  for (; count--; x++, y++)
    if (!SAME(interval) || !SAME_BYTES(root, 32) || !SAME_BYTES(sigma, 32) || !SAME_BYTES(path, height * 32))
      return false;
  return true;
}

static bool equal_publish(const struct body_publish *x, const struct body_publish *y) {
  return equal_at(&x->at, &y->at) && SAME(count) && SAME(height);
}

static bool equal_seal(const struct body_seal *x, const struct body_seal *y) {
  return equal_at(&x->at, &y->at) && SAME_BYTES(hash, 32);
}

static bool equal_open(const struct body_open *x, const struct body_open *y) {
  if (!SAME(leaves) || !SAME(height)) return false;
  for (uint8_t i = 0; i < x->leaves; i++)
    if (!SAME_BYTES(leaf[i], OPEN_LEAF_BYTES) || !SAME_BYTES(path[i], x->height * 32u)) return false;
  return equal_at(&x->at, &y->at) && SAME_BYTES(sigma, 32) && SAME(roots_count) &&
         SAME_BYTES(roots, x->roots_count * 32u);
}

static bool equal_show(const struct body_show *x, const struct body_show *y) {
  return equal_at(&x->at, &y->at) && SAME_BYTES(salt, 32) && SAME(ends_count) &&
         SAME_BYTES(ends, x->ends_count * 32u) && SAME_BYTES(probes, x->ends_count * 32u);
}

static bool equal_move(const struct body_move *x, const struct body_move *y) {
  return SAME(dispute) && SAME(move_length) && SAME_BYTES(move, x->move_length);
}

static bool equal_beacon(const struct body_beacon *x, const struct body_beacon *y) {
  return SAME_BYTES(proof, VRF_BYTES);
}

static bool equal_tape(const struct body_tape *x, const struct body_tape *y) {
  if (!SAME(layout_length) || !SAME_BYTES(layout, x->layout_length) || !SAME(tapes)) return false;
  for (uint8_t i = 0; i < x->tapes; i++)
    if (!SAME(tape_length[i]) || !SAME_BYTES(tape[i], x->tape_length[i])) return false;
  return true;
}

static bool equal_fetch(const struct body_fetch *x, const struct body_fetch *y) {
  return equal_at(&x->at, &y->at) && SAME(what) && SAME(got);
}

bool example_equal(const struct example *x, const struct example *y) {
  if (!SAME(type)) return false;
  switch ((enum transaction_type)x->type) {
  case TRANSACTION_TRANSFER: return equal_transfer(&x->b.transfer, &y->b.transfer);
  case TRANSACTION_KEY_SET: return equal_key(&x->b.key, &y->b.key);
  case TRANSACTION_PROVIDER_SET: return equal_provider(&x->b.provider, &y->b.provider);
  case TRANSACTION_STAKE: return equal_stake(&x->b.stake, &y->b.stake);
  case TRANSACTION_JOB_POST:
    return equal_post(&x->b.post, &y->b.post) && equal_tasks(x->task, y->task, x->b.post.tasks);
  case TRANSACTION_OFFER: return equal_offer(&x->b.offer, &y->b.offer);
  case TRANSACTION_COMMIT: return equal_commit(&x->b.commit, &y->b.commit);
  case TRANSACTION_TAKE: return equal_take(&x->b.take, &y->b.take);
  case TRANSACTION_PUBLISH:
    return equal_publish(&x->b.publish, &y->b.publish) &&
           equal_rows(x->row, y->row, x->b.publish.count, x->b.publish.height);
  case TRANSACTION_SEAL: return equal_seal(&x->b.seal, &y->b.seal);
  case TRANSACTION_OPEN: return equal_open(&x->b.open, &y->b.open);
  case TRANSACTION_SHOW: return equal_show(&x->b.show, &y->b.show);
  case TRANSACTION_MOVE: return equal_move(&x->b.move, &y->b.move);
  case TRANSACTION_BEACON: return equal_beacon(&x->b.beacon, &y->b.beacon);
  case TRANSACTION_TAPE: return equal_tape(&x->b.tape, &y->b.tape);
  case TRANSACTION_FETCH: return equal_fetch(&x->b.fetch, &y->b.fetch);
  }
  return false;
}
