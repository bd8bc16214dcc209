"""torch's optimizers and losses in the words of a job file. What has no words there is refused by name, never left out."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from .errors import AssayError

if TYPE_CHECKING:
    import torch

LossLike = Union[str, Mapping[str, Any], "torch.nn.Module", Callable[..., Any]]
OptimizerLike = Union[str, Mapping[str, Any], "torch.optim.Optimizer"]

# Options of torch's optimizers that say how to compute and not what.
_HOW = {"foreach", "fused", "capturable"}
# Options that a job file has under the same name, by optimizer.
_OPTIONS = {
    "SGD": ("sgd", ("lr", "momentum", "dampening", "weight_decay", "nesterov")),
    "Adam": ("adam", ("lr", "betas", "eps", "weight_decay")),
    "AdamW": ("adamw", ("lr", "betas", "eps", "weight_decay")),
    "RMSprop": ("rmsprop", ("lr", "alpha", "eps", "weight_decay", "momentum", "centered")),
}
# What a scheduler leaves in a group; the scheduler itself is read elsewhere.
_SCHEDULERS = {"initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum"}
# Functions of torch.nn.functional, which without options are these modules without any.
_FUNCTIONS = {"cross_entropy": "cross_entropy", "binary_cross_entropy_with_logits": "bce_with_logits", "mse_loss": "mse", "l1_loss": "l1",
              "huber_loss": "huber", "smooth_l1_loss": "smooth_l1"}
# Options that must have this value, as there are no words for another.
_ONLY = {"maximize": False, "differentiable": False, "amsgrad": False}

# What to do with a loss that a job has no word for.
OWN_LOSS = ("let the model compute it: forward(x, labels) returns the mean over the batch, the data are samples ({'x': x, 'labels': y}) "
            "without a target, and loss='model'")


def loss_words(loss: LossLike) -> Any:
    """The job file's `loss`. A text or a mapping is taken as it is."""
    if isinstance(loss, str):
        return loss
    if isinstance(loss, Mapping):
        return dict(loss)
    if isinstance(loss, type):
        raise AssayError(f"loss is the class {loss.__name__}; give one of it: {loss.__name__}()")
    name = type(loss).__name__
    called = getattr(loss, "__name__", "")
    if called in _FUNCTIONS and getattr(loss, "__module__", None) in ("torch.nn.functional", "torch._C._nn"):
        return _FUNCTIONS[called]
    if not type(loss).__module__.startswith("torch.nn."):
        name = called or name
        raise AssayError(f"loss {name} has no word in a job file; {OWN_LOSS}, or use one of {_known()}")
    known: Dict[str, Dict[str, Any]] = {
        "CrossEntropyLoss": {"name": "cross_entropy"},
        "BCEWithLogitsLoss": {"name": "bce_with_logits"},
        "MSELoss": {"name": "mse"},
        "L1Loss": {"name": "l1"},
        "HuberLoss": {"name": "huber", "delta": getattr(loss, "delta", None)},
        "SmoothL1Loss": {"name": "smooth_l1", "beta": getattr(loss, "beta", None)},
    }
    if name not in known:
        raise AssayError(f"loss {name} has no word in a job file; there are {_known()}")
    reduction = getattr(loss, "reduction", "mean")
    if reduction != "mean":
        raise AssayError(f"loss {name}(reduction='{reduction}'): a job's losses are means over the batch; with reduction='mean' "
                         f"the same training needs another learning rate")
    for option in ("weight", "pos_weight"):
        if getattr(loss, option, None) is not None:
            raise AssayError(f"loss {name}({option}=...): a job file has no weights of classes; {OWN_LOSS}")
    words = known[name]
    if name == "CrossEntropyLoss":
        if getattr(loss, "label_smoothing", 0.0):
            words["label_smoothing"] = float(getattr(loss, "label_smoothing"))
        if getattr(loss, "ignore_index", -100) != -100:
            words["ignore_index"] = int(getattr(loss, "ignore_index"))
    return words if len(words) > 1 else words["name"]


def _known() -> str:
    return "CrossEntropyLoss, BCEWithLogitsLoss, MSELoss, L1Loss, HuberLoss, SmoothL1Loss"


def _value(name: str, option: str, value: Any) -> Any:
    if hasattr(value, "item"):  # a learning rate that is a tensor
        value = value.item()
    if isinstance(value, (tuple, list)):
        return [float(x) for x in value]
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return float(value)
    raise AssayError(f"optimizer {name}: {option} is a {type(value).__name__}")


