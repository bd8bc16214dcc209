"""The rule of one element, as docs/tape.md and numerics.md say: a second implementation for judge.py.

TAPE 1.2, 1.3 and 4 (records; which element an operand reads) and NUMERICS 3 (reductions), written from the text and not from the C. The table of
operations and the programs of the six functions are read from the page; the arithmetic, in exact rationals, is that of tests/numerics.
"""
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "numerics"))
import numerics_test as canon  # noqa: E402

TEMP, OUT, IN, DATA = range(4)
MAP, DOT, FOLD, PUT = 1, 2, 3, 4
F32, I32, U8 = range(3)
CHAIN, LANES, FMIN, FMAX, ISUM, IMIN, IMAX = range(1, 8)
LEAF, CHUNK, LEAVES_MAX = 4096, 512, 1 << 23


class Refused(Exception):
    """Not a transcript, not a record, or not a move."""


def need(condition, reason):
    if not condition:
        raise Refused(reason)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        need(self.at + count <= len(self.data), "cut")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, count):
        return int.from_bytes(self.take(count), "little")

    def zeros(self, count):
        need(not any(self.take(count)), "a byte that has to be zero is not")

    def left(self):
        return len(self.data) - self.at

    def done(self):
        need(self.left() == 0, "bytes left over")


# NUMERICS 2: the operations, read from the page.

def operations(page):
    """code -> (name, argument types, result type)"""
    found = {}
    for row in re.findall(r"^\| ([0-9a-f]{2}[0-9a-f, .]*) \| (.*?) \| ([fit ]*->.*?) \|", page, flags=re.M):
        codes = [int(c, 16) for c in re.findall(r"[0-9a-f]{2}", row[0])]
        if ".." in row[0]:
            codes = list(range(codes[0], codes[1] + 1))
        names = " ".join(re.findall(r"`(.*?)`", row[1])).split()
        arguments, result = row[2].split("->")
        need(len(codes) == len(names), f"the table of operations says {row}")
        found.update({c: (n, arguments.split(), result.strip()) for c, n in zip(codes, names)})
    return found


def cost(name):  # TAPE 4.7
    if name in ("div", "sqrt"):
        return 4
    return 256 if name == "perm" else 32 if name in ("exp", "log", "tanh", "erf", "sinpi", "cospi", "rand") else 1


class Arithmetic:
    def __init__(self, page):
        self.operation = operations(page)
        self.program = {name: canon.parsed(lines) for name, lines in canon.document_programs(page).items()}

    def apply(self, name, arguments):
        if name in self.program:
            return canon.run_program(self.program[name], *arguments)
        return canon.OPS[name](*arguments)


# TAPE 4: records.

def product(numbers):
    result = 1
    for n in numbers:
        result *= n
    return result


def size_of(dtype):
    return 1 if dtype == U8 else 4


