"""Starting, watching, cancelling and resuming the process of a run; a worker that dies is journalled with its cause."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from tisserand import __version__
from tisserand.engine.journal import FINAL, Journal, RunRecord, new_run_id
from tisserand.engine.records import QUEUE
from tisserand.engine.waits import Waits
from tisserand.files import write_text
from tisserand.model.problem import Place, Problem
from tisserand.texts import Message, msg

Keep = Literal["none", "cuts", "all"]
Uncertain = Literal["repeat", "skip"]

GRACE = 10.0
"""Seconds that a worker has to stop politely before it is killed."""

EVENT = "event.json"
"""In the folder of a run: what its trigger brought."""

PAUSE = "pause"
"""A file in the folder of a run that is paused: no further unit of it begins while it is there."""

POOLED = "pooled"
"""A file in the folder of a run whose worker does other runs afterwards: signals could hit one of those."""

UNDOING = "undoing"
"""In the folder of a run: it was cancelled, and undoes what it did."""
AT_ONCE = "now"
"""What the file `cancel` says when somebody cancels once more: undoing is to stop, too."""

_RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4,12}")


class Refused(Exception):  # noqa: N818 - the answer "no", with its reasons
    """It will not be done: the flow or the call is wrong. `problems` say why; `missing` tells "there is no such …"."""

    def __init__(self, problems: list[Problem], *, missing: bool = False) -> None:
        self.problems = problems
        self.missing = missing
        super().__init__("\n".join(problem.line() for problem in problems))


def refusal(code: str, message: Message, fix: Message | None = None, *, missing: bool = False, **place: Any) -> Refused:
    """A refusal for one reason."""
    return Refused([Problem(code, message, fix, Place(**place))], missing=missing)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What to run: a flow file of the workspace (path relative to it), or `text`, the YAML of a flow that is not saved.

    With both, `text` counts and `file` says where it belongs.
    """

    file: str | None = None
    text: str | None = None
    env: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    memory: str | None = None
    threads: int | None = None
    keep: Keep = "cuts"
    until: str | None = None
    """Run only what this node needs, and the node; several with commas between them."""
    by: str = ""
    trigger: str = "manual"
    parent: str | None = None
    label: str | None = None
    priority: int | None = None
    """Which of the runs that are queued begins first: the higher number; what the flow's limits say where None."""
    cause: Mapping[str, Any] | None = None
    """Why it is started, as `RunRecord.cause`."""
    event: Mapping[str, Any] | None = None
    """What started it: `node`, the trigger, and `rows`, a list of rows (column → plain JSON value) that stand at its event port."""

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "parameters": dict(self.parameters)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunRequest:
        return cls(**{name: data[name] for name in cls.__dataclass_fields__ if name in data})


def state_folder(root: Path) -> Path:
    """`<workspace>/.tisserand`, made on first use, private to its owner and kept out of version control."""
    folder = root / ".tisserand"
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        write_text(ignore, "*\n")
    return folder


def journal_path(root: Path) -> Path:
    return root / ".tisserand" / "journal.sqlite"


def run_folder(root: Path, run: str) -> Path:
    """Where a run keeps its files; refuses a text that is no run id (it may come from the network)."""
    if not _RUN_ID.fullmatch(run):
        raise unknown_run(run)
    return root / ".tisserand" / "runs" / run


def unknown_run(run: str) -> Refused:
    return refusal("run.unknown", msg("There is no run “{run}”.", run=run), msg("“tisserand runs” lists the runs."), missing=True)


def process_started(pid: int) -> float | None:
    """The start time of a process (None if there is none): with the pid it names one process for ever."""
    import psutil

    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


def process_alive(pid: int, started: float) -> bool:
    """Whether the process that had this pid and start time still works; a zombie does not."""
    import psutil

    try:
        process = psutil.Process(pid)
        # The kernel derives start times from the clock, which may be set by a second meanwhile.
        return abs(process.create_time() - started) < 2 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


