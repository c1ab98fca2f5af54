"""The pages of the reference site as HTML: the list of all APIs, and the frame around each reference."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from tisserand.apis.model import Api, ApiKey, Basic, Jwt, Lifecycle, MutualTls, Period, Plan, Security
from tisserand.apis.openapi.operations import operations
from tisserand.apis.site.words import LABELS, WORDS
from tisserand.texts import N_, Message, msg

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'none'; base-uri 'none'; form-action 'none'"
)
"""Content Security Policy: only our own scripts run, and nothing is asked of anybody. (The renderer writes styles into the page.)"""

_STAGES: Mapping[Lifecycle, Message] = {
    "draft": msg("Draft"), "published": msg("Published"), "deprecated": msg("Deprecated"), "retired": msg("Retired"),
}  # fmt: skip
_QUOTAS: Mapping[Period, str] = {
    "hour": N_("{count} calls an hour"), "day": N_("{count} calls a day"), "week": N_("{count} calls a week"),
    "month": N_("{count} calls a month"),
}  # fmt: skip
_LANGUAGES = {"en": "English", "fr": "Français"}


@dataclass(frozen=True, slots=True)
class Frame:
    """What all pages of one language share."""

    language: str
    root: str
    """What leads from a page to the folder of the site: empty, or `../`."""
    other: str = ""
    """What leads from a page to the pages of the other language: `fr/`, or `../`; empty where there are none."""
    title: str = ""
    plans: Mapping[str, Plan] | None = None

    def say(self, message: Message) -> str:
        return escape(message.text(self.language))


def page_of(api: Api) -> str:
    """The name of its page."""
    return f"{api.key}.html"


def listing(frame: Frame, apis: Sequence[tuple[Api, Mapping[str, Any] | None]]) -> str:
    """The list of all, with a search."""
    title = escape(frame.title) or frame.say(msg("APIs"))
    cards = "\n".join(_card(frame, api, document) for api, document in apis)
    # The places are filled in the browser.
    count = escape(msg("{shown} of {all}").text(frame.language))
    body = f"""<header><div class="bar"><span class="room"></span>{_switches(frame, "index.html")}</div><h1>{title}</h1>
<input id="search" type="search" autocomplete="off" spellcheck="false" placeholder="{frame.say(msg("Search names, tags, paths …"))}"
 aria-label="{frame.say(msg("Search"))}"> <span id="count" class="muted" role="status" data-text="{count}"></span></header>
<main><p id="none" class="muted" hidden>{frame.say(msg("Nothing found."))}</p><ul class="apis">
{cards}
</ul></main>
<script src="{frame.root}assets/list.js"></script>"""
    return _page(frame, title, body)


def reference(frame: Frame, api: Api, document: Mapping[str, Any] | None) -> str:
    """One version: what the catalogue knows of it, above its reference."""
    title = escape(f"{api.name or api.id} {api.version}")
    back = escape(frame.title) or frame.say(msg("All APIs"))
    drawn = ""
    if document is not None:
        told = {
            "labels": {key: message.text(frame.language) for key, message in LABELS.items()},
            "words": _words(frame.language),
            "failed": msg("The reference cannot be shown.").text(frame.language),
        }
        data = json.dumps(told, ensure_ascii=False).replace("<", "\\u003c")
        drawn = f"""<p id="waiting" class="muted" role="status">{frame.say(msg("The reference is being drawn …"))}</p>
<div id="reference"></div><script id="told" type="application/json">{data}</script>
<script src="{frame.root}documents/{escape(api.key)}.js"></script><script src="{frame.root}assets/redoc.standalone.js"></script>
<script src="{frame.root}assets/reference.js"></script>"""
    else:
        drawn = f'<main><p class="muted">{frame.say(msg("Nothing more is known of it: it has no OpenAPI document."))}</p></main>'
    body = f"""<header><div class="bar"><a href="index.html">← {back}</a><span class="room"></span>{_switches(frame, page_of(api))}</div>
<h1>{title} {_badge(frame, api)}</h1>{_gone(frame, api)}<p>{escape(api.summary)}</p>{_facts(frame, api)}{_plans(frame, api)}</header>
{drawn}"""
    return _page(frame, title, body)


def _page(frame: Frame, title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="{frame.language}"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer"><title>{title}</title>
<link rel="stylesheet" href="{frame.root}assets/colours.css"><link rel="stylesheet" href="{frame.root}assets/site.css">
<script src="{frame.root}assets/theme.js"></script></head><body>
{body}
</body></html>
"""


