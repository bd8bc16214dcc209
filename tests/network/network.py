"""A small network under test: node, storer, solvers and verifiers as processes in one folder, each honest or with a lie, and a small job that
`assay submit` brings. The windows are those of the parameters `test`."""
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "net"), os.path.join(HERE, "..", "cli")]
import world  # noqa: E402
from chain import Chain, take_chain  # noqa: E402
from node import Node  # noqa: E402
from role import Identity, Process  # noqa: E402

COMMANDS = {"solver": "solve", "verifier": "audit", "storer": "store"}
STAKE = 1000  # ASY
# Who should be drawn has more: a solver's race is by weight alone; of the verifiers the others have to be drawn too.
HEAVY = {"solver": 10**4 * STAKE, "verifier": 30 * STAKE}
PRICE = 10**9  # grain for 10^9 units of work: small jobs cost a few ASY
PATIENCE = 180  # seconds


class Network:
    """with Network(assay, people) as n: n.submit(..), then n.chain and n.names.

    people: {"solver-1": {"lie": "every", "heavy": True, "late": True, "more": ["--ask", "7"]}, ..}. Who lies or is `heavy` has more stake, so that it
    is drawn; who is `late` has a folder and money, and waits for start()."""

    def __init__(self, assay, people, seed=1):
        self.assay, self.people, self.seed = assay, people, seed
        self.processes, self.killed, self.node, self.chain, self.submission = {}, set(), None, None, None

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="assay-scene-")
        try:
            self.begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def path(self, name):
        return os.path.join(self.folder, name)

    def stake(self, name):
        person = self.people[name]
        return HEAVY[name.split("-")[0]] if person.get("lie") or person.get("heavy") else STAKE

    def begin(self):
        names = ["storer", "submitter", *self.people]
        self.identities = {name: Identity(self.assay, self.path(name)) for name in names}
        money = {name: 2 * self.stake(name) if name in self.people else 10 * STAKE for name in names}
        self.node = Node(self.assay, self.path("chain"), accounts=[f"{self.identities[name].key.hex()}={money[name]}" for name in names])
        self.url = f"http://127.0.0.1:{self.node.port}"
        self.chain = Chain(self.url)
        self.names = {self.identities[name].id: name for name in names} | {self.node.owner().id: "operator"}
        here = ["storer", *(name for name, person in self.people.items() if not person.get("late"))]
        for name in here:
            self.start(name)
        for name in here:
            self.enlisted(name)
        self.write_job()

    def start(self, name):
        person = self.people.get(name, {})
        words = [self.assay, COMMANDS[name.split("-")[0]], self.path(name), "--node", self.url, "--json"]
        words += ["--port", "0"] if name == "storer" else ["--threads", "1", "--memory", "512", "--stake", str(self.stake(name))]
        words += ["--lie", person["lie"]] if person.get("lie") else []
        with open(self.path(name + ".log"), "a") as log:
            p = self.processes[name] = Process(words + person.get("more", []), log)
        p.up = p.ready()

    def enlisted(self, name):
        """Known, staked, and counted in draws."""
        self.processes[name].wait(lambda line: line.get("kind") == "enlisted")

    def write(self, name, content):
        with open(self.path(name), "wb") as f:
            f.write(content)

    def write_job(self):
        for name, count in (("train", 200), ("test", 50)):
            x, y = world.pictures(count, self.seed)
            self.write(name + "-x.gz", gzip.compress(world.idx([count, 28, 28], x), mtime=0))
            self.write(name + "-y", world.idx([count], y))

    def now(self):
        return self.chain.record(b"\3", take_chain)

    def submit(self, *words, changes=(), model="mlp_small.onnx"):
        """Starts `assay submit`; the process goes on. A word @NAME is somebody's folder."""
        text = world.JOB.replace("test-x,", "test-x.gz,").replace("seed: 7", f"seed: {self.seed}")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.write("job.yaml", text.encode())
        shutil.copy(os.path.join(world.SOURCE, "tests", "models", model), self.path("model.onnx"))
        words = [self.path(word[1:]) if word.startswith("@") else word for word in words]
        self.words = [self.assay, "submit", self.path("job.yaml"), "-o", self.path("out"), "--node", self.url, *self.key(), "--threads", "1", "--yes", "--json", *words]
        self.again()

    def key(self):
        return ["--key", self.path("submitter")]

    def again(self):
        with open(self.path("submit.log"), "a") as log:
            self.submission = self.processes["submit"] = Process(self.words, log)

    def result(self):
        """What the submission said at its end, and its exit status."""
        status = self.submission.process.wait(timeout=PATIENCE)
        self.submission.reader.join()
        return next((line for line in reversed(self.submission.lines) if "outcome" in line), None), status

    def train(self):
        """The final root that the job has when it is trained here."""
        done = subprocess.run([self.assay, "train", self.path("job.yaml"), "-o", self.path("run"), "--threads", "1", "--json", "--quiet"], capture_output=True,
                              text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])["final_root"]

    def kill(self, name):
        self.processes[name].kill()
        self.killed.add(name)

    def died(self):
        """Who ended and was not ended by the scene; and what sanitizers say, where they are built in."""
        dead = [name for name, p in self.processes.items() if name not in self.killed | {"submit"} and p.process.poll() is not None]
        return dead + [line for line in self.logged() if "Sanitizer" in line or "runtime error:" in line]

    def stop(self):
        """Everybody is asked to leave; who does not leave with status 0, or with a complaint, is told."""
        asked = [(name, p) for name, p in self.processes.items() if name not in self.killed | {"submit"}]
        for _, p in asked:
            p.process.send_signal(signal.SIGTERM)
        wrong = [f"{name} left with {status}" for name, p in asked if (status := p.process.wait(timeout=PATIENCE)) != 0]
        if self.node:
            self.node.stop()
        return wrong + [line for line in self.logged() if "Sanitizer" in line]

    def logged(self, inside=""):
        for name in sorted(os.listdir(self.path(inside))):
            if name.endswith(".log"):
                with open(self.path(os.path.join(inside, name))) as log:
                    yield from (f"{name}: {line.rstrip()}" for line in log)

    def told(self):
        """What everybody said, for a scene that fails."""
        return "\n".join([*(f"{name}: {json.dumps(line)}" for name, p in self.processes.items() for line in p.lines), *self.logged()])

    def __exit__(self, *error):
        if self.chain:
            self.chain.shut()
        for p in self.processes.values():
            p.kill()
        if self.node:
            if self.node.connection:
                self.node.connection.close()
            self.node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def account_of(address, letters="qpzry9x8gf2tvdw0s3jn54khce6mua7l"):
    """LEDGER 2.1.1, without a look at the checksum."""
    bits = 0
    for c in address[4:56]:
        bits = bits << 5 | letters.index(c)
    return (bits >> 4).to_bytes(32, "big")


