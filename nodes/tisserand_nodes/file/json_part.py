"""Takes the array at a path out of a JSON document and writes one value a line, block by block, whatever the document's size."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from tisserand.sdk import Context, NodeError

BLOCK = 1024 * 1024
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_BAD = re.compile(r"\S")


def extract(ctx: Context, source: Path, encoding: str, at: str, target: Path) -> int:
    """Write the values of the array `at` (`data.items`; empty for the whole document) to `target`; gives their number.
    A value that is no array counts as one row."""
    wanted = [part for part in at.split(".") if part]
    tokens = _tokens(ctx, source, encoding)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        _go_to(tokens, wanted, source.name, at)
        first = next(tokens)
        with target.open("w", encoding="utf-8") as lines:
            if first != "[":
                _value(tokens, first, lines.write)
                lines.write("\n")
                return 1
            count = 0
            piece = next(tokens)
            while piece != "]":
                if piece == ",":
                    piece = next(tokens)
                _value(tokens, piece, lines.write)
                lines.write("\n")
                count += 1
                piece = next(tokens)
                if piece not in (",", "]"):
                    raise _broken(source.name)
            return count
    except StopIteration:
        raise _broken(source.name) from None


def _go_to(tokens: Iterator[str], wanted: list[str], file: str, at: str) -> None:
    import json

    for depth, name in enumerate(wanted):
        if next(tokens) != "{":
            raise NodeError("“{file}” has no object at “{at}”.", file=file, at=".".join(wanted[:depth]) or "–", field="at")
        keys: list[str] = []
        while True:
            piece = next(tokens)
            if piece == ",":
                continue
            if piece == "}":
                raise NodeError(
                    "“{file}” has nothing at “{at}”.",
                    file=file,
                    at=at,
                    field="at",
                    fix="Names there: {keys}.",
                    keys=keys[:20],
                )
            if not piece.startswith('"') or next(tokens) != ":":
                raise _broken(file)
            key = json.loads(piece, strict=False)
            if key == name:
                break
            keys.append(key)
            _value(tokens, next(tokens), lambda text: None)


def _value(tokens: Iterator[str], piece: str, write: object) -> None:
    """Hand one whole value to `write`, without white space, so that it stays on one line."""
    assert callable(write)
    depth = 0
    while True:
        write(piece)
        if piece in "{[":
            depth += 1
        elif piece in "}]":
            depth -= 1
        if depth == 0:
            return
        piece = next(tokens)


def _tokens(ctx: Context, source: Path, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)("strict")
    rest = ""
    with source.open("rb") as stream:
        while True:
            block = stream.read(BLOCK)
            ctx.progress(bytes=len(block))
            try:
                text = rest + decoder.decode(block, final=not block)
            except UnicodeDecodeError:
                raise NodeError("“{file}” is not {encoding}.", file=source.name, encoding=encoding, field="encoding") from None
            end = 0
            for found in _TOKEN.finditer(text):
                if _BAD.search(text, end, found.start()):
                    if block:
                        break  # a text that the block cut
                    raise _broken(source.name)
                if block and found.end() == len(text) and found[0] not in "{}[],:":
                    break
                yield found[0]
                end = found.end()
            rest = text[end:]
            if not block:
                if rest.strip():
                    raise _broken(source.name)
                return


def _broken(file: str) -> NodeError:
    return NodeError("“{file}” is not valid JSON, or it was cut off.", file=file, field="path", fix="Correct the file.")
