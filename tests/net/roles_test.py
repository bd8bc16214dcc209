#!/usr/bin/env python3
"""The roles as people run them: processes with a folder each, over a node's RPC and a storer's HTTP.

usage: roles_test.py ASSAY POSTING
"""
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ASSAY, POSTING = (os.path.abspath(path) for path in sys.argv[1:3])
del sys.argv[1:3]
from node import Node  # noqa: E402
from role import PATIENCE, Identity, Posting, Process  # noqa: E402

STAKE = 1000


class Roles(unittest.TestCase):
    """Each test gets a folder, and is inside it."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="assay-roles-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        self.identities, self.processes = {}, {}

    def begin(self, *names, parameters="test", money=5000):
        """A chain on which each of these has money."""
        for name in names:
            self.identities[name] = Identity(ASSAY, name)
        self.node = Node(ASSAY, "chain", parameters=parameters, accounts=[f"{self.identities[name].key.hex()}={money}" for name in names])
        self.addCleanup(self.node.process.kill)
        self.url = f"http://127.0.0.1:{self.node.port}"
        self.addCleanup(lambda: self.node.connection and self.node.connection.close())
        self.owner = self.node.owner()

    def start(self, name, *more):
        """solver-1, verifier-2, storer: the role that the name says."""
        kind = name.split("-")[0]
        command = {"solver": "solve", "verifier": "audit", "storer": "store"}[kind]
        words = [ASSAY, command, name, "--node", self.url, "--json"]
        words += ["--port", "0"] if kind == "storer" else ["--threads", "1", "--memory", "512", "--stake", str(STAKE)]
        with open(name + ".log", "a") as log:
            p = self.processes[name] = Process(words + list(more), log)
        self.addCleanup(p.kill)
        p.up = p.ready()
        return p

    def enlisted(self, *names):
        for name in names:
            self.processes[name].wait(lambda line: line["kind"] == "enlisted")

    def ask(self, *words, expect=0):
        done = subprocess.run([ASSAY, *words, "--node", self.url, "--json"], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, expect, f"{words}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else done.stderr

    def post(self):
        """The small job, its data and start given to the storer; its id."""
        job, storer = Posting(POSTING), self.identities["storer"]
        port = self.processes["storer"].up["port"]
        for blob in (job.data, job.start):
            self.assertEqual(set(blob.put(self.owner, storer.id, port)), {200})
        for what in ("tape", "job"):
            job.send(self.node, self.owner, what)
        return self.ask("jobs")["jobs"][0]["job"]

    def blob(self, root, part=""):
        c = http.client.HTTPConnection("127.0.0.1", self.processes["storer"].up["port"], timeout=30)
        c.request("GET", f"/blobs/{root}{part}")
        answer = c.getresponse()
        data = answer.read()
        c.close()
        return answer.status, data

    def told(self):
        """What everybody said, for a test that fails."""
        return "\n".join(f"{name}: {json.dumps(line)}" for name, p in self.processes.items() for line in p.lines)

    def outcome(self, job, seconds=PATIENCE):
        until = time.monotonic() + seconds
        while True:
            task = self.ask("task", job)
            if task["state"] in ("settled", "cancelled"):
                return task
            self.assertLess(time.monotonic(), until, task)
            time.sleep(0.2)

    def test_a_job_settles(self):
        people = ["solver-1", "verifier-1", "verifier-2", "verifier-3", "verifier-4"]
        self.begin("storer", *people)
        for name in ("storer", *people):
            self.start(name)
        self.enlisted("storer", *people)
        job = self.post()
        task = self.outcome(job)
        self.assertEqual((task["state"], task["attempt"], task["steps_run"]), ("settled", 1, 20), self.told())
        self.assertEqual(task["solver"], self.identities["solver-1"].address)
        seats = [seat["account"] for seat in task["seats"]]
        self.assertEqual(len(set(seats)), 3)
        self.assertLessEqual(set(seats), {self.identities[name].address for name in people[1:]})
        self.assertEqual({seat["state"] for seat in task["seats"]}, {"shown"})
        # the fee is the solver's, a seat's fee each seat's, and the storer has the model
        paid = {p["to"]: int(p["amount"]) for e in self.ask("why", job)["events"] for p in e["payments"] if p["from"] == "the job's escrow"}
        self.assertEqual(paid[task["solver"]], int(task["fee"]))
        self.assertEqual([paid[seat] for seat in seats], [int(task["seat_fee"])] * 3)
        self.assertEqual(self.blob(task["final_root"])[0], 200)
        for name, p in self.processes.items():
            self.assertEqual(p.stop(), 0, name)
            # the last of three votes may come when two have settled the task
            self.assertFalse([line for line in p.lines if line.get("kind") in ("refused", "trouble", "again") or line.get("kind") == "failed" and not line["text"].startswith("vote/")], self.told())

    def test_ready_lines(self):
        self.begin("storer", "solver-1", "verifier-1")
        for name, role in (("storer", "storer"), ("solver-1", "solver"), ("verifier-1", "verifier")):
            up = self.start(name).up
            self.assertEqual((up["ready"], up["role"], up["account"]), (True, role, self.identities[name].address))
            self.assertEqual((up["node"], up["chain"], up["lie"]), (self.url, "assay-solo", None))
            self.assertEqual((up["address"], up["port"] is None), ("127.0.0.1", False) if name == "storer" else (None, True))
        self.enlisted("storer", "solver-1", "verifier-1")
        account = self.ask("wallet", "balance", "--key", "solver-1")
        self.assertEqual(account["stakes"]["solver"]["stake"], str(STAKE * 10 ** 9))
        # the same again sends nothing
        self.assertEqual(self.processes["solver-1"].stop(signal.SIGINT), 0)
        self.start("solver-1")
        self.enlisted("solver-1")
        self.assertEqual([line["kind"] for line in self.processes["solver-1"].lines[1:]], ["enlisted"])
        self.assertEqual(self.ask("wallet", "balance", "--key", "solver-1"), account)

    def test_lies_have_names(self):
        self.begin("solver-1", "verifier-1")
        for name, command, words in (("solver-1", "solve", ("interval=3", "every", "no-commit", "no-publish", "no-open", "no-deliver", "no-starts", "silent-move=4")),
                                     ("verifier-1", "audit", ("wrong", "no-take", "no-seal", "no-show", "no-vote", "silent-move=4"))):
            for word in (*words, ",".join(words[2:])):
                with self.subTest(word=word):
                    self.assertEqual(self.start(name, "--lie", word).up["lie"], word)
                    self.processes[name].stop()
            with open(name + ".log") as log:
                self.assertIn("lies: " + words[0], log.read())
            for word, says in ((words[2][:-1], "did you mean " + words[2]), ("nonsense-words", "there are "), ("silent-move", "wanted silent-move=N"),
                               ("silent-move=0", "N from 1 to 255"), (words[1] + "=1", "takes no number"), (words[1] + ",", "there is no lie ''"), ("", "there is no lie ''")):
                with self.subTest(word=word):
                    done = subprocess.run([ASSAY, command, name, "--node", self.url, "--lie", word], capture_output=True, text=True, timeout=PATIENCE)
                    self.assertEqual(done.returncode, 2)
                    self.assertIn(says, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
