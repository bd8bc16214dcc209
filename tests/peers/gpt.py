#!/usr/bin/env python3
"""The byte-level GPT of examples/gpt beside PyTorch: same weights, same batches, two loss curves in one picture.

    tests/peers/gpt.py [--updates 600] [--threads 2] [--assay build/release/assay] [--picture docs/gpt.svg]

Exports the model, trains it with `assay train` as examples/gpt/job.yaml says, then trains the same module in PyTorch (float32) on
the very samples that the job's seed drew: their order follows docs/numerics.md 2.3 and docs/lower.md 8.1. PyTorch is looked for
as tests/peers/compare.py does. Rounding differs, so the curves part by a little after some hundred updates; the table says by how much.
Exit status: 0 drawn, 1 the curves differ by more than --bound, 3 something is missing.
"""
import argparse
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "numerics")]
EXAMPLE = ROOT / "examples" / "gpt"
LINE = re.compile(r"^(\w+): *(.*?) *(?:#.*)?$", re.M)


def options():
    """What this script must know of the job file, as text by key."""
    return dict(LINE.findall((EXAMPLE / "job.yaml").read_text()))


def environment(a):
    """The example exports with the package of this tree, and that asks the program."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "python"), "ASSAY": str(a.assay)}


def ours(a, folder):
    job = (EXAMPLE / "job.yaml").read_text()
    job = re.sub(r"^updates: .*", f"updates: {a.updates}", job, flags=re.M)
    (folder / "job.yaml").write_text(job)
    start = time.perf_counter()
    subprocess.run([a.assay, "train", folder / "job.yaml", "-o", folder / "run", "--threads", str(a.threads), "--force",
                    "--quiet"], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    rows = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
    return {r["update"]: r["loss"] for r in rows if "loss" in r}, seconds


def batches(samples, batch, updates, seed):
    """Which samples each update reads (lower.md 8.1)."""
    from numerics_test import perm
    per_epoch = samples // batch
    for u in range(updates):
        epoch, place = divmod(u, per_epoch)
        yield [perm(epoch, samples, place * batch + j, seed) for j in range(batch)]


def theirs(a, folder):
    """PyTorch's losses, in a process of its own: --torch is this script under PyTorch's interpreter."""
    start = time.perf_counter()
    out = subprocess.run([a.python, __file__, "--torch", folder, "--updates", str(a.updates), "--threads", str(a.threads)],
                         check=True, capture_output=True, text=True, env=environment(a)).stdout
    return json.loads(out), time.perf_counter() - start


def train_torch(a):
    import importlib.util

    import torch
    spec = importlib.util.spec_from_file_location("export", EXAMPLE / "export.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    model = example.Gpt().train()
    text = torch.frombuffer(bytearray((a.torch / "licenses.txt").read_bytes()), dtype=torch.uint8).long()
    text = text[:len(text) * 9 // 10]
    context, batch, warmup, end, lr = example.CONTEXT, 32, 50, 0.1, 1e-3
    samples = (len(text) - 1 - context) // context + 1
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.99), weight_decay=0.1)
    losses = {}
    for u, rows in enumerate(batches(samples, batch, a.updates, 42), 1):
        t = (u - 1 - warmup) / (a.updates - warmup)
        factor = u / warmup if u <= warmup else end + (1 + math.cos(math.pi * t)) * (1 - end) / 2
        for group in optimizer.param_groups:
            group["lr"] = lr * factor
        window = torch.stack([text[r * context:r * context + context + 1] for r in rows])
        loss = torch.nn.functional.cross_entropy(model(window[:, :-1]).flatten(0, 1), window[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses[u] = loss.item()
    print(json.dumps(losses))


def picture(path, curves, updates):
    """Two loss curves as SVG: `curves` is (label, colour, dash, {update: loss}) each."""
    width, height, left, bottom = 720, 400, 56, 44
    top = math.ceil(max(max(c[3].values()) for c in curves))
    x = lambda u: left + (width - left - 16) * u / updates  # noqa: E731
    y = lambda v: height - bottom - (height - bottom - 24) * v / top  # noqa: E731
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13">',
           f'<rect width="{width}" height="{height}" fill="white"/>']
    for v in range(top + 1):
        out.append(f'<path d="M{left} {y(v):.1f}H{width - 16}" stroke="#ddd"/><text x="{left - 8}" y="{y(v) + 4:.1f}" '
                   f'text-anchor="end">{v}</text>')
    for u in range(0, updates + 1, max(1, updates // 6)):
        out.append(f'<text x="{x(u):.1f}" y="{height - bottom + 20}" text-anchor="middle">{u}</text>')
    out.append(f'<text x="{(left + width) / 2}" y="{height - 6}" text-anchor="middle">updates</text>')
    out.append(f'<text x="14" y="{height / 2}" text-anchor="middle" transform="rotate(-90 14 {height / 2})">'
               'loss (nats a byte)</text>')
    for n, (label, colour, dash, losses) in enumerate(curves):
        points = " ".join(f"{x(u):.1f},{y(v):.1f}" for u, v in sorted(losses.items()))
        out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{1.2 if dash else 3}" '
                   f'stroke-dasharray="{dash}"/>')
        out.append(f'<path d="M{width - 190} {44 + 22 * n}h36" stroke="{colour}" stroke-width="{1.2 if dash else 3}" '
                   f'stroke-dasharray="{dash}"/><text x="{width - 146}" y="{48 + 22 * n}">{label}</text>')
    path.write_text("\n".join(out) + "\n</svg>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=600)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--assay", type=pathlib.Path, default=ROOT / "build" / "release" / "assay")
    parser.add_argument("--picture", type=pathlib.Path, default=ROOT / "docs" / "gpt.svg")
    parser.add_argument("--bound", type=float, default=0.05, help="largest difference of the mean loss over 20 updates")
    parser.add_argument("--python", help="an interpreter that has torch, onnx and onnxscript")
    parser.add_argument("--torch", type=pathlib.Path, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.torch:
        return train_torch(a)
    from peer_python import peer_python
    a.python = peer_python(a.python, ("torch", "numpy", "onnx", "onnxscript"))
    folder = ROOT / "build" / "peers-gpt"
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([a.python, EXAMPLE / "export.py", folder], check=True, env=environment(a))
    mine, my_seconds = ours(a, folder)
    other, seconds = theirs(a, folder)
    other = {int(u): v for u, v in other.items()}
    mean = lambda losses, u: sum(losses[n] for n in range(u - 19, u + 1)) / 20  # noqa: E731
    worst = 0
    print("update      Assay    PyTorch  difference")
    for u in [1, 2, 5, 10, 20, 50] + list(range(100, a.updates + 1, 100)):
        print(f"{u:6d} {mine[u]:10.6f} {other[u]:10.6f} {mine[u] - other[u]:+11.6f}")
    for u in range(20, a.updates + 1):
        worst = max(worst, abs(mean(mine, u) - mean(other, u)))
    print(f"largest difference of the mean over 20 updates: {worst:.4f}")
    print(f"Assay {my_seconds:.0f} s with its evaluations, PyTorch {seconds:.0f} s without, {a.threads} threads each")
    picture(a.picture, [("PyTorch, float32", "#e39b2d", "", other), ("Assay", "#1b4f8f", "4 3", mine)], a.updates)
    return 0 if worst <= a.bound else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
