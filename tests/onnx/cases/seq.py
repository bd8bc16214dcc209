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
]
