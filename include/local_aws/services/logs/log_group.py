"""Log groups."""

from __future__ import annotations

from typing import Any

from local_aws.services.context import Context
from local_aws.state.logs import GroupMissing, LogGroup, LogNameTaken
from local_aws.state.paging import page
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call, operation

_PAGE = 50


def missing_group() -> AwsError:
    """What AWS answers for a log group that is not there."""
    return AwsError("ResourceNotFoundException", "The specified log group does not exist.")


def arn(call: Call, group: str) -> str:
    """The log group's ARN, without the trailing ``:*``."""
    return f"arn:aws:logs:{call.region}:{call.account_id}:log-group:{group}"


@operation("logs", "CreateLogGroup")
def create_log_group(context: Context, call: Call) -> dict[str, Any]:
    """Make a log group."""
    for name in ("kmsKeyId", "tags"):
        if name in call.parameters:
            raise NotEmulated("logs", "CreateLogGroup", name)
    try:
        context.logs.create_group(call.parameters["logGroupName"])
    except LogNameTaken:
        raise AwsError("ResourceAlreadyExistsException", "The specified log group already exists") from None
    return {}


@operation("logs", "DeleteLogGroup")
def delete_log_group(context: Context, call: Call) -> dict[str, Any]:
    """Remove a log group with its streams and events."""
    try:
        context.logs.delete_group(call.parameters["logGroupName"])
    except GroupMissing:
        raise missing_group() from None
    return {}


@operation("logs", "PutRetentionPolicy")
def put_retention_policy(context: Context, call: Call) -> dict[str, Any]:
    """Note the retention; nothing is ever removed for its age."""
    try:
        context.logs.retain(call.parameters["logGroupName"], call.parameters["retentionInDays"])
    except GroupMissing:
        raise missing_group() from None
    return {}


@operation("logs", "DescribeLogGroups")
def describe_log_groups(context: Context, call: Call) -> dict[str, Any]:
    """Log groups by name, by prefix or by a part of the name."""
    prefix = call.parameters.get("logGroupNamePrefix", "")
    pattern = call.parameters.get("logGroupNamePattern", "")
    if prefix and pattern:
        raise AwsError(
            "InvalidParameterException",
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive.",
        )
    found, token = page(
        [group for group in context.logs.groups(prefix) if pattern.lower() in group.name.lower()],
        token=call.parameters.get("nextToken"),
        limit=call.parameters.get("limit", _PAGE),
        key=lambda group: group.name,
    )
    return {"logGroups": [_shown(call, group) for group in found], "nextToken": token}


def _shown(call: Call, group: LogGroup) -> dict[str, Any]:
    return {
        "logGroupName": group.name,
        "creationTime": group.created_ms,
        "retentionInDays": group.retention_days,
        "metricFilterCount": 0,
        "arn": f"{arn(call, group.name)}:*",
        "logGroupArn": arn(call, group.name),
        "logGroupClass": "STANDARD",
        "storedBytes": 0,
    }
