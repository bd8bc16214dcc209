#!/usr/bin/env python3
"""Misbehaviour played on a small network: who lost what, receipt by receipt, beside the money table.

usage: scenes.py ASSAY [--scene NAME .. | --short | --all | --list] [--seed S] [--jobs N] [--verbose] [--self-test]

Each scene starts a chain with the windows of `test`, a storer, solvers and verifiers as processes, one or more of whom misbehave, and a
submitter. It passes if the job ends as it has to, with the model that `assay train` gives (or, where that is the point, without); if every receipt pays, in order, what the oracle of money.py says; if who lost stake and how
much is what the scene expects; and if every grain of every account is explained. --self-test plays one scene and asks that a change of one
amount of what is expected is told.
"""
import argparse
import concurrent.futures
import os
import re
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE]
from books import Books  # noqa: E402
from money import Wrong, need  # noqa: E402
from network import PATIENCE, PRICE, Devnet, Network  # noqa: E402

FULL, STANDARD, SPOT = ("--level", "full"), ("--level", "standard"), ("--level", "spot")
TRIES = 4
# What is told after the first attempt went wrong: another solver does the task.
OPENED = r"(opened done solver-[2-9]; )"
SETTLED = OPENED + r"settled done solver-[2-9]"
HONEST = r"opened done solver-\d; settled done solver-\d"


def people(solvers=3, verifiers=5, **lies):
    """solver_1="every" makes solver-1 lie so; a dict gives more (Network)."""
    out = {f"solver-{i}": {} for i in range(1, solvers + 1)} | {f"verifier-{i}": {} for i in range(1, verifiers + 1)}
    for name, lie in lies.items():
        out[name.replace("_", "-")] = dict(lie) if isinstance(lie, dict) else {"lie": lie}
    return out


BEFORE = {3: 2, 4: 3, 5: 4, 6: 5, 7: 6, 10: 5, 11: 10, 14: 11, 15: 14}


def silent(number, before=None):
    """The first verdict is about somebody who did not make this move, when it was due."""
    def check(net, books):
        verdicts = [r for r, _ in books.receipts if r["kind"] == "verdict" and r["reason"] == "silent in a dispute"]
        need(verdicts, "nobody was silent in a dispute")
        moves = books.oracle.moves.get(verdicts[0]["dispute"], [])
        last = before or BEFORE.get(number)
        need((moves[-1] if moves else None) == last, f"moves {moves} were made; the last one should be {last}")
    return check


def raised(times, at_most=None):
    def check(net, books):
        task = list(books.oracle.jobs.values())[0].tasks[0]
        need(task.rho > 0, "nothing was raised")
        need(times <= task.raises <= (at_most or times), f"{task.raises} raises, not {times}")
    return check


def start_late(net, books):
    """When the task has stalled twice, verifiers come."""
    wait(net, books, lambda: (task := first_task(books)) and task.raises >= 2, "two raises")
    for name, person in net.people.items():
        if person.get("late"):
            net.start(name)


def kill_solver(net, books):
    """As soon as it has committed."""
    p, until = net.processes["solver-1"], time.monotonic() + PATIENCE
    while not any(line.get("kind") == "sent" and line["text"].startswith("commit") for line in p.lines):
        need(time.monotonic() < until, "nobody committed")
        if net.submission.process.poll() is not None:
            return  # the draw fell on others
        time.sleep(0.005)
    net.kill("solver-1")


def kill_submitter(net, books):
    """Right after posting; the same command brings the model when all is over."""
    net.submission.wait(lambda line: line.get("kind") == "posted")
    net.submission.kill()
    wait(net, books, lambda: not books.running() and books.oracle.jobs, "an end of the job without its submitter")
    net.again()


def wait(net, books, found, what):
    until = time.monotonic() + PATIENCE
    while not found():
        need(time.monotonic() < until, f"{what} did not come")
        need(books.oracle.jobs or net.submission.process.poll() is None, "assay submit ended, and there is no job")
        time.sleep(0.05)
        books.check()


