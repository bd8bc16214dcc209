#!/usr/bin/env python3
"""Reads a certificate and says whether it is true: LEDGER 18, from the documents alone. The standard library, and ed25519.

    check.py FILE [VALIDATORS]      VALIDATORS: the hash that is known from elsewhere

Exit status: 0 true, 1 not, 2 no certificate.
"""
import hashlib
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "crypto"))
import edwards  # noqa: E402

RECEIPT = [("genesis", 32), ("trust", "u1"), ("number", "u8"), ("height", "u8"), ("tick", "u8"), ("kind", "u1"), ("task", 34), ("attempt", "u1"),
           ("seat", "u1"), ("reason", "u2"), ("account", 32), ("spec_hash", 32), ("start_root", 32), ("final_root", 32), ("figure", "u4"),
           ("outcome", "u1"), ("steps", "u4"), ("seed_mode", "u1"), ("level", "u1"), ("n", "u1"), ("m", "u1"), ("audited", "u1"), ("seed", "u8"),
           ("disputes", "u2"), ("claims", "u2"), ("parameters", "u4"), ("dispute", "u8"), ("interval", "u2"), ("record", "u2"), ("step", "u4"),
           ("element", "u8"), ("committed", "u4"), ("recomputed", "u4"), ("loser", "u1"), ("how", "u1"), ("payments", 32)]
KINDS, REASONS, POSTED, SETTLED, DONE = range(1, 10), range(21), 8, 2, 1
YEAR_1, YEAR_10000 = -62135596800, 253402300800


class Malformed(Exception):
    """No certificate."""


class Untrue(Exception):
    """One that does not hold."""


def need(condition, what, kind=Malformed):
    if not condition:
        raise kind(what)


