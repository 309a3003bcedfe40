"""What people say of single features: a description and parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from local_aws.services.context import Context
from local_aws.services.sagemaker.feature_store.group import stored
from local_aws.services.sagemaker.feature_store.keeper import METADATA
from local_aws.services.sagemaker.job import invalid
from local_aws.state.records import Body
from local_aws.wire.errors import AwsError
from local_aws.wire.registry import Call, operation

MOST_PARAMETERS = 25


@operation("sagemaker", "DescribeFeatureMetadata")
def describe_feature_metadata(context: Context, call: Call) -> dict[str, Any]:
    """Type, description and parameters of one feature."""
    group = stored(context, call.parameters["FeatureGroupName"])
    return described(context, group, _definition(group, call.parameters["FeatureName"]))


@operation("sagemaker", "UpdateFeatureMetadata")
def update_feature_metadata(context: Context, call: Call) -> dict[str, Any]:
    """Set the description, add and remove parameters; what is not named stays."""
    group = stored(context, call.parameters["FeatureGroupName"])
    definition = _definition(group, call.parameters["FeatureName"])
    records, key = context.records(METADATA), _key(group, definition)
    with context.database.transaction():
        found = records.find(key)
        if found is None:
            records.insert(key, _changed({}, call.parameters))
        else:
            records.change(key, lambda body: _changed(body, call.parameters))
    return {}


def described(context: Context, group: Body, definition: Mapping[str, Any]) -> dict[str, Any]:
    """A feature with all that is known of it."""
    found = context.records(METADATA).find(_key(group, definition))
    own = found.body if found else {}
    answer: dict[str, Any] = {
        "FeatureGroupArn": group["FeatureGroupArn"],
        "FeatureGroupName": group["FeatureGroupName"],
        "FeatureName": definition["FeatureName"],
        "FeatureType": definition["FeatureType"],
        "CreationTime": group["CreationTime"],
        "LastModifiedTime": own.get("LastModifiedTime", group["CreationTime"]),
        "Parameters": [{"Key": key, "Value": value} for key, value in own.get("Parameters", {}).items()],
    }
    return answer | ({"Description": own["Description"]} if "Description" in own else {})


def features(context: Context, group: Body) -> Iterator[dict[str, Any]]:
    """All features of a group, described."""
    return (described(context, group, definition) for definition in group["FeatureDefinitions"])


def _definition(group: Body, name: str) -> dict[str, Any]:
    for definition in group["FeatureDefinitions"]:
        if definition["FeatureName"] == name:
            found: dict[str, Any] = definition
            return found
    raise AwsError(
        "ResourceNotFound",
        f"Resource Not Found: FeatureGroup {group['FeatureGroupName']} has no feature with name {name}",
    )


def _key(group: Body, definition: Mapping[str, Any]) -> str:
    return f"{group['StoreId']}/{definition['FeatureName']}"


def _changed(body: Body, asked: Mapping[str, Any]) -> Body:
    parameters = dict(body.get("Parameters", {}))
    for key in asked.get("ParameterRemovals") or ():
        parameters.pop(key, None)
    for each in asked.get("ParameterAdditions") or ():
        if not each.get("Key") or not each.get("Value"):
            raise invalid("Each of ParameterAdditions needs Key and Value.")
        parameters[each["Key"]] = each["Value"]
    if len(parameters) > MOST_PARAMETERS:
        raise invalid(f"A feature can have at most {MOST_PARAMETERS} parameters.")
    after: Body = {**body, "Parameters": parameters, "LastModifiedTime": datetime.now(UTC)}
    if "Description" in asked:
        after["Description"] = asked["Description"]
    return after
