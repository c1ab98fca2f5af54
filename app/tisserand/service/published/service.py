"""The process of one published flow, from outside: started, watched, replaced without losing a request, ended."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tisserand.model.problem import Problem
from tisserand.service.published.calls import CREDENTIAL_HEADER, Serving
from tisserand.service.published.folder import ADDRESS, FAILURE, HOST, SERVE, made, read, write
from tisserand.service.published.forms import Form
from tisserand.texts import msg

START = 60.0
"""Seconds that a process may take until it answers."""
END = 30.0
"""Seconds that a process has to answer what has come, when it is to end."""
PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before each further start, where a process ends by itself."""
STEADY = 30.0
"""Seconds after which a process counts as well, and its next end as the first."""
DEAF = 15.0
"""Seconds without an answer to who asks for its health, after which a process is ended and started anew."""
STATE = "state.json"


class Service:
    """One published flow. Used by one thread."""

    def __init__(self, root: Path, key: str) -> None:
        self.root, self.key = root, key
        self.folder = made(root, key)
        self._listening: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._next: subprocess.Popen[bytes] | None = None
        """Started to take the place of the other one."""
        self._form: Form | None = None
        self._next_form: Form | None = None
        self._refused: Form | None = None
        """Could not be served: not tried again before it changes."""
        self._begun = 0.0
        self._ends = 0
        self._again = 0.0
        self._healthy = 0.0
        self._written: dict[str, Any] | None = None
        self._leaving: list[tuple[subprocess.Popen[bytes], float]] = []
        self._problem: Problem | None = None
        self._told: Any = None

    def see(self, serving: Serving, form: Form, credential: str) -> None:
        """Bring what is there nearer to what is wanted; returns at once."""
        self._write(serving)
        self._reap()
        if self._process is not None and self._process.poll() is not None:
            _let_go(self._process)
            self._lost(self._process.returncode)
        if self._next is not None:
            self._see_next()
        elif self._process is None:
            if time.monotonic() >= self._again and form != self._refused:
                self._start(form)
        elif form not in (self._form, self._refused):
            self._start(form)
        else:
            if form == self._form:
                self._problem = self._refused = None  # what could not be served was taken back
            self._ask(credential)
        self._tell(serving)

    def leave(self) -> None:
        """The executor process ends: so do these, until the next one starts them again at the same port."""
        for process in (self._next, self._process):
            if process is not None:
                self._dismiss(process)
        self._next = self._process = None
        if self._listening is not None:
            self._listening.close()
            self._listening = None

    def end(self) -> None:
        """Nothing is served any more; what has come is answered."""
        self.leave()
        (self.folder / SERVE).unlink(missing_ok=True)
        (self.folder / STATE).unlink(missing_ok=True)
        self._written = self._told = None

    @property
    def gone(self) -> bool:
        self._reap()
        return not self._leaving

    def wait(self, seconds: float) -> None:
        """Until all that were told to end are gone; then they are killed."""
        end = time.monotonic() + seconds
        while not self.gone:
            if time.monotonic() > end:
                for process, _ in self._leaving:
                    process.kill()
            time.sleep(0.02)

    # -- inside

    def _write(self, serving: Serving) -> None:
        data = serving.to_json()
        if data != self._written:
            write(self.folder / SERVE, data)
            self._written = data

    def _start(self, form: Form) -> None:
        (self.folder / FAILURE).unlink(missing_ok=True)
        command = [sys.executable, "-P", "-m", "tisserand.service.published.process", str(self.root), self.key, "--attached"]
        extra: dict[str, Any] = {}
        if os.name != "nt":
            if self._listening is None:
                self._listening = self._bound()
            number = self._listening.fileno()
            # All listen on the same socket: one that ends takes no request along that another could have answered.
            command += ["--fd", str(number)]
            extra["pass_fds"] = (number,)
        with (self.folder / "process.log").open("wb") as log:
            self._next = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=self.root, **extra)
        self._next_form, self._begun = form, time.monotonic()

    def _bound(self) -> socket.socket:
        known = read(self.folder / ADDRESS) or {}
        wanted = int((self._written or {}).get("port") or known.get("port") or 0)
        for port in dict.fromkeys((wanted, 0)):
            listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listening.bind((HOST, port))
            except OSError:
                listening.close()
                if port == 0:
                    raise
            else:
                listening.listen(1024)
                return listening
        raise AssertionError("a free port is always tried")

    def _see_next(self) -> None:
        process = self._next
        assert process is not None
        code = process.poll()
        address = read(self.folder / ADDRESS) or {}
        if code is None and address.get("pid") == process.pid:
            before, self._process, self._form = self._process, process, self._next_form
            self._next, self._problem, self._refused = None, None, None
            self._healthy = time.monotonic()
            if before is not None:
                self._dismiss(before)
        elif code is not None:
            failure = read(self.folder / FAILURE)
            _let_go(process)
            self._next = None
            if failure is not None and failure["pid"] == process.pid:
                self._problem = Problem.from_json(failure["problems"][0])
                self._refused = self._next_form
            else:
                self._died(code)
        elif time.monotonic() - self._begun > START:
            process.kill()

    def _lost(self, code: int) -> None:
        """The process that answered is gone."""
        self._process = None
        if time.monotonic() - self._begun > STEADY:
            self._ends = 0
        self._died(code)

    def _died(self, code: int) -> None:
        pause = PAUSES[min(self._ends, len(PAUSES) - 1)]
        self._ends += 1
        # The first time at once: callers wait in the socket's queue meanwhile.
        self._again = time.monotonic() + (0.0 if self._ends == 1 else pause)
        message = msg("The process of the published flow ended with the code {code}.", code=code)
        self._problem = Problem("published.died", message, msg("“{file}” says why.", file=str(self.folder / "process.log")))

    def _ask(self, credential: str) -> None:
        """Whether it still answers, now and then."""
        now = time.monotonic()
        if now - self._healthy < 2.0 or self._process is None:
            return
        if health(self.folder, credential) is not None:
            self._healthy = time.monotonic()
        elif now - self._healthy > DEAF:
            self._process.kill()

    def _dismiss(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        self._leaving.append((process, time.monotonic() + END))

    def _reap(self) -> None:
        for process, until in self._leaving:
            if process.poll() is None and time.monotonic() > until:
                process.kill()
        for process, _ in [each for each in self._leaving if each[0].poll() is not None]:
            _let_go(process)
        self._leaving = [each for each in self._leaving if each[0].poll() is None]

    def _tell(self, serving: Serving) -> None:
        state = "serving" if self._process is not None else "failed" if self._next is None and self._problem else "starting"
        told = {
            "state": state, "flow": serving.flow, "pid": self._process.pid if self._process is not None else None,
            "problem": self._problem.to_json() if self._problem is not None else None,
        }  # fmt: skip
        if told != self._told:
            write(self.folder / STATE, told)
            self._told = told


def _let_go(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()


def health(folder: Path, credential: str, seconds: float = 1.0) -> Any:
    """What a process says of itself; None where it does not answer."""
    address = read(folder / ADDRESS)
    if address is None:
        return None
    connection = http.client.HTTPConnection(HOST, int(address["port"]), timeout=seconds)
    try:
        connection.request("GET", "/.tisserand/health", headers={CREDENTIAL_HEADER: credential})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return json.loads(body) if answer.status == 200 else {}
