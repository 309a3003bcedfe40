"""CloudWatch Logs' state: groups, streams, and events in the order they arrived.

    groups(name) 1─n streams(group, name) 1─n events(id, group, stream, time, ingested, message)

An event's ``id`` is its place in the arrival order; forward tokens are made of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from local_aws.state.records import LAST_CHARACTER, Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS log_groups (
    name       TEXT PRIMARY KEY,
    created    INTEGER NOT NULL,
    retention  INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log_streams (
    group_name TEXT NOT NULL,
    name       TEXT NOT NULL,
    created    INTEGER NOT NULL,
    PRIMARY KEY (group_name, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log_events (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    group_name TEXT NOT NULL,
    stream     TEXT NOT NULL,
    timestamp  INTEGER NOT NULL,
    ingested   INTEGER NOT NULL,
    message    TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS log_events_of_stream ON log_events (group_name, stream, id);
"""


class GroupMissing(KeyError):
    """There is no log group of this name."""


class StreamMissing(KeyError):
    """There is no log stream of this name in the group."""


class LogNameTaken(Exception):
    """A log group or stream of this name is there already."""


@dataclass(frozen=True)
class LogGroup:
    """One log group."""

    name: str
    created_ms: int
    retention_days: int | None


@dataclass(frozen=True)
class LogStream:
    """One log stream."""

    group: str
    name: str
    created_ms: int
    first_event_ms: int | None
    last_event_ms: int | None
    last_ingested_ms: int | None


@dataclass(frozen=True)
class LogEvent:
    """One line."""

    id: int  # grows with arrival
    stream: str
    timestamp_ms: int
    ingested_ms: int
    message: str


class _Where:
    """Which events: an SQL condition and its values."""

    def __init__(
        self,
        group: str,
        streams: list[str] | None,
        *,
        start_ms: int | None,
        end_ms: int | None,
        after: int,
        before: int | None = None,
    ) -> None:
        limits = {
            "timestamp >= ?": start_ms,
            "timestamp < ?": end_ms,
            "id > ?": after,
            "id < ?": before,
        }
        chosen = {text: value for text, value in limits.items() if value is not None}
        parts = ["group_name = ?", *chosen]
        self.values: list[str | int] = [group, *chosen.values()]
        if streams is not None:
            parts.append(f"stream IN ({', '.join('?' * len(streams))})")
            self.values += streams
        self.condition = " AND ".join(parts)


