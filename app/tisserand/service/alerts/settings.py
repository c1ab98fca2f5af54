"""`alerts.yaml` of the workspace: which alerts go where, and when not; everything that is wrong with it at once, with its line."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ValidationError, field_validator
from pydantic_core import PydanticCustomError

from tisserand.model.lenient_yaml import Loader
from tisserand.model.problem import Place, Problem
from tisserand.sdk.config import Config
from tisserand.sdk.fields import Duration, Secret
from tisserand.sdk.problems import config_problems
from tisserand.service.alerts.rules import RULES
from tisserand.texts import Message, msg
from tisserand.workspace.folder import yaml_line

FILE = "alerts.yaml"
KEYS = ("channels", "disabled", "by_hand")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_REFERENCE = re.compile(r"secret:\s*[A-Za-z0-9_][A-Za-z0-9_.-]*")

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Quiet(Config):
    since: str = "00:00"
    """When they begin, as HH:MM of this machine's clock."""
    until: str = "00:00"
    """When they end; before or at the beginning means on the next day."""
    days: tuple[Weekday, ...] = ()
    """The days on which they begin; all where none is named."""
    errors: bool = False
    """Whether errors wait as well; otherwise only warnings do."""

    @field_validator("since", "until", mode="before")
    @classmethod
    def _minutes(cls, value: Any) -> Any:
        # YAML reads 22:00 without quotes as the number 1320.
        return f"{value // 60:02d}:{value % 60:02d}" if type(value) is int and 0 <= value < 1440 else value

    @field_validator("since", "until")
    @classmethod
    def _is_time(cls, value: str) -> str:
        if not _CLOCK.fullmatch(value):
            raise PydanticCustomError("clock", "A time like “22:00” is expected.")
        return value

    def over(self, now: float, severity: str, zone: tzinfo | None = None) -> float:
        """When a message may go out: now, or when the quiet hours are over."""
        if severity == "error" and not self.errors:
            return now
        local = datetime.fromtimestamp(now, zone)
        for back in (1, 0):
            day = (local - timedelta(days=back)).replace(second=0, microsecond=0)
            if self.days and _DAYS[day.weekday()] not in self.days:
                continue
            begin = day.replace(hour=int(self.since[:2]), minute=int(self.since[3:]))
            end = day.replace(hour=int(self.until[:2]), minute=int(self.until[3:]))
            if end <= begin:
                end += timedelta(days=1)
            if begin <= local < end:
                return end.timestamp()
        return now


class Channel(Config):
    rules: tuple[str, ...] = ()
    """The rules whose alerts go here; all where none is named."""
    flows: tuple[str, ...] = ()
    """The flows whose alerts go here, by id; `*` stands for anything. All where none is named."""
    severity: Literal["warning", "error"] = "warning"
    """What is less grave does not go here."""
    resolved: bool = True
    """Whether it is also told that an alert is over."""
    quiet: Quiet | None = None
    """Hours in which nothing is told here; it is told afterwards, if it is not over by then."""
    attempts: int = 12
    """How often a message is tried before it is given up."""

    @field_validator("rules")
    @classmethod
    def _are_rules(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in RULES:
                raise PydanticCustomError(
                    "rule", "“{name}” is not a rule. Rules: {known}.", {"name": name, "known": ", ".join(RULES)}
                )
        return value

    def takes(self, rule: str, flow: str, severity: str) -> bool:
        """Whether an alert goes here. One that speaks for several flows goes wherever its rule does."""
        if self.rules and rule not in self.rules:
            return False
        if self.severity == "error" and severity != "error":
            return False
        return not self.flows or not flow or any(fnmatch.fnmatchcase(flow, pattern) for pattern in self.flows)


class DesktopChannel(Channel):
    """A notification on the desktop of whoever runs the executor."""

    type: Literal["desktop"]


class MailChannel(Channel):
    """A mail, through a connection of the type `smtp`."""

    type: Literal["mail"]
    connection: str
    """The mail server."""
    to: str
    """Who gets the mail; several addresses with commas between them."""
    sender: str = ""
    """The address it comes from; that of the connection where empty."""


class WebhookChannel(Channel):
    """A POST request with the alert as JSON."""

    type: Literal["webhook"]
    url: str
    """Where it goes, or `secret:NAME` where the URL itself is a secret."""
    secret: Secret | None = None
    """The secret that signs each request: HMAC-SHA256 over time and body."""
    timeout: Duration = Duration("10s")
    """How long an answer may take."""

    @field_validator("url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")) and not _REFERENCE.fullmatch(value.strip()):
            raise PydanticCustomError("url", "A URL that begins with http:// or https:// is expected.")
        if re.match(r"https?://[^/]*@", value):
            raise PydanticCustomError("url", "A URL must not hold a name or password.")
        return value

    @field_validator("secret", mode="before")
    @classmethod
    def _is_reference(cls, value: Any) -> Any:
        if value is not None and not (isinstance(value, str) and _REFERENCE.fullmatch(value.strip())):
            # The sentence must not repeat what may be the secret itself.
            raise PydanticCustomError("secret", "A secret is written out here. Only a reference may stand in the file.")
        return value


