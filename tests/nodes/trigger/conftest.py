"""Real servers for the triggers: a broker, a mailbox, a database."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def load(name: str) -> Any:
    path = Path(__file__).parents[2] / "servers" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"tests_servers_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def servers() -> Any:
    """The modules of `tests/servers`, by name."""
    return load


@pytest.fixture(scope="module")
def broker() -> Iterator[Any]:
    """One for the tests that do not stop it."""
    with load("mosquitto").running() as found:
        yield found


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    with load("postgres").running() as server:
        yield server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 signed by itself, and its key."""
    made: tuple[Path, Path] = load("mail").certificate(tmp_path_factory.mktemp("certificate"))
    return made
