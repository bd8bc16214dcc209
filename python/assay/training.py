"""Training: from a module and data to a job, a run, and back."""
from __future__ import annotations

import errno
import json
import math
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from . import program
from .arrays import Written, data_words, to_array, write_dataset
from .errors import AssayError
from .jobfile import job_text
from .program import PathLike
from .progress import Progress
from .recipe import LossLike, OptimizerLike, frozen_statistics, loss_words, optimizer_words
from .schedules import base_rate_key, schedule_words
from .tensors import read_safetensors

if TYPE_CHECKING:
    import torch
    from .module import Exported


@dataclass(frozen=True)
class Evaluation:
    """The test set after an update. accuracy is between 0 and 1; None where there are no classes to be right about."""

    update: int
    loss: float
    accuracy: Optional[float]


@dataclass(frozen=True)
class Result:
    """What a run gave. `folder` is the run's: model.onnx, model.safetensors, README.md (the card), checkpoints, traces;
    `assay verify FOLDER` computes any part of it again."""

    folder: Path
    losses: "np.ndarray[Any, Any]" = field(repr=False)  # float32, of every update
    evaluations: Tuple[Evaluation, ...] = field(repr=False)
    updates: int
    loss: float  # of the last update
    test_loss: Optional[float]
    accuracy: Optional[float]
    final_root: str
    job_root: str
    seconds: float

    @property
    def onnx(self) -> Path:
        """The trained network for ONNX Runtime and others."""
        return self.folder / "model.onnx"

    @property
    def safetensors(self) -> Path:
        """Its parameters and buffers under the module's names."""
        return self.folder / "model.safetensors"


def train(model: Union["torch.nn.Module", PathLike], dataset: Any, *, loss: LossLike, optimizer: OptimizerLike, batch: int,
          epochs: Optional[int] = None, updates: Optional[int] = None, scheduler: Any = None, scheduler_step: Optional[str] = None, test: Any = None,
          out: PathLike = "assay-run", seed: int = 0, shuffle: bool = True, drop_last: bool = True,
          clip_norm: Optional[float] = None, clip_value: Optional[float] = None, ema: Optional[float] = None, micro_batches: int = 1, evaluate_every: Optional[str] = None,
          scale: Union[None, float, str] = None, normalize: Optional[Mapping[str, Any]] = None, augment: Optional[Mapping[str, Any]] = None,
          example: Optional[Sequence[Any]] = None, opset: Optional[int] = None,
          options: Optional[Mapping[str, Any]] = None, threads: Optional[int] = None, force: bool = False,
          progress: bool = True) -> Result:
    """Trains `model` on `dataset`, exactly: the same call gives the same final root on every machine.

    model: a torch module, whose weights are the start and which has the trained ones afterwards; or an ONNX file.
    dataset, test: a torch data set, or a tuple (inputs, targets) of arrays or tensors; or data in the words of a job file,
        as {"dataset": "fashion-mnist"}, and then `example`, a batch of inputs, is needed too. uint8 inputs are multiplied by
        `scale` and reach the model as floats; normalize, augment: as in a job file, {"mean": [..], "std": [..]} and {"flip":
        "horizontal", "crop": 4}, drawn anew in every epoch. A data set's own transform that draws is drawn once, and stays.
    loss: torch.nn.CrossEntropyLoss(..) and others, or a job file's words, or "model": its first output is its loss.
    optimizer: of torch.optim, new, or words; what it was not given, and what wants no gradient, stays as it is.
    scheduler: of torch.optim.lr_scheduler, new, or words; scheduler_step: does it step after every 'update' or 'epoch'?
    batch, epochs or updates, seed, clip_norm, ema, micro_batches, ..: as in a job file; `options` holds any other key of one.
    out: a folder for the job (out/job) and the run (out/run). Ctrl-C saves; the same call goes on, to the same root, also from
        a module with other initial weights, as those of the start are kept. A finished run is not done again: the same call
        gives its result. Another job in that folder is refused; force=True removes it.

    AssayError says what cannot be done, by name; an option is never ignored. A run that diverged raises it too, and the
    module is as it was. Costs a copy of the data on disk."""
    folder = Path(out).absolute()
    view = Progress(quiet=not progress)
    if not isinstance(model, (str, os.PathLike)):
        from .module import plain
        model = plain(model)
    fresh = folder / "next"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
        made, exported = _make(fresh, model, dataset, loss=loss, optimizer=optimizer, scheduler=scheduler,
                               scheduler_step=scheduler_step, test=test, scale=scale, normalize=normalize, augment=augment,
                               example=example, opset=opset, own={
                                   "clip_norm": clip_norm, "clip_value": clip_value, "ema": ema, "batch": batch,
                                   "micro_batches": micro_batches if micro_batches != 1 else None, "epochs": epochs, "updates": updates, "shuffle": None if shuffle else False,
                                   "drop_last": None if drop_last else False, "seed": seed,
                                   "evaluate": {"every": evaluate_every} if evaluate_every else None, **(options or {})})
        resume = _settle(folder, fresh, made, force, view)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) and not str(error.filename).startswith(str(folder)):
            raise  # of the data set's own
        raise AssayError(f"{folder} cannot be written: {error.strerror or error}; give another `out`, or make room there", 3) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    result = _run(folder, resume, force, threads, view)
    if exported is not None:
        from .module import load_into
        load_into(model, read_safetensors(result.safetensors), forwards=result.updates * micro_batches)  # type: ignore[arg-type]
    return result


