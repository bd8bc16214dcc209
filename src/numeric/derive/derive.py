#!/usr/bin/python3
"""Derives every constant of coefficients.h: minimax polynomials (Remez exchange) whose coefficients are binary32.

    derive/derive.py > coefficients.h        needs python3-mpmath; takes a minute

A fit approximates f on [low, high] by a polynomial so that the largest |weight * error| is least. Coefficients are then
rounded to binary32 one by one, lowest degree first, and the others are fitted again each time, so that a rounding is made
good by those that follow.
"""
import struct
import sys

from mpmath import (mp, mpf, cos, cospi, erf, erfc, exp, expm1, floor, frexp, ldexp, log, log1p, lu_solve, matrix, nint, pi, sin,
                    sqrt, tanh)

mp.prec = 140
GRID = 700


def round_bits(x, bits):
    """x to the nearest number of that many bits, ties to even."""
    if x == 0:
        return mpf(0)
    _, e = frexp(x)
    return ldexp(nint(ldexp(x, bits - e)), e - bits)


def binary32(x):
    return round_bits(mpf(x), 24)  # none of our constants is subnormal


def word(x):
    return struct.unpack("<I", struct.pack("<f", float(x)))[0]


def remez(points, f, weight, powers):
    """Coefficients of x^powers that minimise max |weight * (poly - f)| over the points; and that maximum."""
    n = len(powers)
    basis = [[w * x**p for p in powers] for x, w in zip(points, weight)]
    goal = [w * y for y, w in zip(f, weight)]
    count = len(points)
    at = [round((count - 1) * (1 - cos(pi * i / n)) / 2) for i in range(n + 1)]
    best = None
    for _ in range(40):
        a, b = matrix(n + 1, n + 1), matrix(n + 1, 1)
        for row, i in enumerate(at):
            for column in range(n):
                a[row, column] = basis[i][column]
            a[row, n] = (-1) ** row
            b[row] = goal[i]
        solution = lu_solve(a, b)
        level = abs(solution[n])
        c = [solution[i] for i in range(n)]
        error = [sum(ci * bi for ci, bi in zip(c, row)) - g for row, g in zip(basis, goal)]
        worst = max(abs(e) for e in error)
        if best is None or worst < best[1]:
            best = (c, worst)
        if worst <= level * mpf("1.0005"):
            break
        # one extremum for each run of equal signs, then the n + 1 neighbours with the largest errors
        extrema = []
        for i, e in enumerate(error):
            if extrema and (e >= 0) == (error[extrema[-1]] >= 0):
                if abs(e) > abs(error[extrema[-1]]):
                    extrema[-1] = i
            else:
                extrema.append(i)
        while len(extrema) > n + 1:
            if abs(error[extrema[0]]) < abs(error[extrema[-1]]):
                extrema.pop(0)
            else:
                extrema.pop()
        if len(extrema) < n + 1:
            break
        at = extrema
    return best


def fit(name, degree, low, high, f, weight):
    """Prints the coefficients NAME0 .. NAMEdegree and the error they leave."""
    low, high = mpf(low), mpf(high)
    points = [low + (high - low) * (1 - cos(pi * (i + mpf(1) / 2) / GRID)) / 2 for i in range(GRID)]
    values, weights = [f(x) for x in points], [abs(weight(x)) for x in points]
    fixed, left = [], list(range(degree + 1))
    while left:
        rest = [y - sum(c * x**i for i, c in enumerate(fixed)) for x, y in zip(points, values)]
        c, worst = remez(points, rest, weights, left)
        if not fixed:
            ideal = worst
        fixed.append(binary32(c[0]))
        left.pop(0)
    worst = max(abs(w * (sum(c * x**i for i, c in enumerate(fixed)) - y)) for x, y, w in zip(points, values, weights))
    print(f"\n/* {name}0..{degree} on [{float(low):.6g}, {float(high):.6g}]: error 2^{float(log(worst, 2)):.2f}, "
          f"before rounding 2^{float(log(ideal, 2)):.2f} */")
    for i, c in enumerate(fixed):
        show(f"{name}{i}", c)


