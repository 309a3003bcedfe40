"""Examples of feature groups, their metadata and their records."""

from __future__ import annotations

from typing import Any

from tests.contract.local_aws.examples import Request, World, example
from tests.support.feature_store import created, group_request, record

RUNTIME = "sagemaker-featurestore-runtime"
TIME = "2026-01-15T06:00:00Z"


def _group(world: World, **changes: Any) -> str:
    name = world.name("group")
    created(world.stand_in, group_request(name, world.bucket(), **changes))
    return name


def _record(world: World, **changes: Any) -> Request:
    name = _group(world, **changes)
    values = record(customer_id=1, event_time=TIME, income=1.5)
    world.client(RUNTIME).put_record(FeatureGroupName=name, Record=values)
    return {"FeatureGroupName": name, "RecordIdentifierValueAsString": "1"}


@example("sagemaker", "CreateFeatureGroup")
def create_feature_group(world: World) -> Request:
    return group_request(world.name("group"), world.bucket(), Tags=[{"Key": "k", "Value": "v"}])


@example("sagemaker", "DescribeFeatureGroup")
def describe_feature_group(world: World) -> Request:
    return {"FeatureGroupName": _group(world)}


@example("sagemaker", "UpdateFeatureGroup")
def update_feature_group(world: World) -> Request:
    addition = {"FeatureName": "age", "FeatureType": "Integral"}
    return {"FeatureGroupName": _group(world), "FeatureAdditions": [addition]}


@example("sagemaker", "DeleteFeatureGroup")
def delete_feature_group(world: World) -> Request:
    return {"FeatureGroupName": _group(world)}


@example("sagemaker", "ListFeatureGroups")
def list_feature_groups(world: World) -> Request:
    return {"NameContains": _group(world)}


@example("sagemaker", "Search")
def search(world: World) -> Request:
    name = {"Name": "FeatureGroupName", "Operator": "Equals", "Value": _group(world)}
    return {"Resource": "FeatureGroup", "SearchExpression": {"Filters": [name]}}


@example("sagemaker", "DescribeFeatureMetadata")
def describe_feature_metadata(world: World) -> Request:
    name = _group(world)
    world.client("sagemaker").update_feature_metadata(
        FeatureGroupName=name,
        FeatureName="income",
        Description="of a month",
        ParameterAdditions=[{"Key": "k", "Value": "v"}],
    )
    return {"FeatureGroupName": name, "FeatureName": "income"}


@example("sagemaker", "UpdateFeatureMetadata")
def update_feature_metadata(world: World) -> Request:
    return {"FeatureGroupName": _group(world), "FeatureName": "income", "Description": "of a month"}


@example(RUNTIME, "PutRecord")
def put_record(world: World) -> Request:
    return {"FeatureGroupName": _group(world), "Record": record(customer_id=1, event_time=TIME)}


@example(RUNTIME, "BatchWriteRecord")
def batch_write_record(world: World) -> Request:
    name = _group(world)
    fine, wrong = record(customer_id=1, event_time=TIME), record(customer_id="one", event_time=TIME)
    return {"Entries": [{"FeatureGroupName": name, "Record": values} for values in (fine, wrong)]}


@example(RUNTIME, "GetRecord")
def get_record(world: World) -> Request:
    ttl = {"Unit": "Weeks", "Value": 1000}
    online = {"EnableOnlineStore": True, "TtlDuration": ttl}
    return _record(world, OnlineStoreConfig=online) | {"ExpirationTimeResponse": "Enabled"}


@example(RUNTIME, "BatchGetRecord")
def batch_get_record(world: World) -> Request:
    name = _record(world)["FeatureGroupName"]
    return {
        "Identifiers": [
            {"FeatureGroupName": group, "RecordIdentifiersValueAsString": ["1", "2"]}
            for group in (name, "there-is-none")
        ]
    }


@example(RUNTIME, "ListRecords")
def list_records(world: World) -> Request:
    return {"FeatureGroupName": _record(world)["FeatureGroupName"], "MaxResults": 1}


@example(RUNTIME, "UpdateRecord")
def update_record(world: World) -> Request:
    online = {"EnableOnlineStore": True, "StorageType": "Standard_V2"}
    return _record(world, OnlineStoreConfig=online) | {"Features": record(income=2.5)}


@example(RUNTIME, "DeleteRecord")
def delete_record(world: World) -> Request:
    return _record(world) | {"EventTime": TIME, "DeletionMode": "SoftDelete"}
