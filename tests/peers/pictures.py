#!/usr/bin/env python3
"""Draws docs/steps.svg (time a step by operator) and docs/roofline.svg (each kernel between its two ceilings) from what
`assay bench step --profile` tells of the rows of docs/performance.md. Needs nothing but Python.

    tests/peers/pictures.py [--assay build/release/assay] [--rows ...] [--peak 350] [--save FILE | --from FILE] [--folder docs]

--peak is what the processor's multiply-adds come to, in GFLOP/s over all threads: cores x clock x 64 with two AVX-512 units, x 32 with
two of AVX2. The other ceiling, what two threads copy from memory to memory, is measured here. Exit status: 0 drawn, 3 no measurement.
"""
import argparse
import concurrent.futures
import ctypes
import json
import math
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))
from rows import ROWS  # noqa: E402

# (what it is called, its colour, its operators); products are told apart by their part of the step
CLASSES = [
    ("products, forward", "#1b4f8f", ("Gemm", "MatMul", "Conv")),
    ("products, backward", "#6f9fd8", ()),
    ("softmax", "#c0392b", ("Softmax", "LogSoftmax")),
    ("norms", "#e39b2d", ("BatchNormalization", "LayerNormalization", "GroupNormalization", "InstanceNormalization")),
    ("activations", "#3b8f5a", ("Relu", "Gelu", "Tanh", "Sigmoid")),
    ("sums, pools", "#8fc79f", ("Add", "Mul", "Sub", "Div", "MaxPool", "AveragePool", "ReduceMean", "GlobalAveragePool")),
    ("moves", "#8e6bbf", ("Reshape", "Transpose", "Split", "SplitToSequence", "SequenceAt", "Concat", "Gather", "Flatten", "Slice")),
    ("batch, loss", "#999999", ("batch", "loss")),
    ("optimizer", "#333333", ("optimizer",)),
]


def class_of(line):
    for n, (_, _, operators) in enumerate(CLASSES):
        if line["op"] in operators:
            return 1 if n == 0 and line["part"] == "backward" else n
    return 5


