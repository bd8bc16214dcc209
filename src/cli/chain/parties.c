#include "cli/chain/parties.h"
#include "cli/amount.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LETTERS_MIN = 12 }; /* with the four of "asy1" */

void parties_shut(struct parties *p) {
  free(p->party);
  *p = (struct parties){0};
}

static struct party *find(const struct parties *p, const uint8_t account[32]) {
  for (uint32_t i = 0; i < p->count; i++)
    if (memcmp(p->party[i].account, account, 32) == 0) return &p->party[i];
  return NULL;
}

static void add_role(struct party *party, const char *role) {
  size_t used = strlen(party->roles);
  if (!*role || strstr(party->roles, role)) return;
  snprintf(party->roles + used, sizeof party->roles - used, "%s%s", used ? ", " : "", role);
}

struct party *parties_add(struct parties *p, const uint8_t account[32], const char *role) {
  static const uint8_t nobody[32];
  if (memcmp(account, nobody, 32) == 0) return NULL;
  struct party *party = find(p, account);
  if (!party) {
    if (p->count == p->room) {
      p->room = p->room ? 2 * p->room : 16;
      p->party = realloc(p->party, p->room * sizeof *p->party);
      assert(p->party && "memory for names");
    }
    party = &p->party[p->count++];
    *party = (struct party){.got = 0};
    memcpy(party->account, account, 32);
    p->letters = 0;
  }
  add_role(party, role);
  return party;
}

/* How many letters of the two addresses are the same, from the first on. */
static uint32_t alike(const struct party *a, const struct party *b) {
  char one[PARTY_TEXT], other[PARTY_TEXT];
  uint32_t n = 0;
  address_write(a->account, one);
  address_write(b->account, other);
  while (one[n] && one[n] == other[n]) n++;
  return n;
}

static void tell_apart(struct parties *p) {
  p->letters = LETTERS_MIN;
  for (uint32_t i = 0; i < p->count; i++)
    for (uint32_t j = 0; j < i; j++) {
      uint32_t same = alike(&p->party[i], &p->party[j]);
      if (same >= p->letters) p->letters = same + 1;
    }
}

const char *parties_name(struct parties *p, const uint8_t account[32], char text[PARTY_TEXT]) {
  address_write(account, text);
  if (!p || !find(p, account)) return text;
  if (!p->letters) tell_apart(p);
  memcpy(text + p->letters, "..", 3); /* ids differ before the checksum, whose six letters are more than this */
  return text;
}

void parties_print(struct parties *p) {
  char name[PARTY_TEXT], whole[PARTY_TEXT], got[AMOUNT_TEXT], gave[AMOUNT_TEXT];
  if (p->count) printf("\nwho\n");
  for (uint32_t i = 0; i < p->count; i++) {
    const struct party *q = &p->party[i];
    address_write(q->account, whole);
    printf("  %s  %s%s%s\n", parties_name(p, q->account, name), whole, *q->roles ? ", " : "", q->roles);
    if (q->got || q->gave)
      printf("  %*s  got %s, gave %s\n", (int)strlen(name), "", amount_write(q->got, got), amount_write(q->gave, gave));
  }
}
