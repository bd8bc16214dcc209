/* peer: the other side of the GEMM benchmark, one process for each foreign library.
 *
 * The library runs in a process of its own, because loading one may change the control register or start threads. The
 * parent writes lines to standard input and reads lines from standard output:
 *   shape M N K A_TURNED B_TURNED BATCH RUNS   operands are drawn, the product is warmed up        -> ready
 *   time                                       RUNS times BATCH products                           -> nanoseconds of
 * all until end of file. argv[1] is the number of threads; with one, time is the thread's own CPU time, else the
 * wall's. A_TURNED: a is stored (k, m), else (m, k). B_TURNED: b is stored (n, k), else (k, n). All row-major, packed.
 */
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

/* peer_main talks until end of file; the exit status of the program. */
int peer_main(int argc, char **argv, peer_multiply *multiply);

#endif
