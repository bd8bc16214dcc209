#!/usr/bin/env python3
"""Writes the named parameter sets, a genesis and beacon(0) from docs/ledger.md alone and compares them with what the page says of
them, and with the bytes that the program wrote.

    parameter_test.py LEDGER_MD CORPUS      CORPUS: src/ledger/genesis/corpus
"""
import hashlib
import re
import struct
import sys

WINDOWS = {  # 8.1, 12.1 and 12.3
    "main": dict(tick_ms=1000, epoch=1000, window_offer=30, window_work=600, window_take=60, window_publish=300, window_seal=300,
                 window_show=120, window_stalled=1000, turn=120, slack=1800),
    "devnet": dict(tick_ms=100, epoch=50, window_offer=20, window_work=300, window_take=50, window_publish=100, window_seal=300,
                   window_show=50, window_stalled=50, turn=50, slack=300),
    "test": dict(tick_ms=25, epoch=20, window_offer=5, window_work=120, window_take=20, window_publish=40, window_seal=120,
                 window_show=20, window_stalled=20, turn=20, slack=40),
}
OTHERS = dict(version=1, window_claim=0, window_reveal=0, window_disclose=0, keep_settled=10000, keep_tapes=10000, publish_rate=2**20,
              posting_fee=10**7, task_fee_min=10**6, stake_min=100 * 10**9, work_dot=1, work_body=2, work_bytes_half=1, gas_floor=1,
              gas_lock=200000, seat_share=1250, solver_bond=2000, seat_bond=16000, forced_loss=8000, jackpot=6000, claim_bond=4000,
              protocol_share=20, finder=250, compensation=250, refuse_divisor=64, late_divisor=4, untaken_divisor=4, unsealed=2000,
              slash_permille=1000, forced_permille=0, certificates_required=0, classes=3)
SIZES = {"u8": "<B", "u32": "<I", "u64": "<Q"}


def fields(page):
    """Names and types of 12.4's block, in its order. A type stands behind the last of the names it is for, up to the bounds before."""
    block = re.search(r"\*\*12\.4\*\*.*?```\n(.*?)```", page, re.DOTALL)[1]
    block = block[:block.index("classes x")]
    found, waiting = [], []
    for word in re.findall(r"\([^)]*\)|\w+", block):
        if word.startswith("("):
            found += [(name, "u32") for name in waiting]
            waiting = []
        elif word in SIZES:
            found += [(name, word) for name in waiting]
            waiting = []
        else:
            waiting.append(word)
    return found


def encode(page, name):
    values = {**OTHERS, **WINDOWS[name]}
    order = fields(page)
    assert sorted(n for n, _ in order) == sorted(values), set(values) ^ {n for n, _ in order}
    data = b"".join(struct.pack(SIZES[kind], values[field]) for field, kind in order)
    for i in range(3):  # 7.4
        for second in (20 * 10**9, 10**9, 4 * 10**9):
            data += struct.pack("<Q", second * 4**i * values["tick_ms"] // 1000)
        data += struct.pack("<Q", 4096 * 4**i)
    return data


def check_genesis(page, data, parameters):
    """Reads 3.3's layout and writes it again; lists ascend by account id."""
    at = [0]

    def take(length):
        at[0] += length
        assert at[0] <= len(data)
        return data[at[0] - length:at[0]]

    def number(kind):
        return struct.unpack(kind, take(struct.calcsize(kind)))[0]

    assert take(16) == b"assay/genesis/1\0"
    assert re.fullmatch(rb"[a-z0-9-]{1,32}", take(number("<B")))
    number("<Q")
    assert number("<B") <= 1
    assert take(number("<H")) == parameters
    accounts = []
    for _ in range(number("<I")):
        accounts.append(hashlib.sha256(b"\x10" + take(32)).digest())
        take(6 * 8)
    providers = []
    for _ in range(number("<I")):
        providers.append(take(32))
        take(2 + 1 + 4 + 32 + 32 + 8 + 1)
        take(number("<B"))
    validators = []
    for _ in range(number("<H")):
        validators.append(take(32))
        take(64)
    assert at[0] == len(data)
    for ids in (accounts, providers, validators):
        assert ids == sorted(set(ids)) and set(ids) <= set(accounts)
    genesis = hashlib.sha256(data).digest()
    beacon = hashlib.sha256(b"assay/beacon/1\0" + genesis).hexdigest()
    said = re.search(r"For genesis_hash\s+`(\w+)`, beacon\(0\) is `(\w+)`", page)
    assert said and said[1] == genesis.hex() and said[2] == beacon, (genesis.hex(), beacon)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        page = file.read()
    for name in WINDOWS:
        data = encode(page, name)
        with open(f"{sys.argv[2]}/parameters-{name}", "rb") as file:
            assert file.read() == data, name
        said = re.search(rf"SHA-256 of the named sets:.*?{name} `(\w+)`", page, re.DOTALL)
        assert said and said[1] == hashlib.sha256(data).hexdigest(), name
    with open(f"{sys.argv[2]}/stage", "rb") as file:
        check_genesis(page, file.read(), encode(page, "test"))
    print("3 sets of parameters and a genesis as the page says")


if __name__ == "__main__":
    main()
