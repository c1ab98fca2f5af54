"""Send a mail when rows have arrived, with the rows in it or attached."""

from __future__ import annotations

import csv
import hashlib
import html
import io
import itertools
import re
import smtplib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import format_datetime, getaddresses
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from tisserand.sdk import Config, Context, Effect, In, NodeError, Out, Schema, Unit, When, Writer, Written
from tisserand_nodes.mail.connection import Smtp, SmtpConnection, session

if TYPE_CHECKING:
    import pyarrow as pa

_ADDRESS = re.compile(r"[^@\s<>,;:\"()\[\]\\]+@[^@\s<>,;:\"()\[\]\\]+")


class SendConfig(Config):
    connection: SmtpConnection
    """The mail server."""
    to: str
    """Who gets the mail; several addresses with commas between them."""
    cc: str = ""
    """Who gets a copy."""
    bcc: str = ""
    """Who gets a copy that the others do not see."""
    sender: str = ""
    """The address it comes from; empty for that of the connection."""
    reply_to: str = ""
    """Where answers go."""
    subject: str
    """What stands in the subject, in one line."""
    body: str = ""
    """The text of the mail."""
    rows: Literal["none", "table", "csv", "excel"] = "none"
    """What becomes of the rows: nothing, a table under the text, or an attached file."""
    file_name: Annotated[str, When(rows=("csv", "excel"))] = "rows"
    """Name of the attached file, without its ending."""
    max_rows: Annotated[int, Unit("rows"), When(rows=("table", "csv", "excel"))] = 1000
    """The most rows put into a mail; with more the mail is not sent."""
    send_empty: bool = True
    """Whether a mail is sent where no row arrives."""


class SendMail(Writer[SendConfig]):
    """Send one mail. Its Message-ID is made from the run's key: should a resumed run send it again, mail programs recognise
    it as the same mail."""

    kind, title, icon = "mail.send", "Send mail", "mail"
    inputs = (In("table", optional=True),)
    outputs = (Out("result", kind="result"),)
    delivery: ClassVar[Literal["at least once"]] = "at least once"

    def check(self, config: SendConfig, schemas: Mapping[str, Schema]) -> Iterator[NodeError]:
        for field in ("to", "cc", "bcc", "sender", "reply_to"):
            try:
                found = addresses(getattr(config, field), field)
            except NodeError as error:
                yield error
                continue
            if field == "to" and not found:
                yield NodeError("Nobody is named to send the mail to.", field="to")
        for field in ("subject", "file_name"):
            if _breaks(getattr(config, field)):
                yield NodeError("“{field}” must be one line.", name=field, field=field)
        if config.rows != "none" and "table" not in schemas:
            yield NodeError("There are no rows to put into the mail: the input is not connected.", field="rows")

    def plan(self, ctx: Context, config: SendConfig, batches: Iterator[pa.RecordBatch]) -> Effect:
        rows = sum(batch.num_rows for batch in batches)
        names = addresses(config.to, "to") + addresses(config.cc, "cc") + addresses(config.bcc, "bcc")
        mails = 1 if rows or config.send_empty else 0
        return Effect(
            insert=mails, samples={"insert": [{"to": ", ".join(names), "subject": config.subject}] * mails}, where=config.to
        )

    def write(self, ctx: Context, config: SendConfig, schema: Schema, batches: Iterator[pa.RecordBatch]) -> Written:
        smtp = ctx.connection(config.connection)
        if not isinstance(smtp, Smtp):
            raise NodeError("The connection “{name}” is not a mail server.", name=config.connection, field="connection")
        rows = [row for batch in batches for row in _few(batch, config)]
        if config.rows != "none" and len(rows) > config.max_rows:
            raise NodeError(
                "More than {limit} rows are too many for a mail.", fix="Reduce the rows, or write a file and send where it is.",
                limit=config.max_rows, field="max_rows",
            )  # fmt: skip
        if not rows and not config.send_empty:
            return Written(0, "–")
        mail = built(config, smtp, ctx.key, list(schema.names), rows)
        ctx.progress()
        named = [addresses(text, field) for field, text in (("to", config.to), ("cc", config.cc), ("bcc", config.bcc))]
        receivers = list(dict.fromkeys(itertools.chain(*named)))
        with session(smtp) as server:
            try:
                refused = server.send_message(mail, to_addrs=receivers)
            except smtplib.SMTPRecipientsRefused as error:
                raise _refused(error.recipients) from None
        if refused:
            # The mail is out to the others: failing now would send it to them again.
            from tisserand.sdk import msg

            ctx.log(msg("{who} did not get the mail: {problem}", who=list(refused), problem=_refused(refused).message), "warning")
        return Written(len(receivers) - len(refused), ", ".join(receivers), len(mail.as_bytes()))


