"""Model packages: a model ready to be created, with what is known of it and whether it may be deployed.

A version of a group has no name of its own, but the group's and a number; its ARN ends in both.
A package outside a group has a name. Nothing runs: what it names must be there, and then it is Completed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from local_aws.services.context import Context
from local_aws.services.sagemaker import containers, model_package_group, tags
from local_aws.services.sagemaker.arns import arn
from local_aws.services.sagemaker.listing import listed
from local_aws.state.records import Body, RecordExists
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call, operation

KIND = model_package_group.VERSIONS
MOST_METADATA = 50  # customer metadata properties of one package

_NOT_EMULATED = (
    "ValidationSpecification", "SourceAlgorithmSpecification", "AdditionalInferenceSpecifications",
    "CertifyForMarketplace",
)  # fmt: skip
_UPDATES_NOT_EMULATED = ("AdditionalInferenceSpecificationsToAdd", "ModelPackageRegistrationType")
_UNVERSIONED, _VERSIONED = "Unversioned", "Versioned"
_TOKEN = "ClientToken"  # noqa: S105 (a field; kept, never told)
_NAME = "Name"

_SUMMARY = (
    "ModelPackageName", "ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn",
    "ModelPackageDescription", "CreationTime", "ModelPackageStatus", "ModelApprovalStatus", "ModelLifeCycle",
)  # fmt: skip
_BATCH_SUMMARY = (
    "ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn", "ModelPackageDescription",
    "CreationTime", "InferenceSpecification", "ModelPackageStatus", "ModelApprovalStatus",
)  # fmt: skip


@operation("sagemaker", "CreateModelPackage")
def create_model_package(context: Context, call: Call) -> dict[str, Any]:
    """Store a package whose images are known and whose model data are there.

    A call that comes again with the same client token answers what the first one made.
    """
    body = {key: value for key, value in call.parameters.items() if key != "Tags"}
    for field in _NOT_EMULATED:
        if body.get(field):
            raise NotEmulated("sagemaker", "CreateModelPackage", field)
    group, name = body.get("ModelPackageGroupName"), body.get("ModelPackageName")
    if (group is None) == (name is None):
        raise AwsError(
            "ValidationException", "Specify either ModelPackageName or ModelPackageGroupName, not both."
        )
    if group is None and body.get("ModelApprovalStatus"):
        raise AwsError(
            "ValidationException", "ModelApprovalStatus is for versions of a ModelPackageGroup only."
        )
    if not body.get("InferenceSpecification") and not body.get("SourceUri"):
        raise AwsError("ValidationException", "Specify an InferenceSpecification, or a SourceUri.")
    for container in body.get("InferenceSpecification", {}).get("Containers", []):
        containers.check(context, container, "CreateModelPackage")
    with context.database.transaction():
        earlier = _made_with(context, body.get(_TOKEN))
        if earlier:
            return {"ModelPackageArn": earlier["ModelPackageArn"]}
        if group is not None:
            stored_group = model_package_group.stored(context, group)
            body["ModelPackageGroupName"] = stored_group["ModelPackageGroupName"]
            version = model_package_group.next_version(context, body["ModelPackageGroupName"])
            body["ModelPackageVersion"] = version
            body.setdefault("ModelApprovalStatus", "PendingManualApproval")
            resource = f"{body['ModelPackageGroupName']}/{version}"
        else:
            resource = str(name)
        body |= {
            "ModelPackageArn": arn(context, "model-package", resource),
            "CreationTime": datetime.now(UTC),
            "CreatedBy": {},
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
            "CertifyForMarketplace": False,
        }
        try:
            context.records(KIND).insert(_key(resource), body)
        except RecordExists:
            raise AwsError(
                "ValidationException", f"Model Package already exists: {body['ModelPackageArn']}"
            ) from None
        tags.remember(context, body["ModelPackageArn"], call.parameters.get("Tags"))
    return {"ModelPackageArn": body["ModelPackageArn"]}


@operation("sagemaker", "DescribeModelPackage")
def describe_model_package(context: Context, call: Call) -> dict[str, Any]:
    """The package, asked for by ARN, or by name where it has one."""
    return _told(stored(context, call.parameters["ModelPackageName"]))


@operation("sagemaker", "BatchDescribeModelPackage")
def batch_describe_model_package(context: Context, call: Call) -> dict[str, Any]:
    """Several packages at once, each found or with its error."""
    found: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for package_arn in call.parameters["ModelPackageArnList"]:
        try:
            body = stored(context, package_arn)
        except AwsError as error:
            errors[package_arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
        else:
            found[package_arn] = {field: body[field] for field in _BATCH_SUMMARY if field in body}
    return {
        "ModelPackageSummaries": found,
        **({"BatchDescribeModelPackageErrorMap": errors} if errors else {}),
    }


@operation("sagemaker", "ListModelPackages")
def list_model_packages(context: Context, call: Call) -> dict[str, Any]:
    """Packages by time of creation: those without a group, or the versions of the one that is named."""
    group = call.parameters.get("ModelPackageGroupName")
    if group is not None:
        group = model_package_group.stored(context, group)["ModelPackageGroupName"]
    kind = call.parameters.get("ModelPackageType", _UNVERSIONED if group is None else _VERSIONED)
    bodies = (record.body for record in context.records(KIND).scan("" if group is None else f"{group}/"))
    return listed(
        # The versions of a group have one name, so they are told apart, and ordered, by their keys.
        ({**body, _NAME: _key_of(body)} for body in bodies if kind in ("Both", _kind_of(body))),
        call.parameters,
        name=_NAME,
        member="ModelPackageSummaryList",
        fields=_SUMMARY,
        equals={"ModelApprovalStatus": "ModelApprovalStatus"},
    )


@operation("sagemaker", "UpdateModelPackage")
def update_model_package(context: Context, call: Call) -> dict[str, Any]:
    """Approve or reject a version, or change what is told of a package."""
    given = call.parameters
    for field in _UPDATES_NOT_EMULATED:
        if given.get(field):
            raise NotEmulated("sagemaker", "UpdateModelPackage", field)

    def changed(body: Body) -> Body:
        fresh = {**body, "LastModifiedTime": datetime.now(UTC), "LastModifiedBy": {}}
        if "ModelApprovalStatus" in given and _kind_of(body) == _UNVERSIONED:
            raise AwsError(
                "ValidationException", "ModelApprovalStatus is for versions of a ModelPackageGroup only."
            )
        fields = ("ModelApprovalStatus", "ApprovalDescription", "SourceUri", "ModelLifeCycle")
        fresh |= {field: given[field] for field in fields if field in given}
        if "InferenceSpecification" in given:
            for container in given["InferenceSpecification"]["Containers"]:
                containers.check(context, container, "UpdateModelPackage")
            fresh["InferenceSpecification"] = given["InferenceSpecification"]
        if "ModelCard" in given:
            fresh["ModelCard"] = {**body.get("ModelCard", {}), **given["ModelCard"]}
        removed = set(given.get("CustomerMetadataPropertiesToRemove", ()))
        metadata = {
            key: value
            for key, value in body.get("CustomerMetadataProperties", {}).items()
            if key not in removed
        } | given.get("CustomerMetadataProperties", {})
        if len(metadata) > MOST_METADATA:
            raise AwsError(
                "ValidationException",
                f"A model package can have at most {MOST_METADATA} customer metadata properties.",
            )
        if metadata or "CustomerMetadataProperties" in body:
            fresh["CustomerMetadataProperties"] = metadata
        return fresh

    with context.database.transaction():
        key = _key_of(stored(context, given["ModelPackageArn"]))
        body = context.records(KIND).change(key, changed).body
    return {"ModelPackageArn": body["ModelPackageArn"]}


@operation("sagemaker", "DeleteModelPackage")
def delete_model_package(context: Context, call: Call) -> dict[str, Any]:
    """Remove the record; models that were created from it stay, and its number is not used again."""
    with context.database.transaction():
        body = stored(context, call.parameters["ModelPackageName"])
        context.records(KIND).delete(_key_of(body))
        tags.forget(context, body["ModelPackageArn"])
    return {}


def stored(context: Context, name_or_arn: str) -> Body:
    """The package's record, by name, ``<group>/<number>`` or ARN. Raises AwsError when there is none."""
    resource = name_or_arn.rpartition(":model-package/")[2]
    found = context.records(KIND).find(_key(resource))
    if found is not None:
        return found.body
    # ARNs are in lower case, whatever the names are.
    wanted = arn(context, "model-package", resource)
    for record in context.records(KIND).scan():
        if record.body["ModelPackageArn"] == wanted:
            return record.body
    raise AwsError("ValidationException", f"ModelPackage {wanted} does not exist.")