def first_task(books):
    return next((job.tasks[0] for job in books.oracle.jobs.values()), None)


class Scene:
    """what: a line for people. who: people(). words: of assay submit. ends: a pattern of what the receipts tell, posted and locked left out.
    lost: {account: figure of money.Terms, or (count, figure)}, all stake that anybody loses. outcome: what submit says. act: done once the job is
    submitted. check: of the books, at the end. changes: of the job file; model: of tests/models."""

    def __init__(self, what, who, ends, lost, words=STANDARD, outcome="done", act=None, check=None, changes=(), model="mlp_small.onnx"):
        self.what, self.who, self.ends, self.lost, self.words = what, who, ends, lost, words
        self.outcome, self.act, self.check, self.changes, self.model = outcome, act, check, changes, model
        self.devnet = Devnet.can(who) and act is not kill_solver and "--own-seat" not in words


FAULT_PROVEN = r"opened done solver-1; (verdict proven solver-1; )(seat approved what was proven wrong verifier-\d; )*fault proven solver-1; "
CAUGHT = FAULT_PROVEN + SETTLED
FAULT_SILENT = r"opened done solver-1; verdict silent in a dispute solver-1; fault silent in a dispute solver-1; "
SEAT_LOST = r"opened done solver-\d; verdict (proven|silent in a dispute) verifier-1; settled done solver-\d"

