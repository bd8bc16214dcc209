#!/usr/bin/env python3
"""The oracle of tests/network/money.py by itself: the examples that docs/ledger.md gives, and a chain on which a job finds no solver.

usage: money_test.py ASSAY POSTING
"""
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

ASSAY, POSTING = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "net"), os.path.join(HERE, "..", "ledger"), os.path.join(HERE, "..", "crypto"), os.path.join(HERE, "..", "cli")]
import edwards  # noqa: E402
import story  # noqa: E402
import node  # noqa: E402
import transaction  # noqa: E402
import world  # noqa: E402
from books import Books  # noqa: E402
from chain import Chain, sha256  # noqa: E402

SHARES = {"work_dot": 1, "work_body": 2, "work_bytes_half": 1, "seat_share": 1250, "protocol_share": 20, "solver_bond": 2000, "seat_bond": 16000,
          "forced_loss": 8000, "jackpot": 6000, "unsealed": 2000, "untaken_divisor": 4, "late_divisor": 4}


class Examples(unittest.TestCase):
    def test_prices(self):
        """LEDGER 7.4."""
        a = {"dot_flops": 1000000, "body_ops": 2000000, "moved_bytes": 3000000}
        b = {"dot_flops": 4000000, "body_ops": 100000, "moved_bytes": 500001}
        job = {"tape_roots": ["a", "b"], "n": 3, "m": 2, "level": 0, "price": 1500,
               "schedule": [{"repeat": 2, "entries": [{"tape": 0, "repeat": 1}, {"tape": 1, "repeat": 3}]}, {"repeat": 1, "entries": [{"tape": 1, "repeat": 2}]}],
               "tasks": [{"steps": 6, "interval": 2}, {"steps": 4, "interval": 3}]}
        tapes = {"a": a, "b": b}
        t = story.Terms(SHARES, job, tapes, 0)
        self.assertEqual((t.F, t.intervals, t.m, t.phi, t.X, t.bond, t.E), (47, 3, 1, 20, 0, 154, 107))
        job["price"] = 10**9
        t = story.Terms(SHARES, job, tapes, 1)
        self.assertEqual((t.F, t.phi, t.X), (17800002, 11125002, 356000))
        job["level"] = 4
        self.assertEqual(story.Terms(SHARES, job, tapes, 1).phi, 22250003)

    def test_draws(self):
        """LEDGER 6.7, 6.8, 9.4."""
        draw = story.draws(bytes([6] * 64))
        self.assertEqual([draw(1000) for _ in range(4)], [132, 125, 839, 19])
        for n, members in ((1, [1]), (2, [1]), (3, [1]), (10, [1, 4, 6, 8]), (16, [2, 4, 6, 8, 10, 12, 14, 16])):
            self.assertEqual(story.draw_set(bytes([5] * 32), bytes([3] * 34), 1, n), members)

    def test_odds(self):
        """The odds of a quote are those of the draws, played here without the program: one wrong interval of nine."""
        folder = tempfile.mkdtemp(prefix="assay-odds-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        n = node.Node(ASSAY, os.path.join(folder, "node"))
        world.World.write(None, os.path.join(folder, "job.yaml"), world.JOB.replace(".gz", "").replace("test-", "train-"))
        shutil.copy(world.MODEL, os.path.join(folder, "model.onnx"))
        x, y = world.pictures(200, 1)
        world.World.write(None, os.path.join(folder, "train-x"), world.idx([200, 28, 28], x))
        world.World.write(None, os.path.join(folder, "train-y"), world.idx([200], y))
        for level, seats, m in (("spot", 1, 2), ("standard", 3, 2), ("strong", 5, 4)):
            out = subprocess.check_output([ASSAY, "quote", os.path.join(folder, "job.yaml"), "--node", f"http://127.0.0.1:{n.port}", "--level", level, "--json"], text=True)
            quote = json.loads(out.splitlines()[-1])
            intervals, unseen, trials = quote["intervals"], 0, 3000
            for t in range(trials):
                lie = int.from_bytes(sha256(b"lie", t.to_bytes(4, "little"))[:4], "little") % intervals + 1
                members = story.draw_set(sha256(b"beacon", t.to_bytes(4, "little")), bytes(34), 1, intervals)
                betas = (sha256(b"beta", bytes([seat]), t.to_bytes(4, "little")) * 2 for seat in range(seats))
                unseen += not any(lie in story.drawn(members, min(m, -(-intervals // 3)), beta) for beta in betas)
            self.assertAlmostEqual(unseen / trials, quote["risk"]["unseen"]["one"]["chance"], delta=0.04, msg=level)
        n.connection and n.connection.close()
        n.stop()

    def test_a_job_that_nobody_takes(self):
        folder = tempfile.mkdtemp(prefix="assay-money-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        n = node.Node(ASSAY, os.path.join(folder, "node"))
        owner = n.owner()
        for line, name in zip(subprocess.check_output([POSTING], text=True).split(), ("TAPE", "JOB_POST")):
            draft = transaction.unsigned(name, bytes.fromhex(line), owner.id, nonce=owner.nonce, until_tick=4000, gas=3000000, price=1)
            owner.nonce += 1
            sent = transaction.signed(draft, edwards.sign(owner.seed, transaction.sign_bytes(draft, owner.genesis_hash)))
            self.assertEqual(n.ask("broadcast_tx_commit", tx=base64.b64encode(sent).decode())["tx_result"]["code"], 0)
        chain = Chain(f"http://127.0.0.1:{n.port}")
        books = Books(chain)
        books.check()  # while it runs
        until = time.time() + 60
        while books.running():
            self.assertLess(time.time(), until)
            time.sleep(0.2)
            books.check()
        books.over()
        said = [(r["kind"], r["reason"]) for r, _ in books.receipts if r["kind"] != "posted"]
        self.assertEqual(said, [("attempt", "no offers")] * 4 + [("cancelled", "four attempts")])
        self.assertEqual(list(books.oracle.jobs.values())[0].submitter, owner.id)
        self.assertTrue(books.receipts[-1][1])
        # The books can be wrong: a grain more, a grain elsewhere, a flow too few.
        for alter in (lambda r, due: [(*f[:3], f[3] + 1) for f in due], lambda r, due: [(f[0], f[1], ("burned",), f[3]) for f in due], lambda r, due: due[1:]):
            other = Books(chain)
            other.alter = alter
            self.assertRaises(story.Wrong, other.check)
        other = Books(chain)
        other.oracle.give(("balance", sha256(b"somebody")), 1)
        self.assertRaises(story.Wrong, other.check)
        chain.shut()
        n.connection.close()
        n.stop()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
