"""torch modules as ONNX files that train as the module would, and trained weights back into them. Needs torch, onnx and
onnxscript, the last two because torch.onnx.export does."""
from __future__ import annotations

import contextlib
import hashlib
import inspect
import io
import logging
import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from .errors import AssayError
from .recipe import frozen_statistics

if TYPE_CHECKING:
    import torch

OPSET = 20  # the newest that PyTorch's exporter translates to without a second conversion


@dataclass(frozen=True)
class Exported:
    """A module as an ONNX file."""

    path: Path
    inputs: Tuple[str, ...]
    outputs: Tuple[str, ...]
    parameters: Tuple[str, ...]  # names of the file's tensors that are parameters of the module, and their names there
    buffers: Tuple[str, ...]
    tied: Mapping[str, str]  # further names of a tied parameter, and the one that the file has
    unused: Tuple[str, ...]  # parameters that no output depends on: not in the file, so they keep their values
    opset: int
    rows: Mapping[str, Tuple[str, int]] = field(repr=False)  # inputs that index the rows of a table: its name and their number
    structure: str = field(repr=False)  # hash of the file without the contents of its parameters and buffers

    def tensors(self, model: "torch.nn.Module") -> Dict[str, Any]:
        """The module's parameters by the file's names."""
        every = _same_storage(model)[1]
        return {name: every[name] for name in self.parameters}

    def unused_tensors(self, model: "torch.nn.Module") -> List[Any]:
        """The module's parameters that the file does not have."""
        every = _same_storage(model)[1]
        return [every[name] for name in self.unused]


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Without the exporter's advice, which is about options that are set here, and its pages of reasons, of which the
    first words come with the refusal."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise AssayError("a module needs torch: pip install torch onnx onnxscript", 3) from error
    return torch


def _same_storage(model: Any) -> Tuple[Dict[str, str], Dict[str, Any]]:
    """Further names of tensors that have several, each with the first; and all tensors by name."""
    first: Dict[int, str] = {}
    tied: Dict[str, str] = {}
    every: Dict[str, Any] = {}
    for name, tensor in [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]:
        every[name] = tensor
        if id(tensor) in first:
            tied[name] = first[id(tensor)]
        else:
            first[id(tensor)] = name
    return tied, every


def _refuse(model: Any, every: Mapping[str, Any]) -> None:
    torch = _torch()
    for name, tensor in every.items():
        if isinstance(tensor, torch.nn.parameter.UninitializedTensorMixin):
            raise AssayError(f"{name} has no shape yet: call the model once with a batch (a Lazy module learns its shape from it), and then make the optimizer")
        if tensor.is_floating_point() and tensor.dtype != torch.float32:
            raise AssayError(f"{name} is {str(tensor.dtype).replace('torch.', '')}; training is in float32: model.float()")
        if tensor.is_complex():
            raise AssayError(f"{name} is complex; training is in float32")
        if any(size == 0 for size in tensor.shape):
            raise AssayError(f"{name} is of shape {list(tensor.shape)}: it has no elements")
    wrong = frozen_statistics(model)[1]
    if wrong:
        raise AssayError(wrong)


def _strip(proto: Any) -> None:
    """Takes out what tells of the exporting machine: the source lines of every node."""
    def clean(entries: Any) -> None:
        kept = [(e.key, e.value) for e in entries if not e.key.endswith("stack_trace") and ".py" not in e.value]
        del entries[:]
        for key, value in kept:
            entries.add(key=key, value=value)
    graph = proto.graph
    clean(proto.metadata_props)
    clean(graph.metadata_props)
    proto.doc_string = graph.doc_string = ""
    for several in (graph.node, graph.initializer, graph.input, graph.output, graph.value_info):
        for one in several:
            clean(one.metadata_props)
            one.doc_string = ""


def _names(proto: Any, model: Any, every: Mapping[str, Any], tied: Mapping[str, str]) -> Tuple[Dict[str, str], Dict[str, str]]:
    """Checks that each initializer is one tensor of the module under its name, and none two; gives the names of parameters
    and buffers, keyed by the file's."""
    parameters = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    shown: Dict[str, str] = {}
    found: Tuple[Dict[str, str], Dict[str, str]] = ({}, {})
    for tensor in proto.graph.initializer:
        name = tensor.name
        if name not in every:
            if tensor.data_type == 1:
                raise AssayError(f"the exporter wrote a tensor {name} {list(tensor.dims)} that the module does not have under this "
                                 f"name; tell torch.onnx.export's version ({_torch().__version__}) with a report")
            continue
        first = tied.get(name, name)
        if first in shown:
            raise AssayError(f"{name} and {shown[first]} are one tensor in the module and two in the exported file; tie them by "
                             f"assigning the same Parameter in __init__")
        shown[first] = name
        if list(tensor.dims) != list(every[name].shape):
            raise AssayError(f"the exporter wrote {name} as {list(tensor.dims)}; the module has {list(every[name].shape)}")
        found[0 if name in parameters else 1][name] = first
    return found