AnyChannel = DesktopChannel | MailChannel | WebhookChannel
_TYPES: dict[str, type[AnyChannel]] = {"desktop": DesktopChannel, "mail": MailChannel, "webhook": WebhookChannel}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file says, as far as it can be read."""

    channels: Mapping[str, AnyChannel] = field(default_factory=dict)
    off: frozenset[str] = frozenset()
    """Rules that are off, or off for one flow: `rule:flow`."""
    by_hand: bool = True
    """Whether runs that a person started are looked at as well."""

    def is_off(self, rule: str, flow: str) -> bool:
        return any(entry == rule or fnmatch.fnmatchcase(f"{rule}:{flow}", entry) for entry in self.off)


@dataclass(frozen=True, slots=True)
class Read:
    settings: Settings
    problems: tuple[Problem, ...] = ()


_known: dict[Path, tuple[tuple[int, int], Read]] = {}


def read(root: Path) -> Read:
    """The settings of a workspace; a file that did not change is not read again."""
    path = root / FILE
    try:
        state = path.stat()
        stamp = (state.st_mtime_ns, state.st_size)
        known = _known.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        found = parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Read(Settings())
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        message = msg("The file cannot be read: {reason}", reason=reason)
        return Read(Settings(), (Problem("alerts.unreadable", message, None, Place(file=FILE)),))
    _known[path] = (stamp, found)
    return found


def parse(text: str) -> Read:
    """The settings in a text, and all its problems."""
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        data = yaml.load(text, Loader=Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        reason = str(getattr(error, "problem", None) or error)
        return Read(
            Settings(), (_problem("alerts.yaml", msg("The file is not valid YAML: {reason}", reason=reason), yaml_line(error)),)
        )
    if data is None:
        return Read(Settings())
    if not isinstance(data, dict):
        return Read(
            Settings(),
            (_problem("alerts.yaml", msg("The file must hold names with values. Known: {known}.", known=list(KEYS)), 1),),
        )
    lines = _lines(root)
    problems: list[Problem] = []
    for key in data:
        if key not in KEYS:
            message = msg("“{key}” is not known here. Known: {known}.", key=str(key), known=list(KEYS))
            problems.append(_problem("alerts.unknown", message, lines.get(str(key))))
    channels = _channels(data.get("channels"), lines, problems)
    off = _off(data.get("disabled"), lines, problems)
    by_hand = data.get("by_hand", True)
    if not isinstance(by_hand, bool):
        problems.append(
            _problem("alerts.switch", msg("“{value}” is neither true nor false.", value=str(by_hand)), lines.get("by_hand"))
        )
    return Read(Settings(channels, off, by_hand is not False), tuple(problems))


def _channels(given: Any, lines: Mapping[str, int], problems: list[Problem]) -> dict[str, AnyChannel]:
    channels: dict[str, AnyChannel] = {}
    if given is None:
        return channels
    if not isinstance(given, dict):
        problems.append(
            _problem("alerts.channels", msg("“channels” must hold names of channels, each with its fields."), lines["channels"])
        )
        return channels
    for name, fields in given.items():
        at = f"channels.{name}"
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            message = msg("“{name}” is not a name of a channel: letters, digits, “_” and “-” only.", name=str(name))
            problems.append(_problem("alerts.name", message, lines.get(at)))
            continue
        kind = fields.get("type") if isinstance(fields, dict) else None
        model = _TYPES.get(kind) if isinstance(kind, str) else None
        if model is None:
            near = difflib.get_close_matches(str(kind), _TYPES, 1)
            message = msg("The channel “{name}” needs a “type”. Types: {types}.", name=name, types=list(_TYPES))
            fix = msg("Did you mean “{near}”?", near=near[0]) if near else None
            problems.append(_problem("alerts.type", message, lines.get(f"{at}.type", lines.get(at)), fix))
            continue
        try:
            channels[name] = model.model_validate(fields)
        except ValidationError as error:
            for found in config_problems(error, model):
                field_ = (found.place.field or "").removeprefix("config").removeprefix(".")
                full = f"{at}.{field_}" if field_ else at
                line = _nearest(full, lines)
                problems.append(Problem(found.code, found.message, found.fix, Place(FILE, line, field=full)))
    return channels


def _off(given: Any, lines: Mapping[str, int], problems: list[Problem]) -> frozenset[str]:
    if given is None:
        return frozenset()
    if not isinstance(given, list):
        problems.append(_problem("alerts.off", msg("“disabled” must be a list of rules."), lines.get("disabled")))
        return frozenset()
    for index, entry in enumerate(given):
        if not isinstance(entry, str) or entry.partition(":")[0] not in RULES:
            message = msg("“{name}” is not a rule. Rules: {known}.", name=str(entry), known=list(RULES))
            problems.append(_problem("alerts.rule", message, lines.get(f"disabled.{index}")))
    return frozenset(entry for entry in given if isinstance(entry, str))


def _lines(root: yaml.Node | None) -> dict[str, int]:
    """Dotted key → line."""
    found: dict[str, int] = {}

    def walk(node: yaml.Node, path: str) -> None:
        pairs: list[tuple[str, yaml.Node, yaml.Node]] = []
        if isinstance(node, yaml.MappingNode):
            pairs = [(str(key.value), key, value) for key, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            pairs = [(str(index), value, value) for index, value in enumerate(node.value)]
        for name, key, value in pairs:
            place = f"{path}.{name}" if path else name
            found[place] = key.start_mark.line + 1
            walk(value, place)

    if root is not None:
        walk(root, "")
    return found


def _nearest(full: str, lines: Mapping[str, int]) -> int | None:
    """The line of a key, or of what it belongs to where it is missing."""
    while full and full not in lines:
        full = full.rpartition(".")[0]
    return lines.get(full)


def _problem(code: str, message: Message, line: int | None, fix: Message | None = None) -> Problem:
    return Problem(code, message, fix, Place(FILE, line))