def leaves_of(dtype, elements):  # TAPE 1.2
    return max(1, -(-elements * size_of(dtype) // LEAF))


class Operand:
    def __init__(self, r):
        self.space, self.dtype, self.number, axes = (r.number(1) for _ in range(4))
        self.fill, self.first_leaf = r.number(4), r.number(8)
        need(1 <= axes <= 6, "axes")
        self.axes = [Axis(r) for _ in range(axes)]


class Axis:
    def __init__(self, r):
        self.extent, self.offset, self.div = r.number(4), canon.signed(r.number(4)), r.number(2)
        self.mode, self.indirect, terms = (r.number(1) for _ in range(3))
        r.zeros(3)
        need(terms <= 4, "terms")
        self.terms = []
        for _ in range(terms):
            dim = r.number(1)
            r.zeros(3)
            self.terms.append((dim, canon.signed(r.number(4))))


class Record:
    """TAPE 4.1; the constructor refuses what breaks a rule of 1.3 or 4."""

    def __init__(self, data, arithmetic):
        need(len(data) <= 2048, "a record of more than 2,048 bytes")
        r = Reader(data)
        self.op, self.dtype, self.space, self.reducer = (r.number(1) for _ in range(4))
        out_rank, k_rank, operands, literals, ops = (r.number(1) for _ in range(5))
        self.literal_i32 = r.number(2)
        r.zeros(5)
        self.first_leaf = r.number(8)
        need(out_rank <= 6 and k_rank <= 6 and operands <= 12 and literals <= 16 and ops <= 64, "counts")
        self.dims = [r.number(4) for _ in range(out_rank)]
        self.k_dims = [r.number(4) for _ in range(k_rank)]
        self.operands = [Operand(r) for _ in range(operands)]
        self.literals = [r.number(4) for _ in range(literals)]
        self.body = [tuple(r.take(4)) for _ in range(ops)]
        r.done()
        self.arithmetic = arithmetic
        self.check_shape()
        self.check_operands()
        self.check_opcode(self.check_body())

    def check_shape(self):
        need(MAP <= self.op <= PUT and self.dtype <= U8 and self.space in (TEMP, OUT), "opcode, dtype or space")
        need(self.dims and (not self.k_dims if self.op == MAP else self.k_dims), "ranks")
        need(all(1 <= d < 1 << 31 for d in self.dims + self.k_dims), "dims")
        self.elements, self.k = product(self.dims), product(self.k_dims)
        need(self.elements < 1 << 32 and self.k <= 1 << 20, "elements or K")
        self.leaves = leaves_of(self.dtype, self.elements)
        need(self.first_leaf + self.leaves <= LEAVES_MAX, "leaves")
        self.chunks = -(-self.k // CHUNK)

    def check_operands(self):
        self.walks = []
        rank = len(self.dims)
        for o, x in enumerate(self.operands):
            need(x.space in (TEMP, IN, DATA) and x.dtype <= U8 and (x.space == DATA or x.number == 0), "operand")
            need(x.dtype != F32 or canon.canonical(x.fill) == x.fill, "fill")
            walks = False
            for a in x.axes:
                need(1 <= a.extent < 1 << 31 and a.div >= 1 and (a.mode == 0 or a.mode == 1 and a.div > 1), "axis")
                named = [dim for dim, _ in a.terms]
                need(named == sorted(set(named)) and all(dim < rank + len(self.k_dims) for dim in named), "term dims")
                need(all(coef for _, coef in a.terms), "coef 0")
                walks |= any(dim >= rank for dim in named)
                if a.indirect != 255:
                    need(a.indirect < o and self.operands[a.indirect].dtype in (I32, U8), "indirect")
                    walks |= self.walks[a.indirect]
            x.elements = product(a.extent for a in x.axes)
            need(x.elements < 1 << 32 and x.first_leaf + leaves_of(x.dtype, x.elements) <= LEAVES_MAX, "operand's size")
            self.walks.append(walks)  # TAPE 4.6

    def register_type(self, n, types):
        if n < 12:
            need(n < len(self.operands), "an operand that is not there")
            return "f" if self.operands[n].dtype == F32 else "i"
        if n < 28:
            need(n - 12 < len(self.literals), "a literal that is not there")
            return "i" if self.literal_i32 >> n - 12 & 1 else "f"
        need(n - 28 < len(types), "a register before it is defined")
        return types[n - 28]

    def check_body(self):  # TAPE 4.2
        need(self.literal_i32 >> len(self.literals) == 0, "literal_i32")
        for n, word in enumerate(self.literals):
            need(self.literal_i32 >> n & 1 or canon.canonical(word) == word, "a NaN literal")
        types = []
        for code, *given in self.body:
            need(code in self.arithmetic.operation, "code")
            name, arguments, result = self.arithmetic.operation[code]
            used = 1 if name == "coord" else len(arguments)
            need(not any(given[used:]), "an unused argument that is not 0")
            need(name != "coord" or given[0] < len(self.dims) + len(self.k_dims), "coord")
            need(name != "klin" or self.k_dims, "klin without k dims")
            common = None
            for want, register in zip(arguments, given):
                have = self.register_type(register, types)
                if want == "t":
                    want = common = common or have
                need(want == have, "type")
            if name == "perm":
                need(self.op == MAP and 12 <= given[1] < 28 and 1 <= self.literals[given[1] - 12] < 1 << 31, "perm")
            types.append(common if result == "t" else result)
        if types:
            return types[-1]
        return self.register_type(len(self.operands) - 1 if self.operands else 12, types)

    def check_opcode(self, result):
        need((result == "f") == (self.dtype == F32) or self.op in (DOT, PUT), "the body's type")
        if self.op == MAP:
            need(self.reducer == 0, "reducer")
        elif self.op == FOLD:
            need(CHAIN <= self.reducer <= IMAX and (self.reducer <= FMAX) == (result == "f"), "reducer")
            total = sum(cost(self.arithmetic.operation[code][0]) for code, *_ in self.body)
            need(len(self.operands) <= 8 and sum(self.walks) <= 4 and total <= 96, "a fold's limits")
        else:
            need(len(self.operands) == 2 and not self.body and not self.literals, "two operands, no body")
            need(self.reducer == CHAIN and self.dtype == F32, "a chain of f32")
            a, b = self.operands
            need(b.dtype == F32 and a.dtype == (F32 if self.op == DOT else I32), "operand types")
            if self.op == DOT:
                need(a.fill == b.fill == 0, "fills")
            else:
                need(all(dim >= len(self.dims) for x in a.axes for dim, _ in x.terms), "a put's index")
                need(all(dim != 0 for x in b.axes for dim, _ in x.terms), "a put's source")
                need(all(x.indirect == 255 for o in (a, b) for x in o.axes), "a put's axes")


# TAPE 4.4, 4.5 and NUMERICS 3: the rule of one element, from posted words.

def unravel(index, dims):
    coordinate = []
    for d in reversed(dims):
        index, position = divmod(index, d)
        coordinate.insert(0, position)
    return coordinate


def address(operand, coordinate, words):
    """The element an operand reads, None out of range."""
    at = 0
    for a in operand.axes:
        num = a.offset + sum(coef * coordinate[dim] for dim, coef in a.terms)
        if a.indirect != 255:
            num += canon.signed(words[a.indirect])
        position, rest = divmod(num, a.div)
        if not 0 <= position < a.extent or a.mode == 0 and rest:
            return None
        at = at * a.extent + position
    return at


class Site:
    def __init__(self, record, index, step, seed):
        self.record, self.index, self.step, self.seed = record, index, step, seed

    def body(self, words, coordinate, k):
        r = self.record
        register = {o: w for o, w in enumerate(words)}
        register.update({12 + n: w for n, w in enumerate(r.literals)})
        last = len(words) - 1 if words else 12
        for n, (code, *given) in enumerate(r.body):
            name, arguments, _ = r.arithmetic.operation[code]
            values = [register[g] for g in given[:len(arguments)]]
            last = 28 + n
            if name in ("coord", "klin", "lin", "step"):
                register[last] = {"coord": coordinate[given[0]] if name == "coord" else 0, "klin": k,
                                  "lin": self.index & canon.ALL, "step": self.step}[name]
            elif name == "rand":
                register[last] = canon.rand(values[0], values[1], self.step, self.seed)
            elif name == "perm":
                register[last] = canon.perm(*values, self.seed)
            else:
                register[last] = r.arithmetic.apply(name, values)
        return register[last]

    def chunk(self, c, posted):
        """Result of chunk c, the value as stored if it is the only one; and for each posted word (slot, element), None
        where it is out of range. P2.4."""
        r, places = self.record, []
        words = [0] * len(r.operands)
        coordinate = unravel(self.index, r.dims)
        ks = range(c * CHUNK, min(r.k, (c + 1) * CHUNK)) if r.op != MAP else range(1)
        walking = [o for o, walks in enumerate(r.walks) if walks]
        need(len(posted) == len(r.operands) - len(walking) + len(walking) * (len(ks) if walking else 0), "operand words")

        def take(o, at):
            x, word = r.operands[o], posted[len(places)]
            place = address(x, at, words)
            if place is None:
                need(word == 0, "a word out of range that is not 0")
            else:
                need(x.dtype != U8 or word <= 255, "a u8 word above 255")
                need(x.dtype != F32 or canon.canonical(word) == word, "a NaN other than 7fc00000")
            words[o] = x.fill if place is None else word
            places.append(None if place is None else (o, place))
            return place is not None

        there = [r.walks[o] or take(o, coordinate) for o in range(len(r.operands))]
        terms = []
        for k in ks:
            at = coordinate + unravel(k, r.k_dims)
            for o in walking:
                there[o] = take(o, at)
            if r.op == DOT:
                terms += [tuple(words)] if all(there) else []  # NUMERICS 3.6
            elif r.op == PUT:
                terms += [words[1]] if words[0] == coordinate[0] else []
            else:
                terms.append(self.body(words, at, k))
        if r.op == MAP:
            return stored(r, terms[0]), places
        result = reduced(r, terms)
        return combined(r, [result]) if r.chunks == 1 else result, places


def reduced(r, terms):  # NUMERICS 3.3 to 3.5
    if r.op == DOT:
        s = 0
        for a, b in terms:
            s = canon.fma(a, b, s)
        return s
    if r.reducer == LANES:
        lane = [0] * 32
        for k, x in enumerate(terms):
            lane[k % 32] = canon.add(lane[k % 32], x)
        for width in (16, 8, 4, 2, 1):
            for j in range(width):
                lane[j] = canon.add(lane[j], lane[j + width])
        return lane[0]
    return joined(r, terms)


def joined(r, terms):
    op = {CHAIN: "add", LANES: "add", FMIN: "min", FMAX: "max", ISUM: "iadd", IMIN: "imin", IMAX: "imax"}[r.reducer]
    sums = r.reducer in (CHAIN, LANES, ISUM)
    total = 0 if sums else terms[0]
    for x in terms if sums else terms[1:]:
        total = canon.OPS[op](total, x)
    return total


def stored(r, word):  # TAPE 4.2, NUMERICS 1.3
    if r.dtype == F32:
        return canon.canonical(word)
    return word & 255 if r.dtype == U8 else word


def combined(r, results):  # NUMERICS 3.2
    return stored(r, joined(r, results))
