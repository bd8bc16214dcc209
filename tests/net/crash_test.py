#!/usr/bin/env python3
"""A node that is killed at any moment goes on where its last answer was: what it told stays true, nothing is lost or done twice.

usage: crash_test.py ASSAY [KILLS [SEED]]
"""
import base64
import os
import random
import sys
import tempfile
import threading
import time

from node import Account, Node, edwards, sha256


STREAM = 400  # transfers, signed before; signing is slow here


class Sender(threading.Thread):
    """Sends one transfer after the other, each until it is known to be in a block, and remembers what it was told."""

    def __init__(self, port, owner):
        super().__init__(daemon=True)
        self.node = Node.__new__(Node)
        self.node.port, self.node.connection = port, None
        self.owner, self.told, self.pending, self.ended = owner, [], None, False

    def run(self):
        while not self.ended:
            if self.pending is None:
                self.pending = self.owner.transfer(bytes(32))
            try:
                answer = self.node.send(self.pending, "broadcast_tx_commit")
                if answer["check_tx"]["code"] != 0 or answer["tx_result"]["code"] != 0:
                    raise SystemExit(f"a transfer was refused: {answer}")
                self.note(int(answer["height"]))
            except RuntimeError as error:
                if "already exists in cache" in str(error):
                    found = self.node.find(self.pending)
                    self.note(int(found["height"]))
                elif "timed out" not in str(error):
                    raise
            except (OSError, ValueError, __import__("http.client").client.HTTPException):
                time.sleep(0.01)  # it is dead; the same bytes again

    def note(self, height):
        self.told.append((self.pending, height))
        self.pending = None


class Stream(threading.Thread):
    """Lets transfers in one after the other without waiting for blocks, so that some are let in while a block is written
    (ENGINE 7.10); after a death it begins again behind the last that the chain has."""

    def __init__(self, port, account, count):
        super().__init__(daemon=True)
        self.node = Node.__new__(Node)
        self.node.port, self.node.connection = port, None
        self.transfers = [account.transfer(bytes(32), amount=2) for i in range(count)]
        self.next, self.there, self.again, self.ended, self.trouble = 0, 0, 0, False, None

    def run(self):
        try:
            while not self.ended:
                self.step()
                time.sleep(0.004)  # blocks are begun 50 ms apart
        except BaseException as error:  # told by the main thread
            self.trouble = error

    def step(self):
        try:
            if self.next == len(self.transfers):
                return
            answer = self.node.send(self.transfers[self.next])
            if answer["code"] == 0:
                self.next += 1
            else:  # those before it were only let in when the node died
                self.begin_again()
        except RuntimeError as error:
            if "already exists in cache" not in str(error):
                raise
            self.next += 1
        except (OSError, ValueError, __import__("http.client").client.HTTPException):
            pass  # it is dead; the same bytes again

    def begin_again(self):
        while self.there < self.next:
            try:
                self.node.find(self.transfers[self.there], seconds=0)
                self.there += 1
            except RuntimeError:
                break
        if self.there == self.next:
            raise SystemExit(f"transfer {self.there} is refused, and all before it are in blocks")
        self.next, self.again = self.there, self.again + 1


def main():
    assay, kills = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 12
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 32)
    dice = random.Random(seed)
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "node")
        seed_ahead = sha256(b"a stream")
        node = Node(assay, path, accounts=[f"{edwards.public(seed_ahead).hex()}=5000"])
        port, blocks = node.port, {}
        sender, stream = Sender(port, node.owner()), Stream(port, Account(seed_ahead, node.genesis_hash), STREAM)
        sender.start()
        stream.start()
        for i in range(kills):
            until = time.time() + dice.random() * 0.25
            while time.time() < until:
                try:
                    block = node.ask("block")
                    blocks[int(block["block"]["header"]["height"])] = block["block_id"]["hash"]
                except RuntimeError:
                    pass
                time.sleep(0.005)
            node.kill()
            node = Node(assay, path, new=False, port=port)
            last = max(blocks, default=0)
            if node.ready["height"] < last:
                raise SystemExit(f"kill {i}: block {last} was told, and is gone: height {node.ready['height']}")
        time.sleep(0.3)
        sender.ended = stream.ended = True
        sender.join(20)
        stream.join(20)
        assert not sender.is_alive() and not stream.is_alive()
        if stream.trouble:
            raise stream.trouble
        for data in stream.transfers[:stream.next]:  # what was let in since the last death, and what was before
            node.find(data)
        for height, name in blocks.items():
            assert node.ask("block", height=str(height))["block_id"]["hash"] == name, f"block {height} is another one"
        for data, height in sender.told:
            found = node.find(data)
            assert int(found["height"]) == height and found["tx_result"]["code"] == 0, (found["height"], height)
        # Every transfer stands in the chain once, and no other.
        seen = []
        for height in range(1, node.height() + 1):
            seen += node.ask("block", height=str(height))["block"]["data"]["txs"][1:]
        stands = [base64.b64decode(tx) for tx in seen]
        streamed = [data for data in stands if data in set(stream.transfers)]
        others = len(stands) - len(streamed)
        assert len(seen) == len(set(seen)) and others in (len(sender.told), len(sender.told) + 1), (others, len(sender.told))
        assert streamed == stream.transfers[:len(streamed)] and len(streamed) in (stream.next, stream.next + 1), (len(streamed), stream.next)
        node.stop()
        again = Node(assay, path, new=False, port=0)
        assert again.ready["height"] >= max(height for data, height in sender.told)
        again.stop()
        print(f"{kills} kills, {len(sender.told)} transfers told, {len(streamed)} streamed ({stream.again} times begun again), "
              f"{len(blocks)} blocks seen: all there, once")


if __name__ == "__main__":
    main()