def measure(a):
    rows = {}
    for name in a.rows:
        steps = str(max(3, ROWS[name].steps // 2))
        done = subprocess.run([a.assay, "bench", "step", "--row", name, "--quick", "--profile", "--json", "--steps", steps],
                              capture_output=True, text=True)
        if done.returncode != 0:
            print(f"pictures.py: {name}: {done.stderr.strip()}", file=sys.stderr)
            continue
        rows[name] = [json.loads(line) for line in done.stdout.splitlines()]
    if not rows:
        sys.exit(3)
    return {"rows": rows, "peak": a.peak, "bandwidth": bandwidth()}


def bandwidth(megabytes=128, threads=2):
    """GB/s read and written while every thread copies a block that no cache holds; the best of some."""
    size = megabytes << 20
    blocks = [(ctypes.create_string_buffer(size), ctypes.create_string_buffer(size)) for _ in range(threads)]
    best = 0.0
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for _ in range(6):
            start = time.perf_counter()
            list(pool.map(lambda b: ctypes.memmove(b[0], b[1], size), blocks))
            best = max(best, 2 * threads * size / (time.perf_counter() - start) / 1e9)
    return best


def begin(width, height):
    return [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13">',
            f'<rect width="{width}" height="{height}" fill="white"/>']


def legend(out, x, y, step=20):
    for n, (name, colour, _) in enumerate(CLASSES):
        out.append(f'<rect x="{x}" y="{y + step * n - 10}" width="12" height="12" fill="{colour}"/><text x="{x + 18}" y="{y + step * n}">{name}</text>')


def draw_steps(path, data):
    """A bar a row, cut by class; each bar is a whole step."""
    width, left, right, bar = 860, 104, 240, 30
    rows = data["rows"]
    height = 34 + bar * len(rows) + 30
    out = begin(width, max(height, 34 + 20 * len(CLASSES) + 8))
    for n, (name, lines) in enumerate(rows.items()):
        y, at, span = 26 + bar * n, left, width - left - right
        step = next(line for line in lines if line.get("profile") == "tape")["ms"]
        sums = [0.0] * len(CLASSES)
        for line in lines:
            if line.get("profile") == "operator":
                sums[class_of(line)] += line["ms"]
        out.append(f'<text x="{left - 8}" y="{y + 15}" text-anchor="end">{name}</text>')
        for (title, colour, _), ms in zip(CLASSES, sums):
            w = span * ms / step
            out.append(f'<rect x="{at:.1f}" y="{y}" width="{w:.1f}" height="{bar - 8}" fill="{colour}"><title>{name}, {title}: {ms:.2f} ms</title></rect>')
            at += w
        out.append(f'<text x="{left + span + 8}" y="{y + 15}">{step:.3g} ms</text>')
    for percent in (0, 25, 50, 75, 100):
        x = left + (width - left - right) * percent / 100
        out.append(f'<text x="{x:.0f}" y="{26 + bar * len(rows) + 16}" text-anchor="middle" fill="#666">{percent} %</text>')
    legend(out, width - 160, 36)
    path.write_text("\n".join(out) + "\n</svg>\n")


def draw_roofline(path, data):
    """Operations a byte against operations a second, both logarithmic; a circle is a line of a row's profile, its area its share."""
    width, height, left, bottom, right = 860, 520, 64, 48, 176
    low_x, high_x, low_y, high_y = -4, 9, -1, 9  # powers of two
    x = lambda v: left + (width - left - right) * (math.log2(v) - low_x) / (high_x - low_x)  # noqa: E731
    y = lambda v: height - bottom - (height - bottom - 20) * (math.log2(v) - low_y) / (high_y - low_y)  # noqa: E731
    out = begin(width, height)
    for p in range(low_x, high_x + 1):
        label = f"{2 ** p}" if p >= 0 else f"1/{2 ** -p}"
        out.append(f'<path d="M{x(2 ** p):.1f} 20V{height - bottom}" stroke="#eee"/><text x="{x(2 ** p):.1f}" y="{height - bottom + 18}" text-anchor="middle">{label}</text>')
    for p in range(low_y, high_y + 1):
        out.append(f'<path d="M{left} {y(2 ** p):.1f}H{width - right}" stroke="#eee"/><text x="{left - 6}" y="{y(2 ** p) + 4:.1f}" text-anchor="end">{2 ** p if p >= 0 else "1/2"}</text>')
    knee = data["peak"] / data["bandwidth"]
    out.append(f'<path d="M{x(2 ** low_x):.1f} {y(2 ** low_x * data["bandwidth"]):.1f}L{x(knee):.1f} {y(data["peak"]):.1f}H{width - right}" '
               'fill="none" stroke="#666" stroke-width="2"/>')
    out.append(f'<text x="{width - right - 6}" y="{y(data["peak"]) - 6:.1f}" text-anchor="end">{data["peak"]:.0f} GFLOP/s: every multiply-add unit busy</text>')
    out.append(f'<text x="{x(2 ** low_x) + 6:.1f}" y="{y(2 ** low_x * data["bandwidth"]) - 20:.1f}">{data["bandwidth"]:.0f} GB/s: copying from memory to memory</text>')
    marks = []
    for name, lines in data["rows"].items():
        for line in lines:
            if line.get("profile") != "records" or line["share"] < 0.004 or not line["ops"] or not line["bytes"]:
                continue
            marks.append((line["share"], name, line))
    for share, name, line in sorted(marks, key=lambda m: -m[0]):
        at_x = min(max(line["ops"] / line["bytes"], 2 ** low_x), 2 ** high_x)
        at_y = min(max(line["ops"] / line["ms"] * 1e-6, 2 ** low_y), 2 ** high_y)
        title, colour, _ = CLASSES[class_of(line)]
        out.append(f'<circle cx="{x(at_x):.1f}" cy="{y(at_y):.1f}" r="{max(2.0, 30 * math.sqrt(share)):.1f}" fill="{colour}" fill-opacity="0.55">'
                   f'<title>{name}: {line["op"]} {line["node"]}, {line["part"]}, {100 * share:.1f} %</title></circle>')
    legend(out, width - 160, 40)
    out.append(f'<text x="{(left + width - right) / 2}" y="{height - 8}" text-anchor="middle">operations a byte of operands and results</text>')
    out.append(f'<text x="16" y="{height / 2}" text-anchor="middle" transform="rotate(-90 16 {height / 2})">10&#8313; operations a second</text>')
    path.write_text("\n".join(out) + "\n</svg>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assay", default=ROOT / "build" / "release" / "assay")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), metavar="ROW")
    parser.add_argument("--peak", type=float, default=350)
    parser.add_argument("--save", type=pathlib.Path, help="also writes what was measured to this file")
    parser.add_argument("--from", type=pathlib.Path, dest="source", help="draws what such a file holds")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "docs")
    a = parser.parse_args()
    data = json.loads(a.source.read_text()) if a.source else measure(a)
    if a.save:
        a.save.write_text(json.dumps(data))
    draw_steps(a.folder / "steps.svg", data)
    draw_roofline(a.folder / "roofline.svg", data)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
