/* Whole networks against what PyTorch computes in binary64: outputs are seen through the loss, gradients through the
 * first moment of SGD, updates through the losses and weights after 1 to 50 of them. */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/lower/trial.h"

#define FOLDER "../../tests/models/"

static uint8_t *whole_file(const char *path, size_t *length) {
  FILE *f = fopen(path, "rb");
  if (!f) fail_msg("%s is not there", path);
  fseek(f, 0, SEEK_END);
  *length = (size_t)ftell(f);
  rewind(f);
  uint8_t *bytes = malloc(*length + 1);
  assert_int_equal(fread(bytes, 1, *length, f), *length);
  bytes[*length] = 0;
  fclose(f);
  return bytes;
}

/* A .npy file (version 1): magic, length of the header at byte 8, content. */
struct npy {
  uint8_t *bytes;
  const void *content;
  uint8_t dtype;
  uint32_t rank, dim[TAPE_RANK_MAX];
};

static struct npy npy_read(const char *name) {
  char path[256];
  size_t length;
  snprintf(path, sizeof path, FOLDER "reference/%s", name);
  struct npy a = {.bytes = whole_file(path, &length)};
  a.content = a.bytes + 10 + a.bytes[8] + 256 * a.bytes[9];
  const char *header = (const char *)a.bytes + 10, *type = strstr(header, "'descr': '") + 10;
  a.dtype = strncmp(type, "<f4", 3) == 0 ? TAPE_F32 : strncmp(type, "<i4", 3) == 0 ? TAPE_I32 : TAPE_U8;
  char *at = strstr(header, "'shape': (") + 10;
  while (*at >= '0' && *at <= '9') {
    a.dim[a.rank++] = (uint32_t)strtoul(at, &at, 10);
    while (*at == ',' || *at == ' ') at++;
  }
  return a;
}

struct reference {
  json_t *json;
  struct npy input, target;
  struct arena arena;
  uint8_t *bytes;
  struct onnx_model model;
  struct lower_options o;
};

static void reference_open(struct reference *r, const char *name) {
  char path[256];
  size_t length;
  json_error_t error;
  struct why why;
  snprintf(path, sizeof path, FOLDER "reference/%s.json", name);
  r->json = json_load_file(path, 0, &error);
  assert_non_null(r->json);
  r->input = npy_read(json_string_value(json_object_get(r->json, "input")));
  r->target = npy_read(json_string_value(json_object_get(r->json, "target")));
  snprintf(path, sizeof path, FOLDER "%s.onnx", name);
  r->bytes = whole_file(path, &length);
  assert_true(arena_open(&r->arena, (size_t)1 << 28));
  if (onnx_decode(r->bytes, length, NULL, NULL, &r->arena, &r->model, &why) != ONNX_OK) fail_msg("%s", why.text);
  struct sample_shape *s = &r->o.train;
  r->o = trial_defaults(r->input.dim[0]);
  *s = (struct sample_shape){.samples = r->input.dim[0],
                             .input_dtype = r->input.dtype,
                             .target_dtype = r->target.dtype,
                             .input_rank = r->input.rank - 1,
                             .target_rank = r->target.rank - 1,
                             .scale = 1.0f / 255};
  memcpy(s->input_dim, r->input.dim + 1, sizeof s->input_dim - sizeof s->input_dim[0]);
  memcpy(s->target_dim, r->target.dim + 1, sizeof s->target_dim - sizeof s->target_dim[0]);
  r->o.updates = 51;
  if (strcmp(json_string_value(json_object_get(r->json, "loss_name")), "mse") == 0) r->o.loss.name = LOSS_MSE;
}

static void reference_shut(struct reference *r) {
  json_decref(r->json);
  free(r->input.bytes);
  free(r->target.bytes);
  free(r->bytes);
  arena_shut(&r->arena);
}

static double number(const json_t *object, const char *key) { return json_number_value(json_object_get(object, key)); }

static void near(double have, double want, double relative, double absolute, const char *what) {
  if (!(fabs(have - want) <= relative * fabs(want) + absolute)) fail_msg("%s: %.9g, not %.9g", what, have, want);
}

