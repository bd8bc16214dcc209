#!/usr/bin/env python3
"""The words a person says to a chain: keys, money and questions, against a node that the test starts.

usage: network_test.py ASSAY POSTING
"""
import base64
import hashlib
import http.server
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.request

POSTING = os.path.abspath(sys.argv.pop(2))
import world  # noqa: E402

sys.path[:0] = [os.path.join(world.SOURCE, "tests", "crypto"), os.path.join(world.SOURCE, "tests", "ledger")]
import edwards  # noqa: E402
import transaction  # noqa: E402


def sha256(data):
    return hashlib.sha256(data).digest()


class Owner:
    """The account of the node's own seed (ENGINE 7.8), signing here."""

    def __init__(self, chain):
        with open(os.path.join(chain, "node.key")) as f:
            seed = bytes.fromhex(f.read().strip())
        with open(os.path.join(chain, "genesis"), "rb") as f:
            self.genesis = sha256(f.read())
        self.seed = sha256(b"assay/key/1\0" + seed + b"\x07account" + bytes(4))
        self.id, self.nonce = sha256(b"\x10" + edwards.public(self.seed)), 0

    def sign(self, name, body, gas):
        draft = transaction.unsigned(name, body, self.id, nonce=self.nonce, until_tick=4000, gas=gas, price=1)
        self.nonce += 1
        return transaction.signed(draft, edwards.sign(self.seed, transaction.sign_bytes(draft, self.genesis)))


