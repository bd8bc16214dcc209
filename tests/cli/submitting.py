"""Networks of processes, for tests that submit jobs to them."""
import json
import os
import sys

import world
from world import ASSAY

sys.path.insert(0, os.path.join(world.SOURCE, "tests", "net"))
from node import Node  # noqa: E402
from role import Identity, Process  # noqa: E402

STAKE, MONEY = 1000, 5000
COMMAND = {"solver": "solve", "verifier": "audit", "storer": "store"}


class Submitting(world.World):
    def begin(self, *names, parameters="devnet", **more):
        """A chain on which each of these, and `rich`, has money."""
        self.processes = {}
        self.identities = {name: Identity(ASSAY, name) for name in ("rich", *names)}
        self.accounts = [f"{i.key.hex()}={MONEY}" for i in self.identities.values()]
        self.node = Node(ASSAY, "chain", parameters=parameters, accounts=self.accounts, **more)
        self.addCleanup(lambda: self.node.process.kill())
        self.url = f"http://127.0.0.1:{self.node.port}"

    def start(self, *names, more=()):
        for name in names:
            kind = name.split("-")[0]
            words = [ASSAY, COMMAND[kind], name, "--node", self.url, "--json", *more]
            words += ["--port", "0"] if kind == "storer" else ["--threads", "1", "--memory", "512", "--stake", str(STAKE)]
            with open(name + ".log", "a") as log:
                self.processes[name] = Process(words, log)
            self.addCleanup(self.processes[name].kill)
        for name in names:
            self.processes[name].wait(lambda line: line.get("kind") == "enlisted")

    def network(self, verifiers=4, **more):
        people = ["storer", "solver-1", *(f"verifier-{n}" for n in range(1, verifiers + 1))]
        self.begin(*people, **more)
        self.start(*people)

    def words(self, *more, job="job.yaml", out="out", key="rich"):
        return ["submit", job, "-o", out, "--node", self.url, *(["--key", key] if key else []), *more]

    def submit(self, *more, expect=0, **kw):
        """What came of it, and the lines before."""
        done, _ = self.assay(*self.words("--yes", "--json", *more, **kw), expect=expect)
        lines = [json.loads(line) for line in done.splitlines()]
        return lines[-1] if lines else None, lines[:-1]

    def ask(self, *words, expect=0):
        out, err = self.assay(*words, "--node", self.url, "--json", expect=expect)
        return json.loads(out.splitlines()[-1]) if out.strip() else err

    def balance(self, key="rich"):
        return int(self.ask("wallet", "balance", "--key", key)["balance"])

    def same_model(self, out="out", run="run"):
        for name in ("model.onnx", "model.safetensors", "job.yaml"):
            self.assertEqual(self.read(f"{out}/{name}"), self.read(f"{run}/{name}"), name)

    def jobs(self):
        return self.ask("jobs")["jobs"]
