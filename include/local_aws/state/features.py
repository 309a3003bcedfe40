"""Records of feature groups: the newest of each identifier, and those that wait for the offline store.

    feature_online    (store, id) -> event time, expiry, values       what GetRecord answers
    feature_buffer    number -> store, records of one call            on their way to Parquet files in S3

``store`` names one life of one feature group. A body is JSON: the values in the order of the group's
definitions, text, a list of texts, or null. Definitions are only ever added at the end, so that a body stays
readable, being short. The buffer holds whole calls: one row for 25 records is an eighth of the work of 25.

What is acknowledged is in this database. The flush removes rows from the buffer in the transaction that
shows their file, so that a crash neither loses nor doubles a record.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain

from local_aws.state.records import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS feature_online (
    store   TEXT NOT NULL,
    id      TEXT NOT NULL,
    time    REAL NOT NULL,
    expires REAL,
    deleted INTEGER NOT NULL,
    body    TEXT NOT NULL,
    PRIMARY KEY (store, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS feature_expiry ON feature_online (expires) WHERE expires IS NOT NULL;
CREATE TABLE IF NOT EXISTS feature_buffer (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    store   TEXT NOT NULL,
    called  REAL NOT NULL,
    deleted INTEGER NOT NULL,
    body    TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS feature_buffer_store ON feature_buffer (store, number);
"""

# An older event time changes nothing, an equal one writes over but deletes nothing; what has expired is as if
# it were not there.
_PUT = """
INSERT INTO feature_online VALUES {rows} ON CONFLICT (store, id) DO UPDATE
SET time = excluded.time, expires = excluded.expires, deleted = excluded.deleted, body = excluded.body
WHERE excluded.time > time OR (excluded.time = time AND NOT excluded.deleted) OR expires <= ?
"""
_MOST_ROWS = 1000  # of one statement, whose values SQLite counts: at most 32,766
_MOST_CALLS = 100  # that a call lets go before its own commit
_BUFFER = "INSERT INTO feature_buffer (store, called, deleted, body) VALUES (?, ?, ?, ?)"


@dataclass(frozen=True)
class Online:
    """The newest record of an identifier."""

    id: str
    time: float  # event time, seconds since 1970
    expires: float | None  # seconds since 1970
    deleted: bool  # softly
    body: str


@dataclass(frozen=True)
class Buffered:
    """The records of one call that wait for the offline store."""

    number: int
    called: float  # seconds since 1970
    deleted: bool
    body: str  # the records' bodies, one a line


@dataclass
class Write:
    """What one call changes; all of it or nothing.

    Args:
        check: called with the lock held, just before writing; what it raises refuses the call.
        online: rows of feature_online.
        offline: rows of feature_buffer, without their number.
        now: when the call arrived, seconds since 1970.
    """

    check: Callable[[], None]
    online: Sequence[tuple[str, str, float, float | None, int, str]]
    offline: Sequence[tuple[str, float, int, str]]
    now: float
    done: bool = False
    fault: BaseException | None = None