def _few(batch: pa.RecordBatch, config: SendConfig) -> list[dict[str, Any]]:
    """The rows of a batch, no more than are needed to know that there are too many."""
    few: list[dict[str, Any]] = batch.slice(0, config.max_rows + 1 if config.rows != "none" else 1).to_pylist()
    return few


def _refused(recipients: Mapping[str, Any]) -> NodeError:
    who, (code, text) = next(iter(recipients.items()))
    reason = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return NodeError(
        "The server does not take mail for {who}: {code} {reason}", who=who, code=code, reason=reason, retry=code < 500
    )


def _breaks(text: str) -> bool:
    """Whether a text could begin a new header: line breaks of any kind, or other control characters."""
    return any(ord(char) < 32 or char in "\x7f\x85\u2028\u2029" for char in text)


def addresses(text: str, field: str) -> list[str]:
    """The plain addresses in a text; raises `NodeError` for what is none."""
    if _breaks(text):
        raise NodeError("“{name}” must be one line.", name=field, field=field)
    if not text.strip():
        return []
    found = (
        [address for _name, address in getaddresses([text], strict=True)] if _strict() else [a for _n, a in getaddresses([text])]
    )
    for address in found:
        if not _ADDRESS.fullmatch(address):
            raise NodeError("“{text}” is not a list of mail addresses.", text=text, field=field)
    return found


def _strict() -> bool:
    import inspect

    return "strict" in inspect.signature(getaddresses).parameters


def built(config: SendConfig, smtp: Smtp, key: str, columns: list[str], rows: list[dict[str, Any]]) -> EmailMessage:
    """The mail with its headers and parts."""
    mail = EmailMessage()
    sender = config.sender or smtp.sender or (smtp.user if smtp.user and "@" in smtp.user else "")
    if not addresses(sender, "sender"):
        raise NodeError("The mail has no sender.", fix="Name one here or in the connection.", field="sender")
    domain = addresses(sender, "sender")[0].rpartition("@")[2]
    headers = {"From": sender, "To": config.to, "Cc": config.cc, "Reply-To": config.reply_to, "Subject": config.subject}
    try:
        for name, text in headers.items():
            if _breaks(text):
                raise NodeError("“{name}” must be one line.", name=name, field=name.lower().replace("-", "_"))
            if text:
                mail[name] = text
    except (ValueError, MessageError) as error:
        raise NodeError("The mail cannot be written: {reason}", reason=str(error)) from None
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(config.body + ("\n\n" + _as_text(columns, rows) if config.rows == "table" else ""))
    if config.rows == "table":
        mail.add_alternative(_as_html(config.body, columns, rows), subtype="html")
    elif config.rows == "csv":
        mail.add_attachment(_as_csv(columns, rows), maintype="text", subtype="csv", filename=f"{_file(config.file_name)}.csv")
    elif config.rows == "excel":
        kind = "vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        mail.add_attachment(
            _as_excel(columns, rows), maintype="application", subtype=kind, filename=f"{_file(config.file_name)}.xlsx"
        )
    return mail


def _file(name: str) -> str:
    if _breaks(name) or not name.strip() or set(name) & set('/\\:"'):
        raise NodeError("“{name}” is not a name of a file.", name=name, field="file_name")
    return name


def _shown(value: Any) -> str:
    return "" if value is None else str(value)


def _as_text(columns: list[str], rows: Iterable[Mapping[str, Any]]) -> str:
    lines = [columns, *([_shown(row[name]).replace("\n", " ") for name in columns] for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def _as_html(body: str, columns: list[str], rows: Iterable[Mapping[str, Any]]) -> str:
    cell = 'style="border:1px solid #ccc;padding:2px 8px;text-align:left"'
    head = "".join(f"<th {cell}>{html.escape(name)}</th>" for name in columns)
    lines = "".join(
        "<tr>" + "".join(f"<td {cell}>{html.escape(_shown(row[name]))}</td>" for name in columns) + "</tr>" for row in rows
    )
    text = html.escape(body).replace("\n", "<br>")
    return f'<html><body><p>{text}</p><table style="border-collapse:collapse"><tr>{head}</tr>{lines}</table></body></html>'


def _as_csv(columns: list[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_harmless(row[name]) for name in columns] for row in rows)
    # The mark at the start tells Excel that it is UTF-8.
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _harmless(value: Any) -> str:
    """A cell that a spreadsheet would run as a formula is put behind an apostrophe: mail is opened by a click."""
    text = _shown(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _as_excel(columns: list[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    import xlsxwriter

    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "default_date_format": "yyyy-mm-dd hh:mm:ss",
               "remove_timezone": True, "nan_inf_to_errors": True}  # fmt: skip
    with xlsxwriter.Workbook(out, options) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, columns, book.add_format({"bold": True}))
        for number, row in enumerate(rows, 1):
            for index, name in enumerate(columns):
                value = row[name]
                sheet.write(number, index, str(value) if isinstance(value, list | dict | bytes) else value)
    return out.getvalue()
