"""A service that answers at once, in a process of its own, for tests and benches under load."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import cast

BODY = b'{"service": "%s"}'


class Quick:
    """Answers every request with its name, on one connection after the other or on many."""

    def __init__(self, name: str) -> None:
        self._process = subprocess.Popen([sys.executable, __file__, name], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


class _Connection(asyncio.Protocol):
    answer = b""

    def __init__(self) -> None:
        self._seen = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are of no common class

    def data_received(self, data: bytes) -> None:
        self._seen += data
        while (end := self._seen.find(b"\r\n\r\n")) >= 0:
            self._seen = self._seen[end + 4 :]
            self._transport.write(self.answer)


async def _serve(name: str) -> None:
    body = BODY % name.encode()
    _Connection.answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve(sys.argv[1]))
