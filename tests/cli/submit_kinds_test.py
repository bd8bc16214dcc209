#!/usr/bin/env python3
"""Jobs of every kind on a network of processes: levels, an own seat, several tasks, a state to start from, one that diverges.

usage: submit_kinds_test.py ASSAY
"""
import json
import os
import sys

import world
from submitting import Submitting

sys.path.insert(0, os.path.join(world.SOURCE, "tests", "certificate"))
import check  # noqa: E402


class Kinds(Submitting):
    def certified(self, out, **says):
        """Both programs take the certificate, with the final state; what it says."""
        known = check.check(self.read(f"{out}/certificate"))
        said = json.loads(self.assay("certificate", "check", f"{out}/certificate", "--model", f"{out}/final.state", "--json")[0])
        self.assertTrue(said["valid"] and said["model_same"])
        self.assertEqual(known["spec"], self.read(f"{out}/job.json"))
        self.assertEqual({name: said[name] for name in says}, says)
        return said

    def test_levels_and_an_own_seat(self):
        self.network(verifiers=6)
        trained = self.train()["final_root"]
        for level, seats in (("spot", 1), ("strong", 5), ("full", 1)):
            with self.subTest(level=level):
                result, _ = self.submit("--level", level, out=level)
                self.assertEqual((result["outcome"], result["final_root"]), ("done", trained))
                task = self.ask("task", result["job"])
                self.assertEqual(len(task["seats"]), seats)
                self.assertEqual({seat["state"] for seat in task["seats"]}, {"shown"})
                said = self.certified(level, level=level, seats=seats, audited=seats)
                self.assertEqual(said["unseen_at_most"] == 0, level == "full")
        result, _ = self.submit("--seats", "2", "--draws", "1", "--own-seat", "verifier-6", "--reserve", "0.5", out="own")
        self.assertEqual(result["final_root"], trained)
        own = [seat for seat in self.ask("task", result["job"])["seats"] if seat["account"] == self.identities["verifier-6"].address]
        self.assertEqual([(seat["own"], seat["state"]) for seat in own], [(True, "shown")])

    def test_several_tasks_and_a_longer_job(self):
        """More than 256 intervals; then the same job with more updates goes on from the certified state."""
        self.network(verifiers=3)
        plain = (("schedule: {name: cosine, warmup: 5, end: 0.1}\n", ""), ("interval: 5", "interval: 1"))
        self.job("long.yaml", *plain, ("updates: 40", "updates: 300"))
        trained = self.train("long", "long.yaml")
        result, lines = self.submit("--level", "spot", job="long.yaml")
        quote = next(line for line in lines if line["kind"] == "quote")
        self.assertEqual((quote["tasks"], quote["intervals"], quote["starts"]), (2, 301, False))
        self.assertEqual((result["outcome"], result["final_root"]), ("done", trained["final_root"]))
        self.same_model(run="long")
        said = self.certified("out", whole=True, outcome="done", final_root=trained["final_root"], audited_by_task=[1, 1])
        self.assertEqual([r["kind"] for r in said["receipts"]], ["posted", "settled", "settled"])
        # it goes on: the bits of a run that was never interrupted
        self.job("longer.yaml", *plain, ("updates: 40", "updates: 330"))
        whole = self.train("whole", "longer.yaml")
        result, lines = self.submit("--level", "spot", "--start", "out/final.state", job="longer.yaml", out="more")
        quote = next(line for line in lines if line["kind"] == "quote")
        self.assertEqual((quote["starts"], quote["goes_on"], quote["tasks"], quote["intervals"]), (True, True, 1, 30))
        self.assertEqual(result["final_root"], whole["final_root"])
        self.same_model("more", "whole")
        self.certified("more", start_root=trained["final_root"], final_root=whole["final_root"], first_step=301)
        self.assertEqual(json.loads(self.read("more/job.json"))["first_step"], 301)
        # nothing is left; other data is fine-tuning; a state of another model is none
        _, err = self.assay(*self.words("--yes", "--start", "more/final.state", job="longer.yaml", out="none"), expect=2)
        self.assertIn("nothing is left to train", err)
        self.job("tune.yaml", *plain, ("updates: 40", "updates: 10"), ("seed: 7", "seed: 8"))
        result, lines = self.submit("--level", "spot", "--start", "more/final.state", job="tune.yaml", out="tuned")
        quote = next(line for line in lines if line["kind"] == "quote")
        self.assertEqual((quote["starts"], quote["goes_on"], quote["intervals"]), (True, False, 10))
        self.assertEqual(result["outcome"], "done")
        self.assertNotEqual(result["final_root"], whole["final_root"])
        self.job("sgd.yaml", ("{name: adamw, lr: 1e-3, weight_decay: 0.01}", "{name: sgd, lr: 1e-3}"))
        _, err = self.assay(*self.words("--yes", "--start", "more/final.state", job="sgd.yaml", out="none"), expect=2)
        self.assertIn("a state of this model and optimizer has", err)

    def test_it_diverges(self):
        self.network(verifiers=3)
        self.job("wild.yaml", ("{name: adamw, lr: 1e-3, weight_decay: 0.01}", "{name: sgd, lr: 1e30}"), ("clip_norm: 1.0\n", ""))
        self.train(job="wild.yaml", expect=1)
        result, _ = self.submit(job="wild.yaml", expect=1)
        self.assertEqual((result["outcome"], result["model"], result["loss"]), ("diverged", None, None))
        self.assertFalse(os.path.exists("out/model.onnx"))
        self.assertTrue(os.path.exists("out/final.state"))
        self.certified("out", whole=True, outcome="diverged", loss=None)
        text, _ = self.assay(*self.words("--yes", job="wild.yaml"), expect=1)
        self.assertIn("diverged    the loss or the gradient", text)


if __name__ == "__main__":
    world.main()
