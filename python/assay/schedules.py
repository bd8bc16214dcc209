"""torch's learning rate schedulers in the words of a job file.

A scheduler is read by its class, and then played: its learning rates of all updates are compared with those that the words
mean. What differs is refused, so that no option of a scheduler, nor a mistake in its reading, changes a training silently."""
from __future__ import annotations

import copy
import math
import warnings
from typing import Any, Dict, List, Mapping, Optional, Tuple

from .errors import AssayError

Words = Dict[str, Any]
_STEPS = ("update", "epoch")
_KNOWN = ("StepLR", "MultiStepLR", "ExponentialLR", "CosineAnnealingLR", "LinearLR", "OneCycleLR", "SequentialLR")


def schedule_words(scheduler: Any, optimizer: Any, updates: Optional[int], updates_an_epoch: Optional[int], step: Optional[str]) -> Words:
    """The job file's `schedule`. step: whether the training that is meant calls scheduler.step() after every 'update' or every
    'epoch'. A mapping or a text is taken as it is."""
    if step is not None and step not in _STEPS:
        raise AssayError(f"scheduler_step is {step!r}; it is 'update' or 'epoch'")
    if isinstance(scheduler, str):
        return {"name": scheduler}
    if isinstance(scheduler, Mapping):
        return dict(scheduler)
    name = type(scheduler).__name__
    if getattr(scheduler, "optimizer", None) is not optimizer:
        raise AssayError(f"scheduler {name} is not of this optimizer")
    if getattr(scheduler, "last_epoch", 0) > 0:
        raise AssayError(f"scheduler {name} has taken steps already; give a new one")
    if name not in _KNOWN:
        why = ": it goes by what training measures, and a job's schedule is fixed before" if name == "ReduceLROnPlateau" else ""
        raise AssayError(f"scheduler {name} has no word in a job file{why}; there are {', '.join(_KNOWN)}, the last of a warm-up and one of them")
    if name == "OneCycleLR":
        step = step or "update"
    if step not in _STEPS:
        raise AssayError(f"scheduler {name}: say whether it steps after every update or every epoch: scheduler_step='update' or 'epoch'")
    every = 1
    if step == "epoch":
        if updates_an_epoch is None:
            raise AssayError(f"scheduler {name}: how many updates an epoch has is not known of data in a job file's words; let it step by update")
        every = updates_an_epoch
    if updates is None:
        raise AssayError(f"scheduler {name}: how many updates there are is not known of data in a job file's words; give updates instead of epochs")
    words = _read(scheduler, every, updates)
    _compare(name, scheduler, optimizer, words, every, updates)
    return words


def base_rate_key(scheduler: Any) -> str:
    """Where a group keeps the learning rate that the schedule's factor multiplies."""
    return "max_lr" if type(scheduler).__name__ == "OneCycleLR" else "initial_lr"


def _read(s: Any, every: int, updates: int) -> Words:
    name = type(s).__name__
    if name == "SequentialLR":
        parts, milestones = list(s._schedulers), list(s._milestones)
        if len(parts) != 2 or type(parts[0]).__name__ != "LinearLR":
            raise AssayError("scheduler SequentialLR: a job's schedule is a linear warm-up and one schedule after it")
        warmup = milestones[0] * every
        return {**_read(parts[1], every, updates - warmup), "warmup": warmup}
    if name == "StepLR":
        return {"name": "step", "every": s.step_size * every, "gamma": s.gamma}
    if name == "ExponentialLR":
        return {"name": "step", "every": every, "gamma": s.gamma}
    if name == "MultiStepLR":
        return {"name": "step", "milestones": sorted(int(m) * every for m in s.milestones), "gamma": s.gamma}
    if name == "CosineAnnealingLR":
        return {"name": "cosine", "end": s.eta_min / s.base_lrs[0] if s.base_lrs[0] else 0.0}
    if name == "LinearLR":
        if s.end_factor == 1 and s.total_iters * every < updates:
            return {"name": "constant", "warmup": (s.total_iters + 1) * every}
        return {"name": "linear", "start": s.start_factor, "end": s.end_factor}
    if name == "OneCycleLR":
        if getattr(s, "cycle_momentum", False):
            raise AssayError("scheduler OneCycleLR(cycle_momentum=True): a job does not cycle the momentum; give cycle_momentum=False")
        group = s.optimizer.param_groups[0]
        first, second = s._schedule_phases[0], s._schedule_phases[-1]
        return {"name": "one_cycle", "pct_start": (first["end_step"] + 1) / s.total_steps, "div_factor": group["max_lr"] / group["initial_lr"],
                "final_div_factor": group["initial_lr"] / group[second["end_lr"]], "anneal_strategy": s._anneal_func_type}
    raise AssayError(f"scheduler {name} has no word in a job file inside a SequentialLR; there are {', '.join(_KNOWN[:-1])}")


