"""What holds for the whole suite: private homes for settings, and an account of everything that was skipped."""

from __future__ import annotations

import os
import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ALLOWED = Path(__file__).with_name("allowed-skips.txt")
STRICT = "TISSERAND_STRICT_SKIPS"

# The checkers that `make servers` brought from npm.
os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.prefix) / "npm-tools" / "node_modules" / ".bin")])

_skipped: dict[str, list[str]] = defaultdict(list)


@pytest.fixture(autouse=True)
def private_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the settings, caches, keyring or language of the person who runs it."""
    home = tmp_path_factory.mktemp("home")
    for name, folder in {
        "XDG_CONFIG_HOME": "config",
        "XDG_DATA_HOME": "data",
        "XDG_CACHE_HOME": "cache",
        "XDG_STATE_HOME": "state",
    }.items():
        monkeypatch.setenv(name, str(home / folder))
    monkeypatch.setenv("TISSERAND_LANG", "en")
    # Tests and the processes that they start find the same secrets, whatever desktop they run on, and whatever keyring another test set.
    monkeypatch.setenv("TISSERAND_SECRETS", "file")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _note(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    _note(report)


def _note(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    _skipped[str(reason).removeprefix("Skipped: ")].append(report.nodeid)


def _unlisted() -> dict[str, list[str]]:
    lines = (line.strip() for line in ALLOWED.read_text(encoding="utf-8").splitlines())
    patterns = [re.compile(line) for line in lines if line and not line.startswith("#")]
    return {reason: tests for reason, tests in _skipped.items() if not any(pattern.fullmatch(reason) for pattern in patterns)}


def pytest_sessionfinish(session: pytest.Session) -> None:
    worker = hasattr(session.config, "workerinput")
    if os.environ.get(STRICT) and not worker and session.exitstatus == pytest.ExitCode.OK and _unlisted():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    servers = {reason: tests for reason, tests in _skipped.items() if reason.startswith("needs server:")}
    if servers:
        terminalreporter.section("skipped for want of a server")
        for reason, tests in sorted(servers.items()):
            terminalreporter.line(f"{len(tests)} × {reason}")
        terminalreporter.line("`make servers` installs them.")
    unlisted = _unlisted()
    if os.environ.get(STRICT) and unlisted:
        terminalreporter.section("skipped, and not listed in tests/allowed-skips.txt: this fails the run", red=True)
        for reason, tests in sorted(unlisted.items()):
            terminalreporter.line(f"{reason}: {', '.join(sorted(tests)[:5])}{' …' if len(tests) > 5 else ''}")
