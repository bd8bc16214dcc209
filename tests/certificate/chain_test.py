#!/usr/bin/env python3
"""The certificate of a job that was really trained, audited and settled: a node, a storer, a solver and four verifiers as processes.

usage: chain_test.py ASSAY POSTING
"""
import http.client
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest

ASSAY, POSTING = (os.path.abspath(path) for path in sys.argv[1:3])
del sys.argv[1:3]
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "net"))
import check  # noqa: E402
from node import Node  # noqa: E402
from role import PATIENCE, Identity, Posting, Process  # noqa: E402

PEOPLE = ["storer", "solver-1", "verifier-1", "verifier-2", "verifier-3", "verifier-4"]


class Chain(unittest.TestCase):
    """One chain for all that is asked: the job is settled once."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="assay-certificate-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        os.chdir(cls.folder)
        cls.processes = {}
        try:
            cls.settle()
        except BaseException:
            cls.stop()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.stop()

    @classmethod
    def stop(cls):
        for p in cls.processes.values():
            p.kill()
        cls.node.connection and cls.node.connection.close()
        cls.node.process.kill()
        cls.node.process.wait()
        cls.node.process.stdout.close()

    @classmethod
    def settle(cls):
        people = {name: Identity(ASSAY, name) for name in PEOPLE}
        cls.node = Node(ASSAY, "chain", accounts=[f"{p.key.hex()}=5000" for p in people.values()])
        cls.url, cls.owner = f"http://127.0.0.1:{cls.node.port}", cls.node.owner()
        for name in PEOPLE:
            command = {"solver": "solve", "verifier": "audit", "storer": "store"}[name.split("-")[0]]
            words = ["--port", "0"] if command == "store" else ["--threads", "1", "--memory", "512", "--stake", "1000"]
            cls.processes[name] = Process([ASSAY, command, name, "--node", cls.url, "--json", *words])
            cls.processes[name].up = cls.processes[name].ready()
        for p in cls.processes.values():
            p.wait(lambda line: line["kind"] == "enlisted")
        job, port = Posting(POSTING), cls.processes["storer"].up["port"]
        for blob in (job.data, job.start):
            assert set(blob.put(cls.owner, people["storer"].id, port)) == {200}
        for what in ("tape", "job"):
            job.send(cls.node, cls.owner, what)
        cls.job = cls.say("jobs")["jobs"][0]["job"]
        until = time.monotonic() + PATIENCE
        while cls.say("task", cls.job)["state"] != "settled":
            assert time.monotonic() < until, cls.say("task", cls.job)
            time.sleep(0.2)
        cls.task = cls.say("task", cls.job)
        while cls.run_it("certificate", "fetch", cls.job, "-o", "certificate", "--node", cls.url).returncode == 1:
            assert time.monotonic() < until  # the header behind it comes at once
            time.sleep(0.05)
        with open("certificate", "rb") as f:
            cls.bytes = f.read()
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        c.request("GET", f"/blobs/{cls.task['final_root']}")
        with open("final.state", "wb") as f:
            f.write(c.getresponse().read())
        c.close()

    @classmethod
    def run_it(cls, *words):
        return subprocess.run([ASSAY, *words], capture_output=True, text=True, timeout=PATIENCE)

    @classmethod
    def say(cls, *words, expect=0):
        done = cls.run_it(*words, "--node", cls.url, "--json")
        assert done.returncode == expect, f"{words}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else done.stderr

    def check(self, *words, expect=0):
        done = self.run_it("certificate", "check", "certificate", "--json", *words)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return json.loads(done.stdout) if done.stdout else done.stderr

    def test_both_take_it(self):
        known, said = check.check(self.bytes), self.check()
        first, last = known["receipts"][0][0], known["receipts"][-1][0]
        print(f"{len(self.bytes)} bytes")
        self.assertEqual(last["final_root"].hex(), self.task["final_root"])
        self.assertEqual(said["final_root"], self.task["final_root"])
        self.assertEqual((said["job"], said["solver"], said["whole"]), (self.job, self.task["solver"], True))
        self.assertEqual((said["audited"], said["seats"], said["intervals"], said["draws"], said["trust"]), (3, 3, 7, 2, "operator"))
        self.assertEqual(said["genesis"], self.node.genesis_hash.hex())
        self.assertEqual(known["header"]["height"], last["height"] + 1)
        # the tape and the data that were posted, by their roots
        self.assertEqual(said["data_roots"], [Posting(POSTING).data.root.hex()])
        self.assertEqual(said["start_root"], Posting(POSTING).start.root.hex())
        self.assertEqual(first["final_root"], check.h(known["job_bytes"]))
        # the figure is in the certified state: a tensor's first element
        with open("final.state", "rb") as f:
            state = f.read()
        self.assertIn(struct.pack("<I", last["figure"]), [state[i:i + 4] for i in range(0, len(state), 4096)])
        # the header is the one that the node gives over CometBFT's RPC, and so are the validators
        header = self.node.ask("header", height=str(known["header"]["height"]))["header"]
        self.assertEqual(header["app_hash"].lower(), known["header"]["app"].hex())
        self.assertEqual(header["validators_hash"].lower(), said["validators"])
        self.assertTrue(self.check("--validators", said["validators"])["anchored"])

    def test_the_model(self):
        self.assertTrue(self.check("--model", "final.state")["model_same"])
        shutil.copy("final.state", "other.state")
        with open("other.state", "r+b") as f:
            f.seek(-1, os.SEEK_END)
            last = f.read(1)[0]
            f.seek(-1, os.SEEK_END)
            f.write(bytes([last ^ 1]))
        self.assertFalse(self.check("--model", "other.state", expect=1)["model_same"])
        self.assertIn("neither a state", self.check("--model", "certificate", expect=2))

    def write_tensors(self, path, tensors):
        """safetensors: name -> (shape, bytes)"""
        header, data = {}, b""
        for name, (shape, values) in tensors.items():
            header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
            data += values
        text = json.dumps(header).encode()
        with open(path, "wb") as f:
            f.write(struct.pack("<Q", len(text)) + text + data)

    def test_tensors(self):
        """By the layout's names, with the axes in whatever order lowering has turned them."""
        layout, r = [], check.Reader(check.check(self.bytes)["layout"])
        with open("final.state", "rb") as f:
            state = f.read()
        count, at = r.u(2), 0
        r.u(2)
        for _ in range(count):  # TAPE 3.1
            name, dtype = r.take(r.u(1)).decode(), r.u(1)
            dims = [r.u(4) for _ in range(r.u(1))]
            size = 1
            for d in dims:
                size *= d
            layout.append((name, dtype, dims, state[at:at + 4 * size]))
            at += -(-size * (1 if dtype == 2 else 4) // 4096) * 4096
        self.assertEqual(at, len(state))
        name, _, dims, values = max((e for e in layout if e[1] == 0), key=lambda e: len(e[2]) * 10 ** 6 + len(e[3]))
        self.assertGreater(len(values), 8)
        self.write_tensors("m.safetensors", {name: (dims, values)})
        self.assertTrue(self.check("--model", "m.safetensors")["model_same"])
        n = len(values) // 4  # as rows and columns, turned
        rows = next((d for d in range(2, n) if n % d == 0), 1)
        cells = [values[4 * i:4 * i + 4] for i in range(n)]
        turned = b"".join(cells[j * (n // rows) + i] for i in range(n // rows) for j in range(rows))
        self.write_tensors("t.safetensors", {name: ([n // rows, rows], turned)})
        self.assertTrue(self.check("--model", "t.safetensors", "--state", "final.state")["model_same"])
        for wrong, says in (({name: (dims, values[:-1] + bytes([values[-1] ^ 1]))}, "other values"), ({name: ([n - 1], values[4:])}, "another size"),
                            ({"other": (dims, values)}, "no tensor"), ({}, None)):
            self.write_tensors("w.safetensors", wrong)
            said = self.check("--model", "w.safetensors", expect=1)
            self.assertFalse(said["model_same"])
            self.assertIn(says or "", said.get("model_why", ""))
        shutil.copy("certificate", "not.state")
        self.assertIn("not the certified state", self.check("--model", "m.safetensors", "--state", "not.state", expect=1))
        self.assertIn("--state FILE", self.check("--model", "m.safetensors", "--state", "missing.state", expect=2))

    def test_no_byte_changes(self):
        data, draw = bytearray(self.bytes), random.Random(7)
        for i in range(len(data)):
            before = data[i]
            data[i] ^= draw.randrange(1, 256)
            with self.assertRaises((check.Untrue, check.Malformed), msg=f"byte {i}"):
                check.check(bytes(data))
            data[i] = before
        for i in draw.sample(range(len(data)), 100):
            data[i] ^= 1
            with open("changed", "wb") as f:
                f.write(data)
            self.assertIn(self.run_it("certificate", "check", "changed").returncode, (1, 2), f"byte {i}")
            data[i] ^= 1

    def test_asked_in_any_way(self):
        """By job, task and receipt; later, when the state has gone on; by a node that was started again."""
        number = json.loads(self.run_it("certificate", "check", "certificate", "--json").stdout)["receipts"][-1]["receipt"]
        height = self.node.height()
        for _ in range(3):
            self.node.send(self.owner.transfer(bytes([5]) * 32), "broadcast_tx_commit")
        self.node.wait(height + 3)
        for what in (self.job, self.job + "0000", self.job + "/0", str(number)):
            self.assertEqual(self.say("certificate", "fetch", what, "-o", "again")["bytes"], len(self.bytes))
            with open("again", "rb") as f:
                self.assertEqual(f.read(), self.bytes, what)
        for what in (self.job[:-1] + ("0" if self.job[-1] != "0" else "1"), self.job + "/1", "0", str(number - 1), "999999"):
            self.assertIn("nothing of that name has been settled", self.say("certificate", "fetch", what, "-o", "none", expect=1))
        self.assertFalse(os.path.exists("none"))
        if not self.job[:12].isdigit():  # a number is a receipt's
            self.assertEqual(self.say("certificate", "fetch", self.job[:12], "-o", "again")["bytes"], len(self.bytes))
        for what in ("12x", "zz", self.job + "0"):
            self.say("certificate", "fetch", what, "-o", "none", expect=2)
        self.assertIn("-o FILE", self.say("certificate", "fetch", self.job, expect=2))
        for data in ("", "00", "00" * 33):
            response = self.node.ask("abci_query", path="/certificate", data=data)["response"]
            self.assertEqual((response["code"], response["value"]), (2, None))

    def test_spec(self):
        """The small job's spec hash is that of no text; a text of another hash is refused."""
        with open("job.json", "w") as f:
            f.write("{}")
        self.assertIn("whose hash was posted", self.say("certificate", "fetch", self.job, "-o", "with", "--spec", "job.json", expect=2))
        self.assertFalse(os.path.exists("with"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
