#!/usr/bin/env python3
"""Wrong inputs: each gets exit status 2 or 3 and a message that names the file and the way out; nothing is overwritten."""
import os
import resource
import shutil

import world


class Wrong(world.World):
    def refused(self, *changes, names, job="bad.yaml", expect=2):
        """Training this variant of the job is refused, quickly, with all of `names` in the message, and leaves nothing."""
        self.job(job, *changes)
        shutil.rmtree("run", ignore_errors=True)
        _, err = self.assay("train", job, "-o", "run", expect=expect)
        for name in [names] if isinstance(names, str) else names:
            self.assertIn(name, err)
        left = [name for at, _, files in os.walk("run") for name in files if name != ".lock"] if os.path.exists("run") else []
        self.assertEqual(left, [], err)

    def test_job_files(self):
        cases = (
            ([("seed: 7", "sede: 7")], ["bad.yaml", "sede", "seed"]),
            ([("optimizer: {name: adamw", "optimizer: {name: adamw, betta1: 0.9")], ["betta1"]),
            ([("assay: 1\n", "assay: 2\n")], ["assay"]),
            ([("assay: 1\n", "")], ["assay"]),
            ([("loss: cross_entropy", "loss: hinge")], ["hinge", "cross_entropy"]),
            ([("name: adamw", "name: adamax")], ["adamax", "adamw"]),
            ([("batch: 16", "batch: 0")], ["batch"]),
            ([("batch: 16", "batch: -1")], ["batch"]),
            ([("batch: 16", "batch: 201")], ["batch", "200"]),
            ([("batch: 16", "batch: 99999999999999999999")], ["batch"]),
            ([("batch: 16", "batch: sixteen")], ["batch", "whole number"]),
            ([("updates: 40", "updates: 9999999999")], ["updates"]),
            ([("updates: 40", "updates: 40\nepochs: 2")], ["epochs"]),
            ([("lr: 1e-3", "lr: nan")], ["lr"]),
            ([("lr: 1e-3", "lr: fast")], ["lr", "fast"]),
            ([("interval: 5", "interval: 257")], ["interval", "256"]),
            ([("seed: 7", "seed: 7\nseed: 8")], ["seed"]),
            ([("model: model.onnx", "model: &a model.onnx")], ["bad.yaml"]),
            ([("model: model.onnx", "model: none.onnx")], ["none.onnx"]),
            ([("model: model.onnx", "model: .")], ["folder"]),
            ([("format: idx, inputs: train-x.gz", "format: idy, inputs: train-x.gz")], ["idy"]),
            ([("inputs: train-x.gz", "inputs: none.gz")], ["none.gz"]),
            ([("inputs: train-x.gz", "inputs: sub")], ["sub"]),
            ([("test: {format: idx, inputs: test-x, targets: test-y, scale: 1/255}", "test: {dataset: imagenet, split: test}")],
             ["imagenet", "fashion-mnist"]),
            ([(world.JOB, "assay: [1\n")], ["bad.yaml", "line"]),
            ([(world.JOB, "")], ["bad.yaml"]),
            ([(world.JOB, "- 1\n- 2\n")], ["bad.yaml"]),
            ([(world.JOB, "assay: " + "[" * 3000)], ["bad.yaml"]),
        )
        os.mkdir("sub")
        for changes, names in cases:
            with self.subTest(changes=changes):
                self.refused(*changes, names=names)
        for path, content in (("binary.yaml", os.urandom(500)), ("huge.yaml", b"# " + b"x" * (2 << 20))):
            self.write(path, content)
            self.assertIn(path, self.assay("train", path, "-o", "run", expect=2)[1])
        for path in ("missing.yaml", ".", "/dev/null", "/dev/zero"):
            self.assertIn(path, self.assay("train", path, "-o", "run", expect=2)[1])

    def test_models(self):
        whole = self.read("model.onnx")
        for name, content in (("cut", whole[:len(whole) // 2]), ("empty", b""), ("one byte", whole[:1]), ("noise", bytes(range(256)) * 40),
                              ("tail", whole + b"\xff" * 9), ("length", b"\x3a\xff\xff\xff\xff\x0f" + whole[:50])):
            with self.subTest(model=name):
                self.write("bad.onnx", content)
                self.refused(("model: model.onnx", "model: bad.onnx"), names="bad.onnx")
                for command in (["check", "bad.onnx"], ["inspect", "bad.onnx"], ["infer", "bad.onnx", "--input", "x.npy", "-o", "out"]):
                    self.assertIn("bad.onnx", self.assay(*command, expect=2)[1])
        self.assertFalse(os.path.exists("out"))

    def test_data(self):
        x, y = world.pictures(200, 1)
        images, labels = world.idx([200, 28, 28], x), world.idx([200], y)
        cases = (
            ("cut pictures", "train-x.gz", images[:-1]), ("more pictures", "train-x.gz", images + b"\0"),
            ("no pictures", "train-x.gz", b""), ("rank", "train-x.gz", bytes([0, 0, 8, 200]) + images[4:]),
            ("type", "train-x.gz", bytes([0, 0, 7]) + images[3:]), ("magic", "train-x.gz", b"PK\3\4" + images[4:]),
            ("zero samples", "train-x.gz", world.idx([0, 28, 28], [])),
            ("absurd dims", "train-x.gz", bytes([0, 0, 8, 3]) + b"\xff" * 12 + b"1234"),
            ("other shape", "train-x.gz", world.idx([200, 28, 27], bytes(200 * 28 * 27))),
            ("cut gzip", "train-x.gz", self.read("train-x.gz")[:-200]),
            ("damaged gzip", "train-x.gz", self.read("train-x.gz")[:5000] + b"\0" * 100 + self.read("train-x.gz")[5100:]),
            ("fewer labels", "train-y", world.idx([199], y[:199])), ("label 10", "train-y", world.idx([200], y[:150] + [10] + y[151:])),
            ("label 255 in tests", "test-y", world.idx([50], [255] * 50)), ("labels of rank 2", "train-y", world.idx([200, 2], y * 2), "targets"),
        )
        for name, path, content, *says in cases:
            good = self.read(path)
            with self.subTest(name):
                self.write(path, content)
                self.refused(names=says or path)
            self.write(path, good)

    def test_npy_data(self):
        pixels = [n % 11 / 11 for n in range(20 * 784)]
        good_x = world.npy([20, 1, 28, 28], pixels)
        good_y = world.npy([20], [n % 10 for n in range(20)], "<i8", "q")
        train = "{format: idx, inputs: train-x.gz, targets: train-y, scale: 1/255}"
        change = (train, "{format: npy, inputs: x.npy, targets: y.npy}")
        nan, infinite = list(pixels), list(pixels)
        nan[3 * 784 + 5], infinite[7] = float("nan"), float("-inf")
        self.write("x.npy", good_x)
        self.write("y.npy", good_y)
        self.job("npy.yaml", change)
        self.train("good", "npy.yaml")
        cases = (("nan", "x.npy", world.npy([20, 1, 28, 28], nan)), ("infinity", "x.npy", world.npy([20, 1, 28, 28], infinite)),
                 ("cut", "x.npy", good_x[:-4]), ("cut head", "x.npy", good_x[:9]), ("magic", "x.npy", b"\x93NUMPX" + good_x[6:]),
                 ("fortran", "x.npy", good_x.replace(b"False", b"True ")), ("kind", "x.npy", good_x.replace(b"<f4", b"<c8")),
                 ("object", "x.npy", good_x.replace(b"'<f4'", b"'|O' ")), ("shape", "x.npy", good_x.replace(b"28, 28,)", b"28, 29,)")),
                 ("negative", "y.npy", world.npy([20], [-3] * 20, "<i8", "q")), ("too large", "y.npy", world.npy([20], [1 << 40] * 20, "<i8", "q")),
                 ("float labels", "y.npy", world.npy([20], [0.5] * 20)))
        for name, path, content in cases:
            good = self.read(path)
            with self.subTest(name):
                self.write(path, content)
                self.refused(change, names=path)
            self.write(path, good)

    def test_folders(self):
        result = self.train()
        before = self.snapshot("run")
        self.job("other.yaml", ("seed: 7", "seed: 8"))
        for words in (["job.yaml", "-o", "run"], ["other.yaml", "-o", "run", "--resume"], ["other.yaml", "-o", "run"]):
            with self.subTest(words=words):
                self.assertIn("run", self.assay("train", *words, expect=2)[1])
                self.assertEqual(self.snapshot("run"), before)
        self.write("file", "precious")
        self.assertIn("file", self.assay("train", "job.yaml", "-o", "file", expect=(2, 3))[1])
        self.assertEqual(self.read("file"), b"precious")
        os.mkdir("mine")
        self.write("mine/thesis.txt", "precious")
        self.assertIn("lies in", self.assay("train", "job.yaml", "-o", "no/such/parent", expect=2)[1])
        os.symlink("gone", "link")
        self.assertIn("link to what is not there", self.assay("train", "job.yaml", "-o", "link", expect=2)[1])
        self.assay("train", "job.yaml", "-o", "mine", expect=(0, 2))
        self.assertEqual(self.read("mine/thesis.txt"), b"precious")
        self.assertEqual(self.train("run", "job.yaml", "--force")["final_root"], result["final_root"])
        self.write("run/notes.txt", "mine")
        self.assay("train", "job.yaml", "-o", "run", "--force", expect=(0, 2))
        self.assertEqual(self.read("run/notes.txt"), b"mine")
        for folder in (".", "nowhere", "job.yaml", "/dev/null"):
            for command in (["verify", folder], ["lower", "--check", folder], ["export", folder, "--onnx", "o.onnx"], ["inspect", folder]):
                with self.subTest(command=command):
                    self.assay(*command, expect=2)

    def test_a_checkpoint_of_another_job(self):
        self.job("other.yaml", ("seed: 7", "seed: 8"))
        self.train()
        self.train("other", "other.yaml")
        self.write("run/checkpoints/000005.state", self.read("other/checkpoints/000005.state"))
        self.assertEqual(self.verify(expect=2)["first_difference"]["interval"], 5)

    def test_full_disk(self):
        """A file-size limit stands for a disk that is full: the write fails in the middle."""
        def limit(bytes_):
            resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, bytes_))
        for bytes_ in (0, 3000, 100000, 300000):
            with self.subTest(bytes=bytes_):
                _, err = self.assay("train", "job.yaml", "-o", f"run{bytes_}", expect=3, preexec_fn=lambda: limit(bytes_))
                self.assertIn(f"run{bytes_}", err)
                half = [name for name in self.snapshot(f"run{bytes_}") if name.endswith(".part")]
                self.assertEqual(half, [])
        # With room again the same folder goes on or is refused by name; it never ends with other bits.
        whole = self.train()
        for words in (["--resume"], ["--force"]):
            _, err = self.assay("train", "job.yaml", "-o", "run300000", *words, expect=(0, 2))
        self.assertIn(whole["final_root"], self.assay("inspect", "run300000")[0])

    def test_what_may_not_be_read(self):
        """Permissions are the system's, not the file's fault: exit status 3. Root may read all, so somebody else asks."""
        self.train()
        self.train("other")
        self.assay("train", "job.yaml", "-o", "liar", "--sabotage", "weight@7")
        self.assay("dispute", "liar", "--against", "run", "-o", "t", expect=1)
        os.chmod(self.folder, 0o755)
        for name in ("other/job.json", "t"):
            os.chmod(name, 0)
        who = {} if os.geteuid() else {"user": 65534, "group": 65534, "extra_groups": []}
        try:
            self.assay("--version", **who)
        except PermissionError:
            self.skipTest("the program lies where nobody else can run it")
        for words in (("verify", "other"), ("inspect", "other"), ("dispute", "other", "--against", "run"), ("dispute", "run", "--against", "other"),
                      ("referee", "t")):
            with self.subTest(words=words):
                self.assertIn("Permission denied", self.assay(*words, expect=3, **who)[1])
        os.chmod("liar/job.yaml", 0)  # one folder's is enough
        self.assay("dispute", "liar", "--against", "run", expect=1, **who)

    def test_infer_inputs(self):
        self.write("x.npy", world.npy([2, 1, 28, 28], [0.5] * 1568))
        self.write("short.npy", world.npy([2, 1, 28, 28], [0.5] * 1567))
        self.write("shape.npy", world.npy([2, 1, 28, 27], [0.5] * 1512))
        self.write("kind.npy", world.npy([2, 1, 28, 28], [1] * 1568, "<i4", "i"))
        for words, name in ((["--input", "nothing=x.npy"], "nothing"), ([], "missing"), (["--input", "short.npy"], "short.npy"),
                            (["--input", "shape.npy"], "shape.npy"), (["--input", "kind.npy"], "float32"),
                            (["--input", "none.npy"], "none.npy"), (["--input", "x.npy", "--input", "x.npy"], "twice")):
            with self.subTest(words=words):
                self.assertIn(name, self.assay("infer", "model.onnx", *words, "-o", "out", expect=2)[1])
        self.assertFalse(os.path.exists("out"))

    def test_infer_whole_numbers(self):
        """Any NumPy type whose numbers the input's type holds; results in the type that the graph declares."""
        def value(name, kind, *dims):
            shape = [world.field(1, [world.field(1, d)]) for d in dims]
            return [world.field(1, name), world.field(2, [world.field(1, [world.field(1, kind), world.field(2, shape)])])]
        int8, truth = 3, 9
        graph = [world.field(1, [world.field(1, "k"), world.field(1, "k"), world.field(2, "y"), world.field(4, "Less")]), world.field(2, "g"),
                 world.field(11, value("k", int8, 3)), world.field(12, value("y", truth, 3)), world.field(12, value("k", int8, 3))]
        self.write("whole.onnx", b"".join([world.field(1, 8), world.field(7, graph), world.field(8, [world.field(2, 18)])]))
        for kind, code in (("<i8", "q"), ("<u2", "H"), ("|i1", "b"), ("<u8", "Q")):
            with self.subTest(kind=kind):
                self.write("k.npy", world.npy([3], [1, 2, 127], kind, code))
                self.assay("infer", "whole.onnx", "--input", "k.npy", "-o", "whole", "--force")
                self.assertEqual(self.read("whole/k.npy")[-3:], bytes([1, 2, 127]))
                self.assertIn(b"'|i1'", self.read("whole/k.npy"))
                self.assertEqual(self.read("whole/y.npy")[-3:], bytes(3))
                self.assertIn(b"'|b1'", self.read("whole/y.npy"))
        for values, kind, code, words in (([1, 2, 128], "<i4", "i", "takes INT8"), ([0, 0, 2 ** 63], "<u8", "Q", "beyond what i32 holds"),
                                          ([0.5] * 3, "<f4", "f", "whole numbers"), ([], "<i4", "i", "takes [3]")):
            with self.subTest(values=values):
                self.write("k.npy", world.npy([len(values)], values, kind, code))
                self.assertIn(words, self.assay("infer", "whole.onnx", "--input", "k.npy", "-o", "none", expect=2)[1])
        self.assertFalse(os.path.exists("none"))

    def test_inspect_of_damaged_files(self):
        self.train()
        for name in ("tapes/train.tape", "traces/0000.bin", "checkpoints/000003.state", "model.onnx", "model.safetensors"):
            content = self.read("run/" + name)
            for cut in (0, 5, len(content) // 3 | 1, len(content) - 1):
                self.write(os.path.basename(name), content[:cut])
                with self.subTest(name=name, cut=cut):
                    self.assertIn(os.path.basename(name), self.assay("inspect", os.path.basename(name), expect=2)[1])


if __name__ == "__main__":
    world.main()
