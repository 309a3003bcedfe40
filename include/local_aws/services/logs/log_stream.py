"""Log streams."""

from __future__ import annotations

from typing import Any

from local_aws.services.context import Context
from local_aws.services.logs.log_group import arn, missing_group
from local_aws.state.logs import GroupMissing, LogNameTaken, LogStream, StreamMissing
from local_aws.state.paging import Key, page
from local_aws.wire.errors import AwsError
from local_aws.wire.registry import Call, operation

_PAGE = 50


def missing_stream() -> AwsError:
    """What AWS answers for a log stream that is not there."""
    return AwsError("ResourceNotFoundException", "The specified log stream does not exist.")


def group_name(call: Call) -> str:
    """The log group that a call names, by name or by ARN."""
    identifier: str | None = call.parameters.get("logGroupIdentifier")
    if identifier is None:
        name: str | None = call.parameters.get("logGroupName")
        if name is None:
            raise AwsError(
                "InvalidParameterException", "Either logGroupName or logGroupIdentifier is required."
            )
        return name
    return identifier.rpartition(":log-group:")[2]


@operation("logs", "CreateLogStream")
def create_log_stream(context: Context, call: Call) -> dict[str, Any]:
    """Make a log stream in a group."""
    try:
        context.logs.create_stream(call.parameters["logGroupName"], call.parameters["logStreamName"])
    except GroupMissing:
        raise missing_group() from None
    except LogNameTaken:
        raise AwsError("ResourceAlreadyExistsException", "The specified log stream already exists") from None
    return {}


@operation("logs", "DeleteLogStream")
def delete_log_stream(context: Context, call: Call) -> dict[str, Any]:
    """Remove a log stream with its events."""
    try:
        context.logs.delete_stream(call.parameters["logGroupName"], call.parameters["logStreamName"])
    except GroupMissing:
        raise missing_group() from None
    except StreamMissing:
        raise missing_stream() from None
    return {}


@operation("logs", "DescribeLogStreams")
def describe_log_streams(context: Context, call: Call) -> dict[str, Any]:
    """The streams of a group, by name or by the time of their last event."""
    group = group_name(call)
    prefix = call.parameters.get("logStreamNamePrefix", "")
    by_time = call.parameters.get("orderBy") == "LastEventTime"
    if by_time and prefix:
        raise AwsError(
            "InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix."
        )
    descending = bool(call.parameters.get("descending", False))

    def key(stream: LogStream) -> Key:
        return (stream.last_event_ms or 0, stream.name) if by_time else stream.name

    try:
        streams = context.logs.streams(group, prefix)
    except GroupMissing:
        raise missing_group() from None
    found, token = page(
        sorted(streams, key=key, reverse=descending),
        token=call.parameters.get("nextToken"),
        limit=call.parameters.get("limit", _PAGE),
        key=key,
        descending=descending,
    )
    return {"logStreams": [_shown(call, stream) for stream in found], "nextToken": token}


def _shown(call: Call, stream: LogStream) -> dict[str, Any]:
    return {
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        "firstEventTimestamp": stream.first_event_ms,
        "lastEventTimestamp": stream.last_event_ms,
        "lastIngestionTime": stream.last_ingested_ms,
        "uploadSequenceToken": "1",
        "arn": f"{arn(call, stream.group)}:log-stream:{stream.name}",
        "storedBytes": 0,
    }
