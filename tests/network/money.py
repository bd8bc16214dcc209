"""The money table of LEDGER 14 as an oracle: what every receipt of a story has to pay, to the grain.

    oracle = Oracle(genesis, genesis_hash, tapes, beacon)
    for each block: oracle.block(block), then for each receipt of that height: oracle.receipt(receipt) -> its payments
    oracle.owned() -> what everybody has at the end

The story is what people signed: OFFER, COMMIT, TAKE, PUBLISH, SEAL, OPEN, SHOW, FETCH. From it and from the clauses the oracle says who is a
good seat, who found, who approved, and who gets what; it asks the chain for none of that. What it takes from a receipt is that a clock
ran out (kind and reason, attempt, seat), and of whom when that one signed nothing; it refuses what the story does not allow. Figures
of a task follow from the tapes' counts and the bid. Written from docs/ledger.md; shares no code with the program.

A pocket is (kind, ..ids), as chain.take_payments has it.
"""
import os
import sys

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "crypto")]
import edwards  # noqa: E402
from chain import WORK_ROLES, sha256  # noqa: E402
from story import Job, Seat, Task, Terms, ceiling, draw_set, drawn, need  # noqa: E402

SOLVER_SEAT = 255
BURNED, VALIDATORS, QUARANTINE = ("burned",), ("validators",), ("quarantine",)


