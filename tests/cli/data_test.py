#!/usr/bin/env python3
"""Every form of training data, through the whole program. The same numbers in any file give the same job; losses are those of PyTorch, fed the same
samples in the same order (the lists below, of six updates each, were printed by it)."""
import io
import json
import math
import struct
import zipfile

import world
from world import field, npy

TEXT = b"the quick brown fox jumps over the lazy dog and runs away. " * 20
NEAR = 2e-5


def value(name, kind, dims):
    dims = [field(1, [field(2, d) if isinstance(d, str) else field(1, d)]) for d in dims]
    return [field(1, name), field(2, [field(1, [field(1, kind), field(2, dims)])])]


def tensor(name, dims, numbers, kind=1):
    raw = struct.pack(f"<{len(numbers)}{'f' if kind == 1 else 'q'}", *numbers)
    return [*[field(1, d) for d in dims], field(2, kind), field(8, name), field(9, raw)]


def node(op, inputs, output):
    return [*[field(1, name) for name in inputs.split()], field(2, output), field(4, op)]


def model(nodes, weights, inputs, output):
    graph = [field(1, n) for n in nodes] + [field(2, "g")] + [field(5, w) for w in weights]
    graph += [field(11, i) for i in inputs] + [field(12, output)]
    return b"".join([field(1, 8), field(7, graph), field(8, [field(1, ""), field(2, 18)])])


def numbers(count, seed):
    return [((n * 7919 + seed * 104729) % 1000 - 500) / 1000 for n in range(count)]


def language_model(context=6, hidden=8, vocabulary=128, own_loss=False):
    """Logits of the next byte at each place, out of all of the window; or their loss, then the labels come in first."""
    loss = [node("Transpose", "y", "t") + [field(5, [field(1, "perm"), *[field(8, n) for n in (0, 2, 1)], field(20, 7)])],
            node("SoftmaxCrossEntropyLoss", "t labels", "loss")] if own_loss else []
    labels = [value("labels", 7, ["n", context])] if own_loss else []
    return model([node("Mul", "x small", "a"), node("MatMul", "a w1", "b"), node("Relu", "b", "c"), node("MatMul", "c w2", "d"),
                  node("Reshape", "d shape", "y"), *loss],
                 [tensor("small", [], [1 / 128]), tensor("w1", [context, hidden], numbers(context * hidden, 1)),
                  tensor("w2", [hidden, context * vocabulary], numbers(hidden * context * vocabulary, 2)),
                  tensor("shape", [3], [-1, context, vocabulary], 7)],
                 [*labels, value("x", 1, ["n", context])],
                 value("loss", 1, []) if own_loss else value("y", 1, ["n", context, vocabulary]))


def two_inputs():
    return model([node("MatMul", "a w", "aw"), node("MatMul", "b v", "bv"), node("Add", "aw bv", "y")],
                 [tensor("w", [3, 1], numbers(3, 3)), tensor("v", [2, 1], numbers(2, 4))],
                 [value("b", 1, ["n", 2]), value("a", 1, ["n", 3])], value("y", 1, ["n", 1]))


def picture_model():
    return model([node("Reshape", "x flat", "z"), node("MatMul", "z w", "y")],
                 [tensor("flat", [2], [-1, 48], 7), tensor("w", [48, 5], numbers(240, 5))],
                 [value("x", 1, ["n", 3, 4, 4])], value("y", 1, ["n", 5]))


def npz(arrays, method):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in arrays.items():
            archive.writestr(name + ".npy", content)
    return out.getvalue()


def safetensors(arrays):
    header, data = {}, b""
    for name, (dtype, shape, content) in arrays.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def csv(columns):
    lines = [",".join(columns)] + [",".join(map(repr, row)) for row in zip(*columns.values())]
    return "\n".join(lines) + "\n"


