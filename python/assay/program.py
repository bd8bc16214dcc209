"""The program `assay`: where it is, and how it is called."""
from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Union

from .errors import AssayError

Record = Dict[str, Any]
PathLike = Union[str, "os.PathLike[str]"]

INTERRUPTED = 130  # exit status of a run that was stopped and saved itself


def find_program() -> str:
    """The program's path: the environment variable ASSAY, else PATH, else the build of the checkout that holds this file."""
    named = os.environ.get("ASSAY")
    if named:
        if os.path.isfile(named) and os.access(named, os.X_OK):
            return os.path.abspath(named)
        raise AssayError(f"the environment variable ASSAY names {named}, which is no program", 3)
    on_path = shutil.which("assay")
    if on_path:
        return on_path
    built = Path(__file__).resolve().parents[2] / "build" / "release" / "assay"
    if built.is_file() and os.access(built, os.X_OK):
        return str(built)
    raise AssayError(
        "the program assay is not found: build it (cmake --preset release && cmake --build --preset release), then put it "
        "on PATH or name it in the environment variable ASSAY", 3)


def _records(line: str) -> Optional[Record]:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def call(words: Sequence[str], each: Optional[Callable[[Record], None]] = None, *, accept: Sequence[int] = (0,)) -> List[Record]:
    """Runs the program and returns the JSON objects it printed; `each` sees them one by one as they come.

    An exit status outside `accept` raises AssayError with the program's own words. Ctrl-C is passed on once, the program
    saves and ends, and KeyboardInterrupt goes on upwards; a second Ctrl-C makes it end at once."""
    command = [find_program(), *words]
    try:
        # A group of its own, so that Ctrl-C reaches it once, through us, in a terminal and in a notebook alike.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   encoding="utf-8", errors="replace", start_new_session=True)
    except OSError as error:
        raise AssayError(f"{command[0]} cannot be started: {error}", 3) from error
    said: List[str] = []
    assert process.stdout is not None and process.stderr is not None
    errors = process.stderr
    listener = threading.Thread(target=lambda: said.extend(errors), daemon=True)
    listener.start()
    records: List[Record] = []
    interrupted = False

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            record = _records(line)
            if record is not None:
                records.append(record)
                if each is not None:
                    each(record)
        process.wait()

    while True:
        try:
            listen()
            break
        except KeyboardInterrupt:
            interrupted = True
            _pass_on(process, signal.SIGINT)
        except BaseException:
            _pass_on(process, signal.SIGTERM)
            process.wait()
            raise
    listener.join()
    process.stdout.close()
    errors.close()
    if interrupted:
        raise KeyboardInterrupt
    if process.returncode not in accept:
        raise AssayError(_words_of(said) or f"assay {words[0]} ended with status {process.returncode}", process.returncode)
    return records


def _pass_on(process: "subprocess.Popen[str]", number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except ProcessLookupError:
        pass


def _words_of(said: Sequence[str]) -> str:
    """The complaint among what was said: the last lines from 'assay COMMAND:' on."""
    lines = [line.rstrip("\n") for line in said if line.strip()]
    for at in range(len(lines) - 1, -1, -1):
        if lines[at].startswith("assay"):
            return "\n".join(lines[at:])
    return "\n".join(lines[-3:])
