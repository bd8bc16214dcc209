#!/usr/bin/env python3
"""The ledger's ground floor once more, from docs/ledger.md 17.2 and RFC 6962, with hashlib alone.

    map_test.py PROGRAM     runs PROGRAM SEED CALLS (ledger_walk) and computes every line of it again
    map_test.py --known     prints the known answers that map_test.c includes
    map_test.py --self-test shows that a difference is found

A walk is a seeded list of calls on a map: put, erase, mark, undo, commit; and now and then a line with the number of the call, the number
of records, the state root, the receipts' log root and the app hash.
"""
import hashlib
import subprocess
import sys

CALLS = 20000
MASK = (1 << 64) - 1


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def u64(x):
    return x.to_bytes(8, "little")


def bit(k, i):
    return k[i // 8] >> (7 - i % 8) & 1


def node(leaves, at=0):
    """The tree over [(k, H(value))], split by the first bit in which they differ."""
    if len(leaves) == 1:
        return sha(b"\x02", *leaves[0])
    while True:
        sides = [[leaf for leaf in leaves if bit(leaf[0], at) == side] for side in (0, 1)]
        if sides[0] and sides[1]:
            return sha(b"\x03", at.to_bytes(2, "little"), node(sides[0], at + 1), node(sides[1], at + 1))
        at += 1


def state_root(records):
    return node([(sha(key), sha(value)) for key, value in records.items()]) if records else bytes(32)


def log_root(leaves):
    """RFC 6962, 2.1, as it stands there; leaves are hashed already."""
    if not leaves:
        return sha()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha(b"\x01", log_root(leaves[:k]), log_root(leaves[k:]))


def app_hash(state, log, size):
    return sha(b"\x01", sha(b"\x00", state), sha(b"\x00", log, u64(size)))


class Random:
    """splitmix64"""

    def __init__(self, seed):
        self.s = seed

    def __call__(self, most):
        self.s = (self.s + 0x9E3779B97F4A7C15) & MASK
        z = self.s
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        return (z ^ z >> 31) % most


def walk(seed, calls):
    draw, now, block, saved, leaves = Random(seed), {}, {}, [], []
    for call in range(calls):
        what = draw(100)
        if what < 60:
            key = bytes([draw(3)]) + b"".join(bytes([draw(256)]) for _ in range(draw(3)))
            length = draw(70)
            now[key] = bytes([draw(256)]) * length
        elif what < 80:
            keys = sorted(now)
            if keys:
                del now[keys[draw(len(keys))]]
        elif what < 85:
            saved.append(dict(now))
        elif what < 90:
            if saved:
                del saved[draw(len(saved)) + 1:]
                now = saved.pop()
        elif what < 92:
            now, saved = dict(block), []
        elif what < 94:
            block, saved = dict(now), []
        elif what < 98:
            leaves.append(sha(b"\x00", u64(call)))
        elif call % 4 == 0:
            state, log = state_root(now), log_root(leaves)
            yield f"{call} {len(now)} {state.hex()} {log.hex()} {app_hash(state, log, len(leaves)).hex()}"


def known():
    for count in (0, 1, 2, 3, 5, 16, 17, 100, 256):
        root = state_root({bytes([1, n]): bytes([n]) * 3 for n in range(count)})
        print(f'{{{count}, "{root.hex()}"}},')


def compare(printed, expected):
    """The first line that differs, or None."""
    for number, (a, b) in enumerate(zip(printed, expected)):
        if a != b:
            return f"line {number}:\n  printed  {a}\n  expected {b}"
    return None if len(printed) == len(expected) else f"{len(printed)} lines printed, {len(expected)} expected"


def self_test():
    lines = list(walk(1, 2000))
    assert len(lines) > 3 and compare(lines, list(lines)) is None
    assert compare(lines, lines[:-1]) and compare(lines, list(walk(2, 2000)))
    # The roots of Certificate Transparency's eight test leaves (merkle_tree_test of the reference implementation).
    leaves = [sha(b"\x00", bytes.fromhex(x)) for x in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]
    assert log_root(leaves[:1]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert log_root(leaves).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    assert log_root([]).hex() == hashlib.sha256().hexdigest()
    print("a changed and a missing line are found")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    if sys.argv[1:] == ["--known"]:
        return known()
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    total = 0
    for seed in (1, 2, 3):
        run = subprocess.run([sys.argv[1], str(seed), str(CALLS)], check=True, capture_output=True, text=True)
        expected = list(walk(seed, CALLS))
        difference = compare(run.stdout.splitlines(), expected)
        if difference:
            sys.exit(f"seed {seed}, {difference}")
        total += len(expected)
    print(f"{total} roots of 3 walks of {CALLS} calls agree")


if __name__ == "__main__":
    main()
