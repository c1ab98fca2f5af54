"""Usage from the access log: each call once, whatever is killed, cut or begun anew in between."""

import json
import random

import pytest

from tisserand.apis.gateways.envoy.accesslog import AccessLog, mend
from tisserand.apis.usage_store import UsageStore
from tisserand.sdk.errors import NodeError


def line(number, consumer="acme", status=200):
    return json.dumps({
        "t": str(3600 * 5 + number), "api": "orders", "version": "1", "operation": "GET /x", "consumer": consumer, "plan": "gold",
        "status": status, "in": 1, "out": 2, "ms": 3,
    }).encode() + b"\n"  # fmt: skip


class Log:
    """Writes as Envoy does: into the file that it opened, until it is told to open it again."""

    def __init__(self, folder, size=4000):
        self.folder = folder
        self.down = False
        self.stream = (folder / "access.log").open("ab")
        self.log = AccessLog(folder, size, self.reopen)

    def reopen(self):
        if self.down:
            raise NodeError("It does not answer.")
        self.stream.close()
        self.stream = (self.folder / "access.log").open("ab")

    def write(self, data):
        self.stream.write(data)
        self.stream.flush()

    def rest(self, mark=""):
        """All rows from a mark on, and the mark at their end."""
        total = 0
        while True:
            rows, after = self.log.rows(mark)
            total += sum(row.requests for row in rows)
            if not rows and after == mark:
                return total, mark
            mark = after


@pytest.fixture
def log(tmp_path):
    made = Log(tmp_path)
    yield made
    made.stream.close()


def test_rows_are_summed_by_what_they_have_in_common(log):
    log.write(line(1) + line(2) + line(3, status=429) + line(4, consumer=None))
    rows, mark = log.log.rows("")
    assert {(row.hour, row.consumer, row.status): (row.requests, row.bytes_in, row.bytes_out) for row in rows} == {
        (3600 * 5, "acme", 200): (2, 2, 4), (3600 * 5, "acme", 429): (1, 1, 2), (3600 * 5, "", 200): (1, 1, 2),
    }  # fmt: skip
    assert all(sum(row.latency) == row.requests for row in rows)
    assert log.log.rows(mark) == ([], mark)


def test_a_half_written_line_is_left_for_later(log):
    whole = line(1)
    log.write(whole + whole[:20])
    rows, mark = log.log.rows("")
    assert sum(row.requests for row in rows) == 1
    log.write(whole[20:])
    rows, mark = log.log.rows(mark)
    assert sum(row.requests for row in rows) == 1


def test_a_line_that_a_kill_cut_short_takes_no_other_along(log, tmp_path):
    log.write(line(1) + line(2)[:30])
    mend(tmp_path)
    log.write(line(3))
    assert log.rest()[0] == 2
    # Without mending, the next line is lost with it.
    log.write(line(4)[:30])
    log.write(line(5))
    assert log.rest()[0] == 2
    mend(tmp_path / "nowhere")


def test_what_was_read_but_not_kept_is_read_again(log):
    """A kill between reading and keeping: whoever asks with the old mark gets the same, also when files were put aside meanwhile."""
    told = []
    for number in range(60):
        log.write(line(number))
        told.append(log.log.rows(""))
    assert len(list(log.folder.glob("access.*.log"))) >= 2
    assert log.log.rows("") == told[-1] and log.rest("")[0] == 60


@pytest.mark.parametrize("seed", range(20))
def test_every_call_is_counted_once_in_any_order_of_writes_reads_kills_and_rotations(tmp_path, seed):
    draw = random.Random(seed)
    log = Log(tmp_path, size=draw.choice([15_000, 30_000, 100_000]))
    store = UsageStore(tmp_path / "usage.sqlite")
    written = 0
    try:
        for _ in range(120):
            step = draw.random()
            if step < 0.6:
                for _ in range(draw.randint(1, 6)):
                    log.write(line(written))
                    written += 1
            elif step < 0.7:
                log.down = not log.down
            elif step < 0.75:  # Envoy is killed, and begins again
                log.stream.close()
                log.stream = (tmp_path / "access.log").open("ab")
            else:
                before = store.mark("main")
                rows, mark = log.log.rows(before)
                if draw.random() < 0.7:  # otherwise the reader is killed before it keeps them
                    store.take("main", rows, before, mark)
        log.down = False
        while True:
            before = store.mark("main")
            rows, mark = log.log.rows(before)
            if not rows and mark == before:
                break
            store.take("main", rows, before, mark)
        assert sum(calls for *_, calls in store.rows("SELECT consumer, requests FROM usage")) == written
    finally:
        store.close()
        log.stream.close()


def test_the_files_stay_within_their_size_once_they_were_read(log):
    mark = ""
    for number in range(400):
        log.write(line(number))
        _rows, mark = log.log.rows(mark)
    kept = sum(each.stat().st_size for each in log.folder.glob("access*.log"))
    assert kept < 4000 * 1.5
    # Unread, four times as much, and no more.
    for number in range(2000):
        log.write(line(number))
        log.log.rows(mark)
    assert sum(each.stat().st_size for each in log.folder.glob("access*.log")) < 4000 * 6


def test_marks_of_files_that_are_gone_begin_with_the_oldest(log):
    log.write(line(1))
    for mark in ("77:5", "junk", "1:99999", "-1:0", "1:x"):
        assert log.rest(mark)[0] == 1, mark
