"""A chain read over RPC: blocks, transactions, receipts, records. Written from docs/ledger.md, docs/engine.md and docs/transfer.md with
nothing but the standard library; shares no code with the program.

    chain = Chain("http://127.0.0.1:26657")
    for block in chain.blocks(1, chain.height()): ...
    receipt, payments = chain.receipt(0)

Hashes are bytes, numbers are numbers. What does not decode to its last byte is an error.
"""
import base64
import hashlib
import http.client
import json
import urllib.parse

WORK_ROLES = ("solver", "verifier", "whistleblower", "storer", "validator")
RECEIPT_KINDS = {1: "opened", 2: "settled", 3: "cancelled", 4: "fault", 5: "attempt", 6: "verdict", 7: "seat", 8: "posted", 9: "locked"}
REASONS = {0: "none", 1: "done", 2: "diverged", 3: "no offers", 4: "late", 5: "refused", 6: "no PUBLISH", 7: "no OPEN", 8: "proven", 9: "silent in a dispute",
           10: "not delivered", 11: "neutral", 12: "not taken", 13: "no SEAL", 14: "no SHOW", 15: "approved what was proven wrong", 16: "no start",
           17: "four attempts", 18: "deadline", 19: "cancelled", 20: "stalled"}
POCKETS = {1: "balance", 2: "stake", 3: "escrow", 4: "lock", 5: "validators", 6: "burned", 7: "subsidy", 8: "treasury", 9: "quarantine", 10: "gas"}


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


