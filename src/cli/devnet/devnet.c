/* assay devnet: a whole network on one machine: chain, faucet, storer, solvers and verifiers, each a process. */
#include "cli/devnet/picture.h"
#include "cli/output.h"
#include "cli/stop.h"
#include "crypto/sign.h"
#include "training/file/machine.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  LOOK_MS = 50,        /* between two looks at the processes */
  CHAIN_MS = 500,      /* at the chain; and between two pictures */
  AGENT_END_MS = 60000 /* for an agent to end: it may be in the middle of an interval */
};

enum showing { SHOW_LINES, SHOW_SCREEN, SHOW_JSON };

struct port {
  int socket; /* bound and never listened at: it keeps the number for the process that will */
  uint16_t number;
};

struct devnet {
  struct found found;
  struct kept kept[PLAN_PROCESSES_MAX];
  struct port port[3]; /* of node, faucet and storer, by role */
  char node[64], faucet[64];
  struct lookout *lookout;
  struct picture picture;
  struct screen screen;
  enum showing showing;
  const volatile sig_atomic_t *stop;
  bool ready, failed; /* failed: a process ended by itself before it was ready for the first time */
};

static struct devnet net; /* large */

/* Ports. A number that is held by a bound socket is given to nobody who asks for any; the process that is told it can
 * still listen at it, because both say SO_REUSEADDR. So a process that starts again finds its port free. */
static bool hold_port(uint16_t number, struct port *out) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(number)};
  socklen_t length = sizeof at;
  int on = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(s, (struct sockaddr *)&at, sizeof at) != 0 || getsockname(s, (struct sockaddr *)&at, &length) != 0) {
    int saved = errno;
    if (s >= 0) close(s);
    errno = saved;
    return false;
  }
  *out = (struct port){s, ntohs(at.sin_port)};
  return true;
}

static void nap(uint32_t ms) {
  struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
  nanosleep(&t, NULL);
}

static enum outcome hold_ports(uint16_t first) {
  for (int i = 0; i < 3; i++) {
    /* The others next to the node's, if they are free: where the chain says that the storer is, it is after the next
     * start, too. */
    uint16_t wanted = first && first + i <= UINT16_MAX ? (uint16_t)(first + i) : 0;
    bool held = hold_port(wanted, &net.port[i]);
    /* Processes of one that was killed a moment ago may still be on their way out. */
    for (int tries = 0; !held && errno == EADDRINUSE && tries < (i ? 5 : 20) && !*net.stop; tries++) {
      nap(100);
      held = hold_port(wanted, &net.port[i]);
    }
    if (held || (i && hold_port(0, &net.port[i]))) continue;
    if (errno == EADDRINUSE)
      complain("port %u is in use; take another with --port N, or --port 0 for any that is free", first);
    else
      complain("port %u cannot be had: %s", first, strerror(errno));
    return OUTCOME_ENVIRONMENT;
  }
  snprintf(net.node, sizeof net.node, "http://127.0.0.1:%u", net.port[0].number);
  snprintf(net.faucet, sizeof net.faucet, "http://127.0.0.1:%u", net.port[1].number);
  return OUTCOME_DONE;
}

/* What each process runs. One solver works on a task at a time, and has all processors; the seats of an audit are
 * worked on at once, usually three, and share them. More threads than processors cost a tenth here, and gain nothing.
 */
static uint32_t threads_of(enum plan_role role) {
  uint32_t all = machine_threads();
  return role == PLAN_SOLVER ? all : all >= 6 ? all / 3 : 1;
}

