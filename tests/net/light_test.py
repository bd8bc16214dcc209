#!/usr/bin/env python3
"""`cometbft light` verifies the chain by itself, header by header. Skipped (77) when cometbft is not on PATH.

usage: light_test.py ASSAY
"""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from node import Node

if not shutil.which("cometbft"):
    print("skipped: cometbft is not on PATH")
    sys.exit(77)
with tempfile.TemporaryDirectory() as folder:
    node = Node(sys.argv[1], os.path.join(folder, "node"))
    owner = node.owner()
    for i in range(5):
        node.send(owner.transfer(bytes(32)), "broadcast_tx_commit")
    time.sleep(0.3)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    trusted = node.ask("commit", height="1")["signed_header"]["commit"]["block_id"]["hash"]
    url = f"http://127.0.0.1:{node.port}"
    light = subprocess.Popen(["cometbft", "light", node.ready["chain"], "--primary", url, "--witnesses", url, "--height", "1", "--hash", trusted,
                              "--home-dir", os.path.join(folder, "light"), "--laddr", f"tcp://127.0.0.1:{port}", "--trusting-period", "24h"],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    last, verdict = node.height(), None
    until = time.time() + 30
    while verdict is None and time.time() < until and light.poll() is None:
        try:
            answer = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/commit?height={last}", timeout=10))
            verdict = answer["result"]["signed_header"]["commit"] == node.ask("commit", height=str(last))["signed_header"]["commit"]
        except OSError:
            time.sleep(0.2)
    light.kill()
    said = light.stdout.read().decode()
    node.stop()
    if not verdict:
        print(said[-3000:])
        sys.exit(f"the light client did not verify block {last}")
    print(f"cometbft light verified block {last}")
