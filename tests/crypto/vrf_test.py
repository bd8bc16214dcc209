#!/usr/bin/env python3
"""Keys, signatures and proofs of src/crypto against edwards.py, a second implementation over integers.

    vrf_test.py ANSWERS

First edwards.py itself is held to RFC 9381 B.3; then both answer the same seeded questions: proofs of random inputs, proofs and
signatures with one bit changed, and points and signatures with a part of small order, by someone who knows the secret key.
"""
import hashlib
import sys

import edwards as e
from asked import Count, ask

RFC_9381_B3 = [  # examples 16, 17, 18: seed, key, input, proof, output
    ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "8657106690b5526245a92b003bb079ccd1a92130477671f6fc01ad16f26f723f26f8a57ccaed74ee1b190bed1f479d97"
     "27d2d0f9b005a6e456a35d4fb0daab1268a1b0db10836d9826a528ca76567805",
     "90cf1df3b703cce59e2a35b925d411164068269d7b2d29f3301c03dd757876ff66b71dda49d2de59d03450451af026798e8f81cd2e333de5cdf4f3e140fdd8ae"),
    ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "f3141cd382dc42909d19ec5110469e4feae18300e94f304590abdced48aed5933bf0864a62558b3ed7f2fea45c92a465"
     "301b3bbf5e3e54ddf2d935be3b67926da3ef39226bbc355bdc9850112c8f4b02",
     "eb4440665d3891d668e7e0fcaf587f1b4bd7fbfe99d0eb2211ccec90496310eb5e33821bc613efb94db5e5b54c70a848a0bef4553a41befc57663b56373a5031"),
    ("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "9bc0f79119cc5604bf02d23b4caede71393cedfbb191434dd016d30177ccbf8096bb474e53895c362d8628ee9f9ea3c0"
     "e52c7a5c691b6c18c9979866568add7a2d41b00b05081ed0f58ee5e31b3a970e",
     "645427e5d00c62a23fb703732fa5d892940935942101e456ecca7bb217c61c452118fec1219202a0edcf038bb6373241578be7217ba85a2687f7a0310b2df19f"),
]

# What sign.c asks its library at the start: a signature only with the cofactor.
PROBE_KEY = "575e6b255bad889f92ac74a8826e18ced27b447c0a5557959ac040561dd5364c"
PROBE_SIGNATURE = ("b862409fb5c4c4123df2abf7462b88f041ad36dd6864ce872fd5472be363c5b1"
                   "7b44eab86cc8272b8cdabfc4b7a58a5e319cdac5e3aaab0724dd8162ecbfe303")


def drawn(label, number, length=32):
    return hashlib.shake_256(f"{label} {number}".encode()).digest(length)


def order_eight():
    """A point of order 8: L times a point off the main subgroup."""
    for i in range(99):
        a = e.decode(drawn("point", i))
        if a and not e.same(e.times(4 * e.L, a), e.ZERO):
            return e.times(e.L, a)


