/* `loss`: names and defaults as in torch.nn.functional. */
#include "training/jobfile/recipe.h"
#include <float.h>

static const char *const names[] = {"cross_entropy", "mse", "l1", "huber", "smooth_l1", "bce_with_logits"};
static const char *const later[] = {"nll", "bce", "kl_div", "ctc", "hinge_embedding", "triplet_margin"};

/* A whole number that may be negative, within an int32. */
static bool read_signed(struct fields *f, const struct yaml_node *map, const char *key, int32_t *out) {
  const struct yaml_node *n = yaml_get(map, key);
  uint32_t size = 0;
  if (!n) return true;
  bool negative = n->kind == YAML_SCALAR && n->text[0] == '-';
  if (!negative) {
    if (!fields_u32(f, map, key, 0, INT32_MAX, &size)) return false;
    *out = (int32_t)size;
    return true;
  }
  struct yaml_node positive = *n, alone = {.kind = YAML_MAP, .line = n->line, .first = &positive};
  positive.text++;
  positive.next = NULL;
  if (!fields_u32(f, &alone, key, 0, INT32_MAX, &size)) return false;
  *out = -(int32_t)size;
  return true;
}

static bool read_cross_entropy(struct fields *f, const struct yaml_node *n, struct loss_options *loss) {
  const struct yaml_node *axis = yaml_get(n, "class_axis");
  if (!FIELDS_KNOWN(f, n, "loss cross_entropy", "name", "label_smoothing", "ignore_index", "class_axis") ||
      !read_signed(f, n, "ignore_index", &loss->ignore_index) || !read_signed(f, n, "class_axis", &loss->class_axis))
    return false;
  if (axis && loss->class_axis == 0)
    return fields_fail(f, axis->line, "class_axis: 0 is the batch; classes lie on axis 1 or behind it, -1 is the last");
  return fields_f32(f, n, "label_smoothing", 0, 1, true, &loss->label_smoothing);
}

bool recipe_loss(struct fields *f, const struct yaml_node *n, struct loss_options *loss) {
  uint32_t choice = 0;
  *loss = (struct loss_options){.ignore_index = -100};
  if (yaml_get(n, "output")) {
    loss->name = LOSS_OUTPUT;
    return FIELDS_KNOWN(f, n, "a loss that the model computes", "output") && fields_text(f, n, "output", &loss->output);
  }
  const struct yaml_node *name = fields_name(f, n, "loss");
  if (!name || !fields_choice(f, name, "loss", names, FIELDS_COUNT(names), later, FIELDS_COUNT(later), &choice))
    return false;
  loss->name = (enum loss_name)choice; /* names[] is in the order of the enum */
  bool whole = n->kind == YAML_MAP;
  switch (loss->name) {
  case LOSS_CROSS_ENTROPY: return !whole || read_cross_entropy(f, n, loss);
  case LOSS_HUBER:
    loss->delta = 1;
    return !whole || (FIELDS_KNOWN(f, n, "loss huber", "name", "delta") &&
                      fields_f32(f, n, "delta", FLT_MIN, FLT_MAX, false, &loss->delta));
  case LOSS_SMOOTH_L1:
    loss->delta = 1;
    return !whole || (FIELDS_KNOWN(f, n, "loss smooth_l1", "name", "beta") &&
                      fields_f32(f, n, "beta", 0, FLT_MAX, false, &loss->delta));
  case LOSS_MSE:
  case LOSS_L1:
  case LOSS_BCE_WITH_LOGITS:
  case LOSS_OUTPUT:
  case LOSS_COUNT: break;
  }
  return !whole || FIELDS_KNOWN(f, n, "a loss without options", "name");
}
