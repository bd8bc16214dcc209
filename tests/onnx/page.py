"""docs/onnx.md: which operators pass ONNX's own tests, and why others are refused. Written from outcomes, and read again to see
whether it still says what the tests say."""
import collections
import re

import gradients

HEAD = """# ONNX operators

What of ONNX can be run and trained here, measured with ONNX's own node tests: the {tests} cases that the Python package onnx {version}
generates, each a small model with inputs and expected outputs, run through `assay infer` and compared within the suite's own bounds
(relative 0.001). **{passed} pass, {refused} are refused with a reason, none fails.** {training} more ask for Dropout or BatchNormalization as in
training, and `assay infer` evaluates. Operator sets 13 to 28 are read; a test that was made for an older one runs as 13 where its
operators mean the same there. A test of `DOUBLE` is refused, and run once more as `FLOAT`.

A test counts for the operator it is about. Its *definition* is the same test with the operator replaced by the nodes that ONNX
defines it by. *Gradients* counts comparisons of one training step with central differences in float64 (`tests/onnx/cases`): for
each differentiable input, and for attributes that change the derivative. An operator without any either has no derivative or has
not been compared. Cast, CastLike and SplitToSequence are here although the suite asks them only for types that are not: the float
and whole-number types among each other pass in the definitions of other operators. What each operator does, record by record, is in [lower.md](lower.md), section 4.

Never here, so refused wherever they occur: floats of other widths than 32 bits (`FLOAT16`, `BFLOAT16`, `DOUBLE`, 8 bits and below:
export the model in float32), 4-bit and 2-bit integers, texts, complex numbers, optional values, sequences as inputs and outputs (those
between nodes are followed where they are known), subgraphs (If, Loop, Scan), random numbers other than Dropout's, tensors without elements or of more than 6 axes,
whole numbers beyond 32 bits, and results whose shape depends on data (NonZero, Unique, Compress, NonMaxSuppression).

Made by `python3 tests/onnx/conformance.py --assay build/release/assay --write docs/onnx.md`; `setup/python` installs what it needs.
The release stage of `./check` reruns a fixed share and compares it with this page.

"""

# What a refusal says -> how the page says it; the first that matches.
REASONS = (
    (r"\(passed as FLOAT\)", "DOUBLE, passes as FLOAT"),
    (r"does not know this operator", "not lowered"),
    (r"is (BFLOAT16|FLOAT16|STRING|COMPLEX\w*)[;\" ]", "{0}"),
    (r"is (FLOAT8|FLOAT4)", "floats of 8 bits and below"),
    (r"is U?INT[24][;\" ]", "integers below 8 bits"),
    (r"is DOUBLE, and floats|elements of type 11", "DOUBLE"),
    (r"no tensor", "sequences, optional values"),
    (r"is a graph", "subgraphs"),
    (r"operator set 0;", "of another domain than ONNX's default"),
    (r"operator set", "older than operator set 13"),
    (r"empty arrays|asks for a dimension of 0|has no elements|with 0 elements", "no elements"),
    (r"dims are the most|at most 6", "more than 6 axes"),
    (r"beyond what i32 holds|32 bits", "beyond 32 bits"),
)


BY_OTHERS = ("Cast", "CastLike", "SplitToSequence")  # here, though no test of their own says so


def short(reason):
    for pattern, text in REASONS:
        found = re.search(pattern, reason)
        if found:
            return text.format(*found.groups())
    reason = re.sub(r"^.*?node \d+( '[^']*')? \(\w+\): ", "", reason)
    return re.sub(r"\s*\|.*", "", re.sub(r"'[^']*'|\"[^\"]*\"", "…", reason)).strip()


def rows(outcomes):
    """{operator: {"passed", "refused", "training", "definition passed", ..: counts, "reasons": Counter}}"""
    table = collections.defaultdict(collections.Counter)
    reasons = collections.defaultdict(collections.Counter)
    for o in outcomes:
        op, expanded = (o.op.removesuffix(" (expanded)"), o.op.endswith(" (expanded)"))
        table[op][("definition " if expanded else "") + o.verdict] += 1
        if o.verdict == "refused" and not expanded:
            reasons[op][short(o.reason)] += 1
        elif o.verdict == "refused":
            reasons[op].setdefault("definition: " + short(o.reason), 0)
    return table, reasons


def cell(table, reasons, compared, op):
    counts = table[op]
    definition = counts["definition passed"], counts["definition passed"] + counts["definition refused"] + counts["definition training"]
    # Why the definition is refused matters only where the operator itself is not.
    whys = [f"{why} ({n})" if n > 1 else why for why, n in reasons[op].most_common() if n or not counts["refused"]]
    return (f"| {op} | {counts['passed'] or ''} | {counts['refused'] or ''} | "
            f"{f'{definition[0]} of {definition[1]}' if definition[1] else ''} | {compared[op] or ''} | {'; '.join(whys)} |\n")


def write(path, outcomes, version):
    table, reasons = rows(outcomes)
    compared = collections.Counter(op for _, c, sound in gradients.cases() if sound for op in c.ops)
    total = collections.Counter(o.verdict for o in outcomes)
    head = "| operator | pass | refused | definition | gradients | why refused |\n|---|---|---|---|---|---|\n"
    # Of some operators every test is of a type that is refused; they are here nevertheless.
    here = [op for op in sorted(table) if table[op]["passed"] or compared[op] or op in BY_OTHERS or any("passes as FLOAT" in w for w in reasons[op])]
    apart = [op for op in sorted(table) if op not in here]
    with open(path, "w", encoding="utf-8") as page:
        page.write(HEAD.format(tests=len(outcomes), version=version, **total))
        page.write(f"## Operators that are here\n\n{head}")
        page.writelines(cell(table, reasons, compared, op) for op in here)
        page.write(f"\n## Operators that are not\n\n{head}")
        page.writelines(cell(table, reasons, compared, op) for op in apart)


def stale(path, outcomes):
    """What the outcomes of a share show that the page does not say, or None."""
    said = {}
    with open(path, encoding="utf-8") as page:
        for line in page:
            cells = [c.strip() for c in line.split("|")]
            if len(cells) == 8 and cells[1] not in ("operator", "---"):
                said[cells[1]] = int(cells[2] or 0), int(cells[3] or 0)
    table, _ = rows(outcomes)
    for op, counts in sorted(table.items()):
        passed, refused = said.get(op, (0, 0))
        if counts["passed"] > passed or counts["refused"] > refused:
            return f"{op}: {counts['passed']} pass and {counts['refused']} are refused in this share alone; the page says {passed} and {refused}"
    return None
