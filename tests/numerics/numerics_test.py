#!/usr/bin/env python3
"""docs/numerics.md as a stranger reads it.

    numerics_test.py DOCUMENT VECTORS PROGRAMS

Takes the programs of the six functions from the document, computes them with the second implementation of canon 1 below (exact
rationals, no machine float anywhere), and holds that to every line of the vector file. Then compares the document's programs with
those that PROGRAMS (src/numeric/derive/programs.py) reads from the C text, so that page and code cannot drift apart.
"""
import re
import subprocess
import sys
from fractions import Fraction
from math import isqrt

NAN, INF, TOP, ALL = 0x7fc00000, 0x7f800000, 0x80000000, 0xffffffff


def is_nan(w):
    return w & 0x7fffffff > INF


def is_inf(w):
    return w & 0x7fffffff == INF


def is_zero(w):
    return w & 0x7fffffff == 0


def exact(w):
    """A finite word as a rational."""
    exponent, fraction = w >> 23 & 255, w & 0x7fffff
    m = fraction if exponent == 0 else fraction + (1 << 23)
    value = Fraction(m) * Fraction(2) ** (max(exponent, 1) - 150)
    return -value if w & TOP else value


def nearest(x, zero=0):
    """The word nearest to a rational, ties to even; zero is the word of an exact 0."""
    if x == 0:
        return zero
    sign, x = (TOP, -x) if x < 0 else (0, x)
    e = x.numerator.bit_length() - x.denominator.bit_length()
    if x < Fraction(2) ** e:
        e -= 1
    quantum = max(e - 23, -149)
    m = round(x / Fraction(2) ** quantum)  # Fraction rounds ties to even
    if m >= 1 << 24:
        m, quantum = m >> 1, quantum + 1
    if m < 1 << 23:
        return sign | m
    exponent = quantum + 150
    return sign | INF if exponent >= 255 else sign | exponent << 23 | m & 0x7fffff


def fma(a, b, c):
    sign = (a ^ b) & TOP
    if is_nan(a) or is_nan(b) or is_nan(c):
        return NAN
    if is_inf(a) or is_inf(b):
        if is_zero(a) or is_zero(b) or (is_inf(c) and (c & TOP) != sign):
            return NAN
        return sign | INF
    if is_inf(c):
        return c
    p = exact(a) * exact(b)
    if p == 0 and is_zero(c):
        return sign if sign == c & TOP else 0
    return nearest(p + exact(c))


def add(a, b):
    return fma(a, 0x3f800000, b)


def mul(a, b):
    if is_nan(a) or is_nan(b) or (is_inf(a) and is_zero(b)) or (is_zero(a) and is_inf(b)):
        return NAN
    sign = (a ^ b) & TOP
    return sign | INF if is_inf(a) or is_inf(b) else nearest(exact(a) * exact(b), sign)


def div(a, b):
    if is_nan(a) or is_nan(b) or (is_inf(a) and is_inf(b)) or (is_zero(a) and is_zero(b)):
        return NAN
    sign = (a ^ b) & TOP
    if is_inf(a) or is_zero(b):
        return sign | INF
    return sign if is_inf(b) else nearest(exact(a) / exact(b), sign)


def sqrt(a):
    if is_nan(a) or (a & TOP and not is_zero(a)):
        return NAN
    if is_inf(a) or is_zero(a):
        return a
    scaled = exact(a) * 4 ** 120  # an integer: the least is 2^-149
    root = isqrt(scaled.numerator)
    sticky = Fraction(1, 4) if root * root != scaled.numerator else 0
    return nearest((root + sticky) / Fraction(2 ** 120))


def integral(rule):
    def op(a):
        if is_nan(a):
            return NAN
        return a if is_inf(a) else nearest(Fraction(rule(exact(a))), a & TOP)
    return op


def floor(x):
    return x.numerator // x.denominator


