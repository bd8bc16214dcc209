"""The networks whose training steps are measured beside PyTorch's, as ordinary PyTorch modules: those of tests/peers/rows.py,
and one more that is small enough to lie here (`assay bench guard`)."""
import importlib.util
import pathlib
import sys
from typing import Callable

import torch
from torch import nn

from models import LeNet, mlp

SOURCE = pathlib.Path(__file__).resolve().parents[2]
VOCABULARY = 256


class LeNet32(nn.Module):
    """LeNet's shape with 32 and 64 channels of 3x3 and one wide layer."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 3, padding=1), nn.Conv2d(32, 64, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc1, self.fc2 = nn.Linear(64 * 7 * 7, 128), nn.Linear(128, 10)

    def forward(self, x):
        x = self.pool(torch.relu(self.conv1(x)))
        x = self.pool(torch.relu(self.conv2(x)))
        return self.fc2(torch.relu(self.fc1(torch.flatten(x, 1))))


def resnet(blocks):
    """examples/resnet's network with so many blocks each of 16, 32 and 64 channels: ResNet-8 with one, ResNet-14 with two."""
    if str(SOURCE / "python") not in sys.path:
        sys.path.append(str(SOURCE / "python"))
    spec = importlib.util.spec_from_file_location("resnet_example", SOURCE / "examples" / "resnet" / "export.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    network, before, chain = example.ResNet(), 16, []
    for channels, stride in ((16, 1), (32, 2), (64, 2)):
        for n in range(blocks):
            chain.append(example.Block(before, channels, 1 if n else stride))
            before = channels
    network.blocks = nn.Sequential(*chain)
    return network


class Block(nn.Module):
    """Causal attention and a perceptron, each behind a layer norm, as examples/gpt has them but for the attention, which is
    PyTorch's own function."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, time, width = x.shape
        q, k, v = (y.reshape(batch, time, self.heads, width // self.heads).transpose(1, 2)
                   for y in self.qkv(self.norm1(x)).chunk(3, dim=2))
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(batch, time, width))
        return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))


class Gpt(nn.Module):
    """A byte-level GPT whose head has weights of its own."""

    def __init__(self, context, width, heads, layers):
        super().__init__()
        self.tokens, self.places = nn.Embedding(VOCABULARY, width), nn.Parameter(torch.zeros(context, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, VOCABULARY, bias=False)

    def forward(self, bytes):
        x = self.tokens(bytes) + self.places
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


# name: how to build it
NETWORKS: "dict[str, Callable[[], nn.Module]]" = {
    "mlp": lambda: mlp(784, 512, 256, 10),
    "lenet": LeNet,
    "lenet32": LeNet32,
    "resnet8": lambda: resnet(1),
    "resnet14": lambda: resnet(2),
    "gpt": lambda: Gpt(128, 128, 4, 4),
    "gpt10m": lambda: Gpt(256, 384, 6, 6),
    "attention": lambda: Gpt(64, 64, 2, 1),
}
