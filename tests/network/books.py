"""The books of a chain: everything that happened on it, from genesis on, beside what the oracle says of it.

    books = Books(Chain(url)); books.check()

After check() every receipt's payments are those of the money table, in order, every account and pocket has what genesis, gas, transfers and
receipts leave it, and all money together is what there was at genesis; else it raises story.Wrong, which says what differs. It may be called
again: it goes on behind the last block that it has read.
"""
import money
from chain import WORK_ROLES, take_provider, take_tape
from story import Wrong, need


def address(account, letters="qpzry9x8gf2tvdw0s3jn54khce6mua7l"):
    """LEDGER 2.1.1."""
    bits = int.from_bytes(account, "big") << 4
    values = [bits >> 5 * (51 - i) & 31 for i in range(52)]
    remainder = 1
    for v in [ord(c) >> 5 for c in "asy"] + [0] + [ord(c) & 31 for c in "asy"] + values + [0] * 6:
        top, remainder = remainder >> 25, (remainder & 0x1ffffff) << 5 ^ v
        for i, g in enumerate((0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3)):
            remainder ^= g if top >> i & 1 else 0
    remainder ^= 0x2bc830a3
    return "asy1" + "".join(letters[v] for v in values + [remainder >> 5 * (5 - i) & 31 for i in range(6)])


class Books:
    def __init__(self, chain, names=None):
        """names: account id -> what people call it."""
        self.chain, self.names, self.height, self.receipts = chain, names or {}, 0, []
        self.genesis, genesis_hash = chain.genesis()
        self.oracle = money.Oracle(self.genesis, genesis_hash, lambda root: chain.record(b"\x0c" + root, take_tape),
                                   lambda height: chain.query("/key", b"\6" + height.to_bytes(8, "big"))[0])
        self.alter = None  # a function that changes what the oracle says, to see the check fail

    def name(self, account):
        return self.names.get(account) or address(account)[:12]

    def pocket(self, p):
        if p[0] in ("balance", "stake"):
            return f"{self.name(p[-1])}'s {p[0]}" + (f" as {p[1]}" if p[0] == "stake" else "")
        return f"the gas lock of {self.name(p[1][36:])}" if p[0] == "lock" and len(p[1]) == 68 else p[0]

    def flow(self, f):
        return f"row {f[0]}: {f[3]} grain from {self.pocket(f[1])} to {self.pocket(f[2])}"

    def read(self, last):
        waiting = len(self.receipts)
        for block in self.chain.blocks(self.height + 1, last):
            self.oracle.block(block)
            while True:
                if waiting == len(self.receipts):
                    found = self.chain.receipt(len(self.receipts))
                    if found is None:
                        self.height = block["height"]
                        break
                    self.receipts.append(found)
                receipt, paid = self.receipts[waiting]
                if receipt["height"] > block["height"]:
                    self.height = block["height"]
                    break
                waiting += 1
                self.compare(receipt, paid)
        del self.receipts[waiting:]

    def compare(self, receipt, paid):
        where = f"receipt {receipt['number']} ({receipt['kind']}, {receipt['reason']}, attempt {receipt['attempt']})"
        try:
            due = self.oracle.receipt(receipt)
        except Wrong as e:
            raise Wrong(f"{where}: {e}") from e
        if self.alter:
            due = self.alter(receipt, due)
        if paid != due:
            lines = [f"  {'both' if a == b else 'DIFFERS'}: chain {self.flow(a) if a else 'nothing'}; table {self.flow(b) if b else 'nothing'}"
                     for a, b in ((paid[i] if i < len(paid) else None, due[i] if i < len(due) else None) for i in range(max(len(paid), len(due))))]
            raise Wrong("\n".join([f"{where} does not pay what the money table says", *lines]))

    def running(self):
        return not all(job.over for job in self.oracle.jobs.values())

    def check(self):
        """Up to now."""
        state = self.chain.settled()
        self.read(state["height"])
        self.compare_state(state)
        return self

    def compare_state(self, state):
        has = {}
        for id, a in state["accounts"].items():
            has["balance", id] = a["balance"]
            need(not a["unbonding"], f"{self.name(id)} has money that nobody put there")
            for role, amount in zip(WORK_ROLES, a["stake"]):
                has["stake", role, id] = amount
        has |= state["pockets"]
        for name in ("burned", "validators", "subsidy", "treasury", "quarantine"):
            has[name,] = state["chain"][name]
        has = {pocket: amount for pocket, amount in has.items() if amount}
        owned = self.oracle.owned()
        wrong = [f"  {self.pocket(p)} has {has.get(p, 0)} grain, not {owned.get(p, 0)}" for p in sorted({*has, *owned}, key=repr) if has.get(p, 0) != owned.get(p, 0)]
        need(not wrong, "\n".join(["not what genesis, gas, transfers and receipts leave:", *wrong]))
        need(sum(has.values()) == self.oracle.supply + state["chain"]["minted"], f"{sum(has.values())} grain in all, {self.oracle.supply} at genesis")
        need(len(self.receipts) == state["chain"]["next_receipt"], "a receipt is missing")
        self.state = state

    def over(self):
        """All jobs are over, and nothing of anybody is locked."""
        need(self.oracle.jobs and not self.running(), "a job is not over")
        for id, a in self.state["accounts"].items():
            need(not any(a["locked"]), f"{self.name(id)} has stake locked for nothing")
        need(not self.state["pockets"], "an escrow or a lock holds money for nothing")
        for id, count in self.oracle.strikes.items():
            p = self.chain.record(b"\x08" + id, take_provider)
            need(p and p["strikes"] == min(count, 3), f"{self.name(id)} has {p and p['strikes']} strikes, not {count}")
        return self
