#!/usr/bin/env python3
"""Notices when a class of kernels has become slower: `assay bench guard` beside what it was.

    tests/peers/guard.py build/release/assay             compares; ./check does this in its release stage
    tests/peers/guard.py build/release/assay --update    writes what is measured now into guard.json: on an idle machine, with the change
                                                         that it belongs to, and what moved is said in the commit
    tests/peers/guard.py --self-test                     shows on made-up figures that it can fail

No time is compared, only ratios: how many times faster than the slowest way (plain C, element by element on generic paths) each
kind of instruction of each operator of four small networks is, both in turns in one process on one thread, the fastest turn of each counting. On the processor and compiler that guard.json was
written with, a ratio may fall to 1 / 1.45 of what it was; elsewhere, where the slow way may stand otherwise to the fast one, to a
third. What falls below is measured twice more and counts only if it stays there.
Exit status: 0 as fast as it was, 1 something is slower, 3 the measurement does not run.
"""
import argparse
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
STORED = HERE / "guard.json"
NETWORKS = ("mlp", "lenet", "resnet8", "attention")
HERE_BOUND, ELSEWHERE_BOUND = 1.45, 3.0
SHARE, MILLISECONDS = 0.02, 0.01  # what takes less of a step is noise
TRIES = 3


def stop(text):
    print(f"guard.py: {text}", file=sys.stderr)
    sys.exit(3)


def processor():
    """Vendor, family and model, as Linux tells them; "" where it does not."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    first = dict(reversed([[word.strip() for word in line.split(":", 1)] for line in lines if ":" in line]))
    return " ".join(first.get(word, "?") for word in ("vendor_id", "cpu family", "model"))


def measure(assay, network):
    """Its classes with their ratios and shares, and what the figures depend on."""
    done = subprocess.run([assay, "bench", "guard", "--row", network, "--json"], capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode != 0 or not lines or "summary" not in lines[-1]:
        stop(f"{assay} bench guard --row {network}: {done.stderr.strip() or f'status {done.returncode}'}")
    return {line["class"]: line for line in lines[:-1]}, {"processor": processor(), "compiler": lines[-1]["summary"]["compiler"]}, lines[-1]["summary"]["backend"]


def slower(stored, measured, bound):
    """(class, how much slower) of what fell below the bound. A class that nothing was booked on is part of another one now."""
    return [(name, was / measured[name]["ratio"]) for name, was in stored.items() if name in measured and was / measured[name]["ratio"] > bound]


def best(one, two):
    """Of two measurements each class's higher ratio."""
    return {name: max(one[name], two.get(name, one[name]), key=lambda line: line["ratio"]) for name in one}


def guard(assay, stored):
    failed, known = [], stored["measured"]
    for network in NETWORKS:
        measured, where, backend = measure(assay, network)
        if backend not in known:
            print(f"nothing is stored for the back end {backend}; there are {', '.join(known)}")
            return []
        same = where == known[backend]["where"]
        bound = HERE_BOUND if same else ELSEWHERE_BOUND
        if network == NETWORKS[0]:
            print(f"{backend}, bound {bound}" + ("" if same else f": {where} is not {known[backend]['where']}"))
        was = known[backend]["ratio"][network]
        for _ in range(TRIES - 1):
            if slower(was, measured, bound):
                measured = best(measured, measure(assay, network)[0])
        for name, ratio in sorted(was.items()):
            now = f"{measured[name]['ratio']:8.1f}" if name in measured else "  elsewhere"
            print(f"{network:10} {name:36} was {ratio:8.1f} times as fast as plain C, is {now}")
        failed += [(network, name, factor) for name, factor in slower(was, measured, bound)]
    for network, name, factor in failed:
        print(f"SLOWER: {network}, {name}: by {factor:.2f}")
    if failed:
        print(f"if that is meant: {sys.argv[0]} {assay} --update, on an idle machine, and say why in the commit")
    return failed


def update(assay):
    """The middle one of three measurements."""
    stored = json.loads(STORED.read_text()) if STORED.exists() else {"measured": {}}
    ratio = {}
    for network in NETWORKS:
        runs = [measure(assay, network) for _ in range(3)]
        _, where, backend = runs[0]
        lines = [run[0] for run in runs]
        kept = [name for name in lines[0] if all(name in run for run in lines)
                and min(run[name]["share"] for run in lines) >= SHARE and min(run[name]["ms"] for run in lines) >= MILLISECONDS]
        ratio[network] = {name: round(sorted(run[name]["ratio"] for run in lines)[1], 1) for name in kept}
    stored["measured"][backend] = {"where": where, "ratio": ratio}
    STORED.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n")
    print(f"{STORED}: {sum(map(len, ratio.values()))} classes of {backend}")


def self_test():
    was = {"a": 10.0, "b": 300.0, "c": 5.0}
    run = lambda **ratios: {name: {"ratio": r} for name, r in ratios.items()}  # noqa: E731
    assert slower(was, run(a=10, b=300, c=5), HERE_BOUND) == []
    assert slower(was, run(a=8.5, b=260, c=9), HERE_BOUND) == [], "noise"
    assert [n for n, _ in slower(was, run(a=10 / 1.5, b=300, c=5), HERE_BOUND)] == ["a"], "a slow-down of 1.5"
    assert [n for n, _ in slower(was, run(a=10, b=80, c=1), ELSEWHERE_BOUND)] == ["b", "c"]
    assert slower(was, run(a=10), HERE_BOUND) == [], "booked elsewhere"
    assert best(run(a=1, b=9), run(a=2, b=3)) == run(a=2, b=9)
    stored = json.loads(STORED.read_text())["measured"]
    for backend in stored.values():
        assert set(backend["ratio"]) == set(NETWORKS)
        assert all("step whole" in classes and min(classes.values()) > 1 for classes in backend["ratio"].values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assay", nargs="?", default=HERE.parent.parent / "build" / "release" / "assay")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    a = parser.parse_args()
    if a.self_test:
        return self_test()
    if a.update:
        return update(a.assay)
    return 1 if guard(a.assay, json.loads(STORED.read_text())) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