static void prepare_process(uint32_t i) {
  const struct plan_process *p = &net.found.plan.process[i];
  struct kept *k = &net.kept[i];
  char folder[4096], log[4096], file[PLAN_NAME + 8];
  bool computes = p->role == PLAN_SOLVER || p->role == PLAN_VERIFIER;
  snprintf(file, sizeof file, "%s.log", p->name);
  found_path(&net.found, p->name, "", folder);
  found_path(&net.found, "logs", file, log);
  keep_open(k, p->name, log);
  keep_word(k, "%s", plan_role_command(p->role));
  keep_word(k, "%s", folder);
  if (p->role != PLAN_NODE) {
    k->after = &net.kept[0];
    keep_word(k, "--node");
    keep_word(k, "%s", net.node);
  } else {
    keep_word(k, "--faucet");
    keep_word(k, "%s", net.faucet);
  }
  if (!computes) {
    keep_word(k, "--port");
    keep_word(k, "%u", net.port[p->role].number);
  } else {
    keep_word(k, "--threads");
    keep_word(k, "%u", threads_of(p->role));
    keep_word(k, "--class");
    keep_word(k, "%d", PLAN_CLASS);
    keep_word(k, "--memory");
    keep_word(k, "%d", PLAN_MEMORY_MIB);
  }
  if (*p->lie) {
    keep_word(k, "--lie");
    keep_word(k, "%s", p->lie);
  }
  keep_word(k, "--json");
}

/* Events. */

static json_t *named_event(const char *event, const struct kept *k) {
  return json_pack("{s:s, s:s, s:i}", "event", event, "name", k->name, "pid", (int)k->pid);
}

static void say_death(const struct kept *k) {
  char said[PICTURE_TEXT];
  picture_names(&net.found, k->said, false, said);
  if (net.showing == SHOW_JSON)
    output_json(json_pack("{s:s, s:s, s:o, s:o, s:f}", "event", "died", "name", k->name, "ended", output_text(k->ended),
                          "said", output_text(k->said), "again_in_seconds", (double)k->pause_ms / 1000));
  else if (net.showing == SHOW_LINES)
    printf("%s died (%s), and starts again in %g s%s%s\n", k->name, k->ended, (double)k->pause_ms / 1000,
           *said ? ": " : "", said);
}

static void hear(void *context, enum keep_event event, struct kept *k) {
  (void)context;
  switch (event) {
  case KEEP_STARTED: break;
  case KEEP_SAID: break;
  case KEEP_READY:
    if (!net.ready) break; /* said by all at once, when all are */
    if (net.showing == SHOW_JSON)
      output_json(named_event("started", k));
    else if (net.showing == SHOW_LINES)
      printf("%s is up again\n", k->name);
    break;
  case KEEP_DIED:
    if (net.ready)
      say_death(k);
    else if (!k->was_up && !k->killed &&
             (!k->after || (k->after->state == KEEP_UP && k->after->started_ms <= k->started_ms)))
      net.failed = true; /* by itself, and the node was there all the time */
    break;
  }
  fflush(stdout);
}

static void show_receipt(void *context, const struct receipt *r, const uint8_t *payments, size_t length,
                         const struct lookout_receipt *words) {
  char text[PICTURE_TEXT];
  (void)context;
  if (net.showing == SHOW_JSON) {
    output_json(json_pack("{s:s, s:o, s:s}", "event", "receipt", "receipt", why_receipt_json(r, NULL, payments, length),
                          "text", words->text));
  } else if (net.showing == SHOW_LINES) {
    picture_names(&net.found, words->text, false, text);
    printf("receipt %" PRIu64 ", task %s: %s\n", words->number, words->task, text);
    fflush(stdout);
  }
}

static json_t *processes_json(void) {
  json_t *list = json_array();
  for (uint32_t i = 0; i < net.found.plan.processes; i++) {
    const struct plan_process *p = &net.found.plan.process[i];
    const char *account =
        *net.found.account[i] ? net.found.account[i] : json_string_value(json_object_get(net.kept[i].ready, "account"));
    json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:o, s:o}", "name", p->name, "role", plan_role_word(p->role),
                                          "pid", (int)net.kept[i].pid, "account",
                                          account ? json_string(account) : json_null(), "lie",
                                          *p->lie ? json_string(p->lie) : json_null()));
  }
  return list;
}

