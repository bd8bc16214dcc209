"""Functions element by element, arithmetic, selection, reductions, softmax: every derivative of lower.md 4.3 to 4.7 and 4.25 to 4.34."""
import math

import numpy
from graph import C, T, W, case, graph

S = (3, 4)
ABOVE = dict(between=(0.3, 2.5))
FUNCTIONS = ["Relu", "Sigmoid", "Tanh", "Exp", "Neg", "Abs", "Softsign", "Softplus", "Elu", "Selu", "Celu", "Mish", "HardSigmoid",
             "HardSwish", "ThresholdedRelu", "Shrink", "LeakyRelu", "Sin", "Cos", "Atan", "Sinh", "Cosh", "Asinh"]


ERF = numpy.vectorize(math.erf)  # the reference evaluator's is one of single precision


def rounded(x, y):
    """The quotient that Mod takes away: without a derivative."""
    return numpy.floor(x / y)


CASES = [case("function", op, [S]) for op in FUNCTIONS]
CASES += [case("above 0", op, [S], **ABOVE) for op in ("Log", "Sqrt", "Reciprocal", "Tan")]
CASES += [case("inside (-1, 1)", op, [S], between=(-0.9, 0.9)) for op in ("Asin", "Acos", "Atanh")]
CASES += [
    case("function", "Erf", [S], reference=lambda x: [ERF(x)]),
    case("function", "Gelu", [S], reference=lambda x: [0.5 * x * (1 + ERF(x / math.sqrt(2)))]),
    case("above 1", "Acosh", [S], between=(1.2, 4)),
    case("large", "Softplus", [T([[-30, -3, 0.5, 3, 30]])]),
    case("approximated", "Gelu", [S], approximate="tanh"),
    case("slope", "LeakyRelu", [S], alpha=0.3),
    case("attributes", "Elu", [S], alpha=0.7),
    case("attributes", "Selu", [S], alpha=1.2, gamma=0.8),
    case("attributes", "Celu", [S], alpha=2.0),
    case("attributes", "HardSigmoid", [S], alpha=0.3, beta=0.4),
    case("attributes", "ThresholdedRelu", [S], alpha=0.2),
    case("attributes", "Shrink", [S], lambd=0.4, bias=0.1),
    case("broadcast", "Add", [(2, 3, 4), W((3, 1))]),
    case("broadcast", "Sub", [W((4,)), (2, 3, 4)]),
    case("broadcast", "Mul", [(2, 3, 4), W((2, 1, 4))]),
    case("broadcast", "Div", [(2, 3, 4), W((3, 1))], **ABOVE),
    case("both computed", "Div", [(3, 4), (3, 4)], **ABOVE),
    case("of a remainder", "Mod", [S, W((4,))], reference=lambda x, y: [numpy.fmod(x, y)], fmod=1, **ABOVE),
    case("down", "Mod", [S, W((4,))], reference=lambda x, y: [x - y * rounded(x, y)], fmod=0, **ABOVE),
    *[case(f"to the power {p}", "Pow", [S, C(numpy.array(p))], **ABOVE) for p in (1.0, 2.0, 3.0, 5.0, -2.0, 0.5, -0.5, 2.5, -1.3)],
    case("below 0, whole exponent", "Pow", [S, C(numpy.array(3.0))]),
    case("trained exponent", "Pow", [S, W((4,))], **ABOVE),
    case("of a number", "Pow", [C(numpy.array(2.0)), W(S)]),
    case("several", "Sum", [(3, 4), W((4,)), W((3, 1))]),
    case("several", "Mean", [(3, 4), W((4,)), W((3, 1))]),
    case("two", "Max", [(3, 4), W((4,))]),
    case("three", "Max", [(3, 4), W((4,)), W((3, 1))]),
    case("three", "Min", [(3, 4), W((4,)), W((3, 1))]),
    case("twelve", "Max", [W((3, 4)) for _ in range(12)]),
    graph("ties share", ["Max"], lambda g: (lambda a, b: g.node("Max", [a, b]))(g.weight([[1., 2, 3]]), g.weight([[1., 2, 4]])),
          reference=lambda a, b: [numpy.where(abs(a - b) < 0.1, (a + b) / 2, numpy.maximum(a, b))]),
    case("both sides", "Where", [C(numpy.array([[True, False, True, False]] * 3)), (3, 4), W((4,))]),
    case("broadcast condition", "Where", [C(numpy.array([[True], [False], [True]])), W((4,)), (3, 4)]),
    graph("computed condition", ["Where", "Less"], lambda g: (lambda x: g.node(
        "Where", [g.node("Less", [x, g.constant(numpy.array(0.1))]), g.node("Mul", [x, x]), x]))(g.tensor(S))),
    case("both bounds", "Clip", [S, C(numpy.array(-0.4)), C(numpy.array(0.6))]),
    case("lower bound", "Clip", [S, C(numpy.array(-0.4)), None]),
    case("upper bound", "Clip", [S, None, C(numpy.array(0.6))]),
    case("trained slope", "PRelu", [(2, 3, 4), W((3, 1))]),
]
