"""Operators that move elements: every derivative of lower.md 4.6, 4.14 and 4.15 to 4.24."""
import numpy
from graph import C, T, W, case, graph


def whole(*values):
    return C(numpy.array(values, numpy.int64))


def taken(axis, index):
    return lambda x: [numpy.take(x, index, axis=axis)]


def pieces(axis, position, sizes, keeps=True):
    """SplitToSequence and SequenceAt, as exporters write them where the pieces are known."""
    def build(g):
        inputs = [g.tensor((2, 6))]
        if sizes is not None:
            inputs.append(g.constant(numpy.array(sizes, numpy.int64)))
        sequence = g.node("SplitToSequence", inputs, axis=axis, keepdims=None if keeps else 0)
        return [g.node("SequenceAt", [sequence, g.constant(numpy.array(p, numpy.int64))]) for p in position]
    return build


def cut(axis, slices, squeeze=False):
    def call(x):
        parts = [x[(slice(None),) * axis + (slice(*s),)] for s in slices]
        return [p.squeeze(axis) if squeeze else p for p in parts]
    return call


def padded(mode, low, high, **more):
    return lambda x, *_: [numpy.pad(x, list(zip(low, high)), mode=mode, **more)]


def deep(x):
    n, c, h, w = x.shape
    return [x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 3, 5, 1, 2, 4).reshape(n, 4 * c, h // 2, w // 2)]


def computed(op, inputs, index, **attributes):
    """The operator with an index that depends on data: input 1 is a sum with the graph's own input, which is 0."""
    def build(g):
        whole = g.node("Cast", ["x"], to=7)
        names = [g.give(i) for i in inputs]
        names.insert(1, g.node("Add", [whole, g.constant(numpy.array(index, numpy.int64))]))
        return g.node(op, names, **attributes)
    return graph("by an index that depends on data", [op], build, opset=18)


def laid(image, kernel, stride, dilation, low, high):
    """Fold by its definition: every element of every block is added where it lies."""
    count = [(i + a + b - d * (k - 1) - 1) // s + 1 for i, k, s, d, a, b in zip(image, kernel, stride, dilation, low, high)]

    def call(x, *_):
        n, c = x.shape[0], x.shape[1] // (kernel[0] * kernel[1])
        wide = numpy.zeros((n, c, image[0] + low[0] + high[0], image[1] + low[1] + high[1]))
        x = x.reshape(n, c, *kernel, *count)
        for i, j, p, q in numpy.ndindex(*kernel, *count):
            wide[:, :, p * stride[0] + i * dilation[0], q * stride[1] + j * dilation[1]] += x[:, :, i, j, p, q]
        return [wide[:, :, low[0]:low[0] + image[0], low[1]:low[1] + image[1]]]
    return call


MATRIX = numpy.array([[0, 2, 2], [-1, 0, 1]], numpy.int64)

CASES = [
    case("rows that come twice", "Gather", [(4, 3), C(numpy.array([[1, 3], [-1, 1]], numpy.int64))]),
    case("weight as a table", "Gather", [W((5, 3)), whole(0, 4, 4, 2)]),
    case("second axis", "Gather", [(2, 5, 3), whole(4, 0, 4)], axis=1),
    case("last axis, backwards", "Gather", [(2, 5), C(numpy.array([[0, -2]], numpy.int64))], axis=-1),
    case("one number", "Gather", [(3, 4), C(numpy.array(2, numpy.int64))], axis=1),
    case("one number from the end, first axis", "Gather", [(3, 4), C(numpy.array(-1, numpy.int64))]),
    case("one of rank 2", "Gather", [(3, 4), C(numpy.array([[1]], numpy.int64))], axis=1),
    case("the same number three times", "Gather", [(3, 4), whole(1, 1, 1)], axis=0),
    case("rows", "GatherElements", [(3, 3), C(MATRIX)], axis=0),
    case("columns", "GatherElements", [(2, 3), C(MATRIX)], axis=1),
    case("one of each row", "GatherElements", [(2, 4), C(numpy.array([[3], [-4]], numpy.int64))], axis=-1,
         reference=lambda x, i: [numpy.take_along_axis(x, i.astype(int), -1)]),
    case("blocks, columns first", "SpaceToDepth", [(1, 2, 4, 4)], blocksize=2, mode="CRD", opset=28),
    case("rows of a matrix", "GatherND", [(3, 4), C(numpy.array([[1], [-1], [1]], numpy.int64))]),
    case("elements", "GatherND", [(3, 4), C(numpy.array([[0, 1], [2, 3], [0, 1]], numpy.int64))],
         reference=lambda x, i: [x[i.astype(int)[:, 0], i.astype(int)[:, 1]]]),
    case("by batch", "GatherND", [(2, 3, 2), C(numpy.array([[1], [2]], numpy.int64))], batch_dims=1),
    case("begin and end", "Slice", [(4, 5), whole(1, 0), whole(3, 4)]),
    case("every second, backwards", "Slice", [(3, 7), whole(-1), whole(-100), whole(1), whole(-2)]),
    case("every third of both", "Slice", [(5, 7), whole(0, 1), whole(5, 7), whole(0, 1), whole(3, 3)]),
    case("three beside each other", "Concat", [(2, 3), (2, 1), (2, 4)], axis=1),
    case("one under the other", "Concat", [(2, 3), W((1, 3))], axis=0),
    graph("twenty, some of them constant", ["Concat"],
          lambda g: g.node("Concat", [g.constant(numpy.full((1, 2), n, numpy.float32)) if n % 5 == 2 else g.tensor((1, 2))
                                      for n in range(20)], axis=0)),
    graph("the same one twice", ["Concat"], lambda g: (lambda t: g.node("Concat", [t, t], axis=1))(g.tensor((2, 3)))),
    case("equal pieces", "Split", [(2, 6)], outputs=3, axis=1, num_outputs=3),
    case("last piece smaller, one not used", "Split", [(2, 5)], outputs=3, use=(0, 2), axis=1, num_outputs=3),
    case("given sizes, first axis", "Split", [(4, 2), whole(1, 3)], outputs=2),
    graph("pieces of a sequence", ["SplitToSequence", "SequenceAt"], pieces(1, (0, 2), 2), reference=cut(1, [(0, 2), (4, 6)])),
    graph("pieces of given sizes", ["SplitToSequence", "SequenceAt"], pieces(1, (1, -1), [1, 3, 2]),
          reference=cut(1, [(1, 4), (4, 6)])),
    graph("rows without their axis", ["SplitToSequence", "SequenceAt"], pieces(0, (1, 0), None, keeps=False),
          reference=cut(0, [(1, 2), (0, 1)], squeeze=True)),
    case("constant", "Pad", [(2, 3), whole(1, 0, 0, 2), C(numpy.array(0.5, numpy.float32))]),
    case("constant, cut off", "Pad", [(2, 5), whole(0, -1, 1, -2)], reference=lambda x, p: [numpy.pad(x, ((0, 1), (0, 0)))[:, 1:-2]]),
    case("mirrored", "Pad", [(3, 4), whole(2, 1, 1, 3)], mode="reflect", reference=padded("reflect", (2, 1), (1, 3))),
    case("edge", "Pad", [(2, 3), whole(2, 0, 0, 2)], mode="edge", reference=padded("edge", (2, 0), (0, 2))),
    case("around", "Pad", [(2, 3), whole(0, 1, 3, 4)], mode="wrap", reference=padded("wrap", (0, 1), (3, 4))),
    case("rows and columns", "Expand", [(2, 1, 3), whole(4, 1, 5, 1)]),
    case("both axes", "Tile", [(2, 3), whole(3, 2)]),
    case("middle axis", "Tile", [(2, 3, 2), whole(1, 2, 1)]),
    case("upper", "Trilu", [(2, 3, 4)], upper=1),
    case("lower, shifted", "Trilu", [(4, 4), C(numpy.array(-1, numpy.int64))], upper=0),
    case("columns first", "DepthToSpace", [(2, 8, 2, 3)], blocksize=2, mode="CRD"),
    case("depth first", "DepthToSpace", [(2, 8, 2, 3)], blocksize=2),
    case("blocks", "SpaceToDepth", [(2, 2, 4, 6)], blocksize=2, reference=deep),
    case("time first", "ReverseSequence", [(4, 3, 2), whole(4, 1, 3)], time_axis=0, batch_axis=1),
    case("batch first", "ReverseSequence", [(3, 4), whole(0, 2, 4)], time_axis=1, batch_axis=0,
         reference=lambda x, n: [numpy.stack([numpy.concatenate([r[:int(k)][::-1], r[int(k):]]) for r, k in zip(x, n)])]),
    case("twice and three times", "Resize", [(1, 2, 2, 3), None, C(numpy.array([1, 1, 2, 3], numpy.float32))], mode="nearest",
         coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
    case("nearest of other sizes", "Resize", [(1, 1, 4, 3), None, None, whole(3, 5)], mode="nearest", axes=[2, 3]),
    case("copies and others", "Resize", [(1, 2, 3, 2), None, None, whole(1, 2, 6, 3)], mode="nearest",
         coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
    case("linear", "Resize", [(1, 2, 3, 4), None, None, whole(1, 2, 5, 3)], mode="linear"),
    case("linear, corners aligned", "Resize", [(1, 1, 3, 2), None, C(numpy.array([1, 1, 2, 2], numpy.float32))], mode="linear",
         coordinate_transformation_mode="align_corners"),
    case("linear, smoothed", "Resize", [(1, 1, 6, 5), None, None, whole(1, 1, 3, 2)], mode="linear", antialias=1),
    case("cubic", "Resize", [(1, 1, 4, 5), None, None, whole(1, 1, 7, 3)], mode="cubic"),
    case("cubic, inside only", "Resize", [(1, 1, 4, 4), None, None, whole(1, 1, 6, 6)], mode="cubic", exclude_outside=1, cubic_coeff_a=-0.5),
    case("cropped", "Resize", [(1, 1, 4, 4), C(numpy.array([0, 0, 0.4, 0.6, 1, 1, 1.2, 1.7], numpy.float32)), None, whole(1, 1, 3, 3)],
         mode="linear", coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=3.0),
    case("elements of columns", "ScatterElements", [(3, 4), C(numpy.array([[1, -1], [0, 2]], numpy.int64)), (2, 2)], axis=1),
    case("an element twice", "ScatterElements", [(3, 2), C(numpy.array([[1, 0], [1, 2]], numpy.int64)), (2, 2)], axis=0),
    case("added elements", "ScatterElements", [(3, 2), C(numpy.array([[1, 0], [1, 2]], numpy.int64)), (2, 2)], reduction="add"),
    case("rows", "ScatterND", [(4, 3), C(numpy.array([[2], [-4]], numpy.int64)), (2, 3)]),
    case("elements, one twice", "ScatterND", [(3, 4), C(numpy.array([[0, 1], [2, 3], [0, 1]], numpy.int64)), T((3,))]),
    case("planes of a cube", "ScatterND", [(2, 3, 2), C(numpy.array([[[0, 1]], [[1, 2]]], numpy.int64)), (2, 1, 2)]),
    case("added rows", "ScatterND", [(4, 3), C(numpy.array([[2], [0], [2]], numpy.int64)), (3, 3)], reduction="add"),
    computed("Gather", [(4, 3)], [[1, -1, 1]]),
    computed("Gather", [(2, 3, 2)], [[2], [0]], axis=1),
    computed("GatherElements", [(3, 3)], MATRIX, axis=0),
    computed("GatherND", [(3, 4)], [[2], [-3], [2]]),
    computed("GatherND", [(2, 3, 2)], [[2], [0]], batch_dims=1),
    computed("ScatterElements", [(3, 4), (2, 2)], [[1, -1], [0, 2]], axis=1),
    computed("ScatterND", [(4, 3), (3, 3)], [[2], [-4], [2]]),
    computed("ScatterND", [(4, 3), T((3,))], [[2, 1], [0, 0], [2, 1]]),
    computed("ScatterND", [(4, 3), (3, 3)], [[2], [0], [2]], reduction="add"),
    graph("with nothing of another", ["Slice", "Concat"],
          lambda g: (lambda t: g.node("Concat", [g.node("Slice", [t, *(g.constant(numpy.array([k], numpy.int64)) for k in (2, 1))]), t], axis=0))(
              g.tensor((3, 2)))),
    case("overlapping blocks", "Col2Im", [(1, 8, 6), whole(3, 4), whole(2, 2)]),
    case("blocks with gaps and borders", "Col2Im", [(2, 6, 9), whole(5, 6), whole(2, 3)], dilations=[1, 2], strides=[2, 1],
         pads=[0, 1, 1, 0], reference=laid((5, 6), (2, 3), (2, 1), (1, 2), (0, 1), (1, 0))),
    case("to a matrix and back", "Reshape", [(2, 3, 4), whole(0, -1)]),
    case("turned", "Transpose", [(2, 3, 4)], perm=[2, 0, 1]),
    case("an axis of one goes", "Squeeze", [(2, 1, 3), whole(1)]),
    case("axes of one come", "Unsqueeze", [(2, 3), whole(0, -1)]),
    case("two axes in one", "Flatten", [(2, 3, 2)], axis=2),
    graph("turned, then cut and joined", ["Transpose", "Slice", "Concat"],
          lambda g: (lambda t: g.node("Concat", [t, g.node("Slice", [t, g.constant(numpy.array([1], numpy.int64)),
                                                                      g.constant(numpy.array([3], numpy.int64))])], axis=0))(
              g.node("Transpose", [g.tensor((2, 4))], perm=[1, 0]))),
]
