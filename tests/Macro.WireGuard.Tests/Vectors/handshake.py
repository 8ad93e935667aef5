#!/usr/bin/env python3
"""Computes handshake.txt independently of the product: whitepaper 5.4 with hashlib and pyca/cryptography."""
import hashlib, hmac, struct
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

def H(*parts): return hashlib.blake2s(b"".join(parts)).digest()
def mac(key, data): return hashlib.blake2s(data, digest_size=16, key=key).digest()
def kdf(n, ck, data):
    prk = hmac.new(ck, data, hashlib.blake2s).digest()
    out, t = [], b""
    for i in range(1, n + 1):
        t = hmac.new(prk, t + bytes([i]), hashlib.blake2s).digest()
        out.append(t)
    return out
def seal(key, counter, text, ad): return ChaCha20Poly1305(key).encrypt(bytes(4) + struct.pack("<Q", counter), text, ad)
def key(b): return X25519PrivateKey.from_private_bytes(bytes([b]) * 32)
def pub(k): return k.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
def dh(k, p): return k.exchange(X25519PublicKey.from_public_bytes(p))

si, sr, ei, er, psk = key(1), key(2), key(3), key(4), bytes([5]) * 32
index_i, index_r, seconds, nanos = 0x11111111, 0x22222222, 1700000000, 500000000

ck = H(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")
h = H(H(ck, b"WireGuard v1 zx2c4 Jason@zx2c4.com"), pub(sr))
msg = struct.pack("<II", 1, index_i) + pub(ei)
[ck] = kdf(1, ck, pub(ei)); h = H(h, pub(ei))
ck, k = kdf(2, ck, dh(ei, pub(sr)))
part = seal(k, 0, pub(si), h); h = H(h, part); msg += part
ck, k = kdf(2, ck, dh(si, pub(sr)))
part = seal(k, 0, struct.pack(">QI", 0x400000000000000a + seconds, nanos & ~0xffffff), h); h = H(h, part); msg += part
msg += mac(H(b"mac1----", pub(sr)), msg) + bytes(16)
print("initiation", msg.hex())

early, index = kdf(2, ck, b"macro early 1" + h + psk)
for counter, text in enumerate([b"early, responder", b"and more of that"]):
    print("early%d" % counter, (struct.pack("<I", 4) + index[:4] + struct.pack("<Q", counter) + seal(early, counter, text, b"")).hex())

msg = struct.pack("<III", 2, index_r, index_i) + pub(er)
[ck] = kdf(1, ck, pub(er)); h = H(h, pub(er))
[ck] = kdf(1, ck, dh(er, pub(ei)))
[ck] = kdf(1, ck, dh(er, pub(si)))
ck, t, k = kdf(3, ck, psk)
h = H(h, t)
part = seal(k, 0, b"", h); h = H(h, part); msg += part
msg += mac(H(b"mac1----", pub(si)), msg) + bytes(16)
print("response", msg.hex())

to_r, to_i = kdf(2, ck, b"")
print("data", (struct.pack("<IIQ", 4, index_r, 0) + seal(to_r, 0, b"hello, responder" , b"")).hex())
print("reply", (struct.pack("<IIQ", 4, index_i, 0) + seal(to_i, 0, b"hello, initiator", b"")).hex())
