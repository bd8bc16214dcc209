"""What needs no torch: data and job files, an ONNX file trained from arrays, Ctrl-C, refusals."""
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np

import assay
from assay.arrays import write_dataset
from assay.jobfile import job_text
from assay.progress import Progress
from assay.tensors import read_safetensors
from world import refused

SOURCE = pathlib.Path(__file__).resolve().parents[2]
MODEL = SOURCE / "tests" / "models" / "mlp_small.onnx"
SGD = {"name": "sgd", "lr": 0.1, "momentum": 0.9}


def pictures(samples, seed=3):
    """28 x 28 pictures whose brightest rows say their class."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 10, samples)
    x = draw.integers(0, 60, (samples, 1, 28, 28)).astype(np.uint8)
    for n, label in enumerate(labels):
        x[n, 0, 2 * label:2 * label + 2] = 250
    return x, labels


def test_arrays_become_numpy_files(tmp_path):
    for kind, read in (("float32", "float32"), ("float64", "float64"), ("float16", "float32"), ("uint8", "uint8"), ("int16", "int32"),
                       ("uint16", "int32"), ("uint32", "int64"), ("int64", "int64"), ("bool", "bool"), (">f4", "float32")):
        x = (np.arange(3 * 5000).reshape(5000, 3) % 200).astype(kind)
        y = np.arange(5000)
        written = write_dataset((x, y), tmp_path, "a", "data")
        back = np.load(written.inputs[0])
        assert back.dtype.name == read and (back == x).all() and (np.load(written.targets) == y).all()
        assert written.samples == 5000 and (written.example[0] == x[:2]).all()
    one = write_dataset([(np.float32([n, 2]), n % 3) for n in range(700)], tmp_path, "b", "data")
    assert np.load(one.inputs[0]).shape == (700, 2) and np.load(one.targets).tolist() == [n % 3 for n in range(700)]
    assert write_dataset(iter([(np.ones(2), 1)] * 3), tmp_path, "c", "data").samples == 3
    two = write_dataset((({"q": np.ones((4, 2)), "k": np.zeros((4, 3))}), np.ones(4)), tmp_path, "d", "data")
    assert two.names == ("q", "k") and np.load(two.inputs[1]).shape == (4, 3)
    again = write_dataset((x, y), tmp_path, "e", "data")
    other = write_dataset((x, y + 1), tmp_path, "f", "data")
    assert again.digest != other.digest


def test_data_that_cannot_be_written(tmp_path):
    def write(data):
        return lambda: write_dataset(data, tmp_path, "x", "dataset")
    refused(write((np.ones((3, 2)), np.ones(4))), "dataset", "3, 4 samples")
    refused(write([(np.ones(2), 1), (np.ones(3), 1)]), "one shape")
    refused(write([(np.ones(2), 1, 2)]), "3 parts", "((a, b), target)")
    refused(write((np.ones((3, 2), np.complex64), np.ones(3))), "complex64")
    refused(write([]), "empty")
    refused(write(7), "int")


def test_job_text():
    text = job_text({"assay": 1, "model": "a model.onnx", "data": {"train": {"format": "npy", "scale": "1/255"}, "test": None},
                     "optimizer": {"name": "adamw", "betas": [0.9, 0.999], "eps": 1e-08, "groups": [{"match": ["*.bias", "0.weight"]}]},
                     "shuffle": False, "clip_norm": None})
    assert text == ('assay: 1\nmodel: "a model.onnx"\ndata:\n  train: {format: npy, scale: 1/255}\n'
                    'optimizer: {name: adamw, betas: [0.9, 0.999], eps: 1e-08, groups: [{match: ["*.bias", 0.weight]}]}\nshuffle: false\n')


def test_a_file_is_trained(tmp_path):
    x, y = pictures(240)
    call = dict(loss="cross_entropy", optimizer=SGD, batch=16, epochs=3, scale="1/255", test=(x[:50], y[:50]), out=tmp_path / "out", progress=False,
                options={"clip_norm": 5.0, "interval": 4})
    one = assay.train(MODEL, (x, y), **call)
    assert one.updates == 45 and len(one.losses) == 45 and one.losses[-1] < one.losses[0] / 2 and len(one.evaluations) == 3
    assert one.accuracy > 0.8 and one.test_loss == one.evaluations[-1].loss and len(one.final_root) == 64
    tensors = read_safetensors(one.safetensors)
    checked = assay.check(one.onnx)
    assert checked and set(checked.trains) == set(tensors) and sum(t.size for t in tensors.values()) == checked.weights
    score = assay.evaluate(one.folder)
    assert score == assay.Score(one.test_loss, one.accuracy, 50)
    assert assay.evaluate(one.onnx, (x[:50], y[:50]), scale="1/255", loss="cross_entropy") == score
    # the same call again gives the same result at once; another one is refused, and force makes it anew
    again = assay.train(MODEL, (x, y), **call)
    assert again.final_root == one.final_root and again.loss == one.loss and again.accuracy == one.accuracy
    refused(lambda: assay.train(MODEL, (x, y), **{**call, "batch": 8}), "batch", "force=True")
    refused(lambda: assay.train(MODEL, (x, y + (y < 3)), **call), "the data differ")
    other = assay.train(MODEL, (x, y), **{**call, "batch": 8}, force=True)
    assert other.updates == 90 and other.final_root != one.final_root
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["job", "run"]


def test_what_the_program_refuses(tmp_path):
    x, y = pictures(40)
    call = dict(loss="cross_entropy", optimizer=SGD, batch=16, epochs=1, out=tmp_path / "out", progress=False)
    refused(lambda: assay.train(MODEL, (x, y), **{**call, "loss": "hinge"}), "hinge", "cross_entropy")
    refused(lambda: assay.train(MODEL, (x, y + 1), **call), "10")
    refused(lambda: assay.train(MODEL, (x, y), **call, options={"sede": 1}), "sede", "seed")
    refused(lambda: assay.train(MODEL, (x, y), **call, options={"loss": "mse"}), "loss")
    refused(lambda: assay.train(tmp_path / "none.onnx", (x, y), **call), "none.onnx")
    refused(lambda: assay.check(tmp_path / "none.onnx"), "none.onnx")
    refused(lambda: assay.train(MODEL, (x.astype(np.float32), y), **call, scale=0.1), "scale")
    (tmp_path / "out" / "run").mkdir(parents=True, exist_ok=True)
    (tmp_path / "out" / "run" / ".lock").touch()
    assert assay.train(MODEL, (x, y), **call).updates == 2
    before = os.environ.get("ASSAY")
    os.environ["ASSAY"] = str(tmp_path / "nothing")
    try:
        refused(lambda: assay.check(MODEL), "ASSAY", "nothing")
    finally:
        os.environ.pop("ASSAY")
        if before is not None:
            os.environ["ASSAY"] = before


def test_check_tells_what_the_exporter_did(tmp_path):
    spoiled = assay.check(SOURCE / "tests" / "models" / "merged_signed.onnx")
    assert any(w.startswith("val_21: a transposed copy of there.weight") for w in spoiled.warnings)
    assert any(w.startswith("bn: a batch norm") for w in spoiled.warnings)
    assert assay.check(SOURCE / "tests" / "models" / "merged.onnx").warnings == ()


def test_a_run_that_diverges(tmp_path):
    x, y = pictures(64)
    text = refused(lambda: assay.train(MODEL, (x, y), loss="cross_entropy", optimizer={"name": "sgd", "lr": 1e30}, batch=16, updates=8,
                                       out=tmp_path / "out", progress=False), "finite", "clip_norm")
    assert "step" in text


LONG = """
import sys
sys.path[:0] = {path!r}
import assay, test_arrays
x, y = test_arrays.pictures(640)
print(assay.train(test_arrays.MODEL, (x, y), loss="cross_entropy", optimizer=test_arrays.SGD, batch=16, updates=int(sys.argv[1]), out=sys.argv[2],
                  options={{"interval": 8}}).final_root)
