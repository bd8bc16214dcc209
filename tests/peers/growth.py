#!/usr/bin/env python3
"""How cost grows with work: time, memory and committing against parameters, batch and length of a run. Needs nothing but Python.

    tests/peers/growth.py [--assay build/release/assay] [--threads 2] [--steps 12] [--only parameters batch run]

Perceptrons 784-W-W-10 made up on the spot at batch 128, ResNet-8 at growing batches, and runs of growing length with their commitments.
Prints the tables of docs/performance.md. Exit status: 0 measured, 3 something is missing.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "disputes"))
from disputes import mlp, pictures  # noqa: E402

JOB = """assay: 1
model: {model}
init: seed
data:
  train: {data}
loss: cross_entropy
optimizer: {{name: adamw, lr: 1e-3, weight_decay: 0.01}}
schedule: {{name: constant}}
batch: {batch}
updates: {updates}
seed: 1
"""
MADE_UP = "{format: idx, inputs: x, targets: y, scale: 1/255}"
# A network that has learnt little data by heart has gradients whose squares are subnormal, and processors take long for those: runs
# that are to show the price of committing need real data.
REAL = "{dataset: fashion-mnist, split: train}"
PAIRS, RARELY = 3, 256  # 256: the longest interval there is


class Bench:
    def __init__(self, a, folder):
        self.a, self.folder = a, folder

    def run(self, *words):
        done = subprocess.run([self.a.assay, *words, "--threads", str(self.a.threads), "--json"], cwd=self.folder, capture_output=True, text=True)
        if done.returncode != 0:
            print(f"growth.py: assay {' '.join(map(str, words))}: {done.stderr.strip()}", file=sys.stderr)
            sys.exit(3)
        return json.loads(done.stdout.splitlines()[-1])

    def step(self, model, batch, steps):
        (self.folder / "job.yaml").write_text(JOB.format(model=model, data=MADE_UP, batch=batch, updates=10000))
        return self.run("bench", "step", "--job", "job.yaml", "--quick", "--steps", str(steps))

    def train(self, model, batch, updates, interval):
        text = JOB.format(model=model, data=REAL, batch=batch, updates=updates) + (f"interval: {interval}\n" if interval else "")
        (self.folder / "job.yaml").write_text(text)
        return self.run("train", "job.yaml", "-o", "run", "--force")


def parameters(bench):
    print("| parameters | ms a step | us a step for a thousand parameters | GFLOP/s | training memory, MB | bytes a parameter |\n|---|---|---|---|---|---|")
    for width in (512, 1024, 2048, 4096):
        mlp(bench.folder / "wide.onnx", 784, width, width, 10)
        count = 785 * width + (width + 1) * width + (width + 1) * 10
        r = bench.step("wide.onnx", 128, bench.a.steps)
        print(f"| {count:,} | {r['ms']:.2f} | {r['ms'] * 1e6 / count:.2f} | {r['gflops']:.0f} | {r['training_bytes'] / 1e6:.0f} | {r['training_bytes'] / count:.1f} |", flush=True)


def batches(bench):
    print("| batch | ms a step | us a sample | GFLOP/s | training memory, MB | KB a sample |\n|---|---|---|---|---|---|")
    for batch in (32, 64, 128, 256, 512):
        r = bench.step(ROOT / "examples" / "resnet" / "resnet.onnx", batch, max(4, bench.a.steps * 32 // batch))
        print(f"| {batch} | {r['ms']:.1f} | {r['ms'] * 1e3 / batch:.0f} | {r['gflops']:.0f} | {r['training_bytes'] / 1e6:.0f} | {r['training_bytes'] / batch / 1e3:.0f} |", flush=True)


def runs(bench):
    """Each run at the default interval and with the longest, in turns."""
    print("| network | updates | seconds | at intervals of 256 steps | more | processor time committing |\n|---|---|---|---|---|---|")
    for name, model in (("MLP", ROOT / "tests" / "models" / "mlp.onnx"), ("LeNet", ROOT / "tests" / "models" / "lenet.onnx")):
        for updates in bench.a.updates:
            pairs = [(bench.train(model, 128, updates, 0), bench.train(model, 128, updates, RARELY)) for _ in range(PAIRS)]
            often, once = (statistics.median(pair[side]["seconds"] for pair in pairs) for side in (0, 1))
            commit = statistics.median(pair[0]["commit_seconds"] for pair in pairs)
            print(f"| {name} | {updates:,} | {often:.2f} | {once:.2f} | {100 * (often / once - 1):+.1f} % | {100 * commit / (bench.a.threads * often):.1f} % |",
                  flush=True)


def main():
    tables = {"parameters": parameters, "batch": batches, "run": runs}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assay", type=pathlib.Path, default=ROOT / "build" / "release" / "assay")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--only", nargs="+", choices=list(tables), default=list(tables))
    parser.add_argument("--updates", type=int, nargs="+", default=[200, 400, 800], help="lengths of runs")
    a = parser.parse_args()
    a.assay = a.assay.resolve()
    if not a.assay.exists():
        print(f"growth.py: no {a.assay}: cmake --preset release && cmake --build --preset release", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory(prefix="assay-growth-") as folder:
        bench = Bench(a, pathlib.Path(folder))
        pictures(folder, 2000)
        for name in a.only:
            tables[name](bench)
            print()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
