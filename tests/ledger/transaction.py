"""Transactions of the chain as bytes, written from docs/ledger.md 3.1 and 15.1 alone.

    body = transaction.body("STAKE", {"role": 1, "amount": 5 * 10**9})
    draft = transaction.unsigned("STAKE", body, account=account, nonce=7, until_tick=4000, gas=20000, price=1)
    whole = transaction.signed(draft, sign(transaction.sign_bytes(draft, genesis_hash)))

Fields carry the names of the clauses. Hashes, keys and proofs are bytes, a list is a Python list, a row of a list a dict. This module only writes
what it is given: who wants to know whether the chain would take it asks the chain.
"""
import hashlib


# What a field is: a function from its value to bytes.

def u8(x):
    return x.to_bytes(1, "little")


def u16(x):
    return x.to_bytes(2, "little")


def u32(x):
    return x.to_bytes(4, "little")


def u64(x):
    return x.to_bytes(8, "little")


def fixed(length):
    def write(x):
        if len(x) != length:
            raise ValueError(f"{len(x)} bytes where {length} are wanted")
        return bytes(x)
    return write


def counted(count, item=None):
    """A list, or plain bytes, after its count."""
    def write(x):
        return count(len(x)) + (bytes(x) if item is None else b"".join(map(item, x)))
    return write


def path(x):
    """Hashes without a count: their number follows from the body's length."""
    return b"".join(map(hash32, x))


def row(**fields):
    def write(x):
        if set(x) != set(fields):
            raise ValueError(f"fields {sorted(x)} where {sorted(fields)} are wanted")
        return b"".join(write_field(x[name]) for name, write_field in fields.items())
    return write


def show(x):
    """One probe to each end root, so one count."""
    if len(x["ends"]) != len(x["probes"]):
        raise ValueError("a probe to each end root")
    return fixed(32)(x["salt"]) + u16(len(x["ends"])) + path(x["ends"]) + path(x["probes"])


def seated_show(x):
    return row(**SEATED)({name: x[name] for name in SEATED}) + show(x)


hash32 = fixed(32)
proof = fixed(80)
ATTEMPT = {"task": fixed(34), "attempt": u8}
SEATED = {**ATTEMPT, "seat": u8}

# LEDGER 15.1: type number, and the body's fields in their order.
BODIES = {
    "TRANSFER": (1, row(to=hash32, amount=u64, memo=counted(u8))),
    "KEY_SET": (2, row(index=u8, key=hash32, mask=u16, until=u64)),
    "PROVIDER_SET": (3, row(roles=u16, **{"class": u8}, mem=u32, vrf=hash32, proof=proof, tls=hash32, endpoint=counted(u8), ask=u64, available=u8)),
    "STAKE": (4, row(role=u8, amount=u64)),
    "JOB_POST": (6, row(
        spec_hash=hash32, canon=u16, lower=u16, layout_hash=hash32, tape_roots=counted(u8, hash32),
        schedule=counted(u8, row(repeat=u32, entries=counted(u8, row(tape=u8, repeat=u32)))),
        data_roots=counted(u8, hash32), start_root=hash32, first_step=u32, figure=u16, seed_mode=u8, seed=u64,
        tasks=counted(u16, row(steps=u32, interval=u16, **{"class": u8})),
        level=u8, n=u8, m=u8, price=u64, reserve=u64, own_seat=hash32, params=u32, deadline=u64)),
    "OFFER": (8, row(**ATTEMPT, proof=proof)),
    "COMMIT": (10, row(**ATTEMPT, trace_root=hash32, outcome=u8, steps=u32)),
    "TAKE": (11, row(**SEATED, proof=proof)),
    "PUBLISH": (12, row(**ATTEMPT, starts=counted(u16, row(i=u16, root=hash32, sigma=hash32, path=path)))),
    "SEAL": (13, row(**SEATED, hash=hash32)),
    "OPEN": (14, row(**ATTEMPT, sigma=hash32, roots=counted(u16, hash32), leaves=counted(u8, row(leaf=fixed(4096), path=path)))),
    "SHOW": (15, seated_show),
    "MOVE": (20, row(dispute=u64, number=u8, kind=u8, payload=counted(u16))),
    "BEACON": (30, row(proof=proof)),
    "TAPE": (31, row(layout=counted(u32), tapes=counted(u8, counted(u32)))),
    "FETCH": (32, row(**SEATED, what=u8, got=u8)),
}


def body(name, fields):
    return BODIES[name][1](fields)


def unsigned(name, body_bytes, account, key_index=0, nonce=0, until_tick=0, gas=0, price=0, payer=None, payer_key_index=0):
    """LEDGER 3.1 up to the signatures. With a payer the flag says so, and its part follows the body."""
    sponsored = payer is not None
    head = u8(1) + u8(BODIES[name][0]) + u16(1 if sponsored else 0) + hash32(account) + u8(key_index) + u64(nonce)
    head += u64(until_tick) + u32(gas) + u32(price) + u32(len(body_bytes))
    return head + body_bytes + (hash32(payer) + u8(payer_key_index) if sponsored else b"")


def sign_bytes(draft, genesis_hash):
    """LEDGER 3.2: what both signers sign."""
    return b"assay/tx/1\0" + hash32(genesis_hash) + draft


def signed(draft, signature, payer_signature=b""):
    return draft + payer_signature + signature


def beacon(vrf_proof):
    """LEDGER 15.4: unsigned, and nothing in it but the proof."""
    return signed(unsigned("BEACON", body("BEACON", {"proof": vrf_proof}), account=bytes(32)), bytes(64))


def identifier(transaction):
    return hashlib.sha256(transaction).digest()