static void say_ready(void) {
  const char *chain = json_string_value(json_object_get(net.kept[0].ready, "chain"));
  if (net.showing == SHOW_JSON)
    output_json(json_pack("{s:b, s:s, s:s, s:s, s:o, s:o}", "ready", true, "node", net.node, "faucet", net.faucet,
                          "chain", chain ? chain : "", "folder", output_text(net.found.path), "processes",
                          processes_json()));
  else if (net.showing == SHOW_LINES)
    printf("ready: %u processes, node %s, faucet %s; Ctrl-C stops all, and the same command goes on\n",
           net.found.plan.processes, net.node, net.faucet);
  fflush(stdout);
}

/* One look at everything. */
static void turn(bool chain) {
  static uint64_t looked;
  for (uint32_t i = 0; i < net.found.plan.processes; i++) keep_look(&net.kept[i], hear, NULL);
  uint64_t now = keep_now_ms();
  if (now - looked < CHAIN_MS) return;
  if (chain && net.kept[0].state == KEEP_UP) net.picture.chain = lookout_look(net.lookout, show_receipt, NULL);
  if (net.showing == SHOW_SCREEN) picture_draw(&net.picture, &net.screen);
  looked = keep_now_ms();
}

static bool all_up(void) {
  for (uint32_t i = 0; i < net.found.plan.processes; i++)
    if (net.kept[i].state != KEEP_UP) return false;
  return true;
}

/* The node first, because the others ask it. */
static enum outcome start(void) {
  struct why why = {""};
  for (uint32_t i = 0; i < net.found.plan.processes && !*net.stop; i++) {
    if (!keep_start(&net.kept[i], &why)) {
      complain("%s", why.text);
      return OUTCOME_ENVIRONMENT;
    }
    while (i == 0 && net.kept[0].state != KEEP_UP && !net.failed && !*net.stop) {
      turn(false);
      nap(LOOK_MS);
    }
    if (net.failed) break;
  }
  while (!all_up() && !net.failed && !*net.stop) {
    turn(false);
    nap(LOOK_MS);
  }
  if (!net.failed) return OUTCOME_DONE;
  for (uint32_t i = 0; i < net.found.plan.processes; i++)
    if (net.kept[i].state == KEEP_DOWN && net.kept[i].deaths && !net.kept[i].was_up && !net.kept[i].killed)
      complain("%s did not start (%s): %s; its log is %s", net.kept[i].name, net.kept[i].ended, net.kept[i].said,
               net.kept[i].log);
  return OUTCOME_ENVIRONMENT;
}

static void run_on(void) {
  while (!*net.stop) {
    turn(true);
    nap(LOOK_MS);
  }
}

/* Who asks the chain ends before it, so that what they were sending is in it. */
static void end(void) {
  uint32_t n = net.found.plan.processes;
  net.picture.state = "stopping, Ctrl-C again kills it";
  if (net.showing == SHOW_SCREEN) picture_draw(&net.picture, &net.screen);
  for (int last = 0; last < 2; last++) {
    uint64_t since = keep_now_ms();
    bool gone = false, killed = false;
    for (uint32_t i = last ? 0 : 1; i < (last ? 1 : n); i++) keep_end(&net.kept[i]);
    while (!gone) {
      gone = true;
      for (uint32_t i = last ? 0 : 1; i < (last ? 1 : n); i++)
        if (!keep_gone(&net.kept[i])) gone = false;
      if (!gone && !killed && keep_now_ms() - since > AGENT_END_MS) {
        killed = true;
        for (uint32_t i = last ? 0 : 1; i < (last ? 1 : n); i++) keep_kill(&net.kept[i]);
      }
      if (!gone) nap(LOOK_MS);
      if (net.showing == SHOW_SCREEN) picture_draw(&net.picture, &net.screen);
    }
  }
}

static void say_end(void) {
  net.picture.state = "stopped";
  if (net.showing == SHOW_SCREEN) picture_draw(&net.picture, &net.screen);
  if (net.showing == SHOW_JSON)
    output_json(json_pack("{s:s, s:I}", "event", "stopped", "height",
                          (json_int_t)(net.picture.chain ? net.picture.chain->height : 0)));
  else
    printf("stopped; the same command goes on where it was\n");
}

