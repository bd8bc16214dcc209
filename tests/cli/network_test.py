#!/usr/bin/env python3
"""The words a person says to a chain: keys, money and questions, against a node that the test starts."""
import http.server
import json
import os
import signal
import stat
import subprocess
import threading

import world


class Network(world.World):
    """A chain whose genesis gives 1000.5 ASY to the key in `rich`; `poor` has a key and nothing."""

    def start(self, *accounts):
        self.node = subprocess.Popen([world.ASSAY, "node", "chain", "--new", "--parameters", "test", "--port", "0", "--json",
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
                                  (("send", self.rich["address"], "1", "--key", "poor"), 1, "cannot send"),
                                  (("send", self.poor["address"], "1e3", "--key", "rich"), 2, "is no amount"),
                                  (("send", self.poor["address"], "0.0000000001", "--key", "rich"), 2, "at most nine"),
                                  (("send", self.poor["address"], "0", "--key", "rich"), 2, "moves nothing"),
                                  (("send", self.poor["address"][:-1] + "!", "1", "--key", "rich"), 2, "asy1"),
                                  (("send", self.poor["address"], "1"), 2, "--key FILE"),
                                  (("send", self.poor["address"], "1", "--key", "nowhere"), 2, "nowhere"),
                                  (("stake", "solvr", "1", "--key", "rich"), 2, "is no role"),
                                  (("spend",), 2, "none of balance, send and stake")):
            with self.subTest(words=words):
                self.assertIn(says, self.ask("wallet", *words, expect=code))
        self.assertEqual(self.balance("rich"), left)
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
            for id in ("ab", "xy" * 32, "AB" * 32, "ab" * 32 + "/", "ab" * 32 + "/65536", "ab" * 33, ""):
                with self.subTest(command=command, id=id):
                    self.assertIn("68, or JOB/N", self.ask(command, id, expect=2))
        self.stop()
        for words in (("status",), ("jobs",), ("task", "ab" * 32), ("why", "ab" * 32)):
            with self.subTest(words=words):
                self.assertIn("assay node DIR", self.ask(*words, expect=3))

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
