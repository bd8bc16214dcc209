#!/usr/bin/env python3
"""Holds a judge against judge.py on disputes that nobody ever played.

    made.py NUMERICS COUNT SEED PROGRAM [ARGUMENT..]   draws COUNT transcripts and runs PROGRAM ARGUMENT.. with them; each line has to be that of judge.py

A real dispute needs a tape, a run and a lie, and so comes to few records and few words. Here the frame is made last, to fit: any record, also one that
is none, any words, a leaf of anything, and roots that they all lead to. Each dispute goes by EXPRESS to a leaf, to CASE and on to PROOF; some end sooner,
come late, or are changed somewhere.
"""
import hashlib
import os
import random
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import judge  # noqa: E402
import rule  # noqa: E402
from rule import DATA, DOT, F32, FOLD, I32, IN, LEAF, LEAVES_MAX, MAP, OUT, PUT, TEMP, U8, Record, Refused, Site, leaves_of, size_of  # noqa: E402

EDGES = (0, 1, 0x007fffff, 0x00800000, 0x3f800000, 0x4b000000, 0x4f000000, 0x5f000000, 0x7f7fffff, 0x7f800000, 0x7fc00000)
INTEGERS = (-1, 0, 1, 2, 3, 5, 255, 256, 512, 513, 1 << 20, 0x7fc00001, 0x7f800001, 0x7fffffff, -1 << 31)


def u(number, size):
    return (number % (1 << 8 * size)).to_bytes(size, "little")


class Draw(random.Random):
    wild = 0.2  # how many f32 words are of any size: more than a few in a long sum leave nothing of it but one of them, or a NaN

    def chance(self, p):
        return self.random() < p

    def word(self, dtype):
        if dtype == F32:
            word = self.choice(EDGES + (self.getrandbits(31),) * 3) if self.chance(self.wild) else self.randrange(0x3e000000, 0x42000000)
            return rule.canon.canonical(word | self.getrandbits(1) << 31)
        if dtype == U8:
            return self.choice((0, 1, 2, 3, 7, 255, self.randrange(256)))
        return self.randrange(12) if self.chance(0.7) else self.choice(INTEGERS) % (1 << 32)

    def dims(self, rank, large):
        dims = [self.choice((1, 1, 2, 3, 4)) for _ in range(rank)]
        if self.chance(0.4):
            dims[self.randrange(rank)] = self.choice(large)
        return dims


# Records.

def draw_axis(d, terms, slots):
    indirect = d.choice(slots) if slots and d.chance(0.5) else 255
    div = d.choice((1, 1, 1, 1, 2, 3))
    text = u(d.choice((1, 2, 3, 5, 9, 700, 2000)), 4) + u(d.choice((0, 0, 0, 0, 1, -1, 3)), 4) + u(div, 2) + u(d.randrange(2) if div > 1 else 0, 1) + u(indirect, 1)
    dims = sorted(d.sample(terms, min(len(terms), d.choice((0, 1, 1, 2)))))
    return text + u(len(dims), 1) + bytes(3) + b"".join(u(dim, 1) + bytes(3) + u(d.choice((1, 1, 1, 1, 2, -1, 3)), 4) for dim in dims)


def draw_operand(d, dtype, terms, slots, fill):
    space = d.choice((TEMP, IN, DATA))
    axes = d.choice((1, 1, 1, 2, 3))
    number = d.choice((0, 1, 3)) if space == DATA else 0
    return (bytes((space, dtype, number, axes)) + u(fill, 4) + u(d.randrange(40), 8) + b"".join(draw_axis(d, terms, slots) for _ in range(axes)))


def draw_body(d, types, operation, want):
    """Operations on registers of these types (register -> type), the last one giving `want`, if any is found."""
    body = b""
    for n in range(d.choice((0, 1, 1, 2, 3, 6, 12, 30))):
        code, (name, arguments, result) = d.choice(sorted(operation.items()))
        chosen, common = [], d.choice("fi")
        for a in arguments:
            fit = [r for r, t in types.items() if t == (common if a == "t" else a)]
            chosen.append(d.choice(fit) if fit else 0)
        chosen += [d.randrange(3)] if name == "coord" else []
        body += bytes([code] + chosen + [0] * (3 - len(chosen)))
        types[28 + n] = common if result == "t" else result
    return body