class Devnet(Network):
    """The same by `assay devnet`, which starts all of them, and a submitter whom its faucet gives money."""

    @staticmethod
    def can(people):
        """One liar a role, the first of it; everybody there from the beginning."""
        return all(set(person) <= {"lie"} and (not person or name.endswith("-1")) for name, person in people.items()) and \
            all(any(name.startswith(role) for name in people) for role in ("solver", "verifier"))

    def begin(self):
        count = {role: sum(name.startswith(role) for name in self.people) for role in ("solver", "verifier")}
        words = [self.assay, "devnet", "-o", self.path("net"), "--port", "0", "--parameters", "test", "--solvers", str(count["solver"]),
                 "--verifiers", str(count["verifier"]), "--json"]
        for name, person in self.people.items():
            words += ["--lie", f"{name.split('-')[0]}={person['lie']}"] if person.get("lie") else []
        with open(self.path("devnet.log"), "a") as log:
            self.devnet = Process(words, log)
        up = self.devnet.ready()
        self.url, self.chain = up["node"], Chain(up["node"])
        self.names = {account_of(p["account"]): p["name"] for p in up["processes"]}
        self.write_job()

    def key(self):
        return []  # a machine's, in the folder of the results

    def died(self):
        return super().died() + [f"{line['name']}: {line}" for line in self.devnet.lines if line.get("event") == "died"]

    def stop(self):
        status = self.devnet.stop(seconds=PATIENCE)
        return [f"the devnet left with {status}"] * (status != 0) + super().stop()

    def logged(self, inside=""):
        yield from super().logged(inside)
        if not inside and os.path.isdir(self.path("net/logs")):
            yield from super().logged("net/logs")

    def told(self):
        return "\n".join([super().told(), *(f"devnet: {json.dumps(line)}" for line in self.devnet.lines)])

    def __exit__(self, *error):
        if self.submission:
            self.submission.kill()
        if hasattr(self, "devnet") and self.devnet.process.poll() is None:
            try:
                self.devnet.stop(seconds=PATIENCE)
            finally:
                self.devnet.kill()
        super().__exit__(*error)