def factors(words: Mapping[str, Any], updates: int) -> List[float]:
    """What the words mean: the factor of the learning rate in each update. docs/job.md, Schedules."""
    warmup, count = words.get("warmup", 0), updates - words.get("warmup", 0)
    out: List[float] = []
    for update in range(1, updates + 1):
        t = update - 1 - warmup
        if t < 0:
            out.append(update / warmup)
        elif words["name"] == "constant":
            out.append(1.0)
        elif words["name"] == "cosine":
            out.append(_wave(1.0, words.get("end", 0.0), t / count))
        elif words["name"] == "linear":
            out.append(_line(words.get("start", 1.0), words.get("end", 0.0), t / count))
        elif words["name"] == "step":
            times = t // words["every"] if "every" in words else sum(1 for m in words["milestones"] if m <= t)
            out.append(words["gamma"] ** times)
        else:
            between = _wave if words["anneal_strategy"] == "cos" else _line
            low, peak = 1 / words["div_factor"], words["pct_start"] * count - 1
            if t <= peak:
                out.append(between(low, 1.0, t / peak if peak > 0 else 1.0))
            else:
                out.append(between(1.0, low / words["final_div_factor"], (t - peak) / (count - 1 - peak)))
    return out


def _wave(start: float, end: float, turn: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * turn)) / 2


def _line(start: float, end: float, turn: float) -> float:
    return start + (end - start) * turn


def _play(scheduler: Any, optimizer: Any, every: int, updates: int) -> List[Tuple[float, ...]]:
    """The learning rates of all groups in each update; scheduler and optimizer are as they were afterwards."""
    before = copy.deepcopy(scheduler.state_dict())
    groups = [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
    rates = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the optimizer took no steps
            for update in range(updates):
                if update and update % every == 0:
                    scheduler.step()
                rates.append(tuple(float(group["lr"]) for group in optimizer.param_groups))
    finally:
        scheduler.load_state_dict(before)
        for group, values in zip(optimizer.param_groups, groups):
            group.update(values)
    return rates


def _compare(name: str, scheduler: Any, optimizer: Any, words: Words, every: int, updates: int) -> None:
    key = base_rate_key(scheduler)
    base = [float(group[key]) for group in optimizer.param_groups]
    for update, (rates, factor) in enumerate(zip(_play(scheduler, optimizer, every, updates), factors(words, updates)), 1):
        for rate, whole in zip(rates, base):
            if abs(rate - factor * whole) > 1e-5 * abs(rate) + 1e-7 * abs(whole):
                raise AssayError(f"scheduler {name}: in update {update} of {updates} its learning rate is {rate:.6g}, and a job's schedule {words} "
                                 f"has {factor * whole:.6g}; {_hint(name, words, updates)}")


def _hint(name: str, words: Words, updates: int) -> str:
    warmup = words.get("warmup", 0)
    if warmup:
        return f"a job's warm-up is LinearLR(start_factor=1/{warmup}, total_iters={warmup - 1}) by update"
    if name in ("CosineAnnealingLR", "LinearLR"):
        return f"a job's {words['name']} schedule goes by update over all {updates}: T_max or total_iters {updates}, scheduler_step='update'"
    return f"give it in a job file's words, as scheduler={words}, if that is meant"
