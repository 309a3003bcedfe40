"""Records: every AWS resource except S3 objects is one JSON document in one SQLite table.

    records(kind, key) -> body        kind names the resource ("sagemaker.training_job"),
                                      key is unique within it, version counts the writes

A change is always read-modify-write inside one immediate transaction, so that two threads cannot
overwrite each other: a late exit of a job never undoes a Stop.
"""

from __future__ import annotations

import base64
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Body = dict[str, Any]

LAST_CHARACTER = "\U0010ffff"  # no character at all, so prefix + this lies behind every key with the prefix
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    kind    TEXT NOT NULL,
    key     TEXT NOT NULL,
    created REAL NOT NULL,
    version INTEGER NOT NULL,
    body    TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
"""


# Of the tables in state.db; raise it when an older stand-in could not read what is written from then on.
VERSION = 1


class StateIsNewer(Exception):
    """The state was written by a newer version of the stand-in."""


class RecordExists(Exception):
    """A record of this kind and key is there already."""


class RecordMissing(KeyError):
    """There is no record of this kind and key."""


@dataclass(frozen=True)
class Record:
    """One stored resource."""

    key: str
    created: datetime  # UTC
    version: int  # 1 after insert, one more with every change
    body: Body


def encode(body: Body) -> str:
    """JSON text of a body; datetimes and bytes become ``{"$time": ...}`` and ``{"$bytes": ...}``."""
    return json.dumps(_plain(body))


def decode(text: str) -> Body:
    """The body that ``encode`` was given."""
    body: Body = json.loads(text, object_hook=_rich)
    return body


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        plain = {key: _plain(item) for key, item in value.items()}
        # A user's own mapping that looks like one of our markers is wrapped, so that it comes back as it was.
        return {"$dict": [[key, item] for key, item in plain.items()]} if _is_marker(plain) else plain
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return {"$time": value.astimezone(UTC).isoformat()}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    return value


def _rich(value: dict[str, Any]) -> Any:
    if not _is_marker(value):
        return value
    [(marker, content)] = value.items()
    if marker == "$time":
        return datetime.fromisoformat(content)
    if marker == "$bytes":
        return base64.b64decode(content)
    return dict(content)


def _is_marker(value: dict[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)) in ("$time", "$bytes", "$dict")


class Database:
    """One SQLite file, one connection a thread.

    WAL lets readers work beside the writer; synchronous=FULL makes a commit survive a power cut,
    which is what "acknowledged" means here; busy_timeout waits instead of failing when two threads write.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        # Writers of this process queue here: SQLite's own waiting sleeps and retries, up to 0.1 s a try.
        self._writer = threading.RLock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._take_version()
        self.ensure(_SCHEMA)

    def _take_version(self) -> None:
        """Raise StateIsNewer for a file that a newer stand-in wrote; 0 is new, or from before versions."""
        (found,) = self.connection().execute("PRAGMA user_version").fetchone()
        if found > VERSION:
            raise StateIsNewer(
                f"{self.path} has version {found} and this stand-in reads up to version {VERSION}: "
                "update the project, or choose another data directory"
            )
        if found < VERSION:
            self.connection().execute(f"PRAGMA user_version = {VERSION}")

    def ensure(self, schema: str) -> None:
        """Run ``CREATE … IF NOT EXISTS`` statements, each on its own.

        Outside a transaction, because ``executescript`` would commit the one that is open.
        """
        with self._writer:
            self.connection().executescript(schema)

    def connection(self) -> sqlite3.Connection:
        """This thread's connection, in autocommit mode."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = sqlite3.connect(self.path, isolation_level=None, timeout=30)
            found.execute("PRAGMA journal_mode=WAL")
            found.execute("PRAGMA synchronous=FULL")
            self._local.connection = found
        return found

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction that takes the lock at once; rolled back on any exception.

        Inside another one on the same thread it joins that one, so that several changes commit together.
        """
        connection = self.connection()
        with self._writer:
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # Also a commit may fail; what it leaves open, the thread's next transaction would join, and
                # nobody would ever commit that. Some faults roll back by themselves.
                if self.connection().in_transaction:
                    connection.execute("ROLLBACK")
                raise


class Records:
    """The records of one kind, e.g. ``Records(database, "glue.table")``."""

    def __init__(self, database: Database, kind: str) -> None:
        self.database = database
        self.kind = kind

    def insert(self, key: str, body: Body) -> Record:
        """Store a new record. Raises RecordExists."""
        created = datetime.now(UTC)
        row = (self.kind, key, created.timestamp(), encode(body))
        with self.database.transaction() as connection:
            try:
                connection.execute("INSERT INTO records VALUES (?, ?, ?, 1, ?)", row)
            except sqlite3.IntegrityError:
                raise RecordExists(key) from None
        return Record(key, created, 1, body)

    def find(self, key: str) -> Record | None:
        """The record, or None."""
        row = (
            self.database.connection()
            .execute("SELECT * FROM records WHERE kind = ? AND key = ?", (self.kind, key))
            .fetchone()
        )
        return _record(row) if row else None

    def get(self, key: str) -> Record:
        """The record. Raises RecordMissing."""
        found = self.find(key)
        if found is None:
            raise RecordMissing(key)
        return found

    def change(self, key: str, how: Callable[[Body], Body | None]) -> Record:
        """Replace the body by ``how(body)`` in one transaction; ``None`` leaves it as it is.

        Raises RecordMissing; whatever ``how`` raises rolls back.
        """
        with self.database.transaction() as connection:
            row = connection.execute(
                "SELECT * FROM records WHERE kind = ? AND key = ?", (self.kind, key)
            ).fetchone()
            if row is None:
                raise RecordMissing(key)
            before = _record(row)
            body = how(before.body)
            if body is None:
                return before
            connection.execute(
                "UPDATE records SET body = ?, version = version + 1 WHERE kind = ? AND key = ?",
                (encode(body), self.kind, key),
            )
        return Record(key, before.created, before.version + 1, body)

    def delete(self, key: str) -> bool:
        """Remove the record; False when there was none."""
        with self.database.transaction() as connection:
            cursor = connection.execute("DELETE FROM records WHERE kind = ? AND key = ?", (self.kind, key))
        return cursor.rowcount > 0

    def scan(self, prefix: str = "", after: str = "") -> Iterator[Record]:
        """Records in key order whose key starts with ``prefix`` and lies behind ``after``."""
        rows = (
            self.database.connection()
            .execute(
                "SELECT * FROM records WHERE kind = ? AND key > ? AND key >= ? AND key < ? ORDER BY key",
                (self.kind, after, prefix, prefix + LAST_CHARACTER),
            )
            .fetchall()
        )
        for row in rows:
            yield _record(row)


def _record(row: tuple[Any, ...]) -> Record:
    _, key, created, version, body = row
    return Record(key, datetime.fromtimestamp(created, UTC), version, decode(body))
