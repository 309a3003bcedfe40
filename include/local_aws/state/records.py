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


class RecordExists(Exception):  # noqa: N818 - reads as what happened
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


def _encode(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"$time": value.astimezone(UTC).isoformat()}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    raise TypeError(f"cannot store {type(value).__name__}")


def _decode(value: dict[str, Any]) -> Any:
    if len(value) == 1:
        if "$time" in value:
            return datetime.fromisoformat(value["$time"])
        if "$bytes" in value:
            return base64.b64decode(value["$bytes"])
    return value


class Database:
    """One SQLite file, one connection a thread.

    WAL lets readers work beside the writer; synchronous=FULL makes a commit survive a power cut,
    which is what "acknowledged" means here; busy_timeout waits instead of failing when two threads write.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.transaction() as connection:
            connection.executescript(_SCHEMA)

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
        """A write transaction that takes the lock at once; rolled back on any exception."""
        connection = self.connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if connection.in_transaction:
            connection.execute("COMMIT")


class Records:
    """The records of one kind, e.g. ``Records(database, "glue.table")``."""

    def __init__(self, database: Database, kind: str) -> None:
        self.database = database
        self.kind = kind

    def insert(self, key: str, body: Body) -> Record:
        """Store a new record. Raises RecordExists."""
        created = datetime.now(UTC)
        with self.database.transaction() as connection:
            try:
                connection.execute(
                    "INSERT INTO records VALUES (?, ?, ?, 1, ?)",
                    (self.kind, key, created.timestamp(), json.dumps(body, default=_encode)),
                )
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
                (json.dumps(body, default=_encode), self.kind, key),
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
                "SELECT * FROM records WHERE kind = ? AND key > ? AND key >= ? ORDER BY key",
                (self.kind, after, prefix),
            )
            .fetchall()
        )
        for row in rows:
            if not row[1].startswith(prefix):
                return
            yield _record(row)


def _record(row: tuple[Any, ...]) -> Record:
    _, key, created, version, body = row
    return Record(key, datetime.fromtimestamp(created, UTC), version, json.loads(body, object_hook=_decode))