class RunHandle:
    """A run whose worker this process started. A thread watches the worker and journals its death."""

    def __init__(self, root: Path, run: str, journal: Journal, ended: Callable[[str], None] | None = None) -> None:
        """Starts the process. `ended` is called when it is gone and the journal says how the run ended."""
        self.root = root
        self.run = run
        self._journal = journal
        self._ended = ended
        self._before = journal.begun(run)
        self._process = _spawn(run_folder(root, run))
        self._watcher = threading.Thread(target=self._watch, name=f"run {run}", daemon=True)
        self._watcher.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self, timeout: float | None = None) -> RunRecord:
        """Wait until the worker is gone and the journal says how the run ended (or `timeout` is over); gives the record."""
        self._watcher.join(timeout)
        record = self._journal.run(self.run)
        assert record is not None
        return record

    def cancel(self, grace: float = GRACE) -> None:
        """Ask politely, and kill after `grace` seconds. Returns at once."""
        cancel_run(self.root, self._journal, self.run, grace, self._process.pid)

    def _watch(self) -> None:
        if hasattr(os, "waitid"):
            # The worker is still a zombie here, so its group id cannot belong to anybody else: what it left behind goes too.
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
            kill_group(self._process.pid)
        code = self._process.wait()
        journal_death(self.root, self.run, self._process.pid, code, self._before)
        if self._ended is not None:
            self._ended(self.run)


def journal_death(root: Path, run: str, pid: int, code: int, before: int | None) -> None:
    """Say how a run ended whose worker is gone, unless the worker has said so, or somebody else works on the run by now. `before`
    is when the run was last begun before this worker got it (`Journal.begun`): it then ends even if the worker never claimed it."""
    # A journal of its own: whoever started the run may have closed theirs.
    with Journal(journal_path(root)) as journal:
        record = journal.run(run)
        if record is None:
            return
        claimed = record.state == "running" and record.owner_pid == pid
        unclaimed = record.state == "queued" and journal.begun(run) == before
        if not claimed and not unclaimed:
            return
        if (run_folder(root, run) / "cancel").exists():
            gone(root, run, journal, (record.state,))
        else:
            journal.set_state(run, "failed", _death(root, run, code), expect=(record.state,))


def launch(root: Path, request: RunRequest, journal: Journal | None = None) -> RunHandle:
    """Start a run in a process of its own: its folder is written and it is journalled as queued before the process starts."""
    journal = journal or Journal(journal_path(root))
    return RunHandle(root, enter(root, request, journal), journal)


def enter(root: Path, request: RunRequest, journal: Journal, *, queue: bool = False, timeout: str | None = None) -> str:
    """Write the folder of a new run and journal it as queued; gives its id. With `queue` the executor process begins it when its turn
    has come; else whoever calls this. `timeout` is the time limit of a flow that has none of its own."""
    text = flow_text(root, request.file, request.text)
    flow = flow_id(text, request.file)
    state_folder(root)
    run = new_run_id()
    folder = run_folder(root, run)
    folder.mkdir(parents=True, mode=0o700)
    write_text(folder / "flow.yaml", text)
    if request.event is not None:
        write_text(folder / EVENT, json.dumps(request.event, ensure_ascii=False, default=str), 0o600)
    asked = {**replace(request, event=None).to_json(), "text": None, "run": run, "workspace": str(root), "uncertain": None}
    asked["timeout"] = timeout
    asked["tisserand"] = __version__
    write_text(folder / "request.json", json.dumps(asked, indent=1, ensure_ascii=False, default=str), 0o600)
    journal.create_run(
        RunRecord(
            run,
            flow,
            hashlib.sha256(text.encode()).hexdigest(),
            request.file,
            request.env,
            request.by,
            request.trigger,
            request.parameters,
            request.parent,
            request.label,
            created=time.time(),
            owner_pid=QUEUE if queue else None,
            priority=request.priority or 0,
            cause=request.cause,
        )
    )
    return run


def relaunch(
    root: Path,
    run: str,
    uncertain: Uncertain | None = None,
    journal: Journal | None = None,
    text: str | None = None,
    until: str | None = None,
) -> RunHandle:
    """Go on with a run that did not end well, or that was to run up to some node only, under the same id; `request.json` then
    tells what to do with uncertain sinks. `text` is the flow after an edit; the one of before stays beside it. `until` is where
    to stop this time: "" for the end, None for where it was to stop before."""
    journal = journal or Journal(journal_path(root))
    reenter(root, run, journal, uncertain, text, until)
    return RunHandle(root, run, journal)


