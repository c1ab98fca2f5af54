"""Sending mail through a real server: parts, encryption, headers that cannot be injected, a Message-ID that stays."""

from __future__ import annotations

import email
import email.policy
import importlib.util
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest

from tisserand.sdk import NodeError
from tisserand.sdk.fields import FilledSecret
from tisserand.sdk.testing import plan_writer, run_writer
from tisserand_nodes.mail.connection import Smtp
from tisserand_nodes.mail.send import SendMail

TABLE = pa.table({"id": [1, 2], "name": ["Ann <b>", "=1+1"]})


@pytest.fixture(scope="module")
def servers() -> Any:
    path = Path(__file__).parents[2] / "servers" / "mail.py"
    spec = importlib.util.spec_from_file_location("tests_servers_mail", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def box(servers: Any, tmp_path: Path) -> Iterator[Any]:
    with servers.running(tmp_path, login=("me", "planted-password")) as box:
        yield box


def office(box: Any, **fields: Any) -> Smtp:
    given = {
        "ca_file": box.ca_file,
        "user": "me",
        "password": FilledSecret("planted-password"),
        "sender": "Office <office@example.org>",
    }
    return Smtp(**({"host": box.host, "port": box.port} | given | fields))


def send(box: Any, folder: Path, table: pa.Table = TABLE, **config: Any) -> Any:
    connections = {"office": config.pop("office", None) or office(box)}
    key = config.pop("key", "run-1/tell")
    raw = {"connection": "office", "to": "ops@example.org", "subject": "Late flights", **config}
    return run_writer(SendMail, raw, table, folder, connections=connections, key=key)


def parsed(content: bytes) -> Any:
    return email.message_from_bytes(content, policy=email.policy.default)


def test_a_mail_arrives_with_all_its_receivers(box: Any, tmp_path: Path) -> None:
    result = send(box, tmp_path, to="Ann <ann@example.org>, bob@example.org", cc="cyd@example.org", bcc="dan@example.org",
                  subject="Été à {{ town }} €"[:4], body="Hello\nthere é")  # fmt: skip
    ((receivers, content),) = box.mails
    mail = parsed(content)
    assert receivers == ["ann@example.org", "bob@example.org", "cyd@example.org", "dan@example.org"]
    assert (mail["From"], mail["To"], mail["Cc"], mail["Bcc"], mail["Subject"]) == (
        "Office <office@example.org>", "Ann <ann@example.org>, bob@example.org", "cyd@example.org", None, "Été ",
    )  # fmt: skip
    assert mail.get_content() == "Hello\nthere é\n" or mail.get_content() == "Hello\r\nthere é\r\n"
    assert result.written.rows == 4
    assert b"planted" not in content


def test_the_same_key_gives_the_same_message_id(box: Any, tmp_path: Path) -> None:
    for key in ("r1/tell", "r1/tell", "r2/tell"):
        send(box, tmp_path, key=key)
    first, second, third = (parsed(content)["Message-ID"] for _to, content in box.mails)
    assert first == second != third and first.endswith("@example.org>")


def test_rows_in_the_mail(box: Any, tmp_path: Path) -> None:
    send(box, tmp_path, rows="table", body="See:")
    mail = parsed(box.mails[0][1])
    plain = mail.get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert plain == "See:\n\nid  name\n1   Ann <b>\n2   =1+1\n"
    assert "<td" in mail.get_body(("html",)).get_content() and "Ann &lt;b&gt;" in mail.get_body(("html",)).get_content()


def test_rows_attached(box: Any, tmp_path: Path) -> None:
    send(box, tmp_path, rows="csv", file_name="late")
    send(box, tmp_path, rows="excel", file_name="late")
    (csv_file,) = parsed(box.mails[0][1]).iter_attachments()
    assert csv_file.get_filename() == "late.csv"
    content = csv_file.get_payload(decode=True)
    assert content == "\ufeffid,name\r\n1,Ann <b>\r\n2,'=1+1\r\n".encode()
    (book_file,) = parsed(box.mails[1][1]).iter_attachments()
    sheet = openpyxl.load_workbook(io.BytesIO(book_file.get_payload(decode=True))).active
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [["id", "name"], [1, "Ann <b>"], [2, "=1+1"]]
    assert sheet["B3"].data_type == "s"


@pytest.mark.parametrize("field", ["to", "cc", "sender", "reply_to", "subject"])
@pytest.mark.parametrize(
    "attack", ["x@example.org\nBcc: evil@example.org", "x@example.org\r\n\r\nbody", "x@example.org\u2028Bcc: e@x.y"]
)
def test_headers_are_not_injected(box: Any, tmp_path: Path, field: str, attack: str) -> None:
    with pytest.raises(NodeError, match="must be one line"):
        send(box, tmp_path, **{field: attack})
    assert box.mails == []


def test_the_injection_succeeds_where_headers_are_pasted(box: Any) -> None:
    """What the guard stops is real: pasted into the text of a mail, the subject makes a header."""
    pasted = "Subject: x\nBcc: evil@example.org\n\nbody"
    assert email.message_from_string(pasted)["Bcc"] == "evil@example.org"


@pytest.mark.parametrize("to", ["", "nobody", "a@b, c d", "a@b <x>", "@"])
def test_bad_addresses_are_sentences(box: Any, tmp_path: Path, to: str) -> None:
    with pytest.raises(NodeError, match=r"not a list of mail addresses|Nobody is named"):
        send(box, tmp_path, to=to)
    assert box.mails == []


def test_refusals_are_sentences(box: Any, tmp_path: Path) -> None:
    with pytest.raises(NodeError, match=r"does not take mail for nobody@example\.org: 550") as error:
        send(box, tmp_path, to="nobody@example.org")
    assert not error.value.retry
    with pytest.raises(NodeError, match="451 Try again later") as error:
        send(box, tmp_path, body="greylist")
    assert error.value.retry
    result = send(box, tmp_path, to="nobody@example.org, ann@example.org")
    assert result.written.rows == 1 and "did not get the mail" in str(result.logs[0][1])
    with pytest.raises(NodeError, match="More than 1 rows"):
        send(box, tmp_path, rows="csv", max_rows=1)
    with pytest.raises(NodeError, match="no sender"):
        send(box, tmp_path, office=office(box, sender=""))


def test_encryption_and_passwords(box: Any, servers: Any, tmp_path: Path) -> None:
    assert str(office(box).check()) == f"Mail server at 127.0.0.1:{box.port}, encryption STARTTLS, logged in: me"
    with pytest.raises(NodeError, match="encryption fails"):
        office(box, ca_file=None).check()
    with pytest.raises(NodeError, match="does not let “me” in") as error:
        office(box, password=FilledSecret("planted-wrong")).check()
    assert "planted" not in str(error.value)
    with pytest.raises(NodeError, match="in the clear"):
        office(box, tls="none").check()
    with pytest.raises(NodeError, match="cannot be reached") as error:
        office(box, port=1).check()
    assert error.value.retry
    with servers.running(tmp_path, tls="tls") as secure:
        assert "encryption TLS" in str(office(secure, tls="tls", user=None).check())
        send(secure, tmp_path, office=office(secure, tls="tls", user=None))
        assert len(secure.mails) == 1


def test_a_plan_sends_nothing_and_an_empty_input_may_be_silent(box: Any, tmp_path: Path) -> None:
    raw = {"connection": "office", "to": "a@b.c", "subject": "x"}
    effect = plan_writer(SendMail, raw, TABLE, tmp_path, connections={"office": office(box)})
    assert effect.insert == 1 and effect.samples["insert"] == [{"to": "a@b.c", "subject": "x"}]
    assert send(box, tmp_path, TABLE.slice(0, 0), send_empty=False).written.rows == 0
    assert box.mails == []
    send(box, tmp_path, TABLE.slice(0, 0), rows="csv")
    assert len(box.mails) == 1