class Oracle:
    """tapes(root) -> the record of a tape; beacon(height) -> 32 bytes."""

    def __init__(self, genesis, genesis_hash, tapes, beacon):
        self.genesis_hash, self.parameters, self.tapes, self.beacon = genesis_hash, genesis["parameters"], tapes, beacon
        self.delay = len(genesis["validators"]) // 3 + 2
        self.pockets, self.jobs, self.strikes, self.moves = {}, {}, {}, {}  # moves: dispute -> numbers in their order
        for a in genesis["accounts"]:
            id = sha256(b"\x10", a["key"])
            self.give(("balance", id), a["balance"])
            for role, amount in zip(WORK_ROLES, a["stake"]):
                self.give(("stake", role, id), amount)
        self.supply = sum(self.pockets.values())
        self.roles = {p["account"]: p["roles"] for p in genesis["providers"]}

    # Pockets.

    def give(self, pocket, amount):
        self.pockets[pocket] = self.pockets.get(pocket, 0) + amount

    def flow(self, source, to, amount):
        need(self.pockets.get(source, 0) >= amount, f"{source} pays {amount} and has {self.pockets.get(source, 0)}")
        self.give(source, -amount)
        self.give(to, amount)

    def fees(self, source, amount):
        """LEDGER 2.7."""
        self.flow(source, BURNED, amount // 2)
        self.flow(source, VALIDATORS, amount - amount // 2)

    def owned(self):
        return {pocket: amount for pocket, amount in self.pockets.items() if amount}

    # What people signed.

    def block(self, block):
        for t, code, used in block["transactions"]:
            self.fees(("balance", t["payer"]), min(used, t["gas"]) * t["price"])  # row 18
            if code == 0:
                getattr(self, "hear_" + t["type"].lower(), self.ignore)(t, t["body"], t["account"], block["height"])
        for e in block["events"]:
            if e.get("kind") == "task":
                self.event(bytes.fromhex(e["id"]), e["text"])

    def event(self, id, text):
        """Row 21: an epoch of STALLED that ends and does not cancel has raised what seats are paid."""
        task = self.task(id)
        state = text.split(",")[0]
        if task.stalled and state != "CANCELLED":
            task.raises += 1
            most = (task.X + task.job.reserve) // task.terms.n
            step = min(task.terms.phi // 4, most)
            more = task.terms.n * step
            from_fee = min(more, task.X)
            task.rho += step
            task.X -= from_fee
            task.job.reserve -= more - from_fee
            task.escrow += more - from_fee
        task.stalled = state == "STALLED"

    def ignore(self, t, b, account, height):
        pass

    def hear_transfer(self, t, b, account, height):
        self.flow(("balance", account), ("balance", b["to"]), b["amount"])

    def hear_stake(self, t, b, account, height):
        self.flow(("balance", account), ("stake", WORK_ROLES[b["role"]], account), b["amount"])

    def hear_provider_set(self, t, b, account, height):
        self.strikes[account], self.roles[account] = 0, b["roles"]

    def hear_job_post(self, t, b, account, height):
        id = sha256(b"assay/job/1\0", self.genesis_hash, account, bytes([t["key_index"]]), t["nonce"].to_bytes(8, "little"))  # LEDGER 7.8
        job = self.jobs[id] = Job(id, b, account, height)
        tapes = {root: self.tapes(root) for root in b["tape_roots"]}
        job.tasks = [Task(job, i, Terms(self.parameters, b, tapes, i)) for i in range(len(b["tasks"]))]
        # Blocks of a small network are never full, so the price stays at its floor (3.6).
        job.gamma = self.parameters["gas_lock"] * self.parameters["gas_floor"]

    def row_1(self, job):
        fee, balance = self.parameters["posting_fee"], ("balance", job.submitter)
        return [r for r in [(1, balance, ("escrow", job.id), sum(t.terms.E for t in job.tasks) + job.post["reserve"]), (1, balance, BURNED, fee // 2),
                            (1, balance, VALIDATORS, fee - fee // 2)] if r[3]]

    def task(self, id):
        return self.jobs[id[:32]].tasks[int.from_bytes(id[32:], "little")]

    def attempt(self, b):
        task = self.task(b["task"])
        return task, task.attempts[b["attempt"]]

    def lock(self, task, attempt, seat):
        """The gas lock of LEDGER 2.8, (pocket of it, its owner's balance)."""
        account = attempt.solver if seat == SOLVER_SEAT else attempt.seats[seat].account
        return ("lock", task.id + bytes([attempt.number, seat]) + account), ("balance", account)

    def hear_offer(self, t, b, account, height):
        _, attempt = self.attempt(b)
        attempt.offers.append(account)

    def hear_commit(self, t, b, account, height):
        task, attempt = self.attempt(b)
        need(account == attempt.solver, "a stranger committed")
        attempt.committed, attempt.height = b, height
        attempt.intervals = ceiling(b["steps"], task.terms.interval)

    def hear_take(self, t, b, account, height):
        task, attempt = self.attempt(b)
        terms, own = task.terms, account == task.job.post["own_seat"]
        if terms.full:
            intervals = list(range(1, attempt.intervals + 1))
        else:
            members = draw_set(self.beacon(attempt.height + self.delay), task.id, attempt.number, attempt.intervals)
            intervals = drawn(members, min(terms.m, ceiling(attempt.intervals, 3)), edwards.output_of(edwards.decode(b["proof"][:32])))
        old = attempt.seats.get(b["seat"])
        need(old is None or old.void, "a seat was taken that somebody holds")
        need((b["seat"] == terms.n) == own, "the own seat has the number behind the others")
        attempt.seats[b["seat"]] = Seat(account, own, terms.Bv, intervals)

    def seat(self, b, account):
        task, attempt = self.attempt(b)
        seat = attempt.seats[b["seat"]]
        need(seat.account == account and not seat.void, "a word for somebody else's seat")
        return task, attempt, seat

    def hear_publish(self, t, b, account, height):
        self.attempt(b)[1].published |= set(b["intervals"])

    def hear_seal(self, t, b, account, height):
        self.seat(b, account)[2].sealed = True

    def hear_open(self, t, b, account, height):
        _, attempt = self.attempt(b)
        need(account == attempt.solver, "a stranger opened a trace")
        attempt.roots = b["roots"]

    def hear_show(self, t, b, account, height):
        _, _, seat = self.seat(b, account)
        seat.shown, seat.ends = True, dict(zip(seat.intervals, b["ends"]))
        need(len(seat.intervals) == len(b["ends"]), f"a seat drew {seat.intervals} and showed {len(b['ends'])} ends")

    def hear_move(self, t, b, account, height):
        if b["number"] not in self.moves.setdefault(b["dispute"], []):
            self.moves[b["dispute"]].append(b["number"])

    def hear_fetch(self, t, b, account, height):
        _, _, seat = self.seat(b, account)
        seat.vote = (("start", "final")[b["what"]], b["got"])

    # What follows.

    def receipt(self, r):
        """The payments that a receipt has to have, in order; the money moves. Receipts come in the order of their numbers."""
        task = self.task(r["task"])
        if r["kind"] == "posted":
            return self.move(self.tell_posted(task.job, r))
        need(task.job.posted, "a receipt of a job that no receipt posted")
        need(not task.over, f"a receipt of a task that is over: {r['kind']}")
        attempt = task.attempts[r["attempt"]]
        need(not attempt.over, f"a receipt of attempt {attempt.number}, which is over")
        if task.pending:
            wanted = task.pending.pop(0)
            need((r["kind"], r["reason"], r["seat"]) == wanted, f"{wanted} has to come here, not {r['kind']}, {r['reason']}, seat {r['seat']}")
        return self.move(getattr(self, "tell_" + r["kind"])(task, attempt, r))

    def move(self, flows):
        flows = [f for f in flows if f[3]]
        for _, source, to, amount in flows:
            self.flow(source, to, amount)
        return flows

    def release(self, task, attempt, row):
        """Gas locks go back when an attempt ends: the solver's, then the seats' by number."""
        seats = [SOLVER_SEAT] if attempt.solver else []
        seats += [n for n, s in sorted(attempt.seats.items()) if not s.void]
        out = []
        for n in seats:
            lock, balance = self.lock(task, attempt, n)
            out.append((row, lock, balance, self.pockets[lock]))
        return out

    def tell_posted(self, job, r):
        need(r["account"] == job.submitter and not job.posted, "posted by another account, or twice")
        job.posted = True
        return self.row_1(job)

    def tell_locked(self, task, attempt, r):
        """Row 2. That stake is locked is no flow: it stays its owner's."""
        if r["seat"] == SOLVER_SEAT:
            need(r["account"] in attempt.offers and not attempt.solver, "a solver that has not offered, or a second one")
            attempt.solver, attempt.bond = r["account"], task.terms.bond
        else:
            seat = attempt.seats.get(r["seat"])
            need(seat and seat.account == r["account"] and not seat.locked, "a seat that nobody took just now")
            seat.locked = True
        role, bond = ("solver", task.terms.bond) if r["seat"] == SOLVER_SEAT else ("verifier", task.terms.Bv)
        need(self.pockets.get(("stake", role, r["account"]), 0) >= bond, "a bond above all stake")
        lock, balance = self.lock(task, attempt, r["seat"])
        return [(2, balance, lock, task.job.gamma)]

    def tell_opened(self, task, attempt, r):
        need(attempt.roots is not None and r["account"] == attempt.solver, "opened, and nobody opened")
        need(r["final_root"] == attempt.roots[-1], "opened with another final root")
        return []

    def tell_seat(self, task, attempt, r):
        terms, number, account = task.terms, r["seat"], r["account"]
        if r["reason"] == "not taken":  # 5a: of free stake, there is no lock
            seat = attempt.seats.get(number)
            need(seat is None or seat.void, "not taken, and somebody sits there")
            need(self.roles.get(account, 0) & 2, "not taken by an account that is no verifier")
            self.strikes[account] = self.strikes.get(account, 0) + 1
            free = self.pockets.get(("stake", "verifier", account), 0)
            return [(5, ("stake", "verifier", account), BURNED, min(terms.untaken, free))]
        seat = attempt.seats.get(number)
        need(seat and seat.account == account and not seat.void, f"{r['reason']} of an account that does not sit there")
        stake = ("stake", "verifier", account)
        if r["reason"] == "approved what was proven wrong":
            need(attempt.proven and number in attempt.approvers(), f"seat {number} did not approve what was proven wrong")
            finders, flows, bond = attempt.finders(), [], seat.bond
            each = bond * self.parameters["finder"] // 1000 // len(finders)
            flows = [(10, stake, ("balance", f.account), each) for f in finders]
            flows.append((10, stake, QUARANTINE, (bond - each * len(finders)) * self.parameters["slash_permille"] // 1000))
            seat.lost, seat.bond = True, 0
            return flows
        fine = {"no SEAL": terms.unsealed, "no SHOW": terms.L, "no start": terms.no_start}.get(r["reason"])
        need(fine is not None, f"a seat cannot lose by {r['reason']}")
        if r["reason"] == "no SEAL":
            need(not seat.sealed, "no SEAL, and there is one")
        if r["reason"] == "no SHOW":
            need(seat.sealed and not seat.shown, "no SHOW, and there is one, or there was nothing to show")
        if r["reason"] == "no start":
            need(seat.vote == ("start", 0), "no start, and the seat never said so")
        lock, balance = self.lock(task, attempt, number)
        seat.void = True
        return [(5, lock, balance, self.pockets[lock]), (5, stake, BURNED, 0 if seat.own else min(fine, seat.bond))]

    def tell_verdict(self, task, attempt, r):
        seat = attempt.seats.get(r["seat"])
        need(seat and attempt.mismatch(seat) == r["interval"], "a dispute about what the seat did not deny")
        if r["loser"] == 1:  # the claimant: rows 8, 10
            need(r["account"] == attempt.solver, "the solver lost, and it is another account")
            attempt.proven, attempt.by_clock = (r["interval"], r["seat"]), r["reason"] == "silent in a dispute"
            if not attempt.by_clock:
                task.pending = [("seat", "approved what was proven wrong", n) for n in attempt.approvers()]
            task.pending.append(("fault", r["reason"], 255))
            return []
        need(r["account"] == seat.account and not seat.lost, "the seat lost, and it is another account's")
        stake, bond = ("stake", "verifier", seat.account), seat.bond
        jackpot = min(task.terms.J, bond)
        seat.lost, seat.bond = True, 0
        return [(11, stake, ("balance", attempt.solver), jackpot), (11, stake, QUARANTINE, (bond - jackpot) * self.parameters["slash_permille"] // 1000)]

    def tell_attempt(self, task, attempt, r):
        attempt.over = True
        if r["reason"] == "no offers":
            # An offer may still be one that nobody can fund; on these chains everybody can.
            need(not attempt.offers and not attempt.solver, "no offers, and there were some")
            return self.last(task, attempt, [])
        need(r["reason"] == "late" and not attempt.committed, f"an attempt that ended by {r['reason']}")
        need(r["account"] == attempt.solver, "late, and it is another account")
        self.strikes[attempt.solver] = self.strikes.get(attempt.solver, 0) + 1
        lock, balance = self.lock(task, attempt, SOLVER_SEAT)
        return self.last(task, attempt, [(4, ("stake", "solver", attempt.solver), BURNED, min(task.terms.late, attempt.bond)), (4, lock, balance, self.pockets[lock])])

    def last(self, task, attempt, flows):
        """8.2: after attempt 4 the task is cancelled at once."""
        if attempt.number == 4:
            attempt.over = False
            task.pending = [("cancelled", "four attempts", 255)]
            attempt.solver, attempt.seats = None, {}
        return flows

    def tell_fault(self, task, attempt, r):
        terms, p, stake = task.terms, self.parameters, ("stake", "solver", attempt.solver)
        need(r["account"] == attempt.solver, "a fault of another account")
        proven = r["reason"] in ("proven", "silent in a dispute")
        need(proven == (attempt.proven is not None), f"a fault by {r['reason']}")
        if r["reason"] == "no OPEN":
            need(attempt.roots is None, "no OPEN, and there is one")
            need(all(s.shown or s.void for s in attempt.seats.values()), "who did not show was not heard of first")
        if r["reason"] == "no PUBLISH":
            need(not attempt.complete(task), "no PUBLISH, and everything that was drawn is published")
        row, flows, left = 8 if proven else 9, [], attempt.bond

        def fine(to, amount):
            nonlocal left
            amount = min(amount, left)
            left -= amount
            flows.append((row, stake, to, amount))
        if proven:
            finders = attempt.finders()
            for f in finders:
                fine(("balance", f.account), terms.Bs * p["finder"] // 1000 // len(finders))
            fine(BURNED if task.job.submitter == attempt.solver else ("balance", task.job.submitter), terms.Bs * p["compensation"] // 1000)
        for s in attempt.good():
            fine(("balance", s.account), terms.phi)
        fine(QUARANTINE if proven else BURNED, left * p["slash_permille"] // 1000 if proven else left)
        attempt.over = True
        return self.last(task, attempt, flows + self.release(task, attempt, row))

    def tell_settled(self, task, attempt, r):
        terms, job, escrow = task.terms, task.job, ("escrow", task.job.id)
        need(attempt.committed and attempt.roots is not None and not attempt.proven, "settled, and the attempt did not get there")
        need(attempt.committed["outcome"] == {"done": 0, "diverged": 1}[r["reason"]], f"settled as {r['reason']}")
        for n, s in attempt.seats.items():
            need(s.void or s.lost or attempt.mismatch(s) is None, f"settled, and seat {n} denies interval {attempt.mismatch(s)}")
            need(s.void or s.shown, f"settled, and seat {n} did not show")
        need(r["account"] == attempt.solver and r["final_root"] == attempt.roots[-1], "settled with another solver or another root")
        good = attempt.good()
        need(r["audited"] == len(good), f"audited by {r['audited']}, good seats are {len(good)}")
        fee = terms.F if r["reason"] == "done" else terms.F * attempt.committed["steps"] // terms.steps
        flows = [(7, escrow, ("balance", attempt.solver), fee), (7, escrow, BURNED, task.X // 2), (7, escrow, VALIDATORS, task.X - task.X // 2)]
        flows += [(7, escrow, ("balance", s.account), terms.phi + task.rho) for s in good]
        flows.append((7, escrow, ("balance", job.submitter), task.escrow - sum(f[3] for f in flows)))
        flows += self.release(task, attempt, 7)
        task.over, attempt.over = r["reason"], True
        if r["reason"] == "diverged" or task is job.tasks[-1]:
            later = sum(t.terms.E for t in job.tasks[job.tasks.index(task) + 1:])
            flows += [(25, escrow, ("balance", job.submitter), job.reserve), (3, escrow, ("balance", job.submitter), later)]
            job.over = r["reason"]
        return flows

    def tell_cancelled(self, task, attempt, r):
        job, escrow, reason = task.job, ("escrow", task.job.id), r["reason"]
        row = 6 if reason in ("neutral", "stalled") else 3
        flows, held = [], self.pockets[escrow]
        need(reason in ("four attempts", "deadline", "neutral", "stalled"), f"cancelled by {reason}")
        if reason == "neutral":
            flows = [(6, escrow, ("balance", s.account), task.terms.phi + task.rho) for s in attempt.good()]
        held -= sum(f[3] for f in flows)
        flows += self.release(task, attempt, row)
        flows += [(3, escrow, ("balance", job.submitter), job.reserve), (3, escrow, ("balance", job.submitter), held - job.reserve)]
        task.over = job.over = "cancelled"
        return flows