def reenter(
    root: Path,
    run: str,
    journal: Journal,
    uncertain: Uncertain | None = None,
    text: str | None = None,
    until: str | None = None,
    *,
    queue: bool = False,
) -> None:
    """Journal a run that is over as queued again, as `relaunch`; with `queue` for the executor process, else for whoever calls this."""
    folder = run_folder(root, run)
    record = journal.run(run)
    if record is None:
        raise unknown_run(run)
    if record.state == "done" and not (until is not None and _ended_early(folder)):
        raise refusal("run.done", msg("The run “{run}” is done: there is nothing to resume.", run=run))
    if record.state not in FINAL and record.state != "waiting":
        raise refusal("run.running", msg("The run “{run}” is still running.", run=run), msg("Wait for it, or cancel it first."))
    if not (folder / "request.json").exists():
        raise refusal(
            "run.gone", msg("The files of the run “{run}” were removed; it cannot be resumed.", run=run), msg("Run it anew.")
        )
    for mark in ("cancel", PAUSE, POOLED):
        (folder / mark).unlink(missing_ok=True)
    asked = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    asked["uncertain"] = uncertain
    if until is not None:
        asked["until"] = until or None
    write_text(folder / "request.json", json.dumps(asked, indent=1, ensure_ascii=False), 0o600)
    if text is not None and text != (before := (folder / "flow.yaml").read_text(encoding="utf-8")):
        digest = hashlib.sha256(before.encode()).hexdigest()
        write_text(folder / f"flow.{digest[:12]}.yaml", before)
        write_text(folder / "flow.yaml", text)
        journal.append(run, "flow.edited", None, {"before": digest, "hash": hashlib.sha256(text.encode()).hexdigest()})
    # Queued again, not still failed: whoever follows the run must not take it for over before the worker claims it.
    if not journal.set_state(run, "queued", expect=(record.state,), queue=queue):
        raise refusal("run.running", msg("The run “{run}” is still running.", run=run), msg("Wait for it, or cancel it first."))


def _ended_early(folder: Path) -> bool:
    """Whether a run that is done was asked to run up to some node only."""
    try:
        return bool(json.loads((folder / "request.json").read_text(encoding="utf-8")).get("until"))
    except (OSError, ValueError):
        return False


def cancel_run(root: Path, journal: Journal, run: str, grace: float = GRACE, pid: int | None = None) -> None:
    """Cancel a run of this or of another process: a cancel file and SIGTERM, then SIGKILL after `grace`. Returns at once."""
    record = journal.run(run)
    if record is None:
        raise unknown_run(run)
    if record.state in FINAL:
        return
    folder = run_folder(root, run)
    folder.mkdir(parents=True, exist_ok=True)
    # Asked once more while the run undoes what it did: that is to stop, too.
    write_text(folder / "cancel", AT_ONCE if (folder / UNDOING).exists() else "")
    pid = pid or record.owner_pid
    if not pid:
        if journal.set_state(run, "cancelled", expect=("queued",)) or Waits(journal).close(run, cancel=True):
            return
        record = journal.run(run) or record  # a worker took it a moment ago
        pid = record.owner_pid
        if not pid:
            return
    started = record.owner_started if record.owner_pid == pid and record.owner_started else process_started(pid)
    if started is None or not process_alive(pid, started):
        gone(root, run, journal)
        return
    finish_off = _finish_off
    if (folder / POOLED).exists():
        from tisserand.engine.stopping import finish_off  # the file alone asks; what is killed is surely at this run
    elif os.name != "nt":
        _signal(pid, signal.SIGTERM)
    threading.Thread(target=finish_off, args=(root, run, pid, started, grace), name=f"cancel {run}", daemon=True).start()


def _finish_off(root: Path, run: str, pid: int, started: float, grace: float) -> None:
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline:
        if not process_alive(pid, started):
            break
        if undoes(root, run):
            deadline = time.monotonic() + grace
        time.sleep(0.05)
    else:
        if process_alive(pid, started):
            if os.name == "nt":
                _signal(pid, signal.SIGTERM)
            else:
                kill_group(pid)
                _signal(pid, signal.SIGKILL)
    # Where the worker is another process's child, nobody else may be there to say how it ended.
    while process_alive(pid, started):
        time.sleep(0.05)
    # Where somebody goes on with the run already, what is queued or running is no longer what was cancelled.
    if (run_folder(root, run) / "cancel").exists():
        with Journal(journal_path(root)) as journal:
            gone(root, run, journal)


