"""Trying a file in a Traefik of our own before the one that serves gets it: on loopback, without any target being asked."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

from tisserand.apis.gateways.traefik import file, rules
from tisserand.files import write_text
from tisserand.model.problem import Problem
from tisserand.sdk.errors import NodeError
from tisserand.texts import msg

PATIENCE = 20.0
SHOWN = 10


def program(named: str) -> str | None:
    """The program to try with; None where there is none. Raises `NodeError` where a named one is not there."""
    found = shutil.which(named or "traefik")
    if found is None and named:
        raise NodeError("There is no program “{program}”.", program=named, field="settings.program")
    return found


def problems(program: str, text: str, entry_points: Sequence[str]) -> list[Problem]:
    """What Traefik refuses of the file. Raises `NodeError` where the program does not run."""
    with tempfile.TemporaryDirectory(prefix="tisserand-traefik-") as name:
        folder = Path(name)
        write_text(folder / "dynamic.yaml", json.dumps(_harmless(text)), 0o600)
        address = f"127.0.0.1:{_free_port()}"
        arguments = [
            program, "--global.checknewversion=false", "--global.sendanonymoususage=false", "--log.level=ERROR",
            "--api.insecure=true", "--api.dashboard=false", f"--entrypoints.traefik.address={address}",
            *(f"--entrypoints.{each}.address=127.0.0.1:{_free_port()}" for each in dict.fromkeys(entry_points)),
            f"--providers.file.filename={folder / 'dynamic.yaml'}", "--providers.file.watch=false",
        ]  # fmt: skip
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(arguments, stdout=log, stderr=log, cwd=folder, env={"HOME": name})
        try:
            loaded = _loaded(process, f"http://{address}/api/rawdata")
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        if loaded is None:
            last = (folder / "log").read_text(errors="replace").strip().splitlines()[-1:] or ["–"]
            message = msg("Traefik does not take the file: {reason}", reason=rules.without_secrets(last[0])[:300])
            return [Problem("gateway.refused", message)]
    return _faults(loaded)


def _faults(loaded: dict[str, Any]) -> list[Problem]:
    found = []
    for kind in ("routers", "middlewares", "services"):
        for name, each in sorted((loaded.get(kind) or {}).items()):
            if name.endswith("@file") and each.get("status") not in (None, "enabled"):
                reason = rules.without_secrets("; ".join(each.get("error") or ["disabled"]))
                message = msg("Traefik refuses “{name}”: {reason}", name=name.removesuffix("@file"), reason=reason)
                found.append(Problem("gateway.refused", message))
    return found[:SHOWN]


def _harmless(text: str) -> dict[str, Any]:
    """Without health checks, which would call the targets, and certificates, which only the real one can read."""
    data: dict[str, Any] = file.load(text)
    data.pop("tls", None)
    for service in (data.get("http", {}).get("services") or {}).values():
        service.get("loadBalancer", {}).pop("healthCheck", None)
    return data


def _loaded(process: subprocess.Popen[bytes], url: str) -> dict[str, Any] | None:
    """What it made of the file; None where it took nothing of it or ended."""
    end, session = time.monotonic() + PATIENCE, requests.Session()
    session.trust_env = False
    with session:
        while time.monotonic() < end and process.poll() is None:
            try:
                found: dict[str, Any] = session.get(url, timeout=5).json()
            except (requests.exceptions.RequestException, ValueError):
                time.sleep(0.03)
                continue
            if any(name.endswith("@file") for name in found.get("middlewares") or {}):
                return found
            time.sleep(0.03)
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
