"""Derivatives of operators: one update of `assay train` against central differences in float64.

    gradients.py --assay build/release/assay              every case of cases/*.py
    gradients.py --assay A --op Gemm --op Conv            the cases of these operators
    gradients.py --assay A --case transposed              the cases whose name holds the text

A case is a small graph with trained tensors (graph.py says how one is written). The loss is the mean squared distance of
its outputs to fixed targets; plain SGD takes one step, so (before - after) / lr is the gradient that assay computed. The
other gradient comes from ONNX's reference evaluator in float64, or a function that the case gives. The loss itself is
compared too. Exit status: 0 all agree, 1 some do not, 77 skipped since onnx or numpy is missing.
"""
import argparse
import concurrent.futures
import importlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import environment

numpy, onnx = environment.enter()
import onnx.reference  # noqa: E402

STEP = 1e-6            # of a central difference, relative to what it moves
RTOL, ROUNDING = 2e-4, 1e-6  # of the largest derivative of a tensor; of its largest weight, since the difference rounds
JOB = """assay: 1
model: model.onnx
data: {{train: {{format: npy, inputs: x.npy, targets: y.npy}}}}
loss: mse
optimizer: {{name: sgd, lr: {lr}}}
batch: 1
updates: 1
shuffle: false
"""


def cases():
    """Every case of the folder: its module, the case, and whether the gradients must agree. Those of a module's list WRONG
    have a false reference: were one of them to agree, the comparison would show nothing."""
    for path in sorted(pathlib.Path(__file__).parent.glob("cases/*.py")):
        module = importlib.import_module(f"cases.{path.stem}")
        for c in module.CASES:
            yield path.stem, c, True
        for c in getattr(module, "WRONG", []):
            yield path.stem, c, False


def forward(g, outputs, c):
    """A function: values of the trained tensors (float64) -> what the loss takes, float64 [1, n]."""
    if c.reference:
        def call(values):
            known = {**{n: v.astype(numpy.float64) if v.dtype == numpy.float32 else v for n, v in g.values.items()}, **values}
            made = c.reference(*[None if n is None else known[n] for n in g.given or g.trained])
            return g.mix(made if isinstance(made, (list, tuple)) else [made])
        return call
    session = onnx.reference.ReferenceEvaluator(g.to_evaluate(outputs, c.opset))
    return lambda values: g.mix(session.run(None, {"x": numpy.zeros((1, 1)), **values}))


def differences(call, values, target):
    """The loss and its gradient for every trained tensor."""
    def loss(at):
        return float(((call(at) - target) ** 2).mean())
    gradient = {}
    for name, value in values.items():
        gradient[name] = numpy.zeros_like(value)
        for index in numpy.ndindex(value.shape):
            step = STEP * max(1.0, abs(value[index]))
            sides = []
            for sign in (1, -1):
                moved = value.copy()
                moved[index] += sign * step
                sides.append(loss({**values, name: moved}))
            gradient[name][index] = (sides[0] - sides[1]) / (2 * step)
    return loss(values), gradient


def trained(assay, g, outputs, c, target, lr):
    """The trained tensors after one update, and the loss before it; or a reason why not."""
    with tempfile.TemporaryDirectory(prefix="assay-gradient-", dir=environment.MEMORY) as folder:
        onnx.save(g.to_train(outputs, c.opset), os.path.join(folder, "model.onnx"))
        numpy.save(os.path.join(folder, "x.npy"), numpy.zeros((1, 1), numpy.float32))
        numpy.save(os.path.join(folder, "y.npy"), target.astype(numpy.float32))
        pathlib.Path(folder, "job.yaml").write_text(JOB.format(lr=lr))
        done = subprocess.run([assay, "train", os.path.join(folder, "job.yaml"), "-o", os.path.join(folder, "run"), "-q",
                               "--threads", "1"], capture_output=True, text=True, timeout=60)
        if done.returncode:
            return None, None, f"exit status {done.returncode}: {done.stderr.strip()}".replace(folder + "/", "")
        lines = pathlib.Path(folder, "run", "metrics.jsonl").read_text().splitlines()
        losses = [json.loads(line)["loss"] for line in lines if '"loss"' in line]
        after = onnx.load(os.path.join(folder, "run", "model.onnx"))
        found = {i.name: onnx.numpy_helper.to_array(i) for i in after.graph.initializer if i.name in g.trained}
        return found, losses[0], None


def judge(assay, c):
    """None where assay's gradient is right, or what is wrong."""
    g, outputs = c.build()
    values = {name: g.values[name].astype(numpy.float64) for name in g.trained}
    call = forward(g, outputs, c)
    at = call(values)
    target = (at + g.draws.normal(0, 1, at.shape)).astype(numpy.float32).astype(numpy.float64)
    lr = at.size / 2  # so that an update is of the size of a derivative of the outputs
    found, loss, reason = trained(assay, g, outputs, c, target, lr)
    if reason:
        return reason
    want_loss, want = differences(call, values, target)
    if not max(abs(d).max() for d in want.values()) > 1e-6:
        return "no trained tensor has a derivative here: the case shows nothing"
    if not abs(loss - want_loss) <= RTOL * max(1.0, want_loss):
        return f"the loss is {loss}, not {want_loss}"
    for n, (name, gradient) in enumerate(want.items()):
        have = (values[name] - found[name].astype(numpy.float64)) / lr
        bound = RTOL * abs(gradient).max() + ROUNDING * max(1.0, abs(values[name]).max()) / lr
        wrong = ~(abs(have - gradient) <= bound)
        if wrong.any():
            index = tuple(int(i) for i in numpy.argwhere(wrong)[0])
            return (f"trained tensor {n} {list(gradient.shape)}: {int(wrong.sum())} of {gradient.size} derivatives differ, first at "
                    f"{list(index)}: {have[index]:.7g}, not {gradient[index]:.7g}")
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assay", required=True)
    parser.add_argument("--op", action="append", default=[], help="only cases of this operator; may be repeated")
    parser.add_argument("--case", default="", help="only cases whose name holds this text")
    parser.add_argument("--verbose", action="store_true", help="also those that agree")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    assay, wanted = os.path.abspath(asked.assay), {op.lower() for op in asked.op}
    chosen = [(module, c, sound) for module, c, sound in cases()
              if asked.case in c.name and (not wanted or wanted & {op.lower() for op in c.ops})]

    def one(entry):
        module, c, sound = entry
        try:
            reason = judge(assay, c)
            return reason if sound else None if reason and "derivatives differ" in reason else f"a false reference passes: {reason}"
        except Exception as error:  # a case that cannot be built is a failed case, and the others go on
            return f"{type(error).__name__}: {error}"
    with concurrent.futures.ThreadPoolExecutor(asked.jobs) as pool:
        reasons = list(pool.map(one, chosen))
    for (module, c, _), reason in zip(chosen, reasons):
        if reason or asked.verbose:
            print(f"{'FAILED' if reason else 'agrees'} {module} {'+'.join(c.ops)} \"{c.name}\"{': ' + reason if reason else ''}")
    failed = sum(reason is not None for reason in reasons)
    print(f"{len(chosen)} cases: {len(chosen) - failed} agree, {failed} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
