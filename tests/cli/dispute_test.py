#!/usr/bin/env python3
"""Two runs of one job that differ: the liar loses in either seat, the element is named, and the transcript says so alone."""
import gzip
import hashlib
import json
import os
import shutil
import signal
import struct
import subprocess
import time

import world

KINDS = ("weight", "gradient", "index", "skip", "stale", "seed", "optimizer", "backdoor", "root", "preimage")
MOVES_MAX, BYTES_MAX = 15, 62 * 1024
CLAIMANT, CHALLENGER = "claimant", "challenger"

# Where each lie is found: space, and a word that the tensor's name has.
FOUND = {"weight": ("out", "weight"), "gradient": ("temp", "gradient of"), "index": ("temp", "batch"), "skip": ("out", "loss"),
         "stale": ("temp", "batch"), "seed": ("temp", "batch"), "optimizer": ("temp", "optimizer"), "backdoor": ("temp", "batch"),
         "root": ("out", "weight"), "preimage": (None, None)}


def tree(hashes):
    """PROTOCOL M1: the root over leaf hashes, absent positions zero."""
    absent = bytes(32)
    while len(hashes) > 1:
        hashes = hashes + [absent] * (len(hashes) % 2)
        hashes = [absent if a == b == absent else hashlib.sha256(b"\1" + a + b).digest() for a, b in zip(hashes[::2], hashes[1::2])]
    return hashes[0]


class Transcript:
    """PROTOCOL P8.1, taken apart and put together again."""

    def __init__(self, data):
        at = 40 + 32 + 32 + 8  # in front of first_step, behind the magic
        first_step, self.steps, seed, leaves, tapes = struct.unpack_from("<IHQIB", data, at)
        at += 19 + 44 * tapes + self.steps
        at += 1 + 36 * data[at] + 12
        self.head, count, self.moves = data[:at], data[at], []
        at += 1
        for _ in range(count):
            tick, number, kind, length = struct.unpack_from("<QBBH", data, at)
            self.moves.append((tick, number, kind, data[at + 12:at + 12 + length]))
            at += 12 + length
        self.last_tick, = struct.unpack_from("<Q", data, at)
        assert at + 8 + 32 == len(data)

    def bytes(self):
        out = self.head + bytes([len(self.moves)])
        for tick, number, kind, payload in self.moves:
            out += struct.pack("<QBBH", tick, number, kind, len(payload)) + payload
        out += struct.pack("<Q", self.last_tick)
        return out + hashlib.sha256(out).digest()


