#!/usr/bin/env python3
"""Writes the networks of the rows that `assay bench step` and tests/peers/compare.py measure as ONNX, with assay.export.

    tests/peers/export.py [--all] [--python INTERPRETER] [FOLDER]

The folder is build/peers/models, where both look. Without --all only what does not lie in the source tree: lenet32, resnet14, gpt
and gpt10m, 50 MB. PyTorch, onnx and onnxscript come from the interpreter that runs this if it has them, else from --python, else
from the virtual environment in build/peers, which is made when missing (about a gigabyte).
Exit status: 0 written, 3 something is missing.
"""
import argparse
import importlib.util
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "models"), str(ROOT / "python"), str(HERE)]
IN_SOURCE = ("mlp", "lenet", "resnet8", "attention")
NEEDED = ("torch", "onnx", "onnxscript")


def write(folder, everything):
    import assay
    import torch
    from measured import NETWORKS
    from rows import ROWS
    folder.mkdir(parents=True, exist_ok=True)
    samples = {row.model: torch.zeros(2, row.context, dtype=torch.int64) if row.context else torch.zeros(2, 1, 28, 28)
               for row in ROWS.values()}
    samples["attention"] = torch.zeros(2, 64, dtype=torch.int64)
    for name, build in NETWORKS.items():
        if name in IN_SOURCE and not everything:
            continue
        torch.manual_seed(1)
        model, path = build().train(), folder / f"{name}.onnx"
        if name == "attention":  # its job draws the weights; zeros compress
            for p in model.parameters():
                torch.nn.init.zeros_(p)
        try:
            assay.export(model, samples[name], path)
        except assay.AssayError as error:
            print(f"export.py: {name}: {error}", file=sys.stderr)
            return 3
        print(f"{path}: {sum(p.numel() for p in model.parameters())} parameters, {path.stat().st_size} bytes", flush=True)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=ROOT / "build" / "peers" / "models")
    parser.add_argument("--all", action="store_true", help="also the networks whose files lie in the source tree")
    parser.add_argument("--python", help="an interpreter that has torch, onnx and onnxscript")
    a = parser.parse_args()
    if not a.python and all(importlib.util.find_spec(name) for name in NEEDED):
        return write(a.folder, a.all)
    from peer_python import peer_python
    python = peer_python(a.python, NEEDED)
    words = [python, __file__, a.folder] + (["--all"] if a.all else [])
    return subprocess.run(words, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}).returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