def _group_words(name: str, options: Sequence[str], group: Mapping[str, Any], scheduled: str) -> Dict[str, Any]:
    words: Dict[str, Any] = {}
    for option, value in group.items():
        if option in ("params", "param_names") or option in _HOW or (scheduled and option in _SCHEDULERS):
            continue
        if option == "decoupled_weight_decay" and (bool(value) == (name == "AdamW")):
            continue
        if option in options:
            words[option] = _value(name, option, value)
        elif option in _ONLY and value == _ONLY[option]:
            continue
        else:
            raise AssayError(f"optimizer {name}({option}={value!r}) has no word in a job file; leave the option out "
                             f"(a job's {name} has {', '.join(options)})")
    if scheduled in group:
        words["lr"] = _value(name, "lr", group[scheduled])
    return words


def optimizer_words(optimizer: OptimizerLike, parameters: Mapping[str, Any], unused: Sequence[Any] = (),
                    scheduled: str = "") -> Tuple[Any, List[str]]:
    """The job file's `optimizer`, and the names of the parameters that do not train: those that want no gradient and
    those that the optimizer was not given. `parameters` are the module's, by name; `unused` those of no effect, which
    the optimizer may hold too; `scheduled` is where a scheduler keeps a group's learning rate. A text or a mapping is taken
    as it is."""
    frozen = [name for name, p in parameters.items() if not p.requires_grad]
    if isinstance(optimizer, str):
        return optimizer, frozen
    if isinstance(optimizer, Mapping):
        return dict(optimizer), frozen
    if isinstance(optimizer, type):
        raise AssayError(f"optimizer is the class {optimizer.__name__}; give one of it: {optimizer.__name__}(model.parameters(), lr=..)")
    name = type(optimizer).__name__
    if name not in _OPTIONS or not type(optimizer).__module__.startswith("torch.optim"):
        raise AssayError(f"optimizer {name} has no word in a job file; there are {', '.join(_OPTIONS)} of torch.optim")
    if optimizer.state:
        raise AssayError(f"optimizer {name} has taken steps already; a job starts with moments of zero, so give a new one")
    word, options = _OPTIONS[name]
    names = {id(p): n for n, p in parameters.items()}
    nothing = {id(p) for p in unused}
    groups: List[Tuple[List[str], Dict[str, Any], int]] = []
    for number, group in enumerate(optimizer.param_groups):
        members = []
        for p in group["params"]:
            if id(p) in nothing:
                continue
            if id(p) not in names:
                raise AssayError(f"optimizer {name}: group {number} holds a tensor {list(p.shape)} that is no parameter of the model")
            if p.requires_grad:
                members.append(names[id(p)])
        if members:
            words = _group_words(name, options, group, scheduled)
            groups.append((members, words, sum(p.numel() for p in group["params"])))
    if not groups:
        raise AssayError(f"optimizer {name} holds no parameter that wants a gradient")
    given = {member for members, _, _ in groups for member in members}
    frozen = [n for n in parameters if n not in given]
    base = max(groups, key=lambda g: g[2])[1]
    out: Dict[str, Any] = {"name": word, **base}
    others = []
    for members, words, _ in groups:
        changed = {option: value for option, value in words.items() if value != base[option]}
        if not changed:
            continue
        wrong = sorted(set(changed) - {"lr", "weight_decay"})
        if wrong:
            raise AssayError(f"optimizer {name}: groups differ in {', '.join(wrong)}; a job's groups differ in lr and weight_decay alone")
        others.append({"match": members, **changed})
    if others:
        out["groups"] = others
    return out, frozen


def frozen_statistics(model: "torch.nn.Module") -> Tuple[List[str], Optional[str]]:
    """Names of running statistics that stay as they are, since their module is in eval mode while the model trains; and
    what about a norm cannot be said in ONNX, or None."""
    names: List[str] = []
    for path, module in model.named_modules():
        if "InstanceNorm" in type(module).__name__ and getattr(module, "running_mean", None) is not None:
            return [], f"{path or 'the model'} ({type(module).__name__}): track_running_stats=True has no place in ONNX; leave it out"
        if not type(module).__name__.endswith(("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm")):
            continue
        if getattr(module, "momentum", 0.1) is None:
            return [], f"{path or 'the model'} ({type(module).__name__}): momentum=None, a cumulative average, has no place in ONNX; give a momentum"
        if model.training and not module.training and getattr(module, "running_mean", None) is not None:
            names += [f"{path}.running_mean" if path else "running_mean", f"{path}.running_var" if path else "running_var"]
    return names, None
