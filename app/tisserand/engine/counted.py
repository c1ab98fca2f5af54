"""What the journal keeps so that a million runs are counted and found without reading their events: columns, indexes, triggers."""

from __future__ import annotations

DAY = 86400

WROTE = """
(SELECT coalesce(sum(json_extract(data, '$.{what}')), 0) FROM events
 WHERE run = {run} AND kind = 'sink.done' AND json_type(data, '$.bytes') IS NOT NULL)
"""
"""Rows or bytes that the sinks of a run wrote. Steps that have an effect end with `sink.done` too, but tell no bytes, not even none."""


def wrote(run: str) -> str:
    """The assignment of both columns for the run that the SQL `run` names."""
    return f"rows = {WROTE.format(what='rows', run=run)}, bytes = {WROTE.format(what='bytes', run=run)}"


_CHANGED = f"DELETE FROM summed WHERE day = CAST({{row}}.created / {DAY} AS INTEGER) * {DAY};"

COUNTED = f"""
ALTER TABLE runs ADD COLUMN rows INTEGER;
ALTER TABLE runs ADD COLUMN bytes INTEGER;

CREATE INDEX events_of_sinks ON events (run) WHERE kind = 'sink.done';
CREATE INDEX runs_uncounted ON runs (id) WHERE rows IS NULL AND finished IS NOT NULL;
CREATE INDEX runs_by_time ON runs (created, id);
CREATE INDEX runs_by_tail ON runs (substr(id, 17));
CREATE INDEX runs_finished ON runs (finished) WHERE finished IS NOT NULL;
CREATE INDEX runs_live ON runs (state, flow) WHERE state IN ('queued', 'running', 'waiting');
CREATE INDEX top_by_time ON runs (created, id, flow, state, started, finished, rows, bytes) WHERE parent IS NULL;
CREATE INDEX top_by_flow ON runs (flow, created, id, state, started, finished, rows, bytes) WHERE parent IS NULL;
CREATE INDEX top_by_state ON runs (state, created, id) WHERE parent IS NULL;
CREATE INDEX top_by_trigger ON runs ("trigger", created, id) WHERE parent IS NULL;
CREATE INDEX top_by_person ON runs ("by", created, id) WHERE parent IS NULL;

CREATE TABLE named (flow TEXT NOT NULL, file TEXT NOT NULL, "by" TEXT NOT NULL, PRIMARY KEY (flow, file, "by")) WITHOUT ROWID;
INSERT OR IGNORE INTO named SELECT DISTINCT flow, coalesce(flow_file, ''), "by" FROM runs;

CREATE TABLE summed (day INTEGER PRIMARY KEY);
CREATE TABLE sums (
  time INTEGER NOT NULL, length INTEGER NOT NULL, flow TEXT NOT NULL,
  runs INTEGER NOT NULL, done INTEGER NOT NULL, failed INTEGER NOT NULL, rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
  seconds BLOB NOT NULL, PRIMARY KEY (length, time, flow)
) WITHOUT ROWID;
CREATE TABLE gone (
  time INTEGER NOT NULL, length INTEGER NOT NULL, flow TEXT NOT NULL,
  runs INTEGER NOT NULL, done INTEGER NOT NULL, failed INTEGER NOT NULL, rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
  seconds BLOB NOT NULL, PRIMARY KEY (length, time, flow)
) WITHOUT ROWID;

CREATE TABLE unread (run TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO unread SELECT id FROM runs WHERE error IS NOT NULL;
CREATE VIRTUAL TABLE told USING fts5 (text, run UNINDEXED, tokenize = 'trigram', detail = 'none');
CREATE TABLE told_as (run TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;

CREATE TRIGGER runs_entered AFTER INSERT ON runs BEGIN
  INSERT OR IGNORE INTO named VALUES (NEW.flow, coalesce(NEW.flow_file, ''), NEW."by");
  {_CHANGED.format(row="NEW")}
END;
CREATE TRIGGER runs_ended AFTER UPDATE OF state ON runs
WHEN NEW.state IN ('done', 'failed', 'cancelled', 'interrupted') BEGIN
  UPDATE runs SET {wrote("NEW.id")} WHERE id = NEW.id;
END;
CREATE TRIGGER runs_begun AFTER UPDATE OF state ON runs
WHEN NEW.state NOT IN ('done', 'failed', 'cancelled', 'interrupted') AND OLD.rows IS NOT NULL BEGIN
  UPDATE runs SET rows = NULL, bytes = NULL WHERE id = NEW.id;
END;
CREATE TRIGGER runs_changed AFTER UPDATE OF state, started, finished, rows, bytes ON runs BEGIN
  {_CHANGED.format(row="NEW")}
END;
CREATE TRIGGER runs_told AFTER UPDATE OF error ON runs WHEN OLD.error IS NOT NEW.error BEGIN
  INSERT OR IGNORE INTO unread VALUES (NEW.id);
END;
CREATE TRIGGER runs_removed AFTER DELETE ON runs BEGIN
  {_CHANGED.format(row="OLD")}
  INSERT OR IGNORE INTO unread VALUES (OLD.id);
END;
"""
"""What runs are counted and found by:

`runs.rows`, `runs.bytes` — what the sinks wrote, set with every final state, in its transaction; NULL while a run is not over.
`sums` — of each whole UTC day (a row for each flow) and each of its hours (one row, flow ``""``), as far as `summed` says that
they hold; whatever changes a run of the day takes it out of `summed`. `seconds` is an array of float64: how long each run that is
done took. Runs that other flows called do not count.
`gone` — the same sums of runs that retention has removed.
`named` — every flow, file and person that ever ran. `told` — the words of errors, of all runs but those in `unread`; its row ids
are times, and `told_as` says which row is a run's.
"""
