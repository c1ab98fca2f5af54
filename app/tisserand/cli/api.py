"""`tisserand api`: the catalogue of APIs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tisserand.cli import session
from tisserand.cli.words import Group, json_option, option, workspace_option
from tisserand.sdk.errors import NodeError
from tisserand.texts import N_, msg, ngettext, number, translate

if TYPE_CHECKING:
    from tisserand.service.apis.calls import ApiDetail, Impact

api = Group(
    "api",
    help=N_("Keep the catalogue of APIs: what is offered, to whom, under which terms."),
    commands_at={
        "plan": ("tisserand.cli.api_terms:plan", N_("List, set and remove plans.")),
        "consumer": ("tisserand.cli.api_terms:consumer", N_("List, add and remove consumers.")),
        "subscription": ("tisserand.cli.api_terms:subscription", N_("List and remove subscriptions, and decide on them.")),
        "subscribe": ("tisserand.cli.api_terms:subscribe", N_("Let a consumer call an API under a plan.")),
        "key": ("tisserand.cli.api_terms:key", N_("Issue, list, replace and revoke keys of consumers.")),
        "call": ("tisserand.cli.api_call:call", N_("Send a test call to an API.")),
        "publish-flow": ("tisserand.cli.api_call:publish_flow", N_("Publish a flow as an API.")),
    },
)

LINTED = 100
"""APIs whose documents are looked at in one call."""

LIFE: dict[str, str] = {
    "draft": N_("draft"),
    "published": N_("published"),
    "deprecated": N_("deprecated"),
    "retired": N_("retired"),
}


@api.command("list", help=N_("List the APIs, or those that TEXT and the options name."))
@click.argument("text", metavar="[TEXT]", default="")
@option("--tag", metavar="TAG", default="", help=N_("Only those with this tag."))
@option("--owner", metavar="OWNER", default="", help=N_("Only those of this owner."))
@option("--state", type=click.Choice(list(LIFE)), help=N_("Only those at this stage of their life."))
@option("--schema", metavar="NAME", default="", help=N_("Only those whose document has a schema or property of this name."))
@option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help=N_("At most so many."))
@workspace_option
@json_option
def list_apis(
    text: str, tag: str, owner: str, state: str | None, schema: str, limit: int, workspace: str | None, as_json: bool
) -> int:  # fmt: skip
    with session.executor(session.workspace(workspace)) as executor:
        found = executor.apis.search(text, tag, owner, state or "", schema, limit)
        broken = [each for each in executor.apis.problems() if each.severity == "error"]
    if as_json:
        session.print_json(found.to_json())
        return 0
    titles = [
        translate(title)
        for title in (N_("API"), N_("name"), N_("state"), N_("path"), N_("owner"), N_("consumers"), N_("problems"))
    ]
    rows = [
        [
            each.key,
            each.name,
            translate(LIFE[each.lifecycle]),
            each.path,
            each.owner,
            number(each.consumers),
            number(each.problems),
        ]
        for each in found.apis
    ]
    session.print_table(titles, rows, right=[5, 6])
    if found.total > len(rows):
        click.echo(msg("… and {count} more.", count=number(found.total - len(rows))).text())
    session.print_problems(broken)
    return 0


@api.command("show", help=N_("Show one version of an API (ID or ID@VERSION)."))
@click.argument("key", metavar="API")
@option("--document", is_flag=True, help=N_("Print its OpenAPI document."))
@workspace_option
@json_option
def show(key: str, document: bool, workspace: str | None, as_json: bool) -> int:
    id, version = split(key)
    with session.executor(session.workspace(workspace)) as executor:
        found = executor.apis.get(id, version)
    if as_json or document:
        session.print_json(found.document if document else found.to_json())
        return 0
    return print_detail(found)


F = TypeVar("F", bound=Callable[..., Any])


def _fields(command: F) -> F:
    """What `new` and `set` take."""
    for each in reversed(
        [
            option("--name", metavar="NAME", help=N_("What people call it.")),
            option("--summary", metavar="TEXT", help=N_("What it is for, in a sentence.")),
            option("--owner", metavar="OWNER", help=N_("Who answers for it.")),
            option("--url", metavar="URL", multiple=True, help=N_("Where requests go; may be given several times.")),
            option("--flow", metavar="FLOW", help=N_("The flow that answers.")),
            option("--base-path", metavar="PATH", help=N_("What addresses begin with; “/” and the id by default.")),
            option("--tag", metavar="TAG", multiple=True, help=N_("A tag; may be given several times.")),
            option(
                "--plan", metavar="PLAN", multiple=True, help=N_("A plan that it is offered under; may be given several times.")
            ),
            option(
                "--gateway", metavar="NAME", multiple=True, help=N_("A gateway that it is pushed to; may be given several times.")
            ),
        ]
    ):
        command = each(command)
    return command


def _given(
    name: str | None, summary: str | None, owner: str | None, url: tuple[str, ...], flow: str | None, base_path: str | None,
    tag: tuple[str, ...], plan: tuple[str, ...], gateway: tuple[str, ...],
) -> dict[str, Any]:  # fmt: skip
    """The fields of an API that were given."""
    if url and flow:
        raise click.UsageError(msg("Either --url or --flow: one of them answers.").text())
    texts = {"name": name, "summary": summary, "owner": owner}
    lists = {"tags": [*tag], "plans": [*plan], "gateways": [*gateway]}
    found: dict[str, Any] = {key: value for key, value in texts.items() if value is not None}
    found |= {key: value for key, value in lists.items() if value}
    if url:
        found["upstream"] = {"flow": "", "targets": [{"url": each} for each in url]}
    if flow:
        found["upstream"] = {"flow": flow, "targets": []}
    if base_path:
        found["route"] = {"base_path": base_path}
    return found


@api.command("new", help=N_("Make a draft in front of an address, or of a flow of this workspace."))
@click.argument("key", metavar="API")
@_fields
@workspace_option
@json_option
def new(key: str, workspace: str | None, as_json: bool, **fields: Any) -> int:
    id, version = split(key)
    version = version or "1"
    given = {"owner": session.user(), "upstream": {}, "route": {"base_path": f"/{id}"}} | _given(**fields)
    with session.executor(session.workspace(workspace)) as executor:
        if any((each.id, each.version) == (id, version) for each in executor.apis.search(id, limit=10_000).apis):
            from tisserand.engine.launch import refusal

            message = msg("“{api}” is there already.", api=f"{id}@{version}")
            raise refusal("api.there", message, msg("Choose another id or version."))
        found = executor.apis.save({"id": id, "version": version, **given}, session.user())
    return _done(found, as_json)


@api.command("set", help=N_("Change what is said of a version; what is not given stays as it is."))
@click.argument("key", metavar="API")
@_fields
@workspace_option
@json_option
def change(key: str, workspace: str | None, as_json: bool, **fields: Any) -> int:
    id, version = split(key)
    given = _given(**fields)
    with session.executor(session.workspace(workspace)) as executor:
        known = executor.apis.get(id, version).data
        for name in ("upstream", "route"):
            given[name] = {**known[name], **given.get(name, {})}
        found = executor.apis.save({**known, **given}, session.user())
    return _done(found, as_json)


@api.command("import", help=N_("Make a draft from an OpenAPI document (2.0, 3.0 or 3.1; “-” reads standard input)."))
@click.argument("file", metavar="FILE")
@option("--id", "id", metavar="ID", default="", help=N_("Its id; from the title by default."))
@option("--version", "version", metavar="VERSION", default="", help=N_("Its version; from the document by default."))
@workspace_option
@json_option
def import_document(file: str, id: str, version: str, workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        found = executor.apis.import_document(text_of(file), id, version, session.user())
    return _done(found, as_json)


@api.command("document", help=N_("Keep the OpenAPI document FILE for a version (“-” reads standard input)."))
@click.argument("key", metavar="API")
@click.argument("file", metavar="FILE")
@workspace_option
@json_option
def document(key: str, file: str, workspace: str | None, as_json: bool) -> int:
    id, version = split(key)
    with session.executor(session.workspace(workspace)) as executor:
        found = executor.apis.set_document(id, version or executor.apis.get(id).brief.version, text_of(file), session.user())
    return _done(found, as_json)


def _step(name: str, to: str, help: str) -> None:
    """A command for one step of the lifecycle."""

    @api.command(name, help=help)
    @click.argument("key", metavar="API")
    @option("--sunset", metavar="DATE", default="", help=N_("When it ends, for example 2027-06-30."))
    @workspace_option
    @json_option
    def step(key: str, sunset: str, workspace: str | None, as_json: bool) -> int:
        id, version = split(key)
        with session.executor(session.workspace(workspace)) as executor:
            found = executor.apis.move(id, version or executor.apis.get(id).brief.version, to, sunset, session.user())
        return _done(found, as_json)


_step("publish", "published", N_("Publish a draft, or take back that a version is deprecated."))
_step("deprecate", "deprecated", N_("Tell callers that a version ends at a date."))
_step("retire", "retired", N_("End a deprecated version: callers get 410."))
_step("draft", "draft", N_("Make a published version a draft again, while nobody is subscribed."))


@api.command("remove", help=N_("Remove a draft or a retired version with its document."))
@click.argument("key", metavar="API")
@workspace_option
@json_option
def remove(key: str, workspace: str | None, as_json: bool) -> int:
    id, version = split(key)
    with session.executor(session.workspace(workspace)) as executor:
        known = version or executor.apis.get(id).brief.version
        executor.apis.remove(id, known, session.user())
    if as_json:
        session.print_json({"removed": f"{id}@{known}"})
    else:
        click.echo(msg("“{api}” is removed.", api=f"{id}@{known}").text())
    return 0


@api.command("lint", help=N_("Say what is wrong with the files and documents of all APIs, or of one (ID or ID@VERSION)."))
@click.argument("key", metavar="[API]", default="")
@workspace_option
@json_option
def lint(key: str, workspace: str | None, as_json: bool) -> int:
    id, version = split(key)
    with session.executor(session.workspace(workspace)) as executor:
        found = [*executor.apis.problems()]
        if key:
            one = executor.apis.get(id, version)
            found = [*(each for each in found if each.place.file == one.brief.file), *one.problems]
        else:
            for offset in range(0, executor.apis.search(limit=1).total, LINTED):
                found += executor.apis.lint(LINTED, offset)
    # A file and its document are looked at by more than one.
    found = [*{(each.place.file, each.place.field, each.message.text()): each for each in reversed(found)}.values()][::-1]
    errors = sum(each.severity == "error" for each in found)
    if as_json:
        session.print_json({"ok": not errors, "problems": [session.problem_json(each) for each in found]})
    else:
        session.print_problems(found)
        click.echo(ngettext("{count} problem", "{count} problems", len(found)).format(count=number(len(found))))
    return 2 if errors else 0


@api.command("diff", help=N_("Say what changed between two versions of an API, what of it breaks callers, and whom it concerns."))
@click.argument("id", metavar="ID")
@click.argument("old", metavar="OLD")
@click.argument("new_version", metavar="NEW")
@option("--exit-code", is_flag=True, help=N_("Leave with 3 where something breaks callers."))
@workspace_option
@json_option
def diff(id: str, old: str, new_version: str, exit_code: bool, workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        found = executor.apis.changes(id, old, new_version)
    if as_json:
        session.print_json(found.to_json())
    else:
        print_impact(found)
    return 3 if exit_code and any(each.breaking for each in found.changes) else 0


@api.command("redundancy", help=N_("Name APIs that seem to offer the same, with what speaks for it."))
@workspace_option
@json_option
def redundancy(workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        found = executor.apis.redundancy()
    if as_json:
        session.print_json({"pairs": [each.to_json() for each in found]})
        return 0
    if not found:
        click.echo(msg("No two APIs seem to offer the same.").text())
    for each in found:
        click.echo(f"{each.left} · {each.right}  {round(each.score * 100)} %")
        for evidence in each.evidence:
            click.echo(f"  {evidence.message.text()}")
    return 0


@api.command(
    "docs",
    help=N_("Write the reference site into FOLDER of the workspace (“api-docs” by default): static pages, English and French."),
)
@click.argument("folder", metavar="[FOLDER]", default="api-docs")
@option(
    "--language", type=click.Choice(["en", "fr"]), default="en", show_default=True, help=N_("The language of its first page.")
)
@workspace_option
@json_option
def docs(folder: str, language: str, workspace: str | None, as_json: bool) -> int:
    with session.executor(session.workspace(workspace)) as executor:
        pages = executor.apis.docs(folder, language, session.user())
    if as_json:
        session.print_json({"pages": [*pages]})
    else:
        click.echo(msg("{count} pages written, the first is {page}.", count=len(pages), page=f"{folder}/index.html").text())
    return 0


def split(key: str) -> tuple[str, str]:
    """`id@version` or `id`."""
    id, _at, version = key.partition("@")
    return id, version


def text_of(file: str) -> str:
    """The text of a file, or of standard input."""
    try:
        if file == "-":
            return sys.stdin.read()
        return Path(file).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise NodeError("“{file}” is not UTF-8 text.", file=file) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise NodeError("“{file}” cannot be read: {reason}", file=file, reason=reason) from None


def _done(found: ApiDetail, as_json: bool) -> int:
    if as_json:
        session.print_json(found.to_json())
        return 0
    return print_detail(found)


def print_detail(found: ApiDetail) -> int:
    """One version for people, its problems on standard error."""
    brief = found.brief
    rows = [
        (N_("API"), brief.key), (N_("name"), brief.name), (N_("state"), translate(LIFE[brief.lifecycle])), (N_("owner"), brief.owner),
        (N_("path"), brief.path), (N_("answered by"), brief.upstream), (N_("file"), brief.file), (N_("tags"), ", ".join(brief.tags)),
        (N_("operations"), number(brief.operations)), (N_("consumers"), number(brief.consumers)),
    ]  # fmt: skip
    width = max(len(translate(title)) for title, _value in rows)
    for title, value in rows:
        if value:
            click.echo(f"{translate(title):<{width}}  {value}")
    session.print_problems(found.problems)
    return 0


def print_impact(found: Impact) -> None:
    breaking = sum(each.breaking for each in found.changes)
    if not found.changes:
        click.echo(msg("Nothing changed that callers could notice.").text())
        return
    for each in found.changes:
        sign = "!" if each.breaking else " "
        click.echo(f"{sign} {each.where}: {each.problem.message.text()}")
    told = ngettext("{count} change breaks callers.", "{count} changes break callers.", breaking).format(count=number(breaking))
    click.echo(told)
    if breaking:
        click.echo(msg("Consumers: {names}.", names=", ".join(found.consumers) or "–").text())
        click.echo(msg("Flows: {names}.", names=", ".join(found.flows) or "–").text())
