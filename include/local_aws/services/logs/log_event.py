"""Log events: written in batches, read forwards, backwards or through a filter.

Tokens: ``f/<id>`` continues behind the event with that id, ``b/<id>`` before it. As on AWS, reading at the
end answers the token that was sent, which is how a reader knows that it is at the end for now.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from local_aws.services.context import Context
from local_aws.services.logs.log_group import missing_group
from local_aws.services.logs.log_stream import group_name, missing_stream
from local_aws.state.logs import GroupMissing, LogEvent, StreamMissing, now_ms
from local_aws.state.paging import page
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call, operation

_PAGE = 10_000  # events
_PAGE_BYTES = 1 << 20
_TOKEN = re.compile(r"([fb])/(\d{56})")
_TOO_OLD_MS = 14 * 24 * 3600 * 1000
_TOO_NEW_MS = 2 * 3600 * 1000


@operation("logs", "PutLogEvents")
def put_log_events(context: Context, call: Call) -> dict[str, Any]:
    """Append events; those too old or too far ahead are left out and counted, as on AWS."""
    group, stream = call.parameters["logGroupName"], call.parameters["logStreamName"]
    events = [(event["timestamp"], event["message"]) for event in call.parameters["logEvents"]]
    if any(later < earlier for (earlier, _), (later, _) in pairwise(events)):
        raise AwsError(
            "InvalidParameterException",
            "Log events in a single PutLogEvents request must be in chronological order.",
        )
    _need_stream(context, group, stream)
    now = now_ms()
    good = [event for event in events if now - _TOO_OLD_MS <= event[0] <= now + _TOO_NEW_MS]
    context.logs.put(group, stream, good)
    rejected: dict[str, int] = {}
    old = sum(timestamp < now - _TOO_OLD_MS for timestamp, _ in events)
    if old:
        rejected["tooOldLogEventEndIndex"] = old
    new = next((index for index, (timestamp, _) in enumerate(events) if timestamp > now + _TOO_NEW_MS), None)
    if new is not None:
        rejected["tooNewLogEventStartIndex"] = new
    return {"nextSequenceToken": "1", "rejectedLogEventsInfo": rejected or None}


@operation("logs", "GetLogEvents")
def get_log_events(context: Context, call: Call) -> dict[str, Any]:
    """One stream's events: from the head or the tail, or from where a token points."""
    asked = call.parameters
    group, stream = group_name(call), asked["logStreamName"]
    limit = asked.get("limit", _PAGE)
    way, position = _read(asked.get("nextToken"))
    from_end = way == "b" or (way is None and not asked.get("startFromHead"))
    try:
        events = context.logs.events(
            group,
            stream,
            asked.get("startTime"),
            asked.get("endTime"),
            position if way == "f" else 0,
            before=position if way == "b" else None,
            limit=limit,
            from_end=from_end,
        )
    except GroupMissing:
        raise missing_group() from None
    except StreamMissing:
        raise missing_stream() from None
    found = _fitting(events[::-1])[::-1] if from_end else _fitting(events)
    if found:
        forward, backward = found[-1].id, found[0].id
    else:
        forward = backward = position
    return {
        "events": [
            {"timestamp": event.timestamp_ms, "message": event.message, "ingestionTime": event.ingested_ms}
            for event in found
        ],
        "nextForwardToken": _token("f", forward),
        "nextBackwardToken": _token("b", backward),
    }


@operation("logs", "FilterLogEvents")
def filter_log_events(context: Context, call: Call) -> dict[str, Any]:
    """Events of many streams that a pattern matches, in the order they happened."""
    asked = call.parameters
    group = group_name(call)
    streams, prefix = asked.get("logStreamNames"), asked.get("logStreamNamePrefix")
    if streams is not None and prefix is not None:
        raise AwsError(
            "InvalidParameterException", "logStreamNames and logStreamNamePrefix are mutually exclusive."
        )
    matches = _pattern(asked.get("filterPattern", ""))
    try:
        if prefix is not None:
            streams = [stream.name for stream in context.logs.streams(group, prefix)]
        events = context.logs.events_of_group(group, streams, asked.get("startTime"), asked.get("endTime"))
    except GroupMissing:
        raise missing_group() from None
    found, token = page(
        sorted((event for event in events if matches(event.message)), key=_when),
        token=asked.get("nextToken"),
        limit=asked.get("limit", _PAGE),
        key=_when,
    )
    return {
        "events": [
            {
                "logStreamName": event.stream,
                "timestamp": event.timestamp_ms,
                "message": event.message,
                "ingestionTime": event.ingested_ms,
                "eventId": f"{event.id:056d}",
            }
            for event in found
        ],
        "searchedLogStreams": [],
        "nextToken": token,
    }


def _when(event: LogEvent) -> tuple[int, int]:
    return event.timestamp_ms, event.id


def _fitting(events: list[LogEvent]) -> list[LogEvent]:
    """As many events as one answer holds, by bytes: 26 of overhead each, as AWS counts."""
    size = 0
    for count, event in enumerate(events):
        size += len(event.message.encode()) + 26
        if size > _PAGE_BYTES and count:
            return events[:count]
    return events


def _token(way: str, position: int) -> str:
    return f"{way}/{position:056d}"


def _read(token: str | None) -> tuple[str | None, int]:
    if token is None:
        return None, 0
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise AwsError("InvalidParameterException", "The specified nextToken is invalid.")
    return match[1], int(match[2])


def _need_stream(context: Context, group: str, stream: str) -> None:
    try:
        context.logs.events(group, stream, limit=0)
    except GroupMissing:
        raise missing_group() from None
    except StreamMissing:
        raise missing_stream() from None


def _pattern(text: str) -> Callable[[str], bool]:
    """Terms of an unstructured filter: all must occur, ``-term`` must not, one of ``?term`` must.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
    """
    text = text.strip()
    if text.startswith(("{", "[", "%")):
        raise NotEmulated("logs", "FilterLogEvents", "a JSON, space-delimited or regular-expression pattern")
    try:
        terms = shlex.split(text)
    except ValueError:
        raise AwsError("InvalidParameterException", "Invalid filter pattern") from None
    some = [term[1:] for term in terms if term.startswith("?")]
    never = [term[1:] for term in terms if term.startswith("-")]
    every = [term for term in terms if not term.startswith(("?", "-"))]

    def matches(message: str) -> bool:
        return (
            all(term in message for term in every)
            and not any(term in message for term in never)
            and (not some or any(term in message for term in some))
        )

    return matches
