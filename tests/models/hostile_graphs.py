"""Small ONNX files that decode and are made to hurt whoever lowers them. Needs onnx, numpy.

    python3 hostile_graphs.py FOLDER [NAME ..]
"""
import pathlib
import sys

import numpy
from onnx import TensorProto, helper, numpy_helper

I32, I64, FLOAT = 1 << 31, 1 << 63, TensorProto.FLOAT


def model(nodes, initializers=(), inputs=None, outputs=("y",), opset=20, kind=FLOAT):
    """x [2, 4] or `inputs` {name: dims} -> nodes -> outputs; lists among initializers are int64 or float32."""
    inputs = inputs if inputs is not None else {"x": [2, 4]}
    held = []
    for name, value in dict(initializers).items():
        held.append(value if isinstance(value, TensorProto) else numpy_helper.from_array(array(value), name))
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info(n, *(d if isinstance(d, tuple) else (FLOAT, d))) for n, d in inputs.items()],
        [helper.make_tensor_value_info(n, kind, None) for n in outputs], held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10).SerializeToString()


def array(value):
    value = numpy.asarray(value)
    return value.astype(numpy.float32) if value.dtype.kind == "f" else value.astype(numpy.int64) if value.dtype.kind == "i" else value


def node(op, inputs, outputs=("y",), **attributes):
    return helper.make_node(op, list(inputs), list(outputs), name=op.lower(), **attributes)


def chain(count, op, first="x", last="y", extra=(), **attributes):
    """count nodes, each reading the one before."""
    names = [first] + [f"v{n}" for n in range(count - 1)] + [last]
    return [helper.make_node(op, [names[n], *extra], [names[n + 1]], **attributes) for n in range(count)]


def doubled(count, op="Add"):
    """Every node reads the one before twice: 2^count paths."""
    names = ["x"] + [f"v{n}" for n in range(count - 1)] + ["y"]
    return [helper.make_node(op, [names[n], names[n]], [names[n + 1]]) for n in range(count)]


