"""How resnet.onnx came to be: a small residual network with batch norm, exported so that it can still be trained.

    python3 -m venv .venv && .venv/bin/pip install torch onnx onnxscript ../../python && .venv/bin/python export.py

The job beside it needs nothing of this: resnet.onnx lies here. ../fashion/export.py shows what assay.export
does by hand; it also checks that every parameter kept its name.
"""
import pathlib

import assay
import torch
from torch import nn


class Block(nn.Module):
    """Two 3x3 convolutions with batch norm around a shortcut (He, Zhang, Ren, Sun 2016)."""

    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(after)
        self.shortcut = nn.Identity()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x):
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class ResNet(nn.Module):
    """One block each of 16, 32 and 64 channels: 77 754 parameters."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.blocks = nn.Sequential(Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2))
        self.fc = nn.Linear(64, 10)

    def forward(self, images):
        x = self.blocks(torch.relu(self.norm(self.stem(images))))
        return self.fc(x.mean((2, 3)))


def main():
    torch.manual_seed(1)
    model = ResNet().train()
    path = pathlib.Path(__file__).with_name("resnet.onnx")
    assay.export(model, torch.zeros(2, 1, 28, 28), path)
    print(path.name, path.stat().st_size, "bytes,", sum(p.numel() for p in model.parameters()), "parameters")


if __name__ == "__main__":
    main()
