/* ask: our end of a benchmark's peer, a process with another library in it (peers/peer.h).
 *
 * A peer is stopped except while it answers: its threads would spin on the processors that others are timed on. Who
 * asks ignores SIGPIPE. Processes: for the command line's benchmarks only. */
#ifndef NUMERIC_PEERS_ASK_H
#define NUMERIC_PEERS_ASK_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct peer {
  pid_t pid; /* 0: not there */
  FILE *to, *from;
};

/* peer_start runs folder/peer_NAME with this many threads; peer->pid stays 0 where it cannot. */
void peer_start(struct peer *peer, const char *folder, const char *name, uint32_t threads);

/* peer_ask says a line to the peer and reads its line; false, and the peer is given up, if it does not answer. */
bool peer_ask(struct peer *peer, const char *question, char *answer, int answer_bytes);
void peer_end(struct peer *peer);

#endif
