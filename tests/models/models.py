"""The networks that tests, benchmarks and their PyTorch twins share, as ordinary PyTorch modules."""
import torch
from torch import nn


def mlp(*widths):
    """Linear layers of the given widths with ReLU between them."""
    layers = []
    for fan_in, fan_out in zip(widths, widths[1:]):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(nn.Flatten(), *layers[:-1])


class LeNet(nn.Module):
    """LeNet-5 as it is trained today (ReLU, max pooling); LeCun et al. 1998 with first padding 2 for 28x28 images."""

    def __init__(self, channels=(6, 16), widths=(120, 84), classes=10):
        super().__init__()
        a, b = channels
        self.conv1 = nn.Conv2d(1, a, 5, padding=2)
        self.conv2 = nn.Conv2d(a, b, 5)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(b * 5 * 5, widths[0])
        self.fc2 = nn.Linear(widths[0], widths[1])
        self.fc3 = nn.Linear(widths[1], classes)

    def forward(self, input):
        x = self.pool(torch.relu(self.conv1(input)))
        x = self.pool(torch.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x)))))


class Cnn(nn.Module):
    """Two 3x3 convolutions with max pooling and one linear layer."""

    def __init__(self, channels=(32, 64), classes=10):
        super().__init__()
        a, b = channels
        self.conv1 = nn.Conv2d(1, a, 3, padding=1)
        self.conv2 = nn.Conv2d(a, b, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(b * 7 * 7, classes)

    def forward(self, input):
        x = self.pool(torch.relu(self.conv1(input)))
        x = self.pool(torch.relu(self.conv2(x)))
        return self.fc(torch.flatten(x, 1))


class Mixed(nn.Module):
    """Every smooth activation once, both kinds of GELU, a bare product and a residual sum."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(16, 24)
        self.fc2 = nn.Linear(24, 24)
        self.fc3 = nn.Linear(24, 24, bias=False)
        self.fc4 = nn.Linear(24, 10)
        self.exact, self.fast = nn.GELU(), nn.GELU(approximate="tanh")

    def forward(self, input):
        x = torch.tanh(self.fc1(input))
        y = torch.sigmoid(self.fc2(x))
        x = self.exact(self.fc3(x * y)) + x
        return self.fc4(self.fast(x))


class Pools(nn.Module):
    """Strided convolution, average pooling, global average pooling, log-softmax at the end."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 3, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(3, 4, 3, dilation=2)
        self.fc = nn.Linear(4, 10)

    def forward(self, input):
        x = nn.functional.avg_pool2d(torch.tanh(self.conv1(input)), 2)
        x = nn.functional.adaptive_avg_pool2d(torch.relu(self.conv2(x)), 1)
        return torch.log_softmax(self.fc(torch.flatten(x, 1)), dim=1)


class Corners(nn.Module):
    """What importers get wrong: buffers that must not train, a parameter of rank 0 that must, a convolution without bias,
    "same" padding of an even kernel, pooling windows that overlap, one layer used twice."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.25]))
        self.register_buffer("std", torch.full((1, 1, 1), 0.5))
        self.conv1 = nn.Conv2d(1, 2, 3, stride=2, padding=1, bias=False)
        self.conv2 = nn.Conv2d(2, 3, 4, padding="same")
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.fc1 = nn.Linear(3 * 7 * 7, 12)
        self.twice = nn.Linear(12, 12)
        self.gain = nn.Parameter(torch.tensor(1.5))
        self.fc2 = nn.Linear(12, 10)

    def forward(self, input):
        x = (input - self.mean) / self.std
        x = self.pool(torch.relu(self.conv2(torch.tanh(self.conv1(x)))))
        x = torch.relu(self.fc1(x.flatten(1)))
        x = torch.tanh(self.twice(torch.tanh(self.twice(x))))
        return self.fc2(x * self.gain)


class Merged(nn.Module):
    """What default exports spoil: a batch norm, equal tensors in two layers, a tied weight."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.norm1, self.norm2 = nn.LayerNorm(4), nn.LayerNorm(4)
        self.there = nn.Linear(4, 6, bias=False)
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)
        with torch.no_grad():
            self.one.bias.zero_()
            self.two.bias.zero_()

    def forward(self, x):
        h = torch.relu(self.bn(self.conv(x))).mean((2, 3))
        h = self.norm2(self.norm1(h)).unsqueeze(1)
        h = self.there(h) @ self.there.weight  # there and back with one weight
        return self.two(self.one(h)).squeeze(1)


def training():
    """What behaves otherwise in training: batch norm and dropout."""
    return nn.Sequential(nn.Linear(8, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.25), nn.Linear(6, 2))


def dropout_mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 16), nn.ReLU(), nn.Dropout(0.25), nn.Linear(16, 10))


IMAGE, VECTOR, FEATURES = (1, 28, 28), (16,), (8,)

# name: (how to build it, shape of one sample, its loss)
MODELS = {
    "mlp": (lambda: mlp(784, 512, 256, 10), IMAGE, "cross_entropy"),
    "lenet": (LeNet, IMAGE, "cross_entropy"),
    "cnn": (Cnn, IMAGE, "cross_entropy"),
    "mlp_small": (lambda: mlp(784, 32, 10), IMAGE, "cross_entropy"),
    "mlp_dropout": (dropout_mlp, IMAGE, "cross_entropy"),
    "lenet_small": (lambda: LeNet((2, 3), (16, 12)), IMAGE, "cross_entropy"),
    "mixed": (Mixed, VECTOR, "cross_entropy"),
    "pools": (Pools, IMAGE, "cross_entropy"),
    "corners": (Corners, IMAGE, "cross_entropy"),
    "merged": (Merged, (1, 4, 4), "mse"),
    "training": (training, FEATURES, "mse"),
    "regression": (lambda: mlp(8, 16, 16, 2), FEATURES, "mse"),
}


def build(name, seed=1):
    """The module with the weights of its ONNX file: PyTorch's default initialisation under a fixed seed, each tensor
    rounded to multiples of a sixteenth of its largest value, so that the committed files compress to an eighth."""
    torch.manual_seed(seed)
    model = MODELS[name][0]()
    with torch.no_grad():
        for p in model.parameters():
            grid = p.abs().max() / 16
            if grid > 0:
                p.copy_(torch.round(p / grid) * grid)
    return model