def h(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        need(self.at + n <= len(self.data), "cut short")
        self.at += n
        return self.data[self.at - n:self.at]

    def u(self, n):
        return int.from_bytes(self.take(n), "little")

    def row(self, fields):
        return {name: self.u(int(form[1])) if isinstance(form, str) else self.take(form) for name, form in fields}

    def end(self):
        need(self.at == len(self.data), "bytes left over")

    # ENGINE 1.1: protobuf in its one canonical form
    def varint(self):
        x = shift = 0
        while True:
            byte = self.u(1)
            need(not (byte == 0 and shift) and shift < 70, "a needless byte")
            x |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                need(x < 1 << 64, "longer than 64 bits")
                return x

    def has(self, tag):
        if self.at < len(self.data) and self.data[self.at] == tag:
            self.at += 1
            return True
        return False

    def number(self, field):
        if not self.has(field << 3):
            return 0
        x = self.varint()
        need(x, "a 0 written out")
        return x

    def message(self, field):
        need(self.has(field << 3 | 2), f"field {field} is missing")
        return Reader(self.take(self.varint()))


def varint(x):
    return bytes([x & 127 | 128]) + varint(x >> 7) if x > 127 else bytes([x])


def put_number(field, x):
    return varint(field << 3) + varint(x % (1 << 64)) if x else b""


def put_message(field, text):
    return varint(field << 3 | 2) + varint(len(text)) + text


def put_time(seconds, nanos):
    return put_number(1, seconds) + put_number(2, nanos)


def put_block_id(name, parts, parts_hash):
    return put_message(1, name) + put_message(2, put_number(1, parts) + put_message(2, parts_hash))


def tree(leaves):
    """RFC 6962, 2.1."""
    if not leaves:
        return h()
    if len(leaves) == 1:
        return h(b"\0", leaves[0])
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return h(b"\1", tree(leaves[:k]), tree(leaves[k:]))


def path_sides(number, size):
    """RFC 6962, 2.1.1: on which side each hash of the path stands, that beside the leaf first."""
    if size == 1:
        return []
    k = 1 << (size - 1).bit_length() - 1
    return path_sides(number, k) + ["right"] if number < k else path_sides(number - k, size - k) + ["left"]


def check_time(seconds, nanos):
    need(YEAR_1 <= seconds < YEAR_10000 and 0 <= nanos < 10 ** 9, "no time")


def read_header(leaves):
    """ENGINE 2.1 to 2.4."""
    def whole(reader, value):
        reader.end()
        return value
    r = [Reader(leaf) for leaf in leaves]
    r[0].number(1), r[0].number(2)  # of the block and the application: any
    r[0].end()
    chain = whole(r[1], r[1].message(1).data)
    need(1 <= len(chain) <= 50 and all(0x21 <= c <= 0x7e for c in chain), "no chain_id")
    height = whole(r[2], r[2].number(1))
    need(1 <= height < 1 << 63, "no height")
    seconds, nanos = r[3].number(1), r[3].number(2)
    r[3].end()
    check_time(seconds - (1 << 64) if seconds >> 63 else seconds, nanos)
    if leaves[4] != put_message(2, b""):  # the block before: a name, or that of none
        name, parts = r[4].message(1), r[4].message(2)
        r[4].end()
        count, inner = parts.number(1), parts.message(2)
        parts.end()
        need(len(name.data) == 32 and len(inner.data) == 32 and 1 <= count < 1 << 32, "no block")
    hashes = [whole(r[i], r[i].message(1).data) for i in range(5, 14)]
    need([len(x) for x in hashes] == [32] * 8 + [20], "no header")
    return {"chain": chain, "height": height, "seconds": seconds, "validators": hashes[2], "app": hashes[5], "hash": tree(leaves)}


def read_job(data):
    """PROTOCOL M3.1."""
    r = Reader(data)
    need(r.take(16) == b"assay/job-root/1", "no job")
    job = r.row([("canon", "u2"), ("lower", "u2"), ("seed_mode", "u1"), ("seed", "u8"), ("first_step", "u4"), ("level", "u1")])
    job["tapes"] = [r.take(32) for _ in range(r.u(1))]
    for _ in range(r.u(1)):
        r.u(4)
        r.take(5 * r.u(1))
    job["tasks"] = [r.row([("steps", "u4"), ("interval", "u2"), ("class", "u1")]) for _ in range(r.u(2))]
    job["layout_hash"], job["start_root"] = r.take(32), r.take(32)
    job["data"] = [r.take(32) for _ in range(r.u(1))]
    r.end()
    return job


def read(data):
    """LEDGER 18.2 and 18.3."""
    r = Reader(data)
    need(r.take(4) == b"ASYC" and r.u(2) == 1, "no certificate of version 1")
    c = {"header": read_header([r.take(r.u(1)) for _ in range(14)])}
    c["round"], c["parts"], c["parts_hash"], c["validators"] = r.u(4), r.u(4), r.take(32), []
    count = r.u(2)
    need(c["round"] < 1 << 31 and c["parts"] and 1 <= count <= 100, "no commit")
    for _ in range(count):
        v = r.row([("key", 32), ("power", "u8"), ("flag", "u1")])
        need(v["flag"] in (1, 2, 3), "no flag")
        if v["flag"] != 1:
            v.update(r.row([("seconds", "u8"), ("nanos", "u4"), ("signature", 64)]))
            check_time(v["seconds"], v["nanos"])
        c["validators"].append(v)
    c["state_root"], c["log_size"], c["receipts"] = r.take(32), r.u(8), []
    count = r.u(2)
    need(2 <= count <= 1025, "no receipts")
    for _ in range(count):
        raw = r.take(320)
        receipt = Reader(raw).row(RECEIPT)
        need(receipt["trust"] < 2 and receipt["kind"] in KINDS and receipt["reason"] in REASONS and receipt["number"] < c["log_size"], "no receipt")
        sides = path_sides(receipt["number"], c["log_size"])
        c["receipts"].append((receipt, raw, [(side, r.take(32)) for side in sides]))
    for name, width, most in ("job_bytes", 2, 32768), ("payments", 4, 65536), ("layout", 4, 921600), ("spec", 4, 1 << 20):
        length = r.u(width)
        need(length <= most, f"{name}: too long")
        c[name] = r.take(length)
    r.end()
    c["job"] = read_job(c["job_bytes"])
    return c


def check_receipts(c):
    """LEDGER 18.4, and 18.5 (3) to (4)."""
    rows = [row[0] for row in c["receipts"]]
    first, last = rows[0], rows[-1]
    for i, row in enumerate(rows):
        task = row["task"][:32], int.from_bytes(row["task"][32:], "little")
        need((row["kind"], *task) == (SETTLED if i else POSTED, first["task"][:32], max(i - 1, 0)), f"receipt {i}", Untrue)
        need(all(row[name] == first[name] for name in ("genesis", "trust", "spec_hash")), f"receipt {i} is of another", Untrue)
        if i:
            start = first["start_root"] if i == 1 else rows[i - 1]["final_root"]
            need(row["number"] > rows[i - 1]["number"] and row["start_root"] == start, f"receipt {i} does not follow", Untrue)
            need(i == 1 or rows[i - 1]["reason"] == DONE, f"receipt {i} follows an end", Untrue)
    need(c["header"]["height"] == last["height"] + 1, "not the next header", Untrue)
    for _, raw, path in c["receipts"]:
        node = h(b"\0", raw)
        for side, other in path:
            node = h(b"\1", node, other) if side == "right" else h(b"\1", other, node)
        app = h(b"\1", h(b"\0", c["state_root"]), h(b"\0", node, c["log_size"].to_bytes(8, "little")))
        need(app == c["header"]["app"], "the log", Untrue)


def check_rest(c):
    """LEDGER 18.5 (5) to (8)."""
    first, last, job = c["receipts"][0][0], c["receipts"][-1][0], c["job"]
    need(h(c["job_bytes"]) == first["final_root"] and len(job["tasks"]) > len(c["receipts"]) - 2, "the job", Untrue)
    need((job["level"], job["seed_mode"]) == (last["level"], last["seed_mode"]) and (job["seed_mode"] or job["seed"] == last["seed"]), "the job", Untrue)
    need(job["start_root"] in (bytes(32), first["start_root"]), "the job's start", Untrue)
    task = job["tasks"][len(c["receipts"]) - 2]
    need(task["interval"] and last["steps"] <= task["steps"], "the task", Untrue)
    need(h(c["payments"]) == last["payments"], "the payments", Untrue)
    need(not c["layout"] or h(c["layout"]) == job["layout_hash"], "the layout", Untrue)
    need(not c["spec"] or h(c["spec"]) == last["spec_hash"], "the spec", Untrue)
    r = Reader(c["payments"])
    while r.at < len(r.data):  # LEDGER 14.4
        r.u(1)
        for _ in range(2):
            kind = r.u(1)
            need(1 <= kind <= 10 and (kind != 2 or r.u(1) < 5), "the payments", Untrue)
            r.take(r.u(1) if kind == 4 else 32 if kind < 4 else 0)
        need(r.u(8), "the payments", Untrue)


def check_signatures(c, anchor):
    """LEDGER 18.5 (1) and (2): ENGINE 3.1 to 3.3, 4.1."""
    header, leaves, signed, order = c["header"], [], 0, []
    for v in c["validators"]:
        v["address"] = hashlib.sha256(v["key"]).digest()[:20]
        order.append((-v["power"], v["address"]))
        need(v["power"], "no power", Untrue)
        leaves.append(put_message(1, put_message(1, v["key"])) + put_number(2, v["power"]))
    power = sum(v["power"] for v in c["validators"])
    need(order == sorted(set(order)) and power < 1 << 60 and tree(leaves) == header["validators"], "the validators", Untrue)
    need(anchor is None or anchor == header["validators"], "other validators", Untrue)
    name = put_message(4, put_block_id(header["hash"], c["parts"], c["parts_hash"]))
    fixed = b"".join(bytes([field << 3 | 1]) + x.to_bytes(8, "little") if x else b"" for field, x in ((2, header["height"]), (3, c["round"])))
    for v in c["validators"]:
        if v["flag"] != 2:
            continue
        vote = put_number(1, 2) + fixed + name + put_message(5, put_time(v["seconds"], v["nanos"])) + put_message(6, header["chain"])
        if edwards.sign_check(v["key"], varint(len(vote)) + vote, v["signature"]):
            signed += v["power"]
    need(3 * signed > 2 * power, f"signed by {signed} of {power}", Untrue)


def check(data, anchor=None):
    """What it says; Malformed or Untrue where it is not one, or not true. Hashes first: they cost less than signatures."""
    c = read(data)
    check_receipts(c)
    check_rest(c)
    check_signatures(c, anchor)
    return c


def main():
    try:
        with open(sys.argv[1], "rb") as f:
            c = check(f.read(), bytes.fromhex(sys.argv[2]) if len(sys.argv) > 2 else None)
    except (Malformed, Untrue) as e:
        print(e)
        return 1 if isinstance(e, Untrue) else 2
    last = c["receipts"][-1][0]
    print(json.dumps({"chain": c["header"]["chain"].decode(), "validators": c["header"]["validators"].hex(), "job": last["task"][:32].hex(),
                      "final_root": last["final_root"].hex(), "figure": last["figure"], "audited": last["audited"]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