def numbers():
    """Operators whose result is as large as a number in the file says."""
    for label, dims in {"huge": [1 << 40], "square": [1 << 16, 1 << 16], "wraps": [1 << 32, 1 << 32], "eight": [1 << 8] * 8,
                        "million": [1 << 20], "edge": [(1 << 31) - 1, 2], "max": [I64 - 1], "negative": [-1], "zero": [0, 1 << 40]}.items():
        yield f"filled-{label}", model([node("ConstantOfShape", ["s"], ["k"]), node("Add", ["x", "k"])], {"s": dims}, {"x": [1]})
        yield f"expand-{label}", model([node("Expand", ["x", "s"])], {"s": dims}, {"x": [1]})
        yield f"expand-known-{label}", model([node("Expand", ["k", "s"], ["e"]), node("Add", ["x", "e"])], {"s": dims, "k": [1.5]}, {"x": [1]})
        yield f"tile-{label}", model([node("Tile", ["x", "s"])], {"s": dims}, {"x": [2] * len(dims)})
        yield f"reshape-{label}", model([node("Reshape", ["x", "s"])], {"s": dims})
        yield f"resize-{label}", model([node("Resize", ["x", "", "", "s"])], {"s": dims}, {"x": [2] * len(dims)})
        yield f"pad-{label}", model([node("Pad", ["x", "s"])], {"s": dims + dims}, {"x": [2] * len(dims)})
        yield f"pad-reflect-{label}", model([node("Pad", ["x", "s"], mode="reflect")], {"s": dims + dims}, {"x": [2] * len(dims)})
        yield f"pad-wrap-{label}", model([node("Pad", ["x", "s"], mode="wrap")], {"s": dims + dims}, {"x": [2] * len(dims)})
        yield f"slice-{label}", model([node("Slice", ["x", "s", "s", "a", "s"])], {"s": dims[:2], "a": list(range(len(dims[:2])))})
        yield f"split-{label}", model([node("Split", ["x", "s"], ["y", *[f"o{n}" for n in range(len(dims) - 1)]])], {"s": dims})
        yield f"gather-{label}", model([node("Gather", ["x", "s"])], {"s": dims})
        yield f"onehot-{label}", model([node("Cast", ["x"], ["i"], to=TensorProto.INT64), node("OneHot", ["i", "s", "v"])],
                                       {"s": dims[:1], "v": [0.0, 1.0]})
        yield f"topk-{label}", model([node("TopK", ["x", "s"], ["y", "z"])], {"s": dims[:1]})
        yield f"range-{label}", model([node("Range", ["a", "s", "b"], ["r"]), node("Cast", ["r"], ["c"], to=1), node("Add", ["x", "c"])],
                                      {"a": 0, "s": dims[0], "b": 1}, {"x": [1]})
        yield f"center-{label}", model([node("CenterCropPad", ["x", "s"])], {"s": dims}, {"x": [2] * len(dims)})
        yield f"input-{label}", model([node("Relu", ["x"])], inputs={"x": [min(d, I64 - 1) for d in dims]})
        yield f"squeeze-{label}", model([node("Squeeze", ["x", "s"])], {"s": dims})
        yield f"unsqueeze-{label}", model([node("Unsqueeze", ["x", "s"])], {"s": dims})
        yield f"reduce-{label}", model([node("ReduceSum", ["x", "s"])], {"s": dims})
        yield f"cumsum-{label}", model([node("CumSum", ["x", "s"])], {"s": dims[0]})
        yield f"trilu-{label}", model([node("Trilu", ["x", "s"])], {"s": dims[0]})
        yield f"col2im-{label}", model([node("Col2Im", ["x", "s", "b"])], {"s": (dims * 2)[:2], "b": [1, 1]}, {"x": [1, 4, 4]})
        yield f"blackman-{label}", model([node("HannWindow", ["s"], ["w"]), node("Add", ["x", "w"])], {"s": dims[0]}, {"x": [1]})
    for label, scale in {"huge": 1e30, "tiny": 1e-30, "nan": float("nan"), "inf": float("inf"), "negative": -1.0, "zero": 0.0, "large": 65536.0}.items():
        for mode in ("nearest", "linear", "cubic"):
            yield f"resize-scale-{label}-{mode}", model([node("Resize", ["x", "", "s"], mode=mode)], {"s": [1.0, 1.0, scale, scale]}, {"x": [1, 1, 2, 2]})
        yield f"upsample-{label}", model([node("Upsample", ["x", "s"])], {"s": [1.0, 1.0, scale, scale]}, {"x": [1, 1, 2, 2]})
        yield f"range-float-{label}", model([node("Range", ["a", "l", "s"], ["r"]), node("Add", ["x", "r"])], {"a": 0.0, "l": 1e9, "s": scale}, {"x": [1]})
        yield f"roi-{label}", model([node("Resize", ["x", "r", "", "s"], coordinate_transformation_mode="tf_crop_and_resize")],
                                    {"r": [0.0, scale, 1.0, scale], "s": [2, 2]}, {"x": [2, 2]})
        for op, name in {"LeakyRelu": "alpha", "Elu": "alpha", "Selu": "gamma", "ThresholdedRelu": "alpha", "Celu": "alpha", "Shrink": "lambd",
                         "LRN": "alpha", "LayerNormalization": "epsilon", "BatchNormalization": "epsilon", "Gemm": "alpha",
                         "InstanceNormalization": "epsilon", "HardSigmoid": "alpha", "Swish": "alpha"}.items():
            more = {"LRN": {"size": 3}}.get(op, {})
            ins = {"LayerNormalization": ["x", "w"], "BatchNormalization": ["x", "w", "w", "w", "w"], "InstanceNormalization": ["x", "w", "w"],
                   "Gemm": ["x", "m"]}.get(op, ["x"])
            yield f"float-{op}-{label}", model([node(op, ins, **{name: scale}, **more)], {"w": [1.0] * 4, "m": [[1.0] * 4] * 4},
                                               {"x": [2, 4] if op in ("LayerNormalization", "Gemm") else [2, 4, 4]})
        yield f"dropout-{label}", model([node("Dropout", ["x", "r", "t"])], {"r": scale, "t": numpy.array(True)})
        yield f"clip-{label}", model([node("Clip", ["x", "r", "r"])], {"r": scale})