def _refuse_mutations(proto: Any, model: Any) -> None:
    """forward may change buffers; of these a job has the running statistics of batch norms alone."""
    kept = set()
    for path, module in model.named_modules():
        if "BatchNorm" in type(module).__name__:
            kept |= {f"{path}.{name}" if path else name for name in ("running_mean", "running_var", "num_batches_tracked")}
    for entry in proto.graph.metadata_props:
        if entry.key.endswith("graph_signature"):
            for name in re.findall(r"BUFFER_MUTATION target='([^']*)'", entry.value):
                if name not in kept:
                    owner = type(model.get_submodule(name.rpartition(".")[0])).__name__
                    raise AssayError(f"{name} ({owner}) is changed by every forward pass; of such buffers a job trains the running statistics of "
                                     f"batch norms alone, so this one would stay as it is. Leave it out (track_running_stats=False, no spectral "
                                     f"norm), or make it a constant")


def _rows(proto: Any) -> Dict[str, Tuple[str, int]]:
    """Inputs that go into an embedding as they are, and what they must stay below."""
    tables = {t.name: t.dims[0] for t in proto.graph.initializer if t.dims}
    inputs = {i.name for i in proto.graph.input}
    found: Dict[str, Tuple[str, int]] = {}
    for node in proto.graph.node:
        if node.op_type == "Gather" and node.input[1] in inputs and node.input[0] in tables and all(a.name != "axis" or a.i == 0 for a in node.attribute):
            known = found.get(node.input[1])
            if known is None or tables[node.input[0]] < known[1]:
                found[node.input[1]] = (node.input[0], tables[node.input[0]])
    return found


def _structure(proto: Any) -> str:
    bare = type(proto)()
    bare.CopyFrom(proto)
    for tensor in bare.graph.initializer:
        if tensor.data_type == 1:
            tensor.ClearField("raw_data")
            tensor.ClearField("float_data")
    return hashlib.sha256(bare.SerializeToString(deterministic=True)).hexdigest()


def _tensors(example: Sequence[Any]) -> Tuple[Any, ...]:
    torch = _torch()
    for x in example:
        if not isinstance(x, (torch.Tensor, np.ndarray)):
            raise AssayError(f"the example has a {type(x).__name__}; give a tensor or an array of at least two samples, or a tuple of one for each argument")
    tensors = (x if isinstance(x, torch.Tensor) else torch.from_numpy(np.ascontiguousarray(x)) for x in example)
    return tuple(x.float() if x.is_floating_point() else x for x in tensors)  # as a job reads floats of any width


def plain(model: Any) -> Any:
    """The module itself, of one that torch.compile or DataParallel wraps: its parameters are the same tensors."""
    torch = _torch()
    while True:
        if isinstance(model, (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)):
            model = model.module
        elif isinstance(getattr(model, "_orig_mod", None), torch.nn.Module):
            model = model._orig_mod
        else:
            break
    if isinstance(model, type):
        raise AssayError(f"model is the class {model.__name__}; give one of it: {model.__name__}()")
    if not isinstance(model, torch.nn.Module):
        raise AssayError(f"model is a {type(model).__name__}; give a torch.nn.Module, or the path of an ONNX file")
    return model


def _refuse_arguments(model: Any, inputs: Sequence[Any], names: Optional[Sequence[str]]) -> None:
    """Do the data have what forward takes? Asked before the exporter, which answers in other words."""
    try:
        signature = inspect.signature(model.forward)
        signature.bind(*(() if names else inputs), **(dict(zip(names, inputs)) if names else {}))
    except ValueError:
        return  # no signature to be had
    except TypeError as error:
        takes = ", ".join(p.name for p in signature.parameters.values())
        has = f"inputs named {', '.join(names)}" if names else f"{len(inputs)} input{'s' if len(inputs) > 1 else ''}"
        raise AssayError(f"forward({takes}) and the data do not fit: {error}. The data have {has}; a sample is (inputs, target), where inputs is one "
                         f"array, a tuple of them, or a dict by forward's names, and the target goes to the loss alone; of a model that "
                         f"computes its own loss a sample is a dict of all that forward takes") from error


