"""A draft of an API from its document: what it says of name, version, paths, servers and security."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from tisserand.apis.model import Api, ApiKey, Basic, Jwt, MutualTls, Security

Json = Mapping[str, Any]


def draft(document: Json, id: str = "", version: str = "") -> Api:
    """The draft; its document is named after it. What the document does not say is left to people: publishing asks for it."""
    info = document.get("info")
    told: Json = info if isinstance(info, Mapping) else {}
    name = str(told.get("title") or "")
    known = id or _slug(name) or "api"
    number = version or _version(str(told.get("version") or "1"))
    contact = told.get("contact")
    tags = document.get("tags")
    return Api.model_validate(
        {
            "id": known,
            "version": number,
            "name": name[:200],
            "summary": str(told.get("summary") or told.get("description") or "").strip().partition("\n")[0][:300],
            "owner": str(contact.get("name") or contact.get("email") or "") if isinstance(contact, Mapping) else "",
            "tags": [str(each["name"]) for each in tags if isinstance(each, Mapping) and each.get("name")]
            if isinstance(tags, list)
            else [],
            "openapi": f"{known}-{number}.openapi.yaml",
            "route": {"base_path": f"/{known}"},
            "upstream": {"targets": [{"url": url} for url in _servers(document)[:1]]},
            "security": [each.model_dump() for each in _security(document)],
        }
    )


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-")


def _version(text: str) -> str:
    found = re.match(r"v?(\d+)", text)
    return found[1] if found is not None else re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:30] or "1"


def _servers(document: Json) -> list[str]:
    servers = document.get("servers")
    found = []
    for each in servers if isinstance(servers, list) else ():
        url = str(each.get("url") or "") if isinstance(each, Mapping) else ""
        variables = each.get("variables") if isinstance(each, Mapping) else None
        for name, told in variables.items() if isinstance(variables, Mapping) else ():
            if isinstance(told, Mapping):
                url = url.replace(f"{{{name}}}", str(told.get("default", "")))
        if _called(url) and "{" not in url:
            found.append(url.rstrip("/"))
    return found


def _called(url: str) -> bool:
    try:
        return urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)
    except ValueError:
        return False  # a bracket that is not closed, for example


def _security(document: Json) -> list[Security]:
    """The gateway's ways that are nearest to the document's; without any, a key: nothing is open unless somebody says so."""
    components = document.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, Mapping) else None
    found: list[Security] = []
    for each in schemes.values() if isinstance(schemes, Mapping) else ():
        if not isinstance(each, Mapping):
            continue
        kind, scheme = each.get("type"), str(each.get("scheme") or "").lower()
        if kind == "apiKey" and each.get("in") in ("header", "query") and re.fullmatch(r"[A-Za-z0-9_.-]+", str(each.get("name"))):
            found.append(ApiKey(place=each["in"], name=str(each["name"])))
        elif (kind == "http" and scheme == "bearer") or kind in ("oauth2", "openIdConnect"):
            issuer = str(each.get("openIdConnectUrl") or "").removesuffix("/.well-known/openid-configuration")
            if issuer:
                found.append(Jwt(issuer=issuer, jwks=f"{issuer}/.well-known/jwks.json"))
        elif kind == "http" and scheme == "basic":
            found.append(Basic())
        elif kind == "mutualTLS":
            found.append(MutualTls())
    return found or [ApiKey()]
