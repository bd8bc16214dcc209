/* lower: an ONNX graph and training options in, tapes out: the pure function `lower 1`. docs/lower.md,
 * NUMERICS 4.6, 4.7.
 *
 * Deterministic and versioned: anyone redoes it and compares tape roots. Knows no files. Uses: model/onnx, tape,
 * numeric. */
#ifndef MODEL_LOWER_H
#define MODEL_LOWER_H
#include "model/onnx/onnx.h"
#include "tape/record/tape.h"

enum { LOWER_VERSION = 1 };

enum loss_name {
  LOSS_CROSS_ENTROPY,
  LOSS_MSE,
  LOSS_L1,
  LOSS_HUBER,
  LOSS_SMOOTH_L1,
  LOSS_BCE_WITH_LOGITS,
  LOSS_OUTPUT, /* the model's own: an output of one number */
  LOSS_COUNT
};
enum optimizer_name { OPTIMIZER_SGD, OPTIMIZER_ADAMW, OPTIMIZER_ADAM, OPTIMIZER_LION, OPTIMIZER_RMSPROP };
enum schedule_name { SCHEDULE_CONSTANT, SCHEDULE_COSINE, SCHEDULE_LINEAR, SCHEDULE_STEP, SCHEDULE_ONE_CYCLE };
enum init_name { INIT_MODEL, INIT_SEED };

/* Floats arrive as f32 words: a decimal became bits once, in the job file (NUMERICS on literals). */
struct loss_options {
  enum loss_name name;
  float label_smoothing; /* cross_entropy: 0 is none */
  int32_t ignore_index;  /* cross_entropy: PyTorch's -100 */
  int32_t class_axis;    /* cross_entropy: of the output, negative from its end; 0: where the targets lack one */
  float delta;           /* huber: above 0; smooth_l1, where PyTorch calls it beta: 0 is l1 */
  const char *output;    /* LOSS_OUTPUT: its name in the model */
};
/* Tensors whose ONNX name matches one of the patterns (`*` any text, `?` any byte). Below 0: as the optimizer has it.
 */
struct optimizer_group {
  const char *const *match;
  uint32_t match_count;
  float lr, weight_decay;
};
struct optimizer_options {
  enum optimizer_name name;
  float lr, momentum, dampening, weight_decay, beta1, beta2, eps;
  bool nesterov;
  float alpha;                         /* rmsprop */
  bool centered;                       /* rmsprop */
  bool decay_matrices;                 /* tensors of rank 0 and 1 get no decay but what their group says */
  const struct optimizer_group *group; /* the first that matches a tensor has it */
  uint32_t groups_count;               /* 0 .. OPTIMIZER_GROUPS_MAX */
};
enum { OPTIMIZER_GROUPS_MAX = 15 };
/* Factors of lr over the updates after the warm-up. */
struct schedule_options {
  enum schedule_name name;
  uint32_t warmup;                 /* updates */
  float start, end;                /* linear: both; cosine: end */
  float gamma;                     /* step */
  uint32_t every;                  /* step: updates; 0: milestones */
  const uint32_t *milestone;       /* step: ascending */
  uint32_t milestones_count;       /* step */
  float pct_start, div, final_div; /* one_cycle */
  bool linear;                     /* one_cycle: straight lines in place of cosines */
};

enum { LOWER_INPUTS_MAX = 8 };

/* How one more input of the model is fed, beyond the first: from a tensor of its own, or from the one of the targets.
 * dims without the sample dim, in ONNX's order; integers for a float input are multiplied by scale (0: as they are). */
struct sample_input {
  uint8_t dtype;
  bool targets;
  uint32_t rank, dim[TAPE_RANK_MAX];
  float scale;
};

/* A sample is a window of `context` tokens of one tensor that starts at index * stride, its targets are the tokens one
 * place later. context 0: samples are no windows. pairs: a token is two bytes, the lower one first, and the tensor u8
 * [tokens, 2]; else it is u8 or i32 [tokens]. targets_input: the model input that reads the targets, counted from 1; 0:
 * none. */
struct sample_text {
  uint32_t tokens, context, stride, targets_input;
  bool pairs;
};

/* x of the first input becomes (x - mean) / std. Both are f32 of rank 1, with one number for all or one for each place
 * of the axis behind the sample's (channels, columns of a table); NULL: not at all. Borrowed; one pair that both sets
 * point at is stored once. */
struct sample_normalize {
  const struct onnx_tensor *mean, *std;
};

/* Random changes of the first input while training: its last two axes are rows and columns. flip_columns: left becomes
 * right with probability 1/2; flip_rows: top becomes bottom. crop: moved by -crop to crop rows and columns. cutout: a
 * square of this side is zero. */
