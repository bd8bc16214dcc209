/* transcript_corpus FOLDER: plays disputes about small worlds and writes their transcripts, the seeds of
 * transcript_fuzz and the first files of tests/transcripts. Prints the hash of the frame of every honest claimant:
 * honest.inc. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/sha256.h"
#include "dispute/transcript/transcript.h"
#include "dispute/world/party.h"
#include "dispute/world/stubborn.h"
#include "dispute/world/tapes.h"

enum { SMALL, WIDE, LONG, TAPES }; /* the example; many leaves; sums over several chunks */

/* What a file has behind the last move that was one: nothing; the PROOF that a liar would like to be one, of a leaf
 * that was changed to fit; a PROOF of the leaf as it is, which is not what the liar posted. */
enum end { AS_PLAYED, FORGED, SHOWN };

/* One dispute: who lies and how; after how many moves the recorder stops (0: when the game does). */
struct plot {
  const char *name;
  uint8_t tape;
  bool claimant_lies;
  uint16_t steps;
  struct lie lie;
  uint8_t stop;
  enum end end;
  enum transcript_outcome outcome;
};

/* The example's temp leaf n is the value of its nth temp record: 0 pick (perm: nothing to deny), 1 the pictures, 2 the
 * dot, 5 the labels, 6 the put. Its out leaves are diverged, w, m, count. */