class Dispute(world.World):
    def lie(self, kind, step, folder="liar", job="job.yaml"):
        return self.train(folder, job, "--force", "--sabotage", f"{kind}@{step}")

    def dispute(self, claimant, challenger, *more, expect):
        """All lines of a dispute; the last is the verdict."""
        out, err = self.assay("dispute", claimant, "--against", challenger, "--json", *more, expect=expect)
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(list(lines[-1]), ["verdict"], err)
        return lines[:-1], lines[-1]["verdict"]

    def referee(self, path, expect):
        out, err = self.assay("referee", path, "--json", expect=expect)
        lines = [json.loads(line) for line in out.splitlines()]
        return lines[1:-1], lines[-1]["verdict"]

    def both_seats(self, folder, *more, honest="run"):
        """The liar as claimant and as challenger; gives the verdict on the claimant."""
        for claimant, challenger, loser in ((folder, honest, CLAIMANT), (honest, folder, CHALLENGER)):
            code = 1 if loser == CLAIMANT else 0
            moves, verdict = self.dispute(claimant, challenger, "-o", "t", "--force", *more, expect=code)
            self.assertEqual((verdict["loser"], verdict["folder"]), (loser, folder))
            self.assertLessEqual(verdict["moves"], MOVES_MAX)
            self.assertLessEqual(verdict["bytes"], BYTES_MAX)
            made = [m for m in moves if m["kind"]]
            self.assertEqual(len(made), verdict["moves"])
            self.assertEqual(sum(m["bytes"] for m in made), verdict["bytes"])
            numbers = [m["move"] for m in moves]
            self.assertEqual(numbers, sorted(set(numbers)))
            self.assertLess(len(made), len(moves) + (verdict["reason"] != "clock"))
            # the referee, who has nothing but the transcript, says the same
            heard, alone = self.referee("t", expect=code)
            for key in ("outcome", "loser", "reason", "awaited", "update", "step", "interval_step", "space", "leaf", "index", "coordinates", "committed",
                        "recomputed", "dtype", "moves", "bytes"):
                self.assertEqual(alone[key], verdict[key], key)
            if verdict["index"] is not None:
                self.assertEqual((alone["record"], alone["opcode"]), (verdict["record"], verdict["opcode"]))
            self.assertIsNone(alone["node"])
            self.assertEqual([m["move"] for m in heard], numbers)
            if loser == CLAIMANT:
                guilty = verdict
        return guilty

    def expect_found(self, verdict, kind, step, interval=5):
        at_end = kind in ("root", "preimage")
        last = (step // interval + 1) * interval - 1
        self.assertEqual(verdict["update"], last if at_end else step)
        self.assertEqual((verdict["task"], verdict["interval"]), (0, step // interval + 1))
        self.assertEqual((verdict["step"], verdict["interval_step"]), (verdict["update"], verdict["update"] % interval + 1))
        space, tensor = FOUND[kind]
        self.assertEqual(verdict["space"], space)
        if kind == "preimage":  # a root that nothing hashes to: there is no state to look into
            self.assertEqual((verdict["awaited"], verdict["reason"], verdict["index"]), (4, "clock", None))
            return
        self.assertIn(tensor, verdict["tensor"])
        self.assertNotEqual(verdict["committed"], verdict["recomputed"])
        self.assertRegex(verdict["committed"], r"^[0-9a-f]{8}$")

    def test_every_kind_in_both_seats(self):
        self.train()
        for kind in KINDS:
            for step in (7, 30):
                with self.subTest(kind=kind, step=step):
                    self.lie(kind, step)
                    self.expect_found(self.both_seats("liar"), kind, step)

    def test_claimants_are_proven_wrong(self):
        self.train()
        for kind in KINDS:
            with self.subTest(kind=kind):
                self.lie(kind, 13)
                verdict = self.both_seats("liar", "--express")
                self.expect_found(verdict, kind, 13)
                self.assertEqual(verdict["outcome"], "silent" if kind == "preimage" else "proven")

    def test_convolutions(self):
        shutil.copy(os.path.join(world.SOURCE, "tests", "models", "lenet_small.onnx"), "model.onnx")
        self.train()
        for kind, step in (("weight", 11), ("gradient", 24), ("backdoor", 9), ("root", 17)):
            with self.subTest(kind=kind):
                self.lie(kind, step)
                self.expect_found(self.both_seats("liar"), kind, step)

    def test_the_first_and_the_last_step(self):
        self.train()
        for kind, step in (("weight", 0), ("seed", 0), ("gradient", 1), ("skip", 40), ("gradient", 40)):
            with self.subTest(kind=kind, step=step):
                self.lie(kind, step)
                verdict = self.both_seats("liar")
                self.assertEqual(verdict["update"], step)
        # interval 9 is a single step: STEPS and STEP fall away
        moves, _ = self.dispute("liar", "run", expect=1)
        self.assertEqual([m["move"] for m in moves][:3], [1, 4, 5])

    def test_all_kinds_of_moves(self):
        """A sum over more than 512 terms in a tree of more than 128 leaves: chunks and slabs too, twelve kinds of moves in all."""
        x, y = world.pictures(700, 1)
        self.write("train-x.gz", gzip.compress(world.idx([700, 28, 28], x), mtime=0))
        self.write("train-y", world.idx([700], y))
        self.job("job.yaml", ("batch: 16", "batch: 600"), ("updates: 40", "updates: 8"), ("every: 20", "every: 4"))
        self.train()
        self.lie("gradient", 3)
        moves, verdict = self.dispute("liar", "run", expect=1)
        self.assertEqual([m["kind"] for m in moves], ["CHALLENGE", "STEPS", "STEP", "VALUES", "NODE", "SLAB", "NODE", "LEAF", "CASE", "CHUNK",
                                                      "OPERANDS", "OPERAND", "PROOF"])
        self.assertEqual((verdict["opcode"], verdict["outcome"], verdict["reason"]), ("dot", "proven", "proof"))
        short, again = self.dispute("liar", "run", "--express", expect=1)
        self.assertEqual([m["kind"] for m in short[4:6]], ["EXPRESS", "LEAF"])
        for key in ("update", "record", "index", "committed", "recomputed"):
            self.assertEqual(again[key], verdict[key])
        self.expect_found(self.both_seats("liar"), "gradient", 3)

    def test_what_people_see(self):
        self.train()
        self.lie("weight", 13)
        out, err = self.assay("dispute", "liar", "--against", "run", expect=1)
        self.assertIn("The runs agree up to interval 2 of 9", out)
        self.assertRegex(out, r"(?m)^ 3  challenger  STEP +2 B  step 4 of the interval \(update 13\) ends differently$")
        self.assertRegex(out, r"(?m)^11  challenger  CASE .*element \d+ of record \d+ \(map; optimizer 1\.weight, update\): I get [0-9a-f]{8} \(")
        self.assertRegex(out, r"(?m)^14  claimant    OPERAND +2 B  ")
        self.assertRegex(out, r"(?m)^15  challenger  PROOF +\d+ B  ")
        self.assertRegex(out, r"(?m)^verdict     the claimant loses \(liar\)")
        self.assertRegex(out, r"(?m)^step        update 13, step 4 of interval 3 of task 0$")
        self.assertRegex(out, r"(?m)^element     \d+ \(\d+, \d+\) of 1\.weight$")
        self.assertRegex(out, r"(?m)^moves       9, .* kB; the referee took at most ")
        self.assertIn("liar is a run that lied on purpose (weight@13)", err)
        self.assertIn("claimant: roots of the interval", err)
        self.assertIn("challenger: all values of a step", err)
        out, err = self.assay("dispute", "run", "--against", "liar", "--quiet", "-o", "t", expect=0)
        self.assertNotIn("all values", err)
        self.assertRegex(out, r"(?m)^leaf        \d+ of the state after it: 1\.weight$")
        out, _ = self.assay("referee", "t", expect=0)
        self.assertRegex(out, r"(?m)^outcome     silent$")
        self.assertRegex(out, r"(?m)^verdict     the challenger loses: ")
        # a record alone, as it lies under the job's root
        self.assay("dispute", "liar", "--against", "run", "-q", "-o", "t", "--force", expect=1)
        out, _ = self.assay("referee", "t", expect=1)
        self.assertRegex(out, r"(?m)^  out leaf 6 = map f32 \[784, 32\]   record 38$")
        self.assertRegex(out, r"(?m)^        x2 = in leaf \d+ \[784, 32\] \(i0, i1\)$")
        self.assertIn("proven: ", out)

    def test_nothing_to_dispute(self):
        self.train()
        self.train("twin", "job.yaml", "--threads", "1")
        out, _ = self.assay("dispute", "run", "--against", "twin", "-o", "t", expect=0)
        self.assertIn("nothing to dispute", out)
        self.assertIn("the same 9 intervals", out)
        moves, verdict = self.dispute("run", "twin", expect=0)
        self.assertEqual((moves, verdict["loser"], verdict["outcome"]), ([], None, "agree"))
        self.assertFalse(os.path.exists("t"))
        self.write("t", "an older one")
        _, err = self.assay("dispute", "run", "--against", "twin", "-q", "-o", "t", "--force", expect=0)
        self.assertIn("t was not written: there was no move to record", err)
        self.assertEqual(self.read("t"), b"an older one")
        self.job("job.yaml", ("interval: 5", "interval: 50"))
        self.train("one")
        self.train("twin", "job.yaml", "--force")
        self.assertIn("committed to the same interval.", self.assay("dispute", "one", "--against", "twin", expect=0)[0])

    def test_two_liars(self):
        """Whoever claims the first wrong interval loses, even to another liar who is honest there."""
        self.lie("gradient", 7, "early")
        self.lie("gradient", 30, "late")
        self.assertEqual(self.dispute("early", "late", expect=1)[1]["update"], 7)
        self.assertEqual(self.dispute("late", "early", expect=0)[1]["update"], 7)

    def test_states_that_are_gone_are_computed_again(self):
        self.train()
        self.lie("gradient", 30)
        for folder in ("run", "liar"):
            for name in os.listdir(os.path.join(folder, "checkpoints")):
                os.unlink(os.path.join(folder, "checkpoints", name))
        _, err = self.assay("dispute", "liar", "--against", "run", expect=1)
        self.assertIn("up to the interval", err)
        self.expect_found(self.both_seats("liar"), "gradient", 30)

    def seal(self, salt, roots):
        return tree([hashlib.sha256(b"\0" + hashlib.sha256(salt + struct.pack("<I", i)).digest() + r).digest() for i, r in enumerate(roots)])

    def forge(self, folder, interval, root):
        """A root of the trace is another one, and trace root and job.json agree with it."""
        path = os.path.join(folder, "traces", "0000.bin")
        trace = self.read(path)
        intervals, = struct.unpack_from("<H", trace, 22)
        self.assertEqual(len(trace), 25 + 32 * (intervals + 3))
        salt, roots = trace[25:57], [trace[57 + 32 * i:89 + 32 * i] for i in range(intervals + 1)]
        old_root, old_final = trace[-32:], roots[-1]
        roots[interval] = root
        sealed = self.seal(salt, roots)
        self.write(path, trace[:57] + b"".join(roots) + sealed)
        text = self.read(os.path.join(folder, "job.json")).replace(old_root.hex().encode(), sealed.hex().encode())
        self.write(os.path.join(folder, "job.json"), text.replace(old_final.hex().encode(), roots[-1].hex().encode()))

    def test_a_forged_trace(self):
        """No lie in the computation, only in what was committed: nobody can show anything for it."""
        self.train()
        for interval in (1, 4, 9):
            shutil.rmtree("forged", ignore_errors=True)
            shutil.copytree("run", "forged")
            self.forge("forged", interval, bytes(range(32)))
            _, verdict = self.dispute("forged", "run", expect=1)
            self.assertEqual((verdict["reason"], verdict["awaited"], verdict["interval"]), ("clock", 4 if interval == 9 else 2, interval))
            _, verdict = self.dispute("run", "forged", expect=0)
            self.assertEqual((verdict["reason"], verdict["loser"]), ("clock", CHALLENGER))
        # a start that neither has: the dispute cannot begin
        shutil.copytree("forged", "other")
        self.forge("forged", 3, bytes(32))
        self.forge("other", 3, bytes(32))
        self.forge("other", 4, bytes(32))
        _, err = self.assay("dispute", "forged", "--against", "other", expect=2)
        self.assertRegex(err, r"forged: nothing in it leads to the state that interval 4 starts from")

    def test_outcomes_that_differ(self):
        self.job("job.yaml", ("lr: 1e-3", "lr: 1e30"), ("warmup: 5", "warmup: 1"), ("updates: 40", "updates: 4"), ("every: 20", "every: 4"))
        self.train(expect=1)
        shutil.copytree("run", "done")
        trace = bytearray(self.read("done/traces/0000.bin"))
        self.assertEqual(trace[24], 1)
        trace[24] = 0
        self.write("done/traces/0000.bin", trace)
        text = self.read("done/job.json").decode()
        self.assertIn('"outcome": "diverged"', text)
        self.write("done/job.json", text.replace('"outcome": "diverged"', '"outcome": "done"'))
        out, _ = self.assay("dispute", "done", "--against", "run", expect=1)
        self.assertIn("the claimant loses: the state there says that the run diverged", out)
        self.assertEqual(self.dispute("run", "done", expect=0)[1]["loser"], CHALLENGER)
        for folder in ("run", "done"):
            shutil.rmtree(os.path.join(folder, "checkpoints"))
        _, err = self.assay("dispute", "run", "--against", "done", expect=2)
        self.assertIn("neither folder has the state", err)

    def test_one_run_is_shorter(self):
        """A run that claims to have diverged where it did not; the states up to there are right."""
        self.train()
        shutil.copytree("run", "short")
        path = os.path.join("short", "traces", "0000.bin")
        trace = self.read(path)
        roots = [trace[57 + 32 * i:89 + 32 * i] for i in range(10)]
        sealed = self.seal(trace[25:57], roots[:5])
        self.write(path, trace[:16] + struct.pack("<IHHB", 20, 5, 4, 1) + trace[25:57] + b"".join(roots[:5]) + sealed)
        job = json.loads(self.read("short/job.json"))
        job["traces"][0]["root"], job["final_root"] = sealed.hex(), roots[4].hex()
        job["outcome"], job["steps_run"], job["intervals_run"] = "diverged", 20, 4
        self.write("short/job.json", json.dumps(job))
        out, _ = self.assay("dispute", "short", "--against", "run", expect=1)
        self.assertIn("up to interval 4 and differ in their outcome", out)
        self.assertIn("the claimant loses: the state there says that the run did not diverge", out)
        self.assertEqual(self.dispute("run", "short", expect=0)[1]["loser"], CHALLENGER)
        # a difference before that is disputed as ever
        self.lie("gradient", 7)
        self.assertEqual(self.dispute("liar", "short", expect=1)[1]["update"], 7)

    def test_refusals(self):
        self.train()
        self.lie("weight", 7)
        os.symlink("run", "link")
        os.mkdir("empty")
        self.write("file", "something of mine")
        self.job("other.yaml", ("seed: 7", "seed: 8"))
        self.train("other", "other.yaml")
        shutil.copytree("run", "open")
        text = self.read("open/job.json").decode()
        self.write("open/job.json", text.replace('"outcome": "done"', '"outcome": "open"'))
        shutil.copytree("run", "torn")
        trace = self.read("torn/traces/0000.bin")
        self.write("torn/traces/0000.bin", trace[:100] + b"x" + trace[101:])
        shutil.copytree("run", "longer")
        self.write("longer/traces/0000.bin", trace[:16] + struct.pack("<I", 44) + trace[20:])  # 41 steps, 9 intervals of 5 too
        shutil.copytree("run", "missing")
        os.unlink("missing/traces/0000.bin")
        cases = ((["liar"], "--against DIR2"), (["liar", "--against", ""], "--against DIR2"), (["--against", "run"], "DIR is missing"),
                 (["run", "--against", "run"], "same folder"), (["run", "--against", "link"], "same folder"),
                 (["run", "--against", "nowhere"], "nowhere"), (["nowhere", "--against", "run"], "nowhere"),
                 (["run", "--against", "empty"], "empty is not the folder of a run"), (["run", "--against", "file"], "file"),
                 (["run", "--against", "other"], "run and other are runs of different jobs"),
                 (["run", "--against", "open"], "open: the run is not finished"), (["open", "--against", "run"], "open: the run is not finished"),
                 (["torn", "--against", "run"], "torn/traces/0000.bin"),
                 (["run", "--against", "longer"], "longer/traces/0000.bin is damaged"), (["run", "--against", "missing"], "missing/traces/0000.bin"),
                 (["liar", "--against", "run", "-o", "file"], "--force"), (["liar", "--against", "run", "-o", "empty", "--force"], "not a file"),
                 (["liar", "--against", "run", "-o", ""], "-o FILE"), (["liar", "--against", "run", "--threads", "0"], "from 1 to 256"),
                 (["liar", "--agianst", "run"], "did you mean --against"))
        for words, answer in cases:
            with self.subTest(words=words):
                out, err = self.assay("dispute", *words, expect=2)
                self.assertIn(answer, err)
                self.assertEqual(out, "")
        self.assertEqual(self.read("file"), b"something of mine")
        _, err = self.assay("dispute", "liar", "--against", "run", "-o", "nowhere/t", expect=3)
        self.assertIn("nowhere", err)
        # names that the system will not take are known before anything is computed, so no finished game is lost
        for name in ("n" * 300, "n" * 253, "n/" * 2500 + "t", "file/t"):
            with self.subTest(length=len(name)):
                out, err = self.assay("dispute", "liar", "--against", "run", "-o", name, expect=(2, 3))
                self.assertIn("assay dispute: " + name[:100], err)
                self.assertEqual(out, "")
        os.mkdir("moved")
        for name in ("model.onnx", "train-x.gz", "train-y", "test-x", "test-y"):
            os.rename(name, os.path.join("moved", name))
        _, err = self.assay("dispute", "liar", "--against", "run", expect=2)
        self.assertIn("--job-folder", err)
        self.dispute("liar", "run", "--job-folder", "moved", expect=1)
        with world.flipped("moved/train-y", -1, bit=0):
            _, err = self.assay("dispute", "liar", "--against", "run", "--job-folder", "moved", expect=2)
            self.assertIn("one of them was changed", err)

    def test_a_folder_may_say_anything_of_its_sabotage(self):
        """What the other side's folder says is a stranger's word: it is refused, and neither believed nor a crash."""
        self.lie("weight", 0)
        self.train("odd")
        for mark, answer in (("optimizer@0", "no learning rate"), ("gradient@0", "no gradient"), ("index@0", "reads no sample"),
                             ("backdoor@0", "reads no sample"), ("stale@1", "from step 2 on"), ("weight@41", "0 (init) to 40")):
            self.write("odd/SABOTAGED", mark + "\n")
            for words in (("liar", "--against", "odd"), ("odd", "--against", "liar")):
                with self.subTest(mark=mark, words=words):
                    _, err = self.assay("dispute", *words, "-o", "t", expect=2)
                    self.assertIn("assay dispute: odd: ", err)
                    self.assertIn(answer, err)
                    self.assertFalse(os.path.exists("t"))

    def test_long_names_leave_room_for_the_reason(self):
        self.train()
        self.lie("weight", 13)
        long = "/".join(["d" * 200] * 4)
        os.makedirs(long)
        shutil.move("liar", f"{long}/liar")
        out, _ = self.assay("dispute", f"{long}/liar", "--against", "run", "-q", expect=1)
        self.assertIn(f"verdict     the claimant loses ({long}/liar): it denied a word that the agreed roots contain\n", out)

    def test_a_job_that_one_folder_lost(self):
        """Both folders are of one job, so neither side can end the dispute by losing its half of the papers."""
        self.train()
        self.lie("gradient", 13)
        for folder in ("liar", "run"):
            text = self.read(f"{folder}/job.yaml")
            os.unlink(f"{folder}/job.yaml")
            self.expect_found(self.both_seats("liar"), "gradient", 13)
            self.write(f"{folder}/job.yaml", text.replace(b"seed: 7", b"seed: 8"))
            self.expect_found(self.both_seats("liar"), "gradient", 13)
            self.write(f"{folder}/job.yaml", text)
        self.lie("gradient", 13)
        os.rename("train-y", "elsewhere")
        _, err = self.assay("dispute", "liar", "--against", "run", expect=2)
        self.assertIn("train-y", err)
        os.rename("elsewhere", "train-y")
        self.assertIn("too long", self.assay("dispute", "liar", "--against", "run", "--job-folder", "x/" * 3000, expect=2)[1])
        os.unlink("liar/job.yaml")
        os.unlink("run/job.yaml")
        _, err = self.assay("dispute", "liar", "--against", "run", expect=2)
        self.assertIn("liar/job.yaml: No such file", err)

    def test_it_stops_when_asked(self):
        self.job("job.yaml", ("interval: 5", "interval: 256"), ("batch: 16", "batch: 200"), ("updates: 40", "updates: 255"),
                 ("every: 20", "every: 255"))
        self.train()
        self.lie("gradient", 250)
        process = subprocess.Popen([world.ASSAY, "dispute", "liar", "--against", "run", "-o", "t", "--threads", "1"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        process.stdout.readline()  # both runs are read; now 2 x 256 steps begin
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=world.PATIENCE)
        self.assertEqual(process.returncode, 130, err)
        self.assertIn(b"stopped", err)
        self.assertFalse(os.path.exists("t"))

    def test_transcripts_that_are_none(self):
        self.train()
        self.lie("gradient", 13)
        self.assay("dispute", "liar", "--against", "run", "-q", "-o", "t", expect=1)
        whole = self.read("t")
        self.assertEqual(Transcript(whole).bytes(), whole)
        for name, content, answer in (("empty", b"", "empty"), ("text", b"hello\n" * 100, "does not begin like a transcript"),
                                      ("cut", whole[:-1], "digest"), ("half", whole[:len(whole) // 2], "digest"),
                                      ("long", whole + b"\0", "digest"), ("huge", bytes(1 << 20), "huge")):
            self.write(name, content)
            with self.subTest(name):
                out, err = self.assay("referee", name, expect=2)
                self.assertIn(name, err)
                self.assertIn(answer, err)
                self.assertEqual(out, "")
        for words, answer in ((["nowhere"], "nowhere"), (["run"], "run"), ([], "TRANSCRIPT is missing"), (["t", "t"], "too many")):
            self.assertIn(answer, self.assay("referee", *words, expect=2)[1])
        out, _ = self.assay("referee", "half", "--json", expect=2)
        self.assertEqual(json.loads(out)["verdict"]["outcome"], "damaged")
        for at in range(0, len(whole), len(whole) // 40):
            with world.flipped("t", at, bit=at % 8):
                self.assay("referee", "t", expect=2)

    def test_changed_transcripts_do_not_help_the_liar(self):
        """With a new digest: not a move any more, or unfinished, or the same loser; never that the claim stands."""
        self.train()
        self.lie("gradient", 13)
        for more in ([], ["--express"]):
            self.assay("dispute", "liar", "--against", "run", "-q", "-o", "t", "--force", *more, expect=1)
            whole = self.read("t")
            outcomes = set()
            for n, (tick, number, kind, payload) in enumerate(Transcript(whole).moves):
                for at in {0, len(payload) // 3, len(payload) // 2, len(payload) - 1}:
                    t = Transcript(whole)
                    t.moves[n] = (tick, number, kind, payload[:at] + bytes([payload[at] ^ 1]) + payload[at + 1:])
                    self.write("changed", t.bytes())
                    out, _ = self.assay("referee", "changed", "--json", expect=(1, 2))
                    outcomes.add(json.loads(out.splitlines()[-1])["verdict"]["outcome"])
            self.assertIn("damaged", outcomes)
            t = Transcript(whole)
            for moves in range(len(t.moves)):
                t.moves, t.last_tick = Transcript(whole).moves[:moves], 10
                self.write("changed", t.bytes())
                out, err = self.assay("referee", "changed", "--json", expect=2)
                verdict = json.loads(out.splitlines()[-1])["verdict"]
                self.assertEqual(verdict["outcome"], "unfinished" if moves else "damaged")
                if moves:
                    out, _ = self.assay("referee", "changed", expect=2)
                    self.assertRegex(out, r"(?m)^unfinished  move \d+ of the (claimant|challenger) is awaited; its clock has \d+ ticks left$")

    def test_a_transcript_does_not_say_whose_moves_it_holds(self):
        """Whoever has a liar's transcript can put an honest run's root at its end: the moves are good, and not that run's. So the referee
        must not say that the run is wrong."""
        self.train()
        self.lie("gradient", 13)
        self.assay("dispute", "liar", "--against", "run", "-q", "-o", "t", expect=1)
        t, trace = Transcript(self.read("t")), self.read("run/traces/0000.bin")
        honest, end = trace[57 + 32 * 3:89 + 32 * 3], 8 + 40 + 32
        t.head = t.head[:end] + honest + t.head[end + 32:]
        tick, number, kind, payload = t.moves[1]
        t.moves[1] = (tick, number, kind, payload[:-32] + honest)
        self.write("t", t.bytes())
        out, _ = self.assay("referee", "t", expect=1)
        self.assertIn(honest.hex(), out)
        self.assertRegex(out, r"(?m)^proven: .*whoever made the claimant's moves is wrong\.$")
        self.assertRegex(out, r"(?m)^whose moves they are the file does not say: .*assay dispute")
        self.assertNotIn("alone, for whoever knows", out)
        self.assertIn("Whose moves they are", self.assay("referee", "--help")[0])

    def test_shape_of_the_lines(self):
        self.train()
        self.lie("gradient", 13)
        moves, verdict = self.dispute("liar", "run", "-o", "t", expect=1)
        self.assertEqual(list(moves[0]), ["move", "from", "kind", "bytes", "tick", "text"])
        self.assertEqual(moves[0], {"move": 1, "from": CHALLENGER, "kind": "CHALLENGE", "bytes": 40, "tick": 0, "text": moves[0]["text"]})
        self.assertEqual((moves[-1]["move"], moves[-1]["from"], moves[-1]["kind"]), (15, CHALLENGER, "PROOF"))
        self.assertEqual([m["tick"] for m in moves], list(range(len(moves))))
        silent, _ = self.dispute("run", "liar", expect=0)
        self.assertEqual(silent[-1], {"move": 11, "from": CHALLENGER, "kind": None, "bytes": 0, "text": silent[-1]["text"]})
        self.assertEqual(set(verdict), {"outcome", "loser", "reason", "awaited", "folder", "task", "interval", "update", "step", "interval_step", "space", "leaf",
                                        "record", "opcode", "node", "part", "tensor", "index", "coordinates", "padding", "dtype", "committed",
                                        "recomputed", "committed_value", "recomputed_value", "moves", "bytes", "referee_ms_max"})
        bits = struct.unpack("<f", struct.pack("<I", int(verdict["committed"], 16)))[0]
        self.assertAlmostEqual(verdict["committed_value"], bits, places=6)
        row, column = verdict["coordinates"]
        self.assertEqual(row * 32 + column, verdict["index"])
        self.assertEqual((verdict["node"], verdict["part"], verdict["opcode"], verdict["dtype"]), ("node_linear", "backward", "dot", "f32"))
        out, _ = self.assay("referee", "t", "--json", expect=1)
        frame = json.loads(out.splitlines()[0])["frame"]
        page = self.read(os.path.join(world.SOURCE, "man", "assay.1")).decode().split("\n.SS dispute\n")[1].split("\n.SS ")[0]
        self.train("twin")
        _, nothing = self.dispute("run", "twin", expect=0)
        missing = [key for line in (moves[0], verdict, frame, nothing) for key in line if f"\\fB{key}\\fR" not in page]
        self.assertEqual(missing, [], "keys that the man page does not explain")
        for key in ("outcome", "loser", "reason"):
            self.assertIn(key, nothing)
        job = json.loads(self.read("run/job.json"))
        self.assertEqual((frame["job_root"], frame["task"], frame["interval"], frame["first_step"], frame["steps"]),
                         (job["job_root"], 0, 3, 10, 5))


if __name__ == "__main__":
    world.main()
