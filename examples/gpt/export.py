"""Writes gpt.onnx and licenses.txt: a byte-level GPT of 0.8 million parameters and the text it reads.

    python3 -m venv .venv && .venv/bin/pip install torch onnx onnxscript ../../python && .venv/bin/python export.py [FOLDER]

The text is the licences that every Debian system has under /usr/share/common-licenses, one behind the other in the order of their
names, links left out. ../fashion/export.py shows what assay.export does by hand.
"""
import math
import pathlib
import sys

import assay
import torch
from torch import nn

VOCABULARY, CONTEXT, WIDTH, HEADS, LAYERS = 256, 128, 128, 4, 4
LICENSES = pathlib.Path("/usr/share/common-licenses")


class Block(nn.Module):
    """Causal attention and a perceptron, each behind a layer norm (Radford et al. 2019)."""

    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x, mask):
        batch, time, _ = x.shape
        q, k, v = (y.reshape(batch, time, HEADS, WIDTH // HEADS).transpose(1, 2)
                   for y in self.qkv(self.norm1(x)).chunk(3, dim=2))
        weights = (q @ k.transpose(2, 3) / math.sqrt(WIDTH // HEADS) + mask).softmax(3)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(batch, time, WIDTH))
        return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))


class Gpt(nn.Module):
    """Four layers of width 128 over the last 128 bytes; the head shares the embedding's weights."""

    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(VOCABULARY, WIDTH), nn.Parameter(torch.zeros(CONTEXT, WIDTH))
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.register_buffer("mask", torch.full((CONTEXT, CONTEXT), -math.inf).triu(1))
        nn.init.normal_(self.tokens.weight, std=0.02)
        nn.init.normal_(self.places, std=0.02)

    def forward(self, bytes):
        x = self.tokens(bytes) + self.places
        for block in self.blocks:
            x = block(x, self.mask)
        return self.norm(x) @ self.tokens.weight.T


def text():
    return b"".join(p.read_bytes() for p in sorted(LICENSES.iterdir()) if not p.is_symlink())


def main(folder):
    torch.manual_seed(1)
    model = Gpt().train()
    assay.export(model, torch.zeros(2, CONTEXT, dtype=torch.int64), folder / "gpt.onnx")
    (folder / "licenses.txt").write_bytes(text())
    print(f"gpt.onnx: {sum(p.numel() for p in model.parameters())} parameters; licenses.txt: {len(text())} bytes")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent))