static const struct plot plots[] = {
    {"map",
     SMALL,
     true,
     3,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_OUT, .j = 2, .leaf = 1, .offset = 6, .mask = 16},
     0,
     AS_PLAYED,
     TRANSCRIPT_PROVEN},
    {"gather",
     SMALL,
     true,
     3,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_TEMP, .j = 2, .leaf = 1, .offset = 3, .mask = 1},
     0,
     AS_PLAYED,
     TRANSCRIPT_PROVEN},
    {"dot",
     SMALL,
     true,
     2,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_TEMP, .j = 2, .leaf = 2, .offset = 14, .mask = 128},
     0,
     AS_PLAYED,
     TRANSCRIPT_PROVEN},
    {"fold",
     SMALL,
     true,
     1,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_OUT, .j = 1, .leaf = 3, .offset = 0, .mask = 4},
     0,
     AS_PLAYED,
     TRANSCRIPT_PROVEN},
    {"put",
     SMALL,
     true,
     2,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_TEMP, .j = 2, .leaf = 6, .offset = 3, .mask = 64},
     0,
     AS_PLAYED,
     TRANSCRIPT_PROVEN},
    {"index",
     SMALL,
     true,
     2,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_TEMP, .j = 2, .leaf = 5, .offset = 0, .mask = 1},
     0,
     AS_PLAYED,
     TRANSCRIPT_PROVEN},
    {"perm",
     SMALL,
     true,
     2,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_TEMP, .j = 2, .leaf = 0, .offset = 0, .mask = 4},
     0,
     AS_PLAYED,
     TRANSCRIPT_PROVEN},
    {"padding",
     SMALL,
     true,
     1,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_OUT, .j = 1, .leaf = 2, .offset = 4000, .mask = 1},
     0,
     AS_PLAYED,
     TRANSCRIPT_PROVEN},
    {"wide-out",
     WIDE,
     true,
     1,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_OUT, .j = 1, .leaf = 100, .offset = 2, .mask = 1},
     0,
     AS_PLAYED,
     TRANSCRIPT_PROVEN},
    {"wide-grid",
     WIDE,
     true,
     2,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_TEMP, .j = 2, .leaf = 0, .offset = 2, .mask = 1},
     0,
     AS_PLAYED,
     TRANSCRIPT_PROVEN},
    {"long-dot",
     LONG,
     true,
     1,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_TEMP, .j = 1, .leaf = 2, .offset = 2, .mask = 1},
     0,
     AS_PLAYED,
     TRANSCRIPT_PROVEN},
    {"long-fold",
     LONG,
     true,
     1,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_TEMP, .j = 1, .leaf = 3, .offset = 2, .mask = 1},
     0,
     AS_PLAYED,
     TRANSCRIPT_PROVEN},
    {"long-put",
     LONG,
     true,
     1,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_TEMP, .j = 1, .leaf = 4, .offset = 2, .mask = 1},
     0,
     AS_PLAYED,
     TRANSCRIPT_PROVEN},
    {"root", SMALL, true, 3, {.kind = LIE_ROOT, .j = 3}, 0, AS_PLAYED, TRANSCRIPT_SILENT},
    {"unfinished",
     SMALL,
     true,
     3,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_TEMP, .j = 2, .leaf = 2, .offset = 2, .mask = 1},
     5,
     AS_PLAYED,
     TRANSCRIPT_UNFINISHED},
    {"honest-map",
     SMALL,
     false,
     3,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_OUT, .j = 2, .leaf = 1, .offset = 6, .mask = 16},
     0,
     AS_PLAYED,
     TRANSCRIPT_SILENT},
    {"honest-dot",
     SMALL,
     false,
     1,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_TEMP, .j = 1, .leaf = 2, .offset = 14, .mask = 128},
     0,
     AS_PLAYED,
     TRANSCRIPT_SILENT},
    {"honest-put",
     SMALL,
     false,
     2,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_TEMP, .j = 2, .leaf = 6, .offset = 3, .mask = 64},
     0,
     AS_PLAYED,
     TRANSCRIPT_SILENT},
    {"honest-fold",
     SMALL,
     false,
     1,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_OUT, .j = 1, .leaf = 3, .offset = 0, .mask = 4},
     0,
     AS_PLAYED,
     TRANSCRIPT_SILENT},
    {"honest-data",
     SMALL,
     false,
     2,
     {.kind = LIE_DATA, .from = 2, .j = 1, .leaf = 0, .offset = 4, .mask = 1},
     0,
     AS_PLAYED,
     TRANSCRIPT_SILENT},
    {"honest-wide",
     WIDE,
     false,
     1,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_OUT, .j = 1, .leaf = 100, .offset = 2, .mask = 1},
     0,
     AS_PLAYED,
     TRANSCRIPT_SILENT},
    {"honest-long",
     LONG,
     false,
     1,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_TEMP, .j = 1, .leaf = 2, .offset = 2, .mask = 1},
     0,
     AS_PLAYED,
     TRANSCRIPT_SILENT},
    {"forged-map",
     SMALL,
     false,
     3,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_OUT, .j = 2, .leaf = 1, .offset = 6, .mask = 16},
     0,
     FORGED,
     TRANSCRIPT_DAMAGED},
    {"shown-map",
     SMALL,
     false,
     3,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_OUT, .j = 2, .leaf = 1, .offset = 6, .mask = 16},
     0,
     SHOWN,
     TRANSCRIPT_DAMAGED},
    {"forged-dot",
     SMALL,
     false,
     1,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_TEMP, .j = 1, .leaf = 2, .offset = 14, .mask = 128},
     0,
     FORGED,
     TRANSCRIPT_DAMAGED},
    {"shown-dot",
     SMALL,
     false,
     1,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_TEMP, .j = 1, .leaf = 2, .offset = 14, .mask = 128},
     0,
     SHOWN,
     TRANSCRIPT_DAMAGED},
    {"forged-long",
     LONG,
     false,
     1,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_TEMP, .j = 1, .leaf = 2, .offset = 2, .mask = 1},
     0,
     FORGED,
     TRANSCRIPT_DAMAGED},
    {"shown-long",
     LONG,
     false,
     1,
     {.kind = LIE_BYTE, .follow = true, .space = TAPE_TEMP, .j = 1, .leaf = 2, .offset = 2, .mask = 1},
     0,
     SHOWN,
     TRANSCRIPT_DAMAGED},
};

struct recorder {
  struct transcript_writer writer;
  uint8_t moves, stop;
  struct dispute last;
};

static void see(void *context, const struct dispute *before, const struct move *m, uint64_t tick,
                const struct dispute *after) {
  struct recorder *r = context;
  (void)before;
  r->last = *after;
  if (r->stop && r->moves == r->stop) return;
  transcript_add(&r->writer, m, tick);
  r->moves++;
}

/* The leaf that was asked for, as it is, with its path: all true, but not what was posted. */
static void show_operand(const struct dispute *d, const struct dispute_frame *f, const struct evidence *e,
                         struct move *m) {
  const struct referee_operand *o = &d->operand;
  uint32_t leaves = dispute_leaves(d, f, o->space, o->number), height = merkle_height(leaves);
  static uint8_t scratch[512 * MERKLE_BYTES], path[MOVE_TREE_HEIGHT_MAX * MERKLE_BYTES];
  assert(leaves <= 512);
  merkle_path(e->hashes(e->context, o->space, o->number), leaves, o->leaf, scratch, path);
  move_begin(m, MOVE_15, MOVE_PROOF);
  move_put_bytes(m, e->leaf(e->context, o->space, o->number, o->leaf), TAPE_LEAF_BYTES);
  move_put_bytes(m, path, (size_t)height * MERKLE_BYTES);
}

