"""Writes what PyTorch computes in float64 for the networks of this folder: reference/*.json and the batches reference/*.npy.

    python3 reference.py [NAME ...]

Every number is from torch.float64 with weights as in NAME.onnx (float32 values, widened). Training repeats one batch,
so the losses check forward, backward and update together. Dropout is off. Per model:

    input, target         the batch's files; an input of bytes becomes float32(byte) * float32(1/255), as a job file's `scale: 1/255`
    forward               the outputs [batch, ..] flattened
    loss                  of that batch before the first update: cross-entropy or mean squared error
    gradient              per parameter: shape, sum of squares, and the values at `index` (flattened, ONNX's order)
    sgd, adamw            the options of torch.optim.SGD / AdamW; `losses`: {updates done: loss before the next}; `weights`:
                          per parameter after 50 updates the values at gradient's `index`
"""
import json
import pathlib
import sys

import numpy
import torch

from models import MODELS, build

FOLDER = pathlib.Path(__file__).parent / "reference"
BATCH, UPDATES, SHOWN = 16, 50, (0, 1, 2, 5, 10, 20, 50)
SGD = {"lr": 0.05, "momentum": 0.9, "dampening": 0.0, "weight_decay": 0.001, "nesterov": False}
NESTEROV = {"lr": 0.02, "momentum": 0.8, "dampening": 0.0, "weight_decay": 0.0, "nesterov": True}
ADAMW = {"lr": 0.003, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01}


def images():
    """Sixteen blurred strokes in ten classes: bytes that look like images and are nobody's."""
    rng = numpy.random.Generator(numpy.random.PCG64(7))
    y, x = numpy.mgrid[0:28, 0:28]
    labels = (numpy.arange(BATCH) * 7 % 10).astype(numpy.int32)
    pictures = numpy.zeros((BATCH, 1, 28, 28), numpy.uint8)
    for i, label in enumerate(labels):
        angle = numpy.pi * label / 10 + rng.normal(0, 0.1)
        across = (x - 14 - rng.normal(0, 2)) * numpy.sin(angle) + (y - 14 - rng.normal(0, 2)) * numpy.cos(angle)
        stroke = 255 * numpy.exp(-(across / 3.0) ** 2) * (((x - 14) ** 2 + (y - 14) ** 2) < 144)
        pictures[i, 0] = numpy.clip(stroke + rng.integers(0, 24, (28, 28)), 0, 255).astype(numpy.uint8)
    return pictures, labels


def vectors(width):
    rng = numpy.random.Generator(numpy.random.PCG64(width))
    return rng.normal(0, 1, (BATCH, width)).astype(numpy.float32)


def batch_of(name):
    """The batch's input and target as they are stored."""
    _, shape, loss = MODELS[name]
    pictures, labels = images()
    inputs, kind = (pictures, "images") if len(shape) == 3 else (vectors(shape[0]), f"vectors{shape[0]}")
    if loss == "cross_entropy":
        return inputs, labels, kind, "labels"
    targets = numpy.stack([numpy.sin(inputs[:, 0]) * inputs[:, 1], inputs[:, 2:5].mean(axis=1)], axis=1).astype(numpy.float32)
    return inputs, targets, kind, "targets"


def as_float64(inputs):
    if inputs.dtype == numpy.uint8:
        inputs = inputs.astype(numpy.float32) * numpy.float32(1 / 255)
    return torch.from_numpy(inputs.astype(numpy.float64))


def prepare(name):
    inputs, targets, _, _ = batch_of(name)
    model = build(name).double().eval()
    target = torch.from_numpy(targets)
    if MODELS[name][2] == "cross_entropy":
        return model, as_float64(inputs), lambda y: torch.nn.functional.cross_entropy(y, target.long())
    return model, as_float64(inputs), lambda y: torch.nn.functional.mse_loss(y, target.double())


def train(name, optimizer, options, index):
    model, x, loss_of = prepare(name)
    step = optimizer(model.parameters(), **options)
    losses = {}
    for update in range(UPDATES + 1):
        step.zero_grad()
        loss = loss_of(model(x))
        if update in SHOWN:
            losses[str(update)] = loss.item()
        if update < UPDATES:
            loss.backward()
            step.step()
    weights = {n: p.detach().flatten()[index[n]].tolist() for n, p in model.named_parameters()}
    return {**options, "losses": losses, "weights": weights}


def reference(name):
    _, _, input_file, target_file = batch_of(name)
    model, x, loss_of = prepare(name)
    y = model(x)
    loss = loss_of(y)
    loss.backward()
    gradient, index = {}, {}
    for n, p in model.named_parameters():
        g = p.grad.flatten()
        largest = torch.topk(g.abs(), min(4, g.numel())).indices.tolist()
        index[n] = sorted(set(largest) | {0, g.numel() // 2, g.numel() - 1})
        gradient[n] = {"shape": list(p.shape), "square_sum": (g * g).sum().item(), "index": index[n],
                       "value": g[index[n]].tolist()}
    return {"model": name, "batch": BATCH, "input": f"{input_file}.npy", "target": f"{target_file}.npy",
            "loss_name": MODELS[name][2], "forward": y.detach().flatten().tolist(), "loss": loss.item(),
            "gradient": gradient, "sgd": train(name, torch.optim.SGD, SGD, index),
            "nesterov": train(name, torch.optim.SGD, NESTEROV, index),
            "adamw": train(name, torch.optim.AdamW, ADAMW, index)}


def main(names):
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    for name in names or [n for n in MODELS if n not in ("mlp", "lenet", "cnn", "mlp_dropout")]:
        inputs, targets, input_file, target_file = batch_of(name)
        numpy.save(FOLDER / f"{input_file}.npy", inputs)
        numpy.save(FOLDER / f"{target_file}.npy", targets)
        result = reference(name)
        (FOLDER / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
        print(name, {k: [round(v, 6) for v in result[k]["losses"].values()] for k in ("sgd", "nesterov", "adamw")})


if __name__ == "__main__":
    main(sys.argv[1:])
