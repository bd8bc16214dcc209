#!/usr/bin/env python3
"""Real runs that lie, each kind of lie in turn, and what the dispute with an honest run says.

    disputes.py ASSAY                    LeNet and an MLP, every kind; then ten times the run and ten times the model
    disputes.py ASSAY --transcripts DIR  small networks, every kind: DIR/NETWORK-KIND.transcript, what tests judge again
    disputes.py ASSAY --quick            the first table with shorter runs

The first table trains each network honestly once and once for each kind of sabotage, and has the two disputed in both seats: the liar as
claimant, and as challenger. The second one keeps kind and network and changes size alone. Everything is made up here (pictures, weights
of the large network); the small networks are those of tests/models. Exit status: 0 every liar lost within 15 moves, 62 KiB and a millisecond
of referee a move, 1 not so.
"""
import argparse
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(HERE, "..", "models")
KINDS = ["weight", "gradient", "index", "skip", "stale", "seed", "optimizer", "backdoor", "root", "preimage"]
MOVES_MAX, BYTES_MAX, REFEREE_MAX = 15, 62 * 1024, 1.0

JOB = """assay: 1
model: {model}
init: seed
data:
  train: {{format: idx, inputs: x, targets: y, scale: 1/255}}
loss: cross_entropy
optimizer: {{name: adamw, lr: 1e-3, weight_decay: 0.01}}
schedule: {{name: cosine, warmup: 5, end: 0.1}}
clip_norm: 1.0
batch: {batch}
updates: {updates}
shuffle: true
seed: 42
"""


def pictures(folder, count):
    """Noisy 28 x 28 pictures whose brightest rows say their class."""
    draw = random.Random(5)
    labels = [draw.randrange(10) for _ in range(count)]
    with open(os.path.join(folder, "x"), "wb") as f:
        f.write(bytes([0, 0, 8, 3]) + struct.pack(">3I", count, 28, 28))
        for label in labels:
            picture = bytearray(draw.randbytes(784))
            picture[label * 56:label * 56 + 56] = bytes([250] * 56)
            f.write(bytes(picture))
    with open(os.path.join(folder, "y"), "wb") as f:
        f.write(bytes([0, 0, 8, 1]) + struct.pack(">I", count) + bytes(labels))


def varint(n):
    return bytes([n & 127 | 128]) + varint(n >> 7) if n > 127 else bytes([n])


