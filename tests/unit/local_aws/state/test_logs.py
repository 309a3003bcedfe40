"""Logs: events in the order they arrived, read from either end."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_aws.state.logs import GroupMissing, LogNameTaken, Logs, StreamMissing
from local_aws.state.records import Database


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return Logs(Database(tmp_path / "state.db"))


def test_put_makes_what_it_needs(logs: Logs) -> None:
    logs.put("g", "s", [(1, "a"), (2, "b")])
    logs.put("g", "s", [(1, "late")])
    assert [event.message for event in logs.events("g", "s")] == ["a", "b", "late"]
    [stream] = logs.streams("g")
    assert (stream.first_event_ms, stream.last_event_ms) == (1, 1)


def test_either_end_and_the_middle(logs: Logs) -> None:
    logs.put("g", "other", [(0, "not mine")])
    logs.put("g", "s", [(number, str(number)) for number in range(10)])
    events = logs.events("g", "s")
    texts = [event.message for event in events]
    assert [event.message for event in logs.events("g", "s", limit=3)] == texts[:3]
    assert [event.message for event in logs.events("g", "s", limit=3, from_end=True)] == texts[-3:]
    middle = logs.events("g", "s", after=events[2].id, before=events[7].id)
    assert [event.message for event in middle] == texts[3:7]
    assert [event.message for event in logs.events("g", "s", start_ms=4, end_ms=6)] == ["4", "5"]


def test_events_of_chosen_streams(logs: Logs) -> None:
    for stream in ("a", "b", "c"):
        logs.put("g", stream, [(1, stream)])
    assert [event.stream for event in logs.events_of_group("g")] == ["a", "b", "c"]
    assert [event.stream for event in logs.events_of_group("g", ["a", "c"])] == ["a", "c"]
    assert list(logs.events_of_group("g", [])) == []


def test_missing_and_taken_names(logs: Logs) -> None:
    with pytest.raises(GroupMissing):
        logs.events("g", "s")
    with pytest.raises(GroupMissing):
        logs.create_stream("g", "s")
    logs.create_group("g")
    with pytest.raises(LogNameTaken):
        logs.create_group("g")
    with pytest.raises(StreamMissing):
        logs.events("g", "s")
    logs.create_stream("g", "s")
    with pytest.raises(LogNameTaken):
        logs.create_stream("g", "s")
    assert logs.events("g", "s") == []
    logs.delete_group("g")
    assert logs.groups() == []


def test_groups_by_prefix(logs: Logs) -> None:
    for name in ("/aws/glue", "/aws/sagemaker", "other"):
        logs.create_group(name)
    assert [group.name for group in logs.groups("/aws/")] == ["/aws/glue", "/aws/sagemaker"]
