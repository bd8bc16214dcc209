/* submit: a job file on its way through a network, as one command sees it: what every part of it works with.
 *
 *   OUT/account/key, password   the key that was made for it, where --key names none
 *   OUT/agent/                  journal and blobs: with them the same command goes on where it was
 *   OUT/job.yaml, job.json      from the beginning; the SHA-256 of job.json is what the chain knows it by (LEDGER 15.3)
 *   OUT/final.state, model.onnx, model.safetensors, README.md, receipts.json, certificate   at the end
 *
 * Uses: agent/submitter, reach. */
#ifndef CLI_SUBMIT_H
#define CLI_SUBMIT_H
#include "agent/blob_store.h"
#include "agent/submitter.h"
#include "cli/chain/reach.h"
#include "training/file/file.h"
#include "training/run/prepare.h"

enum { SUBMIT_PATH = FILE_PATH_MAX };

/* Options that `submit` and `quote --node` both take. */
#define SUBMIT_TERMS                                                                                                   \
  {"level", 0, "NAME", "spot, standard, strong or full: how much is audited (what the job file says)"},                \
      {"seats", 0, "N", "verifiers, 1 to 9; with --draws instead of a level"},                                         \
      {"draws", 0, "N", "intervals that each of them computes again, 1 to 16"},                                        \
      {"price", 0, "GRAIN", "for 10^9 units of work (the middle of what solvers ask)"},                                \
      {"reserve", 0, "ASY", "put aside to pay verifiers more when there are none (0)"},                                \
      {"deadline", 0, "TICKS", "no attempt begins after so many (86400)"},                                             \
      {"class", 0, "N", "the class of machine (the smallest that has the memory)"},                                    \
      {"start", 0, "STATE", "a file with the state to start from: goes on with its job, or fine-tunes it"}, {          \
    "own-seat", 0, "DIR", "the identity folder of a verifier of your own, that sits beside the drawn ones"             \
  }

/* What the options come to. submit_terms reads them, prepares the job file and looks at the state to start from; the
 * node is reached. Has said why on anything but DONE; submit_terms_shut is right in any case. */
struct submit_terms {
  struct prepared *prepared;
  struct submitter_options options;
  uint8_t own_seat[32];
  uint8_t *start; /* state_bytes, NULL: from init */
  bool goes_on;   /* the state is where a job ended of which this one is a longer one */
  bool certified; /* the state was settled on this chain */
  uint32_t from_step;
};
enum outcome submit_terms(const struct arguments *a, const struct reach *reach, struct submit_terms *out);
void submit_terms_shut(struct submit_terms *t);
const char *submit_level_word(uint8_t level);

/* The quote as a page, or as one JSON object. */
void submit_quote_print(const struct submit_terms *t, const struct submitter_quote *q, const struct reach *reach);
json_t *submit_quote_json(const struct submit_terms *t, const struct submitter_quote *q, const struct reach *reach);

struct submission {
  const struct arguments *arguments;
  const char *folder; /* OUT */
  bool json, quiet;
  struct reach reach;
  struct sign_secret *key;
  uint8_t account[32];
  struct submit_terms terms;
  char work[SUBMIT_PATH], shelf[SUBMIT_PATH]; /* OUT/agent, and blobs in it */
  struct blob_store *store;
  struct blob_port blobs;
  struct agent *agent;
  struct submitter *submitter;
  uint64_t usual_ticks, began_tick; /* of the quote; when watching began */
  uint32_t attempt;                 /* of the task that was shown last */
  char shown[128];                  /* the last plain line */
};

/* submit_account opens the key of --key, or that of OUT/account, which it makes when it is missing. submit_means: is
 * there enough for the quote, or a faucet that may give it? Says how much is missing where there is neither.
 * submit_money gets it from the faucet where it is short. */
enum outcome submit_account(struct submission *s);
enum outcome submit_means(struct submission *s, const struct submitter_quote *q);
enum outcome submit_money(struct submission *s, const struct submitter_quote *q);

/* submit_say is the agent's voice (context: the submission); submit_receipt shows a receipt; submit_turn is
 * submitter_turn and then the line that says what is waited for. */
void submit_say(void *context, const char *kind, const uint8_t *task, const char *text);
bool submit_receipt(void *context, const struct receipt *r, const uint8_t *payments, size_t length);
bool submit_turn(struct agent *a, void *submission, struct why *why);

/* submit_certificate gets the certificate of the job into OUT/certificate, with the job's text in it; *there is false,
 * and a note has said why, where the node has none yet. */
enum outcome submit_certificate(struct submission *s, const uint8_t job[32], bool *there);

/* submit_end writes what belongs into OUT beside the models, and tells the result. */
enum outcome submit_end(struct submission *s);

#endif