def changed(text, bit):
    text = bytearray(text)
    text[bit // 8 % len(text)] ^= 1 << bit % 8
    return bytes(text)


def proof_with(seed, text, small):
    """A proof whose Gamma has a part of small order and whose equation holds, which takes a few nonces: c times the part is neutral."""
    x, _ = e.expand(seed)
    key, h = e.public(seed), e.curve(e.public(seed), text)
    gamma = e.add(e.times(x, h), small)
    for k in range(5, 99):
        c = e.challenge(key, e.encode(h), e.encode(gamma), e.encode(e.times(k, e.B)), e.encode(e.times(k, h)))
        if e.number(c) % 8 == 0:
            return e.encode(gamma) + c + ((k + e.number(c) * x) % e.L).to_bytes(32, "little")


def rfc_and_probe(count):
    for seed, key, text, proof, output in ([bytes.fromhex(x) for x in row] for row in RFC_9381_B3):
        count.same("RFC 9381 key", e.public(seed), key)
        count.same("RFC 9381 proof", e.prove(seed, text), (proof, output))
        count.same("RFC 9381 check", e.check(key, text, proof), output)
    key, signature = bytes.fromhex(PROBE_KEY), bytes.fromhex(PROBE_SIGNATURE)
    h = e.number(e.sha512(signature[:32], key)) % e.L
    rest = e.add(e.times(e.number(signature[32:]), e.B), e.negative(e.add(e.decode(signature[:32]), e.times(h, e.decode(key)))))
    count.same("probe: the equation", e.same(rest, e.ZERO), False)
    count.same("probe: eight times the equation", e.same(e.times(8, rest), e.ZERO), True)


def honest(program, count):
    rows = [(drawn("seed", i), drawn("input", i, i * 7 % 200)) for i in range(40)]
    for (seed, text), answer in zip(rows, ask(program, [("prove", *row) for row in rows])):
        proof, output = e.prove(seed, text)
        count.same("proof", answer, [e.public(seed).hex(), proof.hex(), output.hex()])
    checks = [("check", e.public(s), t, e.prove(s, t)[0]) for s, t in rows[:10]]
    for (_, key, text, proof), answer in zip(checks, ask(program, checks)):
        count.same("check", answer, [e.check(key, text, proof).hex()])
    signatures = ask(program, [("sign", *row) for row in rows])
    for (seed, text), answer in zip(rows, signatures):
        count.same("signature", answer, [e.public(seed).hex(), e.sign(seed, text).hex()])
    for (seed, _), answer in zip(rows, ask(program, [("derive", seed, "solver", 7 * i) for i, (seed, _) in enumerate(rows)])):
        index = 7 * rows.index((seed, _))
        child = hashlib.sha256(b"assay/key/1\0" + seed + b"\6solver" + index.to_bytes(4, "little")).digest()
        count.same("derived key", answer, [e.public(child).hex()])


def strangers(program, count):
    """Nothing here is honest; both say the same of all of it."""
    seed, text, small = drawn("seed", "s"), b"what is drawn", order_eight()
    key, x = e.public(seed), e.expand(seed)[0]
    proof, signature = e.prove(seed, text)[0], e.sign(seed, text)
    rows = [("check", key, text, changed(proof, 37 * i)) for i in range(17)]
    rows += [("signed", key, text, changed(signature, 31 * i)) for i in range(16)]
    rows += [("signed", changed(key, 23 * i), text, signature) for i in range(11)]
    for k in range(1, 8):
        part = e.times(k, small)
        rows += [("point", e.encode(part)), ("point", e.encode(e.add(e.decode(key), part)))]
        rows += [("check", key, text, proof_with(seed, text, part))]
        doctored = e.encode(e.add(e.times(x, e.B), part))
        for message in (b"a", b"b", b"c", b"d", b"e", b"f"):  # some h take the part away, and then it is a signature
            r = e.times(17 + k, e.B)
            h = e.number(e.sha512(e.encode(r), doctored, message)) % e.L
            rows.append(("signed", doctored, message, e.encode(r) + ((17 + k + h * x) % e.L).to_bytes(32, "little")))
    rows += [("point", drawn("any", i)) for i in range(30)]  # half are on the curve, an eighth of those of prime order
    rows += [("point", e.encode(e.times(e.number(drawn("k", i)), e.B))) for i in range(5)]
    rows += [("point", y.to_bytes(32, "little")) for y in [*range(e.P, 1 << 255), 0, 1, 2, 3, e.P - 1, 1 | 1 << 255, e.P - 1 | 1 << 255]]
    kinds = {}
    for row, answer in zip(rows, ask(program, rows)):
        if row[0] == "check":
            output = e.check(*row[1:])
            expected = output.hex() if output else "no"
        elif row[0] == "signed":
            expected = "yes" if e.sign_check(*row[1:]) else "no"
        else:
            a = e.decode(row[1])
            expected = "yes" if a and e.prime_order(a) else "no"
        count.same(f"{row}", answer, [expected])
        kinds.setdefault(row[0], set()).add(expected == "no")
    count.same("questions have both answers", kinds, {"check": {True}, "signed": {True, False}, "point": {True, False}})
    # And such a proof would do if only the equation were asked: what is refused is its Gamma.
    c = proof_with(seed, text, small)
    gamma, h = e.decode(c[:32]), e.curve(key, text)
    v = e.add(e.times(e.number(c[48:]), h), e.negative(e.times(e.number(c[32:48]), gamma)))
    u = e.add(e.times(e.number(c[48:]), e.B), e.negative(e.times(e.number(c[32:48]), e.decode(key))))
    count.same("the equation alone", e.challenge(key, e.encode(h), c[:32], e.encode(u), e.encode(v)), c[32:48])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    count = Count()
    rfc_and_probe(count)
    honest(sys.argv[1], count)
    strangers(sys.argv[1], count)
    count.end()


if __name__ == "__main__":
    main()
