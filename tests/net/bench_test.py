#!/usr/bin/env python3
"""`assay bench ledger`, as short as it can be: it works, and its lines have the shape that scripts read. Says nothing of speed.

usage: bench_test.py ASSAY
"""
import json
import os
import subprocess
import sys
import tempfile

assay = os.path.abspath(sys.argv[1])
side_keys = {"per_second", "finality_median_ms", "finality_p99_ms", "node_cpu_us", "generator_cpu_us", "transactions_a_block", "mempool_full"}


def bench(*words, expect=0):
    done = subprocess.run([assay, "bench", "ledger", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == expect, (words, done.returncode, done.stdout, done.stderr)
    return done


def side(figures):
    assert set(figures) == side_keys, figures
    assert figures["per_second"] > 0 and figures["transactions_a_block"] > 0, figures
    assert figures["node_cpu_us"] > 0, figures
    assert 0 < figures["finality_median_ms"] <= figures["finality_p99_ms"], figures


with tempfile.TemporaryDirectory() as folder:
    lines = [json.loads(line) for line in bench("--rounds", "1", "--seconds", "1", "--only", "8", "--json", "--folder", folder,
                                                "--peers", folder).stdout.splitlines()]
    assert [(line.get("size"), line.get("connections"), line.get("batch")) for line in lines[:-1]] == [("8x1", 8, 1), ("8x10", 8, 10)]
    for line in lines[:-1]:
        assert line["peer"] == "skipped" and line["ratio"] is None, line
        side(line["ours"])
    assert lines[-1] == {"summary": {"least_ratio": None}}, lines[-1]
    assert "cometbft skipped" in bench("--rounds", "1", "--seconds", "1", "--only", "8x1", "--folder", folder, "--peers", folder).stdout

    # With the peer, where it is installed.
    line, last = [json.loads(line) for line in
                  bench("--rounds", "1", "--seconds", "1", "--only", "8x10", "--json", "--folder", folder).stdout.splitlines()]
    side(line["ours"])
    if line["peer"] == "skipped":
        print("cometbft is not installed: measured without it")
    else:
        for name in ("cometbft_fast", "cometbft_default"):
            side(line["peer"][name])
        best = max(line["peer"][name]["per_second"] for name in line["peer"])
        assert abs(line["ratio"]["cometbft"] - line["ours"]["per_second"] / best) < 1e-6, line

    bench("--only", "9x9", expect=2)
    bench("--only", "8x1", "--folder", os.path.join(folder, "nowhere"), expect=3)
    assert os.listdir(folder) == [], os.listdir(folder)  # nothing stays
