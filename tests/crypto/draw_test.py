#!/usr/bin/env python3
"""Races, eligibility, expansion and addresses of src/crypto against exact arithmetic.

    draw_test.py ANSWERS

A score may lie above -log2((u + 1) / 2^64) by less than 2^-44 + 2^-62 and never below it; the logarithm is taken to 60 digits.
"""
import hashlib
import sys
from decimal import Decimal, getcontext

from asked import Count, ask

getcontext().prec = 60
UNIT = Decimal(2) ** 44
LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def drawn(label, number, length=64):
    return hashlib.shake_256(f"{label} {number}".encode()).digest(length)


def number(text):
    return int.from_bytes(text, "little")


def score(output):
    """LEDGER 6.5 in integers, one bit of the logarithm after the other by comparing powers: v^(2^44) itself has too many digits, so
    numerators are cut to 400 bits, which loses less than 2^-300."""
    v = number(output[:8]) + 1
    if v == 1 << 64:
        return 0
    zeros = 64 - v.bit_length()
    x, fraction = v << zeros + 336, 0
    for _ in range(44):
        x = x * x >> 399
        fraction *= 2
        if x >> 400:
            fraction, x = fraction + 1, x >> 1
    return (zeros + 1 << 44) - fraction


def true_score(output):
    return 64 - Decimal(number(output[:8]) + 1).ln() / Decimal(2).ln()


def scores(program, count):
    edges = [0, 1, 2, 3, 4, 5, 2**32 - 1, 2**32, 2**63 - 2, 2**63 - 1, 2**63, 2**64 - 3, 2**64 - 2, 2**64 - 1]
    outputs = [u.to_bytes(8, "little") + drawn("rest", u, 56) for u in edges]
    outputs += [drawn("score", i) for i in range(2000)]
    outputs += [(number(drawn("small", i, 8)) >> i % 64).to_bytes(64, "little") for i in range(1000)]
    worst, equal = Decimal(0), 0
    for output, answer in zip(outputs, ask(program, [("score", x) for x in outputs])):
        found, true = int(answer[0]), true_score(output)
        error = Decimal(found) / UNIT - true
        worst = max(worst, error)
        count.same(f"score of {output[:8].hex()} is in bounds", -Decimal(10) ** -50 < error < Decimal(2) ** -44 + Decimal(2) ** -62, True)
        equal += found == score(output)
    count.same("scores that equal those of more digits", equal, len(outputs))
    print(f"{len(outputs)} scores, the largest error {worst * UNIT:.6f} of 2^-44")


def races(program, count):
    rows = []
    for i in range(400):
        a, b = drawn("a", i), drawn("b", i)
        w = [number(drawn("w", 2 * i + j, 8)) % (1 << (4 + 7 * i % 57)) + 1 for j in range(2)]
        if i % 4 == 0:  # the same score and weight: the rest decides
            b, w[1] = a[:8] + (a[8:] if i % 8 else b[8:]), w[0]
        rows.append(("before", a, w[0], drawn("x", i, 32), b, w[1], drawn("y", i, 32)))
    for row, answer in zip(rows, ask(program, rows)):
        _, a, w, x, b, z, y = row
        expected = (score(a) * z, a, x) < (score(b) * w, b, y)
        count.same(f"{row}", answer, ["yes" if expected else "no"])


def eligible(program, count):
    rows = []
    for i in range(600):
        total = number(drawn("total", i, 8)) % ((1 << 60) - 1) + 1 >> i % 50 or 1
        rows.append(("eligible", drawn("e", i), number(drawn("part", i, 8)) % (total + 1), total, number(drawn("rate", i, 2)) >> i % 12))
    yes = 0
    for row, answer in zip(rows, ask(program, rows)):
        _, output, weight, total, permille = row
        # By the true logarithm; no sample lies so near the edge that 2^-44 matters, or this fails and says which.
        expected = true_score(output) * Decimal(2).ln() * 1000 * total < Decimal(permille) * weight
        yes += expected
        count.same(f"{row}", answer, ["yes" if expected else "no"])
    count.same("both answers occur often", 100 < yes < 500, True)


def below(program, count):
    limits = [1, 2, 3, 5, 16, 255, 256, 1000, 2**32, 2**32 + 15, 2**63, 2**63 + 1, 3 * 2**62, 2**64 - 1]
    rows = [("below", drawn("b", k), k, 60) for k in limits]
    for (_, output, k, n), answer in zip(rows, ask(program, rows)):
        stream, numbers = b"", []
        for c in range(200):
            stream += hashlib.sha256(b"assay/expand/1\0" + output + c.to_bytes(4, "little")).digest()
        for at in range(0, len(stream), 8):
            v = number(stream[at:at + 8])
            if v < 2**64 - 2**64 % k:
                numbers.append(v % k)
        count.same(f"below {k}", [int(x) for x in answer], numbers[:n])


def checksum(values):
    """The six values that BIP 350 appends: division of polynomials over GF(32), written out."""
    remainder = 1
    for v in values + [0] * 6:
        top, remainder = remainder >> 25, (remainder & 0x1ffffff) << 5 ^ v
        for i, g in enumerate((0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3)):
            remainder ^= g if top >> i & 1 else 0
    remainder ^= 0x2bc830a3
    return [remainder >> 5 * (5 - i) & 31 for i in range(6)]


def address(account):
    bits = int.from_bytes(account, "big") << 4
    values = [bits >> 5 * (51 - i) & 31 for i in range(52)]
    prefix = [ord(c) >> 5 for c in "asy"] + [0] + [ord(c) & 31 for c in "asy"]
    return "asy1" + "".join(LETTERS[v] for v in values + checksum(prefix + values))


def addresses(program, count):
    keys = [drawn("key", i, 32) for i in range(50)] + [bytes(range(32))]
    for key, answer in zip(keys, ask(program, [("address", key) for key in keys])):
        account = hashlib.sha256(b"\x10" + key).digest()
        count.same("address", answer, [account.hex(), address(account)])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    count = Count()
    for part in (scores, races, eligible, below, addresses):
        part(sys.argv[1], count)
    count.end()


if __name__ == "__main__":
    main()
