"""Which encoding a text file has, found from samples, and rewriting it as UTF-8 without holding it in memory."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from tisserand.sdk import Context, NodeError

SAMPLE = 256 * 1024
BLOCK = 1024 * 1024
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_GUESSES = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "mac_roman", "shift_jis", "gb18030", "big5", "euc_kr"]
_ACCENTS = ["cp1252", "cp1250", "cp1254", "mac_roman"]


def detect(path: Path) -> str:
    """The encoding: by its mark, else UTF-8 if every sample is valid, else the likeliest."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(SAMPLE)
        for mark, name in _MARKS:
            if head.startswith(mark):
                return name
        wide = _wide(head)
        if wide:
            return wide
        samples = [head]
        for place in (size // 2, size - SAMPLE):
            if place > SAMPLE:
                stream.seek(place)
                samples.append(stream.read(SAMPLE))
    wrong = next((sample for index, sample in enumerate(samples) if not _is_utf8(sample, cut=index > 0)), None)
    return "utf-8" if wrong is None else _guess(wrong)


def checked(name: str) -> str:
    """The name of an encoding that a person gave, as Python knows it."""
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise NodeError(
            "There is no encoding “{name}”.", name=name, field="encoding", fix="Known ones: utf-8, utf-16, cp1252, latin-1."
        ) from None


def is_utf8(name: str) -> bool:
    return name in ("utf-8", "utf-8-sig", "ascii")


def decoded_head(path: Path, encoding: str, size: int) -> str:
    """The first `size` bytes as text; a character cut at the end is left out. Wrong bytes become �: the scan reports them."""
    with path.open("rb") as stream:
        data = stream.read(size)
    name = "utf-8-sig" if is_utf8(encoding) else encoding
    text = codecs.getincrementaldecoder(name)("replace").decode(data, final=False)
    return text.removeprefix("\ufeff")


def as_utf8(ctx: Context, path: Path, encoding: str, name: str) -> Path:
    """The file itself if it is UTF-8, else a temporary copy in UTF-8, written block by block."""
    if is_utf8(encoding):
        return path
    target = ctx.temporary(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    lines = 1
    with path.open("rb") as source, target.open("wb") as copy:
        while block := source.read(BLOCK):
            try:
                text = decoder.decode(block)
            except UnicodeDecodeError as error:
                raise _not_in(path, encoding, lines + block[: error.start].count(b"\n")) from None
            lines += text.count("\n")
            copy.write(text.encode())
            ctx.progress(bytes=len(block))
        try:
            copy.write(decoder.decode(b"", final=True).encode())
        except UnicodeDecodeError:
            raise _not_in(path, encoding, lines) from None
    return target


def _not_in(path: Path, encoding: str, line: int) -> NodeError:
    return NodeError(
        "{file}:{at}: the text is not {encoding}.",
        file=path.name,
        encoding=encoding,
        at=line,
        line=line,
        field="encoding",
        fix="Choose the file's encoding.",
    )


def _is_utf8(sample: bytes, cut: bool) -> bool:
    if cut:  # a sample from the middle may begin inside a character
        sample = sample[next((i for i, byte in enumerate(sample[:4]) if byte & 0xC0 != 0x80), 0) :]
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(sample, final=False)
    except UnicodeDecodeError:
        return False
    return True


def _wide(head: bytes) -> str | None:
    """UTF-16 without a mark: Western text then has a zero in every second byte."""
    if len(head) < 4:
        return None
    even, odd = head[::2].count(0) / (len(head) / 2), head[1::2].count(0) / (len(head) / 2)
    if odd > 0.4 and even < 0.1:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 and odd < 0.1 else None


def _guess(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    # The lines with foreign characters decide; the rest only costs time.
    telling = b"\n".join(line for line in sample.splitlines() if not line.isascii())[: 16 * 1024]
    guesses = _GUESSES if _in_runs(telling) else _ACCENTS
    best = from_bytes(telling, cp_isolation=guesses, explain=False).best()
    if best is None or "cp1252" in best.could_be_from_charset or best.encoding == "mac_roman":
        return "cp1252" if _decodes(sample, "cp1252") else "latin-1"
    return best.encoding


def _in_runs(telling: bytes) -> bool:
    """Whether foreign characters stand beside each other, as in Cyrillic words; accents stand alone between plain letters."""
    runs = re.findall(rb"[\x80-\xff]+", telling)
    return len(b"".join(runs)) >= 1.5 * len(runs)


def _decodes(sample: bytes, encoding: str) -> bool:
    try:
        sample.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