SCENES = {
    "honest": Scene("nobody misbehaves", people(), HONEST, {}),
    "honest-spot": Scene("nobody misbehaves, one seat", people(), HONEST, {}, SPOT),
    "honest-full": Scene("nobody misbehaves, everything run again", people(), HONEST, {}, FULL),
    # A lying solver.
    "liar": Scene("the solver alters every interval", people(solver_1="every"), FAULT_PROVEN + SETTLED, {"solver-1": "bond"}),
    "liar-start": Scene("the solver alters interval 1 of 8", people(solver_1="interval=1"), FAULT_PROVEN + SETTLED, {"solver-1": "bond"}, FULL),
    "liar-middle": Scene("the solver alters interval 4 of 8", people(solver_1="interval=4"), FAULT_PROVEN + SETTLED, {"solver-1": "bond"}, FULL),
    "liar-end": Scene("the solver alters interval 8 of 8", people(solver_1="interval=8"), FAULT_PROVEN + SETTLED, {"solver-1": "bond"}, FULL),
    "liar-many": Scene("the solver alters interval 11 of 20", people(solver_1="interval=11"), FAULT_PROVEN + SETTLED, {"solver-1": "bond"}, FULL,
                       changes=[("interval: 5", "interval: 2")]),
    "liar-luck": Scene("the solver alters interval 4 of 8, and three seats look at two each", people(solver_1="interval=4"),
                       f"({FAULT_PROVEN}{SETTLED}|opened done solver-1; settled done solver-1)", None),
    "two-tasks": Scene("a job of two tasks; the same solver lies in both", people(solver_1="every"), f"{CAUGHT}; {CAUGHT}|{CAUGHT}; {SETTLED}|{SETTLED}; {CAUGHT}", None,
                       changes=[("interval: 5", "interval: 1"), ("updates: 40", "updates: 300"), ("every: 20", "every: 150")]),
    "diverged": Scene("the run diverges, as everybody finds", people(), r"opened diverged solver-\d; settled diverged solver-\d", {}, outcome="diverged",
                      changes=[("lr: 1e-3", "lr: 1e+30"), ("clip_norm: 1.0\n", "")]),
    "liars": Scene("three solvers out of four lie, one after the other", people(solvers=4, solver_1="every", solver_2="every", solver_3="every"),
                   r"(opened done (solver-[123]); verdict proven \2; fault proven \2; ){3}opened done solver-4; settled done solver-4",
                   {"solver-1": "bond", "solver-2": "bond", "solver-3": "bond"}, SPOT),
    "only-liars": Scene("four solvers, and all of them lie", people(solvers=4, **{f"solver_{i}": "every" for i in (1, 2, 3, 4)}),
                        r"(opened done (solver-\d); verdict proven \2; fault proven \2; ){4}cancelled four attempts .*",
                        {f"solver-{i}": "bond" for i in (1, 2, 3, 4)}, SPOT, outcome="cancelled"),
    # A solver that falls silent.
    "vanish-before": Scene("the solver does not commit", people(solver_1="no-commit"), r"attempt late solver-1; " + SETTLED, {"solver-1": "late"}),
    "vanish-after": Scene("the solver is gone after COMMIT", people(solver_1={"heavy": True}), r"fault no PUBLISH solver-1; " + SETTLED, {"solver-1": "bond"},
                          act=kill_solver),
    "no-publish": Scene("the solver does not PUBLISH", people(solver_1="no-publish"), r"fault no PUBLISH solver-1; " + SETTLED, {"solver-1": "bond"}),
    "no-open": Scene("the solver does not OPEN", people(solver_1="no-open"), r"fault no OPEN solver-1; " + SETTLED, {"solver-1": "bond"}),
    "no-open-full": Scene("the solver does not OPEN, everything run again", people(solver_1="no-open"), r"fault no OPEN solver-1; " + SETTLED,
                          {"solver-1": "bond"}, FULL),
    "no-deliver": Scene("the final state is nowhere to be had", people(solver_1="no-deliver"), r"opened done solver-1; cancelled neutral solver-1", {},
                        outcome="cancelled"),
    "no-starts": Scene("the solver says where intervals start, and nobody can have it", people(solver_1="no-starts"),
                       r"(seat no start verifier-\d; )+cancelled neutral solver-1", None, SPOT, outcome="cancelled"),
    "no-starts-standard": Scene("the same with three seats: two rounds have asked everybody", people(solver_1="no-starts"),
                                r"(seat no start verifier-\d; ){5}cancelled neutral solver-1", {f"verifier-{i}": "phi" for i in range(1, 6)}, outcome="cancelled"),
    # A verifier.
    "no-take": Scene("a verifier does not TAKE its seat", people(verifier_1="no-take"), r"seat not taken verifier-1; " + HONEST, {"verifier-1": "untaken"}),
    "no-seal": Scene("a verifier does not SEAL", people(verifier_1="no-seal"), r"seat no SEAL verifier-1; " + HONEST, {"verifier-1": "unsealed"}),
    "no-seal-spot": Scene("the only seat does not SEAL, another one is drawn", people(verifier_1="no-seal"), r"seat no SEAL verifier-1; " + HONEST,
                          {"verifier-1": "unsealed"}, SPOT),
    "no-show": Scene("a verifier does not SHOW", people(verifier_1="no-show"), r"opened done solver-\d; seat no SHOW verifier-1; settled done solver-\d",
                     {"verifier-1": "L"}),
    "no-show-spot": Scene("the only seat does not SHOW", people(verifier_1="no-show"), r"opened done solver-\d; seat no SHOW verifier-1; settled done solver-\d",
                          {"verifier-1": "L"}, SPOT),
    "no-vote": Scene("a verifier says nothing about the final state", people(verifier_1="no-vote"), HONEST, {}),
    "wrong": Scene("a verifier seals a wrong end root", people(verifier_1="wrong"), SEAT_LOST, {"verifier-1": "Bv"}),
    "wrong-full": Scene("a verifier that ran everything again seals a wrong end root", people(verifier_1="wrong"), SEAT_LOST, {"verifier-1": "Bv"}, FULL),
    "wrong-spot": Scene("the only seat seals a wrong end root", people(verifier_1="wrong"), SEAT_LOST, {"verifier-1": "Bv"}, SPOT),
    "only-silent": Scene("the only verifier does not SEAL, over eight raises", people(verifiers=1, verifier_1="no-seal"),
                         r"(seat no SEAL verifier-1; ){9}cancelled stalled solver-\d", {"verifier-1": (9, "unsealed")}, SPOT, outcome="cancelled", check=raised(8)),
    "only-absent": Scene("the only verifier does not TAKE; three strikes, and it is drawn no more", people(verifiers=1, verifier_1="no-take"),
                         r"(seat not taken verifier-1; ){3}cancelled stalled solver-\d", {"verifier-1": (3, "untaken")}, SPOT, outcome="cancelled", check=raised(8)),
    # A verifier of the submitter's own.
    "own-seat": Scene("the submitter's own seat, and nobody misbehaves", people(), HONEST, {}, (*SPOT, "--own-seat", "@verifier-5")),
    "own-seat-liar": Scene("the submitter's own seat, and the solver lies", people(solver_1="every"), FAULT_PROVEN + SETTLED, {"solver-1": "bond"},
                           (*SPOT, "--own-seat", "@verifier-5")),
    "own-seat-silent": Scene("the submitter's own seat does not SEAL", people(verifier_5="no-seal"), r"seat no SEAL verifier-5; " + HONEST, {},
                             (*SPOT, "--own-seat", "@verifier-5")),
    "own-seat-wrong": Scene("the submitter's own seat seals a wrong end root", people(verifier_5="wrong"),
                            r"opened done solver-\d; verdict (proven|silent in a dispute) verifier-5; settled done solver-\d", {"verifier-5": "Bv"},
                            (*SPOT, "--own-seat", "@verifier-5")),
    # Nobody.
    "no-verifiers": Scene("nobody to verify, for nine epochs", people(verifiers=0), r"cancelled stalled solver-\d", {}, ("--level", "standard", "--reserve", "5"),
                          outcome="cancelled", check=raised(8)),
    "late-verifiers": Scene("nobody to verify; the raise brings somebody", people(verifiers=4, **{f"verifier_{i}": {"late": True} for i in (1, 2, 3, 4)}), HONEST, {},
                            ("--level", "standard", "--reserve", "5"), act=start_late, check=raised(2, 8)),
    "no-solvers": Scene("nobody to solve", people(solvers=0, verifiers=1), r"(attempt no offers nobody; ){4}cancelled four attempts nobody", {},
                        outcome="cancelled"),
    "deadline": Scene("nobody to solve, and the deadline passes", people(solvers=0, verifiers=1), r"(attempt no offers nobody; ){1,3}cancelled deadline nobody", {},
                      (*STANDARD, "--deadline", "12"), outcome="cancelled"),
    "unfit": Scene("solvers, and none of the class that the job wants", people(), r"(attempt no offers nobody; ){4}cancelled four attempts nobody", {},
                   (*STANDARD, "--class", "2"), outcome="cancelled"),
    "no-submitter": Scene("the submitter is killed after posting, and comes back for the model", people(), HONEST, {}, act=kill_submitter),
}
for n in (2, 4, 10, 14):
    SCENES[f"solver-silent-{n}"] = Scene(f"the solver lies and does not make move {n}", people(solver_1=f"every,silent-move={n}"), FAULT_SILENT + SETTLED,
                                         {"solver-1": "bond"}, SPOT, check=silent(n))
