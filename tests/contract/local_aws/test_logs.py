"""CloudWatch Logs through boto3, read as boto3's users and Airflow's AwsLogsHook read it."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.stand_in import StandIn


@pytest.fixture
def logs(stand_in: StandIn) -> Any:
    return stand_in.client("logs")


@pytest.fixture
def stream(logs: Any) -> dict[str, str]:
    where = {"logGroupName": f"/test/{uuid.uuid4().hex[:8]}", "logStreamName": "one"}
    logs.create_log_group(logGroupName=where["logGroupName"])
    logs.create_log_stream(**where)
    return where


def write(logs: Any, stream: dict[str, str], *messages: str) -> int:
    """Put events one millisecond apart; the first one's time."""
    now = int(time.time() * 1000)
    events = [{"timestamp": now + number, "message": text} for number, text in enumerate(messages)]
    logs.put_log_events(**stream, logEvents=events)
    return now


def messages(answer: dict[str, Any]) -> list[str]:
    return [event["message"] for event in answer["events"]]


def code(call: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    found: str = caught.value.response["Error"]["Code"]
    return found


def test_reading_forwards_to_the_end_and_on(logs: Any, stream: dict[str, str]) -> None:
    """At the end the same token comes back; it goes on when more has been written."""
    write(logs, stream, *"abcde")
    first = logs.get_log_events(**stream, startFromHead=True, limit=2)
    second = logs.get_log_events(**stream, nextToken=first["nextForwardToken"], limit=2)
    third = logs.get_log_events(**stream, nextToken=second["nextForwardToken"], limit=2)
    end = logs.get_log_events(**stream, nextToken=third["nextForwardToken"], limit=2)
    assert [messages(answer) for answer in (first, second, third, end)] == [["a", "b"], ["c", "d"], ["e"], []]
    assert end["nextForwardToken"] == third["nextForwardToken"]
    write(logs, stream, "f")
    assert messages(logs.get_log_events(**stream, nextToken=end["nextForwardToken"])) == ["f"]


def test_reading_backwards(logs: Any, stream: dict[str, str]) -> None:
    write(logs, stream, *"abcde")
    last = logs.get_log_events(**stream, limit=2)
    before = logs.get_log_events(**stream, nextToken=last["nextBackwardToken"], limit=2)
    assert (messages(last), messages(before)) == (["d", "e"], ["b", "c"])


def test_an_empty_stream(logs: Any, stream: dict[str, str]) -> None:
    answer = logs.get_log_events(**stream, startFromHead=True)
    assert answer["events"] == []
    write(logs, stream, "later")
    assert messages(logs.get_log_events(**stream, nextToken=answer["nextForwardToken"])) == ["later"]


def test_a_span_of_time(logs: Any, stream: dict[str, str]) -> None:
    start = write(logs, stream, *"abcd")
    answer = logs.get_log_events(**stream, startTime=start + 1, endTime=start + 3, startFromHead=True)
    assert messages(answer) == ["b", "c"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", ["ERROR disk full", "INFO started", "ERROR timeout in step"]),
        ("ERROR", ["ERROR disk full", "ERROR timeout in step"]),
        ("ERROR timeout", ["ERROR timeout in step"]),
        ('"disk full"', ["ERROR disk full"]),
        ("ERROR -timeout", ["ERROR disk full"]),
        ("?started ?full", ["ERROR disk full", "INFO started"]),
    ],
)
def test_filter_patterns(logs: Any, stream: dict[str, str], pattern: str, found: list[str]) -> None:
    write(logs, stream, "ERROR disk full", "INFO started", "ERROR timeout in step")
    answer = logs.filter_log_events(logGroupName=stream["logGroupName"], filterPattern=pattern)
    assert messages(answer) == found


def test_a_json_pattern_is_refused_by_name(logs: Any, stream: dict[str, str]) -> None:
    with pytest.raises(ClientError, match=r"does not emulate logs\.FilterLogEvents with a JSON"):
        logs.filter_log_events(logGroupName=stream["logGroupName"], filterPattern="{ $.level = 1 }")


def test_filtering_pages_over_streams_in_time_order(logs: Any, stream: dict[str, str]) -> None:
    other = {**stream, "logStreamName": "two"}
    logs.create_log_stream(**other)
    now = int(time.time() * 1000)
    for number in range(6):
        where = stream if number % 2 else other
        logs.put_log_events(**where, logEvents=[{"timestamp": now + number, "message": str(number)}])
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=stream["logGroupName"], PaginationConfig={"PageSize": 2}
    )
    assert [event["message"] for page in pages for event in page["events"]] == list("012345")
    only = logs.filter_log_events(logGroupName=stream["logGroupName"], logStreamNamePrefix="tw")
    assert messages(only) == ["0", "2", "4"]


def test_streams_are_described(logs: Any, stream: dict[str, str]) -> None:
    start = write(logs, stream, "a", "b")
    [found] = logs.describe_log_streams(logGroupName=stream["logGroupName"])["logStreams"]
    assert (found["firstEventTimestamp"], found["lastEventTimestamp"]) == (start, start + 1)
    other = {**stream, "logStreamName": "zero"}
    logs.create_log_stream(**other)
    by_time = logs.describe_log_streams(
        logGroupName=stream["logGroupName"], orderBy="LastEventTime", descending=True
    )
    assert [one["logStreamName"] for one in by_time["logStreams"]] == ["one", "zero"]


def test_groups(logs: Any, stream: dict[str, str]) -> None:
    name = stream["logGroupName"]
    logs.put_retention_policy(logGroupName=name, retentionInDays=7)
    [group] = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert group["retentionInDays"] == 7
    by_part = logs.describe_log_groups(logGroupNamePattern=name[6:])["logGroups"]
    assert [one["logGroupName"] for one in by_part] == [name]
    assert code(logs.create_log_group, logGroupName=name) == "ResourceAlreadyExistsException"
    assert code(logs.create_log_stream, **stream) == "ResourceAlreadyExistsException"
    logs.delete_log_group(logGroupName=name)
    assert code(logs.get_log_events, **stream) == "ResourceNotFoundException"


def test_missing_things(logs: Any, stream: dict[str, str]) -> None:
    absent = {**stream, "logStreamName": "absent"}
    event = {"timestamp": int(time.time() * 1000), "message": "x"}
    assert code(logs.put_log_events, **absent, logEvents=[event]) == "ResourceNotFoundException"
    assert code(logs.get_log_events, **absent) == "ResourceNotFoundException"
    assert code(logs.describe_log_streams, logGroupName="absent") == "ResourceNotFoundException"
    assert code(logs.describe_log_groups, limit=51) == "InvalidParameterException"


def test_events_must_be_in_order_and_not_too_old(logs: Any, stream: dict[str, str]) -> None:
    now = int(time.time() * 1000)
    backwards = [{"timestamp": now, "message": "b"}, {"timestamp": now - 1, "message": "a"}]
    assert code(logs.put_log_events, **stream, logEvents=backwards) == "InvalidParameterException"
    old = [{"timestamp": now - 15 * 24 * 3600 * 1000, "message": "old"}, {"timestamp": now, "message": "new"}]
    answer = logs.put_log_events(**stream, logEvents=old)
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    assert messages(logs.get_log_events(**stream)) == ["new"]
