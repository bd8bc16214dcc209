"""docs/scenes.md, made from the scenes themselves."""
import re

from plays import HONEST, SCENES, SETTLED

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
by one). Some of them, and a test that a grain too many is told, run with `ctest -R network/`.

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