struct sample_augment {
  bool flip_columns, flip_rows;
  uint32_t crop, cutout;
};

/* How one sample of a data set looks: `inputs` [samples, dims..] and `targets`. Sample dims are in ONNX's (NCHW) order;
 * the tensor handed to the executor is row-major in that order. u8 inputs are loaded as mul(itof(x), scale). */
struct sample_shape {
  uint32_t samples;
  uint8_t input_dtype, target_dtype;               /* TAPE_F32, TAPE_I32 or TAPE_U8 */
  uint32_t input_rank, input_dim[TAPE_RANK_MAX];   /* without the sample dim */
  uint32_t target_rank, target_dim[TAPE_RANK_MAX]; /* without the sample dim; rank 0: one class per sample */
  float scale;
  bool no_targets;     /* the loss asks for none; the tensor is there all the same if an input is fed from it */
  uint32_t more_count; /* model inputs beyond the first */
  struct sample_input more[LOWER_INPUTS_MAX - 1];
  struct sample_text text;
  struct sample_normalize normalize;
  struct sample_augment augment; /* of training */
};

struct lower_options {
  enum init_name init;
  struct loss_options loss;
  struct optimizer_options optimizer;
  struct schedule_options schedule;
  float clip_norm;      /* 0: none */
  float clip_value;     /* 0: none; not both */
  float ema;            /* decay of the weights' moving average; 0: none */
  float dropout;        /* < 0: as in the model */
  bool biased_variance; /* BatchNormalization's running variance: over n (ONNX), not n - 1 (PyTorch) */
  uint32_t batch, updates,
      evaluate_batch;     /* evaluate_batch divides nothing: the last evaluation step masks what is beyond */
  uint32_t micro_batches; /* steps of an update, each of batch / micro_batches samples; 0 and 1: one */
  bool shuffle, drop_last;
  struct sample_shape train, test; /* test.samples 0: no evaluation */
  const char *const *freeze;       /* ONNX names of initializers that do not train */
  uint32_t freeze_count;
};

static inline uint32_t lower_micro_batches(const struct lower_options *o) {
  return o->micro_batches > 1 ? o->micro_batches : 1;
}
/* Samples of a step. */
static inline uint32_t lower_step_batch(const struct lower_options *o) { return o->batch / lower_micro_batches(o); }

/* Numbers of the job's data tensors. Those of further inputs follow the last one there is: lower_input_number. */
enum lower_data {
  DATA_TRAIN_INPUTS,
  DATA_TRAIN_TARGETS,
  DATA_SCHEDULE,
  DATA_INITIAL,
  DATA_TEST_INPUTS,
  DATA_TEST_TARGETS,
  DATA_COUNT = DATA_TEST_TARGETS + 1 + 2 * (LOWER_INPUTS_MAX - 1) /* at most */
};

/* lower_input_number: the data tensor that model input n reads for training or for the test (lower.md 3.9). */
uint8_t lower_input_number(const struct lower_options *o, bool test, uint32_t n);

/* The first tapes; struct lowered says which others there are. */
enum { TAPE_OF_INIT, TAPE_OF_TRAIN, TAPE_OF_EVALUATE, LOWER_TAPES_MAX = 4 };

/* One ONNX initializer that lives in the state. Its entry's dims are in the canon's internal order; axis d of the state
 * entry is axis `from[d]` of the ONNX tensor (a view split or merge never happens). A scalar, rank 0, has the entry
 * dims [1]. Where it trains, its moments follow as entry + 1, .. (m of SGD with momentum, m and v of AdamW), then its
 * moving average.
 * onnx_name is the model's string. */
struct lower_parameter {
  const char *onnx_name;
  uint32_t entry;     /* index into the layout's state entries */
  uint32_t delivered; /* the entry that is evaluated and exported: the moving average where there is one */
  uint32_t sum;       /* the entry of its gradients' sum over micro-batches, 0: none */
  uint32_t rank, dim[TAPE_RANK_MAX]; /* ONNX order */
  uint8_t from[TAPE_RANK_MAX];
  bool trains;
};

/* Where a record comes from: the ONNX node (or "loss", "optimizer", "batch", ...), for messages and profiles. The
 * strings are the model's, or live for ever. */
struct lower_origin {
  const char *node, *op, *part; /* part: forward, backward, update, ... */
};