class Network(world.World):
    """A chain whose genesis gives 1000.5 ASY to the key in `rich`; `poor` has a key and nothing."""

    def start(self, *accounts, parameters="test"):
        self.node = subprocess.Popen([world.ASSAY, "node", "chain", "--new", "--parameters", parameters, "--port", "0", "--json",
                                      *(word for a in accounts for word in ("--account", a))], stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.stop)
        self.url = f"http://127.0.0.1:{json.loads(self.node.stdout.readline())['port']}"

    def stop(self):
        if self.node.poll() is None:
            self.node.send_signal(signal.SIGTERM)
        self.node.wait(timeout=30)
        self.node.stdout.close()

    def init(self, folder, *more):
        return json.loads(self.assay("init", folder, *(more or ("--machine",)), "--json")[0])

    def ask(self, *words, expect=0):
        out, err = self.assay(*words, "--node", self.url, "--json", expect=expect)
        return json.loads(out.splitlines()[-1]) if out.strip() else err

    def balance(self, key):
        return int(self.ask("wallet", "balance", "--key", key)["balance"])

    def rich_and_poor(self):
        self.rich, self.poor = self.init("rich"), self.init("poor")
        self.start(self.rich["public_key"] + "=1000.5")

    def test_init(self):
        self.write("pw", "correct horse\nmore\n")
        os.chmod("pw", 0o600)
        mine = self.init("mine", "--password-file", "pw")
        self.assertRegex(mine["address"], r"^asy1[02-9ac-hj-np-z]{58}$")
        self.assertEqual(len(mine["phrase"]), 4)
        self.assertEqual(stat.S_IMODE(os.stat("mine/key").st_mode), 0o600)
        self.assertEqual(os.path.getsize("mine/key"), 136)
        before = self.read("mine/key")
        self.assertIn("there is a key already", self.assay("init", "mine", "--machine", expect=2)[1])
        self.assertEqual(self.read("mine/key"), before)
        # back from the phrase, as people type it, under another password
        typed = "\n".join(mine["phrase"]).upper().replace(" ", "-").encode() + b"\n"
        out, _ = self.assay("init", "again", "--phrase", "--machine", "--json", input=typed)
        self.assertEqual(json.loads(out)["public_key"], mine["public_key"])
        self.assertNotIn("phrase", json.loads(out))
        # a wrong character is found in its line
        lines = list(mine["phrase"])
        lines[2] = ("2" if lines[2][0] != "2" else "3") + lines[2][1:]
        _, err = self.assay("init", "wrong", "--phrase", "--machine", input="\n".join(lines).encode() + b"\n", expect=2)
        self.assertIn("line 3", err)
        self.assertFalse(os.path.exists("wrong/key"))
        self.assertNotIn(lines[2], err)
        # passwords
        self.write("short", "1234567\n")
        os.chmod("short", 0o600)
        self.assertIn("at least 8", self.assay("init", "x", "--password-file", "short", expect=2)[1])
        os.chmod("pw", 0o644)
        self.assertIn("pw", self.assay("init", "x", "--password-file", "pw", expect=2)[1])
        self.assertIn("leave the other one out", self.assay("init", "x", "--machine", "--password-file", "pw", expect=2)[1])
        _, err = self.assay("init", "x", expect=2, stdin=subprocess.DEVNULL, start_new_session=True)
        self.assertIn("--password-file FILE", err)
        self.assertFalse(os.path.exists("x/key"))

    def test_init_at_a_terminal(self):
        shown, status = world.at_terminal(["init", "mine"], [("New password", b"correct horse\n"), ("The same again", b"correct horse\n")])
        self.assertEqual(status, 0, shown)
        self.assertNotIn("correct", shown)
        key, phrase = re.search(r"public key  (\w{64})", shown)[1], re.findall(r"  \d  ((?:\w{4} ?){4})\r", shown)
        self.assertEqual(len(phrase), 4)
        wrong = ("2" if phrase[1][0] != "2" else "3") + phrase[1][1:]
        shown, status = world.at_terminal(["init", "again", "--phrase", "--machine"], [
            (f"Line {n} of", line.encode() + b"\n") for n, line in ((1, phrase[0]), (2, wrong), (2, phrase[1]), (3, phrase[2]), (4, phrase[3]))])
        self.assertEqual(status, 0, shown)
        self.assertIn("line 2: a mistake", shown)
        self.assertIn(key, shown)
        shown, status = world.at_terminal(["init", "none"], [("New password", b"\x03")])
        self.assertEqual((status, os.path.exists("none/key")), (130, False), shown)

    def test_send_and_stake(self):
        self.rich_and_poor()
        self.assertEqual(self.balance("rich"), 1000500000000)
        sent = self.ask("wallet", "send", self.poor["address"], "1.000000001", "--key", "rich")
        self.assertEqual((sent["code"], sent["amount"]), (0, "1000000001"))
        self.assertEqual(self.balance("poor"), 1000000001)
        fee = 1000500000000 - 1000000001 - self.balance("rich")
        self.assertTrue(0 < fee < 1000000, fee)
        self.assertEqual(self.ask("wallet", "stake", "solver", "200", "--key", "rich")["code"], 0)
        self.assertEqual(self.ask("wallet", "balance", self.rich["address"])["stakes"]["solver"], {"stake": "200000000000", "locked": "0"})
        out, _ = self.assay("wallet", "balance", "--key", "rich", "--node", self.url)
        self.assertIn("200 ASY as solver, 0 ASY of it locked", out)
        # nothing is sent that cannot be
        left = self.balance("rich")
        for words, code, says in ((("send", self.poor["address"], "5000", "--key", "rich"), 1, "5000 ASY to asy1"),
                                  (("send", self.rich["address"], "1.000000001", "--key", "poor"), 1, "needs that and up to"),
                                  (("send", self.poor["address"], "1e3", "--key", "rich"), 2, "is no amount"),
                                  (("send", self.poor["address"], "0.0000000001", "--key", "rich"), 2, "at most nine"),
                                  (("send", self.poor["address"], "0", "--key", "rich"), 2, "moves nothing"),
                                  (("send", self.poor["address"][:-1] + "!", "1", "--key", "rich"), 2, "asy1"),
                                  (("send", self.poor["address"], "1"), 2, "--key FILE"),
                                  (("send", self.poor["address"], "1", "--key", "nowhere"), 2, "nowhere"),
                                  (("stake", "solvr", "1", "--key", "rich"), 2, "there is no role 'solvr'; did you mean 'solver'"),
                                  (("spend",), 2, "did you mean 'send'")):
            with self.subTest(words=words):
                self.assertIn(says, self.ask("wallet", *words, expect=code))
        self.assertEqual(self.balance("rich"), left)
        # an account that was only paid so far names its key first, and once
        self.assertIn("none yet", self.assay("wallet", "balance", "--key", "poor", "--node", self.url)[0])
        for keys in (0, 1):
            self.assertEqual(self.ask("wallet", "balance", "--key", "poor")["keys"], keys)
            self.assertEqual(self.ask("wallet", "send", self.rich["address"], "0.25", "--key", "poor")["code"], 0)
        self.assertEqual(self.balance("rich"), left + 500000000)
        self.write("pw", "another one\n")
        os.chmod("pw", 0o600)
        self.assertIn("wrong password", self.ask("wallet", "send", self.poor["address"], "1", "--key", "rich", "--password-file", "pw", expect=2))
        # nobody answers
        self.stop()
        self.assertIn("assay node DIR", self.ask("wallet", "balance", "--key", "rich", expect=3))

    def test_a_chain_with_nothing_to_do(self):
        self.rich_and_poor()
        status = self.ask("status")
        self.assertEqual((status["chain"], status["node"], status["waits"], status["tick_ms"]), ("assay-solo", self.url, [], 25))
        self.ask("wallet", "send", self.poor["address"], "1", "--key", "rich")
        self.assertGreater(self.ask("status")["height"], status["height"])
        self.assertIn("no task runs", self.assay("status", "--node", self.url)[0])
        self.assertEqual(self.ask("jobs"), {"chain": "assay-solo", "jobs": []})
        self.assertIn("no jobs", self.assay("jobs", "--node", self.url)[0])
        for id in ("ab" * 32, "ab" * 34, "ab" * 32 + "/7"):
            for command in ("task", "why"):
                with self.subTest(command=command, id=id):
                    err = self.ask(command, id, expect=1)
                    self.assertIn("there is no " + ("job" if len(id) == 64 else "task"), err)
                    self.assertIn("assay-solo", err)
                    self.assertIn(id, err)
        for command in ("task", "why"):
            for id in ("abc", "xy" * 32, "AB" * 32, "ab" * 32 + "/", "ab" * 32 + "/65536", "ab" * 33, ""):
                with self.subTest(command=command, id=id):
                    self.assertIn("68, or JOB/N", self.ask(command, id, expect=2))
        # an account: what it has, why it gets no work, and that nobody knows it
        told = self.ask("why", self.poor["address"])
        self.assertEqual((told["account"], told["balance"], told["offers"], told["events"]), (self.poor["address"], "1000000000", None, []))
        self.assertIn("offers no work", told["reasons"][0])
        self.assertIn("nobody has sent anything to", self.ask("why", self.init("none")["address"], expect=1))
        self.assertIn("asy1 and 58", self.ask("why", "asy1abc", expect=2))
        # the first digits of a job are enough, where there is one
        for command in ("task", "why"):
            self.assertIn("no job that begins with abcde", self.ask(command, "abcde", expect=1))
        self.stop()
        for words in (("status",), ("jobs",), ("task", "ab" * 32), ("why", "ab" * 32)):
            with self.subTest(words=words):
                self.assertIn("assay node DIR", self.ask(*words, expect=3))

    def rpc(self, method, **params):
        question = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url, question, {"Content-Type": "application/json"})) as answer:
            return json.load(answer)["result"]

    def send(self, data):
        done = self.rpc("broadcast_tx_commit", tx=base64.b64encode(data).decode())["tx_result"]
        self.assertEqual(done["code"], 0, done["log"])

    def idle(self):
        """Until no task runs."""
        until = time.time() + 60
        while self.ask("status")["waits"]:
            self.assertLess(time.time(), until)

    def test_a_job_that_nobody_takes(self):
        """The whole life of a task without solvers: four attempts, and the money back."""
        self.start(parameters="devnet") # whose windows are long enough to be seen
        owner = Owner("chain")
        tape, post = (bytes.fromhex(line) for line in subprocess.check_output([POSTING], text=True).split())
        self.send(owner.sign("TAPE", tape, 3000000))
        self.send(owner.sign("JOB_POST", post, 3000000))
        jobs = self.ask("jobs")["jobs"]
        self.assertEqual(len(jobs), 1)
        job = jobs[0]["job"]
        self.assertEqual((jobs[0]["state"], jobs[0]["tasks"], jobs[0]["level"], jobs[0]["verifiers"], jobs[0]["deadline_tick"]), ("live", 1, 0, 3, 4000))
        seen, until = {}, time.time() + 60
        while True:
            status = self.ask("status")
            if not status["waits"]:
                break
            wait = status["waits"][0]
            self.assertEqual(wait["task"], job + "0000")
            seen[wait["state"]] = wait
            self.assertLess(time.time(), until)
            task = self.ask("task", job)
            self.assertEqual((task["job"], task["solver"], task["submitter"]), (job, None, jobs[0]["submitter"]))
        self.assertLessEqual(set(seen), {"wait", "open"})
        self.assertIn("open", seen)
        self.assertEqual(seen["open"]["waits"]["for"], "solvers to offer themselves")
        self.assertIsInstance(seen["open"]["waits"]["until_tick"], int)
        self.assertIsNone(seen["open"]["waits"]["until_height"])
        self.assertEqual(self.ask("jobs")["jobs"][0]["state"], "failed")
        # the story: why each attempt ended, and where the escrow went
        told = self.ask("why", job)
        self.assertEqual(told["waits"], [])
        posted = told["events"][0]
        self.assertEqual((posted["kind"], posted["height"], posted["account"], posted["seat"]), ("posted", jobs[0]["posted_height"], jobs[0]["submitter"], None))
        me = jobs[0]["submitter"]
        self.assertEqual([(p["from"], p["to"]) for p in posted["payments"]], [(me, "the job's escrow"), (me, "the burned money"), (me, "the validators' pool")])
        self.assertEqual([(e["kind"], e["attempt"], e["reason"]) for e in told["events"][1:]],
                         [("attempt", n, "no solver offered itself in time") for n in (1, 2, 3, 4)] + [("cancelled", 4, "four attempts were made")])
        back = told["events"][-1]["payments"]
        self.assertEqual([(p["from"], p["to"]) for p in back], [("the job's escrow", jobs[0]["submitter"])] * len(back))
        self.assertTrue(back)
        self.assertEqual(self.ask("why", job + "0000")["events"], told["events"])
        self.assertEqual(self.ask("why", job + "/0")["events"], told["events"])
        out, err = self.assay("why", job + "/1", "--node", self.url, expect=1)
        self.assertIn("there is no task", err)
        self.assertEqual(out, "")
        text, _ = self.assay("why", job, "--node", self.url)
        me = me[:12] + ".."
        self.assertIn(f"\n  {me} posted the job: ", text)
        self.assertIn("attempt 3 is over: no solver offered itself in time\n", text)
        self.assertIn("the task is cancelled in attempt 4: four attempts were made\n", text)
        self.assertRegex(text, r"    [0-9.]+ ASY from the job's escrow to " + re.escape(me) + ", for what a cancelled task did not use\n")
        self.assertRegex(text, r"\nwho\n  " + re.escape(me) + "  " + jobs[0]["submitter"] + r", submitter\n +got [0-9.]+ ASY, gave [0-9.]+ ASY\n$")
        # the same events from the submitter's side, with its own payments
        mine = self.ask("why", jobs[0]["submitter"])["events"]
        self.assertEqual([e["kind"] for e in mine], ["posted", "cancelled"])
        self.assertEqual(mine, [told["events"][0], told["events"][-1]])
        # the first digits are enough, until another job begins so
        self.assertEqual(self.ask("why", job[:4])["events"], told["events"])
        self.assertEqual(self.ask("why", job[:7] + "/0"), self.ask("why", job + "0000"))
        self.assertEqual(self.ask("task", job[:9])["task"], job + "0000")
        self.send(owner.sign("JOB_POST", post, 3000000))
        both = self.ask("jobs")["jobs"]
        self.assertEqual([j["job"] == job for j in both], [False, True])  # the newest first
        listed = self.assay("jobs", "--node", self.url)[0].split("\n")
        self.assertEqual([line.split()[:2] for line in listed[:2]], [[j["job"][:12], j["state"]] for j in both])
        text, _ = self.assay("task", job, "--node", self.url)
        self.assertIn("state       cancelled, attempt 4\nwaits for   nothing\n", text)
        # every grain that was put aside came back, but for the posting fee and gas
        self.idle()
        owned = int(self.ask("wallet", "balance", jobs[0]["submitter"])["balance"])
        self.assertLess(10 ** 18 - owned, 10 ** 9)

    def test_what_answers_is_no_node(self):
        class Other(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b'{"hello": 1}')

            def log_message(self, *words):
                pass

        self.init("key")
        with http.server.HTTPServer(("127.0.0.1", 0), Other) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.url = f"http://127.0.0.1:{server.server_port}"
            self.assertIn(self.url, self.ask("wallet", "balance", "--key", "key", expect=2))
            server.shutdown()
        for url, says in (("ftp://x", "http://HOST:PORT"), ("localhost", "http://HOST:PORT")):
            self.url = url
            self.assertIn(says, self.ask("wallet", "balance", "--key", "key", expect=2))

    def test_every_command_says_the_same(self):
        """A wrong address, nobody, and something else: the same status and the same words from whatever asks a node."""
        class Other(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.send_response(404)
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *words):
                pass

        to = self.init("key")["address"]
        id = "ab" * 32
        self.write("job.yaml", "assay: 1\n")
        _, err = self.assay("submit", "jib.yaml", "-o", "out", "--node", "http://127.0.0.1:1", expect=2)  # before any node is asked
        self.assertIn("jib.yaml: No such file", err)
        self.assertFalse(os.path.exists("out"))
        words = {"wallet": [["balance", "--key", "key"], ["ask", "--key", "key"], ["send", to, "1", "--key", "key"], ["stake", "solver", "1", "--key", "key"]],
                 "status": [[]], "jobs": [[]], "task": [[id], ["abcd"]], "why": [[id], ["abcd"]], "certificate": [["fetch", id, "-o", "c"], ["fetch", "5", "-o", "c"]],
                 "solve": [["key"]], "audit": [["key"]], "store": [["key", "--port", "0"]], "faucet": [["key", "--port", "0"]],
                 "quote": [["job.yaml"]], "submit": [["job.yaml", "-o", "out", "--yes"]]}
        out, _ = self.assay("--help")
        asking = {name for name in re.findall(r"^  (\w+) +\S", out, re.M) if name != "assay" and re.search(r"^ +--node URL", self.assay(name, "--help")[0], re.M)}
        self.assertEqual(asking, set(words))
        with http.server.HTTPServer(("127.0.0.1", 0), Other) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            nobody = socket.socket()  # bound, and not listening: nobody else gets the port meanwhile
            nobody.bind(("127.0.0.1", 0))
            cases = (("ftp://x", 2, "--node: ftp://x is no address of a node: it should read http://HOST:PORT"),
                     (f"http://127.0.0.1:{nobody.getsockname()[1]}", 3, "; start one with: assay node DIR, or name another with --node URL"),
                     (f"http://127.0.0.1:{server.server_port}", 2, "is it a node of an assay chain? --node takes the URL of a node's RPC"))
            for name in sorted(words):
                for more in words[name]:
                    for url, status, says in cases:
                        with self.subTest(command=name, words=more, url=url):
                            out, err = self.assay(name, *more, "--node", url, expect=status)
                            self.assertEqual(out, "")
                            self.assertIn(f"assay {name}: ", err)
                            self.assertIn(says, err)
                            self.assertIn(url, err)
                            self.assertEqual(err.count("\n"), 1, err)
            server.shutdown()
            nobody.close()

    def test_accounts_of_a_new_chain(self):
        key = self.init("key")["public_key"]
        for text, says in (("x=1", "64 digits"), (key, "64 digits"), (key + "=", "is no amount"), (key.upper() + "=1", "digits"),
                           (key + "=1000000001", "more than there is")):
            with self.subTest(text=text):
                self.assertIn(says, self.assay("node", "chain", "--new", "--account", text, expect=2)[1])
        self.assertIn("already", self.assay("node", "chain", "--new", "--account", key + "=1", "--account", key + "=2", expect=2)[1])
        self.assertFalse(os.path.exists("chain"))
        self.assertIn("add --new", self.assay("node", "chain", "--account", key + "=1", expect=2)[1])


if __name__ == "__main__":
    world.main()
