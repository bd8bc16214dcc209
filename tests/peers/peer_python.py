"""Which interpreter has PyTorch: the one that is named, or that of a virtual environment in build/peers, made on the first call."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def lacks(python, modules):
    """The first of the modules that the interpreter does not import, None if it has them all, and "" if it does not run."""
    for module in modules:
        try:
            if subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode != 0:
                return module
        except OSError:
            return ""
    return None


def stop(text):
    print(f"{pathlib.Path(sys.argv[0]).name}: {text}", file=sys.stderr)
    sys.exit(3)


def peer_python(given, modules=("torch", "numpy")):
    """The interpreter's path, or an end with status 3 that says what is missing."""
    if given:
        missing = lacks(given, modules)
        if missing is not None:
            stop(f"{given} has no {missing}; {given} -m pip install {missing}" if missing else f"{given} is no Python interpreter")
        return given
    folder = ROOT / "build" / "peers"
    python = folder / "bin" / "python3"
    if not python.exists() or lacks(python, modules) is not None:
        print(f"making {folder} with PyTorch in it ...", file=sys.stderr)
        try:
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", *modules], check=True)
        except (OSError, subprocess.CalledProcessError):
            stop("PyTorch did not install; --python names an interpreter that has it")
    return python