def undoes(root: Path, run: str) -> bool:
    """Whether a run that was cancelled undoes what it did: that may take its time, unless somebody cancels once more."""
    folder = run_folder(root, run)
    try:
        return (folder / UNDOING).exists() and (folder / "cancel").read_text(encoding="utf-8") != AT_ONCE
    except FileNotFoundError:
        return False


def gone(root: Path, run: str, journal: Journal, expect: tuple[str, ...] = ("queued", "running")) -> None:
    """Journal how a run ended that was cancelled and whose worker is gone without a word: one that had not undone everything yet is
    not over, but broken off."""
    if (run_folder(root, run) / UNDOING).exists():
        message = msg("The run broke off while it undid what it had done.")
        problem = Problem("run.undoing", message, msg("Resume it: it goes on undoing."))
        journal.set_state(run, "interrupted", problem, expect=expect)
    elif not journal.set_state(run, "cancelled", expect=expect):
        _gone_waiting(root, run, journal)


def _gone_waiting(root: Path, run: str, journal: Journal) -> None:
    """The run came to wait for something at the moment when it was cancelled."""
    from tisserand.engine.undo import turn_back

    record = journal.run(run)
    if record is None or record.state != "waiting":
        return
    if turn_back(root, run, journal):
        message = msg("The run broke off before it undid what it had done.")
        problem = Problem("run.undoing", message, msg("Resume it: it goes on undoing."))
        journal.set_state(run, "interrupted", problem, expect=("waiting",))
    else:
        Waits(journal).close(run, cancel=True)


def flow_text(root: Path, file: str | None, text: str | None) -> str:
    """The YAML of a flow: `text` as it is, else the file, which must lie in the workspace."""
    if text is not None:
        return text
    if file is None:
        raise refusal("call.no_flow", msg("Neither a flow file nor the text of a flow was given."))
    path = resolved(root, file)
    if not path.is_relative_to(root.resolve()):
        raise refusal("call.outside", msg("“{path}” lies outside the workspace.", path=file), file=file)
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise refusal("call.missing", msg("There is no flow file “{path}”.", path=file), missing=True, file=file) from None
    except UnicodeDecodeError:
        raise refusal("call.encoding", msg("“{path}” is not UTF-8 text.", path=file), file=file) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise refusal("call.unreadable", msg("“{path}” cannot be read: {reason}.", path=file, reason=reason)) from None


def resolved(root: Path, file: str) -> Path:
    """Where the path of a flow file leads, behind all links; refuses what cannot be a path (it may come from the network)."""
    try:
        return (root / file).resolve()
    except (OSError, ValueError, RuntimeError):  # too long, with a NUL, a circle of links
        raise refusal("call.path", msg("“{path}” cannot be the path of a file.", path=file[:200]), missing=True) from None


def flow_id(text: str, file: str | None) -> str:
    """The id that stands in the file; a file too broken to have one goes by its name, and the worker says what is wrong."""
    found = re.search(r"(?m)^id:[ \t]*[\"']?([^\s\"'#]+)", text)
    return found[1] if found else Path(file or "unsaved").stem


def worker_command(folder: Path) -> list[str]:
    """-P: a module file in the current folder must not shadow the standard library's."""
    return [sys.executable, "-P", "-m", "tisserand.engine.worker", str(folder)]


def _spawn(folder: Path) -> subprocess.Popen[bytes]:
    extra: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        extra = {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    with (folder / "worker.log").open("ab") as log:
        return subprocess.Popen(worker_command(folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, **extra)


def _death(root: Path, run: str, code: int) -> Problem:
    """Why a worker ended without saying how the run ended."""
    log = run_folder(root, run) / "worker.log"
    fix = msg("What it wrote last stands in “{log}”. The run can be resumed.", log=str(log))
    if code == -getattr(signal, "SIGKILL", 9):
        message = msg("The process of the run was killed, probably because the machine ran out of memory.")
        return Problem("worker.killed", message, msg("Give the run less memory with “--memory”, then resume it."))
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = str(-code)
        return Problem("worker.died", msg("The process of the run was ended by the signal {signal}.", signal=name), fix)
    return Problem("worker.died", msg("The process of the run ended with the code {code} and no result.", code=code), fix)


def kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # nobody is left (macOS answers "not permitted" for zombies)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return  # already gone
