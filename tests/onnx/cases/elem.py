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
    graph("on the bounds", ["Clip"], lambda g: g.node("Clip", [g.weight([[1., 1.5, 2.]]), g.constant(numpy.array(1., numpy.float32)),
                                                              g.constant(numpy.array(2., numpy.float32))]),
          reference=lambda x: [numpy.where(abs(x - 1.5) < 0.4, x, numpy.round(x))]),
    case("lower bound", "Clip", [S, C(numpy.array(-0.4)), None]),
    case("upper bound", "Clip", [S, None, C(numpy.array(0.6))]),
    case("trained slope", "PRelu", [(2, 3, 4), W((3, 1))]),
    case("attributes", "Swish", [S], opset=24, alpha=1.5),
]

AXES = dict(last=[-1], first=[0], both=[0, 2], all=None)
REDUCTIONS = ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp", "ReduceProd"]
X = (2, 3, 5)
CASES += [case(f"{name} axes, kept {kept}", op, [X, None if axes is None else C(numpy.array(axes, numpy.int64))], keepdims=kept)
          for op in REDUCTIONS for (name, axes), kept in zip(AXES.items(), (1, 0, 0, 1))]
CASES += [
    case("above 0", "ReduceLogSum", [X, C(numpy.array([1], numpy.int64))], keepdims=0, **ABOVE),
    case("nothing", "ReduceMax", [X], noop_with_empty_axes=1),
    graph("ties share", ["ReduceMax"], lambda g: g.node("ReduceMax", [g.weight([[1., 3, 3], [2, 0, 1]]), g.constant(numpy.array([1]))]),
          reference=lambda x: [numpy.stack([x[0, 1:].mean(), x[1, 0]]).reshape(2, 1)]),
    graph("zeros", ["ReduceProd"], lambda g: g.node("ReduceProd", [g.weight([[1., 0, 3, 2, 5], [2, 4, 0, 0, 3]]), g.constant(numpy.array([1]))])),
    case("forward", "CumSum", [(3, 4), C(numpy.array(1))]),
    case("without its own", "CumSum", [(3, 4), C(numpy.array(0))], exclusive=1),
    case("backward, without its own", "CumSum", [(2, 3, 4), C(numpy.array(-2))], exclusive=1, reverse=1),
    *[case(f"axis {axis}", op, [(2, 3, 4)], axis=axis) for op in ("Softmax", "LogSoftmax") for axis in (0, 1, 2)],
    graph("through a float", ["Cast"], lambda g: g.node("Mul", [g.node("Cast", [g.tensor(S)], to=1), g.node("Cast", [g.node("ArgMax", [g.constant(
        numpy.array([[1., 2, 3, 0]] * 3)), ], axis=1), ], to=1)])),
]


def pictures(g):
    """Values that lie channels last in memory: [2, 3, 2, 4]."""
    return g.node("Conv", [g.tensor((2, 2, 3, 5)), g.weight((3, 2, 2, 2))])


CASES += [graph(f"channels last, axes {axes}, kept {kept}", [op, "Conv"], lambda g, op=op, axes=axes, kept=kept: g.node(
    op, [pictures(g), g.constant(numpy.array(axes, numpy.int64))], keepdims=kept), between=(-0.7, 0.7))
    for op, axes, kept in (("ReduceMax", [2], 0), ("ReduceProd", [1], 0), ("ReduceMean", [2], 0), ("ReduceSumSquare", [1, 3], 0), ("ReduceLogSumExp", [3], 0),
                           ("ReduceL2", [1], 1), ("ReduceProd", [2, 3], 1))]
CASES += [
    graph("channels last", ["Softmax", "Conv"], lambda g: g.node("Softmax", [pictures(g)], axis=1)),
    graph("channels last", ["CumSum", "Conv"], lambda g: g.node("CumSum", [pictures(g), g.constant(numpy.array(1))])),
    graph("channels last", ["PRelu", "Conv"], lambda g: g.node("PRelu", [pictures(g), g.weight((3, 1, 1))])),
    graph("channels last", ["Where", "Conv"], lambda g: (lambda x: g.node("Where", [g.node("Greater", [x, g.constant(numpy.array(0.))]), x, g.weight((4,))]))(pictures(g))),
]

LABELS = numpy.array([1, 0, 4, 2], numpy.int64)
GRID = numpy.array([[[1, 0], [2, 2]], [[0, 3], [1, 1]]], numpy.int64)  # 3 is no class of three, and ignored
WEIGHTS = numpy.array([0.5, 1.0, 2.0, 0.3, 1.5], numpy.float32)
for loss in ("SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss"):
    CASES += [
        *[case(reduction, loss, [(4, 5), C(LABELS)], reduction=reduction) for reduction in ("mean", "sum", "none")],
        case("weighted", loss, [(4, 5), C(LABELS), C(WEIGHTS)], reduction="mean"),
        case("some ignored", loss, [(4, 5), C(LABELS), C(WEIGHTS)], ignore_index=4),
        case("pictures", loss, [(2, 3, 2, 2), C(GRID)], ignore_index=3, reduction="none"),
    ]
CASES += [
    case("both outputs", "SoftmaxCrossEntropyLoss", [(4, 5), C(LABELS)], outputs=2, use=(0, 1)),
    case("the logarithms", "SoftmaxCrossEntropyLoss", [(4, 5), C(LABELS)], outputs=2, use=(1,)),
]
CASES += [
    case("first two", "TopK", [(3, 5), C(numpy.array([2], numpy.int64))], outputs=2, use=(0,)),
    case("least, along columns", "TopK", [(2, 5, 3), C(numpy.array([3], numpy.int64))], outputs=2, use=(0,), axis=1, largest=0),
    graph("channels last", ["TopK", "Conv"], lambda g: g.node("TopK", [pictures(g), g.constant(numpy.array([2], numpy.int64))], 2, axis=1)[:1]),
]
