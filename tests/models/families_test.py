"""Trains every family of families/ here and holds losses and gradients against PyTorch's in float64.

    families_test.py ASSAY [NAME ...]

Bounds: what float32 leaves of a sum of thousands. A gradient's elements agree to 2e-5 of the tensor's largest (and to what its
weight's own rounding hides), losses to 1e-6 of the first one before and after an update, 2e-6 after 10, 1e-4 after 50.
"""
import concurrent.futures
import json
import math
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).parent / "families"
BOUNDS = {"0": 1e-6, "1": 1e-6, "10": 2e-6, "50": 1e-4}
GRADIENT = 2e-5
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # many small files that need no disk
JOB = """assay: 1
model: {folder}/{file}
data: {{train: {{format: npy, inputs: {folder}/{name}.x.npy, targets: {folder}/{name}.y.npy}}}}
loss: {loss}
optimizer: {optimizer}
batch: {batch}
updates: {updates}
shuffle: false
dropout: 0
"""


class Failed(Exception):
    pass


def train(assay, file, name, fixture, optimizer, updates):
    """Losses before each update, and the weights after the last: {name: (dims, floats)}."""
    with tempfile.TemporaryDirectory(prefix="assay-family-", dir=MEMORY) as folder:
        job = pathlib.Path(folder, "job.yaml")
        job.write_text(JOB.format(folder=FOLDER, file=file, name=name, loss=fixture["loss"], batch=fixture["batch"], optimizer=optimizer,
                                  updates=updates))
        run = pathlib.Path(folder, "run")
        done = subprocess.run([assay, "train", str(job), "-o", str(run), "-q", "--threads", "1"], capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"assay train: exit status {done.returncode}: {done.stderr.strip()}")
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        return [line["loss"] for line in lines if "loss" in line and "update" in line], safetensors(run / "model.safetensors")


def safetensors(path):
    content = path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    tensors = {}
    for name, about in json.loads(content[8:8 + length]).items():
        if name != "__metadata__" and about["dtype"] == "F32":
            first, end = about["data_offsets"]
            tensors[name] = about["shape"], struct.unpack_from(f"<{(end - first) // 4}f", content, 8 + length + first)
    return tensors


def check_losses(have, fixture, optimizer):
    want = fixture[optimizer]["losses"]
    worst = 0.0
    for update, bound in BOUNDS.items():
        error = abs(have[int(update)] - want[update]) / abs(want["0"])
        worst = max(worst, error / bound)
        if not error <= bound:
            raise Failed(f"{optimizer}: the loss after {update} updates is {have[int(update)]:.8g}, not {want[update]:.8g}")
    return worst


def check_gradients(before, after, rate, fixture):
    worst = 0.0
    largest = max(g["largest"] for g in fixture["gradient"].values())
    for name, g in fixture["gradient"].items():
        if name not in after:
            raise Failed(f"{name} is not among the trained tensors")
        dims, new = after[name]
        _, old = before[name]
        if dims != g["shape"]:
            raise Failed(f"{name} is {dims}, not {g['shape']}")
        have = [(a - b) / rate for a, b in zip(old, new)]
        # What the weights' own rounding hides, and gradients that are zero but for rounding (a bias before a norm).
        hidden = max(abs(x) for x in old) * 1.2e-7 / rate + 1e-6 * largest
        for index, value in zip(g["index"], g["value"]):
            error = abs(have[index] - value)
            worst = max(worst, error / (GRADIENT * g["largest"] + hidden))
            if not error <= GRADIENT * g["largest"] + hidden:
                raise Failed(f"the gradient of {name} at {index} is {have[index]:.8g}, not {value:.8g}")
        norm = math.sqrt(sum(x * x for x in have))
        if not abs(norm - g["norm"]) <= GRADIENT * g["norm"] + hidden * math.sqrt(len(have)):
            raise Failed(f"the gradient of {name} has the norm {norm:.8g}, not {g['norm']:.8g}")
    return worst


def yaml(options):
    return "{" + ", ".join(f"{key}: {value if isinstance(value, (int, list)) else repr(value)}" for key, value in options.items()) + "}"


def one(assay, path):
    """A file of a family: what is wrong or None, and how near the bounds it came."""
    name = path.stem.removesuffix("_legacy")
    fixture = json.loads((FOLDER / f"{name}.json").read_text())
    try:
        _, before = train(  # a rate too small to move a weight: what it starts from
            assay, path.name, name, fixture, "{name: sgd, lr: 1e-30}", 1)
        _, after = train(assay, path.name, name, fixture, "{name: sgd, lr: 1}", 1)
        worst = check_gradients(before, after, 1.0, fixture)
        for optimizer in ("sgd", "adamw"):
            options = {"name": optimizer, **{k: v for k, v in fixture[optimizer].items() if k != "losses"}}
            losses, _ = train(assay, path.name, name, fixture, yaml(options).replace("'", ""), max(map(int, BOUNDS)) + 1)
            worst = max(worst, check_losses(losses, fixture, optimizer))
        return None, worst
    except Failed as why:
        return str(why), 0.0


def main(assay, names):
    paths = [p for p in sorted(FOLDER.glob("*.onnx")) if not names or p.stem.removesuffix("_legacy") in names]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda path: one(assay, path), paths))
    for path, (why, worst) in zip(paths, results):
        print(f"{path.stem:24} {why or f'agrees, within {100 * worst:.0f} % of the bounds'}")
    failed = sum(why is not None for why, _ in results)
    print(f"{len(paths)} models, {failed} failed")
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
