"""The scenes: who misbehaves how, and what has to come of it. Played by scenes.py."""
import time

from story import need
from network import PATIENCE, Devnet

FULL, STANDARD, SPOT = ("--level", "full"), ("--level", "standard"), ("--level", "spot")
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
    "liars": Scene("two solvers out of three lie, one after the other", people(solver_1="every", solver_2="every"),
                   r"(opened done (solver-[12]); verdict proven \2; fault proven \2; ){2}opened done solver-3; settled done solver-3",
                   {"solver-1": "bond", "solver-2": "bond"}, SPOT),
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
SHORT = ("liar", "liar-middle", "vanish-before", "no-open", "solver-silent-4", "no-take", "no-seal", "no-show", "wrong", "late-verifiers", "no-submitter")
