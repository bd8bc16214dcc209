"""Small ONNX graphs with trained tensors, for cases/*.py. A case is one line:

    case("transposed", "Gemm", [(3, 4), (5, 4), W(5)], transB=1)

names it, the operator under test, its inputs, and its attributes. An input is

    (3, 4)      a trained tensor of that shape that reaches the operator as Add(x, P): a computed tensor
    T(array)    the same with these values
    W(array)    a trained tensor given to the operator as it is; W(5), W((5, 3)) draws it
    C(array)    a constant: a shape, an index, a mask
    None        left out

Drawn values are normal, or uniform in `between=(low, high)`; by the case's name, the same on every machine. `outputs=N`
asks for the first N outputs, `use=(0, 2)` says which reach the loss. `reference=f` takes the place of ONNX's reference
evaluator: f(*inputs as float64 arrays, None where left out) gives the outputs in use as a list. Several nodes:

    graph("residual", ["Relu", "Add"], lambda g: g.node("Add", [g.tensor((3, 4)), g.node("Relu", [g.tensor((3, 4))])]))

where a `reference` takes the trained tensors in the order of their making.
"""
import collections
import zlib

import numpy
from onnx import TensorProto, helper, numpy_helper

OPSET = 23
MIXED = 8  # numbers that several outputs are added up in
Case = collections.namedtuple("Case", "name ops build reference opset")
Given = collections.namedtuple("Given", "kind what")


def T(what):
    return Given("tensor", what)


def W(what):
    return Given("weight", what)


def C(what):
    return Given("constant", what)


class Graph:
    """A graph under construction. Values are known by their names; parameters and constants are float32 or as given."""

    def __init__(self, name, between=None):
        self.draws = numpy.random.Generator(numpy.random.PCG64(zlib.crc32(name.encode())))
        self.between, self.nodes, self.values, self.trained, self.made = between, [], {}, [], 0
        self.given, self.mixed = [], []

    def name(self, stem):
        self.made += 1
        return f"{stem}{self.made}"

    def values_of(self, what):
        """What a case gives for a tensor: values, or a shape to draw them for."""
        shape = (what,) if isinstance(what, int) else what
        if not isinstance(shape, tuple):
            return numpy.asarray(what, numpy.float32)
        drawn = self.draws.uniform(*self.between, shape) if self.between else self.draws.normal(0, 1, shape)
        return numpy.asarray(drawn, numpy.float32)

    def constant(self, array):
        name = self.name("c")
        array = numpy.asarray(array)
        self.values[name] = array.astype(numpy.float32) if array.dtype == numpy.float64 else array
        return name

    def weight(self, what):
        name = self.name("p")
        self.values[name] = self.values_of(what)
        self.trained.append(name)
        return name

    def tensor(self, what):
        """A computed tensor: zero from the graph's input, and a parameter. Rank below 2 is reached by a reshape."""
        name = self.weight(what)
        shape = self.values[name].shape
        sum_name = self.node("Add", ["x", name])
        return sum_name if len(shape) >= 2 else self.node("Reshape", [sum_name, self.constant(numpy.array(shape, numpy.int64))])

    def node(self, op, inputs, outputs=1, **attributes):
        """The name of its output; of several, their names. Attributes that are None are left out."""
        names = [self.name(op.lower()) for _ in range(outputs)]
        given = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(op, ["" if i is None else i for i in inputs], names, name=names[0], **given))
        return names[0] if outputs == 1 else names

    def give(self, given):
        """The name of what a case gives as an input. `given` keeps the names of the values themselves, for a reference."""
        if given is None:
            self.given.append(None)
            return None
        kind, what = given if isinstance(given, Given) else T(given)
        name = {"tensor": self.tensor, "weight": self.weight, "constant": self.constant}[kind](what)
        self.given.append(self.trained[-1] if kind == "tensor" else name)
        return name

    def trainable(self, names):
        """The values [1, n] that the loss takes: one output flattened, or several times fixed numbers, added up."""
        row = self.constant(numpy.array([1, -1], numpy.int64))
        parts = [self.node("Reshape", [name, row]) for name in names]
        for n, name in enumerate(self.mixed):
            parts[n] = self.node("MatMul", [parts[n], name])
        while len(parts) > 1:
            parts = [self.node("Add", parts[:2]), *parts[2:]]
        return parts[0]

    def mix(self, arrays):
        """What trainable() computes, in float64. The first call draws the numbers that several outputs are multiplied by."""
        flats = [numpy.asarray(a, numpy.float64).reshape(1, -1) for a in arrays]
        if len(flats) == 1:
            return flats[0]
        if not self.mixed:
            self.mixed = [self.constant(self.draws.normal(0, 1, (f.size, MIXED))) for f in flats]
        return sum(f @ self.values[name].astype(numpy.float64) for f, name in zip(flats, self.mixed))

    def to_train(self, outputs, opset):
        """The model that assay trains: parameters as initializers with PyTorch's marks of what trains."""
        out = self.trainable(outputs)
        kept = [numpy_helper.from_array(v, n) for n, v in self.values.items()]
        g = helper.make_graph(self.nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1])],
                              [helper.make_tensor_value_info(out, TensorProto.FLOAT, None)], kept)
        for name, value in self.values.items():
            info = g.value_info.add()
            info.CopyFrom(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape))
            kind = "PARAMETER" if name in self.trained else "BUFFER"
            info.metadata_props.add(key="pkg.torch.export.graph_signature.InputSpec.kind", value=kind)
        return helper.make_model(g, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)

    def to_evaluate(self, outputs, opset):
        """The same in float64, with the parameters as inputs, up to the operators' own outputs."""
        nodes = []
        for node in self.nodes:
            nodes.append(type(node).FromString(node.SerializeToString()))
            for a in nodes[-1].attribute:
                if a.name == "to" and a.i == TensorProto.FLOAT:
                    a.i = TensorProto.DOUBLE
        double = {n: v.astype(numpy.float64) if v.dtype == numpy.float32 else v for n, v in self.values.items()}
        inputs = [helper.make_tensor_value_info("x", TensorProto.DOUBLE, [1, 1])]
        inputs += [helper.make_tensor_value_info(n, TensorProto.DOUBLE, double[n].shape) for n in self.trained]
        kept = [numpy_helper.from_array(v, n) for n, v in double.items() if n not in self.trained]
        made = [helper.make_tensor_value_info(o, TensorProto.DOUBLE, None) for o in outputs]
        g = helper.make_graph(nodes, "g", inputs, made, kept)
        return helper.make_model(g, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def case(name, op, inputs, outputs=1, use=None, reference=None, between=None, opset=OPSET, **attributes):
    """A case of one operator."""
    def build(g):
        made = g.node(op, [g.give(i) for i in inputs], outputs, **attributes)
        made = [made] if outputs == 1 else made
        return [made[n] for n in (use or range(outputs))]
    return graph(name, [op], build, reference, between, opset)


def graph(name, ops, build, reference=None, between=None, opset=OPSET):
    """A case of several nodes: build(g) makes them and gives the name, or the names, of what reaches the loss."""
    def built():
        g = Graph(name, between)
        made = build(g)
        return g, [made] if isinstance(made, str) else list(made)
    return Case(name, ops, built, reference, opset)
