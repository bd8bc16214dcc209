#!/usr/bin/env python3
"""Where the time goes: `assay train --profile` and `assay bench step`, whose lines scripts read. Says nothing of speed."""
import json
import os
import re
import signal
import subprocess
import time

import world


def objects(out):
    return [json.loads(line) for line in out.splitlines()]


class Profile(world.World):
    def lines(self, out, kind, tape="train"):
        return [o for o in objects(out) if o.get("profile") == kind and o["tape"] == tape]

    def test_every_record_is_in_one_line_with_its_node(self):
        out, _ = self.assay("train", "job.yaml", "-o", "run", "--profile", "--json")
        with open("run/job.json") as f:
            counts = {tape["name"]: tape for tape in json.load(f)["tapes"]}
        self.assertEqual(objects(out)[-1]["outcome"], "done")
        for tape, steps in (("train", 40), ("evaluate", None)):
            records, operators = self.lines(out, "records", tape), self.lines(out, "operator", tape)
            whole, = self.lines(out, "tape", tape)
            if steps:
                self.assertEqual(whole["steps"], steps)
            self.assertGreater(len(records), 3)
            spans = sorted((o["first"], o["last"]) for o in records)
            self.assertEqual(spans[0][0], 1)
            for (_, last), (first, _) in zip(spans, spans[1:]):
                self.assertEqual(first, last + 1)
            self.assertLessEqual(spans[-1][1], counts[tape]["records"])
            self.assertEqual(sum(o["flop"] for o in records), counts[tape]["dot_flops"])
            self.assertEqual(sum(o["flop"] for o in operators), counts[tape]["dot_flops"])
            self.assertAlmostEqual(sum(o["ms"] for o in records), sum(o["ms"] for o in operators))
            self.assertLessEqual(sum(o["ms"] for o in records), whole["ms"] * 1.001)
            self.assertEqual([o["ms"] for o in records], sorted((o["ms"] for o in records), reverse=True))
            for o in records + operators:
                self.assertGreater(o["flop"] + o["bytes"], 0, o)
                self.assertEqual(o["gflops"] is None, o["flop"] == 0 or o["ms"] == 0, o)
        places = {(o["op"], o["node"], o["part"]) for o in self.lines(out, "records")}
        for place in (("Gemm", "node_linear", "forward"), ("Gemm", "node_linear_1", "backward")):
            self.assertIn(place, places)
        self.assertTrue({("batch", "forward"), ("loss", "forward"), ("optimizer", "update")} <= {(op, part) for op, _, part in places}, places)

    def test_a_person_reads_it_and_the_run_is_the_same(self):
        root = self.train()["final_root"]
        out, _ = self.assay("train", "job.yaml", "-o", "again", "--profile")
        self.assertIn(root, out)
        self.assertRegex(out, r"profile +of the tape train: 40 steps of [\d.]+ ms")
        self.assertRegex(out, r"(?m)^ +[\d.]+ +[\d.]+ % +[\d.]+ +[\d-]+ +Gemm node_linear, forward$")
        self.assertRegex(out, r"(?m)^ +[\d.]+ +[\d.]+ % .* Gemm, backward$")
        self.assertIn("of the tape evaluate", out)
        out, _ = self.assay("train", "job.yaml", "-o", "again", "--resume", "--profile")
        self.assertNotIn("profile", out)  # nothing was computed

    def test_micro_batches_have_a_profile_of_their_own(self):
        self.job("micro.yaml", ("batch: 16", "batch: 16\nmicro_batches: 4"))
        out, _ = self.assay("train", "micro.yaml", "-o", "run", "--profile", "--json")
        self.assertEqual(self.lines(out, "tape")[0]["steps"], 40)
        self.assertEqual(self.lines(out, "tape", "accumulate")[0]["steps"], 120)

    def test_ctrl_c_shows_what_there_is(self):
        self.job("long.yaml", ("updates: 40", "updates: 400000"), ("every: 20", "every: 100000"), ("interval: 5", "interval: 40"))
        run = subprocess.Popen([world.ASSAY, "train", "long.yaml", "-o", "run", "--profile", "--json"], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
        deadline = time.time() + world.PATIENCE
        while not (os.path.exists("run/metrics.jsonl") and os.path.getsize("run/metrics.jsonl") > 2000):
            self.assertIsNone(run.poll())
            self.assertLess(time.time(), deadline)
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        out, _ = run.communicate(timeout=world.PATIENCE)
        self.assertEqual(run.returncode, 130)
        last = objects(out)[-1]
        self.assertEqual(last["outcome"], "interrupted")
        self.assertEqual(self.lines(out, "tape")[0]["steps"], last["updates"])


class Bench(world.World):
    def test_a_row_and_its_profile(self):
        out, _ = self.assay("bench", "step", "--row", "lenet-128", "--data", self.folder, "--steps", "2", "--quick", "--json", "--profile")
        step, *lines = objects(out)
        self.assertEqual((step["size"], step["batch"], step["data"], step["same_bits"]), ("lenet-128", 128, "made up", None))
        self.assertGreater(step["peak_bytes"], step["training_bytes"])
        self.assertGreater(step["training_bytes"], 1 << 20)
        self.assertLess(abs(sum(o["flop"] for o in lines if o["profile"] == "records") / step["gflop"] / 1e9 - 1), 1e-9)

    def test_any_job(self):
        out, _ = self.assay("bench", "step", "--job", "job.yaml", "--steps", "2", "--json")
        self.assertEqual((objects(out)[0]["size"], objects(out)[0]["same_bits"]), ("job.yaml", True))

    def test_mistakes_have_a_way_out(self):
        bench = lambda *words, expect=2: self.assay("bench", "step", "--steps", "1", "--quick", *words, expect=expect)  # noqa: E731
        self.assertIn("did you mean 'resnet8-128'?", bench("--row", "resnet-128")[1])
        self.assertIn("did you mean 'gpt'?", bench("--row", "gpd")[1])
        self.assertIn("gpt10m-8", bench("--row", "nothing like it")[1])
        self.assertIn("tests/peers/export.py --all", bench("--row", "mlp-128", "--models", self.folder)[1])
        out, err = bench("--models", self.folder, expect=2)
        self.assertEqual(out, "")
        self.assertEqual(len(re.findall("left out: ", err)), 8)

    def test_ctrl_c_leaves_nothing(self):
        os.mkdir("tmp")
        run = subprocess.Popen([world.ASSAY, "bench", "step", "--row", "mlp-128", "--steps", "1000000", "--quick"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": os.path.join(self.folder, "tmp")})
        deadline = time.time() + world.PATIENCE
        while not os.listdir("tmp"):
            self.assertLess(time.time(), deadline)
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=world.PATIENCE)
        self.assertEqual((run.returncode, out, os.listdir("tmp")), (130, "", []), err)


if __name__ == "__main__":
    world.main()
