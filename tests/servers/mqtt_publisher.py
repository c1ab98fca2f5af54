"""Devices that publish numbered readings at quality 1, as fast as the broker takes them: a process of its own, without any client library.

Usage: mqtt_publisher.py PORT FIRST COUNT RATE — RATE messages a second, 0 for as many as go. Message `i` goes to `plant/d<i % 20>/t`
with `{"id": i, "value": i % 100}`. As a device with a buffer does, it sends again what the broker had confirmed less than three
seconds before the connection broke: a broker that is killed has lost what it had not saved. Prints one line of JSON at the end.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import time
from collections import deque

WINDOW = 4000
MEMORY = 3.0


def packet(id: int, number: int) -> bytes:
    topic = f"plant/d{id % 20}/t".encode()
    body = struct.pack("!H", len(topic)) + topic + struct.pack("!H", number) + f'{{"id": {id}, "value": {id % 100}}}'.encode()
    assert len(body) < 128
    return bytes((0x32, len(body))) + body


def connected(port: int, name: str) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), 5)
    line.settimeout(10)
    who = name.encode()
    body = b"\0\4MQTT\4\2\0\0" + struct.pack("!H", len(who)) + who
    line.sendall(bytes((0x10, len(body))) + body)
    answer = line.recv(4)
    if answer[:1] != b"\x20" or answer[3] != 0:
        raise ConnectionError(answer)
    return line


def main(port: int, first: int, count: int, rate: float) -> None:
    fresh, again = iter(range(first, first + count)), deque[int]()
    open_: dict[int, int] = {}
    confirmed: deque[tuple[float, int]] = deque()
    done, sent, breaks, number, left, line = set[int](), 0, 0, 0, b"", None
    began = time.monotonic()
    ended = False
    while not ended or open_ or again:
        try:
            if line is None:
                line, left = connected(port, f"devices-{first}"), b""
                again.extend([*open_.values(), *(id for at, id in confirmed if at > time.monotonic() - MEMORY)])
                open_.clear()
                confirmed.clear()
            out = bytearray()
            while len(open_) < WINDOW and len(out) < 16_000 and (not rate or again or sent < (time.monotonic() - began) * rate):
                id = again.popleft() if again else next(fresh, -1)
                if id < 0:
                    ended = True
                    break
                number = number % 65535 + 1
                open_[number] = id
                out += packet(id, number)
                sent += 1
            if out:
                line.sendall(out)
            line.settimeout(0.005 if len(open_) < WINDOW else 10)
            try:
                got = line.recv(65536)
                if not got:
                    raise ConnectionError("closed")
            except TimeoutError:
                continue
            left += got
            now = time.monotonic()
            for at in range(0, len(left) - len(left) % 4, 4):
                id = open_.pop(left[at + 2] << 8 | left[at + 3])
                done.add(id)
                confirmed.append((now, id))
            left = left[len(left) - len(left) % 4 :]
            while confirmed and confirmed[0][0] < now - MEMORY:
                confirmed.popleft()
        except OSError:
            breaks += 1
            if line is not None:
                line.close()
            line = None
            time.sleep(0.05)
    assert done == set(range(first, first + count))
    print(json.dumps({"sent": sent, "breaks": breaks, "seconds": time.monotonic() - began}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
