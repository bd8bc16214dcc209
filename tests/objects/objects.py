#!/usr/bin/env python3
"""Reads the machine code of our objects and holds it to NUMERICS 4.1, 4.3 and 4.4.

    objects.py --objdump OBJDUMP OBJECT..                     the check
    objects.py --objdump OBJDUMP --self-test COMPILER [FLAG..]  shows on small objects made on the spot that it can fail

Rules, by the path of an object's source:
  integer   what a referee links: no instruction touches a floating-point value. Moves and bitwise or integer operations on
            vector registers are how compilers copy and clear memory, and are allowed; anything else there is not.
  arithmetic  everything else of numeric, and the executor: of libm only fmaf and sqrtf; no reciprocal estimate; no x87; a fused
            multiply-add only in objects that ask for one, and there only in functions that do.
An unknown instruction on a vector register counts as floating-point, so a new compiler fails loudly.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

INTEGER = re.compile(r"numeric\.dir/(soft/|random\.c|canon\.c)|tape\.dir/|commit\.dir/|crypto\.dir/(merkle|draw|bech32|address|sign|vrf)|dispute\.dir/|ledger\.dir/|engine\.dir/comet/|certificate\.dir/|verify_objects\.dir/")
ARITHMETIC = re.compile(r"(numeric|execute)\.dir/")

# Objects that may fuse, and the functions in them that ask for it. Compilers append .part.0 and the like to names.
FUSES = [
    (re.compile(r"numeric\.dir/reference/"), re.compile(r"apply_float|reference_apply|function_")),
    (re.compile(r"numeric\.dir/(scalar|avx2|avx512|neon)/"),
     re.compile(r"map_(FMA|EXP|LOG|TANH|ERF|SINPI|COSPI)_|map_DIV_2|erf_words|function_|apply_float|reference_apply|(wide|narrow|slim)_(dot|edge|whole|beside|asking)|slim|flat_|line_|patch_|dot|scalar_dot|(scalar|reduce)_column_dot|.*fma|fused_")),  # backend_test holds map_DIV_2 against one division after the other, fused_test holds fused bodies against one operation after the other
    (re.compile(r"execute\.dir/execute/sum/mend"), re.compile(r"mend")),  # a chain redone exactly, with fmaf
]

# Each must have matched an object, or the check looked at nothing.
EXPECTED = ["numeric.dir/soft/arithmetic", "numeric.dir/soft/functions", "numeric.dir/random", "numeric.dir/canon",
            "numeric.dir/reference/", "numeric.dir/scalar/", "tape.dir/record/", "tape.dir/check/", "tape.dir/element/",
            "execute.dir/execute/", "commit.dir/", "crypto.dir/draw", "dispute.dir/referee/", "dispute.dir/dispute", "dispute.dir/hear",
            "dispute.dir/transcript/", "verify_objects.dir/judge", "verify_objects.dir/__/referee/",
            "verify_objects.dir/__/__/numeric/soft/arithmetic", "verify_objects.dir/__/__/tape/element/"]

LIBM = set()
for name in """acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp10 exp2 expm1 fabs fdim floor
    fma fmax fmin fmod frexp hypot ilogb j0 j1 jn ldexp lgamma llrint llround log log10 log1p log2 logb lrint lround modf
    nearbyint nextafter nexttoward pow remainder remquo rint round roundeven scalb scalbln scalbn sin sincos sinh sqrt tan
    tanh tgamma trunc y0 y1 yn""".split():
    LIBM |= {name, name + "f", name + "l", f"__{name}_finite", f"__{name}f_finite"}
LIBM_ALLOWED = {"fmaf", "sqrtf"}
LIBM_OTHER = re.compile(r"_ZGV|__(add|sub|mul|div|fix|float|extend|trunc)\w*[sdt]f\w*$")  # vector libm; soft float of libgcc

X86_VECTOR = re.compile(r"%[xyz]mm\d")
X86_INTEGER = re.compile(
    r"v?(mov(d|q|dqa|dqu|aps|ups|apd|upd|ss|sd|lps|hps|hlps|lhps|lpd|hpd|nt\w+)"  # moves
    r"|movdq[au](8|16|32|64)|mov(msk)p[sd]"
    r"|p(?!f)\w+"  # packed integers
    r"|(and|andn|or|xor)p[sd]|shufp[sd]|unpck[lh]p[sd]|blendv?p[sd]|permil?p[sd]|broadcast\w+|(insert|extract)\w+"
    r"|(align|gather|scatter)[dq]|zero(upper|all))$")
X86_X87 = re.compile(r"f(?!xsave|xrstor)\w+$")
X86_FUSED = re.compile(r"v?fn?m(add|sub|addsub|subadd)")
X86_ESTIMATE = re.compile(r"v?r(cp|sqrt)")
ARM_FLOAT = re.compile(r"(f(?!mov)\w+|[su]cvtf|bf(cvt|dot|ml)\w*)$")
ARM_FUSED = re.compile(r"f(n?m(add|sub)|ml[as]\w*)$")
ARM_ESTIMATE = re.compile(r"f(recp|rsqrt)")

FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")
LINE = re.compile(r"^\s*[0-9a-f]+:\t(\S+)\s*(.*)$")
PREFIXES = {"rep", "repz", "repnz", "lock", "bnd", "notrack", "data16", "cs", "ds", "es", "ss"}


def disassemble(objdump, path):
    """Yields (function, mnemonic, operands)."""
    text = subprocess.run([objdump, "-d", "--no-show-raw-insn", path], check=True, capture_output=True, text=True).stdout
    function = "?"
    for line in text.splitlines():
        head = FUNCTION.match(line)
        if head:
            function = head.group(1)
            continue
        body = LINE.match(line)
        if not body:
            continue
        mnemonic, operands = body.groups()
        while mnemonic in PREFIXES and operands:
            mnemonic, _, operands = operands.partition(" ")
        operands = operands.split("<")[0].split("#")[0]
        yield function, mnemonic, operands.strip()


def architecture(objdump, path):
    text = subprocess.run([objdump, "-f", path], check=True, capture_output=True, text=True).stdout
    if "aarch64" in text:
        return "arm"
    if "x86-64" in text:
        return "x86"
    raise SystemExit(f"objects: {path} is for a machine this check does not know")


def undefined(objdump, path):
    text = subprocess.run([objdump, "-t", path], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1] for line in text.splitlines() if "*UND*" in line}


def integer_faults(machine, mnemonic, operands):
    if machine == "arm":
        return "floating-point instruction" if ARM_FLOAT.match(mnemonic) else None
    if X86_X87.match(mnemonic) or "%st" in operands:
        return "x87 instruction"
    if X86_VECTOR.search(operands) and not X86_INTEGER.match(mnemonic):
        return "floating-point instruction"
    return None


def arithmetic_faults(machine, name, function, mnemonic, operands):
    fused, estimate = (ARM_FUSED, ARM_ESTIMATE) if machine == "arm" else (X86_FUSED, X86_ESTIMATE)
    if estimate.match(mnemonic):
        return "reciprocal estimate"
    if machine == "x86" and (X86_X87.match(mnemonic) or "%st" in operands):
        return "x87 instruction"
    if fused.match(mnemonic):
        for objects, functions in FUSES:
            if objects.search(name):
                return None if functions.match(function) else "fused multiply-add in a function that asks for none"
        return "fused multiply-add in an object that asks for none"
    return None


def check(objdump, path):
    """Faults of one object as texts, and how many instructions were read; None if no rule is about it."""
    name = os.path.normpath(path)  # the build system writes NAME.dir/./soft/..
    integer, arithmetic = INTEGER.search(name), ARITHMETIC.search(name)
    if not integer and not arithmetic:
        return None
    machine, faults, count = architecture(objdump, path), [], 0
    for symbol in sorted(undefined(objdump, path)):
        plain = symbol.split("@")[0]
        if (plain in LIBM and (integer or plain not in LIBM_ALLOWED)) or LIBM_OTHER.match(plain):
            faults.append(f"{name}: calls {plain}")
    for function, mnemonic, operands in disassemble(objdump, path):
        count += 1
        fault = integer_faults(machine, mnemonic, operands) if integer else arithmetic_faults(machine, name, function, mnemonic, operands)
        if fault:
            faults.append(f"{name}: {function}: {fault}: {mnemonic} {operands}")
    return faults, count


def check_all(objdump, paths, expected=()):
    faults, objects, instructions, seen = [], 0, 0, set()
    for path in paths:
        if not os.path.exists(path):
            faults.append(f"{path}: not built")
            continue
        result = check(objdump, path)
        if result is None:
            continue
        faults += result[0]
        objects += 1
        instructions += result[1]
        seen |= {part for part in [*EXPECTED, *expected] if part in os.path.normpath(path)}
    faults += [f"no object of {part} was given" for part in [*EXPECTED, *expected] if part not in seen]
    for fault in faults[:40]:
        print(fault)
    print(f"objects: {objects} objects, {instructions} instructions, {len(faults)} faults")
    return 1 if faults or not instructions else 0


SELF_TEST = [  # path of the source, its text, flags on x86, words that a fault must hold (None: no fault)
    ("numeric.dir/soft/add.c", "float add(float a, float b) { return a + b; }", [], "floating-point instruction"),
    ("numeric.dir/soft/less.c", "int less(float a, float b) { return a < b; }", [], "floating-point instruction"),
    ("numeric.dir/random.c", "float conv(int a) { return (float)a; }", [], "floating-point instruction"),
    ("dispute.dir/referee/referee.c", "unsigned half(unsigned a) { return (unsigned)(a * 0.5f); }", [], "floating-point instruction"),
    ("verify_objects.dir/__/referee/referee.c", "int near(double a) { return a < 1; }", [], "floating-point instruction"),
    ("tape.dir/check/wide.c", "long double twice(long double a) { return a + a; }", [], ""),
    ("tape.dir/record/copy.c", "struct s { char c[64]; }; void copy(struct s *a, const struct s *b) { *a = *b; }", [], None),
    ("commit.dir/sum.c", "unsigned sum(const unsigned *a) { unsigned s = 0; for (int i = 0; i < 64; i++) s += a[i]; return s; }", [],
     None),
    ("execute.dir/execute/call.c", "float expf(float); float f(float a) { return expf(a); }", [], "calls expf"),
    ("numeric.dir/soft/call.c", "float fmaf(float, float, float); void *g(void) { return (void *)fmaf; }", [], "calls fmaf"),
    ("numeric.dir/scalar/fmaf.c", "float fmaf(float, float, float); void *g(void) { return (void *)fmaf; }", [], None),
    ("execute.dir/execute/fuse.c", "float f(float a, float b, float c) { return a * b + c; }", ["-mfma", "-ffp-contract=fast"],
     "object that asks for none"),
    ("numeric.dir/avx2/fuse.c", "float map_ADD_0(float a, float b, float c) { return a * b + c; }", ["-mfma", "-ffp-contract=fast"],
     "function that asks for none"),
    ("numeric.dir/avx2/asked.c", "float map_FMA_0(float a, float b, float c) { return a * b + c; }", ["-mfma", "-ffp-contract=fast"],
     None),
    ("numeric.dir/avx2/contract.c", "float map_ADD_0(float a, float b, float c) { return a * b + c; }", ["-mfma", "-ffp-contract=off"],
     None),
]


def self_test(objdump, command):
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, source, flags, want in SELF_TEST:
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="ascii") as file:
                file.write(source + "\n")
            if "arm" == machine_of(command):
                flags = [flag for flag in flags if not flag.startswith("-m")]
            subprocess.run(command + ["-O2", "-w", "-c", path, "-o", path + ".o"] + flags, check=True)
            faults, count = check(objdump, path + ".o")
            right = count > 0 and (not faults if want is None else any(want in fault for fault in faults))
            print(f"{'as expected' if right else 'WRONG'}: {name}: {len(faults)} faults")
            wrong += not right
        if check_all(objdump, []) == 0:
            print("WRONG: an empty list passes")
            wrong += 1
    return 1 if wrong else 0


def machine_of(command):
    text = subprocess.run(command + ["-dumpmachine"], check=True, capture_output=True, text=True).stdout
    return "arm" if text.startswith("aarch64") else "x86"


def main():
    parser = argparse.ArgumentParser(description="read our objects' machine code")
    parser.add_argument("--objdump", required=True)
    parser.add_argument("--self-test", nargs=argparse.REMAINDER, metavar="COMPILER")
    parser.add_argument("--expect", action="append", default=[], metavar="PART", help="one more part that an object's path must hold")
    parser.add_argument("objects", nargs="*")
    options = parser.parse_args()
    if options.self_test:
        return self_test(options.objdump, options.self_test)
    return check_all(options.objdump, options.objects, options.expect)


if __name__ == "__main__":
    sys.exit(main())
