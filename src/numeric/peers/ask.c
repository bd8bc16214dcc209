#include "numeric/peers/ask.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

void peer_end(struct peer *peer) {
  if (!peer->pid) return;
  kill(peer->pid, SIGCONT);
  fclose(peer->to);
  fclose(peer->from);
  waitpid(peer->pid, NULL, 0);
  peer->pid = 0;
}

bool peer_ask(struct peer *peer, const char *question, char *answer, int answer_bytes) {
  kill(peer->pid, SIGCONT);
  bool ok = fputs(question, peer->to) >= 0 && fflush(peer->to) == 0 && fgets(answer, answer_bytes, peer->from);
  if (ok)
    kill(peer->pid, SIGSTOP);
  else
    peer_end(peer);
  return ok;
}

void peer_start(struct peer *peer, const char *folder, const char *name, uint32_t threads) {
  char path[4096], count[16];
  int to[2], from[2];
  snprintf(path, sizeof path, "%s/peer_%s", folder, name);
  snprintf(count, sizeof count, "%" PRIu32, threads);
  setenv("OMP_NUM_THREADS", count, 1);
  setenv("OPENBLAS_NUM_THREADS", count, 1);
  if (access(path, X_OK) != 0 || pipe(to) != 0) return;
  if (pipe(from) != 0) {
    close(to[0]), close(to[1]);
    return;
  }
  /* Else the next peer would hold these open, and this one never see its input end. */
  fcntl(to[1], F_SETFD, FD_CLOEXEC);
  fcntl(from[0], F_SETFD, FD_CLOEXEC);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
  for (int end = 0; end < 2; end++) {
    posix_spawn_file_actions_addclose(&actions, to[end]);
    posix_spawn_file_actions_addclose(&actions, from[end]);
  }
  char *arguments[] = {path, count, NULL};
  if (posix_spawn(&peer->pid, path, &actions, NULL, arguments, environ) != 0) peer->pid = 0;
  posix_spawn_file_actions_destroy(&actions);
  close(to[0]), close(from[1]);
  peer->to = fdopen(to[1], "w");
  peer->from = fdopen(from[0], "r");
  if (!peer->pid || !peer->to || !peer->from) {
    if (peer->to) fclose(peer->to);
    if (peer->from) fclose(peer->from);
    peer->pid = 0;
  }
}
