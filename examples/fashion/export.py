"""How cnn.onnx came to be: an ordinary PyTorch module, exported so that it can still be trained.

    python3 -m venv .venv && .venv/bin/pip install torch onnx onnxscript && .venv/bin/python export.py

The demo needs nothing of this: cnn.onnx lies beside. Three options of the export matter to whoever wants to train the file:
model.train() keeps Dropout and batch normalisation, optimize=False keeps every parameter's name and shape, and dynamic_shapes
leaves the batch open.
"""
import pathlib

import onnx
import torch
from torch import nn


class Cnn(nn.Module):
    """Two 3x3 convolutions of 32 and 64 channels with max pooling, then one linear layer: 50 186 parameters."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(64 * 7 * 7, 10)

    def forward(self, images):
        x = self.pool(torch.relu(self.conv1(images)))
        x = self.pool(torch.relu(self.conv2(x)))
        return self.fc(torch.flatten(x, 1))


def main():
    torch.manual_seed(1)
    model = Cnn().train()
    program = torch.onnx.export(model, (torch.zeros(2, 1, 28, 28),), dynamo=True, optimize=False, opset_version=20,
                                dynamic_shapes=({0: torch.export.Dim("batch")},), input_names=["images"],
                                output_names=["logits"], verbose=False)
    proto = program.model_proto
    proto.producer_version = ""
    for node in proto.graph.node:  # the exporter notes this machine's source files on every node
        del node.metadata_props[:]
    path = pathlib.Path(__file__).with_name("cnn.onnx")
    onnx.save(proto, path)
    onnx.checker.check_model(path)
    print(path.name, path.stat().st_size, "bytes,", sum(p.numel() for p in model.parameters()), "parameters")


if __name__ == "__main__":
    main()