@dataclass
class Features:
    """All records of all feature groups.

    Args:
        database: where they are.
        meanwhile: does the work of another call that may write, on this thread; False when there is none.
    """

    database: Database
    meanwhile: Callable[[], bool] = lambda: False
    _waiting: list[Write] = field(default_factory=list)
    _queueing: threading.Lock = field(default_factory=threading.Lock)
    _committing: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.database.ensure(_SCHEMA)

    def write(self, given: Write) -> None:
        """Make a call's records durable. Raises what its check raises.

        Calls that arrive while one commits share the next commit: the disk is waited for once.
        """
        if self.database.connection().in_transaction:
            raise RuntimeError("write ends before the transaction around it does; use write_within")
        with self._queueing:
            self._waiting.append(given)
        for _ in range(_MOST_CALLS):  # then at last it is answered, whatever else comes
            if given.done or not self.meanwhile():
                break
        with self._committing:
            if not given.done:
                self._commit()
        if given.fault is not None:
            raise given.fault

    def write_within(self, given: Write) -> None:
        """The same inside a transaction of the caller's, which ends it."""
        with self.database.transaction() as connection:
            _apply(connection, given)
            if given.fault is not None:
                raise given.fault

    def _commit(self) -> None:
        with self._queueing:
            batch, self._waiting = self._waiting, []
        try:
            self._write_all(batch)
        except Exception:  # noqa: BLE001 - it is whose of them alone meets it again
            for each in batch:
                try:
                    self._write_all([each])
                except Exception as problem:  # noqa: BLE001 - the caller raises it
                    each.fault = problem
        except BaseException as problem:
            for each in batch:
                each.fault = problem
            raise
        finally:
            for each in batch:
                each.done = True

    def _write_all(self, batch: Sequence[Write]) -> None:
        with self.database.transaction() as connection:
            for each in batch:
                each.fault = None
                _apply(connection, each)

    # Online

    def find(self, store: str, identifier: str, now: float) -> Online | None:
        """The record of an identifier, also a softly deleted one; not one that has expired."""
        row = (
            self.database.connection()
            .execute(
                "SELECT id, time, expires, deleted, body FROM feature_online"
                " WHERE store = ? AND id = ? AND (expires IS NULL OR expires > ?)",
                (store, identifier, now),
            )
            .fetchone()
        )
        return Online(row[0], row[1], row[2], bool(row[3]), row[4]) if row else None

    def delete(self, store: str, identifier: str) -> None:
        """Remove one record."""
        with self.database.transaction() as connection:
            connection.execute("DELETE FROM feature_online WHERE store = ? AND id = ?", (store, identifier))

    def identifiers(self, store: str, after: str | None, now: float, *, deleted: bool) -> Iterator[str]:
        """Identifiers in order, those behind ``after``."""
        rows = self.database.connection().execute(
            "SELECT id FROM feature_online WHERE store = ? AND (?2 IS NULL OR id > ?2)"
            " AND (expires IS NULL OR expires > ?3) AND deleted <= ?4 ORDER BY id",
            (store, after, now, int(deleted)),
        )
        for (identifier,) in rows:
            yield identifier

    def size(self, store: str) -> int:
        """Bytes that the records of a store hold."""
        (found,) = (
            self.database.connection()
            .execute(
                "SELECT coalesce(sum(length(CAST(id AS BLOB)) + length(CAST(body AS BLOB))), 0)"
                " FROM feature_online WHERE store = ?",
                (store,),
            )
            .fetchone()
        )
        return int(found)

    def clear(self, store: str) -> None:
        """Remove all records that a store shows online."""
        with self.database.transaction() as connection:
            connection.execute("DELETE FROM feature_online WHERE store = ?", (store,))

    def expire(self, now: float) -> None:
        """Remove what has expired."""
        connection = self.database.connection()
        if connection.execute("SELECT 1 FROM feature_online WHERE expires <= ? LIMIT 1", (now,)).fetchone():
            with self.database.transaction() as writing:
                writing.execute("DELETE FROM feature_online WHERE expires <= ?", (now,))

    # Offline

    def waiting(self) -> list[str]:
        """The stores that have records in the buffer."""
        rows = self.database.connection().execute("SELECT DISTINCT store FROM feature_buffer")
        return [store for (store,) in rows]

    def newest_buffered(self, store: str) -> int:
        """The number of the newest call in the buffer; 0 when there is none."""
        (found,) = (
            self.database.connection()
            .execute("SELECT coalesce(max(number), 0) FROM feature_buffer WHERE store = ?", (store,))
            .fetchone()
        )
        return int(found)

    def buffered(self, store: str, characters: int, newest: int) -> list[Buffered]:
        """The oldest calls in the buffer, about as many characters as asked for, at least one call if any.

        Args:
            newest: the number of the last call that is wanted.
        """
        found: list[Buffered] = []
        rows = self.database.connection().execute(
            "SELECT number, called, deleted, body FROM feature_buffer WHERE store = ? AND number <= ?"
            " ORDER BY number",
            (store, newest),
        )
        for number, called, deleted, body in rows:
            found.append(Buffered(number, called, bool(deleted), body))
            characters -= len(body)
            if characters <= 0:
                break
        rows.close()
        return found

    def drop_buffered(self, store: str, last: int) -> None:
        """Remove the calls up to a number; inside the transaction that shows their records' files."""
        with self.database.transaction() as connection:
            connection.execute("DELETE FROM feature_buffer WHERE store = ? AND number <= ?", (store, last))


@cache
def _put(rows: int) -> str:
    return _PUT.format(rows=", ".join(["(?, ?, ?, ?, ?, ?)"] * rows))


def _apply(connection: sqlite3.Connection, given: Write) -> None:
    try:
        given.check()
    except Exception as refused:  # noqa: BLE001 - the caller's own answer; the others' records go on
        given.fault = refused
        return
    # One statement, not one a row: Python's lock is let go with every statement, and then another thread has
    # it for milliseconds.
    for start in range(0, len(given.online), _MOST_ROWS):
        rows = given.online[start : start + _MOST_ROWS]
        connection.execute(_put(len(rows)), [*chain.from_iterable(rows), given.now])
    if given.offline:
        connection.executemany(_BUFFER, given.offline)
