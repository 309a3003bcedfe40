"""Models: a record of containers, each an image, model data on S3 and an environment. Nothing runs yet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from local_aws.images.catalog import UnknownImage, find
from local_aws.images.serving import SERVING_IMAGES
from local_aws.services.context import Context
from local_aws.services.sagemaker import tags
from local_aws.services.sagemaker.arns import arn, existing, missing
from local_aws.services.sagemaker.listing import listed
from local_aws.state.objects import BucketMissing, ObjectMissing, parse_s3_uri
from local_aws.state.records import RecordExists
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call, operation

KIND = "sagemaker.model"

_NOT_EMULATED = (
    "AdditionalModelDataSources",
    "ModelPackageName",
    "MultiModelConfig",
    "InferenceSpecificationName",
)
_SOURCES_NOT_EMULATED = ("HubAccessConfig", "ManifestS3Uri", "ManifestEtag")


@operation("sagemaker", "CreateModel")
def create_model(context: Context, call: Call) -> dict[str, Any]:
    """Store a model. Its images must be known and its model data must be there, as AWS checks too."""
    body = {key: value for key, value in call.parameters.items() if key != "Tags"}
    containers = containers_of(body)
    if not containers or ("PrimaryContainer" in body and body.get("Containers")):
        raise AwsError(
            "ValidationException",
            "Specify either PrimaryContainer or Containers, and at least one container.",
        )
    if body.get("InferenceExecutionConfig", {}).get("Mode") == "Direct":
        raise NotEmulated("sagemaker", "CreateModel", "InferenceExecutionConfig.Mode Direct")
    for container in containers:
        _check(context, container)
    name = body["ModelName"]
    body |= {"ModelArn": arn(context, "model", name), "CreationTime": datetime.now(UTC)}
    body.setdefault("EnableNetworkIsolation", False)
    with context.database.transaction():
        try:
            context.records(KIND).insert(name, body)
        except RecordExists:
            raise existing(context, "model", name) from None
        tags.remember(context, body["ModelArn"], call.parameters.get("Tags"))
    return {"ModelArn": body["ModelArn"]}


@operation("sagemaker", "DescribeModel")
def describe_model(context: Context, call: Call) -> dict[str, Any]:
    """The model as it was created."""
    return stored(context, call.parameters["ModelName"])


@operation("sagemaker", "ListModels")
def list_models(context: Context, call: Call) -> dict[str, Any]:
    """Models by name or time of creation."""
    return listed(
        (record.body for record in context.records(KIND).scan()),
        call.parameters,
        name="ModelName",
        member="Models",
        fields=("ModelName", "ModelArn", "CreationTime"),
    )


@operation("sagemaker", "DeleteModel")
def delete_model(context: Context, call: Call) -> dict[str, Any]:
    """Remove the record; endpoints that serve the model go on."""
    name = call.parameters["ModelName"]
    with context.database.transaction():
        if not context.records(KIND).delete(name):
            raise missing(context, "model", name)
        tags.forget(context, arn(context, "model", name))
    return {}


def stored(context: Context, name: str) -> dict[str, Any]:
    """The model's record. Raises AwsError when there is none."""
    found = context.records(KIND).find(name)
    if found is None:
        raise missing(context, "model", name)
    return found.body


def containers_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The containers of a model in the order in which they answer: one, or a serial inference pipeline."""
    if "PrimaryContainer" in body:
        return [body["PrimaryContainer"]]
    return list(body.get("Containers", []))


def _check(context: Context, container: Mapping[str, Any]) -> None:
    """Refuse a container that AWS would refuse, and by name what is not emulated."""
    for field in _NOT_EMULATED:
        if container.get(field):
            raise NotEmulated("sagemaker", "CreateModel", field)
    if container.get("Mode") == "MultiModel":
        raise NotEmulated("sagemaker", "CreateModel", "Mode MultiModel")
    if not container.get("Image"):
        raise AwsError("ValidationException", "A container definition needs an Image.")
    try:
        image = find(container["Image"])
    except UnknownImage as error:
        raise AwsError("ValidationException", str(error)) from None
    if image.name not in SERVING_IMAGES:
        raise AwsError("ValidationException", f"Image {container['Image']} does not serve models.")
    if container.get("ModelDataUrl") and container.get("ModelDataSource"):
        raise AwsError("ValidationException", "Specify either ModelDataUrl or ModelDataSource, not both.")
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    for field in _SOURCES_NOT_EMULATED:
        if source.get(field):
            raise NotEmulated("sagemaker", "CreateModel", f"S3DataSource.{field}")
    uri = container.get("ModelDataUrl") or source.get("S3Uri")
    if uri and not model_data_exists(context, uri, prefix=source.get("S3DataType") == "S3Prefix"):
        raise AwsError("ValidationException", f"Could not find model data at {uri}.")


def model_data_exists(context: Context, uri: str, *, prefix: bool) -> bool:
    """Whether the object, or anything below the prefix, is there."""
    try:
        bucket, key = parse_s3_uri(uri)
        if prefix:
            return next(context.objects.scan(bucket, key), None) is not None
        context.objects.head(bucket, key)
    except (ValueError, BucketMissing, ObjectMissing):
        return False
    return True
