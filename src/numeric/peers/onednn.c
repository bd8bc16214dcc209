/* oneDNN as a peer: dnnl_sgemm, which is row-major. */
#include "numeric/peers/peer.h"

#include <oneapi/dnnl/dnnl.h>

static void multiply(const struct peer_shape *s, const float *a, const float *b, float *c) {
  dnnl_sgemm(s->a_turned ? 'T' : 'N', s->b_turned ? 'T' : 'N', s->m, s->n, s->k, 1.0f, a, s->a_turned ? s->m : s->k, b,
             s->b_turned ? s->k : s->n, 0.0f, c, s->n);
}

int main(int argc, char **argv) { return peer_main(argc, argv, multiply); }
