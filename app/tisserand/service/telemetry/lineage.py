"""Lineage: what each run reads and writes, as OpenLineage events to a file or an address."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tisserand import __version__
from tisserand.engine.journal import FINAL, Event, RunRecord
from tisserand.engine.launch import Refused, run_folder
from tisserand.sdk.errors import NodeError
from tisserand.service.telemetry.otlp import post
from tisserand.service.telemetry.settings import OpenLineage
from tisserand.texts import Message

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

PRODUCER = f"urn:tisserand:{__version__}"
_SPEC = "https://openlineage.io/spec"
EVENT = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = {
    "schema": f"{_SPEC}/facets/1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet",
    "outputStatistics": f"{_SPEC}/facets/1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet",
    "inputStatistics": f"{_SPEC}/facets/1-0-0/InputStatisticsInputDatasetFacet.json#/$defs/InputStatisticsInputDatasetFacet",
    "errorMessage": f"{_SPEC}/facets/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet",
    "parent": f"{_SPEC}/facets/1-2-0/ParentRunFacet.json#/$defs/ParentRunFacet",
    "jobType": f"{_SPEC}/facets/2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet",
    "processing_engine": f"{_SPEC}/facets/1-1-1/ProcessingEngineRunFacet.json#/$defs/ProcessingEngineRunFacet",
    "tisserand_run": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunFacet",
}
_KINDS = {"done": "COMPLETE", "failed": "FAIL", "cancelled": "ABORT", "interrupted": "ABORT"}


def run_uuid(run: str) -> str:
    """The id of a run as OpenLineage wants it: a UUID that follows from ours."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"tisserand:run:{run}"))


