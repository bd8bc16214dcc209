#!/usr/bin/env python3
"""Writes moves.onnx: what moves elements, and the arithmetic of shapes and masks that exporters write, in one small graph
whose tapes' roots are fixed (src/model/lower/roots_test.c).

    moves.py FILE       needs the packages of tests/onnx/requirements.txt
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "onnx"))
import environment  # noqa: E402

numpy, onnx = environment.enter()
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

draws = numpy.random.Generator(numpy.random.PCG64(7))
nodes, kept = [], []


def node(op, inputs, outputs=1, **attributes):
    names = [f"{op.lower()}{len(nodes)}_{n}" for n in range(outputs)]
    nodes.append(helper.make_node(op, inputs, names, name=names[0], **attributes))
    return names[0] if outputs == 1 else names


def constant(value, dtype=numpy.int64):
    return node("Constant", [], value=numpy_helper.from_array(numpy.array(value, dtype), ""))


def weight(*shape):
    name = f"w{len(kept)}"
    kept.append(numpy_helper.from_array(draws.normal(0, 0.2, shape).astype(numpy.float32), name))
    return name


def causal(width):
    """The mask that PyTorch's older exporter writes: 0 where a row may look, -inf above the diagonal."""
    side = node("Unsqueeze", [width, constant([0])])
    ones = node("ConstantOfShape", [node("Concat", [side, side], axis=0)],
                value=numpy_helper.from_array(numpy.array([1], numpy.float32), ""))
    below = node("Equal", [node("Trilu", [ones], upper=0), constant(0, numpy.float32)])
    return node("Where", [below, constant(-numpy.inf, numpy.float32), constant(0, numpy.float32)])


# One head over the rows of the picture: table of positions, split, scale and mask computed from shapes.
batch = node("Gather", ["x_shape", constant(0)], axis=0)
rows = node("Gather", ["x_shape", constant(1)], axis=0)
nodes.insert(0, helper.make_node("Shape", ["x"], ["x_shape"]))
places = node("Range", [constant(0), rows, constant(1)])
h = node("Add", [node("MatMul", ["x", weight(28, 12)]), node("Gather", [weight(30, 12), places], axis=0)])
q, k, v = node("Split", [h], outputs=3, axis=-1, num_outputs=3)
depth = node("Cast", [node("Squeeze", [node("Slice", [node("Shape", [q]), constant([-1]), constant([2 ** 63 - 1])])])], to=TensorProto.FLOAT)
scale = node("Div", [constant(1, numpy.float32), node("Sqrt", [depth])])
scores = node("Mul", [node("MatMul", [q, node("Transpose", [k], perm=[0, 2, 1])]), scale])
h = node("MatMul", [node("Softmax", [node("Add", [scores, causal(rows)])], axis=-1), v])  # [n, 28, 4]

# A picture of it: channels, resized both ways, mirrored, shuffled.
p = node("Conv", [node("Unsqueeze", [h, constant([1])]), weight(8, 1, 3, 3)], pads=[1, 1, 1, 1], strides=[4, 1])  # [n, 8, 7, 4]
up = node("Resize", [p, "", constant([1, 1, 2, 2], numpy.float32)], mode="nearest", coordinate_transformation_mode="asymmetric",
          nearest_mode="floor")
smooth = node("Resize", [p, "", "", node("Concat", [node("Slice", [node("Shape", [p]), constant([0]), constant([2])]), constant([14, 8])], axis=0)],
              mode="linear")
p = node("Concat", [up, smooth], axis=1)                                                                   # [n, 16, 14, 8]
p = node("DepthToSpace", [p], blocksize=2)                                                                 # [n, 4, 28, 16]
p = node("Pad", [node("Slice", [p, constant([26]), constant([-100]), constant([2]), constant([-4])]), constant([0, 0, 1, 0, 0, 0, 2, 0])], mode="reflect")
p = node("Slice", [p, constant([1, 3]), constant([9, 13]), constant([2, 3])])                              # [n, 4, 8, 10]
p = node("GatherElements", [p, node("Expand", [constant([[[[3], [-1], [3], [0]]]]), node("Concat", [node("Unsqueeze", [batch, constant([0])]),
                                                                                                    constant([4, 4, 10])], axis=0)])], axis=2)
p = node("Trilu", [p], upper=0)
whole = node("Reshape", [p, node("Concat", [node("Unsqueeze", [batch, constant([0])]), constant([-1])], axis=0)])  # [n, 160]
part = node("Gather", [whole, constant([[0, 7], [7, -1]])], axis=1)                                        # [n, 2, 2]
part = node("Tile", [part, constant([1, 2, 1])])                                                           # [n, 4, 2]
table = node("ScatterND", [weight(6, 2), constant([[4], [0]]), weight(2, 2)])
part = node("Concat", [part, node("Expand", [node("Unsqueeze", [table, constant([0])]),
                                             node("Concat", [node("Unsqueeze", [batch, constant([0])]), constant([6, 2])], axis=0)])], axis=1)
last = node("Concat", [whole, node("Flatten", [part])], axis=1)                                            # [n, 180]
nodes.append(helper.make_node("Gemm", [last, weight(10, 180), weight(10)], ["y"], transB=1))

graph = helper.make_graph(nodes, "moves", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 28, 28])],
                          [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10])], kept)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
onnx.checker.check_model(model)
onnx.save(model, sys.argv[1])
