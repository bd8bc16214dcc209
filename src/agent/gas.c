/* How much gas to declare: LEDGER 3.4. What is not used is not charged, so what only the chain can count is rounded up;
 * but a party short of money pays from a lock of 200,000 (2.8), so not by much. */
#include "agent/agent.h"
#include "ledger/ledger.h"

enum { GAS_SENT = 500 + 500, GAS_BYTE = 2, GAS_VRF = 4500, GAS_RECORD = 2000, GAS_TAPE_RECORD = 20, GAS_OPEN = 500 };
enum { GAS_MOVE_MOST = 10000, TAPE_RECORD_BYTES_MIN = 40, AROUND_BODY = TRANSACTION_HEAD_BYTES + SIGNATURE_BYTES };
enum { GAS_MAX = BLOCK_GAS_MAX / 4 * 3 };

/* Records by which the state may grow. */
static uint64_t records_of(uint8_t type, const uint8_t *body, size_t length) {
  struct transaction t = {.type = type, .body = body, .body_length = (uint32_t)length};
  struct body_publish publish;
  struct body_tape tape;
  switch ((enum transaction_type)type) {
  case TRANSACTION_PUBLISH: return body_publish_take(&t, &publish, NULL) ? publish.count + 4u : 4;
  case TRANSACTION_TAPE: return body_tape_take(&t, &tape, NULL) ? 3 * (uint64_t)tape.tapes + 3 : 3;
  case TRANSACTION_OPEN:
  case TRANSACTION_SHOW: return 32; /* the last of them opens a dispute for every seat that differs */
  case TRANSACTION_JOB_POST:
  case TRANSACTION_SEAL:
  case TRANSACTION_FETCH:
  case TRANSACTION_MOVE: return 8;
  case TRANSACTION_TRANSFER:
  case TRANSACTION_KEY_SET:
  case TRANSACTION_PROVIDER_SET:
  case TRANSACTION_STAKE:
  case TRANSACTION_OFFER:
  case TRANSACTION_COMMIT:
  case TRANSACTION_TAKE:
  case TRANSACTION_BEACON: break;
  }
  return 4;
}

static uint64_t extra_of(uint8_t type, size_t length) {
  switch ((enum transaction_type)type) {
  case TRANSACTION_PROVIDER_SET:
  case TRANSACTION_OFFER:
  case TRANSACTION_TAKE: return GAS_VRF;
  case TRANSACTION_OPEN: return GAS_OPEN;
  case TRANSACTION_MOVE: return GAS_MOVE_MOST;
  case TRANSACTION_TAPE: return GAS_TAPE_RECORD * (uint64_t)(length / TAPE_RECORD_BYTES_MIN);
  case TRANSACTION_TRANSFER:
  case TRANSACTION_KEY_SET:
  case TRANSACTION_STAKE:
  case TRANSACTION_JOB_POST:
  case TRANSACTION_COMMIT:
  case TRANSACTION_PUBLISH:
  case TRANSACTION_SEAL:
  case TRANSACTION_SHOW:
  case TRANSACTION_BEACON:
  case TRANSACTION_FETCH: break;
  }
  return 0;
}

uint32_t agent_gas(uint8_t type, const uint8_t *body, size_t length) {
  uint64_t gas = GAS_SENT + GAS_BYTE * (uint64_t)(length + AROUND_BODY) + extra_of(type, length) +
                 GAS_RECORD * records_of(type, body, length);
  return gas < GAS_MAX ? (uint32_t)gas : GAS_MAX;
}
