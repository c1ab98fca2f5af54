"""Mails of a real mailbox: whole ones, broken ones and hostile ones, and whatever may go wrong with the server."""

from __future__ import annotations

import imaplib
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tisserand.sdk import NodeError
from tisserand.sdk.fields import FilledSecret
from tisserand.sdk.listening import Listening
from tisserand_nodes.mail.imap import Imap, quoted
from tisserand_nodes.mail.reading import safe_name
from tisserand_nodes.trigger.imap import Mails


@pytest.fixture(scope="module")
def server(servers: Any, certificate: tuple[Path, Path]) -> Iterator[Any]:
    with servers("dovecot").running(certificate) as found:
        yield found


@pytest.fixture
def box(server: Any) -> Iterator[imaplib.IMAP4]:
    """The mailbox past everything of ours, emptied."""
    with imaplib.IMAP4(server.host, server.plain_port, timeout=20) as found:
        found.login(server.user, server.password)
        for line in found.list()[1]:
            name = line.split(b' "/" ')[-1].decode().strip('"')
            if name != "INBOX":
                found.delete(f'"{name}"')
        if found.select("INBOX")[1] != [b"0"]:
            found.store("1:*", "+FLAGS", r"(\Deleted)")
            found.expunge()
        yield found


def reach(server: Any, **more: Any) -> Imap:
    settings = {"host": server.host, "port": server.port, "ca_file": server.ca_file, "user": server.user, "timeout": 10}
    return Imap(**{**settings, "password": FilledSecret(server.password), **more})


def hear(server: Any, root: Path, **raw: Any) -> Listening:
    connection = raw.pop("reach", None) or reach(server)
    options = {name: raw.pop(name) for name in ("mark", "known") if name in raw}
    return Listening(Mails, {"connection": "m", "every": "10s", **raw}, root, connections={"m": connection}, **options)


def mail(subject: str, text: str = "hello", **headers: str) -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "Ada <ada@example.org>", "post@example.org", subject
    made["Date"], made["Message-ID"] = "Tue, 3 Feb 2026 10:00:00 +0100", f"<{abs(hash(subject))}@example.org>"
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made.as_bytes()


def put(box: imaplib.IMAP4, *mails: bytes, flags: str | None = None, folder: str = "INBOX") -> None:
    for one in mails:
        assert box.append(folder, flags, None, one)[0] == "OK"


def subjects(heard: Listening) -> list[str]:
    return [event.row["subject"] for event in heard.events]


def begun(heard: Listening) -> None:
    heard.wait(lambda: heard.batches >= 1)


def test_a_mail_that_arrives_starts_at_once(server: Any, box: imaplib.IMAP4, tmp_path: Path) -> None:
    put(box, mail("old"))
    with hear(server, tmp_path, every="1h") as heard:
        begun(heard)
        time.sleep(0.3)  # now it waits for the server to say something
        put(box, mail("Grüße aus Köln", "Zeile €\n", Cc="B <b@example.org>"))
        row = heard.rows(1, 20)[0]
        put(box, mail("next"))
        heard.rows(2, 20)
    assert subjects(heard) == ["Grüße aus Köln", "next"]
    assert (row["sender"], row["receivers"], row["copies"]) == ("Ada <ada@example.org>", "post@example.org", "B <b@example.org>")
    assert (row["date"], row["text"], row["html"], row["attachments"]) == ("2026-02-03T09:00:00+00:00", "Zeile €\n", None, [])
    assert row["error"] is None and row["size"] > 100 and row["message_id"].endswith("@example.org>")
    assert heard.events[0].key == f"{row['validity']}/{row['uid']}"
    put(box, mail("away"))
    with hear(server, tmp_path, mark=heard.mark) as again:
        again.rows(1)
    assert subjects(again) == ["away"]
    box.noop()
    assert box.search(None, "SEEN")[1] == [b""]  # looking leaves no trace


def test_a_server_without_idle_is_looked_at_again_and_again(servers: Any, certificate: Any, tmp_path: Path) -> None:
    with (
        servers("dovecot").running(certificate, capability="IMAP4rev1 UIDPLUS") as server,
        imaplib.IMAP4(server.host, server.plain_port, timeout=20) as box,
    ):
        box.login(server.user, server.password)
        with hear(server, tmp_path, every="100ms") as heard:
            begun(heard)
            put(box, mail("a"))
            heard.rows(1)
            put(box, mail("b"))
            heard.rows(2)
    assert subjects(heard) == ["a", "b"]


