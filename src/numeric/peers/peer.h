/* peer: the other side of the benchmarks of products and convolutions, one process for each foreign library.
 *
 * The library runs in a process of its own, because loading one may change the control register or start threads. The
 * parent writes lines to standard input and reads lines from standard output:
 *   shape ...   operands are drawn, the work is warmed up   -> ready
 *   time        the work, RUNS times                        -> nanoseconds of all
 * until end of file. argv[1] is the number of threads; with one, time is the thread's own CPU time, else the wall's.
 * A product is `shape M N K A_TURNED B_TURNED BATCH RUNS`. A_TURNED: a is stored (k, m), else (m, k). B_TURNED: b is
 * stored (n, k), else (k, n). All row-major, packed. A convolution is in onednn_convolution.c. */
#ifndef NUMERIC_PEERS_PEER_H
#define NUMERIC_PEERS_PEER_H
#include <stdint.h>

struct peer_shape {
  int64_t m, n, k;
  int a_turned, b_turned;
  int64_t batch, runs;
};

/* peer_multiply is the library's c = a * b for one product. */
typedef void peer_multiply(const struct peer_shape *shape, const float *a, const float *b, float *c);

/* peer_numbers is memory of this many numbers between -1 and 1; it ends the process where there is none. */
float *peer_numbers(int64_t count, uint64_t seed);
int64_t peer_now_ns(int argc, char **argv);

/* peer_talk talks until end of file; the exit status of the program. prepare makes ready for a line `shape ...` and
 * returns RUNS, or 0 if it cannot read the line. peer_main is peer_talk for products. */
int peer_talk(int argc, char **argv, int64_t (*prepare)(const char *line), void (*run)(void));
int peer_main(int argc, char **argv, peer_multiply *multiply);

#endif
