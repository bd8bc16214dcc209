"""Families of networks as people write them in PyTorch, small. Writes families/: what both exporters make of each, one batch,
and what PyTorch computes for it in float64. Needs torch, onnx and onnxscript; families_test.py needs none of them.

    python3 families.py [NAME ...]

    NAME.onnx          torch.export, training mode, unoptimised
    NAME_legacy.onnx   the older TorchScript exporter, training mode
    NAME.x.npy .y.npy  a batch of eight: inputs, targets
    NAME.json          float64: the losses before updates 1, 2, 11 and 51 on that batch with SGD and with AdamW, and the gradient
                       before the first: of every parameter whose name and shape the ONNX file keeps, its norm and some elements
"""
import contextlib
import io
import json
import pathlib
import sys
import warnings

import numpy
import onnx
import torch
from torch import nn
from torch.nn import functional

FOLDER = pathlib.Path(__file__).parent / "families"
BATCH, SHOWN = 8, (0, 1, 10, 50)
SGD = {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.001}
ADAMW = {"lr": 0.002, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01}
VOCABULARY, CONTEXT, WIDTH, HEADS = 24, 12, 16, 2


class Mlp(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(10, 24), nn.ReLU(), nn.Linear(24, 24), nn.Tanh(), nn.Dropout(0.1), nn.Linear(24, 5))


class Cnn(nn.Sequential):
    """Groups, a depthwise convolution, strides, dilation, uneven kernels, no bias."""

    def __init__(self):
        super().__init__(nn.Conv2d(2, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.SiLU(),
                         nn.Conv2d(8, 12, (3, 1), stride=2, padding=(1, 0), groups=2, bias=False), nn.LeakyReLU(0.1),
                         nn.Conv2d(12, 8, 3, dilation=2), nn.Hardswish(), nn.Flatten(), nn.Linear(32, 5))


class Signal(nn.Sequential):
    """One axis: convolutions, both poolings."""

    def __init__(self):
        super().__init__(nn.Conv1d(2, 8, 5, padding=2), nn.GELU(), nn.MaxPool1d(2), nn.Conv1d(8, 8, 3, padding=2, dilation=2),
                         nn.ELU(), nn.AvgPool1d(2), nn.Conv1d(8, 6, 3, stride=2), nn.Flatten(), nn.Linear(18, 4))


class Norms(nn.Module):
    """Every normalisation but batch's, which Residual has, and RMS's, which Gpt has."""

    def __init__(self):
        super().__init__()
        self.conv1, self.group = nn.Conv2d(2, 8, 3), nn.GroupNorm(2, 8)
        self.conv2, self.instance = nn.Conv2d(8, 6, 3, stride=2), nn.InstanceNorm2d(6, affine=True)
        self.fc1, self.layer = nn.Linear(54, 16), nn.LayerNorm(16)
        self.fc2 = nn.Linear(16, 4)

    def forward(self, x):
        x = torch.relu(self.group(self.conv1(x)))
        x = torch.relu(self.instance(self.conv2(x))).flatten(1)
        x = torch.tanh(self.layer(self.fc1(x)))
        return self.fc2(x)


class Pools(nn.Sequential):
    """Windows that overlap, the last one cut, padded averages, sizes given by the result."""

    def __init__(self):
        super().__init__(nn.Conv2d(2, 6, 3, padding=1), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Softplus(),
                         nn.AvgPool2d(3, 1, 1), nn.Conv2d(6, 6, 3, padding=1), nn.AdaptiveAvgPool2d((3, 3)), nn.Tanh(),
                         nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(6, 4))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
        self.short = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.short(x))


class Residual(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(2, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), Block(6, 6, 1), Block(6, 8, 2),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))


class Autoencoder(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 8, 3, 2, 1), nn.ReLU(),
                         nn.ConvTranspose2d(8, 4, 3, 2, 1, output_padding=1), nn.ReLU(), nn.ConvTranspose2d(4, 1, 4, 2, 1),
                         nn.Sigmoid())


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1, self.down2, self.down3 = (nn.Conv2d(i, o, 3, padding=1) for i, o in ((1, 4), (4, 6), (6, 8)))
        self.up2, self.up1 = nn.Conv2d(14, 6, 3, padding=1), nn.Conv2d(10, 4, 3, padding=1)
        self.out = nn.Conv2d(4, 1, 1)

    def forward(self, x):
        a = torch.relu(self.down1(x))
        b = torch.relu(self.down2(functional.max_pool2d(a, 2)))
        c = torch.relu(self.down3(functional.max_pool2d(b, 2)))
        c = functional.interpolate(c, scale_factor=2, mode="nearest")
        b = torch.relu(self.up2(torch.cat([b, c], 1)))
        b = functional.interpolate(b, scale_factor=2, mode="bilinear", align_corners=False)
        return self.out(torch.relu(self.up1(torch.cat([a, b], 1))))


