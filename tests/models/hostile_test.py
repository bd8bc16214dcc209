"""Small hostile graphs (hostile_graphs.py): each is lowered or refused, in bounded memory, and never breaks anything.

    hostile_test.py ASSAY MODEL_LOWER_FUZZ

The short ones go through every way into lowering in one process (the fuzz target without mutations, whose assertions
hold them); the long ones, and some of the short, through `assay check` with 4 GB of address space and with no limit.
Exit status: 0, 1 where one fails, 77 skipped since onnx or numpy is missing.
"""
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "onnx"))
import environment

environment.enter()
import hostile  # noqa: E402
import hostile_graphs  # noqa: E402

ADDRESSES, RESIDENT_KIB, PATIENCE_S = 4_000_000_000, 1_500_000, 300
EVERY = 40  # of the short ones, by the command too
LONG = {"chain-relu", "chain-softmax", "fold-reduce-live", "fold-views", "fold-filled", "chain-resize", "unsorted-reversed"}


def limited():
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))


def ran(command, limit):
    """Exit status, peak KiB and the last words."""
    with tempfile.TemporaryFile() as said:
        p = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, preexec_fn=limited if limit else None)
        _, status, used = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        said.seek(max(0, said.seek(0, 2) - 400))
        return p.returncode, used.ru_maxrss, said.read().decode(errors="replace")


def main(assay, fuzz):
    wrong = []
    with tempfile.TemporaryDirectory(dir=environment.MEMORY) as folder:
        folder = pathlib.Path(folder)
        short, by_command = folder / "short", []
        short.mkdir()
        for n, (name, data) in enumerate(hostile_graphs.files()):
            long = len(data) > 20000
            if long and name not in LONG:
                continue
            path = (folder if long else short) / f"{name}.onnx"
            path.write_bytes(data)
            if long or n % EVERY == 0:
                by_command.append((path, long))
        status, resident, said = ran(["timeout", str(PATIENCE_S), fuzz, str(short), "0"], True)
        if status:
            wrong.append(f"{fuzz} {short} 0: exit status {status}: {said}")
        count = len(list(short.iterdir()))
        (folder / "outside.bin").write_bytes(bytes(32))
        (folder / "model").mkdir()
        (folder / "model" / "w.bin").symlink_to(folder / "outside.bin")
        (folder / "model" / "m.onnx").write_bytes(hostile.external(location="w.bin", length="32").SerializeToString())
        status, resident, said = ran([assay, "check", str(folder / "model" / "m.onnx")], True)
        if status != 2 or "leaves the model's folder" not in said:
            wrong.append(f"external data by a link out of the folder: exit status {status}: {said}")
        for path, long in by_command:
            status, resident, said = ran(["timeout", str(PATIENCE_S), assay, "check", str(path)], not long)
            if status not in (0, 1, 2) or resident > RESIDENT_KIB:
                wrong.append(f"{path.name}: exit status {status}, {resident} KiB: {said}")
            if status and not said.strip():
                wrong.append(f"{path.name}: exit status {status} without a word")
    print(*wrong, f"{count} graphs lowered or refused, {len(by_command)} by the command, {len(wrong)} wrong", sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
