#!/usr/bin/env python3
"""The manual page is what the program prints, tells of every command and option, and roff has no complaint about it.

usage: man_test.py ASSAY MAN_PAGE
"""
import difflib
import os
import re
import shutil
import subprocess
import sys

assay, path = sys.argv[1:]


def output(*words):
    done = subprocess.run([assay, *words], stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, (words, done.returncode)
    return done.stdout


def options_in_help(text):
    return set(re.findall(r"--[a-z][a-z-]*", text.split("\noptions:\n")[1])) - {"--help"}


names = [name for name in re.findall(r"^  (\w+) +\S", output("--help"), re.M) if name != "assay"]
assert len(names) >= 10, names
printed = output("man")
page = open(path).read()
mistakes = []
if page != printed:
    mistakes += list(difflib.unified_diff(page.split("\n"), printed.split("\n"), "man/assay.1", "assay man", n=1, lineterm=""))[:40]
    source = os.path.dirname(os.path.dirname(os.path.abspath(path)))
    mistakes.append(f"the page is not the program's; after a look: {os.path.relpath(assay, source)} man > man/assay.1")

commands = {section.split()[0]: section.split("\n.SH ")[0].replace("\\-", "-") for section in printed.split("\n.SS ")[1:]}
mistakes += [f"{name}: not in the page" for name in names if name not in commands]
mistakes += [f"{name}: in the page, not in the help" for name in commands if name not in names]
count = 0
for name in set(names) & set(commands):
    in_page = {option for paragraph in commands[name].split("\n.TP\n")[1:] for option in re.findall(r"--[a-z][a-z-]*", paragraph.split("\n")[0])}
    in_help = options_in_help(output(name, "--help"))
    count += len(in_help)
    mistakes += [f"{name}: {option} is not in the page" for option in sorted(in_help - in_page)]
mistakes += [f"'{line}' is no ASCII" for line in printed.split("\n") if not line.isascii()]
if shutil.which("groff"):
    done = subprocess.run(["groff", "-man", "-ww", "-b", "-z", "-Tutf8"], input=printed, stderr=subprocess.PIPE, text=True)
    mistakes += done.stderr.split("\n")[:20] if done.stderr or done.returncode else []
print("\n".join(mistakes) or f"{len(commands)} commands, {count} options")
sys.exit(bool(mistakes))
