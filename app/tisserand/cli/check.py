"""`tisserand check` and `tisserand explain`: what is wrong with a flow, and how it would be run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tisserand.cli import session
from tisserand.cli.words import Command, env_option, json_option, option, workspace_option
from tisserand.texts import N_, Message, msg, ngettext

if TYPE_CHECKING:
    from tisserand.model.problem import Problem


@click.command(cls=Command, help=N_("Say everything that is wrong with each FLOW, or with all flows of the workspace."))
@click.argument("flows", nargs=-1, metavar="[FLOW]…")
@env_option
@option("--offline", is_flag=True, help=N_("Do not look at the sources: columns that come from them stay unchecked."))
@option("--relock", is_flag=True, help=N_("Look at all sources and accept the columns that they have now."))
@workspace_option
@json_option
def check(flows: tuple[str, ...], env: str | None, offline: bool, relock: bool, workspace: str | None, as_json: bool) -> int:
    if offline and relock:
        raise click.UsageError(msg("“--relock” looks at the sources, “--offline” does not: give one of them.").text())
    place = session.workspace(workspace, flows[0] if flows else None)
    files = [session.flow_file(place, flow) for flow in flows]
    if not flows:
        files = [path.relative_to(place.root).as_posix() for path in place.flow_files()]
    problems: list[Problem] = []
    with session.executor(place) as executor:
        for file in files:
            if offline:
                found = executor.check(file=file, env=env)
            else:
                found = list(executor.schemas(file=file, env=env, relock=relock).problems)
            problems += [problem.at(file=file) for problem in found]
    errors = sum(problem.severity == "error" for problem in problems)
    if as_json:
        session.print_json({"files": files, "ok": not errors, "problems": [session.problem_json(p) for p in problems]})
    else:
        session.print_problems(problems)
        checked = ngettext("{count} flow checked", "{count} flows checked", len(files)).format(count=len(files))
        found_text = ngettext("{count} problem", "{count} problems", len(problems)).format(count=len(problems))
        click.echo(msg("{flows}: {problems}.", flows=checked, problems=found_text).text())
    return 2 if errors else 0


@click.command(cls=Command, help=N_("Show how FLOW will be run: what is read, what is done in one go, where rows are kept."))
@click.argument("flow", metavar="FLOW")
@env_option
@workspace_option
@json_option
def explain(flow: str, env: str | None, workspace: str | None, as_json: bool) -> int:
    place = session.workspace(workspace, flow)
    with session.executor(place) as executor:
        plan = executor.explain(file=session.flow_file(place, flow), env=env)
    if as_json:
        session.print_json(plan)
        return 0
    for number, unit in enumerate(plan.get("units", ()), 1):
        click.echo(f"{number}. {_sentence(unit).text()}")
        for line in str(unit.get("sql") or "").splitlines():
            click.echo(f"     {line}")
    for port, why in (plan.get("spooled") or {}).items():
        click.echo(msg("{port} is written down: {why}.", port=port, why=msg(_WHY.get(why, why))).text())
    for port, unit_id in (plan.get("reused") or {}).items():
        click.echo(msg("{port} is read again from what {unit} writes.", port=port, unit=unit_id).text())
    for node, batch in (plan.get("rows") or {}).items():
        if batch is None:
            click.echo(msg("{node} answers a request row by row.", node=node).text())
        else:
            click.echo(msg("{node} needs a query for each request: {why}", node=node, why=Message.from_json(batch)).text())
    return 0


_WHY = {
    "fan-out": N_("several nodes read it"),
    "kept": N_("it shall be kept"),
    "memory": N_("memory is tight"),
    "leaf": N_("nobody reads it in this run"),
    "order": N_("its order counts"),
    "long chain": N_("the query would grow too long"),
    "control": N_("a decision looks at it"),
}

_DOES = {
    "read": N_("Read {node}"),
    "spool": N_("Compute and write down {node}"),
    "sink": N_("Write {node}"),
    "step": N_("Do {node}, row by row"),
    "query": N_("Run {node} alone, locked in"),
    "control": N_("Decide {node}"),
    "trigger": N_("Start with {node}"),
}


def _sentence(unit: dict[str, Any]) -> Any:
    head = msg(_DOES.get(unit["kind"], unit["kind"]), node=unit["node"])
    if unit.get("fuses") and unit.get("reads"):
        return msg("{what}, from {reads}, in one query with {fused}.", what=head, reads=unit["reads"], fused=unit["fuses"])
    if unit.get("reads"):
        return msg("{what}, from {reads}.", what=head, reads=unit["reads"])
    return msg("{what}.", what=head)
