#!/usr/bin/env python3
"""Two programs that share nothing but the documents read the same certificates: the verdicts are the same, file by file.

usage: certificate_test.py ASSAY CERTIFICATE_CORPUS
"""
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

ASSAY, CORPUS = (os.path.abspath(path) for path in sys.argv[1:3])
del sys.argv[1:3]
import check  # noqa: E402

TRUE, UNTRUE, NONE = 0, 1, 2
FILES = {"one": TRUE, "four": TRUE, "four-absent": TRUE, "hundred": TRUE, "tasks": TRUE, "four-too-few": UNTRUE, "four-wrong-order": UNTRUE,
         "four-other-chain": UNTRUE, "tasks-gap": UNTRUE, "opened": UNTRUE, "other-job": UNTRUE}


def here(data, anchor=None):
    """The verdict of check.py."""
    try:
        check.check(data, anchor)
        return TRUE
    except check.Untrue:
        return UNTRUE
    except check.Malformed:
        return NONE


class Certificates(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="assay-certificate-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        subprocess.run([CORPUS, self.folder], check=True)

    def bytes_of(self, name):
        with open(os.path.join(self.folder, name), "rb") as f:
            return f.read()

    def ask(self, data, *words):
        path = os.path.join(self.folder, "asked")
        with open(path, "wb") as f:
            f.write(data)
        return subprocess.run([ASSAY, "certificate", "check", path, *words], capture_output=True, text=True, timeout=120)

    def both(self, data, *words):
        """Both verdicts, which have to be one."""
        done = self.ask(data)
        self.assertIn(done.returncode, (TRUE, UNTRUE, NONE), done.stderr)
        self.assertEqual(here(data), done.returncode, f"{done.stdout}{done.stderr}{data.hex()}")
        return done.returncode

    def test_files(self):
        for name, verdict in FILES.items():
            with self.subTest(name=name):
                self.assertEqual(self.both(self.bytes_of(name)), verdict)

    def test_every_byte(self):
        """LEDGER 18.6: with one validator, none of them can change. (certificate_test.c flips every bit, in C.)"""
        data, draw = bytearray(self.bytes_of("one")), random.Random(1)
        for i in range(len(data)):
            before = data[i]
            data[i] ^= draw.randrange(1, 256)
            self.assertNotEqual(here(bytes(data)), TRUE, f"byte {i}")
            data[i] = before
        self.assertEqual(here(bytes(data)), TRUE)

    def test_lengths(self):
        data, draw = self.bytes_of("tasks"), random.Random(2)
        for length in [0, 1, 3, 4, 5, 6, len(data) - 1, *draw.sample(range(len(data)), 40)]:
            self.assertEqual(self.both(data[:length]), NONE, length)
        for more in (b"\0", b"\xff", data):
            self.assertEqual(self.both(data + more), NONE)

    def test_the_same_verdict(self):
        """Whatever becomes of the bytes."""
        draw, seen = random.Random(3), set()
        names = [name for name in FILES if name != "hundred"]  # a hundred signatures take Python a second
        for _ in range(250):
            data = bytearray(self.bytes_of(draw.choice(names)))
            for _ in range(draw.choice((1, 1, 1, 2, 5))):
                at = draw.randrange(len(data))
                kind = draw.randrange(5)
                if kind < 3:
                    data[at] ^= 1 << draw.randrange(8) if kind else draw.randrange(1, 256)
                elif kind == 3:
                    del data[at:at + draw.choice((1, 4, 32))]
                else:
                    data[at:at] = data[max(0, at - 32):at]
            seen.add(self.both(bytes(data)))
        self.assertEqual(seen & {UNTRUE, NONE}, {UNTRUE, NONE})

    def test_anchor(self):
        data = self.bytes_of("four")
        known = json.loads(self.ask(data, "--json").stdout)["validators"]
        other = "00" * 32
        self.assertEqual(self.ask(data, "--validators", known).returncode, TRUE)
        self.assertEqual(here(data, bytes.fromhex(known)), TRUE)
        done = self.ask(data, "--validators", other)
        self.assertEqual((done.returncode, here(data, bytes.fromhex(other))), (UNTRUE, UNTRUE))
        self.assertIn("other validators", done.stdout)
        for wrong in ("", "12", known.upper(), known + "0"):
            self.assertEqual(self.ask(data, "--validators", wrong).returncode, NONE)

    def test_json(self):
        said = json.loads(self.ask(self.bytes_of("tasks"), "--json").stdout)
        known = check.check(self.bytes_of("tasks"))
        last, first = known["receipts"][-1][0], known["receipts"][0][0]
        self.assertEqual((said["valid"], said["failed"], said["whole"], said["outcome"]), (True, None, True, "done"))
        self.assertEqual(said["final_root"], last["final_root"].hex())
        self.assertEqual((said["loss"], said["figure_bits"], said["figure_entry"]), (0.5, last["figure"], first["figure"]))
        self.assertEqual(said["job_root"], first["final_root"].hex())
        self.assertEqual(said["tape_roots"], [root.hex() for root in known["job"]["tapes"]])
        self.assertEqual((said["audited"], said["draws"], said["intervals"], said["trust"]), (3, 2, 34, "operator"))
        self.assertEqual([r["kind"] for r in said["receipts"]], ["posted"] + ["settled"] * 4)
        # 1 - 12/34 (1 - (10/12)^3)
        self.assertAlmostEqual(said["unseen_at_most"], 1 - 12 / 34 * (1 - (10 / 12) ** 3), places=7)
        said = json.loads(self.ask(self.bytes_of("tasks-gap"), "--json").stdout)
        self.assertEqual((said["valid"], said["failed"]), (False, "the receipts"))

    def test_words(self):
        text = self.ask(self.bytes_of("four")).stdout
        for words in ("valid\n", "loss        0.5 ", "3 audited", "BFT", "Not shown by it", "--validators HASH"):
            self.assertIn(words, text)
        text = self.ask(self.bytes_of("four-too-few")).stdout
        self.assertTrue(text.startswith("NOT VALID: the signatures: height 102 is signed by 23 of 43"), text)
        path = os.path.join(self.folder, "one")
        done = subprocess.run([ASSAY, "inspect", path, "--json"], capture_output=True, text=True, timeout=120)
        self.assertEqual((done.returncode, json.loads(done.stdout)["kind"]), (0, "certificate"))
        done = subprocess.run([ASSAY, "certificate", "check", path + "-not-there"], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, NONE)

    def test_sizes(self):
        """LEDGER 18.6, of which 8 bytes are the layout, 24 the spec."""
        self.assertEqual([len(self.bytes_of(name)) - 32 for name in ("one", "four", "hundred")], [1828, 2179, 13411])


if __name__ == "__main__":
    unittest.main(verbosity=2)
