"""Writes norms.onnx: one small network with every normalisation, window and pool, for the known answers of lowering.

    norms.py [FOLDER]     the folder of this file

Weights are drawn by a generator of our own, so that the file is the same wherever it is written; it has no meaning beyond
that.
"""
import numpy

from drawing import Drawing


def build():
    drawing = Drawing("norms", 7, "assay tests")
    keep, weight, scale, node = drawing.keep, drawing.weight, drawing.scale, drawing.node
    node("Unsqueeze", ["x", keep("one", numpy.array([1], numpy.int64))], "image")
    node("Conv", ["image", weight("first", 6, 1, 3, 4)], "c1", auto_pad="SAME_UPPER", strides=[2, 2])
    node("BatchNormalization", ["c1", scale("bn.s", 6), weight("bn.b", 6), weight("bn.m", 6), scale("bn.v", 6)], "bn", momentum=0.8)
    node("Relu", ["bn"], "r1")
    node("Conv", ["r1", weight("deep", 6, 1, 3, 3), weight("deep.b", 6)], "c2", group=6, pads=[1, 1, 1, 1], strides=[2, 2])
    node("ConvTranspose", ["c2", weight("up", 6, 2, 3, 3), weight("up.b", 4)], "t1", group=2, strides=[2, 2], pads=[1, 1, 1, 1],
         output_padding=[1, 0])
    node("GroupNormalization", ["t1", scale("gn.s", 4), weight("gn.b", 4)], "gn", num_groups=2)
    node("Relu", ["gn"], "r2")
    node("MaxPool", ["r2"], "p1", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    node("InstanceNormalization", ["p1", scale("in.s", 4), weight("in.b", 4)], "in")
    node("AveragePool", ["in"], "p2", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 1, 1, 1], ceil_mode=1, count_include_pad=1)
    node("LRN", ["p2"], "lrn", size=3, alpha=0.5)
    node("MeanVarianceNormalization", ["lrn"], "mvn")
    node("LpPool", ["mvn"], "lp", kernel_shape=[2, 2], p=3)
    node("Conv", ["lp", weight("mix", 5, 4, 2, 2)], "c3", dilations=[2, 1], auto_pad="VALID")
    node("GlobalMaxPool", ["c3"], "most")
    node("GlobalLpPool", ["c3"], "size", p=2)
    node("Add", ["most", "size"], "both")
    node("Flatten", ["both"], "flat")
    node("LayerNormalization", ["flat", scale("ln.s", 5), weight("ln.b", 5)], "ln")
    node("RMSNormalization", ["ln", scale("rms.s", 5)], "rms", epsilon=0.01)
    node("LpNormalization", ["rms"], "unit", axis=1, p=1)
    node("Gemm", ["unit", weight("last", 10, 5), weight("last.b", 10)], "y", transB=1)
    return drawing


if __name__ == "__main__":
    build().write()
