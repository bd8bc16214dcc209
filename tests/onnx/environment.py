"""Runs the caller with the Python of build/python (setup/python makes it), or ends it as skipped: status 77."""
import os
import subprocess
import sys

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
SKIPPED = 77
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # for many small files that need no disk


def enter():
    """Returns where onnx and numpy can be imported; otherwise never. To be called before they are."""
    try:
        import numpy
        import onnx
        return numpy, onnx
    except ImportError:
        pass
    made = subprocess.run([os.path.join(SOURCE, "setup", "python"), "--path"], capture_output=True, text=True)
    path = made.stdout.strip()
    if made.returncode == 0 and os.path.abspath(sys.prefix) != os.path.dirname(os.path.dirname(path)):
        os.execv(path, [path, *sys.argv])
    print("SKIPPED: onnx and numpy are not here; setup/python makes build/python with them")
    sys.exit(SKIPPED)
