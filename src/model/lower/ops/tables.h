/* tables: the families of operators. A new one is a file here, a line there, and a line in table.c. Uses: rule. */
#ifndef LOWER_OPS_TABLES_H
#define LOWER_OPS_TABLES_H
#include "model/lower/rule.h"

/* clang-format off: one line a family, so that families come and go apart */
extern const struct rule rules_linear[];    /* Gemm MatMul */
extern const struct rule rules_lstm[];      /* LSTM */
extern const struct rule rules_gru[];       /* GRU */
extern const struct rule rules_rnn[];       /* RNN */
extern const struct rule rules_attention[]; /* Attention */
extern const struct rule rules_rotary[];    /* RotaryEmbedding */
extern const struct rule rules_einsum[];    /* Einsum */
extern const struct rule rules_binary[];    /* Add Sub Mul Div */
extern const struct rule rules_unary[];     /* Relu Sigmoid Tanh Gelu .. */
extern const struct rule rules_compare[];   /* Equal Less And Not IsNaN BitShift .. */
extern const struct rule rules_power[];     /* Pow */
extern const struct rule rules_select[];    /* Where Clip PRelu */
extern const struct rule rules_variadic[];  /* Sum Mean Min Max */
extern const struct rule rules_conv[];      /* Conv */
extern const struct rule rules_pool[];      /* MaxPool */
extern const struct rule rules_average[];   /* AveragePool GlobalAveragePool */
extern const struct rule rules_shape[];     /* Flatten Reshape Transpose Squeeze Unsqueeze Identity */
extern const struct rule rules_softmax[];   /* Softmax LogSoftmax */
extern const struct rule rules_dropout[];   /* Dropout */
extern const struct rule rules_reduce[];    /* ReduceMean ReduceSum ReduceMax ReduceL2 .. */
extern const struct rule rules_product[];   /* ReduceProd */
extern const struct rule rules_order[];     /* ArgMax ArgMin Hardmax CumSum */
extern const struct rule rules_likelihood[]; /* NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss */
extern const struct rule rules_topk[]; /* TopK */
extern const struct rule rules_cast[];      /* Cast CastLike */
extern const struct rule rules_pad[];       /* Pad */
extern const struct rule rules_repeat[]; /* Expand Tile DepthToSpace SpaceToDepth ReverseSequence */
extern const struct rule rules_place[]; /* Trilu EyeLike OneHot */
extern const struct rule rules_gather[]; /* Gather GatherElements GatherND */
extern const struct rule rules_slice[]; /* Slice Split SplitToSequence SequenceAt Concat */
extern const struct rule rules_resize[];   /* Resize */
extern const struct rule rules_scatter[];  /* ScatterElements ScatterND */
extern const struct rule rules_blocks[];   /* Col2Im */
extern const struct rule rules_known[];     /* Constant Shape Size Range ConstantOfShape: folded, or too large for it */
extern const struct rule rules_batch_norm[]; /* BatchNormalization */
extern const struct rule rules_norm[];       /* LayerNormalization GroupNormalization .. */
extern const struct rule rules_lp_pool[];    /* LpPool GlobalLpPool */
extern const struct rule rules_lrn[];        /* LRN */
/* clang-format on */

#endif
