"""What happened to a job, as far as money depends on it: figures of a task, seats, attempts. For the oracle of money.py; written from docs/ledger.md."""
from chain import sha256

LEVEL_FULL = 4


class Wrong(Exception):
    """The chain says what the story or the table does not allow."""


def need(condition, text):
    if not condition:
        raise Wrong(text)


def ceiling(x, of):
    return -(-x // of)


def draws(beta):
    """LEDGER 6.7: draw(k) of an endless row of words."""
    def words():
        c = 0
        while True:
            block = sha256(b"assay/expand/1\0", beta, c.to_bytes(4, "little"))
            yield from (int.from_bytes(block[i:i + 8], "little") for i in range(0, 32, 8))
            c += 1
    row = words()

    def draw(k):
        while True:
            v = next(row)
            if v < (1 << 64) - (1 << 64) % k:
                return v % k
    return draw


def draw_set(beacon, task, attempt, intervals):
    """LEDGER 6.8."""
    def order(i):
        return int.from_bytes(sha256(b"assay/set/1\0", beacon, task, bytes([attempt]), i.to_bytes(2, "little"))[:8], "little"), i
    taken = set()
    for i in sorted(range(1, intervals + 1), key=order):
        before, after = (i - 2) % intervals + 1, i % intervals + 1
        if before not in taken and after not in taken:
            taken.add(i)
    return sorted(taken)


def drawn(members, want, beta):
    """LEDGER 9.4: the intervals of a seat, sorted."""
    draw, seen = draws(beta), set()
    while len(seen) < want:
        seen.add(members[draw(len(members))])
    return sorted(seen)


class Terms:
    """Figures of one task: LEDGER 7.4, 7.7, 9.13, 12.1."""

    def __init__(self, parameters, job, tapes, index):
        p, row = parameters, job["tasks"][index]
        first = sum(t["steps"] for t in job["tasks"][:index])
        runs = [entry["tape"] for section in job["schedule"] for _ in range(section["repeat"]) for entry in section["entries"] for _ in range(entry["repeat"])]
        counts = {name: sum(tapes[job["tape_roots"][k]][name] for k in runs[first:first + row["steps"]]) for name in ("dot_flops", "body_ops", "moved_bytes")}
        work = counts["dot_flops"] * p["work_dot"] + counts["body_ops"] * p["work_body"] + counts["moved_bytes"] * p["work_bytes_half"] // 2
        full = job["level"] == LEVEL_FULL
        self.steps, self.interval, self.full, self.n = row["steps"], row["interval"], full, job["n"]
        self.intervals = ceiling(row["steps"], row["interval"])
        self.m = min(job["m"], self.intervals if full else ceiling(self.intervals, 3))
        self.F = ceiling(work * job["price"], 10**9)
        self.phi = ceiling(self.F * p["seat_share"], 1000) if full else ceiling(self.F * p["seat_share"] * self.m, 1000 * self.intervals)
        unit = ceiling(self.F * p["seat_share"] * self.m, 1000 * self.intervals)  # phi_w of 9.13
        self.X = self.F * p["protocol_share"] // 1000
        self.E = self.F + self.n * self.phi + self.X
        self.Bs = self.F * p["solver_bond"] // 1000
        self.bond = self.Bs + self.n * self.phi
        self.Bv = max(unit * p["seat_bond"] // 1000, 2 * self.phi if full else 0)
        self.L, self.J = unit * p["forced_loss"] // 1000, unit * p["jackpot"] // 1000
        self.unsealed, self.untaken, self.no_start = self.phi * p["unsealed"] // 1000, self.phi // p["untaken_divisor"], self.phi
        self.late = self.F // p["late_divisor"]


class Seat:
    def __init__(self, account, own, bond, intervals):
        self.account, self.own, self.bond, self.intervals = account, own, bond, intervals
        self.locked = self.sealed = self.shown = self.void = self.lost = False
        self.ends, self.vote = {}, None

    def good(self):
        return not (self.own or self.void or self.lost)


class Attempt:
    def __init__(self, number):
        self.number, self.offers, self.solver, self.committed, self.roots, self.seats = number, [], None, None, None, {}
        self.published, self.over = set(), False
        self.proven = None  # (interval, seat) of the verdict against the solver

    def complete(self, task):
        """LEDGER 9.5: is everything published that seats have to start from?"""
        need(not task.terms.full, "nothing is published at level full")
        return {i for s in self.seats.values() if not s.void for i in s.intervals} - {1} <= self.published

    def mismatch(self, seat):
        """LEDGER 9.9: the lowest interval whose end the seat denies; None: it approves all of its own."""
        if not seat.shown or self.roots is None:
            return None
        return next((i for i in seat.intervals if seat.ends[i] != self.roots[i]), None)

    def finders(self):
        """LEDGER 11.8."""
        interval, first = self.proven
        end = self.seats[first].ends[interval]
        return [s for _, s in sorted(self.seats.items()) if s.shown and not s.lost and not s.void and self.mismatch(s) == interval and s.ends[interval] == end]

    def approvers(self):
        """LEDGER 11.9."""
        interval, _ = self.proven
        return [n for n, s in sorted(self.seats.items())
                if s.shown and s.good() and interval in s.ends and s.ends[interval] == self.roots[interval]]

    def good(self):
        return [s for _, s in sorted(self.seats.items()) if s.good()]


class Task:
    def __init__(self, job, index, terms):
        self.job, self.terms, self.id = job, terms, job.id + index.to_bytes(2, "little")
        self.attempts = {n: Attempt(n) for n in range(1, 5)}
        self.rho, self.X, self.escrow = 0, terms.X, terms.E
        self.stalled, self.raises = False, 0
        self.pending = []  # receipts that have to come next: (kind, reason, seat)
        self.over = None


class Job:
    def __init__(self, id, post, submitter, height):
        self.id, self.post, self.submitter, self.height = id, post, submitter, height
        self.reserve, self.tasks, self.gamma, self.posted, self.over = post["reserve"], [], None, False, None
