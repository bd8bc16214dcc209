#!/usr/bin/env python3
"""One wrong bit anywhere in a run is caught and named; a consistent forgery is told apart from a damaged file."""
import hashlib
import json
import os
import struct

import world

LEAF = 4096


def tree(leaves):
    """PROTOCOL M1: the root over leaf hashes, absent positions zero."""
    absent = bytes(32)
    while len(leaves) > 1:
        leaves = leaves + [absent] * (len(leaves) % 2)
        leaves = [absent if a == b == absent else hashlib.sha256(b"\1" + a + b).digest() for a, b in zip(leaves[::2], leaves[1::2])]
    return leaves[0]


def state_root(blob):
    return tree([hashlib.sha256(b"\0" + blob[at:at + LEAF]).digest() for at in range(0, len(blob), LEAF)])


class Tamper(world.World):
    def setUp(self):
        super().setUp()
        self.result = self.train()

    def test_flipped_bits_are_damage_and_named(self):
        for name in ("checkpoints/000001.state", "checkpoints/000005.state", "checkpoints/000009.state", "tapes/init.tape",
                     "tapes/train.tape", "tapes/evaluate.tape", "traces/0000.bin"):
            path = os.path.join("run", name)
            size = os.path.getsize(path)
            for offset in {0, 40, size // 3, size // 2, size - 1}:
                with self.subTest(file=name, offset=offset), world.flipped(path, offset, bit=offset % 8):
                    answer = self.verify(expect=2)
                    self.assertIn(os.path.basename(name), json.dumps(answer))
                    self.assertFalse(answer.get("agree", False))
        self.assertTrue(self.verify()["agree"])

    def test_a_weight_is_named_by_tensor_and_index(self):
        blob = self.read("run/checkpoints/000005.state")
        with world.flipped("run/checkpoints/000005.state", 3 * LEAF + 400):
            first = self.verify(expect=2)["first_difference"]
        self.assertEqual(len(blob) % LEAF, 0)
        self.assertEqual(first["interval"], 5)
        self.assertTrue(first["tensor"])
        self.assertIsNotNone(first["index"])

    def test_job_json_bits(self):
        with self.subTest("final root"):
            text = self.read("run/job.json")
            root = self.result["final_root"].encode()
            self.assertIn(root, text)
            self.write("run/job.json", text.replace(root, root[:-1] + (b"0" if root[-1:] != b"0" else b"1")))
            self.assertFalse(self.verify(expect=(1, 2)).get("agree", False))
            self.write("run/job.json", text)
        for offset in range(1, len(text), max(1, len(text) // 25)):
            with self.subTest(offset=offset), world.flipped("run/job.json", offset, bit=0):
                self.assay("verify", "run", "--json", expect=(0, 1, 2))  # prose may change; nothing may crash

    def test_missing_and_cut_files(self):
        for name in ("checkpoints/000009.state", "tapes/train.tape", "traces/0000.bin", "job.json", "job.yaml", "metrics.jsonl"):
            path = os.path.join("run", name)
            content = self.read(path)
            with self.subTest(cut=name):
                self.write(path, content[:len(content) // 2])
                self.assertIn(os.path.basename(name), json.dumps(self.verify(expect=2)))
            with self.subTest(missing=name):
                os.unlink(path)
                if "checkpoints" in name:
                    self.assertEqual(self.verify()["re_executed"], 9)  # a state that is not there is computed again
                else:
                    self.assertIn(os.path.basename(name), json.dumps(self.verify(expect=2)))
            self.write(path, content)
        self.assertTrue(self.verify()["agree"])

    def test_a_line_of_metrics_that_contradicts_the_state(self):
        lines = self.read("run/metrics.jsonl").split(b"\n")
        for number in (9, 19, 39):
            changed = json.loads(lines[number])
            if "loss" not in changed:
                continue
            changed["loss"] = changed["loss"] * 0.5
            with self.subTest(line=number + 1):
                self.write("run/metrics.jsonl", b"\n".join(lines[:number] + [json.dumps(changed).encode()] + lines[number + 1:]))
                answer = json.dumps(self.verify(expect=2))
                self.assertIn("metrics.jsonl", answer)
        self.write("run/metrics.jsonl", b"\n".join(lines))
        self.assertTrue(self.verify()["agree"])

    def test_the_data_changed_underneath(self):
        with world.flipped("test-y", -1, bit=0):
            self.assertFalse(self.verify(expect=(1, 2)).get("agree", False))
        with world.flipped("model.onnx", 60000, bit=1):
            self.verify(expect=(0, 1, 2))  # init: seed does not look at weights; nothing may crash

    def test_a_consistent_forgery_differs(self):
        """The last state, its root in the trace, the trace's root and job.json all tell the same lie."""
        blob = bytearray(self.read("run/checkpoints/000009.state"))
        old = state_root(blob)
        self.assertEqual(old.hex(), self.result["final_root"])
        at = 3 * LEAF + 400
        blob[at:at + 4] = struct.pack("<f", 0.125)
        new = state_root(blob)
        trace = self.read("run/traces/0000.bin")
        self.assertEqual(trace.count(old), 1)
        forged = trace.replace(old, new)
        old_trace_root, salt, roots = trace[-32:], self.salt(trace, old), self.roots(trace, old)
        leaves = lambda values: [hashlib.sha256(b"\0" + hashlib.sha256(salt + struct.pack("<I", i)).digest() + root).digest()
                                 for i, root in enumerate(values)]
        self.assertEqual(tree(leaves(roots)), old_trace_root)
        new_trace_root = tree(leaves(roots[:-1] + [new]))
        self.write("run/checkpoints/000009.state", blob)
        self.write("run/traces/0000.bin", forged[:-32] + new_trace_root)
        text = self.read("run/job.json").replace(old.hex().encode(), new.hex().encode())
        self.write("run/job.json", text.replace(old_trace_root.hex().encode(), new_trace_root.hex().encode()))
        metrics = self.read("run/metrics.jsonl")
        self.write("run/metrics.jsonl", metrics.replace(old.hex().encode(), new.hex().encode()))
        answer = self.verify(expect=1)
        self.assertEqual(answer["outcome"], "differ")
        self.assertEqual(answer["first_difference"]["interval"], 9)
        self.assertTrue(answer["first_difference"]["tensor"])

    def roots(self, trace, last):
        """The state roots at the end of the file, before the trace root: ten of them."""
        end = len(trace) - 32
        self.assertEqual(trace[end - 32:end], last)
        return [trace[at:at + 32] for at in range(end - 320, end, 32)]

    def salt(self, trace, last):
        at = len(trace) - 32 - 320 - 32
        return trace[at:at + 32]


if __name__ == "__main__":
    world.main()
