"""The process of an isolated step: asks for batches on its input, gives batches, rejects and errors on its output.

Started by `isolated`. The frames are a letter, a length and that many bytes; batches are Arrow IPC streams. What the code prints goes to
standard error.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from tisserand.sdk.connection import ConnectionType
    from tisserand.texts import Message

_HEAD = struct.Struct("<cQ")


def write_frame(stream: IO[bytes], kind: bytes, payload: bytes = b"") -> None:
    stream.write(_HEAD.pack(kind, len(payload)))
    stream.write(payload)
    stream.flush()


def read_frame(stream: IO[bytes]) -> tuple[bytes, bytes] | None:
    """One frame, or None where the other side is gone."""
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    kind, length = _HEAD.unpack(head)
    payload = stream.read(length)
    return (kind, payload) if len(payload) == length else None


def encoded(batch: pa.RecordBatch) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    data: bytes = sink.getvalue().to_pybytes()
    return data


class ChildContext:
    """The context inside: the row of the run's names, rejects and logs; nothing that reaches outside."""

    def __init__(self, header: Mapping[str, Any], out: IO[bytes]) -> None:
        self.flow: str = header["flow"]
        self.node: str = header["node"]
        self.run_id: str = header["run_id"]
        self.key: str = header["key"]
        self.attempt: int = header["attempt"]
        self.traceparent = ""
        self.parameters: Mapping[str, Any] = header["parameters"]
        self._out = out

    def path(self, text: str) -> Path:
        self._refuse()

    def target(self, text: str) -> Path:
        self._refuse()

    def connection(self, name: str) -> ConnectionType:
        self._refuse()

    def secret(self, reference: str) -> str:
        self._refuse()

    def usage(self, start: float, end: float, *, api: str = "", consumer: str = "") -> Iterator[Mapping[str, Any]]:
        self._refuse()

    def _refuse(self) -> NoReturn:
        from tisserand.sdk.errors import NodeError

        raise NodeError("A step in its own process has no files, connections and secrets.")

    def temporary(self, name: str) -> Path:
        from pathlib import Path

        return Path.cwd() / name

    def progress(self, rows: int = 0, bytes: int = 0) -> None:
        """Counted outside, by what arrives there."""

    def cancelled(self) -> bool:
        return False

    def sleep(self, seconds: float) -> None:
        import time

        time.sleep(seconds)

    def reject(self, row: Any, error: Message | str, place: str = "") -> None:
        said = {"id": "{error}", "args": {"error": error}} if isinstance(error, str) else error.to_json()
        self._send(b"R", {"row": row, "error": said, "place": place})

    def log(self, message: Message, level: str = "info") -> None:
        self._send(b"L", {"message": message.to_json(), "level": level})

    def _send(self, kind: bytes, data: Any) -> None:
        write_frame(self._out, kind, json.dumps(data, default=str).encode())


def main() -> None:
    """Read the header, then process batch after batch until there is none."""
    import importlib
    import pickle

    _die_with_parent()
    incoming = os.fdopen(os.dup(0), "rb")
    outgoing = os.fdopen(os.dup(1), "wb")
    # What the code prints must not get between the frames, and it must not read them.
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    frame = read_frame(incoming)
    if frame is None:
        return
    header = pickle.loads(frame[1])  # noqa: S301 - written by the worker that started this process
    from tisserand.model.schema import Schema
    from tisserand.sdk.errors import NodeError
    from tisserand.texts import msg

    cls: Any = importlib.import_module(header["module"])
    for part in header["class"].split("."):
        cls = getattr(cls, part)
    context = ChildContext(header, outgoing)
    schemas = {name: Schema.from_json(columns) for name, columns in header["schemas"].items()}
    config = cls.Config.model_validate(header["config"], context={"parameters": header["parameters"]})
    step = cls()
    first = next((out.name for out in step.ports(config) if out.kind != "rejects"), "table")
    import pyarrow  # noqa: F401 - before memory is limited: loading it maps much

    _limit(header["memory"])
    try:
        for item in step.process(context, config, schemas, _batches(incoming, outgoing)):
            port, batch = item if isinstance(item, tuple) else (first, item)
            write_frame(outgoing, b"O", port.encode() + b"\0" + encoded(batch))
        write_frame(outgoing, b"D")
    except NodeError as error:
        fix = error.fix.to_json() if error.fix else None
        known = {name: getattr(error, name) for name in ("field", "row", "line", "retry", "retry_after")}
        context._send(b"E", {"message": error.message.to_json(), "fix": fix, **known})
    except MemoryError:
        context._send(b"E", {"message": msg("The step needs more memory than it may have.").to_json()})
    except Exception as error:  # noqa: BLE001 - foreign code; the worker says it as the node's failure
        message = msg("The step failed: {error}", error=f"{type(error).__name__}: {error}")
        context._send(b"E", {"message": message.to_json()})


def _batches(incoming: IO[bytes], outgoing: IO[bytes]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    while True:
        write_frame(outgoing, b"N")
        frame = read_frame(incoming)
        if frame is None or frame[0] == b"Z":
            return
        with pa.ipc.open_stream(frame[1]) as reader:
            yield from reader


def _die_with_parent() -> None:
    """On Linux the kernel ends this process when the worker is gone, however that went."""
    if sys.platform == "linux":
        import ctypes
        import signal

        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)


def _limit(memory: int) -> None:
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if sys.platform == "linux":
            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


if __name__ == "__main__":
    main()
