"""assay: PyTorch modules trained exactly, so that anyone can check the work, bit for bit.

    result = assay.train(model, dataset, loss=torch.nn.CrossEntropyLoss(), optimizer=torch.optim.AdamW(model.parameters()),
                         batch=128, epochs=5)

The work is done by the program `assay`, which ASSAY names, or PATH has, or the checkout's build folder."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, Sequence

from .checking import Check, Refused, Score, check, evaluate
from .errors import AssayError
from .program import find_program
from .training import Evaluation, Result, train

if TYPE_CHECKING:
    import torch
    from .module import Exported
    from .program import PathLike

__version__ = "0.1.0"
__all__ = ["AssayError", "Check", "Evaluation", "Refused", "Result", "Score", "check", "evaluate", "export", "find_program", "load", "train"]


def export(model: "torch.nn.Module", example: Any, path: "PathLike", *, opset: Optional[int] = None) -> "Exported":
    """Writes a module as an ONNX file that trains as the module would: nothing folded, merged or renamed, ties kept, the batch
    left to the job, no source paths. example: a batch of at least two samples, or a tuple of one for each argument."""
    from .module import export_module
    return export_module(model, example if isinstance(example, (tuple, list)) else (example,), str(path), opset=opset)


def load(model: "torch.nn.Module", path: "PathLike") -> Sequence[str]:
    """Copies trained weights, a run's folder, train's `out` or a safetensors file, into a module in place; gives the names that were set."""
    import os

    from .module import load_into
    from .tensors import read_safetensors
    file = os.fspath(path)
    if os.path.isdir(file):
        run = os.path.join(file, "run")  # of train's `out`, which holds job and run
        file = os.path.join(run if os.path.isdir(run) else file, "model.safetensors")
    return load_into(model, read_safetensors(file))
