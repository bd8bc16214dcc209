"""Edwards25519 over Python's integers: RFC 8032 section 5.1 and RFC 9381 (suite 0x03), for tests only: nothing here is constant
time. Shares nothing with the C code and knows nothing of its library.
"""
import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)  # a square root of -1
ZERO = (0, 1, 1, 0)


def add(a, b):
    """Extended coordinates (X, Y, Z, T), complete: also for doubling, for the neutral point, for small order."""
    (x1, y1, z1, t1), (x2, y2, z2, t2) = a, b
    m, n = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    k, w = 2 * D * t1 * t2 % P, 2 * z1 * z2 % P
    e, f, g, h = n - m, w - k, w + k, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P


def negative(a):
    return -a[0] % P, a[1], a[2], -a[3] % P


def times(k, a):
    total = ZERO
    for bit in bin(k)[2:]:
        total = add(total, total)
        if bit == "1":
            total = add(total, a)
    return total


def encode(a):
    inverse = pow(a[2], -1, P)
    x, y = a[0] * inverse % P, a[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decode(text):
    """RFC 8032 5.1.3; None where it says that decoding fails."""
    number = int.from_bytes(text, "little")
    y, sign = number & (1 << 255) - 1, number >> 255
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT % P
    if x * x % P != square or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def same(a, b):
    return encode(a) == encode(b)


B = decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def prime_order(a):
    """In the subgroup of order L, and not its neutral point."""
    return not same(a, ZERO) and same(times(L, a), ZERO)


def sha512(*parts):
    return hashlib.sha512(b"".join(parts)).digest()


def number(text):
    return int.from_bytes(text, "little")


def expand(seed):
    """The secret scalar and the prefix of nonces."""
    digest = sha512(seed)
    return number(digest[:32]) & (1 << 254) - 8 | 1 << 254, digest[32:]


def public(seed):
    return encode(times(expand(seed)[0], B))


def sign(seed, message):
    x, prefix = expand(seed)
    key = public(seed)
    r = number(sha512(prefix, message)) % L
    point = encode(times(r, B))
    return point + ((r + number(sha512(point, key, message)) * x) % L).to_bytes(32, "little")


def sign_check(key, message, signature):
    """LEDGER 2.1.2."""
    a, r, s = decode(key), decode(signature[:32]), number(signature[32:])
    if a is None or r is None or s >= L or same(times(8, a), ZERO) or same(times(8, r), ZERO):
        return False
    h = number(sha512(signature[:32], key, message)) % L
    return encode(add(times(s, B), negative(times(h, a)))) == signature[:32]


def curve(key, text):
    """RFC 9381 5.4.1.1, encode_to_curve by try and increment."""
    for counter in range(256):
        h = decode(sha512(b"\3\1", key, text, bytes([counter]), b"\0")[:32])
        if h is not None and not same(times(8, h), ZERO):
            return times(8, h)
    return None


def challenge(*points):
    return sha512(b"\3\2", *points, b"\0")[:16]


def output_of(gamma):
    return sha512(b"\3\3", encode(times(8, gamma)), b"\0")


def prove(seed, text):
    """RFC 9381 5.1: proof and output."""
    x, prefix = expand(seed)
    key = public(seed)
    h = curve(key, text)
    gamma = times(x, h)
    k = number(sha512(prefix, encode(h))) % L
    c = challenge(key, encode(h), encode(gamma), encode(times(k, B)), encode(times(k, h)))
    return encode(gamma) + c + ((k + number(c) * x) % L).to_bytes(32, "little"), output_of(gamma)


def check(key, text, proof):
    """RFC 9381 5.3 with LEDGER 6.1: the output, or None."""
    y, gamma, c, s = decode(key), decode(proof[:32]), number(proof[32:48]), number(proof[48:])
    if len(proof) != 80 or s >= L or y is None or gamma is None or not prime_order(y) or not prime_order(gamma):
        return None
    h = curve(key, text)
    u = add(times(s, B), negative(times(c, y)))
    v = add(times(s, h), negative(times(c, gamma)))
    if challenge(key, encode(h), proof[:32], encode(u), encode(v)) != proof[32:48]:
        return None
    return output_of(gamma)
