"""PyTorch's side of the training benchmark: the same network, data, loss and optimizer as a row of `assay bench step`. Needs torch.

    python3 train_peer.py ROW MODE [--steps 100] [--threads 2] [--data /usr/share/datasets/fashion-mnist] [--accuracy]
    python3 train_peer.py ROW MODE --serve      says when it is ready; reads a count a line, takes so many steps, answers one JSON
                                                object a line

A step is: gather a shuffled batch, forward, cross-entropy, backward, AdamW. PyTorch is given what makes it fast: the whole set in
memory beforehand, pictures as float32, and these modes, of which a comparison takes the best:

    eager                   as the tutorials write it
    foreach                 the optimizer over all tensors at once
    fused                   the optimizer as one kernel
    channels_last           fused, images and weights in NHWC
    compile                 fused, the network and its loss through torch.compile
    compile_channels_last   both

A process does one row in one mode: torch.compile specialises again and again where one meets several, and gives up at its
recompile limit; and what the process held at most is then that mode's.
"""
import argparse
import gzip
import json
import pathlib
import re
import statistics
import sys
import time


def memory(line):
    """Bytes of a line of /proc/self/status, 0 where the system does not tell."""
    try:
        return int(re.search(rf"{line}:\s+(\d+)", pathlib.Path("/proc/self/status").read_text())[1]) << 10
    except (OSError, TypeError):
        return 0


HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "models"), str(HERE)]
import torch  # noqa: E402

from measured import NETWORKS  # noqa: E402
from rows import ROWS, text  # noqa: E402

MODES = ("eager", "foreach", "fused", "channels_last", "compile", "compile_channels_last")
WARM_STEPS = 3


def read_idx(path, header):
    with gzip.open(path) as f:
        return torch.frombuffer(bytearray(f.read()[header:]), dtype=torch.uint8)


def load_pictures(folder, split):
    if not folder.exists():  # as `assay bench` does
        return torch.rand(6000, 1, 28, 28), torch.randint(10, (6000,))
    images = read_idx(folder / f"{split}-images-idx3-ubyte.gz", 16).view(-1, 1, 28, 28).float() / 255
    return images, read_idx(folder / f"{split}-labels-idx1-ubyte.gz", 8).long()


def load_text(context):
    """Every `context` bytes of the text, and those one further: what the job format `text` makes of it."""
    bytes = torch.frombuffer(bytearray(text()), dtype=torch.uint8).long()
    count = (len(bytes) - 1) // context
    return bytes[:count * context].view(count, context), bytes[1:count * context + 1].view(count, context)


class Trainer:
    """One network in one mode."""

    def __init__(self, row, mode, inputs, targets):
        torch.manual_seed(1)
        self.batch, self.inputs, self.targets, self.order, self.at = row.batch, inputs, targets, None, 0
        self.network = NETWORKS[row.model]().train()
        if "channels_last" in mode:
            self.network = self.network.to(memory_format=torch.channels_last)
            self.inputs = inputs.contiguous(memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-3, weight_decay=0.01,
                                           foreach=True if mode == "foreach" else None,
                                           fused=True if mode not in ("eager", "foreach") else None)
        loss = lambda x, y: torch.nn.functional.cross_entropy(self.network(x).flatten(0, -2), y.flatten())  # noqa: E731
        self.loss = torch.compile(loss) if "compile" in mode else loss
        self.first = [x.detach().clone() for x in self.network.state_dict().values()]

    @torch.no_grad()
    def restart(self):
        """From the first step on again, in place: what a step costs depends on how far training is. Moments of weights whose gradient is
        zero become subnormal after some 800 steps, which takes both sides longer, and our side begins anew each turn."""
        for x, first in zip(self.network.state_dict().values(), self.first):
            x.copy_(first)
        for state in self.optimizer.state.values():
            for x in state.values():
                x.zero_()
        self.order = None

    def step(self):
        if self.order is None or self.at + self.batch > len(self.order):
            self.order, self.at = torch.randperm(len(self.targets)), 0
        rows = self.order[self.at:self.at + self.batch]
        self.at += self.batch
        self.optimizer.zero_grad()
        loss = self.loss(self.inputs[rows], self.targets[rows])
        loss.backward()
        self.optimizer.step()
        return loss

    def run(self, steps):
        self.restart()
        for _ in range(WARM_STEPS):
            self.step()
        seconds = []
        for _ in range(steps):
            start = time.perf_counter()
            loss = self.step()
            seconds.append(time.perf_counter() - start)
        return {"ms": statistics.median(seconds) * 1e3, "best_ms": min(seconds) * 1e3, "steps": steps, "loss": loss.item()}

    @torch.no_grad()
    def accuracy(self, images, labels):
        self.network.eval()
        right = sum((self.network(x).argmax(1) == y).sum().item() for x, y in zip(images.split(1000), labels.split(1000)))
        self.network.train()
        return right / len(labels)


def import_all():
    """PyTorch loads half of what it needs when it is used first: a step of next to nothing, so that its memory is told apart."""
    tiny = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(tiny.parameters(), fused=True)
    torch.nn.functional.cross_entropy(tiny(torch.ones(2, 2)), torch.zeros(2, dtype=torch.int64)).backward()
    optimizer.step()
    return memory("VmRSS")


def mark():
    """The most that the process held begins anew (proc(5))."""
    try:
        pathlib.Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("row", choices=list(ROWS), metavar="ROW")
    parser.add_argument("mode", choices=MODES, metavar="MODE")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--serve", action="store_true", help="read counts of steps from standard input, one a line")
    parser.add_argument("--accuracy", action="store_true", help="tell how many of the test pictures are classified well afterwards")
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    row, result = ROWS[a.row], {"name": "torch", "row": a.row, "mode": a.mode}
    imported = import_all()
    inputs, targets = load_text(row.context) if row.context else load_pictures(a.data, "train")
    most, before = memory("VmHWM"), memory("VmRSS")
    mark()

    def answer(steps):
        held = memory("VmHWM")
        return {**result, **trainer.run(steps), "peak_bytes": max(most, held), "import_bytes": imported, "training_bytes": max(held - before, 0)}

    try:
        trainer = Trainer(row, a.mode, inputs, targets)
        for _ in range(WARM_STEPS):
            trainer.step()
    except Exception as e:  # torch.compile needs a C++ compiler and Python's headers: say so and let others go on
        print(json.dumps({**result, "error": f"{type(e).__name__}: {(str(e).strip().splitlines() or [''])[0][:200]}"}), flush=True)
        return 1
    if a.serve:
        print(json.dumps({**result, "ready": True}), flush=True)
        for line in sys.stdin:
            print(json.dumps(answer(int(line))), flush=True)
        return 0
    result = answer(a.steps)
    if a.accuracy and not row.context:
        result["test_accuracy"] = trainer.accuracy(*load_pictures(a.data, "t10k"))
    print(json.dumps(result), flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