def deployable(context: Context, name_or_arn: str) -> list[dict[str, Any]]:
    """The containers of a package that may be deployed. Raises AwsError for one that must not be."""
    body = stored(context, name_or_arn)
    if body.get("ModelApprovalStatus", "Approved") != "Approved":
        raise AwsError(
            "ValidationException",
            f"Model package {body['ModelPackageArn']} is {body['ModelApprovalStatus']}; "
            "to be deployed, a version must be Approved.",
        )
    if "InferenceSpecification" not in body:
        raise AwsError(
            "ValidationException", f"Model package {body['ModelPackageArn']} has no InferenceSpecification."
        )
    return list(body["InferenceSpecification"]["Containers"])


def _made_with(context: Context, token: str | None) -> Body | None:
    """What an earlier call with this client token made."""
    if token is None:
        return None
    bodies = (record.body for record in context.records(KIND).scan())
    return next((body for body in bodies if body.get(_TOKEN) == token), None)


def _key(resource: str) -> str:
    """Records are in the order of their keys, so numbers have leading zeros there."""
    group, slash, version = resource.partition("/")
    return f"{group}/{int(version):09}" if slash else resource


def _key_of(body: Body) -> str:
    if _kind_of(body) == _UNVERSIONED:
        return str(body["ModelPackageName"])
    return _key(f"{body['ModelPackageGroupName']}/{body['ModelPackageVersion']}")


def _kind_of(body: Body) -> str:
    return _VERSIONED if "ModelPackageVersion" in body else _UNVERSIONED


def _told(body: Body) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != _TOKEN}
