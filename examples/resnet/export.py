"""How resnet.onnx came to be: a small residual network with batch norm, exported so that it can still be trained.

    python3 -m venv .venv && .venv/bin/pip install torch onnx onnxscript && .venv/bin/python export.py

The job beside it needs nothing of this: resnet.onnx lies here. See ../fashion/export.py for what the options of the export do.
"""
import pathlib

import onnx
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
    program = torch.onnx.export(model, (torch.zeros(2, 1, 28, 28),), dynamo=True, optimize=False, opset_version=20,
                                dynamic_shapes=({0: torch.export.Dim("batch")},), input_names=["images"],
                                output_names=["logits"], verbose=False)
    proto = program.model_proto
    proto.producer_version = ""
    for node in proto.graph.node:  # the exporter notes this machine's source files on every node
        del node.metadata_props[:]
    path = pathlib.Path(__file__).with_name("resnet.onnx")
    onnx.save(proto, path)
    onnx.checker.check_model(path)
    print(path.name, path.stat().st_size, "bytes,", sum(p.numel() for p in model.parameters()), "parameters")


if __name__ == "__main__":
    main()
