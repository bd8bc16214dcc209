#!/usr/bin/env python3
"""Judges recorded disputes as docs/protocol.md says, by a second implementation of its clauses.

    judge.py NUMERICS FILE..    NUMERICS is docs/numerics.md; prints the verdict line of each transcript (src/dispute/judge/assay_verify.h)

Written from the text and not from the C: PROTOCOL M1.1, M1.2 (trees), P1 to P3 (the game) and P8 (the file) here, the rule of one element in rule.py.
Exit status 0 if all are proven, else 1.
"""
import hashlib
import sys

sys.dont_write_bytecode = True
from rule import (DATA, IN, ISUM, F32, LEAF, LEAVES_MAX, OUT, TEMP, Arithmetic, Reader, Record, Refused, Site, canon, combined, need,  # noqa: E402
                  size_of)

SPACES = ("temp", "out", "in", "data")
CHALLENGER, CLAIMANT = "challenger", "claimant"

# PROTOCOL M1: trees.

ABSENT = bytes(32)


def leaf_hash(data):
    return hashlib.sha256(b"\0" + data).digest()


def inner(left, right):
    return ABSENT if left == right == ABSENT else hashlib.sha256(b"\1" + left + right).digest()


def height(leaves):
    return max(0, leaves - 1).bit_length()


def climb(node, index, path):
    for sibling in path:
        node = inner(sibling, node) if index & 1 else inner(node, sibling)
        index >>= 1
    return node