def now_ms() -> int:
    """The time as CloudWatch counts it: milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Logs:
    """All log groups of the account."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.ensure(_SCHEMA)

    def create_group(self, group: str) -> None:
        """Make a log group. Raises LogNameTaken."""
        with self._database.transaction() as connection:
            if not connection.execute(
                "INSERT OR IGNORE INTO log_groups VALUES (?, ?, NULL)", (group, now_ms())
            ).rowcount:
                raise LogNameTaken(group)

    def delete_group(self, group: str) -> None:
        """Remove a group with all it holds. Raises GroupMissing."""
        with self._database.transaction() as connection:
            if not connection.execute("DELETE FROM log_groups WHERE name = ?", (group,)).rowcount:
                raise GroupMissing(group)
            connection.execute("DELETE FROM log_streams WHERE group_name = ?", (group,))
            connection.execute("DELETE FROM log_events WHERE group_name = ?", (group,))

    def retain(self, group: str, days: int | None) -> None:
        """Note for how many days events are to be kept. Raises GroupMissing."""
        with self._database.transaction() as connection:
            if not connection.execute(
                "UPDATE log_groups SET retention = ? WHERE name = ?", (days, group)
            ).rowcount:
                raise GroupMissing(group)

    def create_stream(self, group: str, stream: str) -> None:
        """Make a log stream. Raises GroupMissing, LogNameTaken."""
        with self._database.transaction() as connection:
            self._need_group(group)
            if not connection.execute(
                "INSERT OR IGNORE INTO log_streams VALUES (?, ?, ?)", (group, stream, now_ms())
            ).rowcount:
                raise LogNameTaken(stream)

    def delete_stream(self, group: str, stream: str) -> None:
        """Remove a stream with its events. Raises GroupMissing, StreamMissing."""
        with self._database.transaction() as connection:
            self._need_stream(group, stream)
            connection.execute("DELETE FROM log_streams WHERE group_name = ? AND name = ?", (group, stream))
            connection.execute("DELETE FROM log_events WHERE group_name = ? AND stream = ?", (group, stream))

    def put(self, group: str, stream: str, events: Iterable[tuple[int, str]]) -> None:
        """Append ``(milliseconds, message)`` events; makes the group and the stream if need be."""
        now = now_ms()
        with self._database.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO log_groups VALUES (?, ?, NULL)", (group, now))
            connection.execute("INSERT OR IGNORE INTO log_streams VALUES (?, ?, ?)", (group, stream, now))
            connection.executemany(
                "INSERT INTO log_events (group_name, stream, timestamp, ingested, message)"
                " VALUES (?, ?, ?, ?, ?)",
                [(group, stream, timestamp, now, message) for timestamp, message in events],
            )

    def events(
        self,
        group: str,
        stream: str,
        start_ms: int | None = None,
        end_ms: int | None = None,
        after: int = 0,
        *,
        before: int | None = None,
        limit: int | None = None,
        from_end: bool = False,
    ) -> list[LogEvent]:
        """Events of one stream in arrival order, those with an id above ``after`` and below ``before``.

        ``start_ms`` is inclusive, ``end_ms`` exclusive; at most ``limit``, the last ones if ``from_end``.
        Raises GroupMissing, StreamMissing.
        """
        self._need_stream(group, stream)
        where = _Where(group, [stream], start_ms=start_ms, end_ms=end_ms, after=after, before=before)
        found = list(self._events(where, limit=limit, descending=from_end))
        return found[::-1] if from_end else found

    def events_of_group(
        self,
        group: str,
        streams: list[str] | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        after: int = 0,
    ) -> Iterator[LogEvent]:
        """As ``events``, over several streams (``None``: all) of the group. Raises GroupMissing."""
        self._need_group(group)
        return self._events(_Where(group, streams, start_ms=start_ms, end_ms=end_ms, after=after))

    def groups(self, prefix: str = "") -> list[LogGroup]:
        """The log groups by name."""
        rows = self._database.connection().execute(
            "SELECT name, created, retention FROM log_groups WHERE name >= ? AND name < ? ORDER BY name",
            (prefix, prefix + LAST_CHARACTER),
        )
        return [LogGroup(*row) for row in rows]

    def streams(self, group: str, prefix: str = "") -> list[LogStream]:
        """The log streams of a group by name. Raises GroupMissing."""
        self._need_group(group)
        # By arrival, which the index answers without reading a stream's every event.
        event = "FROM log_events WHERE group_name = s.group_name AND stream = s.name ORDER BY id"
        query = (
            "SELECT s.group_name, s.name, s.created,"  # noqa: S608 - made of constants only
            f" (SELECT timestamp {event} LIMIT 1), (SELECT timestamp {event} DESC LIMIT 1),"
            f" (SELECT ingested {event} DESC LIMIT 1)"
            " FROM log_streams s WHERE s.group_name = ? AND s.name >= ? AND s.name < ? ORDER BY s.name"
        )
        rows = self._database.connection().execute(query, (group, prefix, prefix + LAST_CHARACTER))
        return [LogStream(*row) for row in rows]

    def _events(
        self, where: _Where, *, limit: int | None = None, descending: bool = False
    ) -> Iterator[LogEvent]:
        order = "DESC" if descending else "ASC"
        query = (
            "SELECT id, stream, timestamp, ingested, message FROM log_events"  # noqa: S608 - constants only
            f" WHERE {where.condition} ORDER BY id {order} LIMIT ?"
        )
        values = [*where.values, -1 if limit is None else limit]
        for row in self._database.connection().execute(query, values).fetchall():
            yield LogEvent(*row)

    def _need_group(self, group: str) -> None:
        row = self._database.connection().execute("SELECT 1 FROM log_groups WHERE name = ?", (group,))
        if row.fetchone() is None:
            raise GroupMissing(group)

    def _need_stream(self, group: str, stream: str) -> None:
        self._need_group(group)
        row = self._database.connection().execute(
            "SELECT 1 FROM log_streams WHERE group_name = ? AND name = ?", (group, stream)
        )
        if row.fetchone() is None:
            raise StreamMissing(stream)
