#!/usr/bin/env python3
"""Every command and every option that --help shows stands in the man page, under its command, and nothing else does.

usage: man_test.py ASSAY MAN_PAGE
"""
import re
import subprocess
import sys

assay, page = sys.argv[1:]


def output(*words):
    done = subprocess.run([assay, *words], stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, (words, done.returncode)
    return done.stdout


def options_in_help(text):
    return set(re.findall(r"--[a-z][a-z-]*", text.split("\noptions:\n")[1])) - {"--help"}


helped = {name: options_in_help(output(name, "--help")) for name in re.findall(r"^  (\w+) +\S", output("--help"), re.M) if name != "assay"}
assert len(helped) >= 10, sorted(helped)

man = open(page).read().replace("\\-", "-")
manned = {}
for section in man.split(".SH COMMANDS")[1].split("\n.SH ")[0].split("\n.SS ")[1:]:
    name = section.split()[0]
    manned[name] = set()
    for paragraph in section.split("\n.TP\n")[1:]:
        manned[name] |= set(re.findall(r"--[a-z][a-z-]*", paragraph.split("\n")[0]))

mistakes = [f"{name}: in the help, not in the man page: {sorted(options - manned.get(name, set()))}"
            for name, options in helped.items() if options - manned.get(name, set()) or name not in manned]
mistakes += [f"{name}: in the man page, not in the help: {sorted(options - helped.get(name, set()))}"
             for name, options in manned.items() if options - helped.get(name, set()) or name not in helped]
print("\n".join(mistakes) or f"{len(helped)} commands, {sum(map(len, helped.values()))} options")
sys.exit(bool(mistakes))
