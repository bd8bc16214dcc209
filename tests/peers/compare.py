#!/usr/bin/env python3
"""Our training step beside PyTorch's, interleaved, as a table of ratios (above 1: ours is faster): the rows of docs/performance.md.

    tests/peers/compare.py [--rows mlp-128 gpt-32 ...] [--rounds 5] [--modes fused compile ...] [--threads 2]
    tests/peers/compare.py --quick       a look: two short rounds, without torch.compile and the reference's bits

PyTorch comes from a virtual environment of its own in build/peers, made on the first call (about a gigabyte), or from --python, any
interpreter that has torch. Models that are missing: tests/peers/export.py. Each row and mode of PyTorch is a process of its own that
has compiled and warmed up before the rounds begin. In a round every contestant takes its steps once, in an order that turns from round
to round, from the first weights on; the others wait. `median` is the median over rounds of a round's median step, `best` the fastest single step of all; the
ratio by medians is to PyTorch's mode with the lowest median, the ratio by best to that with the fastest step. `peak` is the most memory
that a process held (VmHWM), PyTorch's import and the data included; `training` what it held at most beyond that.

Everything takes half an hour on two cores, a third of it the reference, which redoes a step or two of each row in plain C.
PyTorch's threads wait for each other busily, so on a machine with other work it loses far more than we do: measure on an idle one.
Exit status: 0 measured, 1 our bits differ from the reference's, 2 wrong words, 3 something is missing, 130 interrupted.
"""
import argparse
import difflib
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))
from peer_python import peer_python, stop  # noqa: E402
from rows import ROWS  # noqa: E402

MODES = ("eager", "foreach", "fused", "channels_last", "compile", "compile_channels_last")
MB = 1e6


def modes_of(name, wanted):
    """Channels-last is nothing to a network without pictures that are convolved."""
    convolves = not name.startswith(("mlp", "gpt"))
    return [m for m in MODES if m in wanted and (convolves or "channels_last" not in m)]


