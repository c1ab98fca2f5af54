"""`tisserand api publish-flow` and `tisserand api call`: a flow becomes an API, and is tried."""

from __future__ import annotations

import click

from tisserand.cli import session
from tisserand.cli.api import print_detail, split, text_of
from tisserand.cli.words import Command, json_option, option, workspace_option
from tisserand.sdk.errors import NodeError
from tisserand.service.apis.calls import PublishRequest
from tisserand.texts import N_, msg

METHODS = ("GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH")


@click.command(cls=Command, help=N_("Publish a flow with a Request and a Reply as an API (ID or ID@VERSION)."))
@click.argument("flow", metavar="FLOW")
@click.argument("key", metavar="API")
@option("--name", metavar="NAME", default="", help=N_("What people call it."))
@option("--base-path", metavar="PATH", default="", help=N_("What addresses begin with; “/” and the id by default."))
@option(
    "--mode",
    type=click.Choice(["sync", "async"]),
    help=N_("Wait for the answer, or start a job; what suits the flow by default."),
)
@workspace_option
@json_option
def publish_flow(
    flow: str, key: str, name: str, base_path: str, mode: str | None, workspace: str | None, as_json: bool
) -> int:  # fmt: skip
    id, version = split(key)
    request = PublishRequest(flow, id, version or "1", name, base_path, mode or "", session.user())  # type: ignore[arg-type]
    with session.executor(session.workspace(workspace)) as executor:
        found = executor.apis.publish_flow(request)
    if as_json:
        session.print_json(found.to_json())
        return 0
    return print_detail(found)


@click.command(cls=Command, help=N_("Send a test call to an API (ID or ID@VERSION): to its flow, or through a gateway."))
@click.argument("key", metavar="API")
@click.argument("path", metavar="PATH")
@option("--method", type=click.Choice(METHODS), default="GET", show_default=True, help=N_("The method."))
@option("--header", metavar="NAME:VALUE", multiple=True, help=N_("A header; may be given several times."))
@option("--body", metavar="FILE", default="", help=N_("A file with the body; “-” reads standard input."))
@option("--gateway", metavar="NAME", default="", help=N_("Through this gateway, as callers do: with a key in a header."))
@workspace_option
@json_option
def call(
    key: str, path: str, method: str, header: tuple[str, ...], body: str, gateway: str, workspace: str | None, as_json: bool
) -> int:  # fmt: skip
    id, version = split(key)
    headers = {}
    for each in header:
        name, colon, value = each.partition(":")
        if not colon:
            raise NodeError("“{header}” is no header: write NAME:VALUE.", header=each)
        headers[name.strip()] = value.strip()
    text = text_of(body) if body else ""
    if text and not any(name.lower() == "content-type" for name in headers):
        headers["content-type"] = "application/json"
    with session.executor(session.workspace(workspace)) as executor:
        found = executor.apis.call(id, version or executor.apis.get(id).brief.version, method, path, headers, text, gateway)
    if as_json:
        session.print_json(found.to_json())
    else:
        click.echo(msg("{status} in {ms} ms", status=found.status, ms=found.ms).text(), err=True)
        click.echo(found.body)
    return 0 if found.status < 400 else 1
