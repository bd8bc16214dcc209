"""Data sets of any kind as NumPy files, which is what a job reads.

A data set is a tuple (inputs, targets) of arrays or tensors, or anything like torch.utils.data.Dataset: it has a length
and samples (inputs, targets), or can be gone through once. inputs is one array, a tuple of them (one for each of the
model's arguments), or a dict of them by argument name. targets may be missing where the model computes its own loss."""
from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from .errors import AssayError

Array = "np.ndarray[Any, Any]"

# What a job reads as it is; the rest becomes the next type that holds every value.
_READ = {"float32", "float64", "int32", "int64", "int8", "uint8", "bool"}
_WIDER = {"float16": "float32", "int16": "int32", "uint16": "int32", "uint32": "int64"}


def to_array(value: Any, what: str) -> "np.ndarray[Any, Any]":
    """A tensor, array, picture or number as a NumPy array of a type that a job reads."""
    if hasattr(value, "detach"):  # a tensor, without asking for torch
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":
            value = value.float()
        value = value.numpy()
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise AssayError(f"{what}: no array can be made of it: {error}") from error
    name = array.dtype.name
    if name in _READ:
        return array
    if name in _WIDER:
        return array.astype(_WIDER[name])
    if name == "object":
        raise AssayError(f"{what} is an array of Python objects; make numbers of them first, with .astype('float32') or .astype('int64')")
    raise AssayError(f"{what} is of type {name}; a job reads floats, integers up to 64 bits and bool")


@dataclass(frozen=True)
class Written:
    """A data set on disk."""

    inputs: Tuple[Path, ...]
    names: Optional[Tuple[str, ...]]  # of the model's arguments, where the data set gave them
    targets: Optional[Path]
    samples: int
    digest: str  # of all bytes

    example: Tuple["np.ndarray[Any, Any]", ...]  # the first two samples of each input


def _parts(sample: Any, what: str) -> Tuple[Tuple[Any, ...], Optional[Tuple[str, ...]], Any]:
    """inputs, their names, targets of a sample or of whole arrays."""
    if isinstance(sample, Mapping):
        return tuple(sample.values()), tuple(str(key) for key in sample), None
    if not isinstance(sample, (tuple, list)):
        return (sample,), None, None
    if len(sample) == 1:
        return _parts(sample[0], what)[:2] + (None,)
    if len(sample) != 2:
        raise AssayError(f"{what}: a sample has {len(sample)} parts and not two, (inputs, targets); where a model takes several "
                         f"inputs, let the first part be a tuple of them: ((a, b), target)")
    inputs, targets = sample
    if isinstance(inputs, Mapping):
        return tuple(inputs.values()), tuple(str(key) for key in inputs), targets
    if isinstance(inputs, (tuple, list)) and not all(isinstance(x, (int, float)) for x in inputs):
        return tuple(inputs), None, targets
    return (inputs,), None, targets


class _File:
    """An .npy file that grows by blocks of samples, and its hash."""

    def __init__(self, path: Path, first: "np.ndarray[Any, Any]", what: str) -> None:
        self.path, self.shape, self.what = path, first.shape, what
        self.type = first.dtype.newbyteorder("<") if first.dtype.itemsize > 1 else first.dtype
        self.samples = 0
        self.hash = hashlib.sha256()
        self.stream = path.open("wb")
        self._head()

    def _head(self) -> None:
        self.stream.seek(0)
        text = f"{{'descr': '{self.type.str}', 'fortran_order': False, 'shape': {(self.samples, *self.shape)!r}, }}".encode()
        self.stream.write(b"\x93NUMPY\x01\x00" + (246).to_bytes(2, "little") + text.ljust(245) + b"\n")

    def add(self, block: "np.ndarray[Any, Any]") -> None:
        if block.shape[1:] != self.shape:
            raise AssayError(f"{self.what}: sample {self.samples} is of shape {list(block.shape[1:])} and those before it of "
                             f"{list(self.shape)}; a job's samples are all of one shape (pad or cut them)")
        if block.dtype.newbyteorder("<") != self.type and block.dtype != self.type:
            raise AssayError(f"{self.what}: sample {self.samples} is {block.dtype.name} and those before it {self.type.name}")
        bytes_ = np.ascontiguousarray(block, self.type).tobytes()
        self.stream.write(bytes_)
        self.hash.update(bytes_)
        self.samples += len(block)

    def end(self) -> str:
        self._head()
        self.stream.close()
        return f"{self.type.str}{(self.samples, *self.shape)}{self.hash.hexdigest()}"


def _blocks(dataset: Any, what: str) -> Iterator[Tuple[List["np.ndarray[Any, Any]"], Optional[Tuple[str, ...]], Optional["np.ndarray[Any, Any]"]]]:
    """Blocks of samples: one array for each input, their names, and the targets."""
    whole = getattr(dataset, "tensors", None) if type(dataset).__name__ == "TensorDataset" else dataset
    if isinstance(whole, Mapping) and not _is_arrays(whole):
        raise AssayError(f"{what} is a dict of {', '.join(f'{key}: {type(value).__name__}' for key, value in list(whole.items())[:8])}; wanted: arrays by "
                         f"the names of forward's arguments")
    if isinstance(whole, Mapping) or isinstance(whole, (tuple, list)) and len(whole) in (1, 2) and all(_is_arrays(part) for part in whole):
        inputs, names, targets = _parts(whole if isinstance(whole, Mapping) else tuple(whole), what)
        arrays = [to_array(x, f"{what}: inputs") for x in inputs]
        answers = None if targets is None else to_array(targets, f"{what}: targets")
        lengths = [len(a) if a.ndim else -1 for a in arrays + ([] if answers is None else [answers])]
        if min(lengths) != max(lengths) or min(lengths) < 1:
            raise AssayError(f"{what}: the arrays have {', '.join(map(str, lengths))} samples along their first axes")
        for at in range(0, lengths[0], 4096):
            yield [a[at:at + 4096] for a in arrays], names, None if answers is None else answers[at:at + 4096]
        return
    if type(dataset).__name__ == "DataLoader":
        raise AssayError(f"{what} is a DataLoader; give its data set (loader.dataset): batches and their order are the job's")
    waiting: List[Any] = []
    for sample in _samples(dataset, what):
        waiting.append(sample)
        if len(waiting) == 256:
            yield _stack(waiting, what)
            waiting = []
    if waiting:
        yield _stack(waiting, what)


