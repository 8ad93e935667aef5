#!/usr/bin/env python3
"""Prints chacha20-poly1305-batch.txt: vectors of the data plane's shape, from RFC 8439 in plain integers."""
import random
import struct

P = 2**130 - 5
rng = random.Random(8439)


def chacha20_block(key, counter, nonce):
    state = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *struct.unpack("<8I", key), counter, *struct.unpack("<3I", nonce)]
    x = list(state)

    def quarter(a, b, c, d):
        for one, two, three, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[one] = (x[one] + x[two]) & 0xFFFFFFFF
            y = x[three] ^ x[one]
            x[three] = ((y << turn) | (y >> (32 - turn))) & 0xFFFFFFFF

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(x, state)))


def xor(key, counter, text):
    nonce = struct.pack("<IQ", 0, counter)
    stream = b"".join(chacha20_block(key, 1 + i, nonce) for i in range((len(text) + 63) // 64))
    return bytes(a ^ b for a, b in zip(text, stream))


def poly_key(key, counter):
    block = chacha20_block(key, 0, struct.pack("<IQ", 0, counter))
    r = int.from_bytes(block[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    return r, int.from_bytes(block[16:32], "little")


def blocks(ciphertext):
    padded = ciphertext + bytes(-len(ciphertext) % 16)
    return [int.from_bytes(padded[i:i + 16], "little") + 2**128 for i in range(0, len(padded), 16)]


def accumulate(r, numbers, h=0):
    for number in numbers:
        h = (h + number) * r % P
    return h


def lengths(size):
    return (size << 64) + 2**128


def tag_of(key, counter, ciphertext):
    r, s = poly_key(key, counter)
    return ((accumulate(r, blocks(ciphertext) + [lengths(len(ciphertext))]) + s) % 2**128).to_bytes(16, "little")


def line(category, key, counter, plain, sealed, tag, verdict="valid"):
    print(category, key.hex(), counter, plain.hex() or "-", sealed.hex() or "-", tag.hex(), verdict)


def seal(category, key, counter, plain):
    sealed = xor(key, counter, plain)
    line(category, key, counter, plain, sealed, tag_of(key, counter, sealed))


def sealed_as(category, key, counter, sealed):
    line(category, key, counter, xor(key, counter, sealed), sealed, tag_of(key, counter, sealed))


def fresh():
    return rng.randbytes(32), rng.getrandbits(64)


def reaching(size, position, wanted):
    """A ciphertext whose accumulator is wanted(r, s) once block `position` was taken in, or the lengths when that is the block after the last."""
    while True:
        key, counter = fresh()
        r, s = poly_key(key, counter)
        target = wanted(r, s) % P
        inverse = pow(r, -1, P)
        sealed = bytearray(rng.randbytes(size))
        if position == size // 16:
            target = (target * inverse - lengths(size)) % P
        free = min(position, size // 16 - 1)
        before = accumulate(r, blocks(bytes(sealed[:16 * free])))
        number = (target * inverse - before) % P
        if 2**128 <= number < 2**129:
            sealed[16 * free:16 * free + 16] = (number - 2**128).to_bytes(16, "little")
            return key, counter, bytes(sealed)


print("# ChaCha20-Poly1305 with WireGuard's nonce and no associated data: category, key, counter, plaintext, ciphertext, tag, verdict; \"-\" is empty.")
print("# Categories follow those of Project Wycheproof. Written by make-batch-vectors.py, which knows RFC 8439 and integers only.")
for size in [*range(0, 82), 95, 96, 111, 112, 113, 127, 128, 129, 191, 192, 193, 255, 256, 257, 319, 320, 511, 512, 513, 1023, 1024, 1025, 1279, 1280, 1281, 1420, 1500, 1600]:
    seal("length", *fresh(), rng.randbytes(size))
for counter in (0, 1, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**63, 2**64 - 2, 2**64 - 1):
    seal("counter", rng.randbytes(32), counter, rng.randbytes(200))
for key in (bytes(32), b"\xff" * 32, b"\x80" * 32, b"\x7f\xff\xff\xff" * 8):
    seal("key-constant", key, rng.getrandbits(64), rng.randbytes(200))
for pattern in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\xff\xff\xff\x7f", b"\x01\0\0\0", b"\xfe\xff\xff\xff"):
    for size in (64, 144, 524, 1028):
        sealed_as("ciphertext-constant", *fresh(), pattern * (size // 4))
special = {
    "0": 0, "1": 1, "4": 4, "5": 5, "2^26-1": 2**26 - 1, "2^52": 2**52, "2^64-1": 2**64 - 1, "2^64": 2**64, "2^128-1": 2**128 - 1, "2^128": 2**128,
    "2^128+4": 2**128 + 4, "2^129": 2**129, "2^130-2^26": 2**130 - 2**26, "p-1": P - 1, "p-2": P - 2, "p-5": P - 5, "p-2^104": P - 2**104,
}
for value in special.values():
    for size, position in ((16, 0), (64, 3), (128, 3), (128, 7), (272, 15), (1024, 31)):
        if value == 0 and position == 0:
            continue  # a single block is 2^128 or more, and r is not zero
        sealed_as("poly-accumulator", *reaching(size, position, lambda r, s: value))
    for size in (16, 64, 80, 256, 1040):
        sealed_as("poly-final", *reaching(size, size // 16, lambda r, s: value))
for tag in (0, 2**128 - 1, 1, 2**127, 2**64 - 1, 2**128 - 2**64, 2**32 - 1):
    for size in (48, 128, 1280):
        sealed_as("tag-special", *reaching(size, size // 16, lambda r, s: (tag - s) % 2**128))
for bit in range(128):
    key, counter = fresh()
    plain = rng.randbytes(40)
    sealed = xor(key, counter, plain)
    tag = int.from_bytes(tag_of(key, counter, sealed), "little") ^ (1 << bit)
    line("tag-bit", key, counter, plain, sealed, tag.to_bytes(16, "little"), "invalid")
for size in (1, 16, 63, 64, 65, 128, 300):
    key, counter = fresh()
    plain = rng.randbytes(size)
    sealed = xor(key, counter, plain)
    tag = tag_of(key, counter, sealed)
    for constant in (bytes(16), b"\xff" * 16):
        line("tag-constant", key, counter, plain, sealed, constant, "invalid")
    for at in sorted({0, size // 2, size - 1}):
        spoiled = bytearray(sealed)
        spoiled[at] ^= 1 << rng.randrange(8)
        line("ciphertext-bit", key, counter, plain, bytes(spoiled), tag, "invalid")
    line("ciphertext-short", key, counter, plain[:-1], sealed[:-1], tag, "invalid")
    line("ciphertext-long", key, counter, plain + b"\0", sealed + b"\0", tag, "invalid")
    line("counter-other", key, counter ^ 1, plain, sealed, tag, "invalid")
    line("key-other", bytes([key[0] ^ 1]) + key[1:], counter, plain, sealed, tag, "invalid")
