"""Writes a flow as YAML text in its one fixed form: the same flow always gives the same bytes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from tisserand.model.flow import FORMAT_VERSION, Flow, Frame, Limits, Node, Note, Parameter, Retry
from tisserand.model.yamltext import plain_tag

WIDTH = 100
_INLINE_DEPTH = 2
"""Containers within containers that may share a line; deeper ones are written as blocks."""

# Texts of these characters need no quotes anywhere, neither in blocks nor between brackets.
_PLAIN = re.compile(r"[^\W_]|[\w/$(.][\w ./$@+*=<>()%;'\"&|!~^-]*(?::(?=[\w/])[\w ./$@+*=<>()%;'\"&|!~^-]*)*")
# Of these too, where no brackets are around.
_PLAIN_IN_BLOCK = re.compile(r"[\w/$(.][\w ./$@+*=<>()%;'\"&|!~^,?\[\]-]*(?::(?=[\w/])[\w ./$@+*=<>()%;'\"&|!~^,?\[\]-]*)*")
_NUMBERLIKE = re.compile(r"[-+.]?[0-9][0-9_.,:eExXoO+\-]*|0x[0-9a-fA-F_]*|[0-9].*\s.*|\d{4}-\d.*")
# Other YAML readers take these for booleans; between quotes everybody takes them for texts.
_BOOLEAN_ELSEWHERE = {"y", "n", "yes", "no", "on", "off"}
_UNSAFE_IN_BLOCK = re.compile(r"[^\n\t\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]")
_ESCAPED = re.compile(r"[\"\\]|[^\x20-\x7e\xa0-\u2027\u202a-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[\ud800-\udfff]")
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def write_flow(flow: Flow) -> str:
    """The text of the flow's file."""
    lines: list[str] = [f"tisserand: {FORMAT_VERSION}"]
    head: dict[str, Any] = {"id": flow.id}
    for name, value in (("title", flow.title), ("summary", flow.summary), ("owner", flow.owner), ("tags", list(flow.tags))):
        if value:
            head[name] = value
    if flow.keys:
        head["keys"] = flow.keys
    limits = limits_data(flow.limits)
    if limits:
        head["limits"] = limits
    for name, value in head.items():
        _entry(lines, name, value, 0)
    _section(lines, "parameters", {name: parameter_data(p) for name, p in flow.parameters.items()})
    if not flow.nodes:
        lines.append("nodes: {}")
    else:
        lines.append("nodes:")
        for id, node in flow.nodes.items():
            lines.append(f"  {key_text(id)}:")
            for name, value in node_data(node).items():
                _entry(lines, name, value, 4)
    _section(lines, "frames", {id: frame_data(frame) for id, frame in flow.frames.items()})
    _section(lines, "notes", {id: note_data(note) for id, note in flow.notes.items()})
    if flow.layout:
        lines.append("layout:")
        lines.extend(f"  {key_text(id)}: [{place(x)}, {place(y)}]" for id, (x, y) in flow.layout.items())
    return "\n".join(lines) + "\n"


def write_mapping(data: Mapping[str, Any]) -> str:
    """Any plain mapping in the same style, each entry of the first level on lines of its own."""
    lines: list[str] = []
    for name, value in data.items():
        _entry(lines, name, value, 0)
    return "\n".join(lines) + "\n" if lines else "{}\n"


def write_nested(data: Mapping[str, Mapping[str, Any]]) -> str:
    """A mapping of sections, the entries of each on lines of their own."""
    lines: list[str] = []
    for name, section in data.items():
        if isinstance(section, Mapping):
            _section(lines, name, section)
        else:
            _entry(lines, name, section, 0)
    return "\n".join(lines) + "\n" if lines else "{}\n"


def node_data(node: Node) -> dict[str, Any]:
    """The block of one node as plain data, in the order of the file; what is as by default is left out."""
    data: dict[str, Any] = {"kind": node.kind}
    if node.version != 1:
        data["version"] = node.version
    if node.title is not None:
        data["title"] = node.title
    if node.inputs:
        data["inputs"] = {
            port: [str(ref) for ref in refs] if port in node.many or len(refs) != 1 else str(refs[0])
            for port, refs in node.inputs.items()
        }
    if node.after:
        data["after"] = dict(node.after)
    if node.config:
        data["config"] = node.config
    if node.retry is not None:
        data["retry"] = retry_data(node.retry)
    for name in ("on_error", "timeout", "pinned"):
        value = getattr(node, name)
        if value is not None:
            data[name] = value
    if node.disabled:
        data["disabled"] = True
    if node.breakpoint:
        data["breakpoint"] = True
    return data


def frame_data(frame: Frame) -> dict[str, Any]:
    return _filled(title=frame.title, holds=list(frame.holds))


def note_data(note: Note) -> dict[str, Any]:
    return _filled(text=note.text, near=note.near)


def retry_data(retry: Retry) -> dict[str, Any]:
    return {"attempts": retry.attempts, "wait": retry.wait, "factor": _number(retry.factor)}


def limits_data(limits: Limits) -> dict[str, Any]:
    return _filled(memory=limits.memory, timeout=limits.timeout, overlap=limits.overlap, priority=limits.priority)


def parameter_data(parameter: Parameter) -> dict[str, Any]:
    data: dict[str, Any] = {"type": parameter.type}
    if parameter.default is not None:
        data["default"] = parameter.default
    if parameter.required:
        data["required"] = True
    data |= _filled(title=parameter.title, help=parameter.help, unit=parameter.unit)
    if parameter.choices:
        data["choices"] = list(parameter.choices)
    for name, value in (("minimum", parameter.minimum), ("maximum", parameter.maximum)):
        if value is not None:
            data[name] = _number(value)
    return data