def _switches(frame: Frame, page: str) -> str:
    other = ""
    if frame.other:
        language = "en" if frame.language == "fr" else "fr"
        other = f'<a href="{frame.other}{escape(page)}" lang="{language}" hreflang="{language}">{_LANGUAGES[language]}</a> '
    return f'{other}<button id="theme" type="button" hidden>{frame.say(msg("Light or dark"))}</button>'


def _card(frame: Frame, api: Api, document: Mapping[str, Any] | None) -> str:
    tags = "".join(f'<button type="button" class="tag">{escape(tag)}</button> ' for tag in api.tags)
    names = [f"{each.name} {each.data.get('summary') or ''}".strip() for each in operations(document or {})]
    if not names:
        names = [f"{each.method} {each.path}" for each in api.route.operations]
    lines = "".join(f"<li hidden>{escape(name)}</li>" for name in names)
    owner = f" · {escape(api.owner)}" if api.owner else ""
    return f"""<li class="api" id="{escape(api.key)}"><h2><a href="{escape(page_of(api))}">{escape(api.name or api.id)} {escape(api.version)}</a></h2>
{_badge(frame, api)}<p>{escape(api.summary)}</p><p class="muted"><code>{escape(api.path)}</code>{owner} {tags}</p>
<ul class="operations">{lines}</ul></li>"""


def _badge(frame: Frame, api: Api) -> str:
    return f'<span class="badge {api.lifecycle}">{frame.say(_STAGES[api.lifecycle])}</span>'


def _gone(frame: Frame, api: Api) -> str:
    if api.lifecycle == "retired":
        return f'<p class="warning">{frame.say(msg("This version is gone: it answers with 410."))}</p>'
    if api.lifecycle == "deprecated" and api.sunset is not None:
        message = msg("This version goes on {day}. Change to a newer one.", day=api.sunset.isoformat())
        return f'<p class="warning">{frame.say(message)}</p>'
    if api.lifecycle == "deprecated":
        return f'<p class="warning">{frame.say(msg("This version is no longer developed. Change to a newer one."))}</p>'
    return ""


def _facts(frame: Frame, api: Api) -> str:
    address = f"{' '.join(api.route.hosts)} {api.path}".strip()
    if api.route.versioning in ("header", "query"):
        said = (
            msg("with the header {name}: {version}", name=api.route.name, version=api.version)
            if api.route.versioning == "header"
            else msg("with {name}={version} in the query", name=api.route.name, version=api.version)
        )
        address = f"{address} {said.text(frame.language)}"
    rows = [(msg("Address"), address), (msg("Owner"), api.owner), (msg("Tags"), ", ".join(api.tags))]
    rows.append((msg("Credentials"), "; ".join(_way(way).text(frame.language) for way in api.security)))
    return _definitions((frame.say(name), escape(value)) for name, value in rows if value)


def _definitions(rows: Iterable[tuple[str, str]]) -> str:
    return f'<dl class="facts">{"".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)}</dl>'


def _way(way: Security) -> Message:
    if isinstance(way, ApiKey):
        if way.place == "header":
            return msg("a key in the header {name}", name=way.name)
        return msg("a key in the query ({name})", name=way.name)
    if isinstance(way, Jwt):
        return msg("a token of {issuer}", issuer=way.issuer)
    if isinstance(way, Basic):
        return msg("name and password")
    return msg("a certificate") if isinstance(way, MutualTls) else msg("none: everybody may call")


def _plans(frame: Frame, api: Api) -> str:
    known = {id: (frame.plans or {}).get(id) for id in api.plans}
    rows = "".join(
        f"<tr><td>{escape(plan.name or id)}</td><td>{escape(plan.summary)}</td><td>{_limits(frame, plan)}</td>"
        f"<td>{escape(plan.price)}</td><td>{_approval(frame, plan)}</td></tr>"
        for id, plan in known.items()
        if plan is not None
    )
    if not rows:
        return ""
    heads = (msg("Plan"), msg("Summary"), msg("Limits"), msg("Price"), msg("Subscription"))
    return f"<table><tr>{''.join(f'<th>{frame.say(head)}</th>' for head in heads)}</tr>{rows}</table>"


def _approval(frame: Frame, plan: Plan) -> str:
    return frame.say(msg("At once") if plan.approval == "automatic" else msg("After somebody approved"))


def _limits(frame: Frame, plan: Plan) -> str:
    limits = [msg("{count} calls per {time}", count=rate.count, time=str(rate.per)) for rate in plan.rate]
    if plan.quota is not None:
        limits.append(Message(_QUOTAS[plan.quota.period], {"count": plan.quota.count}))
    return "<br>".join(frame.say(limit) for limit in limits)


def _words(language: str) -> dict[str, str]:
    """Only what is said otherwise: nothing in English."""
    if language == "en":
        return {}
    return {word: message.text(language) for word, message in WORDS.items()}
