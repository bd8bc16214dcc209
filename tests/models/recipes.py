"""Writes what PyTorch computes in float64 for each way of training that a job file can name: reference/recipes.json.

    python3 recipes.py

The model is regression.onnx, its data reference/vectors8.npy and targets.npy, one batch of 16 in every update, 51 updates.
Numbers of a recipe are the float32 that the job file makes of them, widened. Per recipe:

    job         the lines of the job file that say it
    rate        the learning rate of each update, first group
    losses      {updates done: loss before the next}
    weights     per parameter after 50 updates: the values at `index` (flattened, ONNX's order)
    ema         with `ema`: the loss of the averaged weights after 50 updates

Lion has no place in torch.optim; it is written here as algorithm 2 of its paper (Chen et al. 2023) has it.
"""
import fnmatch
import json

import numpy
import torch

from reference import FOLDER, as_float64, batch_of
from models import build

UPDATES, SHOWN = 51, (0, 1, 2, 10, 50)


def f32(x):
    return float(numpy.float32(x))


class Lion(torch.optim.Optimizer):
    def __init__(self, params, lr, betas, weight_decay=0.0):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                b1, b2 = group["betas"]
                direction = torch.sign(b1 * m + (1 - b1) * p.grad)
                p -= group["lr"] * (direction + group["weight_decay"] * p)
                m.mul_(b2).add_(p.grad, alpha=1 - b2)


TORCH = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop, "lion": Lion}
DEFAULTS = {"sgd": {"lr": 1e-3}, "adam": {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8},
            "adamw": {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01},
            "rmsprop": {"lr": 1e-2, "alpha": 0.99, "eps": 1e-8}, "lion": {"lr": 1e-4, "betas": (0.9, 0.99)}}