"""


def test_ctrl_c_saves_and_the_same_call_goes_on(tmp_path):
    script = LONG.format(path=[str(SOURCE / "python"), str(pathlib.Path(__file__).parent)])
    def start(out, updates):
        return subprocess.Popen([sys.executable, "-c", script, str(updates), str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process = start(tmp_path / "stopped", 3000)
    metrics = tmp_path / "stopped" / "run" / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not (metrics.exists() and metrics.stat().st_size > 2000):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode and "KeyboardInterrupt" in err and "the same call goes on" in err, (out, err)
    done = sum(1 for line in metrics.read_text().splitlines() if '"lr"' in line)
    assert 0 < done < 3000 and (tmp_path / "stopped" / "run" / "resume.state").exists()
    roots = []
    for name in ("stopped", "whole"):
        out, err = start(tmp_path / name, 3000).communicate(timeout=240)
        assert len(out.strip()) == 64, err
        roots.append(out.strip())
    assert roots[0] == roots[1]


def test_progress_is_lines_where_there_is_no_terminal():
    import io
    stream = io.StringIO()
    view = Progress(stream=stream)
    for n in range(1, 101):
        view.show(n, 100, "loss 1")
    view.note("a note")
    assert stream.getvalue().splitlines()[-1] == "a note" and stream.getvalue().count("update 100/100") == 1 and "\r" not in stream.getvalue()

    class Terminal(io.StringIO):
        def isatty(self):
            return True
    terminal = Terminal()
    view = Progress(stream=terminal)
    view.show(1, 100, "loss 2")
    view.show(50, 100, "loss 1")
    view.note("a note")
    assert "50%" in terminal.getvalue() and "█" in terminal.getvalue() and terminal.getvalue().endswith("\na note\n")
