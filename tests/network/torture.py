#!/usr/bin/env python3
"""kill -9 at random moments, while a network works: every task settles or is reassigned, no grain is lost, nothing is done twice.

usage: torture.py ASSAY [--tasks N] [--seed S] [--jobs-at-once N] [--tasks-a-job N] [--parameters devnet|test] [--every SECONDS] [--outage SECONDS]
                        [--liar solver|verifier] [--keep DIR] [--verbose]

Starts `assay devnet`, submits small jobs of a few tasks each until N tasks are posted, and meanwhile kills, at moments drawn from the seed: the
node, solvers, verifiers, storer, faucet, submissions, and now and then devnet itself, the first time while it makes its folder. devnet starts
again what it kept; submissions and devnet are started again here, with the same words. Then all of it has to be true:

  tasks       each is settled, or cancelled for a reason that only silence has; none is left, nothing is locked, no escrow holds anything
  money       each receipt pays what the oracle of money.py says, every account has what follows, all money is what genesis gave
  once        one job of each submission; one COMMIT of each attempt, one TAKE, SEAL and SHOW of each seat, each (account, slot, nonce) once
  honest      no dispute, where nobody lies; who lost something was late, or is the liar
  the model   the final root of each job is that of `assay train`
  the chain   no block that was seen ever changes; `assay node` starts from the folder with the same app hash
  processes   nobody died but by our kill, or because the node was away

One line says what happened. What was lost by being late is listed with whether a kill explains it: that is no failure, because a slow machine makes
anybody late. Exit status: 0 all of it, 1 not.
"""
import argparse
import collections
import datetime
import glob
import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "net"), os.path.join(HERE, "..", "cli")]
import world  # noqa: E402
import acts  # noqa: E402
from books import Books, address  # noqa: E402
from story import Wrong, need  # noqa: E402
from victims import PATIENCE, TASK_STEPS, Devnet, Patient, Submission  # noqa: E402

LATE = {"late", "no PUBLISH", "no OPEN", "not delivered", "not taken", "no SEAL", "no SHOW", "no start", "neutral"}
CANCELLED = {"four attempts", "neutral", "stalled", "deadline"}
WEIGHTS = {"node": 4, "storer": 2, "faucet": 1, "solver": 5, "verifier": 6, "submission": 3, "devnet": 0.4}
LEVELS = ("spot", "standard", "standard", "strong", "full")
GIFT = 100 * 10**9  # of the faucet; nobody gets two
EVERYBODY = ("node", "storer", "devnet")  # a kill of theirs touches everybody