def windows():
    values = {"zero": 0, "negative": -1, "i32": I32, "i31": I32 - 1, "i64": I64 - 1, "large": 1 << 20}
    for label, v in values.items():
        for name in ("kernel_shape", "strides", "dilations", "pads", "output_padding", "output_shape"):
            for op in ("Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool", "MaxUnpool"):
                if name.startswith("output") and op != "ConvTranspose" or op == "MaxUnpool" and name == "dilations":
                    continue
                attributes = {"kernel_shape": [3, 3]} | {name: [v] * (4 if name == "pads" else 2)}
                ins = ["x", "w"] if op.startswith("Conv") else ["x", "x"] if op == "MaxUnpool" else ["x"]
                yield f"window-{op}-{name}-{label}", model([node(op, ins, **attributes)],
                                                          {"w": numpy.ones((2, 2, 3, 3), numpy.float32)}, {"x": [1, 2, 8, 8]})
        for op in ("Conv", "ConvTranspose"):
            yield f"group-{op}-{label}", model([node(op, ["x", "w"], group=v)], {"w": numpy.ones((2, 2, 3, 3), numpy.float32)}, {"x": [1, 2, 8, 8]})
        yield f"group-norm-{label}", model([node("GroupNormalization", ["x", "w", "w"], num_groups=v)], {"w": [1.0, 1.0]}, {"x": [1, 2, 8, 8]}, opset=21)
        yield f"depth-{label}", model([node("DepthToSpace", ["x"], blocksize=v)], inputs={"x": [1, 4, 2, 2]})
        yield f"space-{label}", model([node("SpaceToDepth", ["x"], blocksize=v)], inputs={"x": [1, 4, 2, 2]})
        yield f"lrn-{label}", model([node("LRN", ["x"], size=v)], inputs={"x": [1, 4, 2, 2]})
        yield f"eyelike-{label}", model([node("EyeLike", ["x"], k=v)])
        yield f"lp-{label}", model([node("LpNormalization", ["x"], p=v)])
        yield f"globallp-{label}", model([node("GlobalLpPool", ["x"], p=v)], inputs={"x": [1, 2, 3, 3]})
        yield f"split-outputs-{label}", model([node("Split", ["x"], num_outputs=v)])
        yield f"heads-{label}", model([node("Attention", ["q", "q", "q"], q_num_heads=v, kv_num_heads=v)], inputs={"q": [1, 4, 8]}, opset=23)
        yield f"rotary-{label}", model([node("RotaryEmbedding", ["x", "c", "c"], num_heads=v, rotary_embedding_dim=v)],
                                       {"c": [[[0.5] * 2] * 4]}, {"x": [1, 4, 8]}, opset=23)
        for op, gates in {"LSTM": 4, "GRU": 3, "RNN": 1}.items():
            yield f"hidden-{op}-{label}", model([node(op, ["x", "w", "r"], hidden_size=v)],
                                                {"w": numpy.ones((1, gates * 2, 4), numpy.float32), "r": numpy.ones((1, gates * 2, 2), numpy.float32)},
                                                {"x": [3, 2, 4]})
            yield f"steps-{op}-{label}", model([node(op, ["x", "w", "r"], hidden_size=2)],
                                               {"w": numpy.ones((1, gates * 2, 4), numpy.float32), "r": numpy.ones((1, gates * 2, 2), numpy.float32)},
                                               {"x": [v, 2, 4]})
        for op in ("Softmax", "LogSoftmax", "Hardmax", "Flatten", "LayerNormalization", "ArgMax", "Concat", "Split", "Gather", "TopK",
                   "GatherElements", "ScatterElements", "LpNormalization", "ReduceMax", "CumSum"):
            if op in ("ReduceMax",):
                attributes, extra = {"axes": [v, v]}, []
            elif op == "CumSum":
                attributes, extra = {"reverse": v, "exclusive": v}, ["one"]
            else:
                attributes, extra = {"axis": v}, {"LayerNormalization": ["w"], "Concat": ["x"], "Gather": ["i"], "TopK": ["k"], "GatherElements": ["i2"],
                                                  "ScatterElements": ["i2", "u"]}.get(op, [])
            outs = ["y", "z"] if op == "TopK" else ["y"]
            yield f"axis-{op}-{label}", model([node(op, ["x", *extra], outs, **attributes)],
                                              {"w": [1.0] * 4, "i": [0], "k": [1], "i2": [[0, 0]], "u": [[1.0, 1.0]], "one": 1},
                                              opset=17 if op == "ReduceMax" else 20)
        yield f"index-gather-{label}", model([node("Gather", ["x", "i"])], {"i": [v, 0]})
        yield f"index-elements-{label}", model([node("GatherElements", ["x", "i"])], {"i": [[v, 0, 0, 0]]})
        yield f"index-nd-{label}", model([node("GatherND", ["x", "i"], batch_dims=v)], {"i": [[v]]})
        yield f"index-nd0-{label}", model([node("GatherND", ["x", "i"])], {"i": [[v]]})
        yield f"index-scatter-{label}", model([node("ScatterElements", ["x", "i", "u"])], {"i": [[v]], "u": [[1.0]]})
        yield f"index-scatternd-{label}", model([node("ScatterND", ["x", "i", "u"])], {"i": [[v, v]], "u": [1.0]})
        yield f"reverse-{label}", model([node("ReverseSequence", ["x", "i"], batch_axis=1, time_axis=0)], {"i": [v] * 4})
        yield f"perm-{label}", model([node("Transpose", ["x"], perm=[v, v])])
        yield f"cast-{label}", model([node("Cast", ["x"], to=min(v, I32 - 1))])
        yield f"shape-{label}", model([node("Shape", ["x"], start=v, end=v)], kind=TensorProto.INT64)


