"""Roles under test: solvers, verifiers and storers as processes over a node's RPC, and a small job for them."""
import atexit
import http.client
import json
import queue
import signal
import struct
import subprocess
import threading
import time

from node import sha256
import edwards  # noqa: E402  (node.py says where)
import transaction  # noqa: E402

LEAF, PIECE = 4096, 256 * 4096
PATIENCE = 120  # seconds; sanitizers and slow machines


class Identity:
    """A folder that `assay init DIR --machine` made."""

    def __init__(self, assay, folder):
        made = json.loads(subprocess.check_output([assay, "init", folder, "--machine", "--json"], text=True))
        self.folder, self.address, self.key = folder, made["address"], bytes.fromhex(made["public_key"])
        self.id = sha256(b"\x10" + self.key)


class Process:
    """A command that runs until it is stopped. Its lines are read as they come."""

    def __init__(self, words, errors=None):
        self.words = words
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True)
        atexit.register(self.process.kill)
        self.lines, self.news = [], queue.Queue()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            value = json.loads(line)
            self.lines.append(value)
            self.news.put(value)
        self.news.put(None)

    def wait(self, found, seconds=PATIENCE):
        """The first new line that `found` says yes to."""
        until = time.monotonic() + seconds
        while True:
            line = self.news.get(timeout=max(0.01, until - time.monotonic()))
            if line is None:
                raise RuntimeError(f"{' '.join(self.words)} ended with {self.process.wait()}: {self.lines}")
            if found(line):
                return line

    def ready(self):
        return self.wait(lambda line: line.get("ready"))

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()

    def stop(self, how=signal.SIGTERM, seconds=PATIENCE):
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(timeout=seconds)
        self.reader.join()
        return status


def merkle_root(hashes):
    """PROTOCOL M1.2: beyond the leaves a node is absent, 32 zero bytes."""
    none = bytes(32)
    while len(hashes) > 1:
        if len(hashes) % 2:
            hashes = hashes + [none]
        hashes = [sha256(b"\1" + hashes[i] + hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


class Blob:
    """TRANSFER 2.1, 2.2: bytes in leaves under a root."""

    def __init__(self, data):
        self.data = data + bytes(-len(data) % LEAF)
        self.hashes = [sha256(b"\0" + self.data[i:i + LEAF]) for i in range(0, len(self.data), LEAF)]
        self.root = merkle_root(self.hashes)

    def authorization(self, owner, storer):
        """TRANSFER 2.6."""
        now = int(time.time())
        text = b"assay/blob/1\0" + owner.genesis_hash + storer + self.root + struct.pack("<QQ", len(self.hashes), now)
        return f"Assay {owner.id.hex()} {edwards.public(owner.seed).hex()} {now} {edwards.sign(owner.seed, text).hex()}"

    def put(self, owner, storer, port):
        """TRANSFER 2.4; the statuses that came back."""
        pieces = [self.data[i:i + PIECE] for i in range(0, len(self.data), PIECE)]
        parts = [("leaves", b"".join(self.hashes))] + [(str(n), piece) for n, piece in enumerate(pieces)]
        statuses = []
        for name, body in parts:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            c.request("PUT", f"/blobs/{self.root.hex()}/{name}", body, {"Authorization": self.authorization(owner, storer)})
            answer = c.getresponse()
            statuses.append(answer.status)
            answer.read()
            c.close()
            if answer.status >= 300:
                break
        return statuses


class Posting:
    """The small job of tests/cli/posting.c: twenty steps of a trial tape."""

    def __init__(self, program):
        lines = subprocess.check_output([program, "blobs"], text=True).split()
        self.tape, self.post, data, start = (bytes.fromhex(line) for line in lines)
        self.data, self.start = Blob(data), Blob(start)

    def send(self, node, owner, what):
        name, body = ("TAPE", self.tape) if what == "tape" else ("JOB_POST", self.post)
        draft = transaction.unsigned(name, body, owner.id, nonce=owner.nonce, until_tick=4000, gas=3000000, price=1)
        owner.nonce += 1
        signed = transaction.signed(draft, edwards.sign(owner.seed, transaction.sign_bytes(draft, owner.genesis_hash)))
        done = node.send(signed, "broadcast_tx_commit")["tx_result"]
        assert done["code"] == 0, done["log"]
