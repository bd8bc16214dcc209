"""ONNX's own node tests, run through `assay infer`: the models, inputs and expected outputs of the onnx package.

    conformance.py --assay build/release/assay                  every test; a summary per operator
    conformance.py --assay A --op Gather --op Slice --verbose   the tests of these operators, one line each
    conformance.py --assay A --test gather_1                    the tests whose name holds the text
    conformance.py --assay A --share 3/10                       a fixed tenth of all tests
    conformance.py --assay A --write docs/onnx.md               writes the page of the documentation
    conformance.py --assay A --share 3/10 --page docs/onnx.md   and sees whether the page still says so

Outcomes: passed (shapes, element types and values agree within the suite's own bounds), refused (assay said why and
wrote nothing), training (the test wants Dropout or BatchNormalization as in training, and infer evaluates), failed
(anything else: another value, a crash, a message without a reason).
Exit status: 0 none failed, 1 some did or the page is stale, 77 skipped since onnx or numpy is missing.
"""
import argparse
import collections
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
import zlib

import environment

numpy, onnx = environment.enter()
import page  # noqa: E402: needs onnx
import suite  # noqa: E402: needs onnx

PATIENCE = 60  # seconds for one test


class Outcome(collections.namedtuple("Outcome", "test op verdict reason")):
    """verdict: "passed", "refused", "training" or "failed"; reason: why not passed."""


def words(text, folder):
    """What assay said, without the program's and the file's name."""
    line = text.strip().splitlines()[0] if text.strip() else ""
    line = re.sub(r"^(error|assay)[^:]*: ", "", line)
    return line.replace(os.path.join(folder, "model.onnx") + ": ", "").replace(folder + "/", "")


def compare(expected, folder, names):
    """None, or how the outputs in the folder differ from those expected."""
    for name, want in zip(names, expected):
        path = os.path.join(folder, re.sub(r"[^A-Za-z0-9_.-]", "_", name) + ".npy")
        if not os.path.exists(path):
            return f"output '{name}' was not written"
        have = numpy.load(path)
        if want is None:
            return f"output '{name}' is no plain array in the suite, and assay made one"
        if have.dtype != want.dtype:
            return f"output '{name}' is {have.dtype}, not {want.dtype}"
        if have.shape != want.shape:
            return f"output '{name}' is {list(have.shape)}, not {list(want.shape)}"
        if want.dtype.kind == "f":
            close = numpy.isclose(have, want, rtol=suite.RTOL, atol=suite.ATOL, equal_nan=True)
        else:
            close = have == want
        if not close.all():
            at = tuple(int(n) for n in numpy.argwhere(~close)[0]) if want.ndim else ()
            return f"output '{name}': {int((~close).sum())} of {want.size} differ, first at {list(at)}: {have[at]}, not {want[at]}"
    return None


def run(assay, test):
    """The outcome of one test. One of DOUBLE is refused, and runs as FLOAT too, which must not fail."""
    outcome = run_once(assay, test)
    if outcome.verdict == "refused" and "is DOUBLE" in outcome.reason and (narrow := suite.single(test)):
        again = run_once(assay, narrow)
        if again.verdict == "failed":
            return again._replace(reason=f"as FLOAT: {again.reason}")
        return outcome._replace(reason=f"{outcome.reason} ({again.verdict} as FLOAT{': ' if again.reason else ''}{again.reason})")
    return outcome


def run_once(assay, test):
    with tempfile.TemporaryDirectory(prefix="assay-onnx-", dir=environment.MEMORY) as folder:
        onnx.save(test.model, os.path.join(folder, "model.onnx"))
        command = [assay, "infer", os.path.join(folder, "model.onnx"), "-o", os.path.join(folder, "out"), "--threads", "1"]
        for n, (value, array) in enumerate(zip(test.model.graph.input, test.inputs)):
            if array is None:
                continue
            numpy.save(os.path.join(folder, f"{n}.npy"), array)
            command += ["--input", f"{value.name}={folder}/{n}.npy"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, errors="replace")
        except subprocess.TimeoutExpired:
            return Outcome(test.name, test.op, "failed", f"no answer in {PATIENCE} s")
        reason = words(done.stderr, folder)
        if done.returncode == 2 and reason and "which is no" not in reason:  # a result outside its own type is no refusal
            return Outcome(test.name, test.op, "refused", reason)
        if done.returncode != 0:
            return Outcome(test.name, test.op, "failed", f"exit status {done.returncode}: {reason}")
        names = [value.name for value in test.model.graph.output]
        reason = compare(test.outputs, os.path.join(folder, "out"), names)
        if reason and suite.TRAINING.fullmatch(test.name):
            return Outcome(test.name, test.op, "training", "asks for what happens in training, and infer evaluates")
        return Outcome(test.name, test.op, "failed" if reason else "passed", reason or "")