static void check_values(const struct trial *t, const json_t *want, const json_t *index, const char *name,
                         uint32_t moment, double relative, double absolute, double square_sum) {
  float *have = calloc(1 << 20, sizeof *have);
  uint64_t count = trial_parameter(t, name, moment, have);
  double squares = 0;
  assert_true(count > 0);
  for (uint64_t n = 0; n < count; n++) squares += (double)have[n] * have[n];
  if (square_sum >= 0) near(squares, square_sum, 1e-5, 1e-12, name);
  for (size_t n = 0; n < json_array_size(want); n++)
    near(have[json_integer_value(json_array_get(index, n))], json_number_value(json_array_get(want, n)), relative,
         absolute, name);
  free(have);
}

/* m' = 0.5 * 0 + g in the first update: the moment is the gradient itself. */
static void check_gradients(struct reference *r) {
  struct trial t;
  const char *name;
  json_t *entry;
  r->o.optimizer = (struct optimizer_options){.name = OPTIMIZER_SGD, .lr = 0.1f, .momentum = 0.5f};
  r->o.clip_norm = 1e6f; /* a limit that nothing reaches changes nothing */
  if (!trial_open(&t, &r->model, &r->o, (const void *[4]){r->input.content, r->target.content}, true))
    fail_msg("%s", t.why.text);
  trial_train(&t, 1);
  near(trial_scalar(&t, t.l.entry_loss), number(r->json, "loss"), 1e-6, 0, "loss");
  double norm = 0;
  json_object_foreach(json_object_get(r->json, "gradient"), name, entry) {
    norm += number(entry, "square_sum");
    check_values(&t, json_object_get(entry, "value"), json_object_get(entry, "index"), name, 1, 2e-5, 2e-7,
                 number(entry, "square_sum"));
  }
  near(trial_scalar(&t, t.l.entry_norm), norm, 1e-5, 0, "squared norm");
  assert_int_equal(trial_integer(&t, 0), 0);
  trial_shut(&t);
}

static void check_training(struct reference *r, const char *optimizer, double relative, double weights_absolute) {
  const json_t *want = json_object_get(r->json, optimizer), *losses = json_object_get(want, "losses"), *entry, *beta;
  struct trial t;
  struct optimizer_options *p = &r->o.optimizer;
  char key[16];
  const char *name;
  r->o.clip_norm = 0;
  *p = (struct optimizer_options){.lr = (float)number(want, "lr"), .weight_decay = (float)number(want, "weight_decay")};
  if (strcmp(optimizer, "adamw") == 0) {
    p->name = OPTIMIZER_ADAMW;
    beta = json_object_get(want, "betas");
    p->beta1 = (float)json_number_value(json_array_get(beta, 0));
    p->beta2 = (float)json_number_value(json_array_get(beta, 1));
    p->eps = (float)number(want, "eps");
  } else {
    p->momentum = (float)number(want, "momentum");
    p->dampening = (float)number(want, "dampening");
    p->nesterov = json_is_true(json_object_get(want, "nesterov"));
  }
  if (!trial_open(&t, &r->model, &r->o, (const void *[4]){r->input.content, r->target.content}, false))
    fail_msg("%s", t.why.text);
  for (uint32_t u = 1; u <= 51; u++) {
    if (u == 51) json_object_foreach((json_t *)json_object_get(want, "weights"), name, entry) {
        const json_t *index = json_object_get(json_object_get(json_object_get(r->json, "gradient"), name), "index");
        check_values(&t, entry, index, name, 0, relative, weights_absolute, -1);
      }
    trial_train(&t, u);
    snprintf(key, sizeof key, "%u", u - 1); /* the loss before update u */
    entry = json_object_get(losses, key);
    if (entry) near(trial_scalar(&t, t.l.entry_loss), json_number_value(entry), relative, 1e-6, key);
  }
  trial_shut(&t);
}

static void check(void **state) {
  struct reference r;
  reference_open(&r, *state);
  check_gradients(&r);
  check_training(&r, "sgd", 1e-5, 1e-6);
  if (json_object_get(r.json, "nesterov")) check_training(&r, "nesterov", 1e-5, 1e-6);
  check_training(&r, "adamw", 2e-5, 1e-6);
  reference_shut(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      {"mlp_small", check, NULL, NULL, "mlp_small"},   {"mixed", check, NULL, NULL, "mixed"},
      {"regression", check, NULL, NULL, "regression"}, {"lenet_small", check, NULL, NULL, "lenet_small"},
      {"pools", check, NULL, NULL, "pools"},           {"corners", check, NULL, NULL, "corners"}};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
