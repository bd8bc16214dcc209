"""Writes sequences.onnx: one small network with every operator on sequences, for the known answers of lowering.

    sequences.py [FOLDER]     the folder of this file

A picture of 28 x 28 is a sequence of its rows. Weights are drawn by a generator of our own, so that the file is the same
wherever it is written; it has no meaning beyond that.
"""
import numpy

from drawing import Drawing

H, KEYS = 6, 2


def build():
    drawing = Drawing("sequences", 6, "assay")
    keep, weight, node = drawing.keep, drawing.weight, drawing.node

    def whole(name, *values):
        return keep(name, numpy.array(values, numpy.int64))

    def packed(name, gates, directions, inputs):
        return [weight(f"{name}.w", directions, gates * H, inputs), weight(f"{name}.r", directions, gates * H, H),
                weight(f"{name}.b", directions, 2 * gates * H)]

    node("Transpose", ["x"], ["rows"], perm=[1, 0, 2])
    node("LSTM", ["rows", *packed("lstm", 4, 2, 28), "", "", "", weight("lstm.p", 2, 3 * H)], ["both"], hidden_size=H,
         direction="bidirectional")
    node("Einsum", ["both", weight("mix", 2, H, H)], ["mixed"], equation="tdnh,dhk->tnk")
    node("GRU", ["mixed", *packed("gru", 3, 1, H)], ["reset.y", "reset.h"], hidden_size=H, linear_before_reset=1,
         direction="reverse")
    node("GRU", ["mixed", *packed("gru0", 3, 1, H)], ["before.y"], hidden_size=H)
    node("Add", ["reset.y", "before.y"], ["added"])
    node("Squeeze", ["added", whole("one", 1)], ["steps"])
    node("RNN", ["steps", *packed("rnn", 1, 1, H), "", "reset.h"], ["plain"], hidden_size=H, clip=2.0)
    node("Squeeze", ["plain", "one"], ["time"])
    node("Transpose", ["time"], ["batch"], perm=[1, 0, 2])
    angle = numpy.arange(28).reshape(28, 1) * 0.3
    places = keep("places", numpy.tile(numpy.arange(28), (1, 1)).astype(numpy.int64))
    node("Shape", ["batch"], ["size"], start=0, end=1)
    node("Concat", ["size", whole("length", 28)], ["span"], axis=0)
    node("Expand", [places, "span"], ["everywhere"])
    node("MatMul", ["batch", weight("query", H, 8)], ["q"])
    node("MatMul", ["batch", weight("key", H, 4)], ["k"])
    node("MatMul", ["batch", weight("value", H, 2 * 3)], ["v"])
    for name, heads in (("q", 4), ("k", KEYS)):
        node("RotaryEmbedding", [name, keep(f"cos.{name}", numpy.cos(angle).astype(numpy.float32)),
                                 keep(f"sin.{name}", numpy.sin(angle).astype(numpy.float32)), "everywhere"], [f"{name}.turned"],
             num_heads=heads)
    node("Attention", ["q.turned", "k.turned", "v"], ["seen"], q_num_heads=4, kv_num_heads=KEYS, is_causal=1, softcap=5.0)
    node("ReduceMean", ["seen", whole("along", 1)], ["mean"], keepdims=0)
    node("Gemm", ["mean", weight("head", 12, 10), weight("bias", 10)], ["y"])
    return drawing


if __name__ == "__main__":
    build().write()