def is_words(data: Any) -> bool:
    """Are these data in a job file's words?"""
    return isinstance(data, Mapping) and any(isinstance(data.get(key), str) for key in ("dataset", "format"))


def absolute(words: Mapping[str, Any]) -> Dict[str, Any]:
    """Paths of a caller's words are relative to where the caller is, not to the job file that they come to stand in."""
    paths = ("inputs", "targets", "file") if words.get("format") in ("idx", "npy") else ("file",)

    def path(value: Any) -> Any:
        return {k: path(v) for k, v in value.items()} if isinstance(value, Mapping) else os.path.abspath(value)
    return {key: path(value) if key in paths and value is not None else value for key, value in words.items()}


def _write_data(data: Any, folder: Path, prefix: str, what: str) -> Tuple[Union[Written, Dict[str, Any]], str]:
    if is_words(data):
        words = absolute(data)
        return words, json.dumps(words, sort_keys=True)
    written = write_dataset(data, folder, prefix, what)
    return written, written.digest


def scaled(x: "np.ndarray[Any, Any]", scale: Union[None, float, str]) -> "np.ndarray[Any, Any]":
    """What the model gets of an input: bytes become floats."""
    if x.dtype != np.uint8:
        if scale is not None:
            raise AssayError(f"scale is for uint8 inputs; these are {x.dtype.name}")
        return x
    over, _, under = str(1 if scale is None else scale).partition("/")
    return (x * np.float32(float(over) / float(under or 1))).astype(np.float32)