def hexadecimal(x):
    """As C's %a writes it, digits as needed."""
    sign, digits = ("-" if x < 0 else ""), float(abs(x)).hex()
    head, exponent = digits.split("p")
    return f"{sign}{head.rstrip('0').rstrip('.')}p{exponent}"


def show(name, x):
    assert binary32(x) == x, name
    print(f"#define {name} 0x{word(x):08x}u /* {hexadecimal(x)} */")


def main():
    ln2, half = log(2), mpf(1) / 2
    print("/* coefficients: the constants of functions.inc as bits of binary32, with their values in hexadecimal. NUMERICS 2.1.")
    print(" *")
    print(" * Written by derive/derive.py, which says how they are found. Each polynomial's comment gives its own worst weighted")
    print(" * error, relative to the function's result, apart from the rounding of the program's steps. */")
    print("#ifndef NUMERIC_COEFFICIENTS_H\n#define NUMERIC_COEFFICIENTS_H\n")
    high = round_bits(ln2, 16)  # times an integer of 8 bits is exact
    low = binary32(ln2 - high)
    show("EXP_LOG2E", binary32(1 / ln2))
    show("EXP_MINUS_LN2_HIGH", -high)
    show("EXP_MINUS_LN2_LOW", -low)
    show("EXP_LOWEST", mpf(-104))
    show("EXP_HIGHEST", mpf(89))
    edge = ln2 / 2 * mpf("1.0001")
    fit("EXP_P", 4, -edge, edge, lambda r: (expm1(r) - r) / r**2, lambda r: r**2 / exp(r))

    print()
    show("LOG_NORMAL", ldexp(mpf(1), -126))
    show("LOG_SCALE", ldexp(mpf(1), 23))
    show("LOG_SCALE_EXPONENT", mpf(23))
    show("LOG_SQRT_HALF", binary32(sqrt(half)))
    show("LOG_MINUS_HALF", -half)
    show("LOG_LN2_HIGH", high)
    show("LOG_LN2_LOW", low)
    print("#define LOG_INFINITY 0x7f800000u\n#define LOG_MINUS_INFINITY 0xff800000u\n#define LOG_NAN 0x7fc00000u")
    fit("LOG_P", 8, sqrt(half) - 1, sqrt(mpf(2)) - 1, lambda f: (log1p(f) - f + f * f / 2) / f**3,
        lambda f: f**3 / log1p(f))

    print()
    border = mpf(5) / 8
    show("TANH_BORDER", border)
    show("TANH_HIGHEST", mpf(20))
    fit("TANH_P", 4, mpf(2)**-24, border**2, lambda z: (tanh(sqrt(z)) / sqrt(z) - 1) / z,
        lambda z: z * sqrt(z) / tanh(sqrt(z)))

    print()
    border, highest = mpf(59) / 64, mpf(4)
    show("ERF_BORDER", border)
    show("ERF_HIGHEST", highest)
    fit("ERF_P", 6, mpf(2)**-24, border**2, lambda z: erf(sqrt(z)) / sqrt(z) - 1, lambda z: sqrt(z) / erf(sqrt(z)))
    fit("ERF_R", 6, border, highest, lambda t: log(erfc(t)) / t + 1, lambda t: t * erfc(t) / erf(t))

    print()
    pi_high = binary32(pi)
    show("TURN_MINUS_TWO", mpf(-2))
    show("TURN_MINUS_HALF", -half)
    show("SIN_PI_HIGH", pi_high)
    show("SIN_PI_LOW", binary32(pi - pi_high))
    fit("SIN_P", 2, mpf(2)**-24, mpf(1) / 16, lambda z: (sin(pi * sqrt(z)) / sqrt(z) - pi) / z,
        lambda z: z * sqrt(z) / sin(pi * sqrt(z)))
    fit("COS_P", 3, mpf(2)**-24, mpf(1) / 16, lambda z: (cospi(sqrt(z)) - 1) / z, lambda z: z / cospi(sqrt(z)))
    print("\n#endif")


if __name__ == "__main__":
    sys.exit(main())
