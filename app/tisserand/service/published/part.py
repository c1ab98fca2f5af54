"""Published flows by themselves: the processes are started, watched and replaced, and the runs for requests that need one are begun."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from tisserand.engine.launch import Refused
from tisserand.model.problem import Problem
from tisserand.service.periodic import Periodic
from tisserand.service.published.calls import Serving
from tisserand.service.published.credential import gateway_credential
from tisserand.service.published.folder import DOCUMENT, made, read, write
from tisserand.service.published.forms import Form, Forms
from tisserand.service.published.runs import JobRuns
from tisserand.service.published.service import END, STATE, Service
from tisserand.service.published.wanted import Wanted
from tisserand.workspace.folder import Workspace

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

LOOK = 0.25
CATALOGUE = 2.0
"""Seconds between two looks at the catalogue, where nobody says that it has changed."""


class Publishing(Periodic):
    """Nothing listens before the first API of a flow is published."""

    name = "publishing"
    every = LOOK

    def __init__(self, executor: LocalExecutor) -> None:
        super().__init__(executor)
        self._wanted = Wanted(executor.catalogue)
        self._services: dict[str, Service] = {}
        self._ending: list[Service] = []
        self._servings: dict[str, Serving] = {}
        self._looked = 0.0
        self._credential = ""
        self._runs = JobRuns(executor)
        self._forms = Forms(executor.root)
        self._described: dict[str, tuple[Form, int]] = {}
        self._revision = 0
        """How often the catalogue was said to have changed."""

    def work(self) -> None:
        changed = self.executor.published.changed
        self._revision += changed.is_set()
        if changed.is_set() or time.monotonic() - self._looked >= CATALOGUE:
            changed.clear()
            self._looked = time.monotonic()
            self._look()
        for key, serving in self._servings.items():
            form = self._forms.of(serving)
            self._services[key].see(serving, form, self._credential)
            self._describe(key, serving, form)
        self._ending = [service for service in self._ending if not service.gone]
        self._runs.look()

    def _look(self) -> None:
        self._servings, problems = self._wanted.servings()
        if self._servings and not self._credential:
            self._credential = gateway_credential(Workspace(self.executor.root).id)
        for key in [key for key in self._services if key not in self._servings]:
            service = self._services.pop(key)
            service.end()
            self._ending.append(service)
        for key, serving in self._servings.items():
            if key not in self._services:
                self._services[key] = Service(self.executor.root, key)
                self._runs.watch(key, serving.flow)
        for key, problem in problems.items():
            _tell(self.executor.root, key, problem)

    def _describe(self, key: str, serving: Serving, form: Form) -> None:
        """Keep the OpenAPI document where the process finds it."""
        if self._described.get(key) == (form, self._revision):
            return
        self._described[key] = (form, self._revision)
        try:
            document = self.executor.apis.get(serving.api, serving.version).document
        except Refused:
            return  # gone a moment ago, or broken: the catalogue says so
        if document is not None:
            path = made(self.executor.root, key) / DOCUMENT
            if read(path) != document:
                write(path, document)

    def stop(self) -> None:
        super().stop()
        services = [*self._services.values(), *self._ending]
        for service in services:
            service.leave()
        for service in services:
            service.wait(END)
        self._runs.close()


def _tell(root: Path, key: str, problem: Problem) -> None:
    write(made(root, key) / STATE, {"state": "failed", "flow": "", "pid": None, "problem": problem.to_json()})
