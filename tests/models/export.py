"""Writes the ONNX files of this folder. Needs torch, onnx and onnxscript:

    python3 export.py [NAME ...]

Three ways, because users have all three:
    NAME.onnx          torch.export in training mode, unoptimised: every parameter keeps its name, shape and ties
    NAME_legacy.onnx   the older TorchScript exporter in training mode
    NAME_default.onnx  what torch.onnx.export writes without options: batch baked in, weights in a file beside it
and of one model, for what they do to it, NAME_signed.onnx and NAME_aged.onnx: both exporters' defaults, with the signature
that the newer one leaves.
"""
import pathlib
import sys
import warnings

import onnx
import torch

from models import MODELS, build

FOLDER = pathlib.Path(__file__).parent
LEGACY = ("mlp_small", "mlp_dropout", "lenet_small", "mixed", "pools", "corners", "training")
DEFAULT = ("mixed", "pools")
OPSET = 20


def strip(model):
    """Takes out what depends on the machine: the exporter notes source files, lines and modules on every node."""
    model.producer_version = ""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    return model


def sample(name):
    return torch.zeros(2, *MODELS[name][1])


def export(name, path):
    """What we ask users to do: training mode keeps Dropout and batch norm, optimize=False keeps names and ties."""
    program = torch.onnx.export(build(name).train(), (sample(name),), dynamo=True, optimize=False, opset_version=OPSET,
                                dynamic_shapes=({0: torch.export.Dim("batch")},), input_names=["input"],
                                output_names=["output"], verbose=False)
    onnx.save(strip(program.model_proto), path)


def export_legacy(name, path):
    torch.onnx.export(build(name).train(), (sample(name),), path, dynamo=False, opset_version=OPSET,
                      training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False, input_names=["input"],
                      output_names=["output"], dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}})
    onnx.save(strip(onnx.load(path)), path)


def export_default(name, path):
    torch.onnx.export(build(name).eval(), (sample(name),), path, verbose=False)
    onnx.save(strip(onnx.load(path, load_external_data=False)), path)


def export_spoiled(name):
    program = torch.onnx.export(build(name).train(), (sample(name),), dynamo=True, opset_version=OPSET, verbose=False)
    onnx.save(strip(program.model_proto), FOLDER / f"{name}_signed.onnx")
    path = FOLDER / f"{name}_aged.onnx"
    torch.onnx.export(build(name).eval(), (sample(name),), path, dynamo=False, opset_version=OPSET)
    onnx.save(strip(onnx.load(path)), path)


def main(names):
    warnings.simplefilter("ignore")
    for name in names or [n for n in MODELS if n != "cnn"]:  # examples/fashion has the CNN
        export(name, FOLDER / f"{name}.onnx")
        if name in LEGACY:
            export_legacy(name, FOLDER / f"{name}_legacy.onnx")
        if name in DEFAULT:
            export_default(name, FOLDER / f"{name}_default.onnx")
        if name == "merged":
            export_spoiled(name)
    for path in sorted(FOLDER.glob("*.onnx")):
        onnx.checker.check_model(path)
        ops = [node.op_type for node in onnx.load(path, load_external_data=False).graph.node]
        print(f"{path.name:28} {path.stat().st_size:8} bytes  {' '.join(ops)}")


if __name__ == "__main__":
    main(sys.argv[1:])
