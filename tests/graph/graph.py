#!/usr/bin/env python3
"""Draws who includes whom in src/ and fails on an arrow that points backward.

    graph.py SRC               the check
    graph.py --dot SRC         the same graph in DOT, on standard output
    graph.py --self-test       shows on small trees made on the spot that it can fail

A room may include itself and the rooms above it; where a room has an order of its own, so may its folders. Tests, fuzzers, benchmarks
and example worlds look at whatever they need and are left out.
"""
import os
import re
import sys
import tempfile

ROOMS = ["base", "crypto", "numeric", "tape", "model", "commit", "dispute", "ledger", "training", "store", "engine", "certificate", "net", "agent",
         "cli"]

# Inside a room or a folder of one: what stands on what. Folders or files not named are not held to an order.
INSIDE = {
    "numeric": [["canon", "random"], ["soft", "reference"], ["scalar", "avx2", "avx512", "neon"]],
    "tape": [["record"], ["check", "element"], ["execute"]],
    "tape/execute": [["pool"], ["plan"], ["sum"], ["program"], ["fold"], ["map"], ["dot"], ["conv", "filter", "window"], ["band"], ["lay"],
                     ["planner"]],  # execute.h is what all of it is for
    "dispute": [["moves", "referee"], ["dispute"], ["evidence", "transcript"], ["claimant", "challenger", "judge"]],
    "ledger": [["map"], ["record"], ["log", "account"], ["parameter", "transaction"], ["chain"], ["money"], ["receipt", "provider"],
               ["genesis", "job"], ["beacon"], ["ledger"]],  # task, audit and docket pass a task to and fro
}

# Folders of one line of INSIDE do not know each other, except for the back ends, which share the scalar one's leftovers.
FREE_LINE = {"scalar", "avx2", "avx512", "neon"}

LEFT_OUT = re.compile(r"(_test|_fuzz|_bench|_corpus)\.[ch]$|(^|/)(example|stage)\.[ch]$")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def inside(folder, path):
    """The folder or file, without its ending, in which path lies inside of folder: tape, tape/record/tape.h -> record. None: not in it."""
    return os.path.splitext(path[len(folder) + 1:].split("/")[0])[0] if path.startswith(folder + "/") else None


def line_of(folder, inner):
    for number, names in enumerate(INSIDE.get(folder, [])):
        if inner in names:
            return number
    return None


def files(src):
    for folder, folders, names in os.walk(src):
        folders.sort()
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), src)
            if re.search(r"\.(c|h|inc)$", name) and not LEFT_OUT.search(path):
                yield path


def arrows(src):
    """(file, included path), both relative to src. Generated headers, which lie elsewhere, are not in the graph."""
    for path in files(src):
        with open(os.path.join(src, path), encoding="utf-8") as f:
            text = f.read()
        for name in INCLUDE.findall(text):
            beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
            for target in (name, beside):
                if os.path.exists(os.path.join(src, target)):
                    yield path, target
                    break


def fault(path, target):
    """What is wrong with this arrow, or None."""
    room, other = path.split("/")[0], target.split("/")[0]
    for name in (room, other):
        if name not in ROOMS:
            return f"{name} is no room: the rooms are {', '.join(ROOMS)}"
    if ROOMS.index(other) > ROOMS.index(room):
        return f"{room} includes {other}, a room below it"
    for folder in INSIDE:
        inner, other_inner = inside(folder, path), inside(folder, target)
        here, there = line_of(folder, inner), line_of(folder, other_inner)
        if inner == other_inner or here is None or there is None or there < here:
            continue
        if there == here and inner in FREE_LINE and other_inner in FREE_LINE:
            continue
        return f"{folder}/{inner} includes {folder}/{other_inner}, which {'stands beside it' if here == there else 'rests on it'}"
    return None


def check(src):
    faults, count = [], 0
    for path, target in arrows(src):
        count += 1
        reason = fault(path, target)
        if reason:
            faults.append(f"src/{path}: #include \"{target}\": {reason}")
    return faults, count