class Lineage:
    """Makes events and hands them out; the same journal gives the same events."""

    def __init__(self, executor: LocalExecutor, settings: OpenLineage) -> None:
        self._executor = executor
        self._settings = settings

    def to_file(self, events: Sequence[Event]) -> None:
        """Add a line for each event, on the disk when it returns."""
        lines = [json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n" for event in self.events(events)]
        if not lines:
            return
        from tisserand.workspace.folder import Workspace

        path = Workspace(self._executor.root).resolve(str(self._settings.file))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as stream:
                stream.write("".join(lines))
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            reason = error.strerror or str(error)
            raise NodeError("“{path}” cannot be written: {reason}", path=str(path), reason=reason, retry=True) from None

    def to_address(self, events: Sequence[Event]) -> None:
        """POST each event; raises `NodeError`."""
        from tisserand.sdk.registry import registry
        from tisserand.workspace.connections import Connections
        from tisserand.workspace.folder import Workspace

        headers: dict[str, str] = {}
        if self._settings.key is not None:
            connections = Connections(Workspace(self._executor.root), registry())
            headers["Authorization"] = f"Bearer {connections.secret(str(self._settings.key))}"
        for event in self.events(events):
            body = json.dumps(event, ensure_ascii=False).encode()
            post(str(self._settings.url), body, headers, "application/json", self._settings.timeout.seconds)

    def events(self, events: Sequence[Event]) -> Iterator[dict[str, Any]]:
        """The events of OpenLineage for those of the journal."""
        for event in events:
            state = event.kind.removeprefix("run.")
            if state != "started" and state not in FINAL:
                continue
            record = self._executor.journal.run(event.run)
            if record is not None:
                yield self._event(event, state, record)

    def _event(self, event: Event, state: str, record: RunRecord) -> dict[str, Any]:
        known = [one for one in self._executor.journal.all_events(record.id) if (one.seq or 0) <= (event.seq or 0)]
        kind = _KINDS.get(state)
        if kind is None:
            kind = "START" if sum(one.kind == "run.started" for one in known) <= 1 else "RUNNING"
        inputs, outputs = self._datasets(record, known)
        return {
            "eventType": kind,
            "eventTime": datetime.fromtimestamp(event.time, UTC).isoformat(timespec="microseconds"),
            "producer": PRODUCER,
            "schemaURL": EVENT,
            "run": {"runId": run_uuid(record.id), "facets": self._run_facets(event, record)},
            "job": self._job(record.flow) | {
                "facets": {"jobType": _facet("jobType", processingType="BATCH", integration="TISSERAND", jobType="FLOW")}
            },
            "inputs": inputs,
            "outputs": outputs,
        }  # fmt: skip

    def _job(self, flow: str) -> dict[str, Any]:
        from tisserand.workspace.folder import Workspace

        namespace = self._settings.namespace or f"tisserand://{Workspace(self._executor.root).id}"
        return {"namespace": namespace, "name": flow}

    def _run_facets(self, event: Event, record: RunRecord) -> dict[str, Any]:
        facets: dict[str, Any] = {
            "processing_engine": _facet("processing_engine", version=__version__, name="tisserand"),
            "tisserand_run": _facet("tisserand_run", run=record.id, trigger=record.trigger, environment=record.env),
        }
        parent = self._executor.journal.run(record.parent) if record.parent else None
        if parent is not None:
            top = parent
            while top.parent is not None and (above := self._executor.journal.run(top.parent)) is not None:
                top = above
            facets["parent"] = _facet(
                "parent",
                run={"runId": run_uuid(parent.id)},
                job=self._job(parent.flow),
                root={"run": {"runId": run_uuid(top.id)}, "job": self._job(top.flow)},
            )
        error = event.data.get("error")
        if isinstance(error, Mapping) and isinstance(error.get("message"), Mapping):
            text = Message.from_json(error["message"]).text("en")
            facets["errorMessage"] = _facet("errorMessage", message=text, programmingLanguage="Tisserand flow")
        return facets

    # -- datasets

    def _datasets(self, record: RunRecord, known: Sequence[Event]) -> tuple[list[Any], list[Any]]:
        """What the readers read and the writers write, with columns and counts as far as these events tell them."""
        columns = {one.node: one.data["columns"] for one in known if one.kind == "discovery.done" and one.data.get("columns")}
        read = {one.node: one.data for one in known if one.kind == "node.done"}
        wrote = {one.node: one.data for one in known if one.kind == "sink.done"}
        into = self._written(record)
        inputs: list[Any] = []
        outputs: list[Any] = []
        for node, role, found in self._named(record):
            for namespace, name in found:
                schema = columns.get(node) if role == "reader" else into.get(node)
                fields = [{"name": column, "type": type} for column, type in (schema or {}).items()]
                dataset: dict[str, Any] = {"namespace": namespace, "name": name}
                dataset["facets"] = {"schema": _facet("schema", fields=fields)} if fields else {}
                if role == "reader":
                    rows = sum(int(n) for n in (read[node].get("rows") or {}).values()) if node in read else None
                    if rows is not None and len(found) == 1:
                        dataset["inputFacets"] = {"inputStatistics": _facet("inputStatistics", rowCount=rows)}
                    inputs.append(dataset)
                else:
                    if node in wrote:
                        counted = {"rowCount": int(wrote[node].get("rows") or 0)}
                        if wrote[node].get("bytes") is not None:
                            counted["size"] = int(wrote[node]["bytes"])
                        dataset["outputFacets"] = {"outputStatistics": _facet("outputStatistics", **counted)}
                    outputs.append(dataset)
        return inputs, outputs

    def _written(self, record: RunRecord) -> Mapping[str, Mapping[str, str]]:
        """Writer → the columns that it gets, from the plan of the run."""
        try:
            plan = json.loads((run_folder(self._executor.root, record.id) / "plan.json").read_text(encoding="utf-8"))
        except (OSError, Refused, ValueError):
            return {}  # not planned yet, or taken away by retention
        written: Mapping[str, Mapping[str, str]] = plan.get("written") or {}
        return written

    def _named(self, record: RunRecord) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
        """(node, role, datasets) of a run's readers and writers, from the flow as it ran."""
        from pydantic import ValidationError

        from tisserand.engine.values import parameter_values
        from tisserand.model.yamlfile import read_flow
        from tisserand.sdk.registry import registry
        from tisserand.workspace.connections import Connections
        from tisserand.workspace.folder import Workspace

        try:
            text = (run_folder(self._executor.root, record.id) / "flow.yaml").read_text(encoding="utf-8")
            workspace = Workspace(self._executor.root)
            environment = workspace.environment(record.env)
        except (OSError, Refused, NodeError):
            return  # the folder was taken away by retention, or the environment is gone
        flow = read_flow(text, record.flow_file).flow
        if flow is None:
            return
        parameters, _problems = parameter_values(flow, record.parameters)
        values = {**workspace.values(environment), "env": environment.name, **parameters, "run": record.id}
        nodes = registry()
        connections = Connections(workspace, nodes)
        for spec in flow.nodes.values():
            kind = nodes.get(spec.kind)
            if kind is None or kind.role not in ("reader", "writer") or spec.disabled:
                continue
            try:
                config = kind.read_config(spec.config, values)
                told = kind.node().datasets(config, lambda name: connections.plain(name, environment))
                found = [(dataset.namespace, dataset.name) for dataset in told]
                path = getattr(config, "path", None)
                if not found and isinstance(path, str) and path:
                    found = [("file", str(workspace.resolve(path, environment)))]
            except (NodeError, ValidationError):
                continue  # why it cannot be read is told by the run itself
            if found:
                yield spec.id, kind.role, found


def _facet(facet: str, /, **fields: Any) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": _FACETS[facet], **fields}