def sees_wrong(assay, test):
    """Does a test that passes fail when one element is expected to be another? Else the comparison would show nothing."""
    array = test.outputs[0].copy()
    array.flat[array.size - 1] = not array.flat[array.size - 1] if array.dtype.kind == "b" else array.flat[array.size - 1] * 2 + 1
    return run(assay, test._replace(outputs=[array, *test.outputs[1:]])).verdict == "failed"


def in_share(name, share):
    """A fixed part of the tests: the same on every machine, and spread over all operators."""
    part, parts = share
    return zlib.crc32(name.encode()) % parts == part % parts


def summary(outcomes):
    """{operator: Counter of verdicts}"""
    table = {}
    for o in outcomes:
        table.setdefault(o.op, collections.Counter())[o.verdict] += 1
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assay", required=True)
    parser.add_argument("--op", action="append", default=[], help="only tests of this operator; may be repeated")
    parser.add_argument("--test", help="only tests whose name holds this text")
    parser.add_argument("--share", help="K/N: the K-th of N fixed parts")
    parser.add_argument("--verbose", action="store_true", help="one line a test, with the reason")
    parser.add_argument("--write", metavar="FILE", help="writes docs/onnx.md")
    parser.add_argument("--page", metavar="FILE", help="compares with docs/onnx.md")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    assay = os.path.abspath(asked.assay)
    tests = suite.load()
    wanted = {op.lower() for op in asked.op}
    unknown = wanted - {test.op.lower() for test in tests}
    if unknown:
        sys.exit(f"no node test of {', '.join(sorted(unknown))}")
    chosen = [test for test in tests if (not wanted or test.op.lower() in wanted)
              and (not asked.test or asked.test in test.name)
              and (not asked.share or in_share(test.name, [int(n) for n in asked.share.split("/")]))]
    with concurrent.futures.ThreadPoolExecutor(asked.jobs) as pool:
        outcomes = list(pool.map(lambda test: run(assay, test), chosen))
    for o in outcomes:
        if asked.verbose or o.verdict == "failed":
            print(f"{o.verdict:8} {o.op:22} {o.test}{': ' if o.reason else ''}{o.reason}")
    passing = [test for test, o in zip(chosen, outcomes) if o.verdict == "passed" and test.outputs[0].size]
    for test in passing[:: len(passing) // 3 + 1]:
        assert sees_wrong(assay, test), f"{test.name} passes whatever is expected"
    table = summary(outcomes)
    if not asked.verbose and not asked.share:
        for op, counts in sorted(table.items()):
            print(f"{op:28} {counts['passed']:4} passed {counts['refused']:4} refused {counts['failed']:4} failed"
                  + (f" {counts['training']:4} of training" if counts["training"] else ""))
    total = collections.Counter(o.verdict for o in outcomes)
    print(f"{len(outcomes)} tests: {total['passed']} passed, {total['refused']} refused, {total['training']} of training, "
          f"{total['failed']} failed")
    if asked.write and len(outcomes) == len(tests) and not total["failed"]:
        page.write(asked.write, outcomes, onnx.__version__)
    elif asked.write:
        sys.exit("the page is written after all tests ran, and none failed")
    stale = asked.page and page.stale(asked.page, outcomes)
    if stale:
        print(f"{asked.page} is stale: {stale}. Write it again: conformance.py --assay ASSAY --write {asked.page}")
    return 1 if total["failed"] or stale or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