static enum outcome live(const struct arguments *a) {
  net.lookout = lookout_open(net.node, net.stop);
  net.showing = arguments_given(a, "json") ? SHOW_JSON : isatty(STDOUT_FILENO) ? SHOW_SCREEN : SHOW_LINES;
  net.screen.terminal = STDOUT_FILENO;
  net.picture = (struct picture){
      .found = &net.found, .kept = net.kept, .node = net.node, .faucet = net.faucet, .state = "starting"};
  for (uint32_t i = 0; i < net.found.plan.processes; i++) prepare_process(i);
  enum outcome outcome = start();
  if (outcome == OUTCOME_DONE && !*net.stop) {
    net.ready = true;
    net.picture.state = "Ctrl-C stops it";
    say_ready();
    run_on();
  }
  end();
  if (outcome == OUTCOME_DONE) say_end();
  for (uint32_t i = 0; i < net.found.plan.processes; i++) keep_shut(&net.kept[i]);
  lookout_shut(net.lookout);
  return outcome;
}

static enum outcome run(const struct arguments *a) {
  struct why why = {""};
  uint64_t port = 26657;
  const char *path = arguments_text(a, "output", NULL);
  if (!path) {
    complain("-o DIR is missing: the folder of the network, made at the first run");
    return OUTCOME_INPUT;
  }
  if (!arguments_number(a, "port", 0, 65535, &port)) return OUTCOME_INPUT;
  if (sign_open(&why) != SIGN_OK) {
    complain("%s", why.text);
    return OUTCOME_ENVIRONMENT;
  }
  net.stop = stop_listen("");
  enum outcome outcome = found_open(a, path, &net.found);
  if (outcome != OUTCOME_DONE) return outcome;
  outcome = hold_ports((uint16_t)port);
  if (outcome == OUTCOME_DONE) outcome = live(a);
  for (int i = 0; i < 3; i++)
    if (net.port[i].number) close(net.port[i].socket);
  found_shut(&net.found);
  return outcome;
}

const struct command command_devnet = {
    .name = "devnet",
    .usage = "-o DIR [--port N] [--liar ROLE]",
    .summary = "runs a whole network here: chain, faucet, solvers, verifiers, storer",
    .text =
        "Starts a chain, a faucet, a storer, three solvers and five verifiers, each a process of its own with a key "
        "of\n"
        "its own in DIR, and shows what they do; assay submit sends them work. What dies is started again. Ctrl-C "
        "stops\n"
        "all, and the same command goes on where they were; a second Ctrl-C, or whatever else ends this program, "
        "kills\n"
        "them, and nothing is lost either. What each says is in DIR/logs. The settings are fixed when DIR is made.\n"
        "One solver and one verifier may misbehave on purpose, with so much stake that they are drawn: see what "
        "happens\n"
        "to them with assay why. Without a terminal there is one line an event.\n"
        "Exit status: 0 stopped, 2 DIR is something else or another devnet, or wrong words, 3 disk, memory or port, "
        "or\n"
        "a process that does not start, 130 killed by a second Ctrl-C.",
    .option = {{"output", 'o', "DIR", "the folder of the network; made when missing"},
               {"port", 0, "N", "of the node, faucet and storer next to it; 0: any that is free (26657)"},
               {"solvers", 0, "N", "of a new network: how many, 1 to 16 (3)"},
               {"verifiers", 0, "N", "of a new network: how many, 1 to 16 (5)"},
               {"parameters", 0, "NAME", "of a new network: devnet, test or main (devnet)"},
               {"liar", 0, "ROLE", "solver: alters a weight in every interval; verifier: says a wrong result"},
               {"vanish", 0, "ROLE", "solver: takes tasks, and never commits a result"},
               {"silent", 0, "ROLE", "verifier: takes seats, and never seals a result"},
               {"lie", 0, "ROLE=WORD", "solver=WORD, verifier=WORD: a word of the --lie of solve or audit"},
               {"json", 0, NULL, "prints one JSON object when all are ready, then one an event"}},
    .operands_min = 0,
    .operands_max = 0,
    .run = run};
