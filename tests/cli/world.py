"""A small world for end-to-end tests: made-up pictures, a job, and the program run in it. Needs nothing but Python."""
import contextlib
import gzip
import json
import os
import pty
import random
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

ASSAY = os.path.abspath(sys.argv[1])
SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
MODEL = os.path.join(SOURCE, "tests", "models", "mlp_small.onnx")
PATIENCE = 240  # seconds; sanitizers and emulation are slow


def idx(shape, values):
    """An IDX file of bytes."""
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + bytes(values)


def npy(shape, values, kind="<f4", code="f"):
    """A NumPy file, version 1."""
    head = "{'descr': '%s', 'fortran_order': False, 'shape': (%s,), }" % (kind, ", ".join(map(str, shape)))
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack(f"<{len(values)}{code}", *values)


def field(number, value):
    """A protobuf field: a number, a text, or a message of fields."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else b"".join(value) if isinstance(value, list) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(n):
    return bytes([n & 127 | 128]) + varint(n >> 7) if n > 127 else bytes([n])


def fixed_model(batch, sample=(1, 28, 28)):
    """An ONNX file of reshape and a product, as PyTorch writes them for an example of that batch."""
    def value(name, *dims):
        return [field(1, name), field(2, [field(1, [field(1, 1), field(2, [field(1, [field(1, d)]) for d in dims])])])]
    shape = [field(1, 2), field(2, 7), field(8, "shape"), field(9, struct.pack("<2q", batch, 784))]
    weight = [field(1, 784), field(1, 10), field(2, 1), field(8, "w"), field(9, struct.pack("<7840f", *[n % 13 / 100 for n in range(7840)]))]
    graph = [field(1, [field(1, "x"), field(1, "shape"), field(2, "flat"), field(3, "view"), field(4, "Reshape")]),
             field(1, [field(1, "flat"), field(1, "w"), field(2, "y"), field(3, "linear"), field(4, "MatMul")]),
             field(2, "g"), field(5, shape), field(5, weight), field(11, value("x", batch, *sample)), field(12, value("y", batch, 10))]
    return b"".join([field(1, 8), field(7, graph), field(8, [field(1, ""), field(2, 18)])])


def pictures(count, seed):
    """Noisy 28 x 28 pictures whose brightest row says their class, so that there is something to learn."""
    draw = random.Random(seed)
    labels = [draw.randrange(10) for _ in range(count)]
    pixels = bytearray()
    for label in labels:
        picture = bytearray(draw.randrange(60) for _ in range(784))
        picture[label * 56:label * 56 + 28] = bytes([250] * 28)
        pixels += picture
    return bytes(pixels), labels


JOB = """assay: 1
model: model.onnx
init: seed
data:
  train: {format: idx, inputs: train-x.gz, targets: train-y, scale: 1/255}
  test: {format: idx, inputs: test-x, targets: test-y, scale: 1/255}
loss: cross_entropy
optimizer: {name: adamw, lr: 1e-3, weight_decay: 0.01}
schedule: {name: cosine, warmup: 5, end: 0.1}
clip_norm: 1.0
batch: 16
updates: 40
shuffle: true
seed: 7
interval: 5
evaluate: {every: 20 updates}
"""


def at_terminal(words, answers):
    """What a terminal showed, and the exit status, of the program when its prompts were answered."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(ASSAY, [ASSAY, *words])
    shown, seen = b"", 0
    for prompt, answer in [*answers, (None, b"")]:
        while prompt is None or prompt.encode() not in shown[seen:]:
            assert select.select([terminal], [], [], PATIENCE)[0], shown
            try:
                more = os.read(terminal, 4096)
            except OSError:
                more = b""
            shown += more
            if not more:
                break
        seen = len(shown)
        if answer:
            os.write(terminal, answer)
    os.close(terminal)
    return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class World(unittest.TestCase):
    """Each test gets a fresh folder with data and job in it, and is inside that folder."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="assay-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        shutil.copy(MODEL, "model.onnx")
        x, y = pictures(200, 1)
        self.write("train-x.gz", gzip.compress(idx([200, 28, 28], x), mtime=0))
        self.write("train-y", idx([200], y))
        x, y = pictures(50, 2)
        self.write("test-x", idx([50, 28, 28], x))
        self.write("test-y", idx([50], y))
        self.write("job.yaml", JOB)

    def write(self, path, content):
        with open(path, "wb") as f:
            f.write(content.encode() if isinstance(content, str) else content)

    def read(self, path):
        with open(path, "rb") as f:
            return f.read()

    def job(self, path, *changes):
        """The job with (old, new) texts exchanged; each old text must be there."""
        text = JOB
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        self.write(path, text)

    def assay(self, *words, expect=0, **kw):
        """Runs the program; the exit status must be `expect`. Returns (stdout, stderr)."""
        done = subprocess.run([ASSAY, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE, **kw)
        out, err = done.stdout.decode(), done.stderr.decode()
        wanted = expect if isinstance(expect, tuple) else (expect,)
        self.assertIn(done.returncode, wanted, f"\n$ assay {' '.join(map(os.fsdecode, words))}\n{out}\n{err}")
        return out, err

    def train(self, folder="run", job="job.yaml", *more, expect=0):
        """Trains and gives the result object."""
        out, _ = self.assay("train", job, "-o", folder, "--json", *more, expect=expect)
        return json.loads(out.strip().split("\n")[-1])

    def verify(self, folder="run", *more, expect=0):
        out, err = self.assay("verify", folder, "--intervals", "all", "--json", *more, expect=expect)
        return json.loads(out) if out.strip() else {"error": err}

    def metrics(self, folder):
        return [json.loads(line) for line in self.read(os.path.join(folder, "metrics.jsonl")).splitlines()]

    def snapshot(self, folder):
        """Names and contents of all files."""
        return {os.path.join(at, name): self.read(os.path.join(at, name)) for at, _, names in os.walk(folder) for name in names}


@contextlib.contextmanager
def flipped(path, offset=None, bit=2):
    """One bit of a file is other than it was."""
    with open(path, "rb") as f:
        before = f.read()
    offset = len(before) // 2 if offset is None else offset % len(before)
    after = bytearray(before)
    after[offset] ^= 1 << bit
    with open(path, "wb") as f:
        f.write(after)
    yield
    with open(path, "wb") as f:
        f.write(before)


def main():
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
