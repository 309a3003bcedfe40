"""Requests for feature groups and their records."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.lake import Lake
from tests.support.stand_in import StandIn

ROLE = "arn:aws:iam::000000000000:role/feature-store"
DEFINITIONS = [
    {"FeatureName": "customer_id", "FeatureType": "Integral"},
    {"FeatureName": "event_time", "FeatureType": "String"},
    {"FeatureName": "income", "FeatureType": "Fractional"},
    {"FeatureName": "City", "FeatureType": "String"},
]
SECONDS = 30


def group_request(name: str, bucket: str | None = None, **changes: Any) -> dict[str, Any]:
    """A CreateFeatureGroup request: online, and offline with a bucket; ``None`` takes a member out."""
    request: dict[str, Any] = {
        "FeatureGroupName": name,
        "RecordIdentifierFeatureName": "customer_id",
        "EventTimeFeatureName": "event_time",
        "FeatureDefinitions": DEFINITIONS,
        "OnlineStoreConfig": {"EnableOnlineStore": True},
    }
    if bucket:
        request |= {
            "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": f"s3://{bucket}/features"}},
            "RoleArn": ROLE,
        }
    return {key: value for key, value in (request | changes).items() if value is not None}


def record(**values: Any) -> list[dict[str, Any]]:
    """FeatureValues; lists become ValueAsStringList."""
    return [
        {"FeatureName": name, "ValueAsStringList": value}
        if isinstance(value, list)
        else {"FeatureName": name, "ValueAsString": str(value)}
        for name, value in values.items()
    ]


def plain(values: list[dict[str, Any]]) -> dict[str, Any]:
    """FeatureValues as a dict."""
    return {each["FeatureName"]: each.get("ValueAsString", each.get("ValueAsStringList")) for each in values}


def until(ask: Callable[[], Any], wanted: Callable[[Any], bool], what: str) -> Any:
    """Ask until the answer is the wanted one; what a boto3 waiter does, which Feature Store lacks."""
    deadline = time.monotonic() + SECONDS
    while not wanted(answer := ask()):
        assert time.monotonic() < deadline, f"{what}: still {answer}"
        time.sleep(0.02)
    return answer


def created(aws: StandIn, request: Mapping[str, Any]) -> dict[str, Any]:
    """Create a group and wait until it takes records; its description."""
    client = aws.client("sagemaker")
    client.create_feature_group(**request)
    described: dict[str, Any] = settled(aws, request["FeatureGroupName"])
    assert described["FeatureGroupStatus"] == "Created", described.get("FailureReason")
    return described


def settled(aws: StandIn, name: str) -> dict[str, Any]:
    """The group's description when it is no longer being made."""
    client = aws.client("sagemaker")
    described: dict[str, Any] = until(
        lambda: client.describe_feature_group(FeatureGroupName=name),
        lambda answer: answer["FeatureGroupStatus"] != "Creating",
        f"feature group {name}",
    )
    return described


def updated(aws: StandIn, name: str, **change: Any) -> dict[str, Any]:
    """Update a group and wait for the end; its description."""
    client = aws.client("sagemaker")
    client.update_feature_group(FeatureGroupName=name, **change)
    described: dict[str, Any] = until(
        lambda: client.describe_feature_group(FeatureGroupName=name),
        lambda answer: answer["LastUpdateStatus"]["Status"] != "InProgress",
        f"the update of {name}",
    )
    return described


def table_of(described: Mapping[str, Any]) -> str:
    """The offline store's table as SQL names it."""
    where = described["OfflineStoreConfig"]["DataCatalogConfig"]
    return f'"{where["Database"]}"."{where["TableName"].lower()}"'


def offline_rows(lake: Lake, described: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """The rows of the offline store when there are ``count`` of them, in the order they were called."""
    sql = f"SELECT * FROM {table_of(described)} ORDER BY api_invocation_time"  # noqa: S608 - our own names
    answered = until(lambda: lake.query(sql), lambda found: len(found.rows) >= count, "the offline store")
    return [dict(zip(answered.names, row, strict=True)) for row in answered.rows]
