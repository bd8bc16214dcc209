"""A few operators that show the comparison itself at work; each room of operators has a module of its own beside this."""
import numpy
from graph import W, case, graph

CASES = [
    case("plain", "Gemm", [(2, 3), W((3, 4)), W(4)]),
    case("second transposed, scaled", "Gemm", [(3, 4), W((5, 4)), W(5)], transB=1, alpha=0.5, beta=2.0),
    case("padded, strided", "Conv", [(1, 2, 5, 6), W((3, 2, 3, 3)), W(3)], pads=[1, 1, 1, 1], strides=[2, 1]),
    case("last axis", "Softmax", [(2, 5)], axis=-1),
    case("by a given function", "Tanh", [(3, 4)], reference=lambda x: numpy.tanh(x)),
    graph("residual", ["Relu", "Add"], lambda g: (lambda t: g.node("Add", [t, g.node("Relu", [g.weight((4, 4))])]))(g.tensor((4, 4)))),
]
WRONG = [
    case("one derivative is off by a thousandth", "Tanh", [(3, 4)],
         reference=lambda x: numpy.tanh(x) + 0.001 * x * (numpy.arange(12).reshape(3, 4) == 7)),
]
