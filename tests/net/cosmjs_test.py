#!/usr/bin/env python3
"""@cosmjs/tendermint-rpc as it comes from npm works on a node. Skipped (77) without node, npm or the package registry.

usage: cosmjs_test.py ASSAY
"""
import base64
import os
import shutil
import subprocess
import sys
import tempfile

from node import HERE, Node

if not shutil.which("node") or not shutil.which("npm"):
    print("skipped: there is no node or no npm")
    sys.exit(77)
with tempfile.TemporaryDirectory() as folder:
    shutil.copy(os.path.join(HERE, "cosmjs", "package.json"), folder)
    shutil.copy(os.path.join(HERE, "cosmjs", "client.mjs"), folder)
    installed = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"], cwd=folder, capture_output=True, text=True, timeout=200)
    if installed.returncode != 0:
        print("skipped: npm could not install the client:", installed.stderr[-300:])
        sys.exit(77)
    node = Node(sys.argv[1], os.path.join(folder, "node"))
    owner = node.owner()
    txs = [base64.b64encode(owner.transfer(bytes(32))).decode() for i in range(3)]
    words = ["node", "client.mjs", str(node.port), *txs, node.ready["account"]]
    done = subprocess.run(words, cwd=folder, timeout=60)
    node.stop()
    sys.exit(done.returncode)
