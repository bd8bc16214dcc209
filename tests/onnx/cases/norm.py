"""Normalisation, convolutions and pools. Batch norm's evaluation form differs from what trains, so its reference is here."""
import numpy
from graph import C, W, case

POSITIVE = numpy.array([0.5, 2.0, 1.25], numpy.float32)


def batch_norm(x, scale, bias, *_, epsilon=1e-5):
    axes = tuple(a for a in range(x.ndim) if a != 1)
    d = x - x.mean(axes, keepdims=True)
    seen = (-1,) + (1,) * (x.ndim - 2)
    return d / numpy.sqrt((d * d).mean(axes, keepdims=True) + epsilon) * scale.reshape(seen) + bias.reshape(seen)


def rows(mask, centred=True, epsilon=1e-5):
    """Normalises over these axes; scale and bias broadcast as numpy has it."""
    def call(x, scale, bias=0.0):
        d = x - x.mean(mask, keepdims=True) if centred else x
        return d / numpy.sqrt((d * d).mean(mask, keepdims=True) + epsilon) * scale + bias
    return call


def grouped(groups, each=True):
    def call(x, scale, bias):
        n, c = x.shape[:2]
        d = x.reshape(n, groups, -1)
        d = d - d.mean(2, keepdims=True)
        d = (d / numpy.sqrt((d * d).mean(2, keepdims=True) + 1e-5)).reshape(x.shape)
        if not each:
            scale, bias = numpy.repeat(scale, c // groups), numpy.repeat(bias, c // groups)
        seen = (-1,) + (1,) * (x.ndim - 2)
        return d * scale.reshape(seen) + bias.reshape(seen)
    return call


def neighbours(size, alpha, beta, bias):
    def call(x):
        squares = numpy.zeros_like(x)
        for c in range(x.shape[1]):
            first = c - (size - 1) // 2
            squares[:, c] = (x[:, max(first, 0):max(first + size, 0)] ** 2).sum(1)
        return x / (bias + alpha / size * squares) ** beta
    return call


def transposed(x, w, b=None, groups=1, strides=(1, 1)):
    """Every input place puts its kernel over the output."""
    n, ci, h, wide = x.shape
    _, co, kh, kw = w.shape
    y = numpy.zeros((n, groups * co, (h - 1) * strides[0] + kh, (wide - 1) * strides[1] + kw))
    each = ci // groups
    for c in range(ci):
        at = c // each * co
        for i in range(h):
            for j in range(wide):
                y[:, at:at + co, i * strides[0]:i * strides[0] + kh, j * strides[1]:j * strides[1] + kw] += (
                    x[:, c, i, j].reshape(n, 1, 1, 1) * w[c])
    return y if b is None else y + b.reshape(1, -1, 1, 1)


CASES = [
    case("images", "BatchNormalization", [(2, 3, 4, 5), W(3), W(3), C(numpy.zeros(3)), C(POSITIVE)], reference=batch_norm),
    case("rows, a wide epsilon", "BatchNormalization", [(6, 3), W(3), W(3), C(numpy.zeros(3)), C(POSITIVE)], epsilon=0.1,
         reference=lambda *a: batch_norm(*a, epsilon=0.1)),
    case("sequences", "BatchNormalization", [(2, 3, 5), W(3), W(3), C(numpy.zeros(3)), C(POSITIVE)], reference=batch_norm),
    case("last axis", "LayerNormalization", [(2, 3, 6), W(6), W(6)], reference=rows((2,))),
    case("from axis 1", "LayerNormalization", [(2, 3, 6), W((3, 6)), W((3, 6))], axis=1, reference=rows((1, 2))),
    case("no bias, computed scale", "LayerNormalization", [(2, 6), (1, 6)], reference=rows((1,))),
    case("all axes", "LayerNormalization", [(3, 4), W((3, 4)), W(4)], axis=0, epsilon=0.01, reference=rows((0, 1), epsilon=0.01)),
    case("last axis", "RMSNormalization", [(2, 3, 6), W(6)], reference=rows((2,), False)),
    case("from axis -2", "RMSNormalization", [(2, 3, 6), W((3, 6))], axis=-2, epsilon=0.1, reference=rows((1, 2), False, 0.1)),
    case("three groups", "GroupNormalization", [(2, 6, 3, 2), W(6), W(6)], num_groups=3, reference=grouped(3)),
    case("of rows", "GroupNormalization", [(3, 6), W(6), W(6)], num_groups=2, reference=grouped(2)),
    case("scale a group", "GroupNormalization", [(2, 6, 3), W(3), W(3)], num_groups=3, opset=18, reference=grouped(3, False)),
    case("images", "InstanceNormalization", [(2, 3, 4, 2), W(3), W(3)], reference=grouped(3)),
    case("sequences", "InstanceNormalization", [(2, 3, 5), W(3), W(3)], reference=grouped(3)),
    case("usual axes", "MeanVarianceNormalization", [(2, 3, 4, 2)],
         reference=lambda x: (x - x.mean((0, 2, 3), keepdims=True)) / (x.std((0, 2, 3), keepdims=True) + 1e-9)),
    case("channels", "MeanVarianceNormalization", [(2, 5, 2)], axes=[1],
         reference=lambda x: (x - x.mean(1, keepdims=True)) / (x.std(1, keepdims=True) + 1e-9)),
    case("length", "LpNormalization", [(3, 5)], axis=1, p=2, reference=lambda x: x / numpy.sqrt((x * x).sum(1, keepdims=True))),
    case("magnitude", "LpNormalization", [(3, 4, 2)], axis=1, p=1, reference=lambda x: x / abs(x).sum(1, keepdims=True)),
    case("neighbours", "LRN", [(2, 5, 3, 2)], size=3, alpha=0.5, beta=0.6, bias=1.2, reference=neighbours(3, 0.5, 0.6, 1.2)),
    case("an even number of them", "LRN", [(2, 6, 2)], size=4, alpha=0.3, reference=neighbours(4, 0.3, 0.75, 1.0)),
    case("one axis", "Conv", [(2, 3, 8), W((4, 3, 3)), W(4)], strides=[2], pads=[1, 0]),
    case("three axes", "Conv", [(1, 2, 4, 3, 4), W((2, 2, 2, 2, 2))], pads=[0, 1, 0, 1, 0, 0]),
    case("groups", "Conv", [(2, 4, 4, 4), W((6, 2, 3, 3)), W(6)], group=2, pads=[1, 1, 1, 1]),
    case("depthwise, strided", "Conv", [(2, 3, 6, 5), W((3, 1, 3, 3)), W(3)], group=3, strides=[2, 2], pads=[1, 1, 1, 1]),
    case("depthwise, two each", "Conv", [(1, 3, 4, 4), W((6, 1, 2, 2))], group=3),
    case("dilated", "Conv", [(1, 2, 7, 8), W((2, 2, 3, 2))], dilations=[2, 3]),
    case("same, upper", "Conv", [(1, 2, 5, 6), W((2, 2, 2, 4))], auto_pad="SAME_UPPER", strides=[2, 1]),
    case("same, lower", "Conv", [(1, 2, 5, 6), W((2, 2, 2, 4))], auto_pad="SAME_LOWER", strides=[2, 1]),
    case("valid", "Conv", [(1, 2, 5, 5), W((2, 2, 3, 3))], auto_pad="VALID"),
    case("computed kernel", "Conv", [(1, 2, 5, 5), (2, 2, 3, 3)]),
    case("strided", "ConvTranspose", [(2, 3, 3, 4), W((3, 2, 3, 3)), W(2)], strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 0]),
    case("one axis", "ConvTranspose", [(2, 3, 5), W((3, 2, 4)), W(2)], strides=[2], pads=[1, 2]),
    case("three axes", "ConvTranspose", [(1, 2, 2, 3, 2), W((2, 2, 2, 2, 2))], strides=[1, 2, 2]),
    case("groups", "ConvTranspose", [(1, 4, 3, 3), W((4, 3, 2, 2)), W(6)], group=2, strides=[2, 1],
         reference=lambda *a: transposed(*a, groups=2, strides=(2, 1))),
    case("dilated", "ConvTranspose", [(1, 2, 3, 3), W((2, 2, 2, 3))], dilations=[3, 2], strides=[1, 2]),
    case("same, upper", "ConvTranspose", [(1, 2, 3, 3), W((2, 2, 3, 3))], auto_pad="SAME_UPPER", strides=[2, 2]),
    case("a larger output", "ConvTranspose", [(1, 2, 3, 3), W((2, 1, 2, 2)), W(1)], strides=[2, 2], output_shape=[7, 6],
         reference=lambda x, w, b: numpy.pad(transposed(x, w, strides=(2, 2)), ((0, 0), (0, 0), (0, 1), (0, 0))) + b.reshape(1, 1, 1, 1)),
    case("overlapping", "MaxPool", [(2, 2, 6, 7)], kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1]),
    case("one axis, ceil", "MaxPool", [(2, 3, 8)], kernel_shape=[3], strides=[2], ceil_mode=1),
    case("three axes", "MaxPool", [(1, 2, 4, 4, 3)], kernel_shape=[2, 2, 2], strides=[2, 2, 1]),
    case("dilated", "MaxPool", [(1, 2, 7, 6)], kernel_shape=[2, 3], dilations=[3, 2]),
    case("values beside indices", "MaxPool", [(1, 2, 4, 4)], outputs=2, use=(0,), kernel_shape=[2, 2], strides=[2, 2]),
    case("padding left out", "AveragePool", [(2, 2, 5, 6)], kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1]),
    case("padding counted", "AveragePool", [(1, 2, 5, 6)], kernel_shape=[3, 2], pads=[1, 1, 0, 1], count_include_pad=1),
    case("ceil", "AveragePool", [(1, 2, 6, 7)], kernel_shape=[3, 3], strides=[2, 3], ceil_mode=1,
         reference=lambda x: numpy.stack([numpy.stack([x[:, :, i:i + 3, j:j + 3].mean((2, 3)) for j in (0, 3, 6)], 2)
                                          for i in (0, 2, 4)], 2)),
    case("ceil, padding counted", "AveragePool", [(1, 2, 6, 5)], kernel_shape=[3, 3], strides=[2, 3], pads=[1, 1, 1, 1],
         ceil_mode=1, count_include_pad=1),
    case("dilated", "AveragePool", [(1, 2, 7, 6)], kernel_shape=[2, 3], dilations=[3, 2]),
    case("same", "AveragePool", [(1, 2, 7)], kernel_shape=[4], auto_pad="SAME_LOWER", strides=[2]),
    case("places", "GlobalAveragePool", [(2, 3, 4, 5)]),
    case("places", "GlobalMaxPool", [(2, 3, 4, 5)]),
    case("sequences", "GlobalMaxPool", [(2, 3, 5)], reference=lambda x: x.max(2, keepdims=True)),
    case("places", "GlobalLpPool", [(2, 3, 3, 2)], p=2, reference=lambda x: numpy.sqrt((x * x).sum((2, 3), keepdims=True))),
    case("length", "LpPool", [(2, 2, 5, 6)], kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1], p=2),
    case("magnitude", "LpPool", [(2, 2, 7)], kernel_shape=[3], strides=[2], p=1),
    case("cubes, apart", "LpPool", [(2, 2, 4, 6)], kernel_shape=[2, 3], strides=[2, 3], p=3),
]
