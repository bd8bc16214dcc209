#!/usr/bin/env python3
"""Transactions written by transaction.py, from the clauses alone, and read by ours: field by field the same.

    transaction_test.py READER CORPUS            the test: READER is transaction_read, CORPUS the folder of one transaction of each type
    transaction_test.py --write-corpus CORPUS    writes that folder anew

READER takes lines of hexadecimal digits and answers each with a line of JSON: the fields, the id, the hash of what is signed, or why it refuses.
"""
import hashlib
import json
import os
import random
import subprocess
import sys

import transaction

GENESIS = bytes(range(32))
DRAWS = 150


class Draw:
    """Random fields; the ends of a range come up often."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def between(self, least, most):
        return self.random.choice([least, most, self.random.randint(least, most), self.random.randint(least, most)])

    def uint(self, bits):
        return self.between(0, 2**bits - 1)

    def bytes(self, length):
        return self.random.randbytes(length)

    def hashes(self, count):
        return [self.bytes(32) for _ in range(count)]

    def attempt(self):
        return {"task": self.bytes(34), "attempt": self.between(1, 4)}

    def seated(self):
        return {**self.attempt(), "seat": self.between(0, 9)}

    def fields(self, name):
        return getattr(self, name.lower())()

    def transfer(self):
        return {"to": self.bytes(32), "amount": self.uint(64), "memo": self.bytes(self.between(0, 64))}

    def key_set(self):
        index = self.between(0, 7)
        return {"index": index, "key": self.bytes(32), "mask": self.between(0, 1023) if index else 1023,
                "until": self.uint(64) if index else 2**64 - 1}

    def provider_set(self):
        endpoint = bytes(self.between(0x21, 0x7e) for _ in range(self.between(0, 96)))
        return {"roles": self.between(0, 15), "class": self.uint(8), "mem": self.uint(32), "vrf": self.bytes(32), "proof": self.bytes(80),
                "tls": self.bytes(32), "endpoint": endpoint, "ask": self.uint(64), "available": self.between(0, 1)}

    def stake(self):
        return {"role": self.between(0, 4), "amount": self.uint(64)}

    def job_post(self):
        tapes, seed_mode = self.between(1, 8), self.between(0, 1)
        schedule = [{"repeat": self.between(1, 2**32 - 1),
                     "entries": [{"tape": self.between(0, tapes - 1), "repeat": self.between(1, 2**32 - 1)} for _ in range(self.between(1, 8))]}
                    for _ in range(self.between(1, 8))]
        tasks = [{"steps": self.between(1, 2**32 - 1), "interval": self.between(1, 256), "class": self.uint(8)} for _ in range(self.between(1, 1024))]
        return {"spec_hash": self.bytes(32), "canon": self.uint(16), "lower": self.uint(16), "layout_hash": self.bytes(32),
                "tape_roots": self.hashes(tapes), "schedule": schedule, "data_roots": self.hashes(self.between(0, 255)),
                "start_root": self.bytes(32), "first_step": self.uint(32), "figure": self.uint(16), "seed_mode": seed_mode,
                "seed": 0 if seed_mode else self.uint(64), "tasks": tasks, "level": self.between(0, 4), "n": self.between(0, 9),
                "m": self.between(0, 16), "price": self.uint(64), "reserve": self.uint(64), "own_seat": self.bytes(32),
                "params": self.uint(32), "deadline": self.uint(64)}

    def offer(self):
        return {**self.attempt(), "proof": self.bytes(80)}

    def commit(self):
        return {**self.attempt(), "trace_root": self.bytes(32), "outcome": self.between(0, 1), "steps": self.between(1, 2**32 - 1)}

    def take(self):
        return {**self.seated(), "proof": self.bytes(80)}

    def publish(self):
        height = self.between(1, 9)
        chosen = sorted(self.random.sample(range(1, 257), self.between(1, 180)))
        return {**self.attempt(), "starts": [{"i": i, "root": self.bytes(32), "sigma": self.bytes(32), "path": self.hashes(height)} for i in chosen]}

    def seal(self):
        return {**self.seated(), "hash": self.bytes(32)}

    def open(self):
        height = self.between(0, 23)
        leaves = [{"leaf": self.bytes(4096), "path": self.hashes(height)} for _ in range(self.between(1, 3))]
        return {**self.attempt(), "sigma": self.bytes(32), "roots": self.hashes(self.between(2, 257)), "leaves": leaves}

    def show(self):
        k = self.between(1, 256)
        return {**self.seated(), "salt": self.bytes(32), "ends": self.hashes(k), "probes": self.hashes(k)}

    def move(self):
        number, kind, length = self.random.choice([(2, 2, 32 * self.between(2, 256)), (3, 3, 2), (5, 5, 5), (6, 6, 8192), (7, 5, 4), (10, 7, 4096),
                                                   (11, 8, self.between(6, 10710)), (13, 10, 4 * self.between(0, 2052)),
                                                   (15, 12, 4096 + 32 * self.between(0, 23))])
        return {"dispute": self.uint(64), "number": number, "kind": kind, "payload": self.bytes(length)}

    def beacon(self):
        return {"proof": self.bytes(80)}

    def tape(self):
        return {"layout": self.bytes(self.between(1, 400)), "tapes": [self.bytes(self.between(1, 3000)) for _ in range(self.between(1, 8))]}

    def fetch(self):
        return {**self.seated(), "what": self.between(0, 1), "got": self.between(0, 1)}

    def envelope(self, sponsored):
        head = {"account": self.bytes(32), "key_index": self.between(0, 7), "nonce": self.uint(64), "until_tick": self.uint(64),
                "gas": self.uint(32), "price": self.uint(32)}
        return {**head, "payer": self.bytes(32), "payer_key_index": self.between(0, 7)} if sponsored else head


def made(name, fields, draw, sponsored):
    """The transaction's bytes, and what a reader has to say about it."""
    body = transaction.body(name, fields)
    if name == "BEACON":
        whole, signatures = transaction.beacon(fields["proof"]), {"signature": bytes(64)}
        draft = whole[:-64]
        head = {"account": bytes(32), "key_index": 0, "nonce": 0, "until_tick": 0, "gas": 0, "price": 0}
    else:
        head = draw.envelope(sponsored)
        draft = transaction.unsigned(name, body, **head)
        signatures = {"signature": draw.bytes(64), **({"payer_signature": draw.bytes(64)} if sponsored else {})}
        whole = transaction.signed(draft, **signatures)
    told = {"type": name, **head, **signatures, "body": fields, "id": transaction.identifier(whole),
            "signed": hashlib.sha256(transaction.sign_bytes(draft, GENESIS)).digest()}
    return whole, plain(told)


