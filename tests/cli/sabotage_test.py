#!/usr/bin/env python3
"""Runs that lie on purpose: everything that a person or a script sees of them says so, and verify names the interval."""
import json
import os
import signal
import subprocess
import time

import world

KINDS = ("weight", "gradient", "index", "skip", "stale", "seed", "optimizer", "backdoor", "root", "preimage")


class Sabotage(world.World):
    def marks(self, folder):
        """What the folder's mark, its job.json, its card and inspect say."""
        mark = self.read(f"{folder}/SABOTAGED").decode().split("\n") if os.path.exists(f"{folder}/SABOTAGED") else [None]
        card = self.read(f"{folder}/README.md").decode()
        inspected = json.loads(self.assay("inspect", folder, "--json")[0])["sabotage"]
        return mark[0], json.loads(self.read(f"{folder}/job.json")).get("sabotage"), "lied on purpose" in card, inspected

    def test_every_kind_is_marked_and_found(self):
        honest = self.train("honest")
        self.assertIsNone(honest["sabotage"])
        self.assertEqual(self.marks("honest"), (None, None, False, None))
        for kind in KINDS:
            with self.subTest(kind=kind):
                what = f"{kind}@17"
                result = self.train("run", "job.yaml", "--sabotage", what, "--force")
                self.assertEqual(result["sabotage"], what)
                self.assertEqual(self.marks("run"), (what, what, True, what))
                self.assertEqual(result["final_root"] == honest["final_root"], kind in ("root", "preimage"))
                found = self.verify("run", expect=1)["findings"][0]
                self.assertEqual((found["kind"], found["interval"]), ("differ", 4))
                self.assertIn("interval 4", found["text"])
        self.assertEqual(self.train("run", "job.yaml", "--force")["final_root"], honest["final_root"])
        self.assertEqual(self.marks("run"), (None, None, False, None))
        self.verify("run")

    def test_people_are_warned(self):
        out, err = self.assay("train", "job.yaml", "-o", "run", "--sabotage", "skip@17", "--quiet")
        self.assertRegex(err, r"(?m)^WARNING  this run lies on purpose \(skip@17: .*tests and demonstrations only$")
        self.assertRegex(out, r"(?m)^sabotaged   skip@17: the step was not done$")
        self.assertRegex(self.assay("inspect", "run")[0], r"(?m)^sabotaged   skip@17: .*tests and demonstrations only$")
        self.assertTrue(self.read("run/README.md").decode().split("\n")[2].startswith("**This run lied on purpose** (`--sabotage skip@17`)"))
        _, err = self.assay("train", "job.yaml", "-o", "run", "--resume", "--quiet")
        self.assertIn("skip@17", err)
        _, err = self.assay("train", "job.yaml", "-o", "other", "--quiet")
        self.assertNotIn("WARNING", err)

    def test_whoever_uses_the_run_is_told(self):
        """verify may draw honest intervals alone, and what evaluate and export give does not show where it comes from."""
        self.train("run", "job.yaml", "--sabotage", "skip@17")
        self.train("honest")
        cases = (("verify", "--intervals", "1", "--seed", "1", "-q"), ("evaluate",), ("evaluate", "--json"), ("export", "--onnx", "x", "--force"))
        for command, *more in cases:
            with self.subTest(command=command):
                told = r"(?m)^WARNING  run is a run that lied on purpose \(skip@17: the step was not done\)"
                self.assertRegex(self.assay(command, "run", *more, expect=(0, 1))[1], told)
                self.assertNotIn("lied", self.assay(command, "honest", *more)[1])
        os.remove("run/SABOTAGED")  # job.json knows it too
        self.assertIn("skip@17", self.assay("evaluate", "run")[1])

    def test_words_that_are_refused(self):
        for word, answer in (("wieght@17", "did you mean 'weight'"), ("weight", "weight@7"), ("weight@x", "which step"), ("", "is no kind"),
                             ("weight@41", "0 (init) to 40"), ("gradient@0", "computes no gradient"), ("stale@1", "from step 2 on")):
            with self.subTest(word=word):
                _, err = self.assay("train", "job.yaml", "-o", "run", "--sabotage", word, expect=2)
                self.assertIn(answer, err)
                self.assertFalse(os.path.exists("run"))

    def stopped(self, folder, *more):
        """A run that was asked to stop, long before its end."""
        process = subprocess.Popen([world.ASSAY, "train", "long.yaml", "-o", folder, "-q", *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.time() + world.PATIENCE
        while not (os.path.exists(f"{folder}/metrics.jsonl") and os.path.getsize(f"{folder}/metrics.jsonl")):
            self.assertIsNone(process.poll(), "ended before it could be interrupted")
            self.assertLess(time.time(), deadline)
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=world.PATIENCE), 130)

    def test_resuming(self):
        self.job("long.yaml", ("updates: 40", "updates: 6000"), ("every: 20", "every: 3000"), ("interval: 5", "interval: 100"))
        whole = self.train("whole", "long.yaml", "--sabotage", "gradient@5990")
        self.stopped("run", "--sabotage", "gradient@5990")
        before = self.snapshot("run")
        self.assertIn("gradient@5990", self.assay("train", "long.yaml", "-o", "run", "--resume", "--sabotage", "weight@5990", expect=2)[1])
        self.assertEqual(self.snapshot("run"), before)
        self.assay("verify", "run")  # it has told the truth so far
        result = self.train("run", "long.yaml", "--resume")
        self.assertEqual((result["final_root"], result["sabotage"]), (whole["final_root"], "gradient@5990"))
        self.assertEqual(self.marks("run")[0], "gradient@5990")
        self.stopped("honest")
        before = self.snapshot("honest")
        err = self.assay("train", "long.yaml", "-o", "honest", "--resume", "--sabotage", "gradient@5990", expect=2)[1]
        self.assertIn("honest run", err)
        self.assertEqual(self.snapshot("honest"), before)

    def test_a_mark_that_is_taken_away_is_missed(self):
        self.train("run", "job.yaml", "--sabotage", "weight@17")
        os.remove("run/SABOTAGED")
        self.assertEqual(json.loads(self.assay("inspect", "run", "--json")[0])["sabotage"], "weight@17")
        self.verify("run", expect=1)
        self.train("honest")
        self.write("honest/SABOTAGED", "weight@17\n")
        self.assertEqual(json.loads(self.assay("inspect", "honest", "--json")[0])["sabotage"], "weight@17")
        self.assertIn("sabotage", json.dumps(self.verify("honest", expect=2)["findings"]))
        self.write("honest/SABOTAGED", "nonsense\n")
        for words in (("inspect", "honest"), ("verify", "honest"), ("train", "job.yaml", "-o", "honest", "--resume")):
            self.assertIn("honest/SABOTAGED", self.assay(*words, expect=2)[1])


if __name__ == "__main__":
    world.main()
