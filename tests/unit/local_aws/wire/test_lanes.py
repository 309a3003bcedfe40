"""Which thread answers a call, and which calls share a commit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local_aws.state.features import Features, Write
from local_aws.state.records import Database
from local_aws.wire.lanes import Lanes, lane_of, meanwhile

SECONDS = 20


def request(command: str, path: str, error: Any = None) -> Any:
    return SimpleNamespace(command=command, path=path, error=error)


@pytest.mark.parametrize(
    ("command", "path", "lane"),
    [
        ("GET", "/FeatureGroup/g", "at once"),
        ("PUT", "/FeatureGroup/g", "in turn"),
        ("POST", "/BatchWriteRecord", "in turn"),
        ("DELETE", "/FeatureGroup/g", "beside others"),
        ("POST", "/FeatureGroup/g/ListRecords", "beside others"),
        ("POST", "/BatchGetRecord", "beside others"),
        ("GET", "/bucket/key", "beside others"),
        ("POST", "/", "beside others"),
    ],
)
def test_the_lane_of_a_call(command: str, path: str, lane: str) -> None:
    assert lane_of(request(command, path)) == lane


def test_a_request_that_cannot_be_read_goes_beside_the_others() -> None:
    assert lane_of(SimpleNamespace(error=ValueError("bad header"))) == "beside others"


@dataclass
class Channel:
    """A waitress channel with one request, which does ``work``."""

    work: Any
    command: str = "POST"
    path: str = "/BatchWriteRecord"
    thread: str = ""
    total_outbufs_len: int = 0  # bytes of answers that its client has not fetched
    behind: int = 0  # further requests
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def requests(self) -> list[Any]:
        return [request(self.command, self.path)] * (1 + self.behind)

    def service(self) -> None:
        self.thread = threading.current_thread().name
        try:
            self.work()
        finally:
            self.done.set()


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    made = Lanes(2)
    yield made
    made.shutdown()


def test_what_is_answered_at_once_is_answered_by_the_thread_that_says_when(lanes: Lanes) -> None:
    channel = Channel(lambda: None, "GET", "/FeatureGroup/g")
    lanes.add_task(channel)  # with the channel's lock held, which answering it takes
    assert not channel.done.is_set()
    lanes.serve_at_once()
    assert channel.thread == threading.current_thread().name


@pytest.mark.parametrize("fault", [RuntimeError("a bug"), SystemExit("a bug")])
def test_what_fails_does_not_end_the_thread(
    lanes: Lanes, caplog: pytest.LogCaptureFixture, fault: BaseException
) -> None:
    def fail() -> None:
        raise fault

    for work in (fail, lambda: None):
        channel = Channel(work)
        lanes.add_task(channel)
        assert channel.done.wait(SECONDS)
    assert "a bug" in caplog.text


@pytest.mark.parametrize("path", ["/BatchWriteRecord", "/FeatureGroup/g"])
@pytest.mark.parametrize("more", [{"behind": 1}, {"total_outbufs_len": 1}])
def test_who_does_not_fetch_its_answers_is_answered_beside_the_others(
    lanes: Lanes, path: str, more: dict[str, int]
) -> None:
    """Its thread may have to wait for it; the one that reads all sockets, or writes all records, must not."""
    channel = Channel(lambda: None, "GET" if path != "/BatchWriteRecord" else "POST", path, **more)
    lanes.add_task(channel)
    assert channel.done.wait(SECONDS)
    assert channel.thread.startswith("waitress")


def test_calls_that_came_meanwhile_share_a_commit(lanes: Lanes, tmp_path: Path) -> None:
    """Three writers wait while a fourth is at work: one commit, and who is refused is alone."""
    database = Database(tmp_path / "state.db")
    features = Features(database, meanwhile)
    commits: list[int] = []
    commit = features._commit

    def counted() -> None:
        commits.append(len(features._waiting))
        commit()

    features._commit = counted  # type: ignore[method-assign]
    at_work, go_on = threading.Event(), threading.Event()
    answers: dict[str, str] = {}

    def writer(name: str, *, first: bool = False, refused: bool = False) -> Channel:
        def check() -> None:
            if refused:
                raise LookupError("closed")

        def work() -> None:
            if first:
                at_work.set()
                assert go_on.wait(SECONDS)
            write = Write(check, [("store", name, 1.0, None, 0, "[]")], [("store", 1.0, 0, "[[]]")], 1.0)
            try:
                features.write(write)
            except LookupError as refusal:
                answers[name] = str(refusal)
            else:  # acknowledged: then another connection finds it
                found = features.find("store", name, 2.0)
                answers[name] = found.id if found else "lost"

        return Channel(work)

    channels = [writer("a", first=True), writer("b"), writer("c", refused=True), writer("d")]
    lanes.add_task(channels[0])
    assert at_work.wait(SECONDS)
    for channel in channels[1:]:
        lanes.add_task(channel)
    go_on.set()
    assert all(channel.done.wait(SECONDS) for channel in channels)
    assert answers == {"a": "a", "b": "b", "c": "closed", "d": "d"}
    assert commits == [4]
    assert [call.number for call in features.buffered("store", 1000, 1000)] == [1, 2, 3]
    assert {channel.thread for channel in channels} == {"in turn"}


def test_whose_records_cannot_be_stored_fails_alone(tmp_path: Path) -> None:
    """Half of a surrogate pair is no text for SQLite: its call fails, and those beside it do not."""
    features = Features(Database(tmp_path / "state.db"), lambda: False)
    writes = [write_of("a"), write_of("\ud800"), write_of("c")]
    features._waiting = writes[:2]
    features.write(writes[2])
    assert [type(each.fault) for each in writes] == [type(None), UnicodeEncodeError, type(None)]
    assert [bool(features.find("store", name, 2.0)) for name in ("a", "c")] == [True, True]
    assert len(features.buffered("store", 1000, 1000)) == 2


def test_a_call_is_answered_whatever_else_comes(tmp_path: Path) -> None:
    features = Features(Database(tmp_path / "state.db"), lambda: True)  # calls that write nothing, for ever
    features.write(write_of("a"))
    assert features.find("store", "a", 2.0) is not None


def test_what_is_answered_is_not_left_to_a_transaction_around_it(tmp_path: Path) -> None:
    features = Features(Database(tmp_path / "state.db"))
    with features.database.transaction(), pytest.raises(RuntimeError, match="write_within"):
        features.write(write_of("a"))
    assert features.find("store", "a", 2.0) is None


def write_of(name: str) -> Write:
    return Write(lambda: None, [("store", name, 1.0, None, 0, "[]")], [("store", 1.0, 0, "[]")], 1.0)


def test_elsewhere_there_is_nothing_to_do_meanwhile() -> None:
    assert meanwhile() is False


def test_a_stop_ends_the_thread_after_what_waits(lanes: Lanes) -> None:
    channels = [Channel(lambda: None) for _ in range(50)]
    for channel in channels:
        lanes.add_task(channel)
    lanes.shutdown()
    assert all(channel.done.is_set() for channel in channels)
    assert "in turn" not in {thread.name for thread in threading.enumerate() if thread.is_alive()}
