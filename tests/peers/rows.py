"""The rows of docs/performance.md: a network (tests/models/measured.py), its batch, its data. `assay bench step` knows them by the
same names. Needs nothing but Python."""
import pathlib
import random
from dataclasses import dataclass

LICENCES = pathlib.Path("/usr/share/common-licenses")
MADE_UP_BYTES = 240000


@dataclass(frozen=True)
class Row:
    model: str
    batch: int
    steps: int        # about a second of them on two cores
    context: int = 0  # bytes of text a sample; 0: pictures of Fashion-MNIST


ROWS = {
    "mlp-128": Row("mlp", 128, 400),
    "mlp-1024": Row("mlp", 1024, 90),
    "lenet-128": Row("lenet", 128, 200),
    "lenet32-128": Row("lenet32", 128, 40),
    "resnet8-128": Row("resnet8", 128, 20),
    "resnet14-128": Row("resnet14", 128, 10),
    "gpt-32": Row("gpt", 32, 8, 128),
    "gpt10m-8": Row("gpt10m", 8, 3, 256),
}


def text():
    """What `assay bench` reads too: the licences of a Debian system, one behind the other, or made-up bytes where there are none."""
    found = b"".join(p.read_bytes() for p in sorted(LICENCES.glob("[!.]*")) if p.is_file() and not p.is_symlink())
    return found if len(found) >= MADE_UP_BYTES // 4 else random.Random(1).randbytes(MADE_UP_BYTES)
