"""Model package groups: the versions of one model, numbered from 1 and never used twice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from local_aws.services.context import Context
from local_aws.services.sagemaker import tags
from local_aws.services.sagemaker.arns import arn
from local_aws.services.sagemaker.listing import listed
from local_aws.state.records import Body, RecordExists
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call, operation

KIND = "sagemaker.model_package_group"
ARN_KIND = "model-package-group"

_LAST_VERSION = "LastVersion"  # kept, never told


@operation("sagemaker", "CreateModelPackageGroup")
def create_model_package_group(context: Context, call: Call) -> dict[str, Any]:
    """Store an empty group."""
    body = {key: value for key, value in call.parameters.items() if key != "Tags"}
    if body.get("ManagedConfiguration"):
        raise NotEmulated("sagemaker", "CreateModelPackageGroup", "ManagedConfiguration")
    name = body["ModelPackageGroupName"]
    body |= {
        "ModelPackageGroupArn": arn(context, ARN_KIND, name),
        "CreationTime": datetime.now(UTC),
        "CreatedBy": {},
        "ModelPackageGroupStatus": "Completed",
        _LAST_VERSION: 0,
    }
    with context.database.transaction():
        try:
            context.records(KIND).insert(name, body)
        except RecordExists:
            # Airflow's hook knows this sentence by its beginning.
            raise AwsError(
                "ValidationException",
                f"Model Package Group already exists: {body['ModelPackageGroupArn']}",
            ) from None
        tags.remember(context, body["ModelPackageGroupArn"], call.parameters.get("Tags"))
    return {"ModelPackageGroupArn": body["ModelPackageGroupArn"]}


@operation("sagemaker", "DescribeModelPackageGroup")
def describe_model_package_group(context: Context, call: Call) -> dict[str, Any]:
    """The group, asked for by name or ARN."""
    body = stored(context, call.parameters["ModelPackageGroupName"])
    return {key: value for key, value in body.items() if key != _LAST_VERSION}


@operation("sagemaker", "ListModelPackageGroups")
def list_model_package_groups(context: Context, call: Call) -> dict[str, Any]:
    """Groups by name or time of creation."""
    if call.parameters.get("CrossAccountFilterOption") == "CrossAccount":
        raise NotEmulated("sagemaker", "ListModelPackageGroups", "CrossAccountFilterOption CrossAccount")
    return listed(
        (record.body for record in context.records(KIND).scan()),
        call.parameters,
        name="ModelPackageGroupName",
        member="ModelPackageGroupSummaryList",
        fields=(
            "ModelPackageGroupName",
            "ModelPackageGroupArn",
            "ModelPackageGroupDescription",
            "CreationTime",
            "ModelPackageGroupStatus",
        ),
    )


@operation("sagemaker", "DeleteModelPackageGroup")
def delete_model_package_group(context: Context, call: Call) -> dict[str, Any]:
    """Remove a group that has no version any more."""
    with context.database.transaction():
        body = stored(context, call.parameters["ModelPackageGroupName"])
        name, group_arn = body["ModelPackageGroupName"], body["ModelPackageGroupArn"]
        if next(context.records(VERSIONS).scan(f"{name}/"), None) is not None:
            raise AwsError(
                "ConflictException",
                f"Model Package Group {group_arn} can't be deleted: it still has model packages.",
            )
        context.records(KIND).delete(name)
        tags.forget(context, group_arn)
    return {}


VERSIONS = "sagemaker.model_package"
"""The records of model packages; those of a group lie below ``<group>/``."""


def stored(context: Context, name_or_arn: str) -> Body:
    """The group's record. Raises AwsError when there is none."""
    name = name_or_arn.rpartition("/")[2]
    found = context.records(KIND).find(name)
    if found is not None:
        return found.body
    # ARNs are in lower case, whatever the names are.
    wanted = arn(context, ARN_KIND, name)
    for record in context.records(KIND).scan():
        if record.body["ModelPackageGroupArn"] == wanted:
            return record.body
    raise AwsError("ValidationException", f"ModelPackageGroup {wanted} does not exist.")


def next_version(context: Context, name: str) -> int:
    """Take the group's next number; to be called inside the transaction that stores the version."""
    taken = context.records(KIND).change(name, lambda body: {**body, _LAST_VERSION: body[_LAST_VERSION] + 1})
    version: int = taken.body[_LAST_VERSION]
    return version
