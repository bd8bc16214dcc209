"""The node tests of the onnx package as models, inputs and outputs. The package makes them when it is asked, by its own
reference code, so nothing is downloaded or kept here."""
import collections
import re
import warnings

import numpy
import onnx

RTOL, ATOL = 1e-3, 1e-7  # the suite's own, of every test; checked in load()
OLDEST = 13              # the oldest operator set that assay reads

PLAIN = {numpy.bool_, *(getattr(numpy, f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)),
         numpy.float16, numpy.float32, numpy.float64}

# assay infer evaluates, as a module after eval(): what these tests ask for belongs to training.
TRAINING = re.compile("training_dropout.*|batchnorm_.*_training_mode")

FLOAT, DOUBLE = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE

Test = collections.namedtuple("Test", "name op model inputs outputs")


def modern(model):
    """A test made for an operator set before 13 whose operators mean the same in 13 becomes one of 13."""
    default = [o for o in model.opset_import if o.domain == ""]
    if len(default) != 1 or default[0].version >= OLDEST:
        return model
    for node in model.graph.node:
        now = onnx.defs.get_schema(node.op_type, OLDEST, "")
        if now.deprecated or now.since_version > default[0].version:
            return model
    model = onnx.ModelProto.FromString(model.SerializeToString())
    model.opset_import[0].version = OLDEST
    return model


def operator_of(model):
    """The operator that a test is about: the one it has most of."""
    ops = [node.op_type for node in model.graph.node]
    return max(ops, key=ops.count)


def plain(array):
    """An array that a .npy file holds as every program reads it, or None: sequences, texts, 8-bit floats and the like. The
    model itself says that it has such an input or output, so assay is asked without it."""
    if isinstance(array, onnx.TensorProto) and array.data_type != onnx.TensorProto.STRING:
        array = onnx.numpy_helper.to_array(array)
    if isinstance(array, (numpy.ndarray, numpy.generic)) and array.dtype.kind in "biuf" and array.dtype.type in PLAIN:
        return numpy.ascontiguousarray(array).reshape(array.shape)
    return None


def single(test):
    """A test of DOUBLE as one of FLOAT, since what an operator computes does not depend on it; None where its point is the type."""
    if not (types := {v.type.tensor_type.elem_type for v in [*test.model.graph.input, *test.model.graph.output]}) & {DOUBLE}:
        return None
    if FLOAT in types or "Cast" in test.op:
        return None
    model = onnx.ModelProto.FromString(test.model.SerializeToString())
    for value in [*model.graph.input, *model.graph.output, *model.graph.value_info]:
        if value.type.tensor_type.elem_type == DOUBLE:
            value.type.tensor_type.elem_type = FLOAT
    tensors = [*model.graph.initializer, *[a.t for node in model.graph.node for a in node.attribute if a.HasField("t")]]
    for tensor in tensors:
        if tensor.data_type == DOUBLE:
            tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor).astype(numpy.float32), tensor.name))
    for node in model.graph.node:
        for a in node.attribute:
            if a.name in ("to", "dtype") and a.i == DOUBLE:
                a.i = FLOAT
    inputs, outputs = ([a.astype(numpy.float32) if a is not None and a.dtype == numpy.float64 else a for a in part]
                       for part in (test.inputs, test.outputs))
    return test._replace(model=model, inputs=inputs, outputs=outputs)


def load():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_node_model_tests
        cases = load_node_model_tests()
    tests = []
    plainly = {case.name: operator_of(case.model) for case in cases}
    for case in cases:
        assert (case.rtol, case.atol) == (RTOL, ATOL) and len(case.data_sets) == 1, case.name
        inputs, outputs = case.data_sets[0]
        inputs, outputs = [plain(a) for a in inputs], [plain(a) for a in outputs]
        name, whole = case.name.removeprefix("test_"), re.sub("_expanded.*", "", case.name)
        # The same inputs and outputs for the nodes that an operator's definition expands to.
        op = plainly[case.name] if whole == case.name else f"{plainly.get(whole, 'functions')} (expanded)"
        tests.append(Test(name, op, modern(case.model), inputs, outputs))
    assert len({test.name for test in tests}) == len(tests)
    return sorted(tests, key=lambda test: test.name)