def attributes():
    yield "rank-9", model([node("Unsqueeze", ["x", "a"])], {"a": [0]}, {"x": [1] * 8})
    yield "rank-9-expand", model([node("Expand", ["x", "s"])], {"s": [1] * 9})
    yield "rank-9-reshape", model([node("Reshape", ["x", "s"])], {"s": [2, 4] + [1] * 7})
    yield "rank-9-outer", model([node("Gather", ["x", "i"])], {"i": numpy.zeros([1] * 8, numpy.int64)}, {"x": [2] * 8})
    yield "axes-many", model([node("ReduceSum", ["x", "a"])], {"a": [0] * 100000})
    yield "axes-repeated", model([node("ReduceSum", ["x", "a"])], {"a": [0, 0, -2, 1]})
    yield "axes-repeated-unsqueeze", model([node("Unsqueeze", ["x", "a"])], {"a": [0, 0, -1]})
    yield "axes-slice-repeated", model([node("Slice", ["x", "s", "e", "a"])], {"s": [0, 0], "e": [1, 1], "a": [0, 0]})
    yield "pads-short", model([node("Pad", ["x", "s"])], {"s": [1]})
    yield "pads-axes", model([node("Pad", ["x", "s", "", "a"])], {"s": [1, 1, 1, 1, 1, 1], "a": [0, 0, 7]})
    yield "perm-short", model([node("Transpose", ["x"], perm=[0])])
    yield "perm-long", model([node("Transpose", ["x"], perm=list(range(9)))])
    yield "perm-many", model([node("Transpose", ["x"], perm=[0, 1] * 50000)])
    yield "kernel-many", model([node("MaxPool", ["x"], kernel_shape=[1] * 100000)], inputs={"x": [1, 2, 8, 8]})
    yield "kernel-none", model([node("MaxPool", ["x"])], inputs={"x": [1, 2, 8, 8]})
    yield "kernel-rank", model([node("MaxPool", ["x"], kernel_shape=[1] * 6)], inputs={"x": [1] * 8})
    for op in ("Conv", "Gemm", "Softmax", "Concat", "Transpose", "MaxPool", "Cast", "Constant", "Resize", "LSTM", "Attention", "Einsum",
               "Split", "Flatten", "Gather", "Pad", "LRN", "Dropout", "TopK", "BatchNormalization", "ConstantOfShape", "DepthToSpace"):
        for label, value in {"int": 3, "float": 1.5, "text": "text", "ints": [1, 2], "floats": [0.5], "texts": ["a", "b"],
                             "tensor": numpy_helper.from_array(numpy.ones(2, numpy.float32))}.items():
            keys = {"Conv": "kernel_shape", "Gemm": "alpha", "Softmax": "axis", "Concat": "axis", "Transpose": "perm", "MaxPool": "kernel_shape",
                    "Cast": "to", "Constant": "value", "Resize": "mode", "LSTM": "activations", "Attention": "scale", "Einsum": "equation",
                    "Split": "axis", "Flatten": "axis", "Gather": "axis", "Pad": "mode", "LRN": "size", "Dropout": "seed", "TopK": "axis",
                    "BatchNormalization": "momentum", "ConstantOfShape": "value", "DepthToSpace": "mode"}
            ins = {"Conv": ["x", "x"], "Gemm": ["x", "x"], "Concat": ["x", "x"], "Constant": [], "LSTM": ["x", "x", "x"], "Attention": ["x"] * 3,
                   "Gather": ["x", "i"], "Pad": ["x", "i"], "TopK": ["x", "i"], "BatchNormalization": ["x"] * 5, "ConstantOfShape": ["i"],
                   "Resize": ["x", "", "", "i"]}.get(op, ["x"])
            yield f"kind-{op}-{label}", model([node(op, ins, **{keys[op]: value})], {"i": [2, 2]}, {"x": [2, 2]})
    for label, equation in {"empty": "", "arrow": "->", "letters": "abcdefghijklmnopqrstuvwxyz", "dots": "......", "long": "a" * 100000,
                            "commas": "," * 1000, "unknown": "ij->k", "twice": "ij->ii", "diagonal": "iiii->i", "nul": "i\tj", "ellipsis": "...i,...j->...ij",
                            "arrows": "ij->->ij", "upper": "IJ->JI", "space": " i j -> j i "}.items():
        yield f"einsum-{label}", model([node("Einsum", ["x"], equation=equation)])
        yield f"einsum-two-{label}", model([node("Einsum", ["x", "x"], equation=equation)])
    yield "einsum-outer", model([node("Einsum", ["x"] * 6, equation="ab,cd,ef,gh,ij,kl->abcdefghijkl")], inputs={"x": [64, 64]})
    yield "einsum-wide", model([node("Einsum", ["x"] * 4, equation="ab,cd,ef,gh->abcdefgh")], inputs={"x": [256, 256]})
    yield "einsum-many", model([node("Einsum", ["x"] * 1000, equation=",".join(["ab"] * 1000) + "->ab")])
    yield "concat-many", model([node("Concat", ["x"] * 1000, axis=0)])
    yield "concat-wide", model([node("Concat", ["x"] * 1000, axis=0)], inputs={"x": [1 << 22, 4]})
    yield "sum-many", model([node("Sum", ["x"] * 1000)])
    yield "max-many", model([node("Max", ["x"] * 1000)])
    yield "mean-many", model([node("Mean", ["x"] * 1024)])
    yield "split-many", model([node("Split", ["x"], [f"o{n}" for n in range(1000)] + ["y"], num_outputs=1001)], inputs={"x": [1001]})
    yield "split-many-empty", model([node("Split", ["x"], [f"o{n}" for n in range(1000)] + ["y"], num_outputs=1001)], inputs={"x": [2]})
    yield "lstm-outputs-none", model([node("LSTM", ["x", "w", "r"], ["", "", ""], hidden_size=2), node("Relu", ["x"])],
                                     {"w": numpy.ones((1, 8, 4), numpy.float32), "r": numpy.ones((1, 8, 2), numpy.float32)}, {"x": [3, 2, 4]})
    yield "lstm-outputs-last", model([node("LSTM", ["x", "w", "r"], ["", "", "y"], hidden_size=2)],
                                     {"w": numpy.ones((1, 8, 4), numpy.float32), "r": numpy.ones((1, 8, 2), numpy.float32)}, {"x": [3, 2, 4]})
    yield "lstm-lengths", model([node("LSTM", ["x", "w", "r", "", "n"], hidden_size=2)],
                                {"w": numpy.ones((1, 8, 4), numpy.float32), "r": numpy.ones((1, 8, 2), numpy.float32),
                                 "n": numpy.array([I32 - 1, -5], numpy.int32)}, {"x": [3, 2, 4]})
    yield "lstm-activations", model([node("LSTM", ["x", "w", "r"], hidden_size=2, activations=["Relu"] * 50)],
                                    {"w": numpy.ones((1, 8, 4), numpy.float32), "r": numpy.ones((1, 8, 2), numpy.float32)}, {"x": [3, 2, 4]})
    yield "lstm-wide", model([node("LSTM", ["x", "x", "x"], hidden_size=2)], inputs={"x": [1, 8, 2]})
    yield "lstm-long", model([node("LSTM", ["x", "w", "r"], hidden_size=2)],
                             {"w": numpy.ones((1, 8, 4), numpy.float32), "r": numpy.ones((1, 8, 2), numpy.float32)}, {"x": [16383, 2, 4]})
    for n, outs in enumerate((["y"], ["y", "", ""], ["", "y"], ["", "", "y"], ["y", "m", "v"], ["y", "y2"], ["y", "m", "v", "sm", "sv"])):
        for training in (0, 1):
            yield f"batchnorm-outputs-{n}-{training}", model([node("BatchNormalization", ["x", "w", "w", "w", "w"], outs, training_mode=training)],
                                                             {"w": [1.0, 1.0]}, {"x": [1, 2, 3, 3]}, opset=15)
    yield "batchnorm-from-input", model([node("BatchNormalization", ["x", "s", "s", "s", "s"], ["y", "m", "v"], training_mode=1)],
                                        inputs={"x": [1, 2, 3, 3], "s": [2]}, outputs=("y", "m", "v"))
    yield "sequence", model([node("SequenceConstruct", ["x", "x"], ["s"]), node("ConcatFromSequence", ["s"], axis=0)])
    yield "sequence-split", model([node("SplitToSequence", ["x"], ["s"]), node("SequenceAt", ["s", "i"])], {"i": 0})
    yield "loop", model([node("Loop", ["n", "", "x"], body=helper.make_graph([], "b", [], []))], {"n": 1 << 40})
    yield "optional", model([node("Optional", ["x"], ["o"]), node("OptionalGetElement", ["o"])])
    yield "nonzero", model([node("NonZero", ["x"])])
    yield "unknown-domain", model([helper.make_node("Relu", ["x"], ["y"], domain="evil\x1b.domain")])


