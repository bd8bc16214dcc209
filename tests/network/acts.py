"""What is on a chain once: each (account, slot, nonce), and each act that an honest account does once.

    acts = Acts(name); acts.block(block) ..; acts.twice()

Wrong says what is there twice. python3 acts.py plays it with blocks made up here."""
import collections

from story import Wrong, need

ONCE = {"COMMIT": ("task", "attempt"), "OPEN": ("task", "attempt"), "OFFER": ("task", "attempt"), "TAKE": ("task", "attempt", "seat"),
        "SEAL": ("task", "attempt", "seat"), "SHOW": ("task", "attempt", "seat"), "FETCH": ("task", "attempt", "seat", "what"),
        "MOVE": ("dispute", "number"), "JOB_POST": ()}
GAS = 6  # nothing was done: it comes again with more


class Acts:
    def __init__(self, name):
        """name: account id -> what people call it."""
        self.name, self.next, self.done = name, {}, collections.defaultdict(list)

    def block(self, block):
        """Of every height once, in order, from genesis on."""
        for t, code, _ in block["transactions"]:
            slot = (t["account"], t["key_index"])
            due = self.next.get(slot, 0)
            need(t["nonce"] == due, f"block {block['height']} has nonce {t['nonce']} of {self.name(t['account'])}, whose next is {due}")
            self.next[slot] = due + 1
            if t["type"] in ONCE and code != GAS:
                act = (t["type"], t["account"], *(t["body"][field] for field in ONCE[t["type"]]))
                self.done[act].append((block["height"], code))

    def twice(self):
        """A seat may be taken, and sealed, again in another round (LEDGER 8.2, row 20): then each time it did something."""
        for act, times in self.done.items():
            again = act[0] in ("TAKE", "SEAL") and all(code == 0 for _, code in times)
            need(len(times) == 1 or again, f"{act[0]} of {self.name(act[1])} is in {' and '.join(f'block {h} (code {c})' for h, c in times)}: {words(act[2:])}")

    def refused(self):
        """{"TYPE CODE": how often}: acts that did nothing, because they came too late."""
        return collections.Counter(f"{act[0]} {code}" for act, times in self.done.items() for _, code in times if code)


def words(fields):
    return " ".join(f.hex() if isinstance(f, bytes) else str(f) for f in fields)


def self_test():
    """One of each kind of thing that must not be passes nowhere."""
    def play(*rows):
        acts = Acts(lambda id: id.decode())
        for height, (who, nonce, kind, body, code) in enumerate(rows, 1):
            acts.block({"height": height, "transactions": [({"account": who, "key_index": 0, "nonce": nonce, "type": kind, "body": body}, code, 0)]})
        acts.twice()
        return acts

    commit, seat = {"task": b"t", "attempt": 1}, {"task": b"t", "attempt": 1, "seat": 0}
    good = play((b"a", 0, "COMMIT", commit, GAS), (b"a", 1, "COMMIT", commit, 0), (b"b", 0, "SEAL", seat, 0), (b"b", 1, "SEAL", seat, 0), (b"b", 2, "SHOW", seat, 8))
    need(good.refused() == {"SHOW 8": 1}, f"{good.refused()}")
    for what, rows in (("a nonce again", [(b"a", 0, "STAKE", {}, 0), (b"a", 0, "STAKE", {}, 0)]), ("a nonce left out", [(b"a", 1, "STAKE", {}, 0)]),
                       ("a second COMMIT", [(b"a", 0, "COMMIT", commit, 0), (b"a", 1, "COMMIT", commit, 8)]),
                       ("a second job", [(b"a", 0, "JOB_POST", {}, 0), (b"a", 1, "JOB_POST", {}, 0)]),
                       ("a second SEAL that is refused", [(b"b", 0, "SEAL", seat, 0), (b"b", 1, "SEAL", seat, 8)])):
        try:
            play(*rows)
        except Wrong:
            continue
        raise AssertionError(f"{what} passed")


if __name__ == "__main__":
    self_test()