class Torture:
    def __init__(self, a):
        self.a, self.assay, self.draw = a, os.path.abspath(a.assay), random.Random(a.seed)
        self.kills, self.submissions, self.running, self.devnet = [], [], [], None
        self.stop_kills, self.trouble, self.lock = threading.Event(), None, threading.Lock()

    def path(self, name):
        return os.path.join(self.folder, name)

    def begin(self):
        self.folder = self.a.keep or tempfile.mkdtemp(prefix="assay-torture-")
        os.makedirs(self.folder, exist_ok=True)
        shutil.copy(os.path.join(world.SOURCE, "tests", "models", "regression.onnx"), self.path("model.onnx"))
        x = [math.sin(n * n) for n in range(96 * 8)]
        for name, content in (("x.npy", world.npy([96, 8], x)), ("y.npy", world.npy([96, 2], [math.sin(x[n // 2 * 8 + n % 2]) for n in range(192)], "<f8", "d"))):
            with open(self.path(name), "wb") as f:
                f.write(content)
        words = ["--solvers", str(self.a.solvers), "--verifiers", str(self.a.verifiers), "--parameters", self.a.parameters]
        words += ["--liar", self.a.liar] if self.a.liar else []
        self.devnet = Devnet(self.assay, self.path("net"), words, self.path("devnet.log"))
        for _ in range(2):  # while it makes its folder
            self.devnet.start()
            time.sleep(self.draw.uniform(0, 0.4))
            self.devnet.kill()
            self.killed("devnet")
        self.devnet.start()
        self.devnet.up()
        self.chain = Patient(self.devnet.url)
        self.books = Books(self.chain, {})
        self.books.names = Names(self.devnet)
        self.acts = acts.Acts(self.books.name)
        hear = self.books.oracle.block
        self.books.oracle.block = lambda block: (self.acts.block(block), hear(block))

    # Kills.

    def killed(self, name):
        self.kills.append((time.time(), name))  # a header's time is the clock's, too (ENGINE 7.1)

    def log_bytes(self, name):
        try:
            return os.path.getsize(self.path(f"net/logs/{name}.log"))
        except OSError:
            return 0

    def wait_for_words(self, name, draw):
        """Half of them as soon as they say something: between an act and its record, or the other way round."""
        if draw.random() < 0.5 or name not in self.devnet.children():
            return
        before, until = self.log_bytes(name), time.monotonic() + 0.5
        while self.log_bytes(name) == before and time.monotonic() < until and not self.stop_kills.is_set():
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.01))

    def kill_one(self, draw):
        kind = draw.choices(list(WEIGHTS), WEIGHTS.values())[0]
        pick = draw.random()
        if kind == "submission":
            with self.lock:
                running = [s for s in self.running if s.process and s.process.poll() is None]
                if running:
                    s = running[int(pick * len(running))]
                    s.process.kill()
                    self.killed(f"submission-{s.number}")
        elif kind == "devnet":
            self.devnet.kill()
            self.killed("devnet")
            if self.a.outage and len(self.books.receipts) > 5:
                self.stop_kills.wait(self.a.outage)
                self.killed("devnet")
                self.a.outage = 0
            self.devnet.start()
        else:
            names = sorted(n for n in self.devnet.children() if n.split("-")[0] == kind)
            if not names:
                return
            name = names[int(pick * len(names))]
            self.wait_for_words(name, draw)
            pid = self.devnet.children().get(name)
            if pid:
                os.kill(pid, signal.SIGKILL)
                self.killed(name)

    def kill_on(self):
        draw = random.Random(self.a.seed + 1)
        try:
            while not self.stop_kills.wait(draw.expovariate(1 / self.a.every)):
                try:
                    self.kill_one(draw)
                except ProcessLookupError:
                    pass
        except Exception as e:
            self.trouble = e

    # What is on the chain.

    def look(self):
        self.books.read(self.chain.height())

    # Submissions.

    def next_submission(self):
        self.posted_tasks = sum(s.tasks for s in self.submissions)
        if self.posted_tasks >= self.a.tasks:
            return None
        tasks = min(self.draw.randint(1, self.a.tasks_a_job), self.a.tasks - self.posted_tasks)
        # Of the last task a few steps are enough.
        updates = (tasks - 1) * TASK_STEPS + self.draw.randint(8, 60) - 1
        return Submission(self, len(self.submissions) + 1, updates, self.draw.choice(LEVELS))

    def submit_all(self):
        looked, moved, news = 0, time.monotonic(), None
        while True:
            need(not self.trouble, f"{self.trouble}")
            ended = self.devnet.process.poll()
            need(ended in (None, -9), f"devnet ended with {ended}; its words are in devnet.log")
            while len(self.running) < self.a.jobs_at_once and (s := self.next_submission()):
                with self.lock:
                    self.submissions.append(s)
                    self.running.append(s)
                s.start()
            with self.lock:
                self.running = [s for s in self.running if not s.over()]
            if time.monotonic() > looked:
                self.look()
                now = (len(self.books.receipts), len(self.submissions) - len(self.running))
                if now != news:
                    news, moved = now, time.monotonic()
                    if self.a.verbose:
                        print(f"{time.monotonic() - self.began:6.0f} s: block {self.books.height}, {len(self.books.receipts)} receipts, {len(self.submissions)} jobs submitted, "
                              f"{len(self.submissions) - len(self.running)} ended, {len(self.kills)} kills", flush=True)
                need(time.monotonic() - moved < PATIENCE, f"nothing happened for {PATIENCE} s")
                looked = time.monotonic() + 1
            if not self.running:
                return
            time.sleep(0.02)

    # The end.

    def judge(self):
        # A moment in which nobody is down, so that what is on its way gets there.
        self.devnet.up()
        until = time.monotonic() + PATIENCE
        while True:
            self.look()
            if not self.books.running():
                break
            need(time.monotonic() < until, "a job is not over")
            time.sleep(0.2)
        self.books.check().over()
        self.acts.twice()
        jobs = self.books.oracle.jobs
        need(len(jobs) == len(self.submissions), f"{len(jobs)} jobs were posted by {len(self.submissions)} submissions")
        need({s.result["job"] for s in self.submissions} == {id.hex() for id in jobs}, "a submission names a job that is not the one it posted")
        for r, _ in self.books.receipts:
            if r["kind"] not in ("posted", "locked", "opened", "settled"):
                known = CANCELLED if r["kind"] == "cancelled" else LATE | {"no offers"}
                if self.a.liar:  # who lies may lose in any way, and others a dispute that they were killed in
                    known = known | {"silent in a dispute"}
                liar = self.a.liar and self.books.name(r["account"]) == self.a.liar + "-1"
                need(liar or r["reason"] in known, f"receipt {r['number']}: {r['kind']}, {r['reason']}, {self.books.name(r['account'])}: of somebody who does not lie")
        self.models()
        self.logs()

    def models(self):
        for s in self.submissions:
            account = self.books.oracle.jobs[bytes.fromhex(s.result["job"])].submitter
            has = self.books.state["accounts"][account]["balance"]
            need(GIFT - int(s.result["paid"]) + int(s.result["won"]) == has, f"submission {s.number} says that it paid {s.result['paid']} of {GIFT}; {has} are left")
            if s.result["outcome"] != "done":
                continue
            run = self.path(f"run-{s.number}")
            lines = subprocess.check_output([self.assay, "train", s.job, "-o", run, "--threads", "1", "--json"], text=True, stderr=subprocess.DEVNULL)
            root = json.loads(lines.strip().split("\n")[-1])["final_root"]
            # A lie passes where all who saw it were killed for so long that they lost their disputes by silence.
            excused = self.a.liar == "solver" and any(r["reason"] == "silent in a dispute" and r["loser"] != 1 and r["task"][:32].hex() == s.result["job"] for r, _ in self.books.receipts)
            need(root == s.result["final_root"] or excused, f"submission {s.number} got {s.result['final_root']}, assay train gives {root}")
            for name in ("job.yaml", "job.json", "model.onnx", "model.safetensors", "final.state", "README.md", "certificate", "receipts.json"):
                need(os.path.exists(os.path.join(s.out, name)), f"submission {s.number} has no {name}")
            check = subprocess.run([self.assay, "certificate", "check", os.path.join(s.out, "certificate"), "--model", os.path.join(s.out, "final.state")],
                                   capture_output=True, text=True)
            need(check.returncode == 0, f"the certificate of submission {s.number}: {check.stdout}{check.stderr}")
            shutil.rmtree(run)

    def logs(self):
        """What an agent that remembers everything never says; and deaths that were none of ours."""
        for name in glob.glob(self.path("net/logs/*.log")):
            with open(name, errors="replace") as f:
                for line in f:
                    need(not re.search(r"the journal does not have|is in use on another machine|damaged|Assertion|not sound|not a journal|ledger stopped|differs from the head", line),
                         f"{os.path.basename(name)}: {line.strip()}")
        self.other_deaths = collections.Counter()
        for _, name, ended, said in self.devnet.deaths:
            if ended != "killed by signal 9":
                need(ended == "exit status 3", f"{name} died: {ended}: {said}")
                self.other_deaths[name.split("-")[0]] += 1

    def explain(self):
        """Who lost stake, and whether a kill explains it; and of how many tasks' lives a kill was part."""
        self.lost, self.unexplained, self.struck, begun, people = collections.Counter(), [], 0, {}, collections.defaultdict(set)
        posted = {bytes.fromhex(s.result["job"]): f"submission-{s.number}" for s in self.submissions}
        for r, flows in self.books.receipts:
            task, at = r["task"], self.times[r["height"]]
            before = begun.get(task, begun.get(task[:32], at))
            people[task] |= {posted[task[:32]], self.books.name(r["account"])} if any(r["account"]) else {posted[task[:32]]}
            touched = {name for when, name in self.kills if before - 10 <= when <= at}
            if r["kind"] not in ("posted", "locked", "opened", "settled") and any(source[0] == "stake" for _, source, _, _ in flows):
                self.lost[r["reason"]] += 1
                if not touched & {self.books.name(r["account"]), *EVERYBODY}:
                    self.unexplained.append(f"receipt {r['number']} ({self.books.name(r['account'])}, {r['reason']})")
            begun[task] = at
            if r["kind"] == "posted":
                begun[task[:32]] = at
            if r["kind"] in ("settled", "cancelled"):
                since = begun[task[:32]]
                self.struck += any(since <= when <= at and name in people[task] | set(EVERYBODY) for when, name in self.kills)
                begun[task[:32]] = at  # where the next task begins

    def hashes(self):
        """Every block's hash and app hash."""
        top, out, self.times = self.chain.height(), {}, {}
        for first in range(1, top + 1, 20):
            metas = self.chain.ask("blockchain", minHeight=str(first), maxHeight=str(min(first + 19, top)))["block_metas"]
            out |= {int(m["header"]["height"]): (m["block_id"]["hash"], m["header"]["app_hash"]) for m in metas}
            self.times |= {int(m["header"]["height"]): datetime.datetime.fromisoformat(m["header"]["time"][:19] + "+00:00").timestamp() for m in metas}
        need(len(out) == top, f"{len(out)} of {top} blocks are there")
        return out

    def again(self):
        """The chain without its devnet: the same blocks and the same state, twice."""
        before = self.hashes()
        self.devnet.stop()
        self.chain.shut()
        app = set()
        for _ in range(2):
            node = subprocess.Popen([self.assay, "node", self.path("net/node"), "--port", "0", "--json"], stdout=subprocess.PIPE, text=True)
            try:
                line = node.stdout.readline()
                need(line, "the node does not start again")
                self.chain = Patient(f"http://127.0.0.1:{json.loads(line)['port']}")
                after = self.hashes()
                info = self.chain.ask("abci_info")["response"]
                need(all(after.get(h) == hashes for h, hashes in before.items()), "a block is another one now")
                self.books.chain = self.chain
                self.books.check()
                if int(info["last_block_height"]) == max(before):
                    app.add(info["last_block_app_hash"])
            finally:
                self.chain.shut()
                node.kill()
                node.wait()
        need(len(app) <= 1, f"app hashes {app}")

    # What is said.

    def summary(self):
        tasks = sum(len(job.tasks) for job in self.books.oracle.jobs.values())
        attempts = collections.Counter(r["attempt"] for r, _ in self.books.receipts if r["kind"] == "settled")
        reasons = collections.Counter(r["reason"] for r, _ in self.books.receipts if r["kind"] == "cancelled")
        kinds = collections.Counter(name.split("-")[0] for _, name in self.kills)
        settled, words = sum(attempts.values()), lambda c: ", ".join(f"{n} {k}" for k, n in c.most_common()) or "none"
        lines = [f"{tasks} tasks of {len(self.submissions)} jobs: {settled} settled ({', '.join(f'{attempts[k]} at attempt {k}' for k in sorted(attempts))}), "
                 f"{tasks - settled} not ({words(reasons)}); {self.struck} of them lived through a kill",
                 f"{len(self.kills)} kills: {words(kinds)}; submissions started {sum(s.starts for s in self.submissions)} times; ended without the node: {words(self.other_deaths)}",
                 f"stake lost: {words(self.lost)}; not explained by a kill: {', '.join(self.unexplained) or 'none'}; acts that came too late: {words(self.acts.refused())}",
                 f"seed {self.a.seed}, {self.books.height} blocks, {time.monotonic() - self.began:.0f} s: no grain is lost, nothing was done twice"]
        return "\n".join(lines)

    def run(self):
        self.began = time.monotonic()
        killer = threading.Thread(target=self.kill_on, daemon=True)
        try:
            self.begin()
            killer.start()
            self.submit_all()
            self.stop_kills.set()
            killer.join()
            self.judge()
            self.again()
            self.explain()
            print(self.summary())
            return True
        except Exception as e:
            self.stop_kills.set()
            if killer.is_alive():
                killer.join()
            print(f"seed {self.a.seed}: {e if isinstance(e, Wrong) else traceback.format_exc()}")
            print(f"folder: {self.folder}")
            self.a.keep = self.a.keep or self.a.verbose
            return False
        finally:
            for s in self.submissions:
                if s.process:
                    s.process.kill()
                    s.process.wait()
            if self.devnet and self.devnet.process and self.devnet.process.poll() is None:
                self.devnet.kill()
            if not self.a.keep:
                shutil.rmtree(self.folder, ignore_errors=True)


class Names(dict):
    """id -> name, of those that devnet keeps."""

    def __init__(self, devnet):
        self.devnet = devnet

    def get(self, id, default=None):
        return self.devnet.accounts.get(address(id), default)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("assay")
    a.add_argument("--tasks", type=int, default=200)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--jobs-at-once", type=int, default=4)
    a.add_argument("--tasks-a-job", type=int, default=4, help="at most")
    a.add_argument("--parameters", default="devnet", choices=("devnet", "test"))
    a.add_argument("--every", type=float, default=2, help="seconds between two kills, in the mean")
    a.add_argument("--liar", choices=("solver", "verifier"), help="the first of them lies, so that there are disputes")
    a.add_argument("--outage", type=float, default=0, help="seconds without anything, once: after a minute the clock goes slowly (LEDGER 1.2)")
    a.add_argument("--solvers", type=int, default=3)
    a.add_argument("--verifiers", type=int, default=5)
    a.add_argument("--keep")
    a.add_argument("--verbose", action="store_true")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing is left running
    acts.self_test()
    return 0 if Torture(a.parse_args()).run() else 1


if __name__ == "__main__":
    sys.exit(main())
