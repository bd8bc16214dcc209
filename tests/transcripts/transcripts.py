#!/usr/bin/env python3
"""Holds a judge's lines against the expected ones.

    transcripts.py FOLDER PROGRAM [ARGUMENT..]   runs PROGRAM ARGUMENT.. with all of FOLDER/*.transcript; line n has to be what
                                                 stands in NAME.verdict beside the nth
    transcripts.py --self-test                   shows on folders made on the spot that it can fail
"""
import os
import subprocess
import sys
import tempfile


def names(folder):
    return sorted(name[: -len(".transcript")] for name in os.listdir(folder) if name.endswith(".transcript"))


def check(folder, command):
    """Faults as texts, and how many transcripts were judged."""
    found = names(folder)
    if not found:
        return [f"{folder}: no transcript, so nothing was judged"], 0
    paths = [os.path.join(folder, name + ".transcript") for name in found]
    run = subprocess.run(command + paths, capture_output=True, text=True)
    lines = run.stdout.splitlines()
    if run.returncode not in (0, 1) or len(lines) != len(found):
        return [f"{command[0]}: exit status {run.returncode}, {len(lines)} lines for {len(found)} files: {run.stderr[:400]}"], 0
    faults = []
    for name, line in zip(found, lines):
        path = os.path.join(folder, name + ".verdict")
        if not os.path.exists(path):
            faults.append(f"{name}: no {name}.verdict beside it; the judge says\n  {line}")
            continue
        with open(path, encoding="ascii") as file:
            expected = file.read()
        if expected != line + "\n":
            faults.append(f"{name}:\n  expected {expected.rstrip()}\n  judged   {line}")
    lonely = sorted(n[: -len(".verdict")] for n in os.listdir(folder) if n.endswith(".verdict"))
    faults += [f"{name}: a verdict without its transcript" for name in lonely if name not in found]
    return faults, len(found)


def self_test():
    """The judge here prints the first line of each file."""
    judge = [sys.executable, "-c", "import sys\nfor p in sys.argv[1:]: print(open(p).readline().rstrip())"]
    short = [sys.executable, "-c", "print('proven')"]
    good = {"a.transcript": "proven\n", "a.verdict": "proven\n", "b.transcript": "silent\n", "b.verdict": "silent\n"}
    cases = [(good, judge, 0), ({}, judge, 1), (good, short, 1), (good, [sys.executable, "-c", "exit(2)"], 1),
             ({**good, "b.verdict": "proven\n"}, judge, 1), ({**good, "b.verdict": "silent"}, judge, 1),
             ({**good, "c.transcript": "silent\n"}, judge, 1), ({**good, "c.verdict": "silent\n"}, judge, 1)]
    for files, command, wrong in cases:
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                with open(os.path.join(folder, name), "w", encoding="ascii") as file:
                    file.write(content)
            faults, _ = check(folder, command)
            if len(faults) != wrong:
                sys.exit(f"self-test: {sorted(files)}: expected {wrong} faults, found {faults}")
    print(f"{len(cases)} cases as expected")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    faults, count = check(sys.argv[1], sys.argv[2:])
    print("\n".join(faults) if faults else f"{count} transcripts, every verdict as expected")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
