#!/usr/bin/env python3
"""What the program says to people and scripts: help, versions, unknown words, exit statuses."""
import os
import re
import subprocess

import world


class Words(world.World):
    def test_help(self):
        out, _ = self.assay("--help")
        names = re.findall(r"^  (\w+) +\S", out, re.M)
        for name in names:
            if name == "assay":
                continue
            text, _ = self.assay(name, "--help")
            for part in (f"usage: assay {name} ", "options:", "Exit status: 0"):
                self.assertIn(part, text)
            self.assertLess(max(map(len, text.split("\n"))), 121, name)
        self.assertEqual(self.assay("help"), (out, ""))
        self.assertEqual(self.assay(expect=2)[0], out)
        self.assertRegex(self.assay("--version")[0], r"^assay \d+\.\d+\.\d+ · canon 1 · lower 1 · back end \w+\n$")

    def test_unknown_words_have_a_way_out(self):
        for words, answer in ((["trian"], "did you mean 'train'"), (["verfy", "x"], "did you mean 'verify'"),
                              (["banana"], "assay --help"), (["verify", "x", "--interval", "3", "y"], "one word too many"),
                              (["verify", "x", "--sede", "3"], "did you mean --seed"), (["verify"], "usage: assay verify"),
                              (["verify", "x", "--intervals", "some"], "whole number"), (["verify", "x", "--seed"], "needs a value"),
                              (["train", "job.yaml"], "-o DIR"), (["train", "job.yaml", "-o", "run", "--threads", "0"], "from 1 to 256"),
                              (["bench", "stepp"], "did you mean 'step'"), (["export", "run"], "--onnx FILE"),
                              (["lower", "run"], "--check"), (["evaluate", "model.onnx"], "--data")):
            with self.subTest(words=words):
                out, err = self.assay(*words, expect=2)
                self.assertIn(answer, err)
                self.assertEqual(out, "")
        self.assertFalse(os.path.exists("run"))

    def test_check_says_what_lowers(self):
        out, _ = self.assay("check", "model.onnx")
        self.assertIn("nodes lower", out)

    def test_full_standard_output(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([world.ASSAY, "--help"], stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"standard output", done.stderr)


if __name__ == "__main__":
    world.main()
