"""The process that answers the requests of one published flow: `python -m tisserand.service.published.process ROOT ID@VERSION`.

It reads `serve.json` in its folder, makes the flow ready, listens on the loopback interface and writes `address.json`. While it lives
it takes over what changes in `serve.json`. SIGTERM ends it politely: what has come is answered. `--fd` names a socket that it listens on
and that others may listen on as well, `--attached` ends it with whoever started it (its standard input is closed then).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from tisserand import texts
from tisserand.engine.launch import Refused, process_started
from tisserand.engine.resolve import problem_of
from tisserand.files import shipped
from tisserand.model.problem import Problem
from tisserand.sdk.errors import NodeError
from tisserand.service import crash
from tisserand.service.published.answering import Answering
from tisserand.service.published.calls import Serving
from tisserand.service.published.compiled import Compiled
from tisserand.service.published.folder import ADDRESS, DOCUMENT, FAILURE, HOST, SERVE, folder_of, read, serving_of, write
from tisserand.service.published.history import History
from tisserand.service.published.http import Listener
from tisserand.service.published.jobs import FILE as JOBS
from tisserand.service.published.jobs import Jobs
from tisserand.service.published.working import Failing, JobWork
from tisserand.store import StoreError
from tisserand.texts import msg

LOOK = 0.2
"""Seconds between two looks at `serve.json`."""
DRAIN = 2.0
"""Seconds for which connections that are kept open may still bring a request, when the process is to end."""
MEMORY = 1_000_000_000
"""Bytes that the database may hold for the tables and queries of one published flow."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tisserand.service.published.process")
    parser.add_argument("root", type=Path)
    parser.add_argument("key")
    parser.add_argument("--fd", type=int)
    parser.add_argument("--attached", action="store_true")
    given = parser.parse_args(arguments)
    texts.add_catalogues(shipped("resources") / "locale")
    root = given.root.resolve()
    try:
        folder = folder_of(root, given.key)
    except Refused as refused:
        print(refused.problems[0].line(), file=sys.stderr)
        return 2
    (folder / FAILURE).unlink(missing_ok=True)
    try:
        _serve(root, folder, given.fd, given.attached)
    except Refused as refused:
        return _failed(folder, refused.problems)
    except NodeError as error:
        return _failed(folder, [problem_of(error)])
    except StoreError as error:
        return _failed(folder, [Problem("store", error.message)])
    except OSError as error:
        message = msg("It cannot listen: {reason}", reason=error.strerror or str(error))
        return _failed(folder, [Problem("published.listen", message)])
    except Exception as error:  # noqa: BLE001 - the process' last line
        return _failed(folder, [crash.report(error, root)])
    return 0


def _failed(folder: Path, problems: list[Problem]) -> int:
    write(folder / FAILURE, {"pid": os.getpid(), "problems": [problem.to_json() for problem in problems]})
    for problem in problems:
        print(problem.line(), file=sys.stderr)
    return 1


def _serve(root: Path, folder: Path, fd: int | None, attached: bool) -> None:
    serving = serving_of(folder)
    if serving is None:
        raise Refused([Problem("published.serving", msg("“{file}” says nothing.", file=str(folder / "serve.json")))])
    with ExitStack() as open:
        compiled = Compiled(root, serving.flow, serving.env, MEMORY)
        open.callback(compiled.close)
        jobs = Jobs(folder / JOBS)
        open.callback(jobs.close)
        history = History(folder, root)
        open.callback(history.close)
        work = JobWork(jobs, compiled, Failing(root), root)
        work.start()
        open.callback(work.stop)
        listening = open.enter_context(_listening(folder, serving.port, fd))
        _run(_Process(root, folder, serving, compiled, history, jobs, work, listening, attached).live)


def _run(live: Callable[[], object]) -> None:
    factory = None
    if os.name != "nt":
        with suppress(ImportError):
            import uvloop

            factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(live())  # type: ignore[arg-type]


class _Process:
    def __init__(
        self, root: Path, folder: Path, serving: Serving, compiled: Compiled, history: History, jobs: Jobs, work: JobWork,
        listening: socket.socket, attached: bool,
    ) -> None:  # fmt: skip
        self._root, self._folder, self._serving = root, folder, serving
        self._compiled, self._history, self._jobs, self._work = compiled, history, jobs, work
        self._listening, self._attached = listening, attached

    async def live(self) -> None:
        loop = asyncio.get_running_loop()
        over = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(NotImplementedError):  # Windows ends a process without asking it
                loop.add_signal_handler(number, over.set)
        if self._attached:
            threading.Thread(target=_follow, args=(lambda: loop.call_soon_threadsafe(over.set),), daemon=True).start()
        answering = Answering(self._root, self._serving, self._compiled, self._history, self._jobs)
        answering.later.work = self._work
        listener = Listener(answering)
        server = await loop.create_server(listener.connection, sock=self._listening, backlog=1024)
        port = self._listening.getsockname()[1]
        write(
            self._folder / ADDRESS,
            {"host": HOST, "port": port, "pid": os.getpid(), "started": process_started(os.getpid()), "since": answering.since},
        )
        # What is there by now stays: it need not be looked through again and again for what could go.
        gc.collect()
        gc.freeze()
        watching = loop.create_task(self._watch(answering))
        await over.wait()
        watching.cancel()
        server.close()
        await self._drain(listener, answering.serving.timeout)
        answering.close()

    async def _watch(self, answering: Answering) -> None:
        """Take over who may call, as `serve.json` says it from now on."""
        seen: dict[str, tuple[int, int] | None] = {SERVE: None, DOCUMENT: None}
        while True:
            for name in seen:
                try:
                    stat = (self._folder / name).stat()
                except FileNotFoundError:
                    continue  # not there yet, or gone together with the publication: whoever took it ends this process
                stamp = (stat.st_mtime_ns, stat.st_ino)
                if stamp == seen[name]:
                    continue
                seen[name] = stamp
                serving = serving_of(self._folder) if name == SERVE else None
                if serving is not None:
                    answering.serve(serving)
                elif name == DOCUMENT:
                    answering.document = (self._folder / name).read_bytes()
            await asyncio.sleep(LOOK)

    async def _drain(self, listener: Listener, timeout: float) -> None:
        """Answer what has come and what comes on connections that are open, and say that each answer is the last."""
        listener.ending = True
        loop = asyncio.get_running_loop()
        end = loop.time() + DRAIN
        while listener.connections and loop.time() < end:
            await asyncio.sleep(0.02)
        listener.close_idle()
        end = loop.time() + timeout
        while listener.connections and loop.time() < end:
            await asyncio.sleep(0.05)


def _follow(ended: Callable[[], object]) -> None:
    """Until whoever started this process lets go of its standard input."""
    while sys.stdin.buffer.read(4096):
        pass
    ended()


def _listening(folder: Path, port: int, fd: int | None) -> socket.socket:
    if fd is not None:
        return socket.socket(fileno=fd)
    known = read(folder / ADDRESS) or {}
    ports = [port] if port else [int(known.get("port", 0)), 0]
    for index, each in enumerate(ports):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if os.name != "nt":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, each))
        except OSError:
            listening.close()
            if index + 1 < len(ports):
                continue
            raise
        return listening
    raise AssertionError("there is always a port to try")


if __name__ == "__main__":
    sys.exit(main())