def root_of(row):
    while len(row) > 1:
        row = [inner(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def hashes(data):
    return [data[i:i + 32] for i in range(0, len(data), 32)]


# PROTOCOL P1 to P3: the game.

KINDS = {1: "CHALLENGE", 2: "STEPS", 3: "STEP", 4: "VALUES", 5: "NODE", 6: "SLAB", 7: "LEAF", 8: "CASE", 9: "CHUNK", 10: "OPERANDS", 11: "OPERAND",
         12: "PROOF", 13: "EXPRESS"}
ROWS = {1: "CHALLENGE", 2: "STEPS", 3: "STEP", 4: "VALUES", 5: "NODE EXPRESS", 6: "SLAB", 7: "NODE", 8: "SLAB", 9: "NODE", 10: "LEAF", 11: "CASE",
        12: "CHUNK", 13: "OPERANDS", 14: "OPERAND", 15: "PROOF"}
BY_CLAIMANT = (2, 4, 6, 8, 10, 12, 14)


def top_level(h):  # P1.2
    return 16 if h > 15 else 8 if h >= 8 else 0


class Frame:
    def __init__(self, r):
        self.job_root = r.take(32)
        self.task, self.interval, self.inner = r.number(4), r.number(2), r.number(2)
        self.start, self.end = r.take(32), r.take(32)
        self.first_step, self.steps, self.seed, self.state_leaves = r.number(4), r.number(2), r.number(8), r.number(4)
        self.tapes = [(r.take(32), r.number(4), r.number(4), r.number(4)) for _ in range(r.number(1))]
        self.step_tape = list(r.take(self.steps))
        self.data = [(r.take(32), r.number(4)) for _ in range(r.number(1))]
        self.window, self.slack, self.steps_ticks = r.number(4), r.number(4), r.number(4)
        need(1 <= self.steps <= 256 and self.first_step + self.steps < 1 << 31, "steps")
        need(self.inner in (0, self.steps), "the target")
        need(1 <= self.state_leaves <= LEAVES_MAX and 1 <= len(self.tapes) <= 8, "state or tapes")
        for _, records, temp_leaves, ticks in self.tapes:
            need(1 <= records <= 16383 and temp_leaves <= LEAVES_MAX and ticks < 1 << 31, "a tape")
        need(all(t < len(self.tapes) for t in self.step_tape), "the tape of a step")
        need(all(leaves <= LEAVES_MAX for _, leaves in self.data), "a data tensor")
        need(max(self.window, self.slack, self.steps_ticks) < 1 << 31, "clocks")


class Dispute:
    def __init__(self, frame, arithmetic):
        self.f, self.arithmetic = frame, arithmetic
        self.awaits, self.moves, self.bytes, self.j, self.turn_tick = 1, 0, 0, 0, 0
        self.slack = {CHALLENGER: frame.slack, CLAIMANT: frame.slack}
        self.record = self.reason = self.operand = None
        self.loser = None

    # The frame and the claimant's roots.

    def tape(self):
        return self.f.tapes[self.f.step_tape[self.j - 1]]

    def tree(self, space, number=0):
        """Root and number of leaves; (None, 0) for what the job does not have."""
        if space == DATA:
            return self.f.data[number] if number < len(self.f.data) else (None, 0)
        return {TEMP: (self.values, self.tape()[2]), OUT: (self.after, self.f.state_leaves),
                IN: (self.before, self.f.state_leaves)}[space]

    # P3.

    def turn(self):
        return CLAIMANT if self.awaits in BY_CLAIMANT else CHALLENGER

    def window(self):
        extra = self.f.steps_ticks if self.awaits == 2 else self.tape()[3] if self.awaits in (4, 5) else 0
        return self.f.window + extra

    def deadline(self):
        return self.turn_tick + self.window() + self.slack[self.turn()]

    def expire(self, tick):
        if tick > self.deadline():
            self.loser, self.reason = self.turn(), "clock"
        return self.loser is not None

    def hear(self, number, kind, payload, tick):
        need(self.loser is None, "a move after the verdict")
        need(number == self.awaits and KINDS.get(kind) in ROWS[number].split(), "another move is awaited")
        if number > 1:
            need(not self.expire(tick), "too late")
            late = tick - self.turn_tick - self.window()
            if late > 0:
                self.slack[self.turn()] -= late
        r = Reader(payload)
        getattr(self, "hear_" + KINDS[kind].lower())(r)
        r.done()
        self.moves, self.bytes, self.turn_tick = self.moves + 1, self.bytes + len(payload), tick

    # P2: each kind of move.

    def hear_challenge(self, r):
        f = self.f
        target = r.take(32), r.number(4), r.number(2), r.number(2)
        need(target == (f.job_root, f.task, f.interval, f.inner), "another target")
        self.awaits = 2
        if f.steps == 1:
            self.name_step(1, [f.end])

    def name_step(self, j, roots):
        self.j, self.before, self.after = j, self.f.start if j == 1 else roots[j - 2], roots[j - 1]
        self.awaits = 4

    def hear_steps(self, r):
        self.roots = hashes(r.take(32 * self.f.steps))
        need(self.roots[-1] == self.f.end, "the end root")
        self.awaits = 3

    def hear_step(self, r):
        j = r.number(2)
        need(1 <= j <= self.f.steps, "step")
        self.name_step(j, self.roots)

    def check_row(self, row, level, first, leaves, root):
        for i, node in enumerate(row):
            need((node == ABSENT) == ((first + i) << level >= leaves), "absent")
        need(root_of(row) == root, "the row's root")

    def hear_values(self, r):
        self.values = r.take(32)
        self.rows = {}
        for space in (TEMP, OUT):
            root, leaves = self.tree(space)
            level = top_level(height(leaves))
            self.rows[space] = hashes(r.take(32 << height(leaves) - level))
            self.check_row(self.rows[space], level, 0, leaves, root)
        self.awaits = 5

    def hear_node(self, r):
        if self.awaits == 5:
            self.space = r.number(1)
            need(self.space in (TEMP, OUT), "space")
            self.level, self.first, self.row = top_level(height(self.tree(self.space)[1])), 0, self.rows[self.space]
        self.node = r.number(4)
        need(0 <= self.node - self.first < len(self.row), "a node that was not shown")
        need(self.node << self.level < self.tree(self.space)[1], "an absent node")
        self.node_hash = self.row[self.node - self.first]
        self.awaits = self.awaits + 1 if self.level else 10

    def hear_express(self, r):
        self.space, self.node = r.number(1), r.number(4)
        need(self.space in (TEMP, OUT), "space")
        root, leaves = self.tree(self.space)
        need(self.node < leaves, "an absent leaf")
        self.node_hash = r.take(32)
        need(climb(self.node_hash, self.node, hashes(r.take(32 * height(leaves)))) == root, "the path")
        self.awaits = 10

    def hear_slab(self, r):
        self.level, self.first = self.level - 8, self.node * 256
        self.row = hashes(r.take(32 * 256))
        self.check_row(self.row, self.level, self.first, self.tree(self.space)[1], self.node_hash)
        self.awaits += 1

    def hear_leaf(self, r):
        self.leaf = r.take(LEAF)
        need(leaf_hash(self.leaf) == self.node_hash, "the leaf's hash")
        self.awaits = 11

    def hear_case(self, r):
        element, self.number, length = r.number(2), r.number(2), r.number(2)
        root, records, _, _ = self.tape()
        data = r.take(length)
        need(1 <= self.number <= records, "record")
        path = hashes(r.take(32 * height(records + 1)))
        need(climb(leaf_hash(data), self.number, path) == root, "the record's path")
        self.record = record = Record(data, self.arithmetic)
        need(record.space == self.space and 0 <= self.node - record.first_leaf < record.leaves, "the record's leaf")
        size = size_of(record.dtype)
        need(element < LEAF // size, "element")
        self.committed = int.from_bytes(self.leaf[element * size:(element + 1) * size], "little")
        self.index = (self.node - record.first_leaf) * (LEAF // size) + element
        self.padding = self.index >= record.elements
        words = self.words(r)
        self.c = 0
        if self.padding:  # P2.6
            need(not words, "words for an element behind the end")
            self.recomputed, self.places = 0, []
        elif record.chunks > 1:  # P2.3
            need(len(words) == record.chunks, "chunk results")
            need(record.reducer >= ISUM or all(canon.canonical(w) == w for w in words), "a NaN result")
            self.recomputed, self.results = combined(record, words), words
        else:
            self.recomputed, self.places = self.site().chunk(0, words)
            self.posted = words
        need(self.recomputed != self.committed, "y' is y")
        self.awaits = 12 if record.chunks > 1 and not self.padding else self.after_words()

    def words(self, r):
        need(r.left() % 4 == 0, "words")
        return [r.number(4) for _ in range(r.left() // 4)]

    def site(self):
        return Site(self.record, self.index, self.f.first_step + self.j - 1, self.f.seed)

    def after_words(self):  # P2.5
        if not any(self.places):
            self.loser, self.reason = CLAIMANT, "nothing-to-deny"
        return 14

    def hear_chunk(self, r):
        self.c = r.number(2)
        need(self.c < self.record.chunks, "chunk")
        self.awaits = 13

    def hear_operands(self, r):
        self.posted = self.words(r)
        result, self.places = self.site().chunk(self.c, self.posted)
        need(result == self.results[self.c], "the posted result")
        self.awaits = self.after_words()

    def hear_operand(self, r):
        self.n = r.number(2)
        need(self.n < len(self.places) and self.places[self.n], "a word out of range")
        self.awaits = 15

    def hear_proof(self, r):
        slot, at = self.places[self.n]
        x = self.record.operands[slot]
        root, leaves = self.tree(x.space, x.number)
        leaf, offset = divmod(at * size_of(x.dtype), LEAF)
        leaf += x.first_leaf
        need(leaf < leaves, "the job has no such operand")
        data = r.take(LEAF)
        need(climb(leaf_hash(data), leaf, hashes(r.take(32 * height(leaves)))) == root, "the operand's path")
        word = int.from_bytes(data[offset:offset + size_of(x.dtype)], "little")
        word = canon.canonical(word) if x.dtype == F32 else word
        need(word == self.posted[self.n], "another word")
        self.operand, self.loser, self.reason = (slot, x, at, word), CLAIMANT, "proof"

    def line(self):
        f = self.f
        parts = ["unfinished"] if self.loser is None else ["silent" if self.reason == "clock" else "proven"]
        if self.loser:
            parts += [f"loser={self.loser}", f"by={self.reason}"]
        if self.reason in (None, "clock"):
            parts.append(f"awaited={self.awaits}")
        parts += [f"job={f.job_root.hex()}", f"task={f.task}", f"interval={f.interval}"]
        parts += [f"inner={f.inner}"] if f.inner else []
        parts += [f"moves={self.moves}", f"bytes={self.bytes}"]
        if self.loser is None:
            return " ".join(parts)
        if self.j:
            parts.append(f"step={f.first_step + self.j - 1}")
        if self.awaits >= 10:
            parts += [f"space={SPACES[self.space]}", f"leaf={self.node}"]
        if self.awaits > 11:
            parts += [f"tape={f.step_tape[self.j - 1]}", f"record={self.number}",
                      f"op={('map', 'dot', 'fold', 'put')[self.record.op - 1]}",
                      f"dtype={('f32', 'i32', 'u8')[self.record.dtype]}",
                      f"{'padding' if self.padding else 'element'}={self.index}",
                      f"committed={self.committed:08x}", f"recomputed={self.recomputed:08x}"]
        if self.operand:
            slot, x, at, word = self.operand
            number = f".{x.number}" if x.space == DATA else ""
            parts += [f"operand={slot}", f"from={SPACES[x.space]}{number}", f"at={at}", f"word={word:08x}"]
        return " ".join(parts)


# PROTOCOL P8: the file.

def judge(data, arithmetic):
    need(len(data) >= 40 and data[:8] == b"ASDISP\0\1", "the magic")
    need(hashlib.sha256(data[:-32]).digest() == data[-32:], "the digest")
    r = Reader(data[8:-32])
    dispute = Dispute(Frame(r), arithmetic)
    last = 0
    moves = r.number(1)
    need(1 <= moves, "not even a challenge")
    for _ in range(moves):
        tick, number, kind = r.number(8), r.number(1), r.number(1)
        payload = r.take(r.number(2))
        need(tick >= last, "ticks fall")
        last = tick
        dispute.hear(number, kind, payload, tick)
    last_tick = r.number(8)
    r.done()
    need(last_tick >= last, "the last tick")
    if dispute.loser is None:
        dispute.expire(last_tick)
    return dispute.line()


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as page:
        arithmetic = Arithmetic(page.read())
    proven = True
    for name in sys.argv[2:]:
        with open(name, "rb") as file:
            data = file.read()
        try:
            line = judge(data, arithmetic)
        except Refused as reason:
            line = "damaged"
            print(f"{name}: {reason}", file=sys.stderr)
        print(line)
        proven &= line.startswith("proven")
    sys.exit(0 if proven else 1)


if __name__ == "__main__":
    main()