for n in (3, 5, 11):
    SCENES[f"verifier-silent-{n}"] = Scene(f"the verifier disputes a right interval and does not make move {n}", people(verifier_1=f"wrong,silent-move={n}"), SEAT_LOST,
                                           {"verifier-1": "Bv"}, SPOT, check=silent(n))
for n in (3, 5, 11, 15):
    SCENES[f"bought-{n}"] = Scene(f"the solver lies, the only seat disputes and does not make move {n}", people(solver_1="every", verifier_1=f"silent-move={n}"),
                                  r"opened done solver-1; verdict silent in a dispute verifier-1; settled done solver-1", {"verifier-1": "Bv"}, SPOT,
                                  check=silent(n))
for n, role, lies in ((6, "solver", {"solver_1": "every,silent-move=6"}), (7, "verifier", {"verifier_1": "wrong,silent-move=7"}),
                      (10, "solver", {"solver_1": "every,silent-move=10"})):
    SCENES[f"{role}-silent-{n}-wide"] = Scene(f"as {role}-silent-.., move {n} of a job with more than 1 MiB of state", people(**lies),
                                              FAULT_SILENT + SETTLED if role == "solver" else SEAT_LOST, {"solver-1": "bond"} if role == "solver" else {"verifier-1": "Bv"},
                                              SPOT, check=silent(n, 7 if n == 10 else None), model="mlp.onnx")