def _make(folder: Path, model: Any, dataset: Any, *, loss: LossLike, optimizer: OptimizerLike, scheduler: Any, scheduler_step: Optional[str], test: Any,
          scale: Union[None, float, str], normalize: Optional[Mapping[str, Any]], augment: Optional[Mapping[str, Any]],
          example: Optional[Sequence[Any]], opset: Optional[int],
          own: Mapping[str, Any]) -> Tuple[Dict[str, str], Optional["Exported"]]:
    """Writes model, data and job file, and what tells them from others."""
    train_data, train_digest = _write_data(dataset, folder, "train", "dataset")
    test_data, test_digest = (None, "") if test is None else _write_data(test, folder, "test", "test")
    exported: Optional["Exported"] = None
    inputs: Sequence[str] = ()
    freeze: List[str] = []
    words: Any = optimizer
    if isinstance(model, (str, os.PathLike)):
        words, _ = optimizer_words(optimizer, {})
        if not isinstance(optimizer, (str, Mapping)):
            raise AssayError("model is a file, so give the optimizer in a job file's words, as {'name': 'adamw', 'lr': 1e-3}")
        name, structure = os.path.abspath(model), _digest(Path(model)) if os.path.isfile(model) else ""
    else:
        from .module import export_module
        names = train_data.names if isinstance(train_data, Written) else None
        if example is None:
            if not isinstance(train_data, Written):
                raise AssayError("the data are in a job file's words, so give an example: a tuple with a batch of each input")
            example = [scaled(x, scale) for x in train_data.example]
        elif not isinstance(example, (tuple, list)):
            example = (example,)
        exported = export_module(model, example, folder / "model.onnx", names=names, opset=opset)
        name, structure, inputs = "model.onnx", exported.structure, exported.inputs
        for data in (train_data, test_data):
            if isinstance(data, Written):
                _refuse_rows(data, exported)
        words, freeze = optimizer_words(optimizer, exported.tensors(model), unused=exported.unused_tensors(model),
                                        scheduled=base_rate_key(scheduler) if scheduler is not None else "")
        freeze += frozen_statistics(model)[0]
    schedule = None
    if scheduler is not None:
        an_epoch = train_data.samples // own["batch"] if isinstance(train_data, Written) else None
        updates = own["updates"] or (an_epoch * own["epochs"] if an_epoch is not None and own["epochs"] else None)
        schedule = schedule_words(scheduler, optimizer, updates, an_epoch, scheduler_step)
    job: Dict[str, Any] = {
        "assay": 1, "model": name, "init": "model",
        "data": {"train": _data(train_data, scale, inputs, {"normalize": normalize, "augment": augment}),
                 "test": None if test_data is None else _data(test_data, scale, inputs, {"normalize": normalize})},
        "loss": _own_loss(loss_words(loss), exported), "optimizer": words, "schedule": schedule, "freeze": freeze or None}
    for key, value in own.items():
        if value is not None and job.get(key) is not None:
            raise AssayError(f"options has '{key}', which is said by the other arguments")
        job[key] = value
    text = job_text(job)
    (folder / "job.yaml").write_text(text, encoding="utf-8")
    weights = "" if exported is None else _digest(folder / "model.onnx")
    made = {"model": structure, "weights": weights, "dataset": train_digest, "test": test_digest, "job": text}
    (folder / "made.json").write_text(json.dumps(made, indent=1), encoding="utf-8")
    return made, exported


def _data(data: Union[Written, Dict[str, Any]], scale: Union[None, float, str], inputs: Sequence[str], more: Mapping[str, Any]) -> Dict[str, Any]:
    words = data_words(data, scale, inputs) if isinstance(data, Written) else dict(data)
    more = more if isinstance(data, Written) else {"scale": scale, **more}
    for key, value in more.items():
        if value is not None and key in words:
            raise AssayError(f"{key} is said twice: in the data's words and by itself")
        if value is not None:
            words[key] = value
    return words


def _refuse_rows(data: Written, exported: "Exported") -> None:
    """Indices of an embedding are in its table, as torch demands when it reads them."""
    for name, path in zip(exported.inputs, data.inputs):
        if name not in exported.rows:
            continue
        table, rows = exported.rows[name]
        x = np.load(path, mmap_mode="r")
        if x.dtype.kind in "iu" and x.size and (x.min() < 0 or x.max() >= rows):
            at = next(n for n, sample in enumerate(x) if sample.min() < 0 or sample.max() >= rows)
            raise AssayError(f"the data's input {name}: sample {at} has {x[at].min()} to {x[at].max()}, and {table} has {rows} rows, 0 to {rows - 1}")


def _own_loss(words: Any, exported: Optional["Exported"]) -> Any:
    """A module's outputs have no names before it is exported, so one is meant by its number."""
    if words == "model":
        words = {"output": 0}
    if not isinstance(words, Mapping) or not isinstance(words.get("output"), int):
        return words
    outputs = exported.outputs if exported is not None else ()
    if not 0 <= words["output"] < len(outputs):
        raise AssayError(f"loss: the model has {len(outputs)} outputs, and none of number {words['output']}" if exported is not None else
                         "loss: of a file, name the output: loss={'output': NAME}")
    return {"output": outputs[words["output"]]}