def _is_arrays(part: Any) -> bool:
    values: Sequence[Any] = list(part.values()) if isinstance(part, Mapping) else list(part) if isinstance(part, (tuple, list)) else [part]
    return bool(values) and all(hasattr(value, "shape") and hasattr(value, "dtype") and len(value.shape) > 0 for value in values)


def _samples(dataset: Any, what: str) -> Iterator[Any]:
    if isinstance(dataset, (str, bytes)):
        raise AssayError(f"{what} is a text; a data set that a job file names is {{'dataset': {dataset!r}}}, and others are arrays or a torch data set")
    if isinstance(dataset, (tuple, list)) and len(dataset) == 2 and all(isinstance(part, (tuple, list)) and len(part) > 2 for part in dataset):
        raise AssayError(f"{what} is a pair of lists; make arrays of both: (numpy.asarray(x, 'float32'), numpy.asarray(y))")
    if hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__"):
        return (dataset[i] for i in range(len(dataset)))
    if hasattr(dataset, "__iter__"):
        return iter(dataset)
    raise AssayError(f"{what} is a {type(dataset).__name__}; wanted: a torch data set, or a tuple (inputs, targets) of arrays")


def _stack(samples: Sequence[Any], what: str) -> Tuple[List["np.ndarray[Any, Any]"], Optional[Tuple[str, ...]], Optional["np.ndarray[Any, Any]"]]:
    columns: List[List[Any]] = []
    answers: List[Any] = []
    names: Optional[Tuple[str, ...]] = None
    for sample in samples:
        inputs, names, targets = _parts(sample, what)
        columns = columns or [[] for _ in inputs]
        if len(inputs) != len(columns):
            raise AssayError(f"{what}: one sample has {len(inputs)} inputs and another {len(columns)}")
        for column, x in zip(columns, inputs):
            column.append(to_array(x, f"{what}: inputs"))
        if targets is not None:
            answers.append(to_array(targets, f"{what}: targets"))

    def one(column: List["np.ndarray[Any, Any]"], part: str) -> "np.ndarray[Any, Any]":
        if len({a.shape for a in column}) > 1:
            raise AssayError(f"{what}: {part} are of shapes {', '.join(sorted({str(list(a.shape)) for a in column}))}; a job's "
                             f"samples are all of one shape (pad or cut them)")
        return np.stack(column)
    return [one(column, "inputs") for column in columns], names, one(answers, "targets") if answers else None


def write_dataset(dataset: Any, folder: Path, prefix: str, what: str) -> Written:
    """Writes the data set into `folder` as PREFIX-inputs.npy (PREFIX-inputs-1.npy, ..) and PREFIX-targets.npy. Each sample is
    asked for once: what a transform draws at random is drawn once, and stays."""
    files: List[_File] = []
    answers: Optional[_File] = None
    names: Optional[Tuple[str, ...]] = None
    example: List["np.ndarray[Any, Any]"] = []
    for inputs, names, targets in _blocks(dataset, what):
        if not files:
            numbers = [""] + [f"-{n}" for n in range(1, len(inputs))]
            files = [_File(folder / f"{prefix}-inputs{number}.npy", x[0], f"{what}: inputs") for number, x in zip(numbers, inputs)]
            if targets is not None:
                answers = _File(folder / f"{prefix}-targets.npy", targets[0], f"{what}: targets")
            # Twice the first where there is one alone: an exporter takes a batch of 1 for a fixed size.
            example = [np.array(x[:2] if len(x) > 1 else np.repeat(x, 2, axis=0)) for x in inputs]
        if (targets is None) != (answers is None):
            raise AssayError(f"{what}: some samples have targets and some do not")
        for file, x in zip(files, inputs):
            file.add(x)
        if answers is not None and targets is not None:
            answers.add(targets)
    if not files:
        raise AssayError(f"{what} is empty")
    digest = hashlib.sha256(" ".join(file.end() for file in files + ([answers] if answers else [])).encode()).hexdigest()
    return Written(tuple(file.path for file in files), names, answers.path if answers else None, files[0].samples, digest,
                   tuple(example))


def data_words(written: Written, scale: Union[None, float, str] = None, input_names: Sequence[str] = ()) -> Dict[str, Any]:
    """What the job file says of it."""
    inputs: Any = written.inputs[0].name
    if len(written.inputs) > 1 or written.names:
        if len(input_names) != len(written.inputs):
            raise AssayError(f"the model has {len(input_names)} inputs ({', '.join(input_names)}) and the data {len(written.inputs)}")
        inputs = {name: path.name for name, path in zip(input_names, written.inputs)}
    return {"format": "npy", "inputs": inputs, "targets": written.targets.name if written.targets else None, "scale": scale}
