"""Bencode, KRPC over a plain socket, BEP 42, and a line to our own node: what dht_interop.py is made of."""
import hashlib, itertools, json, os, queue, socket, struct, subprocess, threading, time


def encode(x):
    if isinstance(x, int):
        return b'i%de' % x
    if isinstance(x, str):
        x = x.encode()
    if isinstance(x, bytes):
        return b'%d:' % len(x) + x
    if isinstance(x, list):
        return b'l' + b''.join(map(encode, x)) + b'e'
    pairs = sorted((k.encode() if isinstance(k, str) else k, v) for k, v in x.items())
    return b'd' + b''.join(encode(k) + encode(v) for k, v in pairs) + b'e'


def decode(b, i=0):
    c = b[i:i + 1]
    if c == b'i':
        e = b.index(b'e', i)
        return int(b[i + 1:e]), e + 1
    if c in b'ld':
        i, r = i + 1, []
        while b[i:i + 1] != b'e':
            v, i = decode(b, i)
            r.append(v)
        return (r if c == b'l' else dict(zip(r[::2], r[1::2]))), i + 1
    e = b.index(b':', i)
    n = int(b[i:e])
    return b[e + 1:e + 1 + n], e + 1 + n


def crc32c(data):
    crc = 0xffffffff
    for x in data:
        crc ^= x
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def secure(address, node_id):
    """Does the id belong to the address (BEP 42)?"""
    packed = socket.inet_pton(socket.AF_INET6 if ':' in address else socket.AF_INET, address)
    masks = (3, 15, 63, 255) if len(packed) == 4 else (1, 3, 7, 15, 31, 63, 127, 255)
    masked = bytearray(x & y for x, y in zip(packed, masks))
    masked[0] |= (node_id[19] & 7) << 5
    crc = crc32c(masked)
    return node_id[0] == crc >> 24 and node_id[1] == crc >> 16 & 255 and node_id[2] & 0xf8 == crc >> 8 & 0xf8


def secret_of(seed):
    """libtorrent's 64 bytes of secret key: the expanded seed (RFC 8032 5.1.5)."""
    h = bytearray(hashlib.sha512(seed).digest())
    h[0] &= 248
    h[31] &= 63
    h[31] |= 64
    return bytes(h)


class Asker:
    """Sends single queries from an address."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.socket.settimeout(1)
        self.id, self.number = os.urandom(20), 0

    def send(self, to, bytes):
        self.socket.sendto(bytes, to)

    def receive(self, wait=1.0):
        self.socket.settimeout(wait)
        try:
            return decode(self.socket.recvfrom(4096)[0])[0]
        except (socket.timeout, ValueError):
            # Nothing came, or something else: who announces himself is visited by BitTorrent.
            return None

    def ask(self, to, method, arguments=None, tries=3, read_only=True, **top):
        for _ in range(tries):
            self.number += 1
            t = struct.pack('!H', self.number & 65535)
            query = {'t': t, 'y': 'q', 'q': method, 'a': dict({'id': self.id}, **(arguments or {})), **top}
            if read_only:
                query['ro'] = 1
            self.send(to, encode(query))
            end = time.time() + 1
            while time.time() < end:
                answer = self.receive(max(0.01, end - time.time()))
                if answer and answer.get(b't') == t:
                    return answer
        return None


class Liar(threading.Thread):
    """Answers everything under an id of its choice, tells of no other node, and counts what it is asked."""

    def __init__(self, address, port, node_id):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, port))
        self.id, self.asked = node_id, {}
        self.start()

    def run(self):
        while True:
            data, source = self.socket.recvfrom(4096)
            query = decode(data)[0]
            if query.get(b'y') != b'q':
                continue
            self.asked[query[b'q']] = self.asked.get(query[b'q'], 0) + 1
            answer = {'id': self.id, 'token': b'lie', 'nodes': b''}
            self.socket.sendto(encode({'t': query[b't'], 'y': 'r', 'r': answer}), source)


class Ours:
    """Our node (dht-peer), driven over its standard input."""

    tags = itertools.count(1)

    def __init__(self, program, *arguments):
        self.process = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.answers = queue.Queue()
        self.waiting = {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.answers.put(json.loads(line))

    def __call__(self, *words, wait=60):
        tag = str(next(self.tags))
        self.process.stdin.write(' '.join([tag, *map(str, words)]) + '\n')
        end = time.time() + wait
        while tag not in self.waiting and time.time() < end:
            try:
                answer = self.answers.get(timeout=max(0.01, end - time.time()))
                self.waiting[answer['tag']] = answer
            except queue.Empty:
                pass
        return self.waiting.pop(tag, {'error': 'no answer'})

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)