def plain(x):
    """As JSON has it: bytes are hexadecimal digits."""
    if isinstance(x, bytes):
        return x.hex()
    if isinstance(x, dict):
        return {name: plain(value) for name, value in x.items()}
    return [plain(value) for value in x] if isinstance(x, list) else x


SIZES = {"JOB_POST": (500, 900), "PUBLISH": (400, 900), "OPEN": (9000, 13000), "SHOW": (250, 600), "TAPE": (500, 3000)}


def small(name):
    """The transaction of this type in the corpus: the first random one that is short, and where there is a list, not too short."""
    least, most = SIZES.get(name, (0, 600))
    for seed in range(10**6):
        draw = Draw(f"{name} {seed}")
        fields = draw.fields(name)
        if least <= len(transaction.body(name, fields)) < most:
            return made(name, fields, draw, name in ("STAKE", "OFFER", "SHOW"))


def read(reader, transactions):
    asked = "".join(t.hex() + "\n" for t in transactions)
    done = subprocess.run([reader, GENESIS.hex()], input=asked, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) != len(transactions):
        sys.exit(f"{len(transactions)} transactions, {len(answers)} answers")
    return answers


def same(name, answer, told):
    if answer != told:
        wrong = [key for key in {**told, **answer} if answer.get(key) != told.get(key)]
        sys.exit(f"{name}: it reads {wrong[0]} as {str(answer.get(wrong[0]))[:300]}, not {str(told.get(wrong[0]))[:300]}: {answer.get('refused', '')}")


def refused(reader, name, whole):
    """Small changes that no reader takes."""
    changes = {"a byte short": whole[:-1], "a byte more": whole + b"\0", "version 2": b"\2" + whole[1:], "type 5": whole[:1] + b"\5" + whole[2:],
               "flag 1": whole[:2] + bytes([whole[2] | 2]) + whole[3:], "key slot 8": whole[:36] + b"\x08" + whole[37:],
               "a body one byte longer": whole[:61] + transaction.u32(int.from_bytes(whole[61:65], "little") + 1) + whole[65:]}
    for change, answer in zip(changes, read(reader, changes.values())):
        if "refused" not in answer:
            sys.exit(f"{name}, {change}: taken")
    return len(changes)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    if sys.argv[1] == "--write-corpus":
        for name in transaction.BODIES:
            with open(os.path.join(sys.argv[2], name.lower()), "wb") as f:
                f.write(small(name)[0])
        return
    reader, corpus = sys.argv[1:]
    taken = denied = 0
    if sorted(os.listdir(corpus)) != sorted(map(str.lower, transaction.BODIES)):
        sys.exit(f"{corpus} has not one file for each type")
    for name in transaction.BODIES:
        whole, told = small(name)
        with open(os.path.join(corpus, name.lower()), "rb") as f:
            if f.read() != whole:
                sys.exit(f"{name}: the corpus has another one")
        draw = Draw(name)
        known = [(whole, told)] + [made(name, draw.fields(name), draw, i % 3 == 0) for i in range(DRAWS)]
        for answer, (_, told) in zip(read(reader, [whole for whole, _ in known]), known):
            same(name, answer, told)
            taken += 1
        denied += refused(reader, name, whole)
    print(f"{taken} transactions of {len(transaction.BODIES)} types read alike, {denied} refused")


if __name__ == "__main__":
    main()
