"""CloudWatch Logs."""

from __future__ import annotations

import time

from tests.contract.local_aws.examples import Request, World, example


def group(world: World) -> str:
    name = world.name("/group")
    world.client("logs").create_log_group(logGroupName=name)
    return name


def stream(world: World) -> Request:
    name = group(world)
    world.client("logs").create_log_stream(logGroupName=name, logStreamName="s")
    return {"logGroupName": name, "logStreamName": "s"}


def events() -> list[Request]:
    now = int(time.time() * 1000)
    return [{"timestamp": now, "message": "first"}, {"timestamp": now + 1, "message": "second"}]


def stream_with_events(world: World) -> Request:
    where = stream(world)
    world.client("logs").put_log_events(**where, logEvents=events())
    return where


@example("logs", "CreateLogGroup")
def create_log_group(world: World) -> Request:
    return {"logGroupName": world.name("/group")}


@example("logs", "DeleteLogGroup")
def delete_log_group(world: World) -> Request:
    return {"logGroupName": group(world)}


@example("logs", "PutRetentionPolicy")
def put_retention_policy(world: World) -> Request:
    return {"logGroupName": group(world), "retentionInDays": 7}


@example("logs", "DescribeLogGroups")
def describe_log_groups(world: World) -> Request:
    return {"logGroupNamePrefix": group(world)}


@example("logs", "CreateLogStream")
def create_log_stream(world: World) -> Request:
    return {"logGroupName": group(world), "logStreamName": "s"}


@example("logs", "DeleteLogStream")
def delete_log_stream(world: World) -> Request:
    return stream(world)


@example("logs", "DescribeLogStreams")
def describe_log_streams(world: World) -> Request:
    return {"logGroupName": stream_with_events(world)["logGroupName"]}


@example("logs", "PutLogEvents")
def put_log_events(world: World) -> Request:
    return {**stream(world), "logEvents": events()}


@example("logs", "GetLogEvents")
def get_log_events(world: World) -> Request:
    return {**stream_with_events(world), "startFromHead": True}


@example("logs", "FilterLogEvents")
def filter_log_events(world: World) -> Request:
    return {"logGroupName": stream_with_events(world)["logGroupName"], "filterPattern": "second"}