def minimum(a, b):
    if is_nan(a) or is_nan(b):
        return NAN
    if is_zero(a) and is_zero(b):
        return a | b
    return a if less(a, b) else b


def maximum(a, b):
    return NAN if is_nan(a) or is_nan(b) else minimum(a ^ TOP, b ^ TOP) ^ TOP


def less(a, b):
    if is_nan(a) or is_nan(b):
        return 0
    large = Fraction(2) ** 200
    value = [(-large if w & TOP else large) if is_inf(w) else exact(w) for w in (a, b)]
    return int(value[0] < value[1])


def equal(a, b):
    return int(not is_nan(a) and not is_nan(b) and (a == b or (is_zero(a) and is_zero(b))))


def signed(a):
    return a - (1 << 32) if a & TOP else a


def ftoi(a):
    if is_nan(a):
        return 0
    if is_inf(a):
        return 0x80000000 if a & TOP else 0x7fffffff
    whole = int(exact(a))
    return max(min(whole, 0x7fffffff), -0x80000000) & ALL


def canonical(a):
    return NAN if is_nan(a) else a


OPS = {
    "add": add, "sub": lambda a, b: add(a, b ^ TOP), "mul": mul, "div": div, "fma": fma, "sqrt": sqrt,
    "neg": lambda a: canonical(a ^ TOP), "abs": lambda a: canonical(a & 0x7fffffff), "min": minimum, "max": maximum,
    "floor": integral(floor), "ceil": integral(lambda x: -floor(-x)), "rint": integral(round), "trunc": integral(int),
    "iadd": lambda a, b: a + b & ALL, "isub": lambda a, b: a - b & ALL, "imul": lambda a, b: a * b & ALL,
    "umulh": lambda a, b: a * b >> 32, "iand": lambda a, b: a & b, "ior": lambda a, b: a | b, "ixor": lambda a, b: a ^ b,
    "shl": lambda a, b: a << b % 32 & ALL, "shr": lambda a, b: signed(a) >> b % 32 & ALL, "ushr": lambda a, b: a >> b % 32,
    "imin": lambda a, b: min(a, b, key=signed), "imax": lambda a, b: max(a, b, key=signed),
    "idiv": lambda a, b: signed(a) // signed(b) & ALL if b else 0, "imod": lambda a, b: signed(a) % signed(b) & ALL if b else 0,
    "flt": less, "fle": lambda a, b: less(a, b) | equal(a, b), "feq": equal,
    "ilt": lambda a, b: int(signed(a) < signed(b)), "ult": lambda a, b: int(a < b), "ieq": lambda a, b: int(a == b),
    "sel": lambda a, b, c: b if a else c, "itof": lambda a: nearest(Fraction(signed(a))), "ftoi": ftoi,
    "bits": canonical, "unbits": canonical,
}


def philox(counter, seed):
    c, k0, k1 = list(counter), seed & ALL, seed >> 32
    for _ in range(10):
        p, q = 0xd2511f53 * c[0], 0xcd9e8d57 * c[2]
        c = [q >> 32 ^ c[1] ^ k0, q & ALL, p >> 32 ^ c[3] ^ k1, p & ALL]
        k0, k1 = k0 + 0x9e3779b9 & ALL, k1 + 0xbb67ae85 & ALL
    return c


def rand(x, s, step, seed):
    return philox((x >> 2, step, s, 0), seed)[x & 3]