def graphs():
    relu = lambda a, b: helper.make_node("Relu", [a], [b])
    yield "output-input", model([], outputs=("x",))
    yield "output-initializer", model([relu("x", "h")], {"k": [1.0, 2.0]}, outputs=("k",))
    yield "output-integers", model([relu("x", "h")], {"k": [1, 2]}, outputs=("k",), kind=TensorProto.INT64)
    yield "output-constant", model([node("Constant", [], value_ints=[1, 1 << 40])], kind=TensorProto.INT64)
    yield "output-empty", model([node("ConstantOfShape", ["s"])], {"s": [0]})
    yield "output-twice", model([relu("x", "y")], outputs=("y", "y"))
    yield "output-unnamed", model([relu("x", "y")], outputs=("",))
    yield "same-name-everywhere", model([relu("x", "h")], {"x": numpy.ones((2, 4), numpy.float32)}, outputs=("x",))
    yield "node-empty-names", model([helper.make_node("Add", ["", ""], ["y"])])
    yield "node-no-inputs", model([helper.make_node("Add", [], ["y"])])
    yield "node-no-outputs", model([helper.make_node("Add", ["x", "x"], []), relu("x", "y")])
    yield "node-output-twice", model([node("Split", ["x"], ["y", "y"], num_outputs=2)])
    yield "node-output-its-input", model([relu("x", "x"), relu("x", "y")])
    yield "input-twice", model([relu("x", "y")], inputs={"x": [2, 4]})[:-1] + b"\x00"
    yield "inputs-1000", model([node("Sum", [f"i{n}" for n in range(1000)])], inputs={f"i{n}": [2, 4] for n in range(1000)})
    yield "inputs-9", model([node("Sum", [f"i{n}" for n in range(9)])], inputs={f"i{n}": [2, 4] for n in range(9)})
    yield "outputs-1000", model([relu("x", f"o{n}") for n in range(1000)], outputs=[f"o{n}" for n in range(1000)])
    yield "names-alike", model([relu("x", "a b"), relu("a b", "a_b"), relu("a_b", "a.b")], outputs=("a b", "a_b", "a.b"))
    yield "names-paths", model([relu("x", "../../y"), relu("x", "..")], outputs=("../../y", ".."))
    yield "input-scalar", model([relu("x", "y")], inputs={"x": []})
    yield "input-empty", model([relu("x", "y")], inputs={"x": [0]})
    yield "input-symbols", model([relu("x", "y")], inputs={"x": ["n", "n", "\x1b", "m"]})
    for op in ("Add", "Mul", "MatMul"):
        yield f"doubled-{op}", model(doubled(64, op), inputs={"x": [4, 4]})
    yield "doubled-concat", model([helper.make_node("Concat", [f"v{n}" if n else "x"] * 2, [f"v{n + 1}" if n < 40 else "y"], axis=0) for n in range(41)],
                                  inputs={"x": [2, 4]})
    yield "doubled-known", model([node("Constant", [], ["v0"], value_floats=[1.0, 2.0])] +
                                 [helper.make_node("Concat", [f"v{n}"] * 2, [f"v{n + 1}"], axis=0) for n in range(40)] +
                                 [node("Add", ["x", "v40"])], inputs={"x": [1]})


