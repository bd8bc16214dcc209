/* Every operator that lowers, by family. */
#include <string.h>

#include "model/lower/ops/tables.h"

/* clang-format off */
const struct rule *const rule_tables[] = {
    rules_lstm, rules_gru, rules_rnn, rules_attention, rules_rotary, rules_einsum,
    rules_linear, rules_binary, rules_unary,
    rules_compare, rules_power, rules_select, rules_variadic,
    rules_softmax, rules_dropout, rules_reduce, rules_product, rules_order, rules_topk, rules_cast, rules_likelihood,
    rules_conv, rules_pool, rules_average,
    rules_shape, rules_pad, rules_known, rules_blocks, rules_scatter, rules_resize, rules_slice, rules_gather, rules_place, rules_repeat, rules_batch_norm, rules_norm, rules_lp_pool, rules_lrn, NULL};
/* clang-format on */

const struct rule *rule_find(const char *op, int64_t opset, const char **reason) {
  *reason = "lower 1 does not know this operator";
  for (const struct rule *const *table = rule_tables; *table; table++)
    for (const struct rule *r = *table; r->op; r++) {
      if (strcmp(r->op, op) != 0) continue;
      if (opset >= r->opset_first && (!r->opset_last || opset <= r->opset_last)) return r;
      *reason = "lower 1 knows this operator, but not as this opset defines it: export with opset 13 to 28";
    }
  return NULL;
}
