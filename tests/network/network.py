"""A small network under test: node, storer, solvers and verifiers as processes in one folder, each honest or with a lie, and the small job of
tests/cli/posting.c with whatever terms a scene wants."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "net")]
from node import Node  # noqa: E402
from role import Identity, Posting, Process  # noqa: E402
import transaction  # noqa: E402  (node.py says where)
from chain import Bytes, Chain, sha256, take_post  # noqa: E402

COMMANDS = {"solver": "solve", "verifier": "audit", "storer": "store"}
HONEST, HEAVY = 1000, 1000 * 10**4  # stakes, ASY: who has the second is drawn first
PATIENCE = 180  # seconds


class Network:
    """with Network(assay, posting, people) as n: n.post(..); n.books.

    people: {"solver-1": {"lie": "every", "stake": HEAVY, "more": ["--ask", ..], "late": True}, ..}; who is `late` is started by start()."""

    def __init__(self, assay, posting, people, keep=None):
        self.assay, self.posting, self.people, self.keep = assay, posting, people, keep
        self.processes, self.node = {}, None

    def __enter__(self):
        self.folder = self.keep or tempfile.mkdtemp(prefix="assay-scene-")
        try:
            self.begin()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def path(self, name):
        return os.path.join(self.folder, name)

    def begin(self):
        names = ["storer", *self.people]
        self.identities = {name: Identity(self.assay, self.path(name)) for name in names}
        money = {name: 2 * self.people.get(name, {}).get("stake", HONEST) for name in names}
        self.node = Node(self.assay, self.path("chain"), accounts=[f"{self.identities[name].key.hex()}={money[name]}" for name in names])
        self.url = f"http://127.0.0.1:{self.node.port}"
        self.chain = Chain(self.url)
        self.submitter = self.node.owner()
        self.names = {self.identities[name].id: name for name in names} | {self.submitter.id: "submitter"}
        self.start("storer")
        for name, person in self.people.items():
            if not person.get("late"):
                self.start(name)
        for name, p in self.processes.items():
            p.wait(lambda line: line.get("kind") == "enlisted")
        self.epochs(2)

    def start(self, name):
        person = self.people.get(name, {})
        words = [self.assay, COMMANDS[name.split("-")[0]], self.path(name), "--node", self.url, "--json"]
        if name == "storer":
            words += ["--port", "0"]
        else:
            words += ["--threads", "1", "--memory", "512", "--stake", str(person.get("stake", HONEST))]
        words += ["--lie", person["lie"]] if person.get("lie") else []
        with open(self.path(name + ".log"), "a") as log:
            p = self.processes[name] = Process(words + person.get("more", []), log)
        p.up = p.ready()
        return p

    def epochs(self, count):
        """What was staked counts for draws after one whole epoch (LEDGER 5.4); nothing is awaited then."""
        until = time.monotonic() + PATIENCE
        while self.record(b"\3").get("awaited") > self.record(b"\3")["epochs"]:
            assert time.monotonic() < until, "epochs do not end"
            time.sleep(0.05)

    def record(self, key):
        from chain import take_chain
        return self.chain.record(key, take_chain)

    def post(self, **terms):
        """Posts the job with some of its terms changed. The job's id."""
        job, storer = Posting(self.posting), self.identities["storer"]
        for blob in (job.data, job.start):
            assert set(blob.put(self.submitter, storer.id, self.processes["storer"].up["port"])) == {200}
        r = Bytes(job.post)
        fields = r.done(take_post(r))
        if "interval" in terms:
            fields["tasks"] = [dict(row, interval=terms["interval"]) for row in fields["tasks"]]
        if "tasks" in terms:
            fields["tasks"] = [{"steps": steps, "interval": interval, "class": 0} for steps, interval in terms["tasks"]]
        if "ticks" in terms:
            fields["deadline"] = self.record(b"\3")["tick"] + terms["ticks"]
        fields |= {name: value for name, value in terms.items() if name in fields and name != "tasks"}
        if "own" in terms:
            fields["own_seat"] = self.identities[terms["own"]].id
        job.post = transaction.body("JOB_POST", fields)
        job.send(self.node, self.submitter, "tape")
        nonce = self.submitter.nonce
        job.send(self.node, self.submitter, "job")
        return sha256(b"assay/job/1\0", self.node.genesis_hash, self.submitter.id, b"\0", nonce.to_bytes(8, "little"))

    def told(self):
        """What everybody said, for a scene that fails."""
        return "\n".join(f"{name}: {json.dumps(line)}" for name, p in self.processes.items() for line in p.lines)

    def __exit__(self, *error):
        if hasattr(self, "chain"):
            self.chain.shut()
        for p in self.processes.values():
            p.kill()
        if self.node:
            if self.node.connection:
                self.node.connection.close()
            self.node.kill()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)
