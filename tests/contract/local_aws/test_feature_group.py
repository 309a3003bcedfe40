"""Feature groups: made, described, updated, listed, deleted; what AWS refuses is refused with a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.feature_store import (
    DEFINITIONS,
    created,
    group_request,
    offline_rows,
    record,
    settled,
    until,
    updated,
)
from tests.support.lake import Lake
from tests.support.stand_in import StandIn

TIME = "2026-01-15T06:00:00Z"


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    running = StandIn(tmp_path_factory.mktemp("aws"), "--offline-store-seconds", "0.05")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def lake(stand_in: StandIn) -> Lake:
    return Lake(stand_in)


def refused(stand_in: StandIn, operation: str, code: str, **request: Any) -> str:
    """The message of a call that must be refused."""
    with pytest.raises(ClientError) as caught:
        getattr(stand_in.client("sagemaker"), operation)(**request)
    assert caught.value.response["Error"]["Code"] == code
    return str(caught.value.response["Error"]["Message"])


def feature(name: str, kind: str = "String", **more: Any) -> dict[str, Any]:
    return {"FeatureName": name, "FeatureType": kind, **more}


VECTOR = {"CollectionType": "Vector", "CollectionConfig": {"VectorConfig": {"Dimension": 2}}}
IN_MEMORY = {"EnableOnlineStore": True, "StorageType": "InMemory"}
OFFLINE = {"S3StorageConfig": {"S3Uri": "s3://some-bucket/x"}}
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no such identifier": ({"RecordIdentifierFeatureName": "id"}, "id must be the name of one of"),
    "no such event time": ({"EventTimeFeatureName": "time"}, "time must be the name of one of"),
    "one feature for both": ({"EventTimeFeatureName": "customer_id"}, "has the type Integral"),
    "twice": ({"FeatureDefinitions": [*DEFINITIONS, feature("income")]}, "Found income (type String) beside"),
    "another case": ({"FeatureDefinitions": [*DEFINITIONS, feature("CITY")]}, "Found CITY (type String)"),
    "reserved": ({"FeatureDefinitions": [*DEFINITIONS, feature("write_time")]}, "write_time is reserved"),
    "no store": ({"OnlineStoreConfig": {"EnableOnlineStore": False}}, "needs an OnlineStoreConfig"),
    "no role": ({"OfflineStoreConfig": OFFLINE}, "RoleArn must be given"),
    "half a TTL": (
        {"OnlineStoreConfig": {"EnableOnlineStore": True, "TtlDuration": {"Unit": "Days"}}},
        "needs both Unit and Value",
    ),
    "a collection on disk": (
        {"FeatureDefinitions": [*DEFINITIONS, feature("tags", CollectionType="Set")]},
        "need an online store with StorageType InMemory",
    ),
    "a vector of text": (
        {"OnlineStoreConfig": IN_MEMORY, "FeatureDefinitions": [*DEFINITIONS, feature("v", **VECTOR)]},
        "must have FeatureType Fractional, not String",
    ),
    "two vectors": (
        {
            "OnlineStoreConfig": IN_MEMORY,
            "FeatureDefinitions": [
                *DEFINITIONS,
                feature("v", "Fractional", **VECTOR),
                feature("w", "Fractional", **VECTOR),
            ],
        },
        "can have one feature of CollectionType Vector; found 2",
    ),
    "a vector without dimension": (
        {
            "OnlineStoreConfig": IN_MEMORY,
            "FeatureDefinitions": [*DEFINITIONS, feature("v", "Fractional", CollectionType="Vector")],
        },
        "VectorConfig goes with CollectionType Vector",
    ),
    "2,501 features": (
        {"FeatureDefinitions": [*DEFINITIONS, *(feature(f"f{number}") for number in range(2497))]},
        "Member must have length less than or equal to 2500",
    ),
    "provisioned in memory": (
        {
            "OnlineStoreConfig": IN_MEMORY,
            "ThroughputConfig": {"ThroughputMode": "Provisioned", "ProvisionedWriteCapacityUnits": 1},
        },
        "Provisioned needs StorageType Standard",
    ),
}


@pytest.mark.parametrize(("change", "words"), WRONG.values(), ids=WRONG)
def test_what_aws_would_not_accept(stand_in: StandIn, change: dict[str, Any], words: str) -> None:
    request = group_request("wrong", **change)
    message = refused(stand_in, "create_feature_group", "ValidationException", **request)
    assert words in message
    refused(stand_in, "describe_feature_group", "ResourceNotFound", FeatureGroupName="wrong")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"OfflineStoreConfig": {**OFFLINE, "TableFormat": "Iceberg"}}, "TableFormat Iceberg"),
        (
            {"OnlineStoreConfig": {"EnableOnlineStore": True, "SecurityConfig": {"KmsKeyId": "k"}}},
            "SecurityConfig.KmsKeyId",
        ),
        (
            {"OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://some-bucket/x", "KmsKeyId": "k"}}},
            "S3StorageConfig.KmsKeyId",
        ),
    ],
)
def test_what_is_not_emulated(stand_in: StandIn, change: dict[str, Any], what: str) -> None:
    request = group_request("wrong", **change)
    assert what in refused(stand_in, "create_feature_group", "NotImplemented", **request)


def test_a_name_that_is_taken(stand_in: StandIn) -> None:
    created(stand_in, group_request("taken"))
    message = refused(stand_in, "create_feature_group", "ResourceInUse", **group_request("taken"))
    assert "already exists" in message


def test_a_bucket_that_is_not_there(stand_in: StandIn) -> None:
    stand_in.client("sagemaker").create_feature_group(**group_request("no-bucket", "there-is-none"))
    described = settled(stand_in, "no-bucket")
    assert described["FeatureGroupStatus"] == "CreateFailed"
    assert "bucket there-is-none of the offline store does not exist" in described["FailureReason"]


def test_a_table_of_the_owners_choice(stand_in: StandIn, lake: Lake) -> None:
    where = {"Catalog": "AwsDataCatalog", "Database": lake.database, "TableName": "mine"}
    storage = {"S3StorageConfig": {"S3Uri": f"s3://{lake.bucket}/mine"}}
    offline = {**storage, "DataCatalogConfig": where}
    described = created(stand_in, group_request("mine", lake.bucket, OfflineStoreConfig=offline))
    assert described["OfflineStoreConfig"]["DataCatalogConfig"] == where
    assert lake.sql("SELECT count(*) FROM mine") == [["0"]]
    stand_in.client("sagemaker").create_feature_group(
        **group_request("again", lake.bucket, OfflineStoreConfig=offline)
    )
    assert "already has a table" in settled(stand_in, "again")["FailureReason"]


def test_no_table_where_none_is_wanted(stand_in: StandIn, lake: Lake) -> None:
    storage = {"S3StorageConfig": {"S3Uri": f"s3://{lake.bucket}/bare"}, "DisableGlueTableCreation": True}
    described = created(stand_in, group_request("bare", lake.bucket, OfflineStoreConfig=storage))
    assert "DataCatalogConfig" not in described["OfflineStoreConfig"]
    stand_in.client("sagemaker-featurestore-runtime").put_record(
        FeatureGroupName="bare", Record=record(customer_id=1, event_time=TIME)
    )
    assert len(until(lambda: lake.keys("bare/"), bool, "the offline store")) == 1


def test_definitions_come_in_pages(stand_in: StandIn) -> None:
    definitions = [*DEFINITIONS, *(feature(f"f{number}") for number in range(2496))]
    client = stand_in.client("sagemaker")
    first = created(stand_in, group_request("wide", FeatureDefinitions=definitions))
    found, token = first["FeatureDefinitions"], first["NextToken"]
    while token:
        answer = client.describe_feature_group(FeatureGroupName="wide", NextToken=token)
        found, token = found + answer["FeatureDefinitions"], answer["NextToken"]
    assert found == definitions


def test_updates_that_are_refused(stand_in: StandIn) -> None:
    created(stand_in, group_request("fixed"))

    def answer(**change: Any) -> str:
        return refused(
            stand_in, "update_feature_group", "ValidationException", FeatureGroupName="fixed", **change
        )

    assert "exactly one of" in answer()
    changed = answer(FeatureAdditions=[feature("income", "Integral")])
    assert "Found income (type Integral) beside income (type Fractional)" in changed
    assert "only from Standard to Standard_V2" in answer(OnlineStoreConfig={"StorageType": "InMemory"})


def test_a_ttl_that_is_set_and_taken_away(stand_in: StandIn) -> None:
    created(stand_in, group_request("lasting"))
    ttl = {"Unit": "Days", "Value": 3}
    described = updated(stand_in, "lasting", OnlineStoreConfig={"TtlDuration": ttl})
    assert described["OnlineStoreConfig"]["TtlDuration"] == ttl
    described = updated(stand_in, "lasting", OnlineStoreConfig={"TtlDuration": {}})
    assert "TtlDuration" not in described["OnlineStoreConfig"]


def test_listing(stand_in: StandIn, lake: Lake) -> None:
    client = stand_in.client("sagemaker")
    for name in ("listed-b", "listed-a", "listed-c"):
        created(stand_in, group_request(name, lake.bucket if name == "listed-c" else None))

    def names(**more: Any) -> list[str]:
        answer = client.list_feature_groups(NameContains="listed", **more)
        return [each["FeatureGroupName"] for each in answer["FeatureGroupSummaries"]]

    assert names() == ["listed-c", "listed-a", "listed-b"]
    assert names(SortBy="Name", SortOrder="Ascending", MaxResults=2) == ["listed-a", "listed-b"]
    assert names(OfflineStoreStatusEquals="Active") == ["listed-c"]
    assert names(FeatureGroupStatusEquals="CreateFailed") == []


def test_a_deleted_group_leaves_its_offline_data(stand_in: StandIn, lake: Lake) -> None:
    client, runtime = stand_in.client("sagemaker"), stand_in.client("sagemaker-featurestore-runtime")
    described = created(stand_in, group_request("short", lake.bucket, Tags=[{"Key": "k", "Value": "v"}]))
    runtime.put_record(FeatureGroupName="short", Record=record(customer_id=1, event_time=TIME))
    client.delete_feature_group(FeatureGroupName="short")
    with pytest.raises(ClientError, match="can't find a FeatureGroup"):
        runtime.get_record(FeatureGroupName="short", RecordIdentifierValueAsString="1")

    def gone() -> bool:
        try:
            client.describe_feature_group(FeatureGroupName="short")
        except client.exceptions.ResourceNotFound:
            return True
        return False

    until(gone, bool, "the deletion")
    assert [row["customer_id"] for row in offline_rows(lake, described, 1)] == ["1"]
    created(stand_in, group_request("short"))  # the name is free, and nothing of the old group is online
    answer = runtime.get_record(FeatureGroupName="short", RecordIdentifierValueAsString="1")
    assert "Record" not in answer
    assert client.list_tags(ResourceArn=described["FeatureGroupArn"])["Tags"] == []


def test_metadata(stand_in: StandIn) -> None:
    created(stand_in, group_request("told"))
    client = stand_in.client("sagemaker")
    where = {"FeatureGroupName": "told", "FeatureName": "income"}
    client.update_feature_metadata(
        **where,
        Description="of a month",
        ParameterAdditions=[{"Key": "owner", "Value": "risk"}, {"Key": "unit", "Value": "EUR"}],
    )
    client.update_feature_metadata(**where, ParameterRemovals=["owner"])
    described = client.describe_feature_metadata(**where)
    assert described["FeatureType"] == "Fractional"
    assert described["Description"] == "of a month"
    assert described["Parameters"] == [{"Key": "unit", "Value": "EUR"}]
    assert described["LastModifiedTime"] > described["CreationTime"]
    where["FeatureName"] = "none"
    assert "no feature with name none" in refused(
        stand_in, "describe_feature_metadata", "ResourceNotFound", **where
    )
