#!/usr/bin/env python3
"""What somebody with a model of their own meets: regression, batches fixed in the file, files that moved."""
import json
import math
import os
import shutil

import world

MODELS = os.path.join(world.SOURCE, "tests", "models")


class Own(world.World):
    def regression(self, *changes):
        """A job with float targets: the sine of the first two of eight features."""
        shutil.copy(os.path.join(MODELS, "regression.onnx"), "r.onnx")
        x = [math.sin(n * n) for n in range(96 * 8)]
        self.write("x.npy", world.npy([96, 8], x))
        self.write("y.npy", world.npy([96, 2], [math.sin(x[n // 2 * 8 + n % 2]) for n in range(192)], "<f8", "d"))
        text = ("assay: 1\nmodel: r.onnx\ndata:\n  train: {format: npy, inputs: x.npy, targets: y.npy}\n"
                "  test: {format: npy, inputs: x.npy, targets: y.npy}\nloss: mse\n"
                "optimizer: {name: sgd, lr: 0.05, momentum: 0.9}\nbatch: 32\nepochs: 20\n")
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        self.write("r.yaml", text)

    def test_regression_has_no_accuracy(self):
        self.regression()
        out, err = self.assay("train", "r.yaml", "-o", "run")
        self.assertIn("test loss", err)
        self.assertNotIn("accuracy", out + err)
        result = self.train("other", "r.yaml")
        self.assertIsNone(result["test_accuracy"])
        first = next(line["test_loss"] for line in self.metrics("run") if "test_loss" in line)
        self.assertLess(result["test_loss"], first / 2)
        for words in (["run"], ["run/model.onnx", "--loss", "mse", "--data", "{format: npy, inputs: x.npy, targets: y.npy}"]):
            self.assertNotIn("accuracy", self.assay("evaluate", *words)[0])
            answer = json.loads(self.assay("evaluate", *words, "--json")[0])
            self.assertIsNone(answer["accuracy"])
            self.assertEqual(answer["samples"], 96)
            self.assertAlmostEqual(answer["loss"], result["test_loss"], 5)
        self.assertTrue(self.verify()["agree"])

    def test_batch_fixed_in_the_file(self):
        self.write("model.onnx", world.fixed_model(4))
        for change in ("init: model", "init: seed"):
            self.job("other.yaml", ("init: seed", change))
            _, err = self.assay("train", "other.yaml", "-o", "run", expect=2)
            for part in ("exported for batches of 4", "dynamic", "batch: 4", "view"):
                self.assertIn(part, err)
        self.job("four.yaml", ("batch: 16", "batch: 4"))
        accuracy = self.train("run", "four.yaml")["test_accuracy"]
        # 50 samples are no multiple of 4: the last batch is partly masked
        out, _ = self.assay("evaluate", "run/model.onnx", "--data", "{format: idx, inputs: test-x, targets: test-y, scale: 1/255}", "--json")
        self.assertEqual(json.loads(out)["accuracy"], accuracy)

    def test_axes_in_another_order_are_refused(self):
        """As many numbers are not enough: pictures with their colours last would train on nonsense."""
        self.write("model.onnx", world.fixed_model(4, (2, 14, 28)))
        self.write("y.npy", world.npy([8], list(range(8)), "<i8", "q"))
        for shape, fits in (((2, 14, 28), True), ((2, 1, 14, 28), True), ((784,), True), ((14, 28, 2), False), ((28, 14, 2), False), ((28, 28), False)):
            with self.subTest(shape=shape):
                self.write("x.npy", world.npy([8, *shape], [n % 5 / 5 for n in range(8 * 784)]))
                self.job("axes.yaml", ("{format: idx, inputs: train-x.gz, targets: train-y, scale: 1/255}", "{format: npy, inputs: x.npy, targets: y.npy}"),
                         ("  test: {format: idx, inputs: test-x, targets: test-y, scale: 1/255}\n", ""), ("batch: 16", "batch: 4"),
                         ("evaluate: {every: 20 updates}\n", ""))
                _, err = self.assay("quote", "axes.yaml", expect=0 if fits else 2)
                self.assertEqual("np.transpose" in err, not fits)

    def test_messages_name_the_job(self):
        for change, says in ((("seed: 7", "freeze: [1.weigth]"), "did you mean '1.weight'"), (("seed: 7", "drop_last: false"), "drop_last"),
                             (("inputs: train-x.gz", "inputs: {pixel: train-x.gz}"), "line 5: the model has no input 'pixel'"),
                             (("{format: idx, inputs: train-x.gz, targets: train-y, scale: 1/255}", "{dataset: mnits}"), "line 5: no data set")):
            with self.subTest(change=change):
                self.job("bad.yaml", change)
                _, err = self.assay("quote", "bad.yaml", expect=2)
                self.assertIn("assay quote: bad.yaml: ", err)
                self.assertIn(says, err)

    def test_benchmark_with_models_beside_us(self):
        os.mkdir("it's: mine")
        shutil.copy(os.path.join(MODELS, "lenet.onnx"), "it's: mine")
        words = ["bench", "step", "--row", "lenet-128", "--steps", "1", "--quick", "--threads", "1"]
        out, _ = self.assay(*words, "--models", "it's: mine", "--json")
        self.assertEqual(json.loads(out.splitlines()[-1])["size"], "lenet-128")
        self.assertIn("no lenet.onnx in the folder nowhere", self.assay(*words, "--models", "nowhere", expect=2)[1])


if __name__ == "__main__":
    world.main()