class Torch:
    """PyTorch's process for a row and a mode; it sleeps on its input while others run."""

    def __init__(self, a, name, mode):
        self.process = subprocess.Popen([a.python, HERE / "train_peer.py", name, mode, "--serve", "--threads", str(a.threads)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def answer(self):
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        words = self.process.stderr.read().strip().splitlines() or ["it ended"]
        return {"error": words[-1][:200]}

    def run(self, steps):
        try:
            self.process.stdin.write(f"{steps}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        return self.answer()

    def shut(self):
        self.process.kill()
        self.process.communicate()


class Assay:
    """Our process, started anew for each turn: what happens before its steps is not counted."""

    def __init__(self, a, name):
        self.command = [a.assay, "bench", "step", "--row", name, "--threads", str(a.threads), "--json"]
        self.command += ["--models", a.models] if a.models else []

    def run(self, steps, quick=True):
        words = self.command + ["--steps", str(steps)] + (["--quick"] if quick else [])
        done = subprocess.run(words, capture_output=True, text=True)
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if not lines:
            stop(f"{' '.join(map(str, words))}: {done.stderr.strip() or f'status {done.returncode}'}")
        return lines[-1]

    def shut(self):
        pass


def play_round(contestants, steps, number, runs):
    """Everybody's turn; who comes first changes from round to round."""
    names = list(contestants)
    for who in names[number % len(names):] + names[:number % len(names)]:
        runs[who].append(contestants[who].run(steps))


def start(a, name):
    """The contestants, warm, and the modes that do not run with what they said."""
    contestants, missing = {"assay": Assay(a, name)}, {}
    for mode in modes_of(name, a.modes):
        torch = Torch(a, name, mode)
        said = torch.answer()
        if "error" in said:
            missing[mode] = said["error"]
            torch.shut()
        else:
            contestants[mode] = torch
    return contestants, missing


def rounds_of(a, name, contestants):
    steps = max(2, ROWS[name].steps // (5 if a.quick else 1))
    runs = {who: [] for who in contestants}
    play_round(contestants, max(1, steps // 4), 0, {who: [] for who in contestants})  # not counted
    for number in range(a.rounds):
        play_round(contestants, steps, number, runs)
    for who in [w for w in runs if any("error" in r for r in runs[w])]:
        stop(f"{name}, {who}: {next(r['error'] for r in runs[who] if 'error' in r)}")
    return runs


def figures(runs, gflop, batch):
    ms = statistics.median(r["ms"] for r in runs)
    return {"ms": ms, "best_ms": min(r["best_ms"] for r in runs), "samples_per_s": batch / ms * 1e3, "gflops": gflop / ms * 1e3,
            **{key: max(r[key] for r in runs) for key in ("peak_bytes", "training_bytes", "import_bytes") if key in runs[0]}}


def summary(name, runs, same):
    gflop, batch = runs["assay"][0]["gflop"], ROWS[name].batch
    peer = {who: figures(r, gflop, batch) for who, r in runs.items()}
    ours = peer.pop("assay")
    by_median, by_best = min(peer, key=lambda w: peer[w]["ms"]), min(peer, key=lambda w: peer[w]["best_ms"])
    return {"name": "train", "size": name, "gflop": gflop, "assay": ours, "peer": peer, "fastest": by_median, "fastest_by_best": by_best,
            "ratio": {"median": peer[by_median]["ms"] / ours["ms"], "best": peer[by_best]["best_ms"] / ours["best_ms"]},
            "memory": {"peak": peer[by_median]["peak_bytes"] / ours["peak_bytes"],
                       "training": peer[by_median]["training_bytes"] / max(ours["training_bytes"], 1)},
            "data": runs["assay"][0]["data"], "same_bits": same}


def show(line):
    for who, f in [("assay", line["assay"]), *line["peer"].items()]:
        ratio = "" if who == "assay" else f"{f['ms'] / line['assay']['ms']:6.2f} {f['best_ms'] / line['assay']['best_ms']:6.2f}"
        print(f"{line['size']:12} {who:22} {f['ms']:9.3f} {f['best_ms']:9.3f} {f['samples_per_s']:10.0f} {f['gflops']:7.1f} "
              f"{f['peak_bytes'] / MB:6.0f} {f['training_bytes'] / MB:8.0f}   {ratio}".rstrip())
    bits = {None: "not compared", True: "the reference's", False: "OTHERS THAN THE REFERENCE'S"}[line["same_bits"]]
    print(f"{line['size']:12} PyTorch's best / ours: median {line['ratio']['median']:.2f} ({line['fastest']}), best "
          f"{line['ratio']['best']:.2f} ({line['fastest_by_best']}); bits: {bits}\n", flush=True)


def compare(a, name):
    same = None if a.quick or a.no_bits else Assay(a, name).run(1, quick=False)["same_bits"]
    contestants, missing = start(a, name)
    try:
        if len(contestants) == 1:
            stop(f"{name}: PyTorch runs in no mode: {missing}")
        line = summary(name, rounds_of(a, name, contestants), same)
    finally:
        for contestant in contestants.values():
            contestant.shut()
    show(line)
    for mode, reason in missing.items():
        print(f"{name:12} {mode:22} not run: {reason}")
    return line


def close(lines):
    """The last lines: what the rows come to."""
    mean = {key: statistics.geometric_mean(line["ratio"][key] for line in lines) for key in ("median", "best")}
    lowest = min(lines, key=lambda line: line["ratio"]["median"])
    print(f"{len(lines)} rows: geometric mean {mean['median']:.2f} by medians, {mean['best']:.2f} by best; lowest "
          f"{lowest['ratio']['median']:.2f} ({lowest['size']})")
    return {"summary": {"pytorch": mean["median"], "pytorch_best": mean["best"], "lowest": lowest["ratio"]["median"],
                        "lowest_row": lowest["size"]}}


def markdown(lines):
    """The tables of docs/performance.md."""
    print("\n| row | GFLOP a step | Assay ms, best | GFLOP/s | PyTorch ms, best | mode | GFLOP/s | PyTorch / Assay: medians, best | samples/s |\n"
          "|---|---|---|---|---|---|---|---|---|")
    for line in lines:
        ours, theirs = line["assay"], line["peer"][line["fastest"]]
        print(f"| {line['size']} | {line['gflop']:.3g} | {ours['ms']:.3g}, {ours['best_ms']:.3g} | {ours['gflops']:.0f} | {theirs['ms']:.3g}, "
              f"{min(f['best_ms'] for f in line['peer'].values()):.3g} | {line['fastest'].replace('_', '-')} | {theirs['gflops']:.0f} | "
              f"**{line['ratio']['median']:.2f}**, {line['ratio']['best']:.2f} | {ours['samples_per_s']:,.0f} |")
    print("\n| row | eager | foreach | fused | channels-last | compile | compile, channels-last | peak MB: Assay, PyTorch | training MB: Assay, PyTorch |\n"
          "|---|---|---|---|---|---|---|---|---|")
    for line in lines:
        ours, theirs = line["assay"], line["peer"][line["fastest"]]
        cells = " | ".join(f"{line['peer'][m]['ms']:.3g}" if m in line["peer"] else "" for m in MODES)
        print(f"| {line['size']} | {cells} | {ours['peak_bytes'] / MB:.0f}, {theirs['peak_bytes'] / MB:.0f} | "
              f"{ours['training_bytes'] / MB:.0f}, {theirs['training_bytes'] / MB:.0f} |")


def known(word):
    if word in ROWS:
        return word
    near = difflib.get_close_matches(word, ROWS, 1)
    raise argparse.ArgumentTypeError(f"there is no row '{word}'; " + (f"did you mean '{near[0]}'?" if near else f"there are {', '.join(ROWS)}"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", default=list(ROWS), type=known, metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--rounds", type=int, help="5; 2 with --quick")
    parser.add_argument("--modes", nargs="+", choices=MODES, metavar="MODE", help=", ".join(MODES) + "; --quick leaves compile out")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--assay", type=pathlib.Path, default=ROOT / "build" / "release" / "assay")
    parser.add_argument("--models", help="where the rows' models lie (build/peers/models and the source tree)")
    parser.add_argument("--python", help="an interpreter that has torch")
    parser.add_argument("--no-bits", action="store_true", help="leaves out the slow comparison with the reference's bits")
    parser.add_argument("--quick", action="store_true", help="a look instead of a measurement")
    parser.add_argument("--markdown", action="store_true", help="also the tables of docs/performance.md")
    parser.add_argument("--json", action="store_true", help="one object per row at the end, then a summary")
    a = parser.parse_args()
    for name, value in (("rounds", a.rounds), ("threads", a.threads)):
        if value is not None and value < 1:
            parser.error(f"--{name} is {value}; it must be 1 or more")
    a.rounds = a.rounds or (2 if a.quick else 5)
    a.modes = a.modes or [m for m in MODES if not (a.quick and m.startswith(("compile", "foreach")))]
    if not a.assay.exists():
        stop(f"no {a.assay}: cmake --preset release && cmake --build --preset release")
    for name in a.rows:  # what is missing is said before an hour is spent
        Assay(a, name).run(1)
    a.python = peer_python(a.python)
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"compare.py: the machine is busy (load {load:.1f}): these figures are no comparison", file=sys.stderr)
    print(f"{'row':12} {'':22} {'median ms':>9} {'best ms':>9} {'samples/s':>10} {'GFLOP/s':>7} {'peak':>6} {'training':>8}   theirs / ours    "
          f"MB; {a.threads} threads, {a.rounds} rounds", flush=True)
    lines = [compare(a, name) for name in a.rows]
    end = close(lines)
    if a.markdown:
        markdown(lines)
    if a.json:
        for line in lines:
            print(json.dumps(line))
        print(json.dumps({"summary": {**end["summary"], "load": load}}))
    return 1 if any(line["same_bits"] is False for line in lines) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
