#!/usr/bin/env python3
"""Looks up every clause that the code quotes.

    clauses.py ROOT NAME=PAGE ..    ROOT/src quotes "TAPE 4.4"; NAME=PAGE says where: TAPE=docs/tape.md
    clauses.py --self-test          shows on small pages made on the spot that it can fail

A page has clauses as **4.4** or "- 4.4 text", and sections as "## 4 Records"; `TAPE 4.4, 4.5 and 5.3 (b)` quotes three. Words in quotation marks right
after a clause have to stand in its section.
"""
import os
import re
import sys
import tempfile

NUMBER = r"[A-Z]?\d+(?:\.\d+)*"
WORDS = re.compile(r'\s*(?:\([a-f]\)\s*)?:?\s*"([^"]+)"')
MORE = re.compile(rf"\s*(?:\([a-f]\))?(?:,| and| or| to)\s+({NUMBER})(?![\w%])")
HEADING = re.compile(rf"^(?:##+ |\*\*|- (?=[A-Z]?\d+\.\d))({NUMBER})(?=\.?\*\*|\.? )", re.MULTILINE)


def quotations(text, names):
    """(position, page name, clause, words or None)"""
    for m in re.finditer(rf"\b({'|'.join(names)})\s+({NUMBER})", text):
        at, clause = m.end(), m[2]
        while True:
            words = WORDS.match(text, at)
            yield m.start(), m[1], clause, words and words[1]
            more = MORE.match(text, at)
            if not more:
                break
            at, clause = more.end(), more[1]


def clauses(page):
    """Clause number to its text; a section's text is everything under it."""
    found, marks = {}, [(m.start(), m[1]) for m in HEADING.finditer(page)]
    for i, (start, number) in enumerate(marks):
        end = next((s for s, n in marks[i + 1:] if not n.startswith(number + ".")), len(page))
        found[number] = page[start:end]
    return found


def plain(text):
    return re.sub(r"[\s*/`]+", " ", text).lower()


def check(root, pages):
    known, faults, count = {}, [], 0
    for name, page in pages.items():
        with open(os.path.join(root, page), encoding="utf-8") as f:
            known[name] = clauses(f.read())
    for folder, folders, names in os.walk(os.path.join(root, "src")):
        folders.sort()
        for file in sorted(names):
            if not re.search(r"\.(c|h|inc|txt|py)$", file):
                continue
            path = os.path.join(folder, file)
            with open(path, encoding="utf-8") as f:
                text = re.sub(r"\n[ \t]*(?:\*|//|#)?[ \t]*", lambda m: " " * (len(m[0]) - 1) + "\n", f.read())
            for at, name, clause, words in quotations(text, pages):
                count += 1
                where = f"{os.path.relpath(path, root)}:{text.count(chr(10), 0, at) + 1}: {name} {clause}"
                if clause not in known[name]:
                    faults.append(f"{where}: {pages[name]} has no such clause")
                elif words and plain(words) not in plain(known[name][clause]):
                    faults.append(f"{where}: \"{words}\" does not stand there")
    return faults, count


def self_test():
    page = "# T\n\n## 4 Records\n\n**4.1** A record has\none encoding.\n\n**4.4** Axes.\n\n## M2 State\n\n**M2.1** The blob.\n\n## 7. Last\n- 7.1 an item\n- 7 is no clause\n"
    cases = [("/* TAPE 4.1, 4.4 and M2.1. */", 0, 3), ("/* TAPE 4. */", 0, 1), ("/* TAPE 4.2 */", 1, 1), ("/* TAPE 4.1, 4.3 */", 1, 2),
             ("/* TAPE M2 */", 0, 1), ("/* TAPE 4.1: \"one\n * encoding\" */", 0, 1), ("/* TAPE 4 \"axes\" */", 0, 1),
             ("/* TAPE 4.4: \"one encoding\" */", 1, 1), ("/* TAPE\n * 4.4 */", 0, 1), ("/* TAPE 4.4, 8 of them */", 1, 2),
             ("/* MIXTAPE 9 */", 0, 0), ("/* TAPE 7, 7.1. */", 0, 2), ("/* TAPE 7.2 */", 1, 1)]
    for text, wrong, count in cases:
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, "src"))
            for path, content in (("src/a.c", text), ("page.md", page)):
                with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                    f.write(content)
            faults, quoted = check(root, {"TAPE": "page.md"})
            if len(faults) != wrong or quoted != count:
                sys.exit(f"self-test: {text!r}: expected {count} quotations, {wrong} wrong, found {quoted}, {faults}")
    print(f"{len(cases)} cases as expected")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    faults, count = check(sys.argv[1], dict(a.split("=", 1) for a in sys.argv[2:]))
    if not count:
        sys.exit("no quotation found, so nothing was checked")
    print("\n".join(faults) if faults else f"{count} quotations, all of them there")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
