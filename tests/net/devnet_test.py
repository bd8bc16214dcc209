#!/usr/bin/env python3
"""A whole network in one command: what it starts, what it does when something ends, and that it goes on.

usage: devnet_test.py ASSAY
"""
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
import world  # noqa: E402  (a job to send)
from role import PATIENCE, Process  # noqa: E402

ASSAY = os.path.abspath(sys.argv.pop(1))
JOB = """assay: 1
model: model.onnx
init: seed
data:
  train: {format: idx, inputs: x, targets: y, scale: 1/255}
loss: cross_entropy
optimizer: {name: adamw, lr: 1e-3}
batch: 16
updates: 40
seed: 7
interval: 5
"""


def lives(pid):
    """Is it there, and more than an entry that waits to be read?"""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def child_of(pid, words):
    """The process that this one started with such words."""
    for other in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{other}/stat") as f:
                parent = int(f.read().rsplit(")", 1)[1].split()[1])
            with open(f"/proc/{other}/cmdline", "rb") as f:
                if parent == pid and words in f.read():
                    return int(other)
        except (FileNotFoundError, ProcessLookupError):
            continue
    raise AssertionError(f"{pid} runs nothing with {words}")


def until(true, what, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class Devnet(unittest.TestCase):
    """Each test gets a folder, and is inside it."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="assay-devnet-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)

    def begin(self, *words):
        """Two solvers and two verifiers, which is enough here."""
        p = Process([ASSAY, "devnet", "-o", "net", "--port", "0", "--json", *(words or ("--solvers", "2", "--verifiers", "2"))])
        self.addCleanup(p.kill)
        try:
            p.up = p.ready()
        except RuntimeError:
            for name in sorted(os.listdir("net/logs")):
                with open("net/logs/" + name) as f:
                    print(name, f.read(), file=sys.stderr)
            raise
        p.pids = {x["name"]: x["pid"] for x in p.up["processes"]}
        return p

    def again(self):
        return self.begin("--parameters", "devnet")

    def assay(self, *words, expect=0):
        done = subprocess.run([ASSAY, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, expect, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout, done.stderr

    def ask(self, p, *words):
        return json.loads(self.assay(*words, "--node", p.up["node"], "--json")[0].splitlines()[-1])

    def refused(self, *words, says, status=2):
        self.assertIn(says, self.assay("devnet", *words, expect=status)[1])

    def gone(self, p):
        until(lambda: not any(map(lives, p.pids.values())), f"all of {p.pids} are gone")

    def test_life(self):
        p = self.begin()
        names = ["node", "faucet", "storer", "solver-1", "solver-2", "verifier-1", "verifier-2"]
        self.assertEqual([x["name"] for x in p.up["processes"]], names)
        self.assertEqual({x["role"] for x in p.up["processes"]}, {"node", "faucet", "storer", "solver", "verifier"})
        self.assertEqual(len(set(p.pids.values()) | {p.process.pid}), 8)
        self.assertTrue(all(map(lives, p.pids.values())))
        self.assertEqual({x["lie"] for x in p.up["processes"]}, {None})
        # nobody else reads a key or a log
        for name in names[1:]:
            for file in ("key", "password"):
                self.assertEqual(stat.S_IMODE(os.stat(f"net/{name}/{file}").st_mode), 0o600)
            self.assertEqual(stat.S_IMODE(os.stat(f"net/logs/{name}.log").st_mode), 0o600)
        # the genesis knows everybody, and its draws work
        self.assertEqual(self.ask(p, "status")["chain"], p.up["chain"])
        for x in p.up["processes"][2:]:
            has = self.ask(p, "wallet", "balance", x["account"])
            self.assertGreater(int(has["stakes"][x["role"]]["stake"]), 100 * 10 ** 9, x)
            self.assertGreater(int(has["balance"]), 10 ** 9, x)
        # the same folder, while it is used, and for something else
        self.refused("-o", "net", "--port", "0", says="a devnet runs in it")
        port = p.up["node"].rsplit(":", 1)[1]
        self.refused("-o", "other", "--port", port, says=f"port {port} is in use; take another with --port N", status=3)
        # money moves, so there is a height to go on at
        self.assay("wallet", "send", p.up["processes"][4]["account"], "1", "--key", "net/solver-1", "--node", p.up["node"])
        height = self.ask(p, "status")["height"]
        self.assertGreater(height, 0)
        # the end, and again
        self.assertEqual(p.stop(signal.SIGINT), 0)
        self.gone(p)
        self.assertEqual(p.lines[-1]["event"], "stopped")
        q = self.again()
        self.assertGreaterEqual(self.ask(q, "status")["height"], height)
        self.assertEqual([x["account"] for x in q.up["processes"]], [x["account"] for x in p.up["processes"]])
        # killed, however: nothing is left running, and the same command goes on at once
        q.process.kill()
        q.process.wait()
        r = self.again()
        self.gone(q)
        self.assertGreaterEqual(self.ask(r, "status")["height"], height)
        # one that is killed is started again, the node too, at the same port
        for name in ("verifier-1", "node"):
            os.kill(r.pids[name], signal.SIGKILL)
            died = r.wait(lambda line: line.get("event") == "died")
            self.assertEqual((died["name"], died["ended"]), (name, "killed by signal 9"))
            up = r.wait(lambda line: line.get("event") == "started" and line["name"] == name)
            self.assertNotEqual(up["pid"], r.pids[name])
            r.pids[name] = up["pid"]
        # the node again, for which there is a longer pause now, and somebody who would end at once without it: each of them died once
        os.kill(r.pids["node"], signal.SIGKILL)
        r.wait(lambda line: line.get("event") == "died")
        os.kill(r.pids["solver-1"], signal.SIGKILL)
        seen = [r.wait(lambda line: line.get("event")) for _ in range(3)]
        self.assertEqual([(line["event"], line["name"]) for line in seen], [("died", "solver-1"), ("started", "node"), ("started", "solver-1")])
        self.assertGreaterEqual(self.ask(r, "status")["height"], height)
        self.assertEqual(r.stop(), 0)
        self.gone(r)

    def submit(self, p):
        """A small job, trained here and there: the objects that came, and the root that training here gives."""
        pixels, labels = world.pictures(200, 1)
        for name, data in (("x", world.idx([200, 28, 28], pixels)), ("y", world.idx([200], labels)), ("job.yaml", JOB.encode())):
            with open(name, "wb") as f:
                f.write(data)
        shutil.copy(world.MODEL, "model.onnx")
        here = json.loads(self.assay("train", "job.yaml", "-o", "here", "--json")[0].splitlines()[-1])["final_root"]
        out = self.assay("submit", "job.yaml", "--node", p.up["node"], "-o", "out", "--yes", "--json")[0]
        return [json.loads(line) for line in out.splitlines()], here

    def receipts(self, p, last="settled"):
        """What the network said about receipts, up to that of a settled task."""
        p.wait(lambda line: line.get("event") == "receipt" and line["receipt"]["kind"] == last)
        return [line["receipt"] for line in p.lines if line.get("event") == "receipt"]

    def test_a_job(self):
        p = self.begin("--solvers", "2", "--verifiers", "3")
        lines, root = self.submit(p)
        self.assertEqual((lines[-1]["outcome"], lines[-1]["final_root"]), ("done", root), lines)
        kinds = [r["kind"] for r in self.receipts(p)]
        self.assertEqual((kinds[0], kinds[-1]), ("posted", "settled"), kinds)
        self.assertFalse({"verdict", "fault", "seat"} & set(kinds), kinds)
        self.assertEqual(p.stop(), 0)

    def test_a_liar_is_drawn_and_found(self):
        p = self.begin("--solvers", "2", "--verifiers", "3", "--liar", "solver")
        lines, root = self.submit(p)
        self.assertEqual((lines[-1]["outcome"], lines[-1]["final_root"]), ("done", root), lines)
        accounts = {x["name"]: x["account"] for x in p.up["processes"]}
        receipts = self.receipts(p)
        verdict = [r for r in receipts if r["kind"] == "verdict"]
        fault = [r for r in receipts if r["kind"] == "fault"]
        self.assertGreaterEqual(len(verdict), 1, receipts)
        self.assertEqual([r["account"] for r in fault], [accounts["solver-1"]], receipts)
        self.assertEqual(receipts[-1]["account"], accounts["solver-2"])
        left = self.ask(p, "wallet", "balance", accounts["solver-1"])["stakes"]["solver"]
        self.assertLess(int(left["stake"]), 400 * 10 ** 15)
        self.assertEqual(p.stop(), 0)

    def test_ports_stay(self):
        """Who has been told an address finds the same one after the next start."""
        held = socket.socket()  # bound, and never listened at: nobody else is given the number
        self.addCleanup(held.close)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        addresses = []
        for _ in range(4):  # the faucet's is of those that any program here may be given between two starts: then it takes a new one
            p = Process([ASSAY, "devnet", "-o", "net", "--port", str(held.getsockname()[1]), "--json", "--solvers", "1", "--verifiers", "1"])
            self.addCleanup(p.kill)
            up = p.ready()
            addresses.append((up["node"], up["faucet"]))
            self.assertEqual(p.stop(), 0)
            if addresses[-2:-1] == addresses[-1:]:
                break
        self.assertEqual(*addresses[-2:])

    def test_killed_while_it_starts(self):
        """Who is killed is started again, also before it was ready for the first time."""
        p = Process([ASSAY, "devnet", "-o", "net", "--port", "0", "--json", "--solvers", "1", "--verifiers", "2"])
        self.addCleanup(p.kill)
        killed = set()
        for command in ("node", "audit"):
            while not killed & {command}:
                for pid in self.children(p):
                    if self.command(pid) == command:
                        os.kill(pid, signal.SIGKILL)
                        killed.add(command)
        p.ready()
        self.assertEqual(p.stop(), 0)

    def children(self, p):
        with open(f"/proc/{p.process.pid}/task/{p.process.pid}/children") as f:
            return [int(pid) for pid in f.read().split()]

    def command(self, pid):
        try:
            with open(f"/proc/{pid}/cmdline") as f:
                return (f.read().split("\0") + [""])[1]
        except OSError:
            return ""

    def test_words(self):
        os.mkdir("something")
        with open("something/else", "w") as f:
            f.write("x")
        for words, says in ((("--liar", "me"), "wanted solver or verifier"), (("--vanish", "verifier"), "wanted solver"), (("--silent", "solver"), "wanted verifier"),
                            (("--lie", "solver"), "wanted solver=WORD"), (("--lie", "solver=evry"), "did you mean every"), (("--lie", "verifier="), "there is no lie"),
                            (("--liar", "solver", "--vanish", "solver"), "--lie solver=every,no-commit joins them"), (("--solvers", "0"), "from 1 to 16"),
                            (("--parameters", "mine"), "there are devnet")):
            with self.subTest(words=words):
                self.refused("-o", "net", *words, says=says)
                self.assertFalse(os.path.exists("net"))
        self.refused("-o", "something", says="there is something else in it")
        self.assertEqual(os.listdir("something"), ["else"])
        self.refused(says="-o DIR is missing")
        self.refused("-o", "no/such", says="cannot make it")

    def test_settings_and_halves(self):
        p = self.begin("--solvers", "2", "--verifiers", "3", "--vanish", "solver", "--silent", "verifier", "--parameters", "test")
        lies = {x["name"]: x["lie"] for x in p.up["processes"]}
        self.assertEqual((lies["solver-1"], lies["solver-2"], lies["verifier-1"], lies["verifier-2"]), ("no-commit", None, "no-seal", None))
        stakes = {x["name"]: int(self.ask(p, "wallet", "balance", x["account"])["stakes"][x["role"]]["stake"]) for x in p.up["processes"][3:]}
        self.assertEqual(stakes["solver-1"], 10 ** 6 * stakes["solver-2"])
        self.assertEqual(stakes["verifier-1"], 16 * (stakes["verifier-2"] + stakes["verifier-3"]))
        self.assertEqual(p.stop(), 0)
        for words, says in ((("--liar", "solver"), "its solver-1 misbehaves by 'no-commit', not by 'every'"), (("--solvers", "3"), "it has 2 solvers, not 3"),
                            (("--lie", "verifier=wrong"), "its verifier-1 misbehaves by 'no-seal'"), (("--parameters", "main"), "has the parameters test")):
            self.refused("-o", "net", *words, says=says)
        # killed while it was made: what is missing is made, what is there is used
        with open("net/solver-1/key", "rb") as f:
            key = f.read()
        for name in ("faucet", "storer", "solver-1", "verifier-2", "verifier-3"):
            shutil.rmtree(f"net/{name}/agent")
        for name in ("node", "logs", "solver-2", "verifier-1"):
            shutil.rmtree("net/" + name)
        os.unlink("net/verifier-2/key")
        os.mkdir("net/node")
        with open("net/node/node.key", "w") as f:
            f.write("half")
        q = self.begin("--vanish", "solver")
        self.assertEqual(len(q.up["processes"]), 3 + 2 + 3)
        with open("net/solver-1/key", "rb") as f:
            self.assertEqual(f.read(), key)
        self.assertEqual(q.stop(), 0)
        # settings that are none
        with open("net/devnet.json", "w") as f:
            f.write("{}")
        self.refused("-o", "net", says="not the settings of a devnet")

    def test_a_role_that_does_not_start(self):
        p = self.begin()
        self.assertEqual(p.stop(), 0)
        with open("net/verifier-2/password", "w") as f:
            f.write("another one\n")
        out, err = self.assay("devnet", "-o", "net", "--port", "0", "--json", expect=3)
        self.assertIn("verifier-2 did not start (exit status 2)", err)
        self.assertIn("its log is net/logs/verifier-2.log", err)

    def at_terminal(self, how, columns=80, rows=30):
        """What a terminal got, and how the program ended that was stopped so."""
        child, terminal = pty.fork()
        if child == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execv(ASSAY, [ASSAY, "devnet", "-o", "net", "--port", "0", "--solvers", "1", "--verifiers", "1"])
        before, shown, sent = termios.tcgetattr(terminal), b"", False
        end = time.monotonic() + PATIENCE
        while True:
            self.assertLess(time.monotonic(), end, shown)
            if select.select([terminal], [], [], 1)[0]:
                try:
                    more = os.read(terminal, 65536)
                except OSError:
                    break
                if not more:
                    break
                shown += more
            if b"height" in shown and not sent:
                self.assertEqual(termios.tcgetattr(terminal), before)
                os.write(terminal, b"\x03") if how == "ctrl-c" else os.kill(child, how)
                sent = True
        os.close(terminal)
        return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def test_terminal(self):
        for how, status in (("ctrl-c", 0), (signal.SIGHUP, 0), (signal.SIGKILL, -9)):
            with self.subTest(how=how):
                shown, ended = self.at_terminal(how, columns=60, rows=16)
                self.assertEqual(ended, status, shown)
                self.assertEqual("; stopped" in shown, status == 0)
                # nothing but moving up, clearing, and lines that fit
                rest = shown.replace("\x1b[K", "").replace("\x1b[J", "")
                pieces = rest.split("\x1b[")
                self.assertGreater(len(pieces), 1)
                for piece in pieces[1:]:
                    self.assertRegex(piece, r"^\d+A")
                    self.assertLess(int(piece.split("A")[0]), 16)
                for line in rest.replace("\r", "\n").split("\n"):
                    self.assertLess(len(line.split("A", 1)[1] if line.startswith("\x1b[") else line), 60 + 20 * line.count("stopped; the same"), line)

    def test_plain_lines(self):
        p = subprocess.Popen([ASSAY, "devnet", "-o", "net", "--port", "0", "--solvers", "1", "--verifiers", "1"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(p.kill)
        ready = p.stdout.readline()
        self.assertRegex(ready, r"^ready: 5 processes, node http://127\.0\.0\.1:\d+, faucet http")
        # half of a second passes between a death and a new start
        os.kill(child_of(p.pid, b"/solver-1\0"), signal.SIGKILL)
        self.assertIn("solver-1 died (killed by signal 9), and starts again in 0.5 s", p.stdout.readline())
        self.assertEqual(p.stdout.readline(), "solver-1 is up again\n")
        p.send_signal(signal.SIGTERM)
        self.assertEqual(p.wait(PATIENCE), 0)
        self.assertEqual(p.stdout.read(), "stopped; the same command goes on where it was\n")
        p.stdout.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
