"""Writes tiny ONNX files, sound and hostile, into a folder: the decoder's test table and its fuzzer's seeds. Needs onnx, numpy.

    python3 hostile.py ../../src/model/onnx/corpus
"""
import pathlib
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper


def varint(x):
    out = b""
    while x >= 0x80:
        out += bytes([x & 0x7F | 0x80])
        x >>= 7
    return out + bytes([x])


def field(number, payload):
    """A length-delimited field in wire form."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def number(field_number, value):
    return varint(field_number << 3) + varint(value & (1 << 64) - 1)


def model(nodes=None, initializers=None, inputs=None, outputs=None, opset=20, ir=10):
    """x [batch, 4] -> Gemm(w [2, 4], b [2]) -> Relu -> y, with any part replaced."""
    w = numpy_helper.from_array(numpy.arange(8, dtype=numpy.float32).reshape(2, 4) / 8, "w")
    b = numpy_helper.from_array(numpy.array([0.5, -0.5], numpy.float32), "b")
    nodes = nodes if nodes is not None else [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"], name="fc", transB=1, alpha=1.0),
        helper.make_node("Relu", ["h"], ["y"], name="act")]
    graph = helper.make_graph(
        nodes, "g", inputs if inputs is not None else [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
        outputs if outputs is not None else [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2])],
        initializers if initializers is not None else [w, b])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir, producer_name="by hand")


def with_w(change):
    """The plain model after change(w), w its first initializer."""
    m = model()
    change(m.graph.initializer[0])
    return m


def tensor(**fields):
    t = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2, 4])
    for name, value in fields.items():
        target = getattr(t, name)
        if isinstance(value, (list, tuple)):
            del target[:]
            target.extend(value)
        else:
            setattr(t, name, value)
    return t


def swap_w(**fields):
    m = model()
    m.graph.initializer[0].CopyFrom(tensor(**fields))
    return m


def external(**entries):
    m = model()
    w = m.graph.initializer[0]
    w.ClearField("raw_data")
    w.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        w.external_data.add(key=key, value=value)
    return m


def constant(**attribute):
    return model(nodes=[helper.make_node("Constant", [], ["k"], name="k", **attribute),
                        helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="fc", transB=1)])


def everything():
    """Every kind of attribute and every way to store a tensor; fields that Assay does not know, on every level."""
    t = TensorProto
    nodes = [
        helper.make_node("Constant", [], ["k0"], value=t(data_type=t.FLOAT, dims=[2], float_data=[1, 2])),
        helper.make_node("Constant", [], ["k1"], value=t(data_type=t.INT64, dims=[3], int64_data=[-1, 0, 1 << 40])),
        helper.make_node("Constant", [], ["k2"], value=t(data_type=t.INT32, dims=[2], raw_data=b"\xff\xff\xff\xff\2\0\0\0")),
        helper.make_node("Constant", [], ["k3"], value=t(data_type=t.BOOL, dims=[2], int32_data=[0, 1])),
        helper.make_node("Constant", [], ["k4"], value=t(data_type=t.DOUBLE, dims=[], double_data=[0.125])),
        helper.make_node("Constant", [], ["k5"], value=t(data_type=t.INT8, dims=[2], raw_data=b"\x80\x7f")),
        helper.make_node("Constant", [], ["k6"], value=t(data_type=t.UINT8, dims=[0])),
        helper.make_node("Constant", [], ["k7"], value_floats=[0.5, 0.25]),
        helper.make_node("Constant", [], ["k8"], value_string="text"),
        helper.make_node("Constant", [], ["k9"], value_strings=["carried", "along"]),
        helper.make_node("Gemm", ["x", "w", "b"], ["h"], name="fc", transB=1, doc_string="/home/someone/net.py(12): forward"),
        helper.make_node("Clip", ["h", "", "k0"], ["y"], name="clip", doc_string="a person's own words")]
    m = model(nodes=nodes, opset=19)
    m.model_version, m.doc_string, m.domain = 7, "words about the model", "org.example"
    m.graph.doc_string = "words about the graph"
    m.graph.quantization_annotation.add(tensor_name="w")
    m.graph.initializer[0].doc_string = "words about w"
    m.graph.node[10].metadata_props.add(key="pkg.torch.onnx.stack_trace", value='File "/home/someone/net.py", line 12')
    m.graph.node[10].metadata_props.add(key="namespace", value="kept")
    m.graph.node[10].attribute[0].doc_string = "words about transB"
    info = helper.make_tensor_value_info("w", TensorProto.FLOAT, [2, 4])
    info.metadata_props.add(key="pkg.torch.export.graph_signature.InputSpec.kind", value="PARAMETER")
    info.type.denotation = "words about a type"
    m.graph.value_info.append(info)
    m.opset_import.add(domain="com.example", version=3)
    m.metadata_props.add(key="author", value="kept too")
    return m


def types():
    """The types of whole numbers that few models have, raw and in their fields."""
    t = TensorProto
    stored = [t(data_type=t.INT16, dims=[2], raw_data=b"\x00\x80\xff\x7f"), t(data_type=t.UINT16, dims=[2], int32_data=[0, 65535]),
              t(data_type=t.UINT32, dims=[2], uint64_data=[1, 4294967295]), t(data_type=t.UINT32, dims=[1], raw_data=b"\xff" * 4),
              t(data_type=t.UINT64, dims=[1], uint64_data=[2 ** 63 - 1]), t(data_type=t.UINT64, dims=[1], raw_data=b"\7" + bytes(7))]
    nodes = [helper.make_node("Constant", [], [f"k{n}"], value=value) for n, value in enumerate(stored)]
    return model(nodes=[*nodes, helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="fc", transB=1)])


def files():
    plain = model().SerializeToString()
    relu = lambda a, b, name="n": helper.make_node("Relu", [a], [b], name=name)
    subgraph = helper.make_graph([relu("h", "s")], "then", [], [helper.make_tensor_value_info("s", TensorProto.FLOAT, [2])])

    yield "good-plain", plain
    yield "good-types", types()
    yield "good-everything", everything()
    yield "good-external", external(location="w.bin", offset="16", length="32")
    yield "good-old-ir", model(ir=3, inputs=[helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 4]),
                                             helper.make_tensor_value_info("w", TensorProto.FLOAT, [2, 4]),
                                             helper.make_tensor_value_info("b", TensorProto.FLOAT, [2])])
    yield "good-unpacked", unpacked()

    yield "good-wrong-arity", model(nodes=[  # sound as a graph, and nonsense to every operator in it
        helper.make_node("Conv", ["w"], ["a"]), helper.make_node("Add", ["a", "w", "b", "b", "b"], ["c"]),
        helper.make_node("Gemm", ["c"], ["d"]), helper.make_node("Transpose", ["d", "w"], ["e"]),
        helper.make_node("Dropout", ["e", "b", "b", "b", "w"], ["f"]), helper.make_node("Add", ["f"], ["g"]),
        helper.make_node("MatMul", ["w", "g", "w"], ["h"]), helper.make_node("Relu", [], ["i"]),
        helper.make_node("Concat", ["h", "i", *["b"] * 20], ["y"])])

    yield "bad-empty", b""
    yield "bad-text", b"this is no model, it is a line of text\n"
    yield "bad-no-graph", number(1, 10) + field(8, number(2, 20))
    yield "bad-cycle", model(nodes=[helper.make_node("Add", ["x", "c"], ["a"], name="first"), relu("a", "c", "second"),
                                    relu("c", "y", "third")])
    yield "bad-self", model(nodes=[helper.make_node("Add", ["x", "y"], ["y"], name="eats itself")])
    yield "bad-unsorted", model(nodes=[relu("h", "y", "late"), helper.make_node("Gemm", ["x", "w", "b"], ["h"], name="fc")])
    yield "bad-missing-input", model(nodes=[relu("nowhere", "y", "lost")])
    yield "bad-missing-output", model(nodes=[relu("x", "h")])
    yield "bad-defined-twice", model(nodes=[relu("x", "y", "one"), relu("x", "y", "two")])
    yield "bad-shadows-input", model(nodes=[relu("w", "x", "shadow"), relu("x", "y")])
    yield "bad-two-initializers", model(initializers=[tensor(raw_data=bytes(32)), tensor(raw_data=bytes(32))])
    yield "bad-negative-dim", swap_w(dims=[-2, -4], raw_data=bytes(32))
    yield "bad-overflowing-dims", swap_w(dims=[1 << 62, 1 << 62, 4], raw_data=bytes(32))
    yield "bad-wrapping-dims", swap_w(dims=[1 << 32, 1 << 32], raw_data=b"")  # multiplies to 2^64, which is 0
    yield "bad-gigantic", swap_w(dims=[1 << 14, 1 << 14], raw_data=bytes(32))
    yield "bad-rank", swap_w(dims=[1] * 9, raw_data=bytes(4))
    yield "bad-short-raw", swap_w(raw_data=bytes(31))
    yield "bad-short-floats", swap_w(float_data=[1.0] * 7)
    yield "bad-two-sources", swap_w(raw_data=bytes(32), float_data=[1.0] * 8)
    yield "bad-wrong-field", swap_w(int64_data=[1] * 8)
    yield "bad-float16", swap_w(data_type=TensorProto.FLOAT16, raw_data=bytes(16))
    yield "bad-string-type", swap_w(data_type=TensorProto.STRING, string_data=[b"a"] * 8)
    yield "bad-type-number", swap_w(data_type=99, raw_data=bytes(32))
    yield "bad-bool", constant(value=TensorProto(data_type=TensorProto.BOOL, dims=[1], int32_data=[2]))
    yield "bad-int8", constant(value=TensorProto(data_type=TensorProto.INT8, dims=[1], int32_data=[128]))
    yield "bad-uint64", constant(value=TensorProto(data_type=TensorProto.UINT64, dims=[1], uint64_data=[2 ** 63]))
    yield "bad-uint16", constant(value=TensorProto(data_type=TensorProto.UINT16, dims=[1], int32_data=[-1]))
    yield "bad-segment", with_w(lambda w: (setattr(w.segment, "begin", 0), setattr(w.segment, "end", 8)))
    yield "bad-external-up", external(location="../../etc/passwd", length="32")
    yield "bad-external-hidden-up", external(location="a/../../b", length="32")
    yield "bad-external-root", external(location="/etc/passwd", length="32")
    yield "bad-external-nameless", external(length="32")
    yield "bad-external-missing", external(location="missing.bin", length="32")
    yield "bad-external-offset", external(location="w.bin", offset="33", length="32")
    yield "bad-external-wraps", external(location="w.bin", offset=str((1 << 64) - 16), length="32")
    yield "bad-external-length", external(location="w.bin", length="31")
    yield "bad-external-number", external(location="w.bin", offset="-1")
    yield "bad-subgraph", model(nodes=[helper.make_node("If", ["x"], ["y"], name="branch", then_branch=subgraph,
                                                        else_branch=subgraph)])
    yield "bad-function", with_function()
    yield "bad-sparse", with_sparse()
    yield "bad-opset-9", model(opset=9)
    yield "bad-opset-99", model(opset=99)
    yield "bad-opset-none", field(7, model().graph.SerializeToString()) + number(1, 10)
    yield "bad-ir", model(ir=99)
    yield "bad-sequence-input", model(inputs=[helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [4])])
    yield "bad-shapeless-input", model(inputs=[helper.make_tensor_value_info("x", TensorProto.FLOAT, None)])
    yield "bad-negative-input", model(inputs=[helper.make_tensor_value_info("x", TensorProto.FLOAT, [-3, 4])])
    yield "bad-control-name", model(nodes=[relu("x", "y", "\x1b[2Jgone")])
    yield "bad-long-name", model(nodes=[relu("x", "y", "n" * 513)])
    yield "bad-attribute-twice", model(nodes=[attribute_twice()])
    yield "bad-untyped-attribute", model(nodes=[untyped_attribute()])
    yield "bad-nul-name", plain.replace(b"act", b"a\0t")
    yield "bad-utf8", plain.replace(b"act", b"a\xc0\x80")
    yield "bad-graph-twice", plain + field(7, model().graph.SerializeToString())
    yield "bad-field-zero", plain + b"\x02\x00"
    yield "bad-group", plain + b"\xa3\x06\xa4\x06"
    yield "bad-long-varint", plain + b"\x28" + b"\xff" * 10
    yield "bad-huge-length", plain + b"\x7a\xff\xff\xff\xff\x07"
    yield "bad-float-as-varint", field(7, field(5, number(4, 5)))
    yield "bad-packed-cut", field(7, field(5, field(7, b"\x80\x80")))
    yield "bad-packed-odd", field(7, field(5, field(4, bytes(6))))
    yield "bad-amplifier", number(1, 10) + field(8, number(2, 20)) + field(7, field(1, b"\x2a\x00" * 4000))
    bomb = b""
    for _ in range(2000):  # an If in the branch of an If in the branch ...
        bomb = field(1, field(4, b"If") + field(5, field(6, bomb) + number(20, 5)))
    yield "bad-depth", number(1, 10) + field(8, number(2, 20)) + field(7, bomb)


def unpacked():
    """dims packed and float_data unpacked: both the other way round than usual, both allowed by protobuf."""
    t = field(1, b"\2\4") + number(2, 1) + b"".join(b"\x25" + numpy.float32(i).tobytes() for i in range(8)) + field(8, b"w")
    m = model()
    del m.graph.initializer[0]
    graph = m.graph.SerializeToString() + field(5, t)
    m.ClearField("graph")
    return m.SerializeToString() + field(7, graph)


def with_function():
    m = model()
    m.functions.add(name="Relu", domain="")
    return m


def with_sparse():
    m = model()
    m.graph.sparse_initializer.add(dims=[2])
    return m


def attribute_twice():
    node = helper.make_node("LeakyRelu", ["x"], ["y"], name="twice", alpha=0.5)
    node.attribute.append(node.attribute[0])
    return node


def untyped_attribute():
    node = helper.make_node("LeakyRelu", ["x"], ["y"], name="untyped", alpha=0.5)
    node.attribute[0].ClearField("type")
    return node


def main(folder):
    folder = pathlib.Path(folder)
    folder.mkdir(exist_ok=True)
    for name, content in files():
        data = content if isinstance(content, bytes) else content.SerializeToString()
        (folder / f"{name}.onnx").write_bytes(data)
        if name.startswith("good") and name not in ("good-external", "good-wrong-arity"):
            onnx.checker.check_model(onnx.load_from_string(data))
    print(len(list(folder.iterdir())), "files")


if __name__ == "__main__":
    main(sys.argv[1])
