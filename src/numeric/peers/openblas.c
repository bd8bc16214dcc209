/* OpenBLAS as a peer: cblas_sgemm. */
#include "numeric/peers/peer.h"

#include <cblas.h>

static void multiply(const struct peer_shape *s, const float *a, const float *b, float *c) {
  cblas_sgemm(CblasRowMajor, s->a_turned ? CblasTrans : CblasNoTrans, s->b_turned ? CblasTrans : CblasNoTrans,
              (blasint)s->m, (blasint)s->n, (blasint)s->k, 1.0f, a, (blasint)(s->a_turned ? s->m : s->k), b,
              (blasint)(s->b_turned ? s->k : s->n), 0.0f, c, (blasint)s->n);
}

int main(int argc, char **argv) { return peer_main(argc, argv, multiply); }
