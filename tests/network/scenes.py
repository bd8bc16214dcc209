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
from story import Wrong, need  # noqa: E402
from network import PRICE, Devnet, Network  # noqa: E402
from page import page  # noqa: E402
from plays import SCENES, SHORT, first_task, wait  # noqa: E402

TRIES = 4


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