def _digest(path: Path) -> str:
    import hashlib
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _settle(folder: Path, fresh: Path, made: Mapping[str, str], force: bool, view: Progress) -> bool:
    """Puts the new job into its place, or leaves the one of a run that goes on; true if one does."""
    job, run = folder / "job", folder / "run"
    begun = run.is_dir() and any(path.name != ".lock" for path in run.iterdir())  # a job that was refused leaves no run
    if begun and not force:
        try:
            before = json.loads((job / "made.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise AssayError(f"{run} is there already, and not of this package; give another `out`, or force=True") from None
        names = {"model": "the model", "dataset": "the data", "test": "the test data", "job": _difference(before.get("job", ""), made["job"])}
        other = [words for key, words in names.items() if before.get(key) != made[key]]
        if other:
            raise AssayError(f"{folder} holds a run of another job: {', '.join(other)} differ; give another `out`, or force=True to "
                             f"remove that run")
        if before.get("weights") != made["weights"]:
            if _metrics(run)[2]:
                raise AssayError(f"{folder} holds a finished run that started from other weights; give another `out`, or force=True to "
                                 f"remove that run")
            view.note(f"going on with the run in {folder}, which started from other weights than the module has now")
        return True
    shutil.rmtree(job, ignore_errors=True)
    fresh.rename(job)
    return False


def _difference(before: str, now: str) -> str:
    lines = set(before.splitlines()) ^ set(now.splitlines())
    return "the job's " + ", ".join(sorted({line.strip().split(":")[0] for line in lines if ":" in line}))


def _metrics(run: Path) -> Tuple["np.ndarray[Any, Any]", Tuple[Evaluation, ...], Dict[str, Any]]:
    """Losses, evaluations, and the last line of a run that has ended, from its metrics."""
    losses: List[float] = []
    evaluations: List[Evaluation] = []
    done: Dict[str, Any] = {}
    path = run / "metrics.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # the end of a file that a killed run left
        if "done" in entry:
            done = entry
        elif "test_loss" in entry:
            accuracy = entry.get("test_accuracy")
            evaluations.append(Evaluation(entry["update"], float(entry["test_loss"]), None if accuracy is None else float(accuracy)))
        elif "loss" in entry:
            losses.append(float(entry["loss"]))
    return np.array(losses, np.float32), tuple(evaluations), done


def _run(folder: Path, resume: bool, force: bool, threads: Optional[int], view: Progress) -> Result:
    run = folder / "run"
    words = ["train", str(folder / "job" / "job.yaml"), "-o", str(run), "--json"]
    words += ["--resume"] if resume else ["--force"] if force else []
    words += ["--threads", str(threads)] if threads is not None else []

    def each(record: program.Record) -> None:
        if "test_loss" in record and "outcome" not in record:
            accuracy = record.get("test_accuracy")
            view.note(f"after update {record['update']}: test loss {_figure(record['test_loss'])}"
                      + ("" if accuracy is None else f", accuracy {accuracy:.2%}"))
        elif "samples_per_s" in record and "outcome" not in record:
            view.show(record["update"], record["updates"], f"loss {_figure(record['loss'])} · {_rate(record['samples_per_s'])} samples/s")

    try:
        records = program.call(words, each, accept=(0, 1))
    except KeyboardInterrupt:
        view.end()
        view.note(f"stopped and saved in {folder}; the same call goes on")
        raise
    finally:
        view.end()
    last = records[-1] if records else {}
    if last.get("outcome") == "diverged":
        where = last.get("diverged_step")
        raise AssayError(f"the loss or the gradient stopped being a finite number{f' in step {where}' if where else ''}; a lower learning "
                         f"rate or clip_norm may help. The module is as it was; {run} holds the run", 1)
    if last.get("outcome") != "done":
        raise AssayError(f"assay train gave no result in {run}", 3)
    losses, evaluations, _ = _metrics(run)
    final = evaluations[-1] if evaluations else None
    return Result(folder=run, losses=losses, evaluations=evaluations, updates=int(last["updates"]),
                  loss=float(losses[-1]) if len(losses) else math.nan, test_loss=final.loss if final else None,
                  accuracy=final.accuracy if final else None, final_root=str(last["final_root"]), job_root=str(last["job_root"]),
                  seconds=float(last["seconds"]))


def _rate(x: Optional[float]) -> str:
    if x is None:
        return "?"
    return f"{x / 1e6:.3g} M" if x >= 999_500 else f"{x / 1e3:.3g} k" if x >= 999.5 else f"{x:.3g}"


def _figure(x: Optional[float]) -> str:
    return "not a number" if x is None else f"{x:.4f}"