def rotated(x):
    """Rotary positions on [.., time, width]: pairs (i, i + width / 2) turned by time / 10000^(2i / width)."""
    time, width = x.shape[-2:]
    angle = torch.outer(torch.arange(time, dtype=x.dtype), 10000.0 ** (-torch.arange(0, width, 2, dtype=x.dtype) / width))
    cos, sin = torch.cat([angle, angle], -1).cos(), torch.cat([angle, angle], -1).sin()
    return x * cos + torch.cat([-x[..., width // 2:], x[..., :width // 2]], -1) * sin


class Gpt(nn.Module):
    """A block of a language model, embedding and head tied. fused: attention as one operator and rotary positions; else by
    products with a mask, and learned positions."""

    def __init__(self, fused):
        super().__init__()
        self.fused = fused
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = None if fused else nn.Embedding(CONTEXT, WIDTH)
        norm = nn.RMSNorm if fused else nn.LayerNorm
        self.norm1, self.norm2, self.norm3 = norm(WIDTH, eps=1e-5), norm(WIDTH, eps=1e-5), norm(WIDTH, eps=1e-5)
        self.qkv, self.mix = nn.Linear(WIDTH, 3 * WIDTH, bias=not fused), nn.Linear(WIDTH, WIDTH)
        self.wide, self.narrow = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.head.weight = self.tokens.weight
        self.register_buffer("mask", torch.tril(torch.ones(CONTEXT, CONTEXT)).view(1, 1, CONTEXT, CONTEXT))

    def forward(self, token):
        batch, time = token.shape
        x = self.tokens(token)
        if not self.fused:
            x = x + self.positions(torch.arange(time))
        q, k, v = (z.view(batch, time, HEADS, WIDTH // HEADS).transpose(1, 2) for z in self.qkv(self.norm1(x)).split(WIDTH, 2))
        if self.fused:
            y = functional.scaled_dot_product_attention(rotated(q), rotated(k), v, is_causal=True)
        else:
            scores = q @ k.transpose(-2, -1) * (WIDTH // HEADS) ** -0.5
            scores = scores.masked_fill(self.mask[:, :, :time, :time] == 0, float("-inf"))
            y = torch.softmax(scores, -1) @ v
        x = x + self.mix(y.transpose(1, 2).reshape(batch, time, WIDTH))
        x = x + self.narrow(functional.gelu(self.wide(self.norm2(x))))
        return self.head(self.norm3(x))


class Vit(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(2, WIDTH, 4, 4)
        self.first = nn.Parameter(torch.randn(1, 1, WIDTH) * 0.1)
        self.positions = nn.Parameter(torch.randn(1, 10, WIDTH) * 0.1)
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 24, 0.0, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 4)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(x.shape[0], -1, -1), x], 1) + self.positions
        return self.head(self.norm(self.encoder(x))[:, 0])


class Recurrent(nn.Module):
    def __init__(self, kind, **how):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, 8)
        self.cells = kind(8, 10, batch_first=True, **how)
        self.out = nn.Linear(20 if how.get("bidirectional") else 10, VOCABULARY)

    def forward(self, token):
        return self.out(self.cells(self.tokens(token))[0])


IMAGE, TOKENS = (2, 12, 12), (CONTEXT,)
# name: (how to build it, shape of one sample, classes of a sample, or None: the input itself is the target, operator set)
FAMILIES = {
    "mlp": (Mlp, (10,), 5, 20),
    "cnn": (Cnn, IMAGE, 5, 18),
    "signal": (Signal, (2, 32), 4, 20),
    "norms": (Norms, (2, 9, 9), 4, 20),
    "pools": (Pools, IMAGE, 4, 20),
    "residual": (Residual, IMAGE, 4, 20),
    "autoencoder": (Autoencoder, (1, 12, 12), None, 20),
    "unet": (UNet, (1, 12, 12), None, 20),
    "gpt": (lambda: Gpt(False), TOKENS, VOCABULARY, 20),
    "gpt_attention": (lambda: Gpt(True), TOKENS, VOCABULARY, 23),
    "vit": (Vit, IMAGE, 4, 20),
    "gru": (lambda: Recurrent(nn.GRU), TOKENS, VOCABULARY, 20),
    "lstm": (lambda: Recurrent(nn.LSTM, bidirectional=True), TOKENS, VOCABULARY, 20),
}
LEGACY_OPSET = 20
NO_LEGACY = ("gpt_attention",)  # the older exporter knows neither RMSNorm nor Attention


def build(name):
    """The module, in training mode with its dropout off, weights on a coarse grid so that the files compress."""
    torch.manual_seed(5)
    model = FAMILIES[name][0]().train()
    with torch.no_grad():
        for p in model.parameters():
            grid = p.abs().max() / 64
            p.copy_(torch.round(p / grid) * grid if grid > 0 else p)
    return model


def batch_of(name):
    _, shape, classes, _ = FAMILIES[name]
    rng = numpy.random.Generator(numpy.random.PCG64(len(name)))
    if shape == TOKENS:
        text = (numpy.arange(BATCH * (CONTEXT + 1)) * 7 % 11 + rng.integers(0, 3, BATCH * (CONTEXT + 1))).reshape(BATCH, -1)
        return text[:, :-1].astype(numpy.int64), text[:, 1:].astype(numpy.int32)
    x = rng.normal(0, 1, (BATCH, *shape)).astype(numpy.float32)
    return (x, (1 / (1 + numpy.exp(-x))).astype(numpy.float32)) if classes is None else (x, (numpy.arange(BATCH) * 3 % classes).astype(numpy.int32))


def strip(model):
    """Takes out what depends on the machine: the exporter notes source files, lines and modules on every node."""
    model.producer_version = ""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output]:
        kept = [p for p in value.metadata_props if p.key.endswith("InputSpec.kind")]
        del value.metadata_props[:]
        value.metadata_props.extend(kept)
    return model


def export(name, x):
    paths = FOLDER / f"{name}.onnx", FOLDER / f"{name}_legacy.onnx"
    with contextlib.redirect_stdout(io.StringIO()):
        made = torch.onnx.export(build(name), (x,), dynamo=True, optimize=False, opset_version=FAMILIES[name][3], verbose=False,
                                 dynamic_shapes=({0: torch.export.Dim("batch", min=2, max=1024)},), input_names=["input"],
                                 output_names=["output"])
        onnx.save(strip(made.model_proto), paths[0])
        if name in NO_LEGACY:
            return paths[:1]
        torch.onnx.export(build(name), (x,), paths[1], dynamo=False, opset_version=LEGACY_OPSET, do_constant_folding=False,
                          training=torch.onnx.TrainingMode.TRAINING, input_names=["input"], output_names=["output"],
                          dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}})
        onnx.save(strip(onnx.load(paths[1])), paths[1])
    return paths


