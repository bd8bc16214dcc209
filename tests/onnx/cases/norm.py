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
]