def node(path):
    """The deepest place of an order that the file is in: tape/execute/dot/dot.c -> tape/execute/dot; its room, if none."""
    found = [f"{folder}/{inside(folder, path)}" for folder in INSIDE if line_of(folder, inside(folder, path)) is not None]
    return max(found, key=len, default=path.split("/")[0])


def dot(src):
    edges = {}
    for path, target in arrows(src):
        a, b = node(path), node(target)
        if a != b:
            edges[a, b] = fault(path, target) is not None or edges.get((a, b), False)
    print("digraph rooms {\n  rankdir=BT; node [shape=box, fontname=monospace];")
    for room in ROOMS:
        inside = sorted({n for e in edges for n in e if n.startswith(room + "/")})
        if inside:
            print(f"  subgraph \"cluster_{room}\" {{ label=\"{room}\"; {' '.join(chr(34) + n + chr(34) + ';' for n in inside)} }}")
    for (a, b), bad in sorted(edges.items()):
        print(f"  \"{a}\" -> \"{b}\"{' [color=red, penwidth=3]' if bad else ''};")
    print("}")


def self_test():
    """A clean tree passes; each backward arrow is found."""
    clean = {"base/why.h": "", "crypto/sha256.h": '#include "base/why.h"\n', "tape/record/record.h": '#include "base/why.h"\n',
             "tape/execute/plan/plan.c": '#include "tape/record/record.h"\n#include "plan.h"\n', "tape/execute/plan/plan.h": "",
             "tape/execute/dot/dot.h": '#include "tape/execute/plan/plan.h"\n', "tape/execute/filter/filter.h": "",
             "tape/check/check.h": '#include "tape/record/record.h"\n', "tape/element/element.h": "",
             "numeric/soft/soft.c": '#include "numeric/canon.h"\n', "numeric/canon.h": "", "numeric/avx2/avx2.c": "",
             "tape/record/record_test.c": '#include "tape/execute/plan/plan.h"\n', "cli/main.c": '#include "tape/check/check.h"\n'}
    wrong = {"base/why.h": ("crypto/sha256.h", "a room below it"), "numeric/canon.h": ("numeric/soft/soft.c", "rests on it"),
             "numeric/soft/soft.c": ("numeric/avx2/avx2.c", "rests on it"), "crypto/sha256.h": ("cli/main.c", "a room below it"),
             "tape/record/record.h": ("tape/check/check.h", "rests on it"), "tape/check/check.h": ("tape/element/element.h", "beside"),
             "tape/element/element.h": ("tape/execute/plan/plan.h", "rests on it"), "tape/execute/plan/plan.h": ("tape/execute/dot/dot.h", "rests on it"),
             "tape/execute/conv/conv.h": ("tape/execute/filter/filter.h", "beside"), "util/misc.h": ("base/why.h", "no room")}
    trees = [(clean, None)] + [({**clean, a: f'  #  include "{b}"\n'}, reason) for a, (b, reason) in wrong.items()]
    for tree, reason in trees:
        with tempfile.TemporaryDirectory() as src:
            for path, text in tree.items():
                os.makedirs(os.path.dirname(os.path.join(src, path)), exist_ok=True)
                with open(os.path.join(src, path), "w", encoding="utf-8") as f:
                    f.write(text)
            faults, _ = check(src)
            if reason is None and faults or reason and not (len(faults) == 1 and reason in faults[0]):
                sys.exit(f"self-test: expected {reason}, found {faults}")
    print(f"{len(wrong)} backward arrows found, the clean tree passes")


def main():
    arguments = sys.argv[1:]
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) == 2 and arguments[0] == "--dot":
        return dot(arguments[1])
    if len(arguments) != 1:
        sys.exit(__doc__)
    faults, count = check(arguments[0])
    if not count:
        sys.exit(f"{arguments[0]}: no includes found, so nothing was checked")
    print("\n".join(faults) if faults else f"{count} includes, none points backward")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
