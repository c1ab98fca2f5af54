"""The script that knows who is subscribed to what: it turns a proven caller into a consumer with a plan.

It is looked up once for each request, after the caller is proven and before the rule that lets only subscribed ones on: if the script
failed, no plan would be set, and that rule refuses. Every name is checked here against `tisserand.apis.model.ID` or quoted as hex, so
that nothing in it can end the text that it stands in: otherwise a name in a file could be a program.

It also keeps from services what they might take for something else than the gateway did: `/..;` in a path, which Envoy sees as a name and
servers of Java as a way up; and TRACE, which would send back what the gateway adds for the service alone (RFC 9110, 9.3.8).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tisserand.apis.gateways.envoy.settings import CONSUMER, METADATA, PLAN, SUBJECT
from tisserand.apis.model import ID, VERSION
from tisserand.apis.neutral import Declared
from tisserand.sdk.errors import NodeError

_ID, _VERSION = re.compile(ID), re.compile(VERSION)

_SCRIPT = """
local subjects, plans, blocked = {}, {}, {}
local function unhex(text) return (text:gsub("%x%x", function(two) return string.char(tonumber(two, 16)) end)) end
for subject, consumer in ([[@SUBJECTS@]]):gmatch("(%x+) (%S+)") do subjects[unhex(subject)] = consumer end
for api, consumer, plan in ([[@PLANS@]]):gmatch("(%S+) (%S+) (%S+)") do
  if not plans[api] then plans[api] = {} end
  plans[api][consumer] = plan
end
for api, consumer, over in ([[@BLOCKED@]]):gmatch("(%S+) (%S+) (%d+)") do
  if not blocked[api] then blocked[api] = {} end
  blocked[api][consumer] = tonumber(over)
end

function envoy_on_request(handle)
  local route = handle:metadata()
  local api, key = route:get("api"), route:get("key")
  if not api then return end
  local headers = handle:headers()
  if headers:get(":method") == "TRACE" then
    handle:respond({[":status"] = "405"}, "")
    return
  end
  if headers:get(":path"):match("^[^?]*"):find("/%.%.?;") then
    handle:respond({[":status"] = "400"}, "")
    return
  end
  headers:remove("@PLAN@")
  local subject = headers:get("@SUBJECT@")
  if subject then
    headers:remove("@SUBJECT@")
    headers:replace("@CONSUMER@", subjects[subject] or "")
  end
  local consumer = headers:get("@CONSUMER@")
  if not consumer then return end
  local over = blocked[api] and blocked[api][consumer]
  local plan = (plans[key] and plans[key][consumer]) or (plans[api] and plans[api][consumer])
  if not plan then return end
  headers:replace("@PLAN@", plan)
  if over then
    local left = over - math.floor(handle:timestamp() / 1000)
    if left > 0 then
      handle:respond({[":status"] = "429", ["retry-after"] = tostring(left), ["x-tisserand-limit"] = "quota"}, "")
    end
  end
end
"""


def script(declared: Declared, blocked: Iterable[tuple[str, str, int]]) -> str:
    """Lua for the filter `envoy.filters.http.lua`. `blocked`: consumer, API id, and the second (since 1970) until which its quota is
    used up."""
    subjects = [f"{(consumer.subject or id).encode().hex()} {_name(id)}" for id, consumer in declared.consumers.items()]
    plans = [
        f"{_name(each.api)}{_version(each.version)} {_name(each.consumer)} {_name(each.plan)}"
        for each in declared.subscriptions.values()
    ]
    stops = [f"{_name(api)} {_name(consumer)} {int(over)}" for consumer, api, over in blocked]
    text = _SCRIPT
    for name, value in (
        ("@SUBJECTS@", "\n".join(sorted(subjects))), ("@PLANS@", "\n".join(sorted(plans))), ("@BLOCKED@", "\n".join(sorted(stops))),
        ("@PLAN@", PLAN), ("@CONSUMER@", CONSUMER), ("@SUBJECT@", SUBJECT), ("@METADATA@", METADATA),
    ):  # fmt: skip
        text = text.replace(name, value)
    return text


def _name(text: str) -> str:
    if not _ID.fullmatch(text):
        raise NodeError("“{name}” cannot be the name of an API, a plan or a consumer.", name=text)
    return text


def _version(text: str) -> str:
    if text and not _VERSION.fullmatch(text):
        raise NodeError("“{name}” cannot be the name of a version.", name=text)
    return f"@{text}" if text else ""
