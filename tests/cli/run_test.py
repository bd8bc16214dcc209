#!/usr/bin/env python3
"""A run from its job to its results: trains, learns, is verified, survives kill -9 and Ctrl-C with the same final root."""
import contextlib
import fcntl
import json
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import termios
import time

import world


class Run(world.World):
    def test_trains_and_verifies(self):
        result = self.train()
        self.assertEqual(result["outcome"], "done")
        self.assertEqual(result["updates"], 40)
        self.assertLess(result["loss"], 2.0)  # ln 10 = 2.3 is chance
        self.assertGreater(result["test_accuracy"], 0.5)
        answer = self.verify()
        self.assertTrue(answer["agree"])
        self.assertEqual(answer["checked"], list(range(1, 10)))  # 41 steps in intervals of 5
        self.assertIsNone(answer["first_difference"])
        for name in ("job.yaml", "job.json", "metrics.jsonl", "model.onnx", "model.safetensors", "README.md", "traces/0000.bin",
                     "tapes/train.tape", "checkpoints/000009.state"):
            self.assertTrue(os.path.getsize(os.path.join("run", name)), name)
        lines = self.metrics("run")
        self.assertEqual([line["update"] for line in lines if "loss" in line], list(range(1, 41)))
        self.assertEqual(sum("test_loss" in line for line in lines), 2)
        self.assertEqual(lines[-1]["final_root"], result["final_root"])

    def test_same_root_on_any_threads_and_back_end(self):
        roots = {self.train(f"run{n}", "job.yaml", "--threads", str(n))["final_root"] for n in (1, 2, 3)}
        for back_end in ("scalar", "avx2", "avx512", "neon"):  # one that this machine lacks falls back to the best
            os.environ["ASSAY_BACKEND"] = back_end
            self.addCleanup(os.environ.pop, "ASSAY_BACKEND", None)
            roots.add(self.train("run-" + back_end)["final_root"])
        self.assertEqual(len(roots), 1, roots)

    def test_another_seed_is_another_job(self):
        self.job("other.yaml", ("seed: 7", "seed: 8"))
        one, two = self.train(), self.train("other", "other.yaml")
        self.assertNotEqual(one["job_root"], two["job_root"])
        self.assertNotEqual(one["final_root"], two["final_root"])

    def interrupt(self, signal_number, folder):
        """Starts a long run, waits until it has trained a little, and sends the signal."""
        process = subprocess.Popen([world.ASSAY, "train", "long.yaml", "-o", folder, "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        metrics = os.path.join(folder, "metrics.jsonl")
        deadline = time.time() + world.PATIENCE
        while not (os.path.exists(metrics) and os.path.getsize(metrics) > 2000):
            self.assertIsNone(process.poll(), "ended before it could be interrupted")
            self.assertLess(time.time(), deadline)
            time.sleep(0.01)
        process.send_signal(signal_number)
        self.said = process.communicate(timeout=world.PATIENCE)[0].decode().splitlines()
        return process.returncode

    def test_resumes_after_interruption(self):
        self.job("long.yaml", ("updates: 40", "updates: 4000"), ("every: 20", "every: 1000"), ("interval: 5", "interval: 40"))
        whole = self.train("whole", "long.yaml")
        self.assertEqual(self.interrupt(signal.SIGINT, "stopped"), 130)
        self.verify("stopped", expect=(0, 2))  # an unfinished run can be looked at, and crashes nobody
        self.assertEqual(self.train("stopped", "long.yaml", "--resume")["final_root"], whole["final_root"])
        self.assertEqual(self.interrupt(signal.SIGKILL, "killed"), -signal.SIGKILL)
        self.assertEqual(self.train("killed", "long.yaml", "--resume")["final_root"], whole["final_root"])
        self.assertTrue(self.verify("stopped")["agree"])
        out, _ = self.assay("verify", "killed", "--json", "--seed", "3", "--intervals", "4")
        answer = json.loads(out)
        self.assertTrue(answer["agree"])
        self.assertEqual(len(answer["checked"]), 4)
        losses = [[line.get("loss") for line in self.metrics(folder)] for folder in ("whole", "killed")]
        self.assertEqual(*losses)

    def test_every_polite_end_saves(self):
        self.job("long.yaml", ("updates: 40", "updates: 400000"), ("every: 20", "every: 100000"), ("interval: 5", "interval: 40"))
        for number in (signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number):
                self.assertEqual(self.interrupt(number, number.name), 130)
                self.assertTrue(any(name.endswith(".state") for name in os.listdir(number.name + "/checkpoints")))
                last = json.loads(self.said[-1])
                self.assertEqual(last["outcome"], "interrupted")
                self.assertGreater(last["updates"], 0)
                self.assertIn("not finished", self.assay("inspect", number.name)[0])
                self.assertIsNone(json.loads(self.assay("inspect", number.name, "--json")[0])["steps_run"])
                spec = "{format: idx, inputs: test-x, targets: test-y, scale: 1/255}"
                self.assertIn("assay export", self.assay("evaluate", number.name, "--data", spec, expect=2)[1])

    def test_resuming_what_is_done_computes_nothing(self):
        whole = self.train()
        before = self.snapshot("run")
        out, _ = self.assay("train", "job.yaml", "-o", "run", "--resume")
        self.assertIn(whole["final_root"], out)
        for word in ("loss        ", "samples/s"):
            self.assertNotIn(word, out)
        again = self.train("run", "job.yaml", "--resume")
        self.assertEqual((again["final_root"], again["loss"]), (whole["final_root"], None))
        self.assertIn("--force", self.assay("train", "job.yaml", "-o", "run", "--resume", "--force", expect=2)[1])
        self.assertEqual(self.snapshot("run"), before)

    def test_what_to_type_next_can_be_typed(self):
        for folder in ("two words", "it's", "$HOME", "ü"):
            out, _ = self.assay("train", "job.yaml", "-o", folder)
            line = re.search("^next +(.*)$", out, re.M)[1]
            self.assertEqual(shlex.split(line), ["assay", "verify", folder])
            line = re.search(r"the same draw: (.*)\)$", self.assay("verify", folder)[0], re.M)[1]
            self.assertEqual(shlex.split(line)[:3], ["assay", "verify", folder])

    def test_divergence_is_an_answer(self):
        self.job("wild.yaml", ("adamw, lr: 1e-3, weight_decay: 0.01", "sgd, lr: 1e30"), ("clip_norm: 1.0\n", ""))
        result = self.train("run", "wild.yaml", expect=1)
        self.assertEqual(result["outcome"], "diverged")
        self.assertGreater(result["diverged_step"], 0)
        self.assertTrue(self.verify()["agree"])
        out, _ = self.assay("train", "wild.yaml", "-o", "again", expect=1)
        self.assertIn("last good   none", out)  # no interval ended before, so no checkpoint is named
        self.assertIn("no good weights", self.read("again/README.md").decode())
        self.assertFalse(os.path.exists("again/model.onnx"))

    def test_results_are_usable(self):
        result = self.train()
        self.assay("export", "run", "--onnx", "again.onnx", "--safetensors", "again.safetensors")
        self.assertEqual(self.read("again.onnx"), self.read("run/model.onnx"))
        self.assertEqual(self.read("again.safetensors"), self.read("run/model.safetensors"))
        self.assay("export", "run", "--onnx", "again.onnx", expect=2)
        self.assay("export", "run", "--onnx", "again.onnx", "--force")
        spec = "{format: idx, inputs: test-x, targets: test-y, scale: 1/255}"
        by_folder = json.loads(self.assay("evaluate", "run", "--json")[0])
        by_model = json.loads(self.assay("evaluate", "run/model.onnx", "--data", spec, "--json")[0])
        self.assertEqual(by_folder["correct"], by_model["correct"])
        self.assertAlmostEqual(by_folder["loss"], by_model["loss"], 5)  # another batch, another order of the mean's sum
        self.assertEqual(by_folder["accuracy"], result["test_accuracy"])
        self.write("x.npy", world.npy([2, 1, 28, 28], [n % 7 / 7 for n in range(2 * 784)]))
        self.assay("infer", "run/model.onnx", "--input", "x.npy", "-o", "out")
        (name,) = os.listdir("out")
        logits = self.read(os.path.join("out", name))
        self.assertIn(b"'shape': (2, 10)", logits)
        self.assay("infer", "run/model.onnx", "--input", "x.npy", "-o", "out", expect=2)
        self.assay("lower", "--check", "run")
        for name in ("run", "run/tapes/train.tape", "run/traces/0000.bin", "run/checkpoints/000001.state", "run/model.onnx",
                     "run/model.safetensors", "x.npy"):
            self.assertTrue(self.assay("inspect", name)[0])
            self.assertIn("kind", json.loads(self.assay("inspect", name, "--json")[0]))
        self.assertIn(result["final_root"], self.assay("inspect", "run")[0])
        self.assertIn("  tensor 1.weight F32 [32, 784]\n", self.assay("inspect", "run/model.safetensors")[0])
        self.assertEqual(json.loads(self.assay("inspect", "x.npy", "--json")[0]), {"kind": "npy", "dtype": "f32", "shape": [2, 1, 28, 28]})
        self.assertIn("is text", self.assay("inspect", "run/metrics.jsonl", expect=2)[1])

    def test_progress_on_a_terminal(self):
        """One line, drawn again and again, never wider than the terminal."""
        for width in (9, 34, 60, 120):
            master, slave = pty.openpty()
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
            process = subprocess.Popen([world.ASSAY, "train", "job.yaml", "-o", f"run{width}"], stdout=subprocess.DEVNULL, stderr=slave)
            os.close(slave)
            drawn = b""
            with contextlib.suppress(OSError):  # Linux ends a pty with EIO
                while piece := os.read(master, 4096):
                    drawn += piece
            os.close(master)
            self.assertEqual(process.wait(world.PATIENCE), 0)
            bars = [line for line in re.split("\r|\n|\033\\[K", drawn.decode()) if "%  u" in line]
            self.assertTrue(any("update 40/40"[:width - 8] in line for line in bars), bars)
            self.assertEqual(any("loss" in line for line in bars), width > 30)
            for line in bars:
                self.assertLess(len(line), width, line)

    def test_quote(self):
        quote = json.loads(self.assay("quote", "job.yaml", "--json")[0])
        for key in ("flops", "memory_bytes", "seconds", "commit_share"):
            self.assertGreater(quote[key], 0, key)


if __name__ == "__main__":
    world.main()