def long():
    """Up to as many nodes as a file may have; each work of its own."""
    yield "chain-relu", model(chain(65000, "Relu"))
    yield "chain-identity", model(chain(65000, "Identity"))
    yield "chain-add", model(doubled(65000))
    yield "chain-reshape", model(chain(65000, "Reshape", extra=["s"]), {"s": [-1]}, outputs=("y",))
    yield "chain-softmax", model(chain(3000, "Softmax"))
    yield "chain-cumsum", model(chain(2000, "CumSum", extra=["a"]), {"a": 0}, {"x": [1000]})
    yield "chain-transpose", model(chain(65000, "Transpose"))
    yield "chain-batchnorm", model(chain(5000, "BatchNormalization", extra=["w"] * 4, training_mode=0), {"w": [1.0, 1.0]}, {"x": [1, 2, 3, 3]})
    yield "chain-lstm", model(chain(3000, "Tanh"), {}, {"x": [1, 1, 2]})
    yield "chain-dead", model([helper.make_node("Relu", ["x"], [f"d{n}"]) for n in range(65000)] + [node("Relu", ["x"])])
    yield "chain-joined", model([helper.make_node("Relu", ["x"], [f"r{n}"]) for n in range(1000)] + [node("Sum", [f"r{n}" for n in range(1000)])])
    million = helper.make_node("ConstantOfShape", ["s"], ["v0"], value=numpy_helper.from_array(numpy.array([7], numpy.int64)))
    unlike = [node("Range", ["o", "m", "l"], ["v0"])]
    shape = {"s": [1 << 20], "o": 0, "l": 1, "m": 1 << 20, "f": [-1], "two": [2]}
    tail = lambda n: [node("Cast", [f"v{n}"], ["c"], to=1), node("Add", ["x", "c"])]
    yield "fold-reshape", model(unlike + [helper.make_node("Reshape", [f"v{n}", "f"], [f"v{n + 1}"]) for n in range(40000)] + tail(40000), shape, {"x": [1]})
    yield "fold-identity", model(unlike + [helper.make_node("Identity", [f"v{n}"], [f"v{n + 1}"]) for n in range(40000)] + tail(40000), shape, {"x": [1]})
    yield "fold-cast", model(unlike + [helper.make_node("Cast", [f"v{n}"], [f"v{n + 1}"], to=[7, 6][n % 2]) for n in range(40000)] + tail(40000), shape, {"x": [1]})
    yield "fold-reduce", model(unlike + [helper.make_node("ReduceMax", ["v0"], [f"r{n}"]) for n in range(40000)] +
                               [node("Sum", [f"r{n}" for n in range(1000)], ["v1"])] + tail(1), shape, {"x": [1]})
    yield "fold-reduce-live", model(unlike + [helper.make_node("ReduceMax", ["v0"], [f"r{n}"]) for n in range(40000)] +
                                    [helper.make_node("Add", [f"r{n}", f"s{n}" if n else "r0"], [f"s{n + 1}"]) for n in range(20000)] +
                                    [node("Cast", ["s20000"], ["c"], to=1), node("Add", ["x", "c"])], shape, {"x": [1]})
    yield "fold-add", model(unlike + [helper.make_node("Add", [f"v{n}", "l"], [f"v{n + 1}"]) for n in range(40000)] + tail(40000), shape, {"x": [1]})
    yield "fold-filled", model([million] + [helper.make_node("Add", [f"v{n}", "l"], [f"v{n + 1}"]) for n in range(40000)] + tail(40000), shape, {"x": [1]})
    yield "fold-many-windows", model([helper.make_node("Add", ["k", f"i{n}"], [f"f{n}"]) for n in range(15000)] +
                                     [helper.make_node("Add", [f"v{n}" if n else "x", f"f{n}"], [f"v{n + 1}" if n < 14999 else "y"]) for n in range(15000)],
                                     {"k": [[1, 2, 3, 4]]} | {f"i{n}": [n] for n in range(15000)}, {"x": (TensorProto.INT64, [2, 4])}, kind=TensorProto.INT64)
    yield "fold-gather-shared", model(unlike + [helper.make_node("Gather", ["v0", "big"], [f"g{n}"]) for n in range(2000)] +
                                      [node("Sum", [f"g{n}" for n in range(1000)], ["v1"])] + tail(1), shape | {"big": numpy.arange(1 << 17)}, {"x": [1]})
    sizes = [[1 << 20, 1]] + [[1 << n, 1 << (20 - n)] for n in range(20)]
    yield "fold-views", model(unlike + [helper.make_node("Reshape", ["v0", f"z{n}"], [f"w{n}"]) for n in range(2000)] +
                              [helper.make_node("Cast", [f"w{n}"], [f"c{n}"], to=1) for n in range(2000)] +
                              [helper.make_node("Add", [f"a{n}" if n else "x", f"c{n}"], [f"a{n + 1}" if n < 1999 else "y"]) for n in range(2000)],
                              shape | {f"z{n}": [*[1] * (n // 20 % 5), *sizes[n % 20]] for n in range(2000)}, {"x": [1]})
    yield "chain-resize", model([helper.make_node("Resize", [f"v{n}" if n else "x", "", "", f"z{n}"], [f"v{n + 1}" if n < 199 else "y"], mode="cubic") for n in range(200)],
                                {f"z{n}": [2048 - n, 1] for n in range(200)}, {"x": [2048, 1]})
    yield "chain-pad", model([helper.make_node("Pad", [f"v{n}" if n else "x", "p"], [f"v{n + 1}" if n < 1999 else "y"], mode="reflect") for n in range(2000)],
                             {"p": [1 << 10, 1 << 10]}, {"x": [1 << 20]})
    yield "reads-reversed", model([helper.make_node("Relu", ["x"], [f"r{n}"]) for n in range(30000)] +
                                  [helper.make_node("Add", [f"r{29999 - n}", f"s{n}" if n else "x"], [f"s{n + 1}" if n < 29999 else "y"]) for n in range(30000)])
    yield "unsorted-reversed", model(list(reversed(chain(65000, "Relu"))))


def files():
    for group in (numbers, windows, attributes, graphs, long):
        yield from group()


def main(folder, *names):
    folder = pathlib.Path(folder)
    folder.mkdir(exist_ok=True)
    for name, data in files():
        if not names or name in names:
            (folder / f"{name}.onnx").write_bytes(data)
    print(len(list(folder.iterdir())), "files")


if __name__ == "__main__":
    main(*sys.argv[1:])
