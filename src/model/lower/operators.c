/* What lowers, as a list; and what to do instead of what does not. */
#include <string.h>

#include "model/lower/lower.h"
#include "model/lower/rule.h"

void lower_operators(lower_operator_report *report, void *context) {
  for (const struct rule *const *table = rule_tables; *table; table++)
    for (const struct rule *r = *table; r->op; r++)
      report(context, r->op, r->opset_first, r->opset_last, r->differentiate != NULL);
}

struct advice {
  const char *ops; /* each between two blanks */
  const char *text;
};

static const struct advice advices[] = {
    {" If Loop Scan SequenceMap ",
     "a tape has no branches: write the module without them, or export it with torch.export, which unrolls loops over "
     "known lengths"},
    {" NonZero Unique Compress NonMaxSuppression ",
     "how large its result is depends on the data; use a mask with Where instead of choosing elements"},
    {" RandomNormal RandomNormalLike RandomUniform RandomUniformLike Bernoulli Multinomial ",
     "the only randomness in training is Dropout of single elements (nn.Dropout; not Dropout2d or AlphaDropout), drawn "
     "from the job's seed; other noise belongs into the data"},
    {" QuantizeLinear DequantizeLinear DynamicQuantizeLinear ConvInteger MatMulInteger QLinearConv QLinearMatMul ",
     "export the model in float32, and quantize what training gives"},
    {" StringNormalizer StringConcat StringSplit RegexFullMatch TfIdfVectorizer ImageDecoder ",
     "do it while preparing the data"},
    {" DFT STFT MelWeightMatrix HannWindow HammingWindow BlackmanWindow ", "compute spectra while preparing the data"},
    {" Optional OptionalGetElement OptionalHasElement SequenceInsert SequenceErase SequenceConstruct SequenceEmpty "
     "SequenceLength ConcatFromSequence ",
     "return tensors instead of lists of them"},
    {" CausalConvWithState LinearAttention TensorScatter ",
     "they keep state between calls: export the module as it trains, without a cache"},
    {" SwiGLU CumProd ",
     "write it with Sigmoid, Mul, Exp, Log and CumSum, or export with opset 20, which has no word for it"},
    {" Upsample ", "export with opset 13 or newer, where it is Resize"},
    {" Scatter ", "export with opset 13 or newer, where it is ScatterElements"},
    {" GridSample AffineGrid RoiAlign MaxRoiPool MaxUnpool DeformConv CenterCropPad ",
     "put it before the model, into the data, or use Resize, Slice or ConvTranspose"},
    {" Det ", "take it from a decomposition of the matrix, or leave it out of the model"},
    {" Adam Adagrad Momentum Gradient ", "the optimizer is the job file's; export the network alone"},
};

const char *lower_advice(const char *op) {
  size_t length = strlen(op);
  for (size_t i = 0; i < sizeof advices / sizeof *advices; i++)
    for (const char *at = advices[i].ops; length && (at = strstr(at, op)); at++)
      if (at[-1] == ' ' && at[length] == ' ') return advices[i].text;
  return NULL;
}
