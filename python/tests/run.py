#!/usr/bin/env python3
"""Runs tests without pytest: every function test_* of the files, each with a fresh folder as tmp_path if it asks for one.

usage: run.py [--assay PROGRAM] [--needs MODULE] [--python PYTHON] FILE...

Where the interpreter lacks a module, the one named in ASSAY_PYTHON or by --python is taken; where none has it, the exit
status is 77: skipped."""
import argparse
import importlib.util
import inspect
import os
import pathlib
import sys
import tempfile
import time
import traceback

SKIPPED = 77

parser = argparse.ArgumentParser()
parser.add_argument("--assay")
parser.add_argument("--needs", action="append", default=[])
parser.add_argument("--python", action="append", default=[])
parser.add_argument("files", nargs="+")
asked = parser.parse_args()

missing = [name for name in asked.needs if importlib.util.find_spec(name) is None]
if missing:
    # One interpreter after the other, each asked once.
    others = [p for p in (os.environ.get("ASSAY_PYTHON"), *asked.python) if p and os.path.exists(p)]
    tried = os.environ.get("ASSAY_PYTHON_TRIED", "").split(os.pathsep)
    for other in others:
        if other not in tried:
            os.environ["ASSAY_PYTHON_TRIED"] = os.pathsep.join([*tried, other])
            os.execv(other, [other, os.path.abspath(__file__), *sys.argv[1:]])
    print(f"SKIPPED: {sys.executable} has no {', '.join(missing)}; an interpreter that has is named in ASSAY_PYTHON")
    sys.exit(SKIPPED)

here = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(here), str(here.parent)]
if asked.assay:
    os.environ["ASSAY"] = os.path.abspath(asked.assay)
failed = count = 0
for path in asked.files:
    spec = importlib.util.spec_from_file_location(pathlib.Path(path).stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, test in list(vars(module).items()):
        if not name.startswith("test_") or not callable(test):
            continue
        count += 1
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(**({"tmp_path": pathlib.Path(folder)} if "tmp_path" in inspect.signature(test).parameters else {}))
                verdict = "passed"
            except Exception:
                traceback.print_exc()
                failed += 1
                verdict = "FAILED"
        print(f"{verdict} {pathlib.Path(path).stem}::{name} ({time.monotonic() - started:.2f} s)", flush=True)
print(f"{count} tests, {failed} failed")
sys.exit(bool(failed or not count))