def perm(e, n, i, seed):
    n, i = signed(n), signed(i)
    if not 0 <= i < n:
        return ALL
    a = isqrt(n - 1) + 1
    b = -(-n // a)
    for _ in range(64):
        left, right = i % a, i // a
        for r in range(8):
            if r % 2 == 0:
                left = (left + philox((right, r, e, 1), seed)[0]) % a
            else:
                right = (right + philox((left, r, e, 1), seed)[0]) % b
        i = left + a * right
        if i < n:
            return i
    return i % n


def term(k, s, seed):
    return add(mul(nearest(Fraction(rand(k, s, 0, seed) >> 8)), 0x33800000), 0xbf000000)


def reduction(name, count, seed):
    """Clause 3 over the words that clause 9 names."""
    total = None
    for first in range(0, count, 512):
        chunk = range(first, min(first + 512, count))
        if name == "isum":
            total = (total or 0) + sum(rand(k, 0, 0, seed) for k in chunk) & ALL
            continue
        x = [term(k, 0, seed) for k in chunk]
        if name in ("fmin", "fmax"):
            for w in x:
                total = w if total is None else (minimum if name == "fmin" else maximum)(total, w)
            continue
        lane = [0] * 32
        for k, w in zip(chunk, x):
            if name == "chain":
                lane[0] = add(lane[0], w)
            elif name == "dot":
                lane[0] = fma(w, term(k, 1, seed), lane[0])
            else:
                lane[k % 32] = add(lane[k % 32], w)
        if name == "lanes":
            for width in (16, 8, 4, 2, 1):
                for j in range(width):
                    lane[j] = add(lane[j], lane[j + width])
        total = add(total or 0, lane[0])
    return total


def constant(text):
    words = {"inf": INF, "-inf": INF | TOP, "nan": NAN}
    if text in words:
        return words[text]
    if "p" not in text:
        return int(text, 0)
    sign, digits, exponent = re.fullmatch(r"(-?)0x([0-9a-f.]+)p([+-]\d+)", text).groups()
    whole, _, fraction = digits.partition(".")
    value = Fraction(int(whole + fraction, 16), 16 ** len(fraction)) * Fraction(2) ** int(exponent)
    word = nearest(value)
    assert exact(word) == value, text
    return word | (TOP if sign else 0)


def document_programs(text):
    found = re.findall(r"^#### 2\.1\.\d `(\w+)\(x\)`$.*?^```\n(.*?)^```$", text, flags=re.M | re.S)
    return {name: body.splitlines() for name, body in found}


def run_program(steps, x):
    registers = {"x": canonical(x)}
    for name, op, arguments in steps:
        registers[name] = OPS[op](*(registers[a] if a in registers else a for a in arguments))
    return canonical(registers[steps[-1][0]])


def parsed(lines):
    steps = []
    for line in lines:
        name, op, arguments = re.fullmatch(r"(r\d+) = (\w+)\((.*)\)", line).groups()
        steps.append((name, op, [a if a[0] == "r" or a == "x" else constant(a) for a in arguments.split(", ")]))
    return steps


def check_vectors(path, programs):
    wrong = count = 0
    for line in open(path, encoding="ascii"):
        if line.startswith("#"):
            continue
        op, *words = line.split()
        *operands, result = [int(w, 16) for w in words]
        if op in ("rand", "perm"):
            got = (rand if op == "rand" else perm)(*operands)
        elif op in ("chain", "lanes", "dot", "fmin", "fmax", "isum"):
            got = reduction(op, *operands)
        elif op in programs:
            got = run_program(programs[op], *operands)
        else:
            got = OPS[op](*operands)
        count += 1
        if got != result:
            wrong += 1
            print(f"{line.strip()}: the document gives {got:08x}")
    print(f"numerics: {count} vectors, {wrong} differ from the document")
    return wrong == 0 and count > 2000


def main():
    document, vectors, generator = sys.argv[1:]
    text = open(document, encoding="utf-8").read()
    lines = document_programs(text)
    good = check_vectors(vectors, {name: parsed(body) for name, body in lines.items()})
    printed = subprocess.run([sys.executable, generator], check=True, capture_output=True, text=True).stdout
    code = dict(re.findall(r"^`(\w+)\(x\)`, \d+ steps, result r\d+:\n```\n(.*?)```$", printed, flags=re.M | re.S))
    for name in ("exp", "log", "tanh", "erf", "sinpi", "cospi"):
        if lines.get(name) != code[name].splitlines():
            print(f"numerics: the program of {name} in {document} is not that of the code")
            good = False
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
