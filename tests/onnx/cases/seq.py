"""Recurrent nodes, attention, rotary positions, Einsum, products of vectors and transposed matrices."""
import numpy
from graph import C, W, case

T, N, I, H = 3, 2, 3, 4  # steps, batch, inputs, hidden


def recurrent(op, gates, name, directions=1, bias=True, first=(), peephole=False, layout=0, steps=T, **more):
    """X, W, R, B, sequence_lens, then first states: of the operator alone where `first` names them."""
    state = (N, directions, H) if layout else (directions, N, H)
    inputs = [(N, steps, I) if layout else (steps, N, I), W((directions, gates * H, I)), W((directions, gates * H, H)),
              W((directions, 2 * gates * H)) if bias else None, None]
    inputs += [state if "h" in first else None]
    if op == "LSTM":
        inputs += [state if "c" in first else None, W((directions, 3 * H)) if peephole else None]
    outputs = 3 if op == "LSTM" else 2
    return case(name, op, inputs, outputs=outputs, hidden_size=H, layout=layout or None,
                **({"direction": "bidirectional"} if directions == 2 else {}), **more)


# Functions that a node may name, with the numbers a case gives them; ONNX's evaluator knows the usual ones only.
FUNCTIONS = {
    "Sigmoid": ({}, lambda x: 1 / (1 + numpy.exp(-x))),
    "Relu": ({}, lambda x: numpy.maximum(x, 0)),
    "Affine": ({"activation_alpha": [0.7], "activation_beta": [0.2]}, lambda x: 0.7 * x + 0.2),
    "LeakyRelu": ({"activation_alpha": [0.3]}, lambda x: numpy.where(x < 0, 0.3 * x, x)),
    "ThresholdedRelu": ({"activation_alpha": [0.4]}, lambda x: numpy.where(x > 0.4, x, 0)),
    "ScaledTanh": ({"activation_alpha": [1.5], "activation_beta": [0.6]}, lambda x: 1.5 * numpy.tanh(0.6 * x)),
    "HardSigmoid": ({"activation_alpha": [0.3], "activation_beta": [0.4]}, lambda x: numpy.clip(0.3 * x + 0.4, 0, 1)),
    "Elu": ({"activation_alpha": [0.8]}, lambda x: numpy.where(x < 0, 0.8 * numpy.expm1(x), x)),
    "Softsign": ({}, lambda x: x / (1 + abs(x))),
    "Softplus": ({}, lambda x: numpy.log1p(numpy.exp(x))),
}


def named(function, clip=None):
    """An RNN that names its function, and perhaps holds its argument within bounds."""
    more, f = FUNCTIONS[function]

    def forward(x, w, r, b, *_):
        h, made = numpy.zeros((N, H)), []
        for step in x:
            z = step @ w[0].T + h @ r[0].T + b[0, :H] + b[0, H:]
            h = f(z if clip is None else numpy.clip(z, -clip, clip))
            made.append(h)
        return [numpy.stack(made)[:, None], h[None]]
    return recurrent("RNN", 1, f"{function}{'' if clip is None else ', clipped'}", activations=[function], reference=forward,
                     use=(0, 1), clip=clip, **more)


def relu_lstm():
    """An LSTM with three functions of its own, two of which take numbers in turn."""
    def forward(x, w, r, b, *_):
        h, c, made = numpy.zeros((N, H)), numpy.zeros((N, H)), []
        for step in x:
            i, o, f, g = numpy.split(step @ w[0].T + h @ r[0].T + b[0, :4 * H] + b[0, 4 * H:], 4, -1)
            i, o, f = (numpy.clip(0.3 * v + 0.4, 0, 1) for v in (i, o, f))
            c = f * c + i * numpy.maximum(g, 0)
            h = o * numpy.where(c < 0, 0.25 * c, c)
            made.append(h)
        return [numpy.stack(made)[:, None]]
    return recurrent("LSTM", 4, "functions of its own", activations=["HardSigmoid", "Relu", "LeakyRelu"], reference=forward,
                     use=(0,), activation_alpha=[0.3, 0.25], activation_beta=[0.4])


def attention(name, heads=2, kv=2, flat=False, mask=None, past=0, lengths=None, v_size=4, rows=3, keys=5, size=4, opset=23,
              **more):
    """Batch 2. Q, K, V, and what may follow them."""
    def of(count, length, width):
        return (2, length, count * width) if flat else (2, count, length, width)
    inputs = [of(heads, rows, size), of(kv, keys, size), of(kv, keys, v_size), mask]
    inputs += [(2, kv, past, size), (2, kv, past, v_size)] if past else [None, None]
    inputs += [C(numpy.array(lengths, numpy.int64))] if lengths else []
    if flat:
        more.update(q_num_heads=heads, kv_num_heads=kv)
    return case(name, "Attention", inputs, opset=opset, outputs=3 if past else 1, use=(0,) if past else None, **more)


def rotary(name, shape, half, places=None, **more):
    angle = numpy.arange(8 * half).reshape(8, half) * 0.37
    if places is None:
        angle = angle[numpy.arange(shape[0] * 4).reshape(shape[0], 4) % 8]
    inputs = [shape, C(numpy.cos(angle)), C(numpy.sin(angle))]
    inputs += [C(numpy.array(places, numpy.int64))] if places else []
    return case(name, "RotaryEmbedding", inputs, **more)


def einsum(equation, *shapes):
    return case(equation, "Einsum", list(shapes), equation=equation)