def test_all_or_unseen_only(server: Any, box: imaplib.IMAP4, tmp_path: Path) -> None:
    put(box, mail("read"), flags=r"(\Seen)")
    put(box, mail("unread"))
    with hear(server, tmp_path, begin="all") as heard:
        heard.rows(2)
    assert subjects(heard) == ["read", "unread"]
    with hear(server, tmp_path, begin="all", unseen=True) as heard:
        heard.rows(1)
    assert subjects(heard) == ["unread"]


def test_the_same_message_id_twice(server: Any, box: imaplib.IMAP4, tmp_path: Path) -> None:
    put(box, mail("a"), mail("a"), mail("b"))
    with hear(server, tmp_path, begin="all", key="message_id") as heard:
        heard.wait(lambda: heard.delivered == 3)
    assert subjects(heard) == ["a", "b"]


def attached(*files: tuple[str, bytes]) -> bytes:
    made = EmailMessage()
    made["Subject"] = "files"
    made["Date"] = "Tue, 3 Feb 2026 10:00:00 +0100"
    made.set_content("text")
    made.add_alternative("<p>html</p>", subtype="html")
    for name, content in files:
        made.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return made.as_bytes().replace(
        b'filename="a%0D%0AX', b"filename*=\"utf-8''a%0D%0AX"
    )  # a break in the name, as RFC 2231 has it


def test_attachments_stay_in_their_folder(server: Any, box: imaplib.IMAP4, tmp_path: Path) -> None:
    bad = [
        "../../escape.txt",
        "/etc/cron.d/x",
        "..\\..\\w.exe",
        "C:\\x.txt",
        "CON",
        "..",
        "a%0D%0AX-Evil.txt",
        "é €.pdf",
        ".hidden",
        "x" * 400,
    ]
    put(box, attached(*((name, f"{i}".encode() * 10) for i, name in enumerate(bad))))
    with hear(server, tmp_path, begin="all", attachments="in/mails") as heard:
        row = heard.rows(1)[0]
    home = (tmp_path / "in" / "mails").resolve()
    assert len(row["attachments"]) == len(bad)
    for index, path in enumerate(row["attachments"]):
        assert Path(path).resolve().parent.parent == home and Path(path).read_bytes() == f"{index}".encode() * 10
        assert "\n" not in path and len(Path(path).name.encode()) < 140
    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == sorted(Path(p) for p in row["attachments"])
    assert (row["text"].strip(), row["html"].strip()) == ("text", "<p>html</p>")
    with hear(server, tmp_path, begin="all", attachments="in/mails") as again:
        assert again.rows(1)[0]["attachments"] == row["attachments"]


def test_without_safe_names_one_mail_would_stop_the_mailbox(
    server: Any, box: imaplib.IMAP4, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tisserand_nodes.trigger.imap.safe_name", lambda name: name)
    put(box, attached(("x/../../../../escape.txt", b"out")))
    with hear(server, tmp_path, begin="all", attachments="mails") as heard:
        assert isinstance(heard.failure(), NodeError | OSError)
    monkeypatch.undo()
    with hear(server, tmp_path, begin="all", attachments="mails") as heard:
        assert Path(heard.rows(1)[0]["attachments"][0]).name == "1-escape.txt"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "...", "/", "\\", "a/", "nul", "NUL.txt", "lpt1.doc", "\u202egpj.exe", "a\0b", " x "]
)
def test_safe_names(name: str) -> None:
    safe = safe_name(name)
    assert safe and safe == Path(safe).name and not safe.startswith(".") and safe.isprintable() and safe == safe.strip()
    assert safe.split(".")[0].lower() not in ("nul", "con", "lpt1")


