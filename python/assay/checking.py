"""What the program says of models: whether they can be trained, and how good they are."""
from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, Optional, Sequence, Tuple, Union

from . import program
from .arrays import Written, data_words, write_dataset
from .errors import AssayError
from .jobfile import flow
from .program import PathLike
from .recipe import LossLike, loss_words

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Refused:
    """A node that cannot be trained."""

    node: int
    name: str
    operator: str
    reason: str


@dataclass(frozen=True)
class Check:
    """What `assay check` finds. True if the whole model can be trained."""

    lowers: bool
    refused: Tuple[Refused, ...]
    trains: Tuple[str, ...]  # tensors that train
    weights: int  # numbers in them
    nodes: int
    opset: int
    fixed_batch: Optional[int]  # the one batch that the file allows
    warnings: Tuple[str, ...]  # what the exporter did to the model, and how to export instead

    def __bool__(self) -> bool:
        return self.lowers


def check(path: PathLike) -> Check:
    """Whether an ONNX file can be trained: every node that cannot, and the tensors that train."""
    records = program.call(["check", os.fspath(path), "--json"], accept=(0, 1))
    last = records[-1]
    refused = tuple(Refused(int(r.get("node") or 0), str(r.get("name", "")), str(r.get("op", "")), str(r["reason"]))
                    for r in records[:-1] if r.get("lowers") is False)
    return Check(bool(last["lowers"]), refused, tuple(last["trains"]), int(last["weights"]), int(last["nodes"]), int(last["opset"]),
                 last.get("fixed_batch"), tuple(f"{r['name']}: {r['warning']}" for r in records[:-1] if "warning" in r))


@dataclass(frozen=True)
class Score:
    """A model on a data set."""

    loss: float
    accuracy: Optional[float]  # between 0 and 1; None where there are no classes to be right about
    samples: int


def evaluate(model: Union["torch.nn.Module", PathLike], data: Any = None, *, loss: Optional[LossLike] = None,
             scale: Union[None, float, str] = None, example: Optional[Sequence[Any]] = None, threads: Optional[int] = None) -> Score:
    """Loss and accuracy of a module, an ONNX file or a run's folder on `data` (as in train; of a run's folder it may be left
    out: the job's own test set), computed as in training, but for dropout and with batch norms' running statistics."""
    from .training import absolute, is_words, scaled
    with tempfile.TemporaryDirectory(prefix="assay-") as name:
        folder = Path(name)
        words: Optional[Mapping[str, Any]] = None
        written: Optional[Written] = None
        if data is not None:
            if is_words(data):
                words = absolute(data)
                if scale is not None:
                    words = {**words, "scale": scale}
            else:
                written = write_dataset(data, folder, "data", "data")
        inputs: Sequence[str] = ()
        if isinstance(model, (str, os.PathLike)):
            target = os.fspath(model)
        else:
            from .module import export_module
            if example is None:
                if written is None:
                    raise AssayError("to evaluate a module, give data as arrays or a data set, or an example: a tuple with a batch of each input")
                example = [scaled(x, scale) for x in written.example]
            elif not isinstance(example, (tuple, list)):
                example = (example,)
            exported = export_module(model, example, folder / "model.onnx", names=written.names if written else None)
            target, inputs = str(exported.path), exported.inputs
        if written is not None:
            words = absolute({k: _under(folder, k, v) for k, v in data_words(written, scale, inputs).items()})
        call = ["evaluate", target, "--json"]
        call += ["--data", flow(words)] if words is not None else []
        call += ["--loss", _loss_text(loss)] if loss is not None else []
        call += ["--threads", str(threads)] if threads else []
        last = program.call(call)[-1]
    return Score(float(last["loss"]) if last["loss"] is not None else float("nan"), last["accuracy"], int(last["samples"]))


def _under(folder: Path, key: str, value: Any) -> Any:
    if key not in ("inputs", "targets") or value is None:
        return value
    return {k: str(folder / v) for k, v in value.items()} if isinstance(value, Mapping) else str(folder / value)


def _loss_text(loss: LossLike) -> str:
    words = loss_words(loss)
    if isinstance(words, str):
        return words
    if set(words) == {"name"}:
        return str(words["name"])
    raise AssayError(f"a file is evaluated with a loss by name alone, not with {words}; a run's folder knows its own")
