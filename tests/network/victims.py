"""Who is killed: a devnet with all that it keeps, and submissions. Each goes on when the same words are said again."""
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time

from chain import Chain
from story import need

PATIENCE = 300  # seconds in which something has to happen
PRICE = 10**9
TASK_STEPS = 256  # of a job whose interval is 1


class Patient(Chain):
    """Asks again while the node is away: it comes back with what it had."""

    def post(self, value):
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return super().post(value)
            except (OSError, http.client.HTTPException, ValueError):
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)


class Devnet:
    """`assay devnet` in one folder, at one port, however often it is killed."""

    def __init__(self, assay, folder, words, errors):
        self.assay, self.folder, self.words, self.errors = assay, folder, words, errors
        # Bound and never listened at: the number is ours, and who is told it can have it (devnet does the same for its own).
        self.held = socket.socket()
        self.held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.held.bind(("127.0.0.1", 0))
        self.port = self.held.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process, self.deaths, self.accounts, self.ready = None, [], {}, threading.Event()

    def start(self):
        self.ready.clear()
        words = [self.assay, "devnet", "-o", self.folder, "--port", str(self.port), "--json", *self.words]
        with open(self.errors, "a") as errors:
            self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True)
        threading.Thread(target=self.read, args=(self.process,), daemon=True).start()

    def read(self, process):
        for line in process.stdout:
            value = json.loads(line)
            if value.get("ready"):
                self.accounts = {p["account"]: p["name"] for p in value["processes"]}
                self.ready.set()
            if value.get("event") == "died":
                self.deaths.append((time.monotonic(), value["name"], value["ended"], value["said"]))

    def up(self):
        until = time.monotonic() + PATIENCE
        while not self.ready.wait(0.1):
            need(self.process.poll() is None, f"devnet ended with {self.process.returncode}")
            need(time.monotonic() < until, "devnet does not get ready")

    def children(self):
        """name -> pid, of what runs now."""
        found = {}
        try:
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as f:
                for pid in f.read().split():
                    with open(f"/proc/{pid}/cmdline") as c:
                        words = c.read().split("\0")
                    if len(words) > 2 and words[1] != "devnet":
                        found[os.path.basename(words[2])] = int(pid)
        except OSError:
            pass
        return found

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        need(self.process.wait(timeout=PATIENCE) == 0, f"devnet was stopped and ended with {self.process.returncode}")


class Submission:
    """One `assay submit`, with the same words until it says what came of the job."""

    def __init__(self, net, number, updates, level):
        self.net, self.number, self.updates, self.tasks = net, number, updates, -(-(updates + 1) // TASK_STEPS)
        self.job, self.out = net.path(f"job-{number}.yaml"), net.path(f"out-{number}")
        with open(self.job, "w") as f:
            f.write("assay: 1\nmodel: model.onnx\ninit: seed\ndata:\n  train: {format: npy, inputs: x.npy, targets: y.npy}\nloss: mse\n"
                    f"optimizer: {{name: sgd, lr: 0.01, momentum: 0.9}}\nbatch: 32\nupdates: {updates}\nseed: {number}\ninterval: 1\n")
        self.words = [net.assay, "submit", self.job, "-o", self.out, "--node", net.devnet.url, "--threads", "1", "--price", str(PRICE), "--level", level,
                      "--yes", "--json"]
        self.process, self.said, self.result, self.starts, self.again = None, None, None, 0, 0

    def start(self):
        self.starts += 1
        with open(self.net.path("submit.log"), "a") as errors:
            errors.write(f"-- submission {self.number}, start {self.starts}\n")
            errors.flush()
            self.process = subprocess.Popen(self.words, stdout=subprocess.PIPE, stderr=errors, text=True)
        self.reader = threading.Thread(target=self.read, args=(self.process,), daemon=True)
        self.reader.start()

    def read(self, process):
        with open(self.net.path("submit.log"), "a") as log:
            for line in process.stdout:
                log.write(f"{self.number}: {line}")
                log.flush()
                value = json.loads(line)
                if "outcome" in value:
                    self.said = value

    def over(self):
        """Has it ended, and said what came of the job? Else it goes on, started again if it has to be."""
        if self.process.poll() is None:
            return False
        status = self.process.returncode
        self.reader.join()
        if status in (0, 1) and self.said:
            self.result = self.said
            need((status == 0) == (self.result["outcome"] == "done"), f"submission {self.number} ended with {status}: {self.result}")
            return True
        need(status in (-9, 1, 3), f"submission {self.number} ended with {status}; its words are in submit.log")
        need(self.starts < 400, f"submission {self.number} was started {self.starts} times")
        if status == -9:
            self.start()
        elif time.monotonic() > self.again:  # the node is away, or the faucet: a person would wait a moment
            self.again = time.monotonic() + 0.5
            self.start()
        return False
