"""Published flows of this workspace, in this process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tisserand.engine.launch import process_alive, refusal
from tisserand.model.problem import Problem
from tisserand.sdk.errors import NodeError
from tisserand.service.published.calls import AskedPage, PublishedInfo, Suitability
from tisserand.service.published.folder import ADDRESS, FAILURE, folder_of, read
from tisserand.service.published.history import FILE, HistoryStore
from tisserand.service.published.service import STATE, health
from tisserand.texts import msg
from tisserand.workspace.folder import Workspace

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

MOST = 1000


class HerePublished:
    """Implements `Published`."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor
        self.changed = threading.Event()
        """The catalogue has changed: the part of the executor process looks at it."""

    def list(self) -> Sequence[PublishedInfo]:
        from tisserand.service.published.credential import gateway_credential
        from tisserand.service.published.wanted import Wanted, unsafe

        apis = [api for _, api in Wanted(self._executor.catalogue).published()]
        credential = gateway_credential(Workspace(self._executor.root).id) if apis else ""
        return [self._info(api.id, api.version, api.upstream.flow, credential, unsafe(api)) for api in apis]

    def _info(self, api: str, version: str, flow: str, credential: str, warning: Problem | None) -> PublishedInfo:
        folder = folder_of(self._executor.root, f"{api}@{version}")
        told: dict[str, Any] = read(folder / STATE) or {}
        problem = Problem.from_json(told["problem"]) if told.get("problem") else None
        address = read(folder / ADDRESS)
        if address is not None and process_alive(int(address["pid"]), float(address["started"])):
            known = health(folder, credential, 3.0) or {}
            url = f"http://{address['host']}:{address['port']}"
            return PublishedInfo(
                api, version, flow, "serving", url, int(address["pid"]), float(address["since"]), int(known.get("requests", 0)),
                problem or self._ungated(folder, warning),
            )  # fmt: skip
        failure = read(folder / FAILURE)
        if failure is not None:
            problem = Problem.from_json(failure["problems"][0])
        state: Any = "failed" if problem is not None else "stopped" if self._executor.line is None else "starting"
        return PublishedInfo(api, version, flow, state, problem=problem)

    def _ungated(self, folder: Any, warning: Problem | None) -> Problem | None:
        from tisserand.service.published.folder import serving_of

        serving = serving_of(folder)
        return warning if serving is not None and not serving.gateway else None

    def suits(self, flow: str) -> Suitability:
        from tisserand.service.published.suits import suitability

        workspace = Workspace(self._executor.root)
        try:
            file = self._executor.inside(flow) if flow.endswith((".yaml", ".yml")) else ""
            path = workspace.root / file if file else workspace.find_flow(flow)
            if not path.is_file() or not path.resolve().is_relative_to(workspace.root):
                raise refusal("call.missing", msg("There is no flow file “{path}”.", path=flow), missing=True)
            return suitability(workspace, path.resolve().relative_to(workspace.root).as_posix(), self._executor.journal)
        except NodeError as error:
            raise refusal("call.refused", error.message, error.fix, missing=True) from error
        except (OSError, UnicodeDecodeError, ValueError) as error:
            raise refusal(
                "call.unreadable", msg("“{path}” cannot be read: {reason}.", path=flow[:200], reason=str(error))
            ) from None

    def refresh(self) -> None:
        self.changed.set()

    def requests(self, api: str, version: str, limit: int = 100, errors: bool = False, before: int | None = None) -> AskedPage:
        path = folder_of(self._executor.root, f"{api}@{version}") / FILE
        if not path.exists():
            return AskedPage()
        store = HistoryStore(path)
        try:
            found = store.latest(max(0, min(limit, MOST)), errors, before)
        finally:
            store.close()
        return AskedPage(tuple({"number": number, **asked.to_json()} for number, asked in found))
