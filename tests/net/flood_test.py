#!/usr/bin/env python3
"""What strangers can make grow has a bound, and one of them does not starve another. ENGINE 8.5.

usage: flood_test.py ASSAY
"""
import http.client
import json
import os
import socket
import sys
import tempfile
import threading
import time

from node import Node, Socket


def rss_mib(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(next(line for line in f if line.startswith("VmRSS")).split()[1]) / 1024


def raw(port):
    s = socket.create_connection(("127.0.0.1", port))
    s.settimeout(20)
    return s


def patient(node, count):
    """How long `count` questions of an honest client take, the slowest of them."""
    slowest = 0
    for i in range(count):
        start = time.time()
        node.ask("status")
        slowest = max(slowest, time.time() - start)
    return slowest


def too_large(node):
    status, kind, text = node.http("POST", "/", json.dumps({"jsonrpc": "2.0", "id": 1, "method": "broadcast_tx_sync", "params": {"tx": "A" * 1600000}}))
    assert status == 400 and json.loads(text)["error"]["code"] == -32600, (status, text[:200])
    node.ask("health")
    s = raw(node.port)
    s.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n")
    assert s.recv(100).startswith(b"HTTP/1.1 400"), "a body of 100 GB"
    s = raw(node.port)
    s.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert s.recv(100).startswith(b"HTTP/1.1 411"), "a body without a length"
    # The longest transaction there is goes through the door, whatever the ledger says of it.
    longest = node.send(bytes(1000000))
    assert longest["code"] == 1, longest
    s = Socket(node.port)
    try:  # refused from its head on, maybe before all of it is sent
        s.send(b"x" * 1600000)
        s.receive()
        raise SystemExit("a websocket message of 1.6 MB")
    except (ConnectionError, OSError):
        pass


def nonsense(node):
    for text in (b"\x00" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                 b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20000 + b"\r\n"):
        s = raw(node.port)
        try:
            s.sendall(text)
            s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass
        except OSError:
            pass
        node.ask("health")


def idle_connections(node):
    """More connections than there are places, all silent or half a request: a new one is served at once."""
    crowd = []
    for i in range(700):
        s = raw(node.port)
        if i % 2:
            s.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{")
        crowd.append(s)
    start = time.time()
    other = Node.__new__(Node)
    other.port, other.connection = node.port, None
    other.ask("status")
    took = time.time() - start
    assert took < 1, f"{took:.2f} s behind 700 silent connections"
    for s in crowd:
        s.close()
    return took


def flood(node):
    """Twenty connections that ask for all a node can give, without a pause, while another asks for its status."""
    ended = []

    def storm():
        request = json.dumps([{"jsonrpc": "2.0", "id": i, "method": "tx_search", "params": {"query": "tx.height>0", "per_page": "100"}} for i in range(10)])
        while not ended:
            try:
                s = raw(node.port)
                while not ended:
                    s.sendall(f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {len(request)}\r\n\r\n{request}".encode())
                    s.recv(65536)  # the rest of the answer is left unread for a while
            except OSError:
                pass

    threads = [threading.Thread(target=storm, daemon=True) for i in range(20)]
    for t in threads:
        t.start()
    time.sleep(0.5)
    slowest, memory = patient(node, 30), rss_mib(node.process.pid)
    ended.append(1)
    for t in threads:
        t.join(5)
    assert slowest < 5, f"{slowest:.2f} s in a flood"
    assert memory < 700, f"{memory:.0f} MiB in a flood"
    return slowest, memory


def steady(node):
    """Connections that ask without a pause are never closed: no clock counts backward."""
    def ask(seconds):
        line = http.client.HTTPConnection("127.0.0.1", node.port, timeout=20)
        until, count = time.time() + seconds, 0
        while time.time() < until:
            try:
                line.request("GET", "/health")
                line.getresponse().read()
                count += 1
            except (http.client.HTTPException, OSError) as error:
                dropped.append(f"after {count} answers: {error!r}")
                return

    dropped = []
    threads = [threading.Thread(target=ask, args=(2,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not dropped, dropped


def slow_reader(node, owner):
    """A subscriber that does not read is cut off when its queue is full; the chain goes on."""
    lazy = Socket(node.port)
    lazy.send({"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": {"query": "tm.event='Tx'"}})
    lazy.receive()
    for i in range(5):
        node.send(owner.transfer(bytes(32)), "broadcast_tx_commit")
    assert rss_mib(node.process.pid) < 700
    lazy.close()


def subscriptions(node):
    sockets = []
    for i in range(101):
        s = Socket(node.port)
        s.send({"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": {"query": "tm.event='NewBlock'"}})
        answer = s.receive()
        assert ("error" in answer) == (i >= 100), (i, answer)
        sockets.append(s)
    s = sockets[0]
    for i in range(5):
        s.send({"jsonrpc": "2.0", "id": 2, "method": "subscribe", "params": {"query": f"tm.event='Tx' AND tx.height={i}"}})
        answer = s.receive()
        while answer["id"] != 2:  # a block that came in between
            answer = s.receive()
        assert ("error" in answer) == (i >= 4), (i, answer)
    for s in sockets:
        s.close()


def account_share(node, owner):
    """One account's queue is bounded, and another's transaction does not wait behind it."""
    first = owner.nonce + 1000
    ahead = node.send(owner.transfer(bytes(32), nonce=first))
    assert ahead["code"] == 3, "a nonce ahead of its time does not wait in the mempool"


def main():
    with tempfile.TemporaryDirectory() as folder:
        node = Node(sys.argv[1], os.path.join(folder, "node"))
        owner = node.owner()
        for i in range(20):
            node.send(owner.transfer(bytes(32)))
        too_large(node)
        nonsense(node)
        took = idle_connections(node)
        slowest, memory = flood(node)
        steady(node)
        slow_reader(node, owner)
        subscriptions(node)
        account_share(node, owner)
        print(f"behind 700 silent connections {1000 * took:.0f} ms; in a flood of 20 x 10 searches {1000 * slowest:.0f} ms, {memory:.0f} MiB")
        node.stop()


if __name__ == "__main__":
    main()