class Data(world.World):
    def trained(self, run, train, test="", loss="mse", batch=12, lr=0.1, more=""):
        """Losses of six updates in the files' own order, and the roots."""
        self.write("d.yaml", f"assay: 1\nmodel: d.onnx\ndata:\n  train: {train}\n" + (f"  test: {test}\n" if test else "") +
                   f"loss: {loss}\noptimizer: {{name: sgd, lr: {lr}}}\nbatch: {batch}\nupdates: 6\nshuffle: false\nseed: 0\n"
                   f"interval: 3\n{more}")
        result = self.train(run, "d.yaml")
        losses = [line["loss"] for line in self.metrics(run) if "loss" in line and "lr" in line]
        return losses[:6], result

    def near(self, losses, pytorch):
        self.assertEqual(len(losses), len(pytorch))
        for ours, theirs in zip(losses, pytorch):
            self.assertLess(abs(ours - theirs), NEAR, (losses, pytorch))

    def roots(self, run):
        job = json.loads(self.read(f"{run}/job.json"))
        return {d["name"]: d["root"] for d in job["data"]}

    def test_windows_of_text_are_pytorchs(self):
        self.write("d.onnx", language_model())
        self.write("t.txt", TEXT)
        self.write("u2.bin", b"".join(struct.pack("<H", c) for c in TEXT))
        self.write("i8.npy", npy([len(TEXT)], list(TEXT), "<i8", "q"))
        wanted = {6: [4.838327, 4.884819, 4.892844, 4.885779, 4.832932, 4.861123],
                  4: [4.872612, 4.897989, 4.86412, 4.878385, 4.843031, 4.860822]}
        for n, words in enumerate(["format: text, file: t.txt", "format: tokens, file: u2.bin, dtype: uint16", "format: tokens, file: i8.npy"]):
            for stride in wanted:
                data = f"{{{words}, context: 6, stride: {stride}, range: [0, 0.9]}}"
                losses, result = self.trained(f"r{n}{stride}", data, f"{{{words}, context: 6, range: [0.9, 1]}}", "cross_entropy", 8, 0.2)
                self.near(losses, wanted[stride])
                self.assertIsNotNone(result["test_accuracy"])
        # the whole way: audited, evaluated on other text, bundled
        self.assertTrue(self.verify("r04")["agree"])
        self.assertIn("accuracy", self.assay("evaluate", "r04", "--data", "{format: text, file: t.txt, context: 6, stride: 1}")[0])
        self.assay("export", "r04", "--bundle", "r.bundle")
        self.assertIn(TEXT[:len(TEXT) * 9 // 10], self.read("r.bundle"))
        options = json.loads(self.read("r04/job.json"))["options"]["train"]
        self.assertEqual(options["text"], {"tokens": len(TEXT) * 9 // 10, "context": 6, "stride": 4, "targets_input": 0})

    def test_a_model_with_its_own_loss_takes_the_next_tokens(self):
        self.write("d.onnx", language_model(own_loss=True))
        self.write("t.txt", TEXT)
        text = "{format: text, file: t.txt, context: 6, inputs: x, targets: labels, range: [0, 0.9]}"
        losses, _ = self.trained("own", text, text.replace("[0, 0.9]", "[0.9, 1]"), "{output: loss}", 8, 0.2)
        self.near(losses, [4.838327, 4.884819, 4.892844, 4.885779, 4.832932, 4.861123])
        self.assertEqual(sorted(self.roots("own")), ["initial", "schedule", "test.inputs", "test.targets", "train.inputs", "train.targets"])
        self.assertTrue(self.verify("own")["agree"])
        for words, reason in (("inputs: x", "nothing feeds the model's input 'labels'"), ("inputs: x, targets: y", "no input 'y'"),
                              ("inputs: labels, targets: labels", "nothing feeds the model's input 'x'")):
            self.write("d.yaml", self.read("d.yaml").decode().replace("inputs: x, targets: labels", words))
            self.assertIn(reason, self.assay("train", "d.yaml", "-o", "none", expect=2)[1])
            self.write("d.yaml", self.read("d.yaml").decode().replace(words, "inputs: x, targets: labels"))

    def test_one_set_in_any_file_is_one_job(self):
        self.write("d.onnx", two_inputs())
        a, y = [math.sin(n) for n in range(48 * 3)], [math.cos(n * n) for n in range(48)]
        b = [n * 37 % 251 for n in range(48 * 2)]
        arrays = {"a": npy([48, 3], a), "b": npy([48, 2], b, "|u1", "B"), "y": npy([48, 1], y)}
        for name, content in arrays.items():
            self.write(name + ".npy", content)
        self.write("s.npz", npz(arrays, zipfile.ZIP_STORED))
        self.write("d.npz", npz(arrays, zipfile.ZIP_DEFLATED))
        self.write("d.safetensors", safetensors({"y": ("F32", [48, 1], struct.pack("<48f", *y)), "b": ("U8", [48, 2], bytes(b)),
                                                 "a": ("F64", [48, 3], struct.pack("<144d", *a))}))
        files = "scale: 1/255, inputs: {a: %s, b: %s}, targets: %s"
        words = ["format: npy, " + files % ("a.npy", "b.npy", "y.npy")]
        words += [f"format: npz, file: {f}.npz, " + files % tuple("aby") for f in "sd"]
        words += ["format: safetensors, file: d.safetensors, " + files % tuple("aby")]
        seen = set()
        for n, form in enumerate(words):
            losses, result = self.trained(f"f{n}", f"{{{form}}}", f"{{{form}}}")
            self.near(losses, [0.641784, 1.125531, 0.830714, 0.693216, 0.504473, 0.636149])
            seen.add(result["final_root"] + result["job_root"])
            self.assertEqual(sorted(self.roots(f"f{n}")), ["initial", "schedule", "test.a", "test.inputs", "test.targets", "train.a",
                                                           "train.inputs", "train.targets"])
        self.assertEqual(len(seen), 1)
        self.assertTrue(self.verify("f2")["agree"])
        self.assay("evaluate", "f3", "--data", "{" + words[1] + "}")
        self.assay("quote", "d.yaml")
        # a table: the bytes are whole numbers of 32 bits there, scaled by hand
        columns = {f"a{k}": [struct.unpack("<f", struct.pack("<f", x))[0] for x in a[k::3]] for k in range(3)}
        columns |= {f"b{k}": [x * 1.0 for x in b[k::2]] for k in range(2)}
        columns["y"] = [struct.unpack("<f", struct.pack("<f", x))[0] for x in y]
        self.write("t.csv", csv(columns))
        losses, _ = self.trained("table", "{format: csv, file: t.csv, inputs: {a: [a0, a1, a2], b: [b0, b1]}, targets: [y], "
                                 "normalize: {mean: 0, std: 255}}")
        self.near(losses, [0.641784, 1.125531, 0.830714, 0.693216, 0.504473, 0.636149])
        self.assertEqual(self.roots("table")["train.a"], self.roots("f0")["train.a"])

    def test_inputs_must_be_named(self):
        self.write("d.onnx", two_inputs())
        for name in "aby":
            self.write(name + ".npy", npy([48, {"a": 3, "b": 2, "y": 1}[name]], [0] * 48 * {"a": 3, "b": 2, "y": 1}[name]))
        for inputs, reason in (("a.npy", "nothing feeds the model's input 'b'"), ("{a: a.npy}", "nothing feeds the model's input 'b'"),
                               ("{a: a.npy, b: b.npy, c: y.npy}", "no input 'c'; its inputs are 'b' and 'a'"),
                               ("{a: b.npy, b: a.npy}", "samples of 3")):
            self.write("d.yaml", f"assay: 1\nmodel: d.onnx\ndata: {{train: {{format: npy, inputs: {inputs}, targets: y.npy}}}}\nloss: mse\n"
                       "optimizer: sgd\nbatch: 12\nupdates: 6\n")
            self.assertIn(reason, self.assay("train", "d.yaml", "-o", "none", expect=2)[1])

    def test_rows_that_a_table_lacks_are_refused(self):
        self.write("d.onnx", model([node("Gather", "table rows", "y")], [tensor("table", [5, 2], numbers(10, 5))],
                                   [value("rows", 7, ["n"])], value("y", 1, ["n", 2])))
        self.write("y.npy", npy([48, 2], [0] * 96))
        for rows, reason in (([4, -5] * 24, ""), ([0] * 47 + [5], "number 47 is 5, and the model looks it up in 'table', which has 5 rows, 0 to 4"),
                             ([-6] + [0] * 47, "number 0 is -6")):
            self.write("rows.npy", npy([48], rows, "<i4", "i"))
            self.write("d.yaml", "assay: 1\nmodel: d.onnx\ndata: {train: {format: npy, inputs: rows.npy, targets: y.npy}}\nloss: mse\n"
                       "optimizer: sgd\nbatch: 12\nupdates: 6\n")
            self.assertIn(reason, self.assay("train", "d.yaml", "-o", "rows", "--force", expect=2 if reason else 0)[1])

    def test_pictures_are_changed_as_the_clauses_say(self):
        self.write("d.onnx", picture_model())
        self.write("x.npy", npy([24, 3, 4, 4], [(n * 53 + n // 7) % 256 for n in range(24 * 48)], "|u1", "B"))
        self.write("y.npy", npy([24], [n % 5 for n in range(24)], "<i8", "q"))
        normal = "format: npy, inputs: x.npy, targets: y.npy, scale: 1/255, normalize: {mean: [0.49, 0.48, 0.45], std: [0.25, 0.24, 0.26]}"
        losses, _ = self.trained("plain", f"{{{normal}}}", f"{{{normal}}}", "cross_entropy", 12, 0.05)
        self.near(losses, [3.730607, 3.162296, 3.193672, 2.712263, 2.792668, 2.419996])
        losses, result = self.trained("changed", f"{{{normal}, augment: {{flip: horizontal, crop: 2, cutout: 2}}}}", f"{{{normal}}}",
                                      "cross_entropy", 12, 0.05)
        self.near(losses, [1.501493, 2.511297, 1.678013, 1.88617, 2.148611, 1.725059])
        self.assertTrue(self.verify("changed")["agree"])
        again = json.loads(self.assay("evaluate", "changed", "--data", f"{{{normal}}}", "--json")[0])
        self.assertLess(abs(again["loss"] - result["test_loss"]), NEAR)
        self.write("d.yaml", self.read("d.yaml").decode().replace(f"  test: {{{normal}}}", f"  test: {{{normal.split(', normalize')[0]}}}"))
        self.assertIn("only data.train has 'normalize'", self.assay("train", "d.yaml", "-o", "none", expect=2)[1])


if __name__ == "__main__":
    world.main()