def draw_record(d, operation):
    op = d.choice((MAP, MAP, DOT, FOLD, FOLD, PUT))
    dtype = F32 if op in (DOT, PUT) else d.choice((F32, F32, I32, U8))
    dims = d.dims(d.randrange(1, 4), (1020, 1030, 4090, 4100))
    k_dims = [] if op == MAP else d.dims(d.randrange(1, 4), (33, 500, 511, 512, 513, 1024, 1025, 1500))
    first_k, all_dims = len(dims), list(range(len(dims) + len(k_dims)))
    operands, types = [], {}
    for o in range(2 if op in (DOT, PUT) else d.choice((0, 1, 2, 3, 4, 6))):
        kind = d.choice((F32, F32, I32, U8)) if op in (MAP, FOLD) else I32 if (op, o) == (PUT, 0) else F32
        terms = all_dims if op != PUT else all_dims[1:] if o else all_dims[first_k:]
        slots = [s for s, t in types.items() if t == "i"] if op != PUT else []
        operands.append(draw_operand(d, kind, terms, slots, 0 if op == DOT else d.word(kind)))
        types[o] = "f" if kind == F32 else "i"
    literals, flags, body, reducer = [], 0, b"", {MAP: 0, DOT: 1, PUT: 1}.get(op)
    if op in (MAP, FOLD):
        for n in range(d.randrange(4)):
            literals.append(d.word(d.choice((F32, I32))))
            flags |= d.getrandbits(1) << n
            types[12 + n] = "i" if flags >> n & 1 else "f"
        body = draw_body(d, types, operation, "f" if dtype == F32 else "i")
    if reducer is None:
        reducer = d.choice((1, 2, 2, 3, 4) if dtype == F32 else (5, 6, 7))
    return (bytes((op, dtype, d.choice((TEMP, OUT)), reducer, len(dims), len(k_dims), len(operands), len(literals), len(body) // 4)) + u(flags, 2)
            + bytes(5) + u(d.randrange(300), 8) + b"".join(u(x, 4) for x in dims + k_dims) + b"".join(operands) + b"".join(u(x, 4) for x in literals) + body)


def damage(d, data):
    data = bytearray(data)
    for _ in range(d.choice((1, 1, 2))):
        at = d.randrange(len(data) - 4)
        if d.chance(0.5):
            data[at] = d.choice((0, 1, 2, 255, data[at] ^ 1, data[at] + 1 & 255, d.randrange(256)))
        else:
            data[at:at + 4] = u(d.choice(INTEGERS), 4)
    return bytes(data if d.chance(0.9) else data[:-d.randrange(1, 5)])


# Words that a chunk may have, as TAPE 4.5 and P2.4 let them follow from each other.

class Words(list):
    """Posted words, drawn as they are asked for: one for each operand word of the chunk, 0 where it is out of range."""

    def __init__(self, d, record, index, c):
        super().__init__()
        words, here = [0] * len(record.operands), rule.unravel(index, record.dims)
        d.wild = d.choice((0, 0, 0.01, 0.2))

        def take(o, at):
            x = record.operands[o]
            place = rule.address(x, at, words)
            self.append(0 if place is None else d.word(x.dtype))
            words[o] = x.fill if place is None else self[-1]

        for o, walks in enumerate(record.walks):
            walks or take(o, here)
        for k in range(c * rule.CHUNK, min(record.k, (c + 1) * rule.CHUNK)):
            for o, walks in enumerate(record.walks):
                walks and take(o, here + rule.unravel(k, record.k_dims))
        if self and d.chance(0.1):
            n = d.randrange(len(self))
            self[n] = d.choice((d.word(I32), self[n] + 256, 0x7f800001, 0xffc00000)) % (1 << 32)
        if d.chance(0.02):
            self.append(0)


# A dispute, from its case back to its frame.

class Made:
    def __init__(self, d, arithmetic):
        self.d = d
        data = self.record_of(arithmetic)
        space, first, leaves, size = self.shape.space, self.shape.first_leaf, self.shape.leaves, size_of(self.shape.dtype)
        self.leaf_number = d.randrange(leaves)
        self.node = min(first + self.leaf_number + (d.chance(0.01) and 1), LEAVES_MAX - 1)
        self.leaves = {s: min(LEAVES_MAX, d.choice((0 if s == TEMP else 1, 1, 200, 5000, 1 << 22)) + (self.node + 1 if s == space else 0)) for s in (TEMP, OUT)}
        for x in self.shape.operands:
            if x.space in (TEMP, IN):
                s = TEMP if x.space == TEMP else OUT
                self.leaves[s] = min(LEAVES_MAX, max(self.leaves[s], x.first_leaf + leaves_of(x.dtype, x.elements)))
        self.before, self.tensors = d.randbytes(32), [(d.randbytes(32), d.choice((0, 1, 60))) for _ in range(d.choice((1, 2, 4)))]
        self.step, self.seed = d.choice((0, 7, (1 << 31) - 3)), d.getrandbits(64)
        left = self.shape.elements - self.leaf_number * (LEAF // size)
        element = d.randrange(min(left, LEAF // size)) if d.chance(0.9) else d.randrange(LEAF // size)
        self.index = self.leaf_number * (LEAF // size) + element
        leaf = b"".join(u(d.word(F32), 4) for _ in range(LEAF // 4))
        self.rows = {s: self.row(self.leaves[s]) for s in (TEMP, OUT)}
        path = self.plant(space, self.node, leaf)
        self.moves = [(10, 7, leaf)]
        records = d.choice((1, 2, 100, 16383))
        number = d.randrange(1, records + 1)
        tape_path = [d.randbytes(32) for _ in range(judge.height(records + 1))]
        self.tape = judge.climb(judge.leaf_hash(data), number, tape_path), records
        head = u(element, 2) + u(number, 2) + u(len(data), 2) + data + b"".join(tape_path)
        self.argue(head, arithmetic)
        values = judge.root_of(self.rows[TEMP]) + b"".join(self.rows[TEMP] + self.rows[OUT])
        express = u(space, 1) + u(self.node, 4) + judge.leaf_hash(leaf) + b"".join(path())
        self.moves[:0] = [(1, 1, bytes(32) + u(3, 4) + u(2, 2) + u(0, 2)), (4, 4, values), (5, 13, express)]

    def record_of(self, arithmetic):
        while True:
            data = draw_record(self.d, arithmetic.operation)
            try:
                self.shape = self.record = Record(data, arithmetic)
                break
            except Refused:
                continue
        if self.d.chance(0.2):
            data = damage(self.d, data)
            try:
                self.shape = self.record = Record(data, arithmetic)
            except Refused:
                self.record = None
        return data

    def row(self, leaves):
        level = judge.top_level(judge.height(leaves))
        return [self.d.randbytes(32) if i << level < leaves else judge.ABSENT for i in range(1 << judge.height(leaves) - level)]

    def plant(self, space, index, leaf):
        """Puts a leaf into the tree whose top row is made; its path, to be asked for when the row is finished."""
        row, level = self.rows[space], judge.top_level(judge.height(self.leaves[space]))
        low = [self.d.randbytes(32) for _ in range(level)]
        if index >> level < len(row):
            row[index >> level] = judge.climb(judge.leaf_hash(leaf), index, low)

        def path():
            nodes, at, found = list(row), index >> level, list(low)
            while len(nodes) > 1:
                found.append(nodes[min(at ^ 1, len(nodes) - 1)])
                nodes, at = [judge.inner(*nodes[i:i + 2]) for i in range(0, len(nodes), 2)], at >> 1
            return found
        return path

    def argue(self, head, arithmetic):
        """CASE and what follows it."""
        d, r, places = self.d, self.record, []
        if not r or self.index >= r.elements:
            self.moves.append((11, 8, head + (u(0, 4) if d.chance(0.05) else b"")))
            return
        c = d.randrange(r.chunks)
        words = Words(d, r, self.index, c)
        try:
            result, places = Site(r, self.index, self.step, self.seed).chunk(c, words)
        except Refused:
            result = 0
        text = b"".join(u(w, 4) for w in words)
        if r.chunks > 1:
            results = [d.word(F32 if r.dtype == F32 else I32) for _ in range(r.chunks)]
            results[c] = result ^ d.chance(0.03)
            if d.chance(0.05):
                results[d.randrange(r.chunks)] = 0xffc00000
            self.moves += [(11, 8, head + b"".join(u(w, 4) for w in results)), (12, 9, u(c, 2)), (13, 10, text)]
        else:
            self.moves.append((11, 8, head + text))
        if any(places):
            n = d.choice([i for i, place in enumerate(places) if place]) if d.chance(0.95) else d.randrange(len(places) + 1)
            self.moves.append((14, 11, u(n, 2)))
            if n < len(places) and places[n]:
                self.prove(r.operands[places[n][0]], places[n][1], words[n])

    def prove(self, x, at, word):
        d = self.d
        number, offset = divmod(at * size_of(x.dtype), LEAF)
        number += x.first_leaf
        leaf = bytearray(d.randbytes(LEAF))
        shown = 0xff800001 if word == 0x7fc00000 and x.dtype == F32 else word ^ d.chance(0.05)
        leaf[offset:offset + size_of(x.dtype)] = u(shown, size_of(x.dtype))
        leaf = bytes(leaf)
        if x.space == TEMP:
            if self.shape.space == TEMP:  # its path would have to meet that of the leaf in dispute
                return
            self.moves.append((15, 12, leaf + b"".join(self.plant(TEMP, number, leaf)())))
            return
        if x.space == DATA:
            while len(self.tensors) <= x.number:
                self.tensors.append((d.randbytes(32), 1))
            leaves = number + d.choice((0, 1, 1, 1, 9))
            path = [d.randbytes(32) for _ in range(judge.height(leaves))]
            self.tensors[x.number] = judge.climb(judge.leaf_hash(leaf), number, path), leaves
        else:
            path = [d.randbytes(32) for _ in range(judge.height(self.leaves[OUT]))]
            self.before = judge.climb(judge.leaf_hash(leaf), number, path)
        self.moves.append((15, 12, leaf + b"".join(path)))

    def transcript(self):
        d = self.d
        root, records = self.tape
        frame = (bytes(32) + u(3, 4) + u(2, 2) + u(0, 2) + self.before + judge.root_of(self.rows[OUT]) + u(self.step, 4) + u(1, 2) + u(self.seed, 8)
                 + u(self.leaves[OUT], 4) + u(1, 1) + root + u(records, 4) + u(self.leaves[TEMP], 4) + u(9, 4) + u(0, 1) + u(len(self.tensors), 1)
                 + b"".join(r + u(n, 4) for r, n in self.tensors) + u(120, 4) + u(1800, 4) + u(4, 4))
        moves = self.moves[:d.randrange(1, len(self.moves) + 1)] if d.chance(0.1) else self.moves
        slow, text, tick = d.choice((0, 0, 0, 0.6)), b"ASDISP\0\1" + frame + u(len(moves), 1), 1000
        for number, kind, payload in moves:
            tick += d.choice((0, 120, 121, 129, 130, 600, 1000, 1919, 1920)) if d.chance(slow) else 1
            text += u(tick, 8) + u(number, 1) + u(kind, 1) + u(len(payload), 2) + payload
        text += u(tick + d.choice((0, 800, 1300, 1920, 1921, 1930)), 8)
        if d.chance(0.05):
            text = damage(d, text)
        return text + hashlib.sha256(text).digest()


def main():
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as page:
        arithmetic = rule.Arithmetic(page.read())
    count, d = int(sys.argv[2]), Draw(int(sys.argv[3]))
    with tempfile.TemporaryDirectory() as folder:
        paths, expected, outcomes = [], [], {}
        for n in range(count):
            data = Made(d, arithmetic).transcript()
            paths.append(os.path.join(folder, f"{n}.transcript"))
            with open(paths[-1], "wb") as file:
                file.write(data)
            try:
                expected.append(judge.judge(data, arithmetic))
            except Refused:
                expected.append("damaged")
            outcome = " ".join(word for word in expected[-1].split()[:3] if word.isalpha() or word.startswith("by="))
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
        lines = subprocess.run(sys.argv[4:] + paths, capture_output=True, text=True).stdout.splitlines()
    faults = [f"{n}:\n  the pages  {e}\n  the judge  {line}" for n, (e, line) in enumerate(zip(expected, lines)) if e != line]
    if len(lines) != count:
        faults.append(f"{len(lines)} lines for {count} transcripts")
    print("\n".join(faults) if faults else f"{count} disputes made, judged alike: {outcomes}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