BROKEN: dict[str, bytes] = {
    "no headers": b"\r\njust text\r\n",
    "empty": b"\r\n",
    "no date": b"Subject: no date\r\n\r\nx\r\n",
    "odd date": b"Subject: odd date\r\nDate: yesterday\r\n\r\nx\r\n",
    "far date": b"Subject: far date\r\nDate: Tue, 99 Foo 99999 99:99:99 +9999\r\n\r\nx\r\n",
    "unknown charset": b"Subject: c\r\nDate: Tue, 3 Feb 2026 10:00:00 +0100\r\nContent-Type: text/plain; charset=klingon\r\n\r\n\xe9\r\n",
    "wrong charset": b"Subject: w\r\nDate: Tue, 3 Feb 2026 10:00:00 +0100\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\xe9t\xe9\r\n",
    "raw bytes in headers": b"Subject: \xff\xfe raw\r\nFrom: \xe9 <a@b>\r\nDate: x\r\n\r\nx\r\n",
    "bad encoded word": b"Subject: =?utf-8?B?####?= =?nope?Q?=E9?=\r\nDate: x\r\n\r\nx\r\n",
    "bad base64": b"Subject: b\r\nDate: x\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!\r\n",
    "no boundary": b"Subject: nb\r\nDate: x\r\nContent-Type: multipart/mixed\r\n\r\n--a\r\n\r\nx\r\n",
    "never closed": b"Subject: nc\r\nDate: x\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nx\r\n",
    "multipart in base64": b"Subject: mb\r\nDate: x\r\nContent-Type: multipart/mixed; boundary=a\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    b"--a\r\n\r\nx\r\n--a--\r\n",
    "folded injection": b"Subject: =?utf-8?Q?a=0D=0ABcc:_x?=\r\nDate: x\r\n\r\nx\r\n",
    "zero bytes": b"Subject: z\r\nDate: x\r\n\r\na\x00b\r\n".replace(b"\x00", b"\x01"),
    "uu": b"Subject: uu\r\nDate: x\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 f\r\n#####\r\n",
    "endless address": b"Subject: ea\r\nDate: x\r\nFrom: " + b"(" * 5000 + b"\r\n\r\nx\r\n",
}


def deep(levels: int) -> bytes:
    head = b"Subject: deep\r\nDate: Tue, 3 Feb 2026 10:00:00 +0100\r\n"
    body = b"Content-Type: text/plain\r\n\r\nbottom\r\n"
    for level in range(levels):
        mark = f"b{level}".encode()
        body = (
            b"Content-Type: multipart/mixed; boundary="
            + mark
            + b"\r\n\r\n--"
            + mark
            + b"\r\n"
            + body
            + b"\r\n--"
            + mark
            + b"--\r\n"
        )
    return head + body


def test_broken_mails_do_not_stop_the_mailbox(server: Any, box: imaplib.IMAP4, tmp_path: Path) -> None:
    put(box, *BROKEN.values(), deep(30), deep(400), mail("last"))
    with hear(server, tmp_path, begin="all", attachments="files") as heard:
        rows = heard.rows(len(BROKEN) + 3, 60)
    import json

    json.dumps(rows, ensure_ascii=False).encode()  # nothing in them that a store could not keep
    found = dict(zip(BROKEN, rows, strict=False))
    assert all(row["error"] for name, row in found.items()), [name for name, row in found.items() if not row["error"]]
    assert found["no date"]["error"] == "The mail has no date." and found["no date"]["text"].strip() == "x"
    assert found["odd date"]["error"] == "“yesterday” is not a date."
    assert found["unknown charset"]["text"].strip() == "é" and "klingon" in found["unknown charset"]["error"]
    assert found["wrong charset"]["text"].strip() == "été"
    assert "\n" not in found["folded injection"]["subject"] and found["folded injection"]["subject"] == "a Bcc: x"
    assert rows[-3]["text"].strip() == "bottom" and rows[-3]["error"] is None
    assert rows[-2]["subject"] == "deep"
    assert rows[-1]["subject"] == "last" and rows[-1]["error"] is None


def test_a_large_mail(server: Any, box: imaplib.IMAP4, tmp_path: Path) -> None:
    put(box, attached(("big.bin", b"x" * 10_000_000)))
    with hear(server, tmp_path, begin="all", attachments="files") as heard:
        row = heard.rows(1, 60)[0]
    assert Path(row["attachments"][0]).stat().st_size == 10_000_000
    with hear(server, tmp_path, begin="all", largest="1MB", attachments="other") as heard:
        row = heard.rows(1)[0]
    assert row["error"] == "The mail is larger than 1MB; only its headers were read." and row["subject"] == "files"
    assert row["text"] is None and row["attachments"] == [] and not (tmp_path / "other").exists()