# A few seconds each, one of each kind of end.
SHORT = ("liar", "liar-middle", "vanish-before", "no-publish", "no-open", "solver-silent-4", "no-take", "no-seal", "no-show", "wrong", "late-verifiers", "no-submitter")


def told(books):
    """'kind reason who; ..': what the receipts tell, posted and locked left out."""
    return "; ".join(f"{r['kind']} {r['reason']} {books.name(r['account']) if any(r['account']) else 'nobody'}" for r, _ in books.receipts
                     if r["kind"] not in ("posted", "locked"))


def sums(books):
    """({account: stake lost}, {account: what came into its balance}); what somebody only got back is neither."""
    lost, got = {}, {}
    for r, flows in books.receipts:
        for row, source, to, amount in flows:
            if source[0] == "stake":
                lost[books.name(source[-1])] = lost.get(books.name(source[-1]), 0) + amount
            if to[0] == "balance" and source[0] != "lock":
                got[books.name(to[1])] = got.get(books.name(to[1]), 0) + amount
    return lost, got


def figure(terms, wanted):
    count, name = wanted if isinstance(wanted, tuple) else (1, wanted)
    return count * getattr(terms, name)


class Disturbed(Exception):
    """The books are right, but the scene did not come about: the machine was too slow for these windows, or the draw fell on others."""


def undisturbed(scene, books):
    """Everybody who was to misbehave had a turn, and nobody else was late. Scenes are to say what they say of a chain whose windows are a hundredth
    of a real one's, on any machine; the receipts were compared before this is asked."""
    if "attempt no offers" in told(books):
        raise Disturbed("nobody offered in time")
    had_turn = {books.name(r["account"]) for r, _ in books.receipts if r["kind"] in ("locked", "seat")}
    missing = [name for name, person in scene.who.items() if (person.get("lie") or person.get("heavy")) and name not in had_turn]
    if missing:
        raise Disturbed(f"{' and '.join(missing)} had no turn")
    for r, _ in books.receipts:
        name = books.name(r["account"])
        if r["reason"] in ("not taken", "no SEAL", "no SHOW", "late", "no PUBLISH", "no OPEN") and not (person := scene.who[name]).get("lie") and not person.get("heavy"):
            raise Disturbed(f"{name} was late: {r['reason']}")


def judge(scene, net, books):
    result, status = net.result()
    need(not net.died(), f"ended by themselves: {net.died()}")
    books.check().over()
    said = told(books)
    if "no offers" not in scene.ends:  # an attempt for which nobody was quick enough costs nobody anything
        said = said.replace("attempt no offers nobody; ", "")
    if not re.fullmatch(scene.ends, said):
        undisturbed(scene, books)
        raise Wrong(f"the receipts tell: {told(books)}\nthey should: {scene.ends}")
    lost, got = sums(books)
    if scene.lost is not None:
        terms = first_task(books).terms
        due = {who: figure(terms, what) for who, what in scene.lost.items()}
        need(lost == due, f"lost: {lost}; the scene says {due}")
    need(result and (result["outcome"], status) == (scene.outcome, 0 if scene.outcome == "done" else 1), f"submit ended with {status}: {result}")
    if scene.outcome == "done":
        settled = books.receipts[-1][0]
        lie = scene.who[books.name(settled["account"])].get("lie") or ""
        if "interval" not in lie:  # a last bit altered in the middle may be rounded away again in the end
            need((settled["final_root"].hex() == net.train()) != ("every" in lie), "the model is not that of `assay train`, or it is and should not be")
        need(settled["final_root"].hex() == result["final_root"], "submit brought another model")
    if scene.check:
        scene.check(net, books)
    return lost, got


