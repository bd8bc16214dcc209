/* certificate_words: what a certificate says, for people and for scripts. Uses: certificate. */
#ifndef CLI_CERTIFICATE_WORDS_H
#define CLI_CERTIFICATE_WORDS_H
#include "certificate/certificate.h"
#include "cli/chain/reach.h"

/* What was found out about one. model: NULL if none was compared. */
struct certificate_finding {
  enum certificate_check check;
  const char *why;         /* in words, where check is not CERTIFICATE_TRUE */
  const uint8_t *anchor;   /* the validators' hash that was asked for, or NULL */
  const char *model;       /* the path of a model file */
  bool model_same;         /* it is the certified one */
  uint32_t model_tensors;  /* compared by name; 0 where it is a state */
  char model_why[WHY_MAX]; /* what is other, in tensors */
};

void certificate_print(const struct certificate *c, const struct certificate_finding *f);
json_t *certificate_json(const struct certificate *c, const struct certificate_finding *f);

/* certificate_unseen is the chance, at most, that one wrong interval of the last task was in no seat's draw: LEDGER 6.8
 * gives a set of at least a third, of which every seat draws its own; 0 where seats run everything again, 1 where
 * nobody audited. */
double certificate_unseen(const struct certificate *c);

#endif
