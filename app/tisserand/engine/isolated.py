"""Runs an isolated step (user's code) in a process of its own: no secrets, no environment, an empty folder, killable.

What this protects against: the code gets no connection, no secret and none of the worker's environment or open files; it cannot
take the worker's memory along (its own is limited where the system can), nor hold a run that is cancelled or out of time; whatever it
prints becomes log lines; and a process that it starts ends with it.

What it does not: the code runs as the same user of the machine. It can read and write the files that this user can (also the files
in which secrets are kept encrypted, with their key), and it can reach the network. Run flows of people whom you would let
run a program on this machine; for others use a user account or a container of its own.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tisserand.engine.isolated_child import encoded, read_frame, write_frame
from tisserand.model.schema import Schema
from tisserand.sdk.context import Context
from tisserand.sdk.errors import NodeError
from tisserand.texts import Message, msg

if TYPE_CHECKING:
    import pyarrow as pa

MEMORY = 2 * 2**30
"""Bytes of data that the process may hold."""
LOG_LINES = 1000
"""Printed lines kept for one step; what comes after is counted only."""


def process_isolated(node: Any) -> Callable[..., Iterator[Any]]:
    """`node.process` with the same signature, run in another process. `node` is the step or its class."""
    cls = node if isinstance(node, type) else type(node)

    def process(
        ctx: Context, config: Any, schemas: Mapping[str, Schema], batches: Iterator[pa.RecordBatch]
    ) -> Iterator[pa.RecordBatch | tuple[str, pa.RecordBatch]]:
        header = {
            "module": cls.__module__,
            "class": cls.__qualname__,
            "config": config.model_dump(mode="json"),
            "schemas": {name: schema.to_json() for name, schema in schemas.items()},
            "parameters": dict(ctx.parameters),
            "flow": ctx.flow,
            "node": ctx.node,
            "run_id": ctx.run_id,
            "key": ctx.key,
            "attempt": ctx.attempt,
            "memory": MEMORY,
        }
        yield from _Child(ctx, header).run(batches)

    return process


class _Child:
    """One process and the talk with it: it asks for each batch, so neither side ever waits for a full pipe."""

    def __init__(self, ctx: Context, header: Mapping[str, Any]) -> None:
        self._ctx = ctx
        self._header = header
        self._said: deque[str] = deque()
        self._lines = 0
        self._over = threading.Event()

    def run(self, batches: Iterator[pa.RecordBatch]) -> Iterator[Any]:
        with tempfile.TemporaryDirectory(prefix="tisserand-step-", ignore_cleanup_errors=True) as folder:
            process = subprocess.Popen(
                [sys.executable, "-I", "-m", "tisserand.engine.isolated_child"],
                cwd=folder,
                env=_environment(folder),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                close_fds=True,
            )
            listeners = [threading.Thread(target=target, args=(process,), daemon=True) for target in (self._listen, self._watch)]
            for listener in listeners:
                listener.start()
            try:
                yield from self._talk(process, batches)
            finally:
                self._over.set()
                _end(process)
                for listener in listeners:
                    listener.join(5)
                for stream in (process.stdin, process.stdout, process.stderr):
                    assert stream is not None
                    try:
                        stream.close()
                    except BrokenPipeError:
                        continue  # what was not yet sent needs nobody any more
                self._tell()

    def _talk(self, process: subprocess.Popen[bytes], batches: Iterator[pa.RecordBatch]) -> Iterator[Any]:
        import pyarrow as pa

        assert process.stdin is not None and process.stdout is not None
        ctx = self._ctx
        try:
            write_frame(process.stdin, b"H", pickle.dumps(self._header))
            while (frame := read_frame(process.stdout)) is not None:
                kind, payload = frame
                self._tell()
                if kind == b"N":
                    batch = next(batches, None)
                    write_frame(process.stdin, b"B" if batch is not None else b"Z", encoded(batch) if batch is not None else b"")
                elif kind == b"O":
                    port, _, data = payload.partition(b"\0")
                    with pa.ipc.open_stream(data) as reader:
                        yield from ((port.decode(), batch) for batch in reader)
                elif kind == b"R":
                    rejected = pickle_free(payload)
                    ctx.reject(rejected["row"], Message.from_json(rejected["error"]), rejected["place"])
                elif kind == b"L":
                    said = pickle_free(payload)
                    ctx.log(Message.from_json(said["message"]), said["level"])
                elif kind == b"E":
                    raise _error(pickle_free(payload))
                elif kind == b"D":
                    return
        except BrokenPipeError:
            pass  # it ended while it was spoken to; why is said below
        ctx.progress()  # raises where the run was cancelled: then the process was killed for it
        raise _ended(process)

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self._lines += 1
            if self._lines <= LOG_LINES:
                self._said.append(line[:2000].decode("utf-8", "replace").rstrip())

    def _tell(self) -> None:
        """Log what was printed. Here and not in the listening thread: contexts belong to the thread of the node."""
        while self._said:
            self._ctx.log(msg("{line}", line=self._said.popleft()))
        if self._over.is_set() and self._lines > LOG_LINES:
            self._ctx.log(msg("{count} more printed lines were left out.", count=self._lines - LOG_LINES), "warning")

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        while not self._over.wait(0.1):
            if self._ctx.cancelled():
                _kill(process)
                return


def _environment(folder: str) -> dict[str, str]:
    """Nothing of the worker's environment but where programs stand."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TZ") if name in os.environ}
    return {
        **kept, "HOME": folder, "TMPDIR": folder, "TEMP": folder, "TMP": folder, "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1", "ARROW_DEFAULT_MEMORY_POOL": "system",
    }  # fmt: skip


def _end(process: subprocess.Popen[bytes]) -> None:
    """Give it a moment if it ended by itself, then end it with all that it started."""
    if process.stdin is not None:
        try:
            process.stdin.close()
        except BrokenPipeError:
            process.stdin = None
    try:
        process.wait(0.5)
    except subprocess.TimeoutExpired:
        pass  # killed below
    _kill(process)
    process.wait()


def _kill(process: subprocess.Popen[bytes]) -> None:
    if os.name == "nt":
        process.kill()
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # nothing of it is left


def pickle_free(payload: bytes) -> Any:
    """What comes back is JSON: unpickling what foreign code wrote would run it here."""
    import json

    return json.loads(payload)


def _error(data: Mapping[str, Any]) -> NodeError:
    fix = data.get("fix")
    return NodeError(
        Message.from_json(data["message"]),
        fix=Message.from_json(fix) if fix else None,
        field=data.get("field"),
        row=data.get("row"),
        line=data.get("line"),
        retry=bool(data.get("retry")),
        retry_after=data.get("retry_after"),
    )


def _ended(process: subprocess.Popen[bytes]) -> NodeError:
    code = process.wait()
    if code < 0:
        name = signal.Signals(-code).name if -code in signal.Signals._value2member_map_ else str(-code)
        return NodeError(
            "The step's process was ended by {signal}.",
            fix="It may have used too much memory; process smaller batches.",
            signal=name,
        )
    return NodeError("The step's process ended by itself (exit code {code}) before it was done.", code=code)