def play_once(assay, scene, seed, alter, verbose):
    with (Devnet if scene.devnet else Network)(assay, scene.who, seed) as net:
        books = Books(net.chain, net.names)
        books.alter = alter
        try:
            net.submit("--price", str(PRICE), *scene.words, changes=scene.changes, model=scene.model)
            wait(net, books, lambda: books.oracle.jobs, "the job")
            net.names[next(iter(books.oracle.jobs.values())).submitter] = "submitter"
            if scene.act:
                scene.act(net, books)
            wait(net, books, lambda: not books.running(), "the end of the job")
            lost, got = judge(scene, net, books)
            need(not (left := net.stop()), f"asked to leave: {left}")
        except BaseException as e:
            if verbose and not isinstance(e, Disturbed):
                sys.stderr.write(net.told() + "\n")
                for r, p in books.receipts:
                    sys.stderr.write(f"{r['number']} {r['kind']} {r['reason']} {books.name(r['account'])} seat {r['seat']}\n" + "".join(f"    {books.flow(f)}\n" for f in p))
            raise
        return told(books).split("; ")[-1], lost, got


def play(assay, name, seed=1, alter=None, verbose=False):
    """Raises Wrong; else what stands in a line of the table: (ended, lost, got, seconds)."""
    for again in range(TRIES):
        begun = time.monotonic()
        try:
            return (*play_once(assay, SCENES[name], seed + 1000 * again, alter, verbose), time.monotonic() - begun)
        except Disturbed as e:
            why = str(e)
            if verbose:
                sys.stderr.write(f"{name}: {why}; again\n")
    raise Wrong(f"{TRIES} times it did not come about; the last time {why}")


def asy(amount):
    return f"{amount / 10**9:.6f}".rstrip("0").rstrip(".")


def row(name, outcome):
    ended, lost, got, seconds = outcome
    said = lambda sums: ", ".join(f"{who} {asy(amount)}" for who, amount in sorted(sums.items())) or "-"
    return f"{name:22} {'devnet' if SCENES[name].devnet else 'by hand':8} {ended:32} lost: {said(lost):40} got: {said(got)}  {seconds:.1f} s"


PAGE = """# Scenes of misbehaviour

What becomes of a job, and of whose money, when somebody does not do what is due. Each line is a scene that is played with processes on a chain
whose windows are compressed (LEDGER 12.3, `test`), and its books are checked: every receipt pays, in order, what an oracle of the money table
(LEDGER 14) says, which shares no code with the program; every account's money is explained to the grain, gas too; all of it is what there was
at genesis; and who lost stake, and how much, is what stands here.

```
tests/network/scenes.py build/release/assay --all            every scene, a line each: how it ended, who lost what, who got what
tests/network/scenes.py build/release/assay --scene liar     one of them
```

They are played by `assay devnet` and `assay submit` (in a few, where several lie at once or somebody is killed, the same processes are started one
by one). A dozen of them, and a test that a grain too many is told, run with `ctest -R network/`.

F, phi, B_s, L and J are those of LEDGER 12.1: with its defaults B_s = 2 F, the solver's bond is 2 F + n phi, a seat's bond 16 phi. *Row* is the one of
LEDGER 14.1 that says where it goes: 4b and 5a to 5c burn; 8 gives F/2 to the finders, F/2 to the submitter, phi to each good seat and the
rest to quarantine; 9 gives phi to each good seat and burns the rest; 11 gives 6 phi to the solver and the rest to quarantine.

In `bought-*` a wrong result is settled: the one seat there is gives up its dispute, which costs it 16 phi, and the receipt says that nobody audited. In
`liar-luck` one may be, when no seat draws the interval. More seats, `full` or a seat of one's own are what there is against it (LEDGER 21.2).

| scene | what happens | the job ends | loses stake | row |
|---|---|---|---|---|
"""
SAYS = {"bond": "2 F + n phi", "late": "F/4", "untaken": "phi/4", "unsealed": "2 phi", "L": "8 phi", "phi": "phi", "Bv": "16 phi"}
ROWS = {"fault (proven|silent)": "8", "fault no": "9", "attempt late": "4b", "not taken": "5a", "no SEAL": "5b", "no SHOW": "5c", "no start": "5d", "verdict.* verifier": "11"}


