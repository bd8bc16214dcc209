#!/usr/bin/env python3
"""Checks the model of the pinpoint game with spin, and shows that the model can fail.

    check.py                   every configuration, to the last state: whoever is honest wins, and every run ends
    check.py --self-test       with one rule left out at a time, spin must find the run in which the honest side loses
    check.py --keep DIR        leaves the programs that spin makes, and the trails of what failed, in DIR

Needs spin and a C compiler. Exit status 1 if anything is not as it should be: an error, a search that was cut short, a
situation that no run reached, a rule whose absence goes unnoticed.
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
import time

MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pinpoint.pml")
DEPTH = 20000
MEMORY_MB = 1024
CHALLENGER, CLAIMANT = 0, 1

# (honest seat, steps, leaves of V, slab rounds for V, for S_j, start states)
GAMES = [
    (CHALLENGER, 1, 3, 0, 0, 4),
    (CHALLENGER, 1, 4, 0, 1, 1),
    (CHALLENGER, 1, 3, 1, 0, 4),
    (CHALLENGER, 1, 4, 2, 1, 1),
    (CHALLENGER, 2, 3, 1, 1, 1),
    (CHALLENGER, 2, 3, 0, 0, 2),
    (CHALLENGER, 3, 3, 2, 0, 1),
    (CLAIMANT, 1, 3, 0, 0, 16),
    (CLAIMANT, 1, 4, 0, 1, 16),
    (CLAIMANT, 2, 3, 1, 1, 16),
    (CLAIMANT, 2, 4, 2, 0, 16),
    (CLAIMANT, 3, 4, 1, 1, 16),
    (CLAIMANT, 3, 3, 2, 1, 16),
]

# Once more for cycles, which spin looks for in a slower way: every run comes to its verdict.
ENDINGS = [
    (CHALLENGER, 1, 3, 2, 1, 1),
    (CLAIMANT, 3, 4, 2, 1, 1),
]

# Rules left out, and who then loses although honest. Not listed because nothing is lost without them:
#   P2.5, nothing to deny: the claimant could not name a word either, and would lose by the clock instead;
#   a word out of range is posted as 0: it is not read, and an honest claimant does not name it;
#   a u8 word is at most 255, a NaN is 7fc00000: another word is a false one, which is named and has no proof. These
#   two keep one encoding for one meaning.
LOST = r"loser!=[01]"
RULES = [
    (1, CLAIMANT, 1, 0, "a case has y' other than y", LOST),
    (2, CLAIMANT, 1, 0, "the path of a PROOF leads to the root", LOST),
    (3, CLAIMANT, 1, 0, "what a PROOF shows is the posted word", LOST),
    (4, CLAIMANT, 1, 0, "the place of a PROOF follows from record and posted index words", LOST),
    (5, CLAIMANT, 1, 0, "an honest claimant names the first wrong word", LOST),
    (6, CLAIMANT, 1, 0, "index words stand before what is found through them", LOST),
    (7, CLAIMANT, 1, 0, "the record of a case has the leaf", LOST),
    (8, CLAIMANT, 1, 0, "OPERANDS recompute to the posted result", LOST),
    (9, CLAIMANT, 1, 0, "the path of EXPRESS leads to the root", LOST),
    (10, CLAIMANT, 1, 0, "NODE names no absent node", LOST),
    (11, CLAIMANT, 1, 0, "EXPRESS names no absent leaf", LOST),
    (12, CHALLENGER, 2, 0, "the last of STEPS is the end root", LOST),
    (13, CHALLENGER, 1, 0, "the nodes of VALUES hash up to V", LOST),
    (14, CHALLENGER, 1, 0, "the nodes of VALUES hash up to S_j", LOST),
    (15, CHALLENGER, 1, 1, "a SLAB hashes up to the named node", LOST),
    (16, CHALLENGER, 1, 0, "the LEAF has the named hash", LOST),
    (17, CHALLENGER, 1, 0, "nodes are absent exactly beyond the leaves", LOST),
    (18, CHALLENGER, 1, 0, "CHUNK names a chunk that there is", LOST),
    (19, CHALLENGER, 1, 0, "OPERAND names a word in range", LOST),
    (20, CHALLENGER, 1, 0, "a case may name an element behind the end", LOST),
    (21, CLAIMANT, 1, 0, "a slack never grows", r"slack\[turn\]<="),
    (22, CHALLENGER, 1, 0, "silence loses", r"non-progress cycle"),
    (23, CHALLENGER, 1, 0, "an honest challenger takes V before S_j", LOST),
    (24, CHALLENGER, 1, 0, "an honest challenger takes the lowest leaf that differs", LOST),
    (25, CHALLENGER, 2, 0, "an honest challenger takes the first step that differs", LOST),
    (26, CHALLENGER, 1, 0, "operands of a temp value lie before it", r"at_index/2\)<node"),
]


def expected(seat, steps, temp_l, out_l):
    """What some run must have come to: every kind of verdict, and silence wherever the liar has a move."""
    marks = {"express in temp", "express in out", "chunk 0", "chunk 1", "first word", "second word"}
    slabs = max(temp_l, out_l)
    if seat == CHALLENGER:
        marks |= {"proof in temp", "proof in out", "nothing behind the end", "nothing in a case", "nothing in operands"}
        silent = [4, 10, 12, 14] + [2] * (steps > 1) + [6] * (slabs >= 1) + [8] * (slabs >= 2)
    else:
        silent = [5, 11, 13, 15] + [3] * (steps > 1) + [7] * (slabs >= 1) + [9] * (slabs >= 2)
    return marks | {"silence at %d" % number for number in silent}


def all_marks():
    with open(MODEL, encoding="utf-8") as f:
        return set(re.findall(r'printf\("reached: ([^"\\]+)\\n"\)', f.read()))


class Search:
    """One search of one configuration by spin: -o3 keeps statements apart, so that unreached ones are listed."""

    def __init__(self, tools, folder, defines, cycles=False):
        os.makedirs(folder, exist_ok=True)
        start = time.monotonic()
        make = [[tools.spin, "-o3", "-a", *("-D%s=%d" % d for d in defines.items()), MODEL],
                [tools.cc, "-O0", "-w", "-DMEMLIM=%d" % MEMORY_MB, "-DNP" if cycles else "-DSAFETY", "-o", "pan", "pan.c"]]
        self.text = ""
        for command in make:
            done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.text += done.stdout
            if done.returncode != 0:
                break
        else:
            run = ["./pan", "-m%d" % DEPTH, "-w20"] + (["-l"] if cycles else [])
            self.text += subprocess.run(run, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
        self.seconds = time.monotonic() - start
        self.states = self.number(r"([0-9.e+]+) states, stored")
        self.depth = self.number(r"depth reached (\d+)")
        self.errors = self.number(r"errors: (\d+)")
        self.what = " ".join(re.findall(r"^pan:1: (.*?)(?: \(at depth \d+\))?$", self.text, re.MULTILINE))
        self.unreached = set(re.findall(r"printf\('reached: ([^'\\]+)\\n'\)", self.text))

    def number(self, pattern):
        found = re.search(pattern, self.text)
        return int(float(found.group(1))) if found else -1

    def trouble(self):
        """Why this was no complete search without an error; empty if it was."""
        if self.errors != 0:
            return self.what or "spin, the compiler or the search failed:\n" + self.text[-2000:]
        for cut in ("max search depth too small", "Search not completed", "out of memory", "hash table full"):
            if cut in self.text:
                return "the search was cut short: " + cut
        return "" if self.states > 0 else "no state was searched"


def game_line(tools, folder, game, cycles):
    seat, steps, leaves, temp_l, out_l, starts = game
    defines = {"SEAT": seat, "STEPS": steps, "LEAVES": leaves, "TEMP_L": temp_l, "OUT_L": out_l, "STARTS": starts}
    search = Search(tools, folder, defines, cycles)
    trouble = search.trouble()
    if not trouble and not cycles:
        missing = (expected(seat, steps, temp_l, out_l) & search.unreached) | (expected(seat, steps, temp_l, out_l) - all_marks())
        if missing:
            trouble = "no run came to: " + ", ".join(sorted(missing))
    line = "honest %-10s %s steps %d, leaves %d, slabs %d and %d, starts %2d: %8d states, depth %4d, errors %d, %5.1f s" % (
        ("challenger", "claimant")[seat], "cycles," if cycles else "wins,  ", steps, leaves, temp_l, out_l, starts,
        search.states, search.depth, search.errors, search.seconds)
    return line + ("\n  " + trouble if trouble else ""), not trouble


def rule_line(tools, folder, rule):
    broken, seat, steps, slabs, words, pattern = rule
    defines = {"SEAT": seat, "STEPS": steps, "TEMP_L": slabs, "OUT_L": min(slabs, 1), "STARTS": 4, "BROKEN": broken}
    search = Search(tools, folder, defines, cycles=(broken == 22))
    found = search.errors == 1 and re.search(pattern, search.what) is not None
    line = "without %2d, %s: %s, depth %d, %.1f s" % (
        broken, words, search.what or "NOTHING FOUND", search.depth, search.seconds)
    return line if found else line + "\n  expected: " + pattern, found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--keep", metavar="DIR")
    parser.add_argument("--spin", default="spin")
    parser.add_argument("--cc", default="cc")
    tools = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor(2) as pool:
        top = os.path.abspath(tools.keep) if tools.keep else scratch
        if tools.self_test:
            work = [pool.submit(rule_line, tools, os.path.join(top, "without-%d" % r[0]), r) for r in RULES]
        else:
            work = [pool.submit(game_line, tools, os.path.join(top, "game-%d" % n), g, False) for n, g in enumerate(GAMES)]
            work += [pool.submit(game_line, tools, os.path.join(top, "cycles-%d" % n), g, True) for n, g in enumerate(ENDINGS)]
        good = True
        for job in work:
            line, fine = job.result()
            print(line, flush=True)
            good = good and fine
    done = "%d rules: each is needed" if tools.self_test else "%d searches to the last state: the honest side wins, and every game ends"
    print(done % len(work) if good else "FAILED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
