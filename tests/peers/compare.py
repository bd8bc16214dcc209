#!/usr/bin/env python3
"""Our training step beside PyTorch's, interleaved, as a table of ratios (above 1: ours is faster).

    tests/peers/compare.py [--models mlp lenet cnn] [--rounds 5] [--steps 200] [--threads 2] [--assay build/release/assay]

PyTorch comes from a virtual environment of its own in build/peers, made on the first call (about a gigabyte), or from
--python, any interpreter that has torch. In a round every contestant runs once, in an order that turns from round to round; the
others wait. `median` is the median over rounds of a round's median step, `best` the fastest single step of all.
PyTorch's threads wait for each other busily, so on a machine with other work it loses far more than we do: measure on an idle one.
Exit status: 0 measured, 1 our bits differ from the reference's, 3 something is missing.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MODES = ("eager", "foreach", "fused", "channels_last", "compile")


def stop(text):
    print(f"compare.py: {text}", file=sys.stderr)
    sys.exit(3)


def interpreter(given):
    if given:
        return given
    python = ROOT / "build" / "peers" / "bin" / "python3"
    have_torch = lambda: python.exists() and subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0
    if not have_torch():
        print(f"making {python.parent.parent} with PyTorch in it ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", python.parent.parent], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "torch", "numpy"], check=True)
    if not have_torch():
        stop("PyTorch did not install; --python names an interpreter that has it")
    return python


class Torch:
    """A process per network, so that torch.compile pays once; it sleeps on its input while others run."""

    def __init__(self, python, model, a):
        self.process = subprocess.Popen(
            [python, HERE / "train_peer.py", model, "--serve", "--steps", str(a.steps), "--threads", str(a.threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def run(self, mode):
        self.process.stdin.write(mode + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": "PyTorch's process ended"}

    def shut(self):
        self.process.stdin.close()
        self.process.wait()


def ours(a, model, quick):
    command = [a.assay, "bench", "step", "--model", model, "--steps", str(a.steps), "--threads", str(a.threads), "--json"]
    done = subprocess.run(command + (["--quick"] if quick else []), capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    lines = [line for line in lines if line.get("name") == "step"]
    if not lines:
        stop(f"{' '.join(map(str, command))} gave no result: {done.stderr.strip()}")
    return lines[-1]


def compare(a, python, model):
    torch = Torch(python, model, a)
    modes = [m for m in MODES if m != "channels_last" or model != "mlp"]
    runs, same, missing = {m: [] for m in ("assay", *modes)}, None, {}
    for r in range(-1, a.rounds):  # round -1 warms up and is not counted
        contestants = ["assay", *modes]
        turn = r % len(contestants)
        for who in contestants[turn:] + contestants[:turn]:
            if who in missing:
                continue
            result = ours(a, model, quick=r >= 0) if who == "assay" else torch.run(who)
            if "error" in result:
                missing[who] = result["error"]
            elif r >= 0:
                runs[who].append(result)
            elif who == "assay":
                same = result.get("same_bits")
    torch.shut()
    median = {w: statistics.median(x["ms"] for x in runs[w]) for w in runs if runs[w]}
    best = {w: min(x["best_ms"] for x in runs[w]) for w in runs if runs[w]}
    peers = [w for w in median if w != "assay"]
    if not peers:
        stop(f"PyTorch ran in no mode: {missing}")
    fastest = min(peers, key=median.get)
    for who in median:
        ratio = "" if who == "assay" else f"{median[who] / median['assay']:6.2f} {best[who] / best['assay']:6.2f}"
        print(f"{model:6} {who:14} {median[who]:9.3f} {best[who]:9.3f}   {ratio}")
    for who, reason in missing.items():
        print(f"{model:6} {who:14} not run: {reason}")
    line = {"name": "train", "size": model, "ms": median["assay"], "best_ms": best["assay"],
            "peer": {w: {"ms": median[w], "best_ms": best[w]} for w in peers}, "fastest_peer": fastest,
            "ratio": {"median": median[fastest] / median["assay"], "best": min(best[w] for w in peers) / best["assay"]},
            "same_bits": same}
    print(f"{model:6} PyTorch's best / ours: median {line['ratio']['median']:.2f} ({fastest}), best {line['ratio']['best']:.2f}; "
          f"same bits as the reference: {same}\n", flush=True)
    return line


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["mlp", "lenet", "cnn"], choices=("mlp", "lenet", "cnn"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--assay", type=pathlib.Path, default=ROOT / "build" / "release" / "assay")
    parser.add_argument("--python", help="an interpreter that has torch")
    parser.add_argument("--json", action="store_true", help="one object per network at the end, then a summary")
    a = parser.parse_args()
    if not a.assay.exists():
        stop(f"no {a.assay}: cmake --preset release && cmake --build --preset release")
    python = interpreter(a.python)
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"compare.py: the machine is busy (load {load:.1f}): these figures are no comparison", file=sys.stderr)
    print(f"{'':6} {'':14} {'median ms':>9} {'best ms':>9}   {'theirs / ours':>13}   "
          f"batch 128, {a.threads} threads, {a.rounds} rounds of {a.steps} steps")
    lines = [compare(a, python, model) for model in a.models]
    if a.json:
        for line in lines:
            print(json.dumps(line))
        print(json.dumps({"summary": {"pytorch": statistics.geometric_mean(line["ratio"]["median"] for line in lines), "load": load}}))
    return 1 if any(line["same_bits"] is False for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