def loss(lost):
    figures = [SAYS[what] if isinstance(what, str) else f"{what[0]} x {SAYS[what[1]]}" for what in lost.values()]
    return f"{len(lost)} {next(iter(lost)).split('-')[0]}s, each {figures[0]}" if len(lost) > 1 else f"{next(iter(lost))} {figures[0]}" if lost else "-"


def page():
    """docs/scenes.md."""
    lines = []
    for name, scene in SCENES.items():
        how = re.search(r"cancelled (four attempts|neutral|stalled|deadline)|settled diverged", scene.ends)
        ends = how[0].replace("cancelled ", "cancelled: ") if how else "settled"
        ends += " by another solver" if scene.ends.endswith(SETTLED) and scene.ends != HONEST else ""
        lost = "by the draw" if name == "liar-luck" else "each time 2 F + n phi" if name == "two-tasks" else "each seat phi" if scene.lost is None else \
            loss(scene.lost)
        row = next((row for pattern, row in ROWS.items() if re.search(pattern, scene.ends) and scene.lost != {}), "-")
        lines.append(f"| {name} | {scene.what} | {ends} | {lost} | {row} |\n")
    return PAGE + "".join(lines)


def self_test(assay, seed):
    """A grain more in one payment of one receipt, and the scene fails; without it, it passes."""
    changed = []

    def alter(receipt, due):
        if receipt["kind"] != "fault" or changed:
            return due
        changed.append(receipt["number"])
        return [(*due[0][:3], due[0][3] + 1), *due[1:]]
    try:
        play(assay, "liar", seed, alter)
    except Wrong as e:
        need(changed and f"receipt {changed[0]} " in str(e) and "DIFFERS" in str(e), f"the change was told as: {e}")
        print(f"a grain too many in receipt {changed[0]} was told")
        return
    raise Wrong("a grain too many passed")


def main():
    a = argparse.ArgumentParser()
    a.add_argument("assay")
    a.add_argument("--scene", nargs="+", default=[], choices=list(SCENES))
    a.add_argument("--page", metavar="FILE", help="is this what docs/scenes.md should be? If not, prints that")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--jobs", type=int, default=1)
    for flag in ("--short", "--all", "--list", "--verbose", "--self-test"):
        a.add_argument(flag, action="store_true")
    a = a.parse_args()
    assay = os.path.abspath(a.assay)
    if a.list:
        for name, scene in SCENES.items():
            print(f"{name:22} {scene.what}")
        return 0
    if a.page:
        with open(a.page) as f:
            same = f.read() == page()
        print(page() if not same else f"{a.page}: {len(SCENES)} scenes")
        return 0 if same else 1
    if a.self_test:
        self_test(assay, a.seed)
    names = list(SCENES) if a.all else list(SHORT) if a.short else a.scene
    failed, begun = [], time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        runs = {pool.submit(play, assay, name, a.seed, None, a.verbose): name for name in names}
        for done in concurrent.futures.as_completed(runs):
            try:
                print(row(runs[done], done.result()), flush=True)
            except Exception as e:
                failed.append(runs[done])
                print(f"{runs[done]:22} FAILED  {e if isinstance(e, Wrong) else traceback.format_exc()}", flush=True)
    if names:
        print(f"{len(names) - len(failed)} of {len(names)} scenes as the money table says, {time.monotonic() - begun:.0f} s" + (f"; failed: {' '.join(sorted(failed))}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