@pytest.mark.parametrize("what", ["leave", "seen", "move", "delete"])
def test_when_a_run_is_done(server: Any, box: imaplib.IMAP4, tmp_path: Path, what: str) -> None:
    box.create(quoted("Fertig & Müll"))
    put(box, mail("a"), mail("b"), mail("c"))
    raw = {"when_done": what, **({"move_to": "Fertig & Müll"} if what == "move" else {})}
    with hear(server, tmp_path, begin="all", **raw) as heard:
        rows = list(heard.rows(3))
        heard.ended(rows[:1], done=False)
        heard.ended(rows[1:])
        heard.ended(rows[1:])  # once more, as after a crash
        time.sleep(0.1)
    box.select("INBOX")
    left = len(box.search(None, "ALL")[1][0].split())
    seen = len(box.search(None, "SEEN")[1][0].split())
    box.select(quoted("Fertig & Müll"))
    moved = len(box.search(None, "ALL")[1][0].split())
    assert (left, seen, moved) == {"leave": (3, 0, 0), "seen": (3, 2, 0), "move": (1, 0, 2), "delete": (1, 0, 0)}[what]


def test_a_folder_that_is_not_there(server: Any, box: imaplib.IMAP4, tmp_path: Path) -> None:
    with hear(server, tmp_path, folder="Näh") as heard:
        wrong = heard.failure()
    assert isinstance(wrong, NodeError) and "has no folder “Näh”: " in str(wrong) and wrong.field == "folder"
    put(box, mail("a"))
    with hear(server, tmp_path, begin="all", when_done="move", move_to="Nowhere") as heard:
        rows = list(heard.rows(1))
        with pytest.raises(NodeError, match="cannot be moved to “Nowhere”"):
            heard.ended(rows)
    box.select("INBOX")
    assert len(box.search(None, "ALL")[1][0].split()) == 1


def test_a_folder_that_is_numbered_anew(server: Any, box: imaplib.IMAP4, tmp_path: Path) -> None:
    box.create("Work")
    put(box, mail("a"), folder="Work")
    with hear(server, tmp_path, folder="Work", begin="all", key="message_id") as heard:
        heard.rows(1)
    box.delete("Work")
    time.sleep(1.1)  # the new folder's number is the second in which it is made
    box.create("Work")
    put(box, mail("a"), mail("b"), folder="Work")
    with hear(server, tmp_path, folder="Work", key="message_id", mark=heard.mark, known=heard.keys) as again:
        again.rows(1)
        assert again.mark["validity"] != heard.mark["validity"]
    assert subjects(again) == ["b"]


def test_who_is_let_in(server: Any, box: imaplib.IMAP4, tmp_path: Path) -> None:
    assert reach(server).check().text("en").startswith(f"Mailbox of post at 127.0.0.1:{server.port}, ")
    reach(server, port=server.plain_port, tls="starttls").check()
    reach(server, port=server.plain_port, tls="none", ca_file=None).check()
    wrong = reach(server, password=FilledSecret("other-word"))
    with pytest.raises(NodeError, match="does not let “post” in: ") as found:
        wrong.check()
    assert "other-word" not in str(found.value)
    with hear(server, tmp_path, reach=wrong) as heard:
        assert "does not let “post” in" in str(heard.failure())
    with pytest.raises(NodeError, match="the encryption fails: self-signed certificate"):
        reach(server, ca_file=None).check()
    with pytest.raises(NodeError, match=r"is not sent to 192\.0\.2\.1:143 in the clear"):
        reach(server, host="192.0.2.1", port=143, tls="none").check()


def test_a_server_that_goes_away_and_comes_back(servers: Any, certificate: Any, tmp_path: Path) -> None:
    with servers("dovecot").running(certificate) as server:
        with hear(server, tmp_path) as heard:
            begun(heard)
            time.sleep(0.3)
            server.kill()
            wrong = heard.failure()
        assert isinstance(wrong, NodeError) and wrong.retry
        assert f"The connection to 127.0.0.1:{server.port} was lost" in str(wrong)
        with hear(server, tmp_path, mark=heard.mark) as heard:
            assert f"127.0.0.1:{server.port} cannot be reached" in str(heard.failure())
        server.start()
        with imaplib.IMAP4(server.host, server.plain_port, timeout=20) as box:
            box.login(server.user, server.password)
            put(box, mail("meanwhile"))
        with hear(server, tmp_path, mark=heard.mark) as again:
            again.rows(1)
        assert subjects(again) == ["meanwhile"]