/* A dispute to its end, or what its first moves were; returns the file's length. The liar does not give in. */
static size_t record(const struct plot *p, const struct dispute_frame *f, const struct party *claimant,
                     const struct party *challenger, uint8_t *bytes) {
  struct play play = {.frame = f, .see = see};
  struct play_result result;
  static struct recorder r;
  struct move m;
  r.moves = 0;
  r.stop = p->stop;
  play.context = &r;
  play.evidence[DISPUTE_CLAIMANT] = &claimant->evidence;
  play.evidence[DISPUTE_CHALLENGER] = &challenger->evidence;
  play.honest[DISPUTE_CLAIMANT] = !p->claimant_lies;
  play.honest[DISPUTE_CHALLENGER] = p->claimant_lies;
  if (p->claimant_lies)
    play.player[DISPUTE_CLAIMANT] = stubborn_claimant;
  else
    play.player[DISPUTE_CHALLENGER] = stubborn_challenger;
  transcript_begin(&r.writer, f, bytes, TRANSCRIPT_BYTES_MAX);
  play_whole(&play, &result);
  if (p->end == FORGED && stubborn_challenger(&r.last, f, &challenger->evidence, &m, NULL) == ANSWER_MOVE)
    transcript_add(&r.writer, &m, r.last.turn_tick);
  if (p->end == SHOWN) {
    show_operand(&r.last, f, &claimant->evidence, &m);
    transcript_add(&r.writer, &m, r.last.turn_tick);
  }
  return transcript_end(&r.writer, p->stop ? 1500 : result.tick);
}

static void print_hash(const struct dispute_frame *f) {
  static uint8_t bytes[TRANSCRIPT_FRAME_BYTES_MAX];
  uint8_t hash[SHA256_BYTES];
  sha256(bytes, transcript_frame_encode(f, bytes, sizeof bytes), hash);
  printf("{");
  for (int i = 0; i < SHA256_BYTES; i++) printf("%s0x%02x", i ? ", " : "", hash[i]);
  printf("},\n");
}

static void make(const struct plot *p, const struct tape *tape, const char *folder) {
  static struct world world;
  static struct party honest, liar;
  static struct dispute_frame f;
  static struct dispute d;
  static uint8_t bytes[TRANSCRIPT_BYTES_MAX];
  world_open(&world, &tape, 1, p->steps, 7);
  party_open(&honest, &world, NULL);
  party_open(&liar, &world, &honest);
  party_lie(&liar, &p->lie, 1);
  struct party *claimant = p->claimant_lies ? &liar : &honest, *challenger = p->claimant_lies ? &honest : &liar;
  world_frame(&world, 0, party_roots(claimant)[p->steps], &f);
  f.data_count = 6; /* no tape here has a tensor of a higher number */
  size_t length = record(p, &f, claimant, challenger, bytes);
  struct transcript t;
  struct dispute_frame again;
  struct why why = {""};
  enum transcript_outcome outcome =
      transcript_open(bytes, length, &t, &again, &why) ? transcript_play(&t, &again, &d, &why) : TRANSCRIPT_DAMAGED;
  if (outcome != p->outcome) fprintf(stderr, "transcript_corpus: %s: outcome %d: %s\n", p->name, outcome, why.text);
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, p->name);
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(bytes, 1, length, file) != length || fclose(file)) perror(path), exit(1);
  if (!p->claimant_lies) print_hash(&f);
  party_shut(&liar);
  party_shut(&honest);
  world_shut(&world);
}

int main(int argc, char **argv) {
  if (argc != 2) return fprintf(stderr, "usage: %s FOLDER\n", argv[0]), 2;
  static struct example small;
  static struct built_tape wide, chunked;
  example_tape(&small);
  wide_tape(&wide);
  long_tape(&chunked);
  const struct tape *const tapes[TAPES] = {[SMALL] = &small.tape, [WIDE] = &wide.tape, [LONG] = &chunked.tape};
  for (size_t i = 0; i < sizeof plots / sizeof *plots; i++) make(&plots[i], tapes[plots[i].tape], argv[1]);
  return 0;
}
