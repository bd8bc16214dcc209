"""PyTorch's side of the training benchmark: the same network, data, loss and optimizer as `assay bench step`. Needs torch.

    python3 train_peer.py mlp|lenet|cnn [--steps 200] [--threads 2] [--data /usr/share/datasets/fashion-mnist] [MODE ...]
    python3 train_peer.py mlp --serve      reads one mode a line, trains, answers one JSON object a line

A step is: gather a shuffled batch of 128, forward, cross-entropy, backward, AdamW. PyTorch is given what makes it fast: the
whole set in memory as float32 beforehand, and these modes, of which a comparison takes the best:

    eager           as the tutorials write it
    foreach         the optimizer over all tensors at once
    fused           the optimizer as one kernel
    channels_last   fused, images and weights in NHWC
    compile         fused, the network and its loss through torch.compile
"""
import argparse
import gzip
import json
import pathlib
import statistics
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "models"))
from models import MODELS  # noqa: E402

MODES = ("eager", "foreach", "fused", "channels_last", "compile")
BATCH, WARM_STEPS = 128, 20


def read_idx(path, header):
    with gzip.open(path) as f:
        return torch.frombuffer(bytearray(f.read()[header:]), dtype=torch.uint8)


def load(folder, split):
    images = read_idx(folder / f"{split}-images-idx3-ubyte.gz", 16).view(-1, 1, 28, 28).float() / 255
    return images, read_idx(folder / f"{split}-labels-idx1-ubyte.gz", 8).long()


class Trainer:
    """One network in one mode; it goes on training from call to call."""

    def __init__(self, model, mode, images, labels):
        torch.manual_seed(1)
        self.network = MODELS[model][0]().train()
        self.images, self.labels, self.order, self.at = images, labels, None, 0
        if mode == "channels_last":
            self.network = self.network.to(memory_format=torch.channels_last)
            self.images = images.contiguous(memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-3, weight_decay=0.01,
                                           foreach=True if mode == "foreach" else None,
                                           fused=True if mode in ("fused", "channels_last", "compile") else None)
        loss = lambda x, y: torch.nn.functional.cross_entropy(self.network(x), y)  # noqa: E731
        self.loss = torch.compile(loss) if mode == "compile" else loss
        for _ in range(WARM_STEPS):
            self.step()

    def step(self):
        if self.order is None or self.at + BATCH > len(self.order):
            self.order, self.at = torch.randperm(len(self.labels)), 0
        rows = self.order[self.at:self.at + BATCH]
        self.at += BATCH
        self.optimizer.zero_grad()
        loss = self.loss(self.images[rows], self.labels[rows])
        loss.backward()
        self.optimizer.step()
        return loss

    def run(self, steps):
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=("mlp", "lenet", "cnn"))
    parser.add_argument("mode", nargs="*", default=MODES)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--serve", action="store_true", help="read modes from standard input, one a line")
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    images, labels = load(a.data, "train")
    trainers = {}

    def answer(mode):
        result = {"name": "torch", "model": a.model, "mode": mode}
        try:
            if mode not in trainers:
                trainers[mode] = Trainer(a.model, mode, images, labels)
            return {**result, **trainers[mode].run(a.steps)}
        except Exception as e:  # torch.compile needs a C++ compiler and Python's headers: say so and go on without
            return {**result, "error": str(e).strip().splitlines()[0][:200]}

    if a.serve:
        for line in sys.stdin:
            print(json.dumps(answer(line.strip())), flush=True)
        return
    test = load(a.data, "t10k")
    for mode in a.mode:
        result = answer(mode)
        if "error" not in result:
            result["test_accuracy"] = trainers[mode].accuracy(*test)
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
