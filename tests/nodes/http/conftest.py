"""The test's own web servers."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def servers() -> Any:
    path = Path(__file__).parents[2] / "servers" / "web.py"
    spec = importlib.util.spec_from_file_location("tests_servers_web", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def web(servers: Any) -> Iterator[Any]:
    with servers.running() as server:
        yield server


@pytest.fixture
def other_web(servers: Any) -> Iterator[Any]:
    with servers.running() as server:
        yield server
