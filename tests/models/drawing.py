"""A network by hand, node after node, with weights drawn by a generator of our own: the file is the same wherever it is
written, and has no meaning beyond that."""
import os
import sys

import numpy
from onnx import TensorProto, helper, numpy_helper


class Drawing:
    def __init__(self, name, seed, producer):
        self.name, self.producer = name, producer
        self.draws = numpy.random.Generator(numpy.random.PCG64(seed))
        self.nodes, self.kept = [], []

    def keep(self, name, array):
        self.kept.append(numpy_helper.from_array(numpy.ascontiguousarray(array), name))
        return name

    def drawn(self, name, low, high, shape):
        return self.keep(name, self.draws.uniform(low, high, shape).astype(numpy.float32))

    def weight(self, name, *shape):
        return self.drawn(name, -0.3, 0.3, shape)

    def scale(self, name, *shape):
        return self.drawn(name, 0.5, 1.5, shape)

    def node(self, op, inputs, outputs, **attributes):
        """outputs: names, of which the first is the node's; or the one name."""
        names = [outputs] if isinstance(outputs, str) else outputs
        self.nodes.append(helper.make_node(op, inputs, names, name=names[0], **attributes))
        return names[0]

    def model(self):
        """From x, [n, 28, 28], to y, [n, 10]."""
        graph = helper.make_graph(self.nodes, self.name, [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 28, 28])],
                                  [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10])], self.kept)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10, producer_name=self.producer)

    def write(self):
        """NAME.onnx in the folder that the command line names, else beside this file."""
        folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
        with open(os.path.join(folder, f"{self.name}.onnx"), "wb") as out:
            out.write(self.model().SerializeToString(deterministic=True))
