#!/usr/bin/env python3
"""The roles as people run them: processes with a folder each, over a node's RPC and a storer's HTTP.

usage: roles_test.py ASSAY POSTING [Work | Money | Words]
"""
import base64
import contextlib
import http.client
import http.server
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ASSAY, POSTING = (os.path.abspath(path) for path in sys.argv[1:3])
del sys.argv[1:3]
from node import Node, sha256  # noqa: E402
from role import PATIENCE, Identity, Posting, Process  # noqa: E402

STAKE = 1000


class World(unittest.TestCase):
    """Each test gets a folder, and is inside it."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="assay-roles-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        self.identities, self.processes = {}, {}

    def begin(self, *names, parameters="devnet", money=5000, more=()):
        """A chain on which each of these has money."""
        for name in names:
            self.identities[name] = Identity(ASSAY, name)
        self.node = Node(ASSAY, "chain", parameters=parameters, accounts=[f"{self.identities[name].key.hex()}={money}" for name in names], more=more)
        self.addCleanup(self.node.process.kill)
        self.url = f"http://127.0.0.1:{self.node.port}"
        self.addCleanup(lambda: self.node.connection and self.node.connection.close())
        self.owner = self.node.owner()

    def start(self, name, *more):
        """solver-1, verifier-2, storer: the role that the name says."""
        kind = name.split("-")[0]
        command = {"solver": "solve", "verifier": "audit", "storer": "store", "faucet": "faucet"}[kind]
        words = [ASSAY, command, name, "--node", self.url, "--json"]
        words += ["--port", "0"] if kind in ("storer", "faucet") else ["--threads", "1", "--memory", "512", "--stake", str(STAKE)]
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

    def blameless(self, job):
        """Nobody was late with anything that costs; an offer may be, on a slow machine."""
        for event in self.ask("why", job)["events"]:
            self.assertIn(event["kind"], ("posted", "locked", "opened", "settled", "attempt"), event)
            if event["kind"] == "attempt":
                self.assertEqual(event["reason"], "no solver offered itself in time")

    def outcome(self, job, seconds=PATIENCE):
        until = time.monotonic() + seconds
        while True:
            task = self.ask("task", job)
            if task["state"] in ("settled", "cancelled"):
                return task
            self.assertLess(time.monotonic(), until, task)
            time.sleep(0.2)


class Work(World):
    """A small job, from its posting to the money."""

    def test_a_job_settles(self):
        people = ["solver-1", "verifier-1", "verifier-2", "verifier-3", "verifier-4"]
        self.begin("storer", *people)
        for name in ("storer", *people):
            self.start(name)
        self.enlisted("storer", *people)
        job = self.post()
        task = self.outcome(job)
        self.assertEqual((task["state"], task["steps_run"]), ("settled", 20), self.told())
        self.blameless(job)
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

    def test_killed(self):
        """Whoever it is, killed with no warning and started again goes on: nothing is sent twice, no seal is lost."""
        people = ["solver-1", "verifier-1", "verifier-2", "verifier-3"]
        everybody = ["storer", *people]
        self.begin(*everybody)
        for name in everybody:
            self.start(name)
        self.enlisted(*everybody)
        job, draw, port = self.post(), random.Random(7), self.processes["storer"].up["port"]
        deaths, until, seen = 0, time.monotonic() + PATIENCE, []
        while True:
            task = self.ask("task", job)
            if task["state"] in ("settled", "cancelled"):
                break
            self.assertLess(time.monotonic(), until, task)
            name = draw.choice(everybody)
            old = self.processes[name]
            old.kill()
            seen += [(name, line) for line in old.lines]
            self.start(name, *(("--port", str(port)) if name == "storer" else ()))
            deaths += 1
        self.assertEqual(task["state"], "settled", self.told())
        self.blameless(job)
        self.assertGreater(deaths, 5)
        self.assertEqual({seat["state"] for seat in task["seats"]}, {"shown"})
        seen += [(name, line) for name in everybody for line in self.processes[name].lines]
        # each act of each person once, and none that failed but a vote that came late
        acts = [(name, line["text"]) for name, line in seen if line.get("kind") == "sent" and line["task"]]
        self.assertEqual(len(acts), len(set(acts)), acts)
        self.assertFalse([x for x in seen if x[1].get("kind") in ("failed", "refused", "conflict") and not x[1]["text"].startswith("vote/")], seen)
        for name in everybody:
            self.assertEqual(self.processes[name].stop(), 0)

    def test_a_storer_that_lies(self):
        """One wrong byte in what a storer gives: seen at that leaf, the storer is left, and the next one asked."""
        job = Posting(POSTING)
        data, asked = bytearray(job.data.data), []
        data[-1000] ^= 1

        class Liar(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                known = {f"/blobs/{job.data.root.hex()}/leaves": b"".join(job.data.hashes), f"/blobs/{job.data.root.hex()}": bytes(data)}
                body = known.get(self.path)
                first = self.headers.get("Range", "bytes=0-")
                self.send_response(404 if not body else 206 if "Range" in self.headers else 200)
                body = body and body[int(first[6:].split("-")[0]):]
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def do_PUT(self): # takes nothing
                self.send_response(507)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass
        liar = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
        threading.Thread(target=liar.serve_forever, daemon=True).start()
        self.addCleanup(liar.server_close)
        self.addCleanup(liar.shutdown)
        people = ["solver-1", "verifier-1", "verifier-2", "verifier-3"]
        self.begin("storer", "storer-2", *people)
        # storers are asked in the order of their accounts: the liar is to be the first
        first, second = sorted(("storer", "storer-2"), key=lambda name: self.identities[name].id)
        if second != "storer":
            self.identities["storer"], self.identities["storer-2"] = self.identities["storer-2"], self.identities["storer"]
            os.rename("storer", "swap"), os.rename("storer-2", "storer"), os.rename("swap", "storer-2")
        self.start("storer-2", "--endpoint", f"http://127.0.0.1:{liar.server_port}")
        for name in ("storer", *people):
            self.start(name)
        self.enlisted("storer", "storer-2", *people)
        task = self.outcome(self.post())
        self.assertEqual(task["state"], "settled", self.told())
        # each of them asked the liar for the data once, and had it from the other
        self.assertEqual(asked.count(f"/blobs/{job.data.root.hex()}"), 1 + len({seat["account"] for seat in task["seats"]}), asked)


class Money(World):
    """Money for whoever asks."""

    def wish(self, port, body, method="POST", path="/", **headers):
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        with contextlib.closing(c):
            c.request(method, path, body, headers)
            answer = c.getresponse()
            return answer.status, json.loads(answer.read())

    def test_faucet(self):
        self.begin("faucet", parameters="test", money=251)
        port = self.start("faucet", "--amount", "100").up["port"]
        poor = [Identity(ASSAY, f"poor-{n}") for n in range(3)]
        status, gift = self.wish(port, json.dumps({"account": poor[0].address}))
        self.assertEqual((status, gift["account"], gift["amount"]), (200, poor[0].address, str(100 * 10 ** 9)))
        self.assertEqual(self.ask("wallet", "balance", poor[0].address)["balance"], gift["amount"])
        self.assertEqual(self.node.ask("tx", hash=base64.b64encode(bytes.fromhex(gift["transaction"])).decode())["height"], gift["height"])
        # never twice: not while it is there, and not when it is spent
        self.assertEqual(self.wish(port, json.dumps({"account": poor[0].address})), (403, {"error": "this account has as much as is given here"}))
        self.assertEqual(self.wish(port, json.dumps({"account": self.identities["faucet"].address}))[0], 403)
        # what is no request
        good = json.dumps({"account": poor[1].address})
        for status, body, method, path, headers in ((404, good, "POST", "/faucet", {}), (405, None, "GET", "/", {}), (400, "", "POST", "/", {}), (400, "{}", "POST", "/", {}),
                                                    (400, good[:-1], "POST", "/", {}), (400, good + "x", "POST", "/", {}), (400, json.dumps({"account": poor[1].address, "amount": 1}), "POST", "/", {}),
                                                    (400, json.dumps({"account": "asy1" + "q" * 58}), "POST", "/", {}), (400, json.dumps({"account": 7}), "POST", "/", {}),
                                                    (400, good + " " * 1024, "POST", "/", {}), (400, "[" * 1000, "POST", "/", {}), (411, None, "POST", "/", {"Transfer-Encoding": "chunked"})):
            with self.subTest(body=body, method=method, path=path):
                answer = self.wish(port, body, method, path, **headers)
                self.assertEqual(answer[0], status)
                self.assertEqual(list(answer[1]), ["error"])
        # two at once for one account: one gift; the third finds it empty
        answers = []
        both = [threading.Thread(target=lambda: answers.append(self.wish(port, good))) for _ in range(2)]
        for t in both:
            t.start()
        for t in both:
            t.join()
        self.assertEqual([a[0] for a in answers].count(200), 1, answers)
        self.assertEqual(self.ask("wallet", "balance", poor[1].address)["balance"], str(100 * 10 ** 9))
        self.assertEqual(self.wish(port, json.dumps({"account": poor[2].address})), (503, {"error": "the faucet is empty"}))
        # killed and back, it knows whom it gave something, also when that is spent
        self.processes["faucet"].kill()
        left = int(self.ask("wallet", "balance", "--key", "faucet")["balance"])
        port = self.start("faucet", "--amount", "101").up["port"]
        self.assertEqual(self.wish(port, good)[1], {"error": "this account was given something less than an hour ago"})
        self.assertEqual(int(self.ask("wallet", "balance", "--key", "faucet")["balance"]), left)
        # many connections that say nothing do not keep it from answering for long
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self.assertEqual(self.wish(port, good)[0], 429)
                break
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                self.assertLess(time.monotonic(), until)
                time.sleep(0.1)
        for s in held:
            s.close()
        self.assertEqual(self.processes["faucet"].stop(), 0)

    def test_faucet_killed_between_promise_and_money(self):
        """A promise in its journal that nothing was ever signed for: whoever asks again gets the money, once."""
        self.begin("faucet", parameters="test", money=500)
        self.start("faucet").stop()
        poor = Identity(ASSAY, "poor")
        record = b"\1" + bytes([70]) + b"given/" + poor.id.hex().encode() + struct.pack("<QB", int(time.time()) - 1, 0)
        with open("faucet/agent/journal", "ab") as f:
            f.write(struct.pack("<I", len(record)) + sha256(record)[:8] + record)
        port = self.start("faucet").up["port"]
        wish = json.dumps({"account": poor.address})
        self.assertEqual(self.wish(port, wish)[0], 200)
        self.assertEqual(self.ask("wallet", "balance", poor.address)["balance"], str(100 * 10 ** 9))
        # and one that was given, and is spent
        self.ask("wallet", "send", self.identities["faucet"].address, "50", "--key", "poor")
        self.processes["faucet"].kill()
        port = self.start("faucet").up["port"]
        self.assertEqual(self.wish(port, wish)[0], 429)
        self.assertEqual(self.processes["faucet"].stop(), 0)

    def test_wallet_asks(self):
        self.begin("faucet", parameters="test")
        poor = Identity(ASSAY, "poor")
        self.assertIn("names no faucet", self.ask("wallet", "ask", "--key", "poor", expect=1))
        faucet = f"http://127.0.0.1:{self.start('faucet').up['port']}"
        port, held = self.node.port, self.node.connection
        self.node.stop()
        if held:
            held.close()
        self.node = Node(ASSAY, "chain", new=False, port=port, more=("--faucet", faucet))
        self.addCleanup(self.node.process.kill)
        answer = self.node.ask("abci_query", path="/faucet")["response"]
        self.assertEqual((answer["code"], base64.b64decode(answer["value"]).decode()), (0, faucet))
        self.assertEqual(self.node.ask("abci_query", path="/faucet", data="00")["response"]["code"], 2)
        gift = self.ask("wallet", "ask", "--key", "poor")
        self.assertEqual((gift["account"], gift["amount"]), (poor.address, str(100 * 10 ** 9)))
        self.assertEqual(self.ask("wallet", "balance", "--key", "poor")["balance"], gift["amount"])
        self.assertIn("says no: this account has as much", self.ask("wallet", "ask", poor.address, expect=1))
        self.assertEqual(self.processes["faucet"].stop(), 0)
        self.assertIn("no faucet answers", self.ask("wallet", "ask", poor.address, expect=3))
        self.assertIn("wallet ask --key FILE", self.ask("wallet", "ask", expect=2))


class Words(World):
    """What is said, and to whom it is refused."""

    def test_ready_lines(self):
        self.begin("storer", "solver-1", "verifier-1", parameters="test")
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
        self.begin("solver-1", "verifier-1", parameters="test")
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

    def refused(self, says, *words, status=2):
        done = subprocess.run([ASSAY, *words], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, status, f"{words}: {done.stdout}{done.stderr}")
        self.assertIn(says, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_what_cannot_start(self):
        self.begin("solver-1", "storer", "faucet", parameters="test")
        node = ("--node", self.url)
        self.start("solver-1")
        for command in ("solve", "audit"):
            self.refused("a folder of their own: assay init ANOTHER", command, "solver-1", *node)
        self.assertEqual(self.processes["solver-1"].stop(), 0)
        self.refused("here a solver has worked, not a verifier", "audit", "solver-1", *node)
        self.refused("assay init nowhere --machine", "solve", "nowhere", *node)
        os.mkdir("empty")
        self.refused("assay init empty --machine", "store", "empty", *node)
        with open("wrong", "w") as f:
            f.write("not the password\n")
        os.chmod("wrong", 0o600)
        self.refused("wrong password", "solve", "solver-1", *node, "--password-file", "wrong")
        with open("solver-1/key", "r+b") as f: # damaged: one bit
            f.seek(100)
            b = f.read(1)[0]
            f.seek(100)
            f.write(bytes([b ^ 1]))
        self.refused("solver-1/key", "solve", "solver-1", *node)
        with open("solver-1/key", "r+b") as f:
            f.seek(100)
            f.write(bytes([b]))
        for url, says, status in (("ftp://127.0.0.1:1", "http://HOST:PORT", 2), ("http://127.0.0.1:1", "no node answers", 3), ("", "http://HOST:PORT", 2)):
            self.refused(says, "audit", "solver-1", "--node", url, status=status)
        for option, value in (("--class", "8"), ("--memory", "0"), ("--threads", "x"), ("--stake", "1.0000000001"), ("--disk", "-1"), ("--ask", "")):
            self.refused(option, "solve", "solver-1", *node, option, value)
        # ports and addresses
        taken = self.start("storer").up["port"]
        for command, folder in (("store", "faucet"), ("faucet", "faucet")):
            self.refused(f"port {taken}", command, folder, *node, "--port", str(taken), status=3)
        self.refused("no address to listen at", "faucet", "faucet", *node, "--listen", "localhost", "--port", "0", status=3)
        self.refused("say with --endpoint", "store", "faucet", *node, "--listen", "0.0.0.0", "--port", "0")
        self.refused("http://HOST:PORT", "store", "faucet", *node, "--endpoint", "storer.example", "--port", "0")
        self.refused("gives nothing", "faucet", "faucet", *node, "--amount", "0")

    def test_another_chain(self):
        self.begin("solver-1", "solver-2", parameters="test")
        self.start("solver-1")
        self.enlisted("solver-1")
        port = self.node.port
        self.node.stop()
        other = Node(ASSAY, "other", port=port)
        self.addCleanup(other.process.kill)
        self.addCleanup(lambda: other.connection and other.connection.close())
        # one that runs sees it by itself, and ends; one that starts is refused by its journal
        self.assertEqual(self.processes["solver-1"].process.wait(timeout=PATIENCE), 2)
        with open("solver-1.log") as log:
            self.assertIn("another chain answers now", log.read())
        self.refused("another account, key or chain", "solve", "solver-1", "--node", self.url)
        # money is said to be short once, with the way to it
        p = self.start("solver-2")
        self.assertIn("wallet ask", p.wait(lambda line: line["kind"] == "short")["text"])
        self.assertEqual(p.stop(), 0)

    def test_the_node_is_away(self):
        self.begin("solver-1", parameters="test")
        p = self.start("solver-1")
        self.enlisted("solver-1")
        port = self.node.port
        self.node.kill()
        p.wait(lambda line: line["kind"] == "lost")
        self.node = Node(ASSAY, "chain", new=False, port=port)
        self.addCleanup(self.node.process.kill)
        p.wait(lambda line: line["kind"] == "found")
        self.assertEqual([line.get("kind") for line in p.lines].count("lost"), 1)
        self.assertEqual(p.stop(signal.SIGINT), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