class Bytes:
    """A row of bytes taken from the front; `done` refuses what is left over."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise ValueError(f"{len(self.data)} bytes, {self.at + count} are wanted")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, count):
        return int.from_bytes(self.take(count), "little")

    def u8(self):
        return self.number(1)

    def u16(self):
        return self.number(2)

    def u32(self):
        return self.number(4)

    def u64(self):
        return self.number(8)

    def hash(self):
        return self.take(32)

    def list(self, count, item):
        return [item(self) for _ in range(count)]

    def left(self):
        return len(self.data) - self.at

    def done(self, value):
        if self.left():
            raise ValueError(f"{self.left()} bytes are left over")
        return value


# Records of the map.

def take_account(r):
    """LEDGER 2.2."""
    return {"balance": r.u64(), "stake": r.list(5, Bytes.u64), "locked": r.list(5, Bytes.u64),
            "unbonding": r.list(r.u8(), lambda r: {"role": r.u8(), "amount": r.u64(), "tick": r.u64(), "time": r.u64()}),
            "slots": r.list(r.u8(), lambda r: {"key": r.hash(), "mask": r.u16(), "nonce": r.u64(), "until": r.u64()})}


def take_parameters(r):
    """LEDGER 12.4."""
    p = {name: r.u32() for name in ("version", "tick_ms", "epoch", "window_offer", "window_work", "window_take", "window_publish", "window_seal", "window_show",
                                    "window_claim", "window_reveal", "window_disclose", "window_stalled", "turn", "slack", "keep_settled", "keep_tapes")}
    p |= {name: r.u64() for name in ("publish_rate", "posting_fee", "task_fee_min", "stake_min")}
    p |= {name: r.u32() for name in ("work_dot", "work_body", "work_bytes_half", "gas_floor", "gas_lock", "seat_share", "solver_bond", "seat_bond",
                                     "forced_loss", "jackpot", "claim_bond", "protocol_share", "finder", "compensation", "refuse_divisor", "late_divisor",
                                     "untaken_divisor", "unsealed", "slash_permille", "forced_permille")}
    p["certificates_required"] = r.u8()
    p["classes"] = r.list(r.u8(), lambda r: {"dot_flops": r.u64(), "body_ops": r.u64(), "bytes": r.u64(), "mem_mib": r.u64()})
    return p


def take_chain(r):
    """LEDGER 1.1.1."""
    c = {name: r.u64() for name in ("height", "tick", "tick_height", "tick_time", "slow_until", "last_time", "epochs", "live", "awaited")}
    c |= {name: r.u32() for name in ("gas_price", "parameters")}
    return c | {name: r.u64() for name in ("next_dispute", "next_receipt", "minted", "burned", "validators", "subsidy", "treasury", "quarantine")}


def take_tape(r):
    """LEDGER 7.13."""
    return {"until": r.u64(), "live": r.u32(), "layout": r.hash(), "data": r.hash(), "bytes": r.u32(), "records": r.u32(), "temp_leaves": r.u32(),
            "state_leaves": r.u32(), "dot_flops": r.u64(), "body_ops": r.u64(), "moved_bytes": r.u64()}


def take_provider(r):
    """LEDGER 5.1."""
    return {"roles": r.u16(), "class": r.u8(), "available": r.u8(), "strikes": r.u8(), "mem_mib": r.u32(), "vrf": r.hash(), "next_vrf": r.hash(),
            "next_epoch": r.u64(), "tls": r.hash(), "ask": r.u64(), "endpoint": r.take(r.u8())}


def take_pocket(r):
    """LEDGER 14.4: (kind, id), for a stake (kind, role, id)."""
    kind = POCKETS[r.u8()]
    if kind == "stake":
        role = WORK_ROLES[r.u8()]
        return kind, role, r.hash()
    if kind in ("balance", "escrow"):
        return kind, r.hash()
    return (kind, r.take(r.u8())) if kind == "lock" else (kind,)


def take_payments(data):
    """LEDGER 14.4: rows of (row, from, to, amount)."""
    r, rows = Bytes(data), []
    while r.left():
        rows.append((r.u8(), take_pocket(r), take_pocket(r), r.u64()))
    return rows


def take_receipt(r):
    """LEDGER 17.3.1."""
    fields = (("genesis", 32), ("trust", 1), ("number", 8), ("height", 8), ("tick", 8), ("kind", 1), ("task", 34), ("attempt", 1), ("seat", 1), ("reason", 2),
              ("account", 32), ("spec_hash", 32), ("start_root", 32), ("final_root", 32), ("figure", 4), ("outcome", 1), ("steps", 4), ("seed_mode", 1),
              ("level", 1), ("n", 1), ("draws", 1), ("audited", 1), ("seed", 8), ("disputes", 2), ("claims", 2), ("parameters", 4), ("dispute", 8),
              ("interval", 2), ("record", 2), ("step", 4), ("element", 8), ("committed", 4), ("recomputed", 4), ("loser", 1), ("how", 1), ("payments", 32))
    out = {name: r.take(size) if size >= 32 else r.number(size) for name, size in fields}
    out["kind"], out["reason"] = RECEIPT_KINDS[out["kind"]], REASONS[out["reason"]]
    return out


def take_genesis(r):
    """LEDGER 3.3."""
    if r.take(16) != b"assay/genesis/1\0":
        raise ValueError("no genesis")
    g = {"chain": r.take(r.u8()).decode(), "time": r.u64(), "trust": r.u8()}
    p = Bytes(r.take(r.u16()))
    g["parameters"] = p.done(take_parameters(p))
    g["accounts"] = r.list(r.u32(), lambda r: {"key": r.hash(), "balance": r.u64(), "stake": r.list(5, Bytes.u64)})
    g["providers"] = r.list(r.u32(), lambda r: {"account": r.hash(), "roles": r.u16(), "class": r.u8(), "mem_mib": r.u32(), "vrf": r.hash(), "tls": r.hash(),
                                                "ask": r.u64(), "available": r.u8(), "endpoint": r.take(r.u8())})
    g["validators"] = r.list(r.u16(), lambda r: {"account": r.hash(), "key": r.hash(), "vrf": r.hash()})
    return g


# Transactions: LEDGER 3.1 and 15.1. Bodies that move no money are left as bytes.

def take_post(r):
    b = {"spec_hash": r.hash(), "canon": r.u16(), "lower": r.u16(), "layout_hash": r.hash(), "tape_roots": r.list(r.u8(), Bytes.hash)}
    b["schedule"] = r.list(r.u8(), lambda r: {"repeat": r.u32(), "entries": r.list(r.u8(), lambda r: {"tape": r.u8(), "repeat": r.u32()})})
    b |= {"data_roots": r.list(r.u8(), Bytes.hash), "start_root": r.hash(), "first_step": r.u32(), "figure": r.u16(), "seed_mode": r.u8(), "seed": r.u64()}
    b["tasks"] = r.list(r.u16(), lambda r: {"steps": r.u32(), "interval": r.u16(), "class": r.u8()})
    b |= {"level": r.u8(), "n": r.u8(), "m": r.u8(), "price": r.u64(), "reserve": r.u64(), "own_seat": r.hash(), "params": r.u32(), "deadline": r.u64()}
    return b


def attempt(r):
    return {"task": r.take(34), "attempt": r.u8()}


def seated(r):
    return attempt(r) | {"seat": r.u8()}


def take_publish(r):
    b, count = attempt(r), r.u16()
    if r.left() % count:
        raise ValueError("starts of different lengths")
    size = r.left() // count
    return b | {"intervals": [int.from_bytes(r.take(size)[:2], "little") for _ in range(count)]}


def take_open(r):
    return attempt(r) | {"sigma": r.hash(), "roots": r.list(r.u16(), Bytes.hash), "leaves": r.take(r.left())}


def take_show(r):
    b = seated(r) | {"salt": r.hash()}
    count = r.u16()
    return b | {"ends": r.list(count, Bytes.hash), "probes": r.list(count, Bytes.hash)}


BODIES = {
    1: ("TRANSFER", lambda r: {"to": r.hash(), "amount": r.u64(), "memo": r.take(r.u8())}),
    2: ("KEY_SET", lambda r: {"index": r.u8(), "key": r.hash(), "mask": r.u16(), "until": r.u64()}),
    3: ("PROVIDER_SET", lambda r: {"roles": r.u16(), "rest": r.take(r.left())}),
    4: ("STAKE", lambda r: {"role": r.u8(), "amount": r.u64()}),
    6: ("JOB_POST", take_post),
    8: ("OFFER", lambda r: attempt(r) | {"proof": r.take(80)}),
    10: ("COMMIT", lambda r: attempt(r) | {"trace_root": r.hash(), "outcome": r.u8(), "steps": r.u32()}),
    11: ("TAKE", lambda r: seated(r) | {"proof": r.take(80)}),
    12: ("PUBLISH", take_publish),
    13: ("SEAL", lambda r: seated(r) | {"hash": r.hash()}),
    14: ("OPEN", take_open),
    15: ("SHOW", take_show),
    20: ("MOVE", lambda r: {"dispute": r.u64(), "number": r.u8(), "kind": r.u8(), "payload": r.take(r.u16())}),
    30: ("BEACON", lambda r: {"proof": r.take(80)}),
    31: ("TAPE", lambda r: {"rest": r.take(r.left())}),
    32: ("FETCH", lambda r: seated(r) | {"what": r.u8(), "got": r.u8()}),
}


def take_transaction(data):
    r = Bytes(data)
    t = {"version": r.u8()}
    kind, flags = r.u8(), r.u16()
    t |= {"account": r.hash(), "key_index": r.u8(), "nonce": r.u64(), "until": r.u64(), "gas": r.u32(), "price": r.u32()}
    body = Bytes(r.take(r.u32()))
    name, take = BODIES[kind]
    t |= {"type": name, "payer": t["account"], "body": body.done(take(body))}
    if flags & 1:
        t["payer"] = r.hash()
        r.take(65)
    r.take(64)
    return r.done(t)


class Chain:
    """Questions to one node (ENGINE 8, TRANSFER 1)."""

    def __init__(self, url, seconds=60):
        at = urllib.parse.urlparse(url)
        self.host, self.port, self.seconds, self.connection = at.hostname, at.port, seconds, None

    def post(self, value):
        for again in (True, False):
            if not self.connection:
                self.connection = http.client.HTTPConnection(self.host, self.port, timeout=self.seconds)
            try:
                self.connection.request("POST", "/", json.dumps(value), {"Content-Type": "application/json"})
                return json.loads(self.connection.getresponse().read())
            except (http.client.HTTPException, OSError):
                self.connection.close()
                self.connection = None
                if not again:
                    raise

    def shut(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def result(self, answer):
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def ask(self, method, **params):
        return self.result(self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))

    def batch(self, questions):
        """Up to ten questions at once, [(method, params), ..]; the answers in their order."""
        answers = self.post([{"jsonrpc": "2.0", "id": i, "method": m, "params": p} for i, (m, p) in enumerate(questions)])
        return [self.result(a) for a in sorted(answers, key=lambda a: a["id"])]

    def height(self):
        return int(self.ask("status")["sync_info"]["latest_block_height"])

    def query(self, path, data):
        """(value, height), value None where there is none."""
        answer = self.ask("abci_query", path=path, data=data.hex())["response"]
        if answer.get("code", 0) > 1:
            raise RuntimeError(answer)
        value = answer.get("value")
        return (None if answer.get("code", 0) else base64.b64decode(value or "")), int(answer["height"])

    def record(self, key, take):
        value, _ = self.query("/key", key)
        if value is None:
            return None
        r = Bytes(value)
        return r.done(take(r))

    def records(self, prefix):
        """All (key, value) that begin with the prefix, and the heights at which they were read."""
        after, rows, heights = b"", [], set()
        while True:
            value, height = self.query("/prefix", (1000).to_bytes(4, "little") + len(prefix).to_bytes(2, "little") + prefix + after)
            heights.add(height)
            r = Bytes(value)
            more, count = r.u8(), r.u32()
            for _ in range(count):
                key = r.take(r.u8())
                rows.append((key, r.take(r.u32())))
            r.done(None)
            if not more:
                return rows, heights
            after = rows[-1][0]

    def receipt(self, number):
        """(receipt, its payments), None behind the last one."""
        value, _ = self.query("/receipt", number.to_bytes(8, "little"))
        if value is None:
            return None
        r = Bytes(value)
        receipt = take_receipt(r)
        payments = r.take(r.left())
        if sha256(payments) != receipt["payments"]:
            raise ValueError(f"receipt {number} names other payments")
        return receipt, take_payments(payments)

    def genesis(self):
        """(genesis, its hash)."""
        text = self.ask("genesis")["genesis"]["app_state"]["assay"]
        data = base64.b64decode(text)
        r = Bytes(data)
        return r.done(take_genesis(r)), sha256(data)

    def blocks(self, first, last):
        """{height, transactions: [(transaction, code, gas used)], events: [{kind, task, text}]} of each height, BEACON left out."""
        for at in range(first, last + 1, 5):
            heights = range(at, min(at + 5, last + 1))
            answers = self.batch([(m, {"height": str(h)}) for h in heights for m in ("block", "block_results")])
            for i, h in enumerate(heights):
                txs, results = answers[2 * i]["block"]["data"]["txs"] or [], answers[2 * i + 1]
                if len(txs) != len(results["txs_results"] or []):
                    raise ValueError(f"block {h} has {len(txs)} transactions and other results")
                rows = [(take_transaction(base64.b64decode(t)), r.get("code", 0), int(r["gas_used"])) for t, r in zip(txs, results["txs_results"] or [])]
                events = [{"kind": e["type"]} | {a["key"]: a["value"] for a in e["attributes"]} for e in results.get("finalize_block_events") or []]
                yield {"height": h, "transactions": [row for row in rows if row[0]["type"] != "BEACON"], "events": events}

    def settled(self):
        """Everything that has money, read at one height: the chain's record, accounts, and what module 7 holds."""
        while True:
            chain, height = self.query("/key", b"\3")
            accounts, a = self.records(b"\2")
            pockets, p = self.records(b"\7")
            if a | p == {height}:
                break
        r = Bytes(chain)
        return {"height": height, "chain": r.done(take_chain(r)),
                "accounts": {key[1:]: (lambda r: r.done(take_account(r)))(Bytes(value)) for key, value in accounts},
                "pockets": {("escrow" if key[1] == 3 else "lock", key[2:]): int.from_bytes(value, "little") for key, value in pockets}}