struct lowered {
  uint32_t tapes_count;
  bool evaluates;      /* tape TAPE_OF_EVALUATE is there */
  uint32_t accumulate; /* number of the tape of all micro-batches of an update but the last, which runs TAPE_OF_TRAIN;
                          the last tape; 0: none */
  struct tape tape[LOWER_TAPES_MAX];
  struct lower_origin *origin[LOWER_TAPES_MAX]; /* records_count each */
  struct layout layout;                         /* the job's whole table: state entries, all data entries */
  const void *data[DATA_COUNT]; /* contents that lowering made: DATA_SCHEDULE f32 [updates, columns] (column 0 of row u
                                   - 1 is the learning rate of update u), DATA_INITIAL u8, and one byte of u8 where
                                   there are no targets to lie there; others NULL */
  uint64_t data_bytes[DATA_COUNT];
  uint32_t group_columns, rate_columns; /* of the schedule: columns of a group; its first that are multiples of lr */
  uint32_t parameters_count;
  struct lower_parameter *parameter;
  uint32_t entry_loss, entry_norm; /* state entries: loss f32 [1] of the last update, squared gradient norm f32 [1] */
  uint32_t entry_eval_loss, entry_eval_correct,
      entry_eval_count; /* f32 [1] sum of losses, i32 [1], i32 [1]; 0 without evaluation */
};

enum lower_status { LOWER_OK, LOWER_ERR_UNSUPPORTED, LOWER_ERR_SHAPE, LOWER_ERR_OPTION, LOWER_ERR_MEMORY };

/* lower_job reads the model's inputs from the samples, in the model's order, and takes its first output. Step 0 runs
 * init, step u (1..updates) runs train for update u; with M micro-batches steps (u - 1) M + 1 .. u M - 1 run
 * accumulate, step u M runs train. Evaluation: the runner copies the state, zeroes the three eval entries, and runs
 * tape 2 with step = 0 .. ceil(test.samples / evaluate_batch) - 1 on the copy. Everything in out lies in the arena but
 * the model's strings. UNSUPPORTED: the graph holds what lower 1 does not know; SHAPE: dims that do not fit each other
 * or a limit; OPTION: an option out of its range; MEMORY: the arena is full. Errors name node and operator. Costs some
 * 10 KB a record and the state's size once. */
enum lower_status lower_job(const struct onnx_model *model, const struct lower_options *options, struct arena *arena,
                            struct lowered *out, struct why *why);

/* lower_infer: one tape that reads the graph's inputs as data tensors 0.. (f32, or i32 for integers; ONNX order) and
 * writes its outputs as state entries named like the outputs (ONNX order), after `diverged`; weights are literal data
 * tensor number inputs_count, in state-blob form. input[] gives each input's full shape (rank <= TAPE_RANK_MAX).
 * An input or output of type DOUBLE is refused: what is computed here has 32 bits. */
struct infer_shape {
  uint8_t dtype;
  uint32_t rank, dim[TAPE_RANK_MAX];
  const struct onnx_tensor *content; /* its bytes where they are at hand, for numbers that a rule must know; or NULL */
};
/* An output as ONNX declares it: its state entry has rank 1 where this has rank 0. */
struct infer_output {
  enum onnx_type type;
  uint32_t rank, dim[TAPE_RANK_MAX];
};
struct lowered_infer {
  struct tape tape;
  struct lower_origin *origin;
  const void *weights;
  uint64_t weights_bytes;
  uint32_t outputs_count; /* state entries 1 .. outputs_count */
  struct infer_output *output;
};
enum lower_status lower_infer(const struct onnx_model *model, const struct infer_shape *input, struct arena *arena,
                              struct lowered_infer *out, struct why *why);

/* lower_check judges every node, one call each in the model's order, and returns how many do not lower: what `assay
 * check` prints. Shapes are followed with a batch of 2 and 64 for other symbolic dims. A model that cannot be looked at
 * node by node gives one call with node NULL. reason lives until the call returns. */
typedef void lower_report(void *context, const struct onnx_node *node, uint32_t index, bool lowers, const char *reason);
uint32_t lower_check(const struct onnx_model *model, lower_report *report, void *context, struct arena *arena);

/* lower_tensors names the float tensors that training would keep in the state, in the order of first use, and whether
 * they train where no job says otherwise. False where the model cannot be looked at node by node. */
typedef void lower_tensor_report(void *context, const struct onnx_tensor *tensor, bool trains);
bool lower_tensors(const struct onnx_model *model, lower_tensor_report *report, void *context, struct arena *arena);

/* lower_operators tells of every operator that lowers, in the order of the tables: the opsets whose definition it is
 * (last 0: up to the newest that onnx_decode reads), and whether gradients flow through it. */
typedef void lower_operator_report(void *context, const char *op, uint32_t opset_first, uint32_t opset_last,
                                   bool differentiable);
void lower_operators(lower_operator_report *report, void *context);

/* lower_advice: what to do instead of an operator that does not lower, as the end of a sentence; NULL: nothing known.
 */
const char *lower_advice(const char *op);

#endif