def _filled(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None and value != "" and value != []}


def _number(value: float) -> float:
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def place(value: float) -> str:
    """A coordinate: whole scene units without a fraction, others to a hundredth."""
    return scalar(_number(round(value, 2)))


def _section(lines: list[str], name: str, entries: Mapping[str, Any]) -> None:
    """A mapping whose entries always stand on lines of their own, so that a change touches one line."""
    if not entries:
        return
    lines.append(f"{key_text(name)}:")
    for key, value in entries.items():
        _entry(lines, key, value, 2)


def _entry(lines: list[str], key: str, value: Any, indent: int) -> None:
    pad = " " * indent
    name = key_text(key)
    # The parser reads no simple key of more than 1024 characters.
    head = f"{pad}{name}:" if len(name) < 900 else f"{pad}? {name}\n{pad}:"
    _value(lines, head, value, indent)


def _value(lines: list[str], head: str, value: Any, indent: int) -> None:
    """Append `head` with its value: on one line where that fits, else as a block below."""
    if isinstance(value, str) and "\n" in value:
        style = _literal_style(value)
        if style is not None:
            pad = " " * (indent + 2)
            lines.append(f"{head} {style}")
            lines.extend(pad + line if line else "" for line in value.removesuffix("\n").split("\n"))
            return
    if not isinstance(value, Mapping | list | tuple):
        lines.append(f"{head} {text_scalar(value, _PLAIN_IN_BLOCK) if isinstance(value, str) else scalar(value)}")
        return
    text = inline(value, _INLINE_DEPTH, WIDTH - len(head) - 1)
    if text is not None:
        lines.append(f"{head} {text}")
        return
    lines.append(head)
    if isinstance(value, Mapping):
        for key, item in value.items():
            _entry(lines, str(key), item, indent + 2)
        return
    for item in value:
        _item(lines, item, indent + 2)


def _item(lines: list[str], value: Any, indent: int) -> None:
    """One entry of a list written as a block; a mapping or list in it begins on the line of its dash."""
    pad = " " * indent
    if isinstance(value, Mapping | list | tuple):
        text = inline(value, _INLINE_DEPTH, WIDTH - indent - 2)
        if text is not None:
            lines.append(f"{pad}- {text}")
            return
        block: list[str] = []
        if isinstance(value, Mapping):
            for key, item in value.items():
                _entry(block, str(key), item, indent + 2)
        else:
            for item in value:
                _item(block, item, indent + 2)
        block[0] = f"{pad}- {block[0][indent + 2 :]}"
        lines.extend(block)
        return
    _value(lines, f"{pad}-", value, indent)


def inline(value: Any, depth: int, room: int) -> str | None:
    """The value between brackets on one line, or None where it is too long, too deep or holds a text of several lines."""
    if isinstance(value, Mapping):
        if not value:
            return "{}"
        if depth == 0:
            return None
        parts: list[str] = []
        for key, item in value.items():
            text = inline(item, depth - 1, room)
            if text is None:
                return None
            parts.append(f"{key_text(str(key))}: {text}")
            room -= len(parts[-1]) + 2
            if room < -2:
                return None
        return "{" + ", ".join(parts) + "}" if room >= 0 else None
    if isinstance(value, list | tuple):
        if not value:
            return "[]"
        if depth == 0:
            return None
        parts = []
        for item in value:
            text = inline(item, depth - 1, room)
            if text is None:
                return None
            parts.append(text)
            room -= len(text) + 2
            if room < -2:
                return None
        return "[" + ", ".join(parts) + "]" if room >= 0 else None
    if isinstance(value, str) and "\n" in value and _literal_style(value) is not None:
        return None
    return scalar(value)


def scalar(value: Any) -> str:
    if isinstance(value, str):
        return text_scalar(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float(value)
    return text_scalar(str(value))


def _float(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if value in (float("inf"), float("-inf")):
        return ".inf" if value > 0 else "-.inf"
    text = repr(value)
    mantissa, exponent, power = text.partition("e")
    return f"{mantissa}.0e{power}" if exponent and "." not in mantissa else text


@lru_cache(maxsize=20_000)
def text_scalar(text: str, plain: re.Pattern[str] = _PLAIN) -> str:
    """A text, quoted where it could be taken for something else."""
    if _needs_no_quotes(text, plain) and text.lower() not in _BOOLEAN_ELSEWHERE:
        return text
    return '"' + _ESCAPED.sub(_escape, text) + '"'


@lru_cache(maxsize=20_000)
def key_text(text: str) -> str:
    """A key: like a text, but `on` and its like stay plain, since we read them as texts."""
    if _needs_no_quotes(text):
        return text
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def _needs_no_quotes(text: str, plain: re.Pattern[str] = _PLAIN) -> bool:
    return (
        plain.fullmatch(text) is not None
        and not text.endswith(" ")
        and plain_tag(text) == "text"
        and _NUMBERLIKE.fullmatch(text) is None
        and text[:3] not in ("---", "...")
        and len(text) < 4000
    )


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        return "\\uFFFD"  # half a character cannot be stored in any file
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _literal_style(text: str) -> str | None:
    """`|` or `|-` where the text can stand as a literal block and read back the same, else None."""
    lines = text.split("\n")
    last = lines.pop() if lines[-1] == "" else None
    if not lines[0].strip() or lines[0][0] in " \t" or not lines[-1].strip():
        return None
    if any(line and not line.strip() for line in lines) or " " * 500 in text or _UNSAFE_IN_BLOCK.search(text):
        return None
    return "|" if last is not None else "|-"