def prepare(name):
    x, y = batch_of(name)
    model = build(name).double()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    x = torch.from_numpy(x) if x.dtype == numpy.int64 else torch.from_numpy(x).double()
    if FAMILIES[name][2] is None:
        return model, x, lambda out: functional.mse_loss(out, torch.from_numpy(y).double())
    target = torch.from_numpy(y).long()
    return model, x, lambda out: functional.cross_entropy(out.flatten(0, -2), target.flatten())


def losses(name, optimizer, options):
    model, x, loss_of = prepare(name)
    step = optimizer(model.parameters(), **options)
    shown = {}
    for update in range(max(SHOWN) + 1):
        step.zero_grad()
        loss = loss_of(model(x))
        if update in SHOWN:
            shown[str(update)] = loss.item()
        loss.backward()
        step.step()
    return {**options, "losses": shown}


def gradients(name, paths):
    """Of the parameters that every file keeps under PyTorch's name."""
    kept = None
    for path in paths:
        shapes = {i.name: list(i.dims) for i in onnx.load(path).graph.initializer}
        mine = {n for n, p in prepare(name)[0].named_parameters() if shapes.get(n) == list(p.shape)}
        kept = mine if kept is None else kept & mine
    model, x, loss_of = prepare(name)
    loss_of(model(x)).backward()
    out = {}
    for n, p in model.named_parameters():
        if n not in kept:
            continue
        g = p.grad.flatten()
        index = sorted({0, g.numel() // 2, g.numel() - 1} | set(torch.topk(g.abs(), min(3, g.numel())).indices.tolist()))
        out[n] = {"shape": list(p.shape), "norm": g.norm().item(), "largest": g.abs().max().item(), "index": index,
                  "value": g[index].tolist()}
    return out


def main(names):
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    for name in names or FAMILIES:
        x, y = batch_of(name)
        numpy.save(FOLDER / f"{name}.x.npy", x)
        numpy.save(FOLDER / f"{name}.y.npy", y)
        paths = export(name, torch.from_numpy(x))
        result = {"loss": "mse" if FAMILIES[name][2] is None else "cross_entropy", "batch": BATCH,
                  "sgd": losses(name, torch.optim.SGD, SGD), "adamw": losses(name, torch.optim.AdamW, ADAMW),
                  "gradient": gradients(name, paths)}
        (FOLDER / f"{name}.json").write_text(json.dumps(result) + "\n")
        print(name, [(p.name, p.stat().st_size, len(onnx.load(p).graph.node)) for p in paths], len(result["gradient"]), "gradients",
              [[round(v, 4) for v in result[k]["losses"].values()] for k in ("sgd", "adamw")], flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
