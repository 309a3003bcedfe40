"""Records: what is stored comes back, and two writers never lose each other's change."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_aws.app import CannotStart, serve
from local_aws.settings import Settings
from local_aws.state.records import (
    VERSION,
    Database,
    RecordExists,
    RecordMissing,
    Records,
    StateIsNewer,
    decode,
    encode,
)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "state.db")


@pytest.fixture
def records(database: Database) -> Records:
    return Records(database, "test.thing")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.datetimes(timezones=st.just(UTC)),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["$time", "$bytes", "$dict"]), inner)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSON))
@settings(max_examples=200, deadline=None)
def test_any_body_comes_back(body: dict[str, Any]) -> None:
    assert decode(encode(body)) == body


def test_life_of_a_record(records: Records) -> None:
    inserted = records.insert("a", {"n": 1})
    assert records.get("a") == inserted
    with pytest.raises(RecordExists):
        records.insert("a", {"n": 2})
    changed = records.change("a", lambda body: {"n": body["n"] + 1})
    assert (changed.version, changed.body, changed.created) == (2, {"n": 2}, inserted.created)
    assert records.get("a") == changed
    assert records.delete("a")
    assert not records.delete("a")
    assert records.find("a") is None
    with pytest.raises(RecordMissing):
        records.get("a")
    with pytest.raises(RecordMissing):
        records.change("a", lambda body: body)


def test_a_change_that_declines_changes_nothing(records: Records) -> None:
    records.insert("a", {"n": 1})
    assert records.change("a", lambda _: None).version == 1


def test_a_change_that_raises_changes_nothing(records: Records) -> None:
    records.insert("a", {"n": 1})

    def fail(body: dict[str, Any]) -> dict[str, Any]:
        body["n"] = 2
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        records.change("a", fail)
    assert records.get("a").body == {"n": 1}
    records.insert("b", {})  # the transaction is over


def test_kinds_do_not_see_each_other(database: Database, records: Records) -> None:
    records.insert("a", {})
    assert Records(database, "test.other").find("a") is None


def test_scan(records: Records) -> None:
    for key in ("a", "ab", "abc", "b", "a\U0010fffd", "ä"):
        records.insert(key, {})
    assert [record.key for record in records.scan()] == ["a", "ab", "abc", "a\U0010fffd", "b", "ä"]
    assert [record.key for record in records.scan("ab")] == ["ab", "abc"]
    assert [record.key for record in records.scan("a", after="ab")] == ["abc", "a\U0010fffd"]


def test_changes_of_many_threads_all_count(records: Records) -> None:
    records.insert("a", {"n": 0})

    def add() -> None:
        for _ in range(50):
            records.change("a", lambda body: {"n": body["n"] + 1})

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert records.get("a").body == {"n": 400}


def test_a_transaction_inside_another_joins_it(database: Database, records: Records) -> None:
    def both() -> None:
        with database.transaction():
            records.insert("a", {})
            records.insert("b", {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        both()
    assert list(records.scan()) == []


def test_everything_is_there_in_another_process(tmp_path: Path) -> None:
    Records(Database(tmp_path / "state.db"), "k").insert("a", {"at": datetime(2026, 1, 15, tzinfo=UTC)})
    again = Records(Database(tmp_path / "state.db"), "k").get("a")
    assert again.body == {"at": datetime(2026, 1, 15, tzinfo=UTC)}


def test_a_file_has_the_version_of_its_tables(tmp_path: Path) -> None:
    """A new file gets it, one from before versions too; both open again."""
    path = tmp_path / "state.db"
    for before in (None, 0, VERSION):
        database = Database(path)
        if before is not None:
            database.connection().execute(f"PRAGMA user_version = {before}")
        assert Database(path).connection().execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_a_newer_file_is_refused_in_one_sentence_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    Database(path).connection().execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(StateIsNewer):
        Database(path)
    with pytest.raises(CannotStart) as refused:
        serve(Settings(data_dir=tmp_path, port=0))
    assert str(refused.value) == (
        f"{path} has version {VERSION + 1} and this stand-in reads up to version {VERSION}: update the "
        "project, or choose another data directory."
    )
    with pytest.raises(StateIsNewer):
        Database(path)


def test_a_commit_that_fails_leaves_no_transaction_open(database: Database) -> None:
    """Else the thread's next change would join it, be acknowledged and never be committed."""
    connection = database.connection()
    connection.execute("PRAGMA foreign_keys = ON")
    database.ensure(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY);"
        "CREATE TABLE child (id REFERENCES parent DEFERRABLE INITIALLY DEFERRED);"
    )
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"), database.transaction() as writing:
        writing.execute("INSERT INTO child VALUES (1)")
    with database.transaction() as writing:
        writing.execute("INSERT INTO parent VALUES (2)")
    with closing(sqlite3.connect(database.path)) as other:
        assert other.execute("SELECT * FROM child").fetchall() == []
        assert other.execute("SELECT * FROM parent").fetchall() == [(2,)]
