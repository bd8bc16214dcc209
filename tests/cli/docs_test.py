#!/usr/bin/env python3
"""The pages agree with the tree: links lead somewhere, and every key of a job file stands in docs/job.md, and the
commands they name exist.

usage: docs_test.py SOURCE_FOLDER
"""
import glob
import os
import re
import sys

source = sys.argv[1]
mistakes = []
pages = [os.path.join(source, name) for name in ("README.md", "DESIGN.md")] + sorted(glob.glob(os.path.join(source, "docs", "*.md")))
links = 0
for page in pages:
    text = re.sub(r"```.*?```", "", open(page).read(), flags=re.S)
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" in link:
            continue
        links += 1
        if not os.path.exists(os.path.join(os.path.dirname(page), link)):
            mistakes.append(f"{os.path.relpath(page, source)}: link to {link}, which is not there")
assert links > 10, links

job_page = open(os.path.join(source, "docs", "job.md")).read()
code = open(os.path.join(source, "src", "training", "jobfile", "jobfile.c")).read()
keys = {key for call in re.findall(r"KNOWN\(f, \w+, (.*?)\)", code, re.S) for key in re.findall(r'"(\w+)"', call)}
assert len(keys) > 25, sorted(keys)
later = {"file", "context"}  # recognised in order to say that they belong to formats that come later
mistakes += [f"docs/job.md does not mention the key '{key}'" for key in sorted(keys - later) if not re.search(rf"\b{key}\b", job_page)]

# Every `assay WORD` in code, in a line or a block, is a command that there is.
commands = {"man"} | {m for f in glob.glob(os.path.join(source, "src", "cli", "**", "*.c"), recursive=True)
                      for m in re.findall(r'struct command command_\w+ = \{\s*\.name = "(\w+)"', open(f).read())}
assert len(commands) > 15, sorted(commands)
calls = 0
for page in pages:
    text = open(page).read()
    for code in re.findall(r"```.*?```", text, re.S) + re.findall(r"(?<!`)`[^`\n]+`(?!`)", text):
        for word in re.findall(r"(?m)(?:^|[`;&|]|sudo -u \S+) *assay ([a-z]+)\b", code):
            calls += 1
            if word not in commands:
                mistakes.append(f"{os.path.relpath(page, source)}: assay {word} is no command")
assert calls > 20, calls
print("\n".join(mistakes) or f"{links} links, {len(keys)} keys, {calls} commands")
sys.exit(bool(mistakes))