def field(number, value):
    """A protobuf field: a number, a text, bytes, or a message of fields."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else b"".join(value) if isinstance(value, list) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def mlp(path, *widths):
    """An ONNX file of linear layers with ReLU between them; the weights are zeros, since the job draws its own. Field numbers: onnx.proto."""
    def tensor(name, dims, kind, raw):
        return field(5, [field(1, d) for d in dims] + [field(2, kind), field(8, name), field(9, raw)])

    def value(name, *dims):
        return [field(1, name), field(2, [field(1, [field(1, 1), field(2, [field(1, [field(2, "n") if d is None else field(1, d)]) for d in dims])])])]

    nodes = [field(1, [field(1, "input"), field(1, "shape"), field(2, "h0"), field(3, "view"), field(4, "Reshape")])]
    tensors = [tensor("shape", [2], 7, struct.pack("<2q", -1, widths[0]))]
    for i, (fan_in, fan_out) in enumerate(zip(widths, widths[1:])):
        last = i == len(widths) - 2
        tensors.append(tensor(f"fc{i}.weight", [fan_out, fan_in], 1, bytes(4 * fan_in * fan_out)))
        tensors.append(tensor(f"fc{i}.bias", [fan_out], 1, bytes(4 * fan_out)))
        nodes.append(field(1, [field(1, f"h{i}"), field(1, f"fc{i}.weight"), field(1, f"fc{i}.bias"), field(2, "output" if last else f"a{i}"),
                               field(3, f"fc{i}"), field(4, "Gemm"), field(5, [field(1, "transB"), field(3, 1), field(20, 2)])]))
        if not last:
            nodes.append(field(1, [field(1, f"a{i}"), field(2, f"h{i + 1}"), field(3, f"relu{i}"), field(4, "Relu")]))
    graph = nodes + [field(2, "mlp")] + tensors + [field(11, value("input", None, 1, 28, 28)), field(12, value("output", None, widths[-1]))]
    with open(path, "wb") as f:
        f.write(field(1, 8) + field(7, graph) + field(8, [field(1, ""), field(2, 18)]))


class Bench:
    def __init__(self, assay, folder):
        self.assay, self.folder, self.faults = assay, folder, []
        pictures(folder, 2048)

    def run(self, *words, good=(0,)):
        got = subprocess.run([self.assay, *words], capture_output=True, text=True, cwd=self.folder)
        if got.returncode not in good:
            sys.exit(f"{' '.join(words)}: exit status {got.returncode}\n{got.stdout}{got.stderr}")
        return got

    def job(self, name, model, batch, updates):
        with open(os.path.join(self.folder, name + ".yaml"), "w", encoding="utf-8") as f:
            f.write(JOB.format(model=model, batch=batch, updates=updates))
        self.run("train", name + ".yaml", "-o", name, "--quiet")
        quote = json.loads(self.run("inspect", name, "--json").stdout.splitlines()[-1])
        return quote

    def lie(self, name, kind, step):
        to = f"{name}-{kind}"
        self.run("train", name + ".yaml", "-o", to, "--quiet", "--sabotage", f"{kind}@{step}", good=(0, 1))
        return to

    def dispute(self, claimant, challenger, transcript=None):
        extra = ["-o", transcript] if transcript else []
        got = self.run("dispute", claimant, "--against", challenger, "--json", *extra, good=(0, 1))
        lines = [json.loads(line) for line in got.stdout.splitlines()]
        return lines[-1]["verdict"]

    def judge(self, what, verdict, loser):
        slow = verdict["referee_ms_max"]
        for wrong, text in [(verdict["loser"] != loser, f"the {verdict['loser']} lost"), (verdict["moves"] > MOVES_MAX, f"{verdict['moves']} moves"),
                            (verdict["bytes"] > BYTES_MAX, f"{verdict['bytes']} bytes"), (slow > REFEREE_MAX, f"{slow} ms of referee for a move")]:
            if wrong:
                self.faults.append(f"{what}: {text}")


def place(v):
    if v.get("tensor") is None:
        return f"step {v['step']}" if v.get("step") is not None else "no step named"
    index = f"[{v['index']}]" if v["index"] is not None else f", leaf {v['leaf']}"
    return f"update {v['update']}, {v['node']}: {v['tensor']}{index}"


def row(*cells):
    widths = [12, 11, 10, 6, 9, 9, 18, 60]
    print("  ".join(str(c).ljust(w) for c, w in zip(cells, widths)).rstrip(), flush=True)


def every_kind(bench, name, model, batch, updates, step):
    bench.job(name, model, batch, updates)
    for kind in KINDS:
        liar = bench.lie(name, kind, step)
        for claimant, challenger, loser in [(liar, name, "claimant"), (name, liar, "challenger")]:
            v = bench.dispute(claimant, challenger)
            bench.judge(f"{name} {kind}", v, loser)
            row(name, kind, loser, v["moves"], f"{v['bytes'] / 1024:.1f} KiB", f"{v['referee_ms_max']:.2f} ms", v["reason"], place(v))


def sizes(bench, updates):
    large = os.path.join(bench.folder, "large.onnx")
    mlp(large, 784, 2048, 1792, 10)
    cases = [("MLP", "mlp.onnx", updates), ("MLP, 10x run", "mlp.onnx", 10 * updates), ("MLP, 10x net", large, updates)]
    for name, model, count in cases:
        short = f"size{len(bench.faults)}-{cases.index((name, model, count))}"
        bench.job(short, model if os.path.isabs(model) else os.path.join(MODELS, model), 128, count)
        for kind in ["weight", "gradient"]:
            liar = bench.lie(short, kind, count * 3 // 4)
            v = bench.dispute(liar, short)
            bench.judge(f"{name} {kind}", v, "claimant")
            row(name, kind, "claimant", v["moves"], f"{v['bytes'] / 1024:.1f} KiB", f"{v['referee_ms_max']:.2f} ms", v["reason"], place(v))


def transcripts(bench, folder):
    os.makedirs(folder, exist_ok=True)
    for name, model in [("mlp", "mlp_small.onnx"), ("lenet", "lenet_small.onnx")]:
        bench.job(name, os.path.join(MODELS, model), 32, 40)
        for kind in KINDS if name == "lenet" else ["weight", "gradient"]:
            liar = bench.lie(name, kind, 23)
            to = os.path.join(os.path.abspath(folder), f"{name}-{kind}.transcript")
            v = bench.dispute(liar, name, to)
            bench.judge(f"{name} {kind}", v, "claimant")
            row(name, kind, "claimant", v["moves"], f"{v['bytes'] / 1024:.1f} KiB", "", v["reason"], place(v))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assay")
    parser.add_argument("--transcripts", metavar="DIR")
    parser.add_argument("--quick", action="store_true")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(os.path.abspath(a.assay), folder)
        row("network", "lie", "liar is", "moves", "bytes", "referee", "reason", "what was found")
        if a.transcripts:
            transcripts(bench, a.transcripts)
        else:
            updates = 60 if a.quick else 200
            for name, model in [("mlp", "mlp.onnx"), ("lenet", "lenet.onnx")]:
                every_kind(bench, name, os.path.join(MODELS, model), 128, updates, updates * 3 // 4)
            if not a.quick:
                sizes(bench, updates)
        for fault in bench.faults:
            print("WRONG: " + fault)
        sys.exit(1 if bench.faults else 0)


if __name__ == "__main__":
    main()