def export_module(model: "torch.nn.Module", example: Sequence[Any], path: Union[str, Path], *, names: Optional[Sequence[str]] = None,
                  opset: Optional[int] = None) -> Exported:
    """Writes the module as ONNX so that it trains as the module would: in train mode, nothing folded, merged, transposed or
    renamed, ties kept, the first axis of every input left to the job, without source paths. example: one batch of each
    input, of at least two samples; names: by which of forward's arguments they go, in order if left out.

    Modules in eval mode inside one that trains stay so. AssayError where that cannot be done; the module is not changed."""
    torch = _torch()
    path = Path(path)
    model = plain(model)
    tied, every = _same_storage(model)
    _refuse(model, every)
    inputs = _tensors(example)
    for x in inputs:
        if x.ndim == 0 or x.shape[0] < 2:
            raise AssayError(f"the example is of shape {list(x.shape)}; give a batch of at least two samples")
    device = next((p.device for p in every.values()), torch.device("cpu"))
    if device.type != "cpu":
        inputs = tuple(x.to(device) for x in inputs)
    dynamic: Any = tuple({0: torch.export.Dim.DYNAMIC} for _ in inputs)
    arguments: Any = inputs
    keywords: Optional[Dict[str, Any]] = None
    if names is not None:
        arguments, keywords = (), dict(zip(names, inputs))
        dynamic = {name: {0: torch.export.Dim.DYNAMIC} for name in names}
    _refuse_arguments(model, inputs, names)
    modes = [(module, module.training) for module in model.modules()]
    if not model.training:
        model.train()
    try:
        with _quiet_exporter():
            program = torch.onnx.export(model, arguments, None, kwargs=keywords, dynamo=True, optimize=False, dynamic_shapes=dynamic,
                                        opset_version=opset or OPSET, verbose=False)
    except ImportError as error:
        raise AssayError(f"torch.onnx.export needs more: {error}; pip install onnx onnxscript", 3) from error
    except Exception as error:
        raise AssayError(f"torch.onnx.export cannot write this model: {_advice(error)}{_first_words(error)} (the inputs were of shape "
                         f"{', '.join(str(list(x.shape)) for x in inputs)})") from error
    finally:
        for module, mode in modes:
            module.training = mode
    proto = program.model_proto
    _refuse_mutations(proto, model)
    _strip(proto)
    parameters, buffers = _names(proto, model, every, tied)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(proto.SerializeToString(deterministic=True))
    except OSError as error:
        raise AssayError(f"{path} cannot be written: {error.strerror or error}", 3) from error
    there = {tied.get(name, name) for name in parameters}
    return Exported(path, tuple(i.name for i in proto.graph.input), tuple(o.name for o in proto.graph.output), tuple(parameters), tuple(buffers),
                    {name: first for name, first in tied.items()},
                    tuple(name for name, _ in model.named_parameters() if name not in there),
                    next(i.version for i in proto.opset_import if i.domain in ("", "ai.onnx")), _rows(proto), _structure(proto))


def _advice(error: BaseException) -> str:
    """What the exporter's commonest complaints mean."""
    said = ""
    while error is not None:
        said += f"{type(error).__name__}: {error}\n"
        error = error.__cause__  # type: ignore[assignment]
    if "data-dependent" in said or "GuardOnDataDependent" in said:
        return "forward decides by the values of a tensor (if x.sum() > 0, .item()), which ONNX cannot say; torch.where can. "
    if "not in VR[" in said or "specialized" in said or "ConstraintViolation" in said:
        return ("forward seems to fix the number of samples in a batch, or of something else that varies (reshape(16, ..)); "
                "take it from x.shape[0], or write -1. ")
    return ""


def _first_words(error: BaseException) -> str:
    """The innermost cause, shortened: the exporter wraps it in pages of advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {' '.join(lines)[:300]}"


def load_into(model: "torch.nn.Module", tensors: Mapping[str, "np.ndarray[Any, Any]"], forwards: int = 0) -> List[str]:
    """Copies the tensors into the module's parameters and buffers of these names, in place, so that ties, devices and
    optimizers hold. forwards: passes through the model in training, which batch norms count in num_batches_tracked.
    Returns the names that were set."""
    torch = _torch()
    model = plain(model)
    _, every = _same_storage(model)
    missing = sorted(set(tensors) - set(every))
    if missing:
        raise AssayError(f"the trained file has {', '.join(missing[:5])}, which the module does not have")
    with torch.no_grad():
        for name, array in tensors.items():
            if list(array.shape) != list(every[name].shape):
                raise AssayError(f"{name} is of shape {list(array.shape)} in the trained file and {list(every[name].shape)} in the module")
            every[name].copy_(torch.from_numpy(np.array(array)))
        for path, module in model.named_modules():
            counted = getattr(module, "num_batches_tracked", None)
            name = f"{path}.running_mean" if path else "running_mean"
            if forwards and counted is not None and name in tensors and (module.training or not model.training):
                counted.add_(forwards)
    return sorted(tensors)
