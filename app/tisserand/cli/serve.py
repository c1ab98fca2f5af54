"""`tisserand serve` and `tisserand designer`: the executor process and the window."""

from __future__ import annotations

import importlib
import json

import click

from tisserand.cli import session
from tisserand.cli.words import Command, json_option, option, workspace_option
from tisserand.texts import N_, msg


@click.command(
    cls=Command, help=N_("Serve the workspace on this machine until Ctrl+C; other programs need the token of the workspace.")
)
@option("--port", type=click.IntRange(0, 65535), default=0, help=N_("The port; a free one otherwise."))
@option("--log", type=click.Choice(["text", "json"]), help=N_("Say on standard error what happens: in words, or in JSON."))
@workspace_option
@json_option
def serve(port: int, log: str | None, workspace: str | None, as_json: bool) -> int:
    from tisserand.service import serve as serving

    place = session.workspace(workspace)

    def ready(url: str) -> None:
        text = msg("Serving {workspace} at {url}", workspace=str(place.root), url=url).text()
        click.echo(json.dumps({"url": url, "workspace": str(place.root)}) if as_json else text)

    serving.serve(place.root, port, ready, log=log)
    return 0


@click.command(cls=Command, help=N_("Open the window, on FLOW where it is given."))
@click.argument("flow", required=False, metavar="[FLOW]")
@workspace_option
def designer(flow: str | None, workspace: str | None) -> int:
    # By name: the command line must work where the libraries of the window are missing.
    window = importlib.import_module("tisserand.ui.app")
    place = session.workspace(workspace, flow)
    return int(window.main([str(place.find_flow(flow) if flow else place.root)]))
