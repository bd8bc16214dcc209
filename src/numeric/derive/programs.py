#!/usr/bin/env python3
"""Writes the programs of functions.inc as the numbered steps of docs/numerics.md, clause 2.1.

    derive/programs.py > steps       run in src/numeric; a test compares the document with this output

The C text is regular: straight lines of assignments over calls. Each function is followed with its helpers put in
place, and every call becomes one step over earlier ones.
"""
import os
import re
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = ["exp", "log", "tanh", "erf", "sinpi", "cospi"]
OPS = {"F_ADD": "add", "F_SUB": "sub", "F_MUL": "mul", "F_DIV": "div", "F_FMA": "fma", "F_NEG": "neg", "F_ABS": "abs",
       "F_RINT": "rint", "F_LT": "flt", "F_EQ": "feq", "F_SEL": "sel", "F_BITS": "bits", "F_UNBITS": "unbits", "I_ADD": "iadd",
       "I_SUB": "isub", "I_AND": "iand", "I_OR": "ior", "I_XOR": "ixor", "I_SHL": "shl", "I_SHR": "shr", "I_EQ": "ieq",
       "I_TOF": "itof"}
TOKEN = re.compile(r"\s*([A-Za-z_]\w*|\d\w*|[(){}=;,.])")


def read(name):
    with open(os.path.join(HERE, "..", name), encoding="ascii") as file:
        return re.sub(r"/\*.*?\*/", " ", file.read(), flags=re.S)


def number(text):
    return int(text.rstrip("u"), 0)


def float_text(word):
    """A binary32 as C's %a writes it."""
    special = {0x7f800000: "inf", 0xff800000: "-inf", 0x7fc00000: "nan"}
    if word in special:
        return special[word]
    sign, rest = float.hex(struct.unpack("<f", struct.pack("<I", word))[0]).split("0x")
    digits, exponent = rest.split("p")
    return f"{sign}0x{digits.rstrip('0').rstrip('.') if '.' in digits else digits}p{exponent}"


class Parser:
    """Expressions and statements of the C text as nested tuples."""

    def __init__(self, text):
        self.tokens, self.at = TOKEN.findall(text), 0

    def take(self, want=None):
        token = self.tokens[self.at]
        if want and token != want:
            raise SyntaxError(f"{token} where {want} should be")
        self.at += 1
        return token

    def peek(self):
        return self.tokens[self.at]

    def expression(self):
        name = self.take()
        if name[0].isdigit():
            return ("number", number(name))
        if self.peek() == "(":
            return ("call", name, self.items("(", ")"))
        if self.peek() == ".":
            self.take()
            return ("field", name, self.take())
        return ("name", name)

    def items(self, opening, closing):
        self.take(opening)
        items = [self.expression()]
        while self.peek() == ",":
            self.take()
            items.append(self.expression())
        self.take(closing)
        return items

    def statements(self):
        self.take("{")
        body = []
        while self.peek() != "}":
            if self.peek() == "return":
                self.take()
                body.append(("return", self.expression()))
            else:
                words = []
                while self.peek() != "=":
                    words.append(self.take())
                self.take("=")
                value = ("struct", self.items("{", "}")) if self.peek() == "{" else self.expression()
                body.append(("set", words[-1], value))
            self.take(";")
        return body


def parse_functions(text):
    functions = {}
    for head in re.finditer(r"F_INLINE (?:struct )?\w+ (function_\w+)\(([^)]*)\) (?=\{)", text):
        names = [part.split()[-1] for part in head.group(2).split(",")]
        functions[head.group(1)] = (names, Parser(text[head.end():]).statements())
    return functions


class Steps:
    """Follows a function and notes its steps."""

    def __init__(self, functions, constants, fields):
        self.functions, self.constants, self.fields, self.lines = functions, constants, fields, []

    def step(self, op, *arguments):
        name = f"r{len(self.lines) + 1}"
        self.lines.append(f"{name} = {op}({', '.join(arguments)})")
        return name

    def constant(self, expression):
        return expression[1] if expression[0] == "number" else self.constants[expression[1]]

    def call(self, name, arguments, scope):
        if name == "F_CONST":
            return float_text(self.constant(arguments[0]))
        if name == "I_CONST":
            return f"0x{self.constant(arguments[0]):08x}"
        values = [self.value(a, scope) for a in arguments]
        if name == "F_ATLEAST":
            return self.step("sel", self.step("flt", values[0], values[1]), values[1], values[0])
        if name == "F_ATMOST":
            return self.step("sel", self.step("flt", values[1], values[0]), values[1], values[0])
        if name in OPS:
            return self.step(OPS[name], *values)
        names, body = self.functions[name]
        return self.follow(body, dict(zip(names, values)))

    def value(self, expression, scope):
        kind = expression[0]
        if kind == "number":
            return str(expression[1])
        if kind == "name":
            return scope[expression[1]]
        if kind == "field":
            return scope[expression[1]][expression[2]]
        if kind == "struct":
            return [self.value(item, scope) for item in expression[1]]
        return self.call(expression[1], expression[2], scope)

    def follow(self, body, scope):
        for statement in body:
            if statement[0] == "return":
                return self.value(statement[1], scope)
            result = self.value(statement[2], scope)
            if isinstance(result, list):
                result = dict(zip(self.fields[len(result)], result))
            scope[statement[1]] = result
        raise SyntaxError("a function without return")


def programs():
    """The steps of each function, by name."""
    text = read("functions.inc")
    constants = {n: number(w) for n, w in re.findall(r"#define (\w+) (0x[0-9a-f]{8}u)", read("coefficients.h") + text)}
    fields = {}
    for body in re.findall(r"struct \w+ \{(.*?)\};", text, flags=re.S):
        names = [n for line in body.split(";") for n in re.findall(r"(\w+)(?=\s*(?:,|$))", line.strip())]
        fields[len(names)] = names
    functions, result = parse_functions(text), {}
    for name in NAMES:
        steps = Steps(functions, constants, fields)
        steps.call("function_" + name, [("name", "x")], {"x": "x"})
        result[name] = steps.lines
    return result


def main():
    for name, lines in programs().items():
        print(f"\n`{name}(x)`, {len(lines)} steps, result r{len(lines)}:\n```")
        for line in lines:
            print(line)
        print("```")


if __name__ == "__main__":
    sys.exit(main())