RECIPES = {
    "sgd": {"optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 0.001}},
    "adam": {"optimizer": {"name": "adam", "lr": 0.003}},
    "adam_l2": {"optimizer": {"name": "adam", "lr": 0.003, "betas": [0.8, 0.99], "eps": 1e-6, "weight_decay": 0.1}},
    "adamw": {"optimizer": {"name": "adamw", "lr": 0.003}},
    "lion": {"optimizer": {"name": "lion", "lr": 0.001}},
    "lion_decay": {"optimizer": {"name": "lion", "lr": 0.001, "betas": [0.95, 0.98], "weight_decay": 0.3}},
    "rmsprop": {"optimizer": {"name": "rmsprop", "lr": 0.001}},
    "rmsprop_l2": {"optimizer": {"name": "rmsprop", "lr": 0.001, "alpha": 0.9, "eps": 1e-6, "weight_decay": 0.1}},
    "rmsprop_momentum": {"optimizer": {"name": "rmsprop", "lr": 0.001, "momentum": 0.9}},
    "rmsprop_centered": {"optimizer": {"name": "rmsprop", "lr": 0.001, "centered": True}},
    "rmsprop_all": {"optimizer": {"name": "rmsprop", "lr": 0.0005, "alpha": 0.95, "momentum": 0.8, "centered": True, "weight_decay": 0.01}},
    "linear": {"optimizer": {"name": "sgd", "lr": 0.05}, "schedule": {"name": "linear"}},
    "linear_warm": {"optimizer": {"name": "sgd", "lr": 0.05}, "schedule": {"name": "linear", "warmup": 7, "start": 0.75, "end": 0.125}},
    "cosine": {"optimizer": {"name": "sgd", "lr": 0.05}, "schedule": {"name": "cosine", "warmup": 5, "end": 0.1}},
    "step": {"optimizer": {"name": "adam", "lr": 0.01}, "schedule": {"name": "step", "every": 9, "gamma": 0.5}},
    "milestones": {"optimizer": {"name": "adam", "lr": 0.01}, "schedule": {"name": "step", "warmup": 4, "milestones": [8, 20, 21], "gamma": 0.3}},
    "one_cycle": {"optimizer": {"name": "adamw", "lr": 0.01}, "schedule": {"name": "one_cycle"}},
    "one_cycle_linear": {"optimizer": {"name": "adamw", "lr": 0.01},
                         "schedule": {"name": "one_cycle", "warmup": 3, "pct_start": 0.2, "div_factor": 10, "final_div_factor": 100, "anneal_strategy": "linear"}},
    "clip_norm": {"optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.5}, "clip_norm": 0.5},
    "clip_value": {"optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.5}, "clip_value": 0.125},
    "groups": {"optimizer": {"name": "adamw", "lr": 0.003, "weight_decay": 0.2,
                             "groups": [{"match": ["*.bias", "9*"], "weight_decay": 0}, {"match": ["5.w?ight", "*.bias"], "lr": 0.001}]},
               "schedule": {"name": "cosine"}},
    "groups_sgd": {"optimizer": {"name": "sgd", "lr": 0.03, "momentum": 0.9, "weight_decay": 0.1, "decay": "matrices",
                                 "groups": [{"match": ["3.bias"], "weight_decay": 0.5, "lr": 0.01}]}},
    "decay": {"optimizer": {"name": "lion", "lr": 0.001, "weight_decay": 0.5, "decay": "matrices"}},
    "ema": {"optimizer": {"name": "adam", "lr": 0.003}, "ema": 0.9},
    "micro": {"optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9}, "micro_batches": 4},
    "micro_each": {"optimizer": {"name": "adamw", "lr": 0.003, "groups": [{"match": ["1.*"], "lr": 0.001}]}, "micro_batches": 16,
                   "schedule": {"name": "cosine", "warmup": 3}, "clip_norm": 0.5, "ema": 0.9},
    "ema_groups": {"optimizer": {"name": "rmsprop", "lr": 0.001, "momentum": 0.5, "centered": True, "groups": [{"match": ["*.bias"], "lr": 0.002}]},
                   "schedule": {"name": "one_cycle", "warmup": 2}, "clip_norm": 1.0, "ema": 0.95},
}


def rounded(options):
    return {k: f32(v) if isinstance(v, float) else tuple(map(f32, v)) if k == "betas" else v for k, v in options.items()}


def groups_of(model, options):
    """Parameter groups as torch has them: one for each pair of settings, the job's own first."""
    base = {**DEFAULTS[options["name"]], **{k: v for k, v in options.items() if k not in ("name", "groups", "decay")}}
    base = rounded(base)
    default, groups = base.get("weight_decay", 0.0), []
    for name, p in model.named_parameters():
        own = next((g for g in options.get("groups", []) if any(fnmatch.fnmatchcase(name, m) for m in g["match"])), {})
        decay = 0.0 if options.get("decay") == "matrices" and p.dim() < 2 else default
        groups.append({"params": [p], "lr": f32(own.get("lr", base["lr"])), "weight_decay": f32(own.get("weight_decay", decay))})
    return base, groups


def factors(schedule):
    """Factors of the learning rate, read off torch's own schedulers over what the warm-up leaves."""
    warmup, name = schedule.get("warmup", 0), schedule["name"]
    count = UPDATES - warmup
    dummy = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    of = torch.optim.lr_scheduler
    if name == "constant":
        run = of.ConstantLR(dummy, factor=1.0)
    elif name == "cosine":
        run = of.CosineAnnealingLR(dummy, T_max=count, eta_min=f32(schedule.get("end", 0.0)))
    elif name == "linear":
        start, end = f32(schedule.get("start", 1.0)), f32(schedule.get("end", 0.0))
        run = of.LinearLR(dummy, start_factor=start, end_factor=end, total_iters=count)
    elif name == "step" and "every" in schedule:
        run = of.StepLR(dummy, step_size=schedule["every"], gamma=f32(schedule["gamma"]))
    elif name == "step":
        run = of.MultiStepLR(dummy, milestones=schedule["milestones"], gamma=f32(schedule["gamma"]))
    else:
        run = of.OneCycleLR(dummy, max_lr=1.0, total_steps=count, pct_start=f32(schedule.get("pct_start", 0.3)), cycle_momentum=False,
                            anneal_strategy=schedule.get("anneal_strategy", "cos"), div_factor=f32(schedule.get("div_factor", 25.0)),
                            final_div_factor=f32(schedule.get("final_div_factor", 1e4)))
    found = [(u + 1) / warmup for u in range(warmup)]
    for t in range(count):
        found.append(run.get_last_lr()[0])
        dummy.step()
        if t + 1 < count:
            run.step()
    return found


def short(x):
    """Ten digits say more than float32 holds."""
    return float(f"{x:.10g}") if isinstance(x, float) else {k: short(v) for k, v in x.items()} if isinstance(x, dict) else \
        [short(v) for v in x] if isinstance(x, list) else x


def job_lines(recipe):
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in recipe.items())


def run(recipe):
    inputs, targets, _, _ = batch_of("regression")
    model, x, y = build("regression").double().eval(), as_float64(inputs), torch.from_numpy(targets).double()
    base, groups = groups_of(model, recipe["optimizer"])
    optimizer = TORCH[recipe["optimizer"]["name"]](groups, **base)
    factor = factors(recipe.get("schedule", {"name": "constant"}))
    micro = recipe.get("micro_batches", 1)
    rates, losses, average = [group["lr"] for group in groups], {}, None
    if "ema" in recipe:  # starts as the weights are: torch copies in its first call
        average = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(f32(recipe["ema"])))
        average.update_parameters(model)
    result = {"job": job_lines(recipe), "rate": [base["lr"] * f for f in factor], "losses": losses}
    for update in range(UPDATES):
        optimizer.zero_grad()
        loss = 0.0
        for part in range(micro):
            rows = slice(part * len(x) // micro, (part + 1) * len(x) // micro)
            part_loss = torch.nn.functional.mse_loss(model(x[rows]), y[rows]) / micro
            part_loss.backward()
            loss += part_loss.item()
        if update in SHOWN:
            losses[str(update)] = loss
        if update == UPDATES - 1:
            break
        for group, rate in zip(optimizer.param_groups, rates):
            group["lr"] = rate * factor[update]
        if "clip_norm" in recipe:
            torch.nn.utils.clip_grad_norm_(model.parameters(), f32(recipe["clip_norm"]))
        if "clip_value" in recipe:
            torch.nn.utils.clip_grad_value_(model.parameters(), f32(recipe["clip_value"]))
        optimizer.step()
        if average:
            average.update_parameters(model)
    result["index"] = {n: sorted({0, 1, p.numel() // 2, p.numel() - 1} & set(range(p.numel()))) for n, p in model.named_parameters()}
    result["weights"] = {n: p.detach().flatten()[result["index"][n]].tolist() for n, p in model.named_parameters()}
    if average:
        result["ema"] = torch.nn.functional.mse_loss(average.module(x), y).item()
    return result


def main():
    torch.set_num_threads(1)
    results = {name: run(recipe) for name, recipe in RECIPES.items()}
    (FOLDER / "recipes.json").write_text(json.dumps(short(results), indent=None, separators=(", ", ": ")).replace('}, "', '},\n"') + "\n")
    for name, result in results.items():
        print(name, {k: round(v, 6) for k, v in result["losses"].items()})


if __name__ == "__main__":
    main()
