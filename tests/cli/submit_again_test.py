#!/usr/bin/env python3
"""A submission that is killed, stopped, left by its node, or not alone: one job, and the same model.

usage: submit_again_test.py ASSAY
"""
import http.client
import http.server
import json
import signal
import subprocess
import threading

import world
from submitting import ASSAY, Node, Process, Submitting


class Again(Submitting):
    def test_killed_and_the_same_again(self):
        """kill -9 at many points of its life: one job, and the same model."""
        self.network()
        waits, ended = [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5], False
        for wait in waits:
            p = subprocess.Popen([ASSAY, *self.words("--yes", "--json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                p.wait(wait)
            except subprocess.TimeoutExpired:
                p.kill()
            ended = p.wait() == 0
            if ended:
                break
        result, _ = self.submit()
        self.assertEqual(result["final_root"], self.train()["final_root"])
        self.same_model()
        self.assertEqual(len(self.jobs()), 1)

    def test_stopped_and_the_same_again(self):
        self.network(verifiers=3)
        p = Process([ASSAY, *self.words("--yes", "--json")])
        self.addCleanup(p.kill)
        p.wait(lambda line: line["kind"] == "posted")
        self.assertEqual(p.stop(signal.SIGINT), 130)
        result, _ = self.submit()
        self.assertEqual((result["outcome"], len(self.jobs())), ("done", 1))

    def test_two_at_once(self):
        """One key, two jobs side by side."""
        self.network(verifiers=3)
        self.job("other.yaml", ("seed: 7", "seed: 8"))
        both = [Process([ASSAY, *self.words("--yes", "--json", job=job, out=out)]) for job, out in (("job.yaml", "one"), ("other.yaml", "two"))]
        for p in both:
            self.addCleanup(p.kill)
        results = [p.wait(lambda line: "outcome" in line) for p in both]
        self.assertEqual([r["outcome"] for r in results], ["done", "done"])
        self.assertNotEqual(results[0]["final_root"], results[1]["final_root"])
        self.assertEqual(len(self.jobs()), 2)

    def test_the_node_is_away(self):
        self.network(verifiers=3)
        p = Process([ASSAY, *self.words("--yes", "--json")])
        self.addCleanup(p.kill)
        p.wait(lambda line: line["kind"] == "posted")
        port = self.node.port
        self.node.process.kill()
        self.node.process.wait()
        p.wait(lambda line: line["kind"] == "lost")
        self.node = Node(ASSAY, "chain", new=False, port=port)
        p.wait(lambda line: line["kind"] == "found")
        line = p.wait(lambda line: "outcome" in line)
        self.assertEqual(line["outcome"], "done")
        self.assertEqual(p.stop(), 0)

    def test_the_node_is_away_at_the_end(self):
        """Nobody answers when the certificate is asked for: it is asked for again."""
        self.network(verifiers=3)
        before, away = self.balance(), {b"/certificate": 6}
        self.between(away)
        result, _ = self.submit()
        self.assertEqual(away, {b"/certificate": 0})
        self.assertTrue(result["certificate"])
        self.assertEqual(before - self.balance(), int(result["paid"]))

    def between(self, away):
        """Submissions ask somebody in between, who leaves so many questions with these words without an answer."""
        node = self.node.port

        class Ask(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                for words in away:
                    if words in body and away[words]:
                        away[words] -= 1
                        self.close_connection = True
                        return
                c = http.client.HTTPConnection("127.0.0.1", node, timeout=60)
                c.request("POST", self.path, body, {"Content-Type": "application/json"})
                answer = c.getresponse().read()
                c.close()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *words):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ask)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.url = f"http://127.0.0.1:{server.server_port}"

    def test_the_chain_draws_the_seed(self):
        self.network(verifiers=3)
        self.job("free.yaml", ("seed: 7\n", ""))
        result, _ = self.submit("--level", "spot", job="free.yaml")
        self.assertIsNone(json.loads(self.read("out/job.json"))["seed"])
        self.job("fixed.yaml", ("seed: 7\n", f"seed: {result['seed']}\n"))
        self.assertEqual(self.train(job="fixed.yaml")["final_root"], result["final_root"])
        self.assertIn(f"{result['seed']}, drawn by the chain", self.read("out/README.md").decode())


    def test_a_faucet_pays(self):
        self.begin("storer", "solver-1", "verifier-1", "verifier-2", "verifier-3")
        port = self.node.port
        faucet = Process([ASSAY, "faucet", "rich", "--node", self.url, "--port", "0", "--json"])
        self.addCleanup(faucet.kill)
        url = f"http://127.0.0.1:{faucet.ready()['port']}"
        self.node.stop()
        self.node = Node(ASSAY, "chain", new=False, port=port, more=("--faucet", url))
        self.start("storer", "solver-1", "verifier-1", "verifier-2", "verifier-3")
        result, _ = self.submit(key=None)
        self.assertEqual(result["outcome"], "done")
        self.assertEqual(self.balance("out/account"), 100 * 10 ** 9 - int(result["paid"]))


if __name__ == "__main__":
    world.main()
