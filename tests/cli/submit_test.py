#!/usr/bin/env python3
"""A job file on its way through a network of processes, and its model back.

usage: submit_test.py ASSAY
"""
import hashlib
import json
import os
import re
import signal
import subprocess

import world
from submitting import ASSAY, MONEY, Node, Process, Submitting


class Submit(Submitting):
    def test_the_model_comes_back(self):
        self.network()
        before = self.balance()
        result, lines = self.submit()
        trained = self.train()
        self.assertEqual((result["outcome"], result["final_root"]), ("done", trained["final_root"]))
        self.same_model()
        # figures as training here gives them
        for name in ("loss", "test_loss", "test_accuracy"):
            self.assertEqual(result[name], trained[name])
        self.assertEqual(result["seed"], "7")
        # what was paid is what is gone
        self.assertEqual(before - self.balance(), int(result["paid"]))
        quote = next(line for line in lines if line["kind"] == "quote")
        self.assertLessEqual(int(result["paid"]), int(quote["total"]) - int(quote["gas"]) + int(quote["gas"]))
        self.assertGreaterEqual(int(result["paid"]), int(quote["fee"]) + int(quote["seat_fees"]) + int(quote["protocol_fee"]))
        # the job's name can be computed again from the file
        spec = self.read("out/job.json")
        self.assertEqual(json.dumps(json.loads(spec), sort_keys=True, separators=(",", ":")).encode(), spec)
        card = self.read("out/README.md").decode()
        self.assertIn(hashlib.sha256(spec).hexdigest(), card)
        self.assertIn(result["job"], card)
        self.assertIn(trained["final_root"], card)
        receipts = json.loads(self.read("out/receipts.json"))
        self.assertEqual([line["text"] for line in lines if line["kind"] == "receipt"], [r["text"] for r in receipts])
        self.assertEqual(receipts, self.ask("why", result["job"])["events"])
        self.assertEqual(receipts[-1]["receipt"], result["receipt"])
        self.assertEqual(os.path.getsize("out/final.state") % 4096, 0)
        # whoever has the folder can show it to others
        self.assertEqual((result["certificate"], result["model"]), ("out/certificate", "out/model.onnx"))
        for model in ("model.safetensors", "final.state"):
            shown = json.loads(self.assay("certificate", "check", "out/certificate", "--model", "out/" + model, "--json")[0].splitlines()[-1])
            self.assertTrue(shown["model_same"], model)
        shown = json.loads(self.assay("certificate", "check", "out/certificate", "--model", "out/final.state", "--json")[0].splitlines()[-1])
        self.assertIn(trained["final_root"], json.dumps(shown))
        self.assertIn(spec, self.read("out/certificate"))
        # the same command again does nothing and says the same
        height = self.ask("status")["height"]
        again, _ = self.submit()
        self.assertEqual(again, result)
        self.assertEqual(len(self.jobs()), 1)
        self.assertEqual(height, self.ask("status")["height"])
        text, _ = self.assay(*self.words("--yes"))
        for says in ("outcome     done", "final root  " + trained["final_root"], "accuracy", "ASY", "assay why " + result["job"]):
            self.assertIn(says, text)
        # other terms want another folder
        _, err = self.assay(*self.words("--yes", "--level", "spot"), expect=2)
        self.assertIn("other terms", err)

    def test_the_quote(self):
        self.begin("solver-1", "solver-2", "solver-3")
        for name, ask in (("solver-1", 10 ** 9), ("solver-2", 4 * 10 ** 9), ("solver-3", 2 * 10 ** 9)):
            self.start(name, more=("--ask", str(ask)))
        before = self.balance()
        q = self.ask("quote", "job.yaml", "--key", "rich")
        self.assertEqual((q["price"], q["ask_middle"], q["solvers"], q["class"]), (str(2 * 10 ** 9), str(2 * 10 ** 9), 3, 0))
        self.assertEqual(int(q["fee"]), -(-int(q["work"]) * 2 * 10 ** 9 // 10 ** 9))
        self.assertEqual(int(q["balance"]), before)
        self.assertEqual((q["level"], q["seats"], q["draws"], q["intervals"], q["tasks"]), ("standard", 3, 2, 9, 1))
        parts = ("fee", "seat_fees", "protocol_fee", "posting_fee", "reserve", "gas")
        self.assertEqual(int(q["total"]), sum(int(q[part]) for part in parts))
        # LEDGER 12.1: phi = ceil(1.25 F m'/N), the solver's bond 2 F + n phi, a seat's 16 phi
        fee = int(q["fee"])
        phi = -(-1250 * fee * 2 // (1000 * 9))
        self.assertEqual((int(q["seat_fees"]), int(q["risk"]["bond_solver"]), int(q["risk"]["bond_verifier"])), (3 * phi, 2 * fee + 3 * phi, 16 * phi))
        chances = [q["risk"]["unseen"][word]["chance"] for word in ("one", "half", "all")]
        self.assertTrue(1 > chances[0] > chances[1] > chances[2] > 0, chances)
        self.assertGreater(q["risk"]["margin_solver"], 1)
        # a dearer level sees more and costs more; one's own price counts; an own seat sees what it wants
        spot, strong = (self.ask("quote", "job.yaml", "--level", level) for level in ("spot", "strong"))
        self.assertTrue(int(spot["total"]) < int(q["total"]) < int(strong["total"]))
        self.assertTrue(spot["risk"]["unseen"]["one"]["chance"] > chances[0] > strong["risk"]["unseen"]["one"]["chance"])
        full = self.ask("quote", "job.yaml", "--level", "full")
        self.assertAlmostEqual(full["risk"]["unseen"]["one"]["chance"], .1)
        own = self.ask("quote", "job.yaml", "--own-seat", "solver-3")
        self.assertLess(own["risk"]["unseen"]["one"]["chance"], chances[0])
        self.assertEqual(self.ask("quote", "job.yaml", "--price", "3000000000")["price"], "3000000000")
        some = self.ask("quote", "job.yaml", "--seats", "7", "--draws", "1", "--reserve", "1.5")
        self.assertEqual((some["level"], some["seats"], some["draws"], some["reserve"]), ("own", 7, 1, "1500000000"))
        self.job("spot.yaml", ("seed: 7\n", "seed: 7\nverify: spot\n"))
        self.assertEqual(self.ask("quote", "spot.yaml")["level"], "spot")
        # the page, and the rows of docs/prices.md
        text, _ = self.assay("quote", "job.yaml", "--node", self.url)
        for says in ("total       ", "back        ", "dispute     at most", "at stake    ", "unseen      of 9 intervals", "deterrence  ", "no market price", "the middle one asks 2000000000"):
            self.assertIn(says, text)
        self.assertTrue(all(len(line) < 160 for line in text.splitlines()), text)
        with open(os.path.join(world.SOURCE, "docs", "prices.md")) as f:
            rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in f if re.match(r"\| [^-m]", line)]
        told = [[e["machine"], e["where"], f"{e['usd_hour']:.15g}", f"{e['gflops']:.15g}", f"{e['use_percent']} %", e["date"]] for e in q["elsewhere"]]
        self.assertEqual([row[:6] for row in rows], told)
        for e in q["elsewhere"]:
            seconds = int(q["operations"]) / (e["gflops"] * 1e9 * e["use_percent"] / 100)
            self.assertAlmostEqual(e["usd"] / (seconds / 3600 * e["usd_hour"]), 1, places=6)
        self.assertIn("--level is for a network", self.assay("quote", "job.yaml", "--level", "spot", expect=2)[1])
        self.assertEqual(self.balance(), before)

    def test_refusals(self):
        self.begin("poor")
        self.write("text", "this is no key")
        self.job("broken.yaml", ("cross_entropy", "cros_entropy"))
        os.mkdir("taken")
        self.write("taken/model.onnx", "mine")
        for words, status, says in ((("--level", "strnog"), 2, "did you mean 'strong'"), (("--level", "spot", "--seats", "1"), 2, "go together"),
                                    (("--seats", "3"), 2, "go together"), (("--seats", "10", "--draws", "2"), 2, "1 to 9"),
                                    (("--price", "0"), 2, "price"), (("--reserve", "1e3"), 2, "--reserve"), (("--class", "9"), 2, "class"),
                                    (("--class", "7"), 2, "class"), (("--price", "1"), 2, "at least"), (("--key", "nowhere"), 2, "nowhere"),
                                    (("--key", "text"), 2, "text"), (("--own-seat", "nowhere"), 2, "nowhere"),
                                    (("--start", "nowhere"), 2, "nowhere"), (("--start", "text"), 2, "14 bytes"), (("-o", "taken"), 2, "taken holds model.onnx"),
                                    (("-o", "no/folder"), 2, "no/folder"), (("-o", "text"), 2, "text"), (("--node", "ftp://x"), 2, "http://HOST:PORT"),
                                    (("--node", "http://127.0.0.1:1"), 3, "assay node DIR"), (("--data", "nowhere", "--price", "1"), 2, "")):
            with self.subTest(words=words):
                out, err = self.assay(*self.words("--yes", *words), expect=status)
                self.assertIn(says, err)
        _, err = self.assay(*self.words("--yes", job="broken.yaml"), expect=2)
        self.assertIn("broken.yaml: line ", err)
        _, err = self.assay("submit", "job.yaml", "--node", self.url, expect=2)
        self.assertIn("-o DIR", err)
        # nobody to say yes
        _, err = self.assay(*self.words(), expect=2, stdin=subprocess.DEVNULL)
        self.assertIn("--yes", err)
        # no money, and a key that is made
        _, err = self.assay(*self.words("--yes", key=None, out="own"), expect=1)
        self.assertRegex(err, r"asy1\w{58} has 0 ASY on assay-solo, and the job wants [0-9.]+ ASY")
        self.assertEqual(os.stat("own/account/key").st_mode & 0o777, 0o600)
        self.assertEqual(self.jobs(), [])
        self.assertEqual(self.balance(), MONEY * 10 ** 9)

    def test_nobody_offers(self):
        self.begin("storer", parameters="test")
        # nobody stores: it is not posted yet
        p = Process([ASSAY, *self.words("--yes", "--json", "--deadline", "60")])
        self.addCleanup(p.kill)
        self.assertIn("no storer", p.wait(lambda line: line["kind"] == "waits")["text"])
        self.assertEqual(p.stop(signal.SIGINT), 130)
        self.assertEqual(self.jobs(), [])
        self.start("storer")
        before = self.balance()
        result, _ = self.submit("--deadline", "60", expect=1)
        self.assertEqual((result["outcome"], result["final_root"], result["model"]), ("cancelled", None, None))
        self.assertIn(result["reason"], ("four attempts were made", "its deadline passed"))
        self.assertLess(before - self.balance(), int(result["paid"]) + 1) # the tapes were paid before
        quote = next(line for line in p.lines if line["kind"] == "quote")
        self.assertEqual(quote["solvers"], 0)
        self.assertEqual(int(result["back"]), int(quote["total"]) - int(quote["gas"]) - int(quote["posting_fee"]))
        text, _ = self.assay(*self.words("--yes", "--deadline", "60"), expect=1)
        self.assertIn("cancelled   ", text)
        self.assertFalse(os.path.exists("out/model.onnx"))

    def test_at_a_terminal(self):
        self.network(verifiers=3)
        words = self.words()
        for answer, status, says in ((b"n\n", 1, "nothing was sent"), (b"\x03", 130, "nothing was sent"), (b"y\n", 0, "final root")):
            with self.subTest(answer=answer):
                shown, ended = world.at_terminal(words, [("Submit it? [y/N] ", answer)])
                self.assertEqual(ended, status, shown)
                self.assertIn(says, shown)
                self.assertEqual(len(self.jobs()), status == 0)
        # one line that is drawn again and again, and fits
        drawn = [line for line in re.findall(r"\r([^\r\n]*)\x1b\[K", shown)]
        self.assertTrue(any(re.fullmatch(r"task 1 of 1(, attempt \d)? · (open|work|take|publish|seal|show|deliver): .* · at most [0-9.]+ m?s( · .*)?", line) for line in drawn), drawn)
        self.assertTrue(all(len(line) < 80 for line in drawn), drawn)


if __name__ == "__main__":
    world.main()
