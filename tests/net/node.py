"""A node under test: started in a folder of its own, asked over HTTP and websockets with nothing but the standard library,
sent transactions that are signed here."""
import atexit
import base64
import hashlib
import http.client
import json
import os
import secrets
import signal
import socket
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "crypto"), os.path.join(HERE, "..", "ledger")]
import edwards  # noqa: E402
import transaction  # noqa: E402


def sha256(data):
    return hashlib.sha256(data).digest()


def derive(seed, label):
    """LEDGER 2.1.3."""
    return sha256(b"assay/key/1\0" + seed + bytes([len(label)]) + label + bytes(4))


class Account:
    """Slot 0 of an account, its nonce counted here."""

    def __init__(self, seed, genesis_hash, nonce=0):
        self.seed, self.genesis_hash, self.nonce = seed, genesis_hash, nonce
        self.id = sha256(b"\x10" + edwards.public(seed))

    def transfer(self, to, amount=1, memo=b"", nonce=None, gas=20000, price=1, until_tick=4000):
        draft = transaction.unsigned("TRANSFER", transaction.body("TRANSFER", {"to": to, "amount": amount, "memo": memo}), self.id,
                                     nonce=self.nonce if nonce is None else nonce, until_tick=until_tick, gas=gas, price=price)
        if nonce is None:
            self.nonce += 1
        return transaction.signed(draft, edwards.sign(self.seed, transaction.sign_bytes(draft, self.genesis_hash)))


class Node:
    def __init__(self, assay, folder, new=True, parameters="test", port=0, accounts=(), more=()):
        words = [assay, "node", folder, "--port", str(port), "--json"] + (["--new", "--parameters", parameters] if new else [])
        words += [word for a in accounts for word in ("--account", a)] + list(more)
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)  # a test that fails leaves no node, for which a runner would wait
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the node did not start: {self.process.wait()}")
        self.ready = json.loads(line)
        self.port, self.folder = self.ready["port"], folder
        self.connection = None
        with open(os.path.join(folder, "genesis"), "rb") as f:
            self.genesis_hash = sha256(f.read())

    def owner(self, nonce=0):
        with open(os.path.join(self.folder, "node.key")) as f:
            return Account(derive(bytes.fromhex(f.read().strip()), b"account"), self.genesis_hash, nonce)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=20)
        assert code == 0, code

    def http(self, method, path, body=None, headers={}):
        for again in (True, False):
            if not self.connection:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                self.connection.request(method, path, body, headers)
                answer = self.connection.getresponse()
                return answer.status, answer.getheader("Content-Type"), answer.read()
            except (http.client.HTTPException, OSError):
                self.connection.close()
                self.connection = None
                if not again:
                    raise

    def post(self, value):
        status, kind, text = self.http("POST", "/", value if isinstance(value, (str, bytes)) else json.dumps(value),
                                       {"Content-Type": "application/json"})
        return status, kind, json.loads(text) if text else ""

    def ask(self, method, **params):
        answer = self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})[2]
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def send(self, data, how="broadcast_tx_sync"):
        return self.ask(how, tx=base64.b64encode(data).decode())

    def height(self):
        return int(self.ask("status")["sync_info"]["latest_block_height"])

    def wait(self, height, seconds=20):
        until = time.time() + seconds
        while self.height() < height:
            assert time.time() < until, f"still at height {self.height()}, not {height}"
            time.sleep(0.02)

    def find(self, data, seconds=20):
        until = time.time() + seconds
        while True:
            try:
                return self.ask("tx", hash=base64.b64encode(sha256(data)).decode(), prove=True)
            except RuntimeError as e:
                if "not found" not in str(e) or time.time() > until:
                    raise
            time.sleep(0.02)


class Socket:
    """A websocket, as far as a test needs one (RFC 6455)."""

    def __init__(self, port, path="/websocket"):
        self.stream = socket.create_connection(("127.0.0.1", port), timeout=20)
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        self.stream.sendall((f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        self.rest = b""
        while b"\r\n\r\n" not in self.rest:
            more = self.stream.recv(4096)
            if not more:
                raise ConnectionError("no websocket here")
            self.rest += more
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head.decode())

    def read(self, count):
        while len(self.rest) < count:
            more = self.stream.recv(65536)
            if not more:
                raise ConnectionError("closed")
            self.rest += more
        data, self.rest = self.rest[:count], self.rest[count:]
        return data

    def send(self, value, opcode=1):
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        mask = secrets.token_bytes(4)
        length = bytes([0x80 | len(data)]) if len(data) < 126 else struct.pack(">BH", 0xfe, len(data)) if len(data) < 65536 else struct.pack(">BQ", 0xff, len(data))
        self.stream.sendall(bytes([0x80 | opcode]) + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def receive(self):
        data = b""
        while True:
            first, second = self.read(2)
            length = second & 127
            if length == 126:
                length = struct.unpack(">H", self.read(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self.read(8))[0]
            piece = self.read(length)
            if first & 15 == 8:
                raise ConnectionError("closed")
            if first & 15 in (9, 10):
                if first & 15 == 9:
                    self.send(piece, 10)
                continue
            data += piece
            if first & 0x80:
                return json.loads(data)

    def close(self):
        self.stream.close()
