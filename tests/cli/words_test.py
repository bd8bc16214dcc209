#!/usr/bin/env python3
"""What the program says to people and scripts: help, versions, unknown words, exit statuses."""
import http.server
import json
import os
import re
import subprocess
import threading

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
        self.assertEqual(self.assay("help", "train"), self.assay("train", "--help"))
        self.assertEqual(self.assay(expect=2)[0], out)
        self.assertRegex(self.assay("--version")[0], r"^assay \d+\.\d+\.\d+ · canon 1 · lower 1 · back end \w+\n$")

    def test_json_of_a_path_that_is_no_text(self):
        out, _ = self.assay("init", b"\xff", "--machine", "--json")
        self.assertEqual(json.loads(out)["key"], "?/key")

    def test_a_role_whose_node_begins_well_and_ends_there(self):
        answers = {"status": {"node_info": {"network": "x"}, "sync_info": {"latest_block_height": "1", "latest_app_hash": "",
                                                                           "latest_block_time": "2026-01-01T00:00:00Z"}},
                   "genesis": {"genesis": {"app_state": {"assay": "AAAA"}}},
                   "abci_query": {"response": {"code": 1, "height": "1", "value": None, "log": ""}}}

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                body = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": answers[asked["method"]]}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Answer) as node:
            threading.Thread(target=node.serve_forever, daemon=True).start()
            self.assay("init", "id", "--machine")
            _, err = self.assay("solve", "id", "--node", f"http://127.0.0.1:{node.server_port}", expect=2)
            self.assertIn("no such chain", err)
            node.shutdown()

    def test_unknown_words_have_a_way_out(self):
        for words, answer in ((["trian"], "did you mean 'train'"), (["verfy", "x"], "did you mean 'verify'"),
                              (["banana"], "assay --help"), (["verify", "x", "--interval", "3", "y"], "one word too many"),
                              (["help", "trian"], "did you mean 'train'"), (["bench"], "gemm|conv|step|commit|exact|guard|referee|ledger is missing"),
                              (["lower"], "DIR is missing"), (["train"], "JOB.yaml is missing"), (["train", "job.yaml", "-o", ""], "-o DIR"),
                              (["verify", "x", "--sede", "3"], "did you mean --seed"), (["verify"], "usage: assay verify"),
                              (["verify", "x", "--intervals", "some"], "whole number"), (["verify", "x", "--seed"], "needs a value"),
                              (["train", "job.yaml"], "-o DIR"), (["train", "job.yaml", "-o", "run", "--threads", "0"], "from 1 to 256"),
                              (["bench", "stepp"], "did you mean 'step'"), (["bench", "xyzzy"], "gemm, conv, step, commit, exact, guard, referee, ledger"),
                              (["export", "run"], "--onnx FILE"),
                              (["lower", "run"], "--check"), (["evaluate", "model.onnx"], "--data")):
            with self.subTest(words=words):
                out, err = self.assay(*words, expect=2)
                self.assertIn(answer, err)
                self.assertEqual(out, "")
        self.assertFalse(os.path.exists("run"))

    def test_check_says_what_the_exporter_did(self):
        models = os.path.join(world.SOURCE, "tests", "models")
        for name, words in (("merged_signed", ("merged    norm1.bias: one tensor in node_layer_norm, node_layer_norm_1", "untied    val_21: ", "folded    bn: ",
                                               "gone      norm2.weight: ", "optimize=False")),
                            ("merged_aged", ("merged    norm1.bias: ", "untied    onnx::MatMul_39: ", "renamed   onnx::Conv_37: "))):
            out, _ = self.assay("check", os.path.join(models, name + ".onnx"), expect=(0, 1))
            for word in words:
                self.assertIn(word, out)
            answer = json.loads(self.assay("check", os.path.join(models, name + ".onnx"), "--json", expect=(0, 1))[0].splitlines()[-1])
            self.assertGreater(answer["warnings"], 4)
        out, _ = self.assay("check", os.path.join(models, "merged.onnx"), expect=(0, 1))
        self.assertIn("tied      there.weight: ", out)
        for word in ("merged ", "renamed ", "folded ", "better "):
            self.assertNotIn(f"  {word}", out)

    def test_check_lists_operators(self):
        lines = self.assay("check", "--operators")[0].splitlines()[1:]
        rows = [json.loads(line) for line in self.assay("check", "--operators", "--json")[0].splitlines()]
        self.assertEqual([line.split()[0] for line in lines], [row["op"] for row in rows])
        self.assertEqual([row["op"] for row in rows], sorted(row["op"] for row in rows))
        conv = next(row for row in rows if row["op"] == "Conv")
        self.assertTrue(conv["differentiable"] and conv["opset_first"] >= 13)
        self.assertIn("--operators", self.assay("check", expect=2)[1])

    def test_check_says_what_lowers(self):
        out, _ = self.assay("check", "model.onnx")
        self.assertIn("nodes lower", out)
        self.assertIn("  trains    1.weight [32, 784]\n", out)
        last = json.loads(self.assay("check", "model.onnx", "--json")[0].splitlines()[-1])
        self.assertEqual((last["lowers"], last["fixed_batch"], last["weights"]), (True, None, 25450))
        self.assertIn("1.weight", last["trains"])
        self.assertNotIn("batch", out)
        self.write("fixed.onnx", world.fixed_model(4))
        self.assertIn("  batch     only 4: ", self.assay("check", "fixed.onnx")[0])
        self.assertEqual(json.loads(self.assay("check", "fixed.onnx", "--json")[0].splitlines()[-1])["fixed_batch"], 4)
        self.write("other.onnx", world.fixed_model(4).replace(b"MatMul", b"MatMoo"))
        out, _ = self.assay("check", "other.onnx", expect=1)
        self.assertRegex(out, r"(?m)^  NO  1     MatMoo linear: lower 1 does not know")
        self.assertIn("1 of 2 nodes cannot", out)

    def test_full_standard_output(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([world.ASSAY, "--help"], stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"standard output", done.stderr)

    def test_closed_standard_files(self):
        """A file that the program opens never gets the number of standard output."""
        whole = self.train()["final_root"]
        done = subprocess.run([world.ASSAY, "train", "job.yaml", "-o", "blind"], preexec_fn=lambda: os.closerange(0, 3))
        self.assertEqual(done.returncode, 3)
        self.assertEqual(self.metrics("blind")[-1]["final_root"], whole)
        self.assertEqual([line.get("loss") for line in self.metrics("blind")], [line.get("loss") for line in self.metrics("run")])
        self.assertTrue(self.verify("blind")["agree"])


if __name__ == "__main__":
    world.main()