CASES = [
    case("left transposed", "Gemm", [(4, 3), W((4, 5)), W(5)], transA=1, alpha=0.5),
    case("both transposed", "Gemm", [(4, 3), W((5, 4)), W((3, 1))], transA=1, transB=1, beta=2.0),
    case("vector by matrix", "MatMul", [(4,), W((4, 3))]),
    case("matrix by vector", "MatMul", [(2, 3, 4), W((4,))]),
    case("vector by stack", "MatMul", [(4,), W((2, 4, 3))]),
    case("vector by vector", "MatMul", [(4,), W((4,))]),
    recurrent("LSTM", 4, "forward"),
    recurrent("LSTM", 4, "no bias, last state alone", bias=False, use=(1,)),
    recurrent("LSTM", 4, "all outputs, first states", first="hc", use=(0, 1, 2)),
    recurrent("LSTM", 4, "reverse, first cell", direction="reverse", first="c", use=(0, 2)),
    recurrent("LSTM", 4, "both directions", directions=2, first="hc", use=(0, 1, 2)),
    recurrent("LSTM", 4, "both directions, four steps, last cell alone", directions=2, steps=4, use=(2,)),
    recurrent("LSTM", 4, "batch first", directions=2, layout=1, first="hc", use=(0, 1, 2)),
    recurrent("LSTM", 4, "one step", steps=1, first="hc", use=(0, 2)),
    recurrent("LSTM", 4, "15 steps, stacked in blocks", steps=15),
    recurrent("LSTM", 4, "15 steps in both directions", steps=15, directions=2),
    recurrent("LSTM", 4, "peepholes", peephole=True, first="hc", use=(0, 2)),
    recurrent("LSTM", 4, "peepholes, both directions", peephole=True, directions=2),
    recurrent("GRU", 3, "reset after"),
    recurrent("GRU", 3, "reset after, first state", first="h", use=(0, 1), linear_before_reset=1),
    recurrent("GRU", 3, "reset after, both directions", directions=2, linear_before_reset=1, use=(0, 1), first="h"),
    recurrent("GRU", 3, "reset after, no bias", bias=False, linear_before_reset=1, use=(1,)),
    recurrent("GRU", 3, "reset before, first state", first="h", use=(0, 1)),
    recurrent("GRU", 3, "reset before, reverse", direction="reverse", steps=14),
    recurrent("GRU", 3, "reset before, batch first, both directions", directions=2, layout=1, first="h", use=(0, 1)),
    recurrent("GRU", 3, "reset before, one step", steps=1),
    recurrent("RNN", 1, "forward"),
    recurrent("RNN", 1, "both directions, first state", directions=2, first="h", use=(0, 1)),
    recurrent("RNN", 1, "reverse, no bias, last state alone", direction="reverse", bias=False, use=(1,)),
    recurrent("RNN", 1, "batch first", layout=1, first="h", use=(0, 1)),
    relu_lstm(),
    *[named(function) for function in FUNCTIONS],
    named("Sigmoid", clip=0.5),
    named("Softsign", clip=0.8),
    attention("heads"),
    attention("causal, scaled", is_causal=1, scale=0.3),
    attention("groups of heads", heads=4, kv=2),
    attention("one key head, capped", heads=4, kv=1, softcap=0.7),
    attention("flat", flat=True),
    attention("flat groups, values of another size", flat=True, heads=4, kv=2, v_size=5, is_causal=1),
    attention("trained mask, capped", mask=W((2, 1, 3, 5)), softcap=2.0),
    attention("trained mask of one row", mask=W((1, 5)), heads=4, kv=2),
    attention("mask of truth values", mask=C(numpy.array([[1, 0, 1, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 0, 0]], bool)),
              is_causal=1),
    attention("keys before these", past=2, is_causal=1),
    attention("flat, keys before these", flat=True, past=3, heads=4, kv=2),
    attention("window", left_window_size=1, right_window_size=2, opset=25),
    attention("keys that count", lengths=[3, 5], is_causal=1, opset=24),
    rotary("halves", (2, 3, 4, 6), 3),
    rotary("neighbours", (2, 3, 4, 6), 3, interleaved=1),
    rotary("a part of each head", (2, 3, 4, 8), 2, rotary_embedding_dim=4),
    rotary("neighbours in a part", (2, 3, 4, 8), 2, rotary_embedding_dim=4, interleaved=1),
    rotary("flat", (2, 4, 18), 3, num_heads=3),
    rotary("flat, places given", (2, 4, 18), 3, places=[[0, 2, 1, 4], [3, 3, 0, 1]], num_heads=3),
    rotary("places given, neighbours in a part", (2, 3, 4, 8), 2, places=[[0, 2, 1, 4], [3, 3, 0, 1]], interleaved=1,
           rotary_embedding_dim=4),
    einsum("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    einsum("ij->ji", (3, 4)),
    einsum("ij->i", (3, 4)),
    einsum("ij", (3, 4)),
    einsum("...ii->...i", (2, 3, 3)),
    einsum("ii->", (3, 3)),
    einsum("i,j->ij", (3,), (4,)),
    einsum("i,i", (4,), (4,)),
    einsum("bhid,bhjd->bhij", (2, 2, 3, 4), (2, 2, 5, 4)),
    einsum("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    einsum("a,ab,abc->c", (2,), (2, 3), (2, 3, 4)),
    einsum("...ij,...jk->...ik", (1, 2, 3), (4, 3, 2)),
    einsum("ij,jk->", (2, 3), (3, 4)),
    einsum("iij,jk->k", (3, 3, 2), (2, 4)),
]
