#!/usr/bin/env python3
"""What `assay train` leaves, in other programs: ONNX Runtime runs model.onnx, PyTorch loads model.safetensors, and both must
give the accuracy that `assay evaluate` gives, and the same numbers to rounding.

usage: runtime.py [--assay PROGRAM] [NAME ...]      needs numpy, torch, onnx, onnxscript, onnxruntime

One model of each family that ends otherwise: dropout, batch norm, a tied weight, a scalar, a recurrent net; and a file of the
older exporter in training mode, whose batch norm and dropout would be random in a runtime."""
import argparse
import os
import pathlib
import sys
import tempfile
import warnings

import numpy as np
import onnxruntime
import torch
from torch import nn

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "python"))
import assay  # noqa: E402
from assay.tensors import read_safetensors  # noqa: E402


class Residual(nn.Module):
    """A convolutional net with batch norm, a residual connection, dropout, and a scalar."""

    def __init__(self):
        super().__init__()
        self.stem, self.bn = nn.Conv2d(1, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8)
        self.conv, self.bn2 = nn.Conv2d(8, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8)
        self.gain = nn.Parameter(torch.tensor(1.0))
        self.drop, self.fc = nn.Dropout(0.3), nn.Linear(8 * 25, 10)

    def forward(self, x):
        x = torch.relu(self.bn(self.stem(x)))
        x = x + self.gain * torch.relu(self.bn2(self.conv(x)))
        return self.fc(self.drop(x.flatten(1)))


class Tied(nn.Module):
    """An embedding whose weight is the head's, and attention."""

    def __init__(self):
        super().__init__()
        self.emb, self.pos = nn.Embedding(24, 16), nn.Parameter(torch.zeros(12, 16))
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True, activation="gelu", norm_first=True)
        self.head = nn.Linear(16, 24, bias=False)
        self.head.weight = self.emb.weight

    def forward(self, ids):
        return self.head(self.layer(self.emb(ids) + self.pos))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.fc = nn.GRU(4, 16, batch_first=True), nn.Linear(16, 3)

    def forward(self, x):
        return self.fc(self.rnn(x)[0][:, -1])


def dropout_mlp():
    return nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 3))


def vectors(n):
    x = np.random.default_rng(1).standard_normal((n, 10)).astype(np.float32)
    return x, x[:, :3].argmax(1)


def pictures(n):
    draw = np.random.default_rng(2)
    y = draw.integers(0, 10, n)
    x = draw.standard_normal((n, 1, 10, 10)).astype(np.float32)
    x[np.arange(n), 0, y] += 1.5
    return x, y


def texts(n):
    ids = np.random.default_rng(3).integers(0, 24, (n, 12))
    return ids, (ids + 1) % 24


def series(n):
    x = np.random.default_rng(4).standard_normal((n, 8, 4)).astype(np.float32)
    return x, x.sum(1)[:, :3].argmax(1)


MODELS = {"dropout": (dropout_mlp, vectors), "residual": (Residual, pictures), "tied": (Tied, texts), "recurrent": (Recurrent, series)}


def older(model, x, path):
    """The file that PyTorch's older exporter writes in training mode."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model.train(), torch.as_tensor(x[:2]), path, dynamo=False, opset_version=17, training=torch.onnx.TrainingMode.TRAINING,
                          do_constant_folding=False, input_names=["x"], dynamic_axes={"x": {0: "n"}})


def compare(name, folder, legacy=False):
    build, data = MODELS[name]
    torch.manual_seed(0)
    model, (x, y), (tx, ty) = build(), data(1024), data(1280)
    tx, ty = tx[1024:], ty[1024:]
    source, optimizer = model, torch.optim.AdamW(model.parameters(), lr=5e-3)
    if legacy:
        source, optimizer = folder / "older.onnx", {"name": "adamw", "lr": 5e-3}
        older(model, x, source)
    result = assay.train(source, (x, y), loss="cross_entropy", optimizer=optimizer, batch=64, epochs=6, test=(tx, ty), out=folder / "run", progress=False)
    onnxruntime.set_default_logger_severity(2)  # warnings count: a file that leaves here has no loose ends
    session = onnxruntime.InferenceSession(str(result.onnx), providers=["CPUExecutionProvider"])
    logits = session.run(None, {session.get_inputs()[0].name: tx})[0]
    again = session.run(None, {session.get_inputs()[0].name: tx})[0]
    assert np.array_equal(logits, again), "a runtime draws dropout anew"
    whole = session.run(None, {session.get_inputs()[0].name: tx[:3]})[0]
    assert np.allclose(whole, logits[:3], rtol=1e-4, atol=1e-5), "the result depends on the other samples"
    accuracy = (logits.argmax(-1) == ty).mean()
    fresh = build()
    tensors = {key: torch.as_tensor(np.array(value)) for key, value in read_safetensors(result.safetensors).items()}
    # The one name of a tied tensor that the file has; a scalar, which the older exporter does not mark as a parameter.
    missing = {"tied": {"emb.weight", "head.weight"}, "residual": {"gain"} if legacy else set()}.get(name, set())
    assert set(fresh.load_state_dict(tensors, strict=False).missing_keys) <= missing, fresh.load_state_dict(tensors, strict=False)
    with torch.no_grad():
        peer = fresh.eval()(torch.as_tensor(tx)).numpy()
    worst = max(np.abs(logits - peer).max(), 0) / np.abs(peer).max()
    agree = abs(accuracy - result.accuracy) * ty.size <= 1.5 and abs((peer.argmax(-1) == ty).mean() - result.accuracy) * ty.size <= 1.5
    print(f"{name + (' (older exporter)' if legacy else ''):30} assay {result.accuracy:.4f}  onnx runtime {accuracy:.4f}  torch {(peer.argmax(-1) == ty).mean():.4f}"
          f"  largest difference of the two {worst:.1e}  {'agree' if agree and worst < 1e-4 else 'DIFFER'}", flush=True)
    return agree and worst < 1e-4


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--assay")
    parser.add_argument("names", nargs="*", default=[])
    asked = parser.parse_args()
    if asked.assay:
        os.environ["ASSAY"] = os.path.abspath(asked.assay)
    good = True
    for name in asked.names or MODELS:
        for legacy in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    good &= compare(name, pathlib.Path(folder), legacy)
                except (assay.AssayError, AssertionError) as error:
                    print(f"{name + (' (older exporter)' if legacy else ''):30} {type(error).__name__}: {error}", flush=True)
                    good = False
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
