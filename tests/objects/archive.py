#!/usr/bin/env python3
"""Reads the symbols of an archive that others link: it shows the given names and no other, and asks for what every C compiler asks
for by itself, and for assert's symbol.

    archive.py --nm NM ARCHIVE NAME..
    archive.py --nm NM --self-test COMPILER [FLAG..]    shows on objects made on the spot that it can fail
"""
import argparse
import os
import subprocess
import sys
import tempfile

# Compilers call these four for copies, fills and comparisons (C17 5.1.2.1 leaves a freestanding program the rest). The others are
# what some of them are told to put in by default: stack protectors, checked copies, position-independent code.
ASKED = {"memcpy", "memmove", "memset", "memcmp", "__assert_fail", "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail", "__stack_chk_guard",
         "__memcpy_chk", "__memmove_chk", "__memset_chk"}


def symbols(nm, path):
    """Names that are shown, names that are asked for."""
    text = subprocess.run([nm, path], check=True, capture_output=True, text=True).stdout
    shown, asked = set(), set()
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[-2] == "U":
            asked.add(words[-1])
        elif len(words) == 3 and (words[1].isupper() or words[1] in "vwu"):
            shown.add(words[2])
    return shown, asked - shown


def check(nm, path, names):
    shown, asked = symbols(nm, path)
    faults = [f"does not show {name}" for name in sorted(set(names) - shown)]
    faults += [f"shows {name}" for name in sorted(shown - set(names))]
    faults += [f"asks for {name}" for name in sorted(asked - ASKED)]
    return faults


SELF_TEST = [
    ("int f(int a) { return a; }", 0),
    ("int f(int a) { return a; } int other(int a) { return a; }", 1),
    ("int g(int a) { return a; }", 2),
    ("void *malloc(unsigned long); void *f(void) { return malloc(5); }", 1),
    ("int puts(const char *); int at; int f(void) { return puts(\"\") + at; }", 2),
]


def self_test(nm, command):
    with tempfile.TemporaryDirectory() as folder:
        for number, (source, wrong) in enumerate(SELF_TEST):
            path = os.path.join(folder, f"{number}.c")
            with open(path, "w", encoding="ascii") as file:
                file.write(source + "\n")
            subprocess.run(command + ["-O2", "-w", "-fno-builtin", "-c", path, "-o", path + ".o"], check=True)
            faults = check(nm, path + ".o", ["f"])
            if len(faults) != wrong:
                sys.exit(f"self-test: {source!r}: expected {wrong} faults, found {faults}")
    print(f"{len(SELF_TEST)} objects as expected")


def main():
    parser = argparse.ArgumentParser(description="read an archive's symbols")
    parser.add_argument("--nm", required=True)
    parser.add_argument("--self-test", nargs=argparse.REMAINDER, metavar="COMPILER")
    parser.add_argument("archive", nargs="?")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if options.self_test:
        return self_test(options.nm, options.self_test)
    if not options.archive or not options.names:
        parser.error("an archive and the names that it shows")
    faults = check(options.nm, options.archive, options.names)
    print("\n".join(faults) if faults else f"shows {', '.join(options.names)} and asks for nothing else")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
