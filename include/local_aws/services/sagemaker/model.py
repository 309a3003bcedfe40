"""Models: a record of containers, each an image, model data on S3 and an environment. Nothing runs yet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from local_aws.services.context import Context
from local_aws.services.sagemaker import containers, model_package, tags
from local_aws.services.sagemaker.arns import arn, existing, missing
from local_aws.services.sagemaker.listing import listed
from local_aws.state.records import RecordExists
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call, operation

KIND = "sagemaker.model"

_NOT_EMULATED = ("MultiModelConfig", "InferenceSpecificationName")
_FROM_PACKAGE = ("Image", "ModelDataUrl", "ModelDataSource")  # what a model package brings along


@operation("sagemaker", "CreateModel")
def create_model(context: Context, call: Call) -> dict[str, Any]:
    """Store a model. Its images must be known and its model data must be there, as AWS checks too."""
    body = {key: value for key, value in call.parameters.items() if key != "Tags"}
    given = _given(body)
    if not given or ("PrimaryContainer" in body and body.get("Containers")):
        raise AwsError(
            "ValidationException",
            "Specify either PrimaryContainer or Containers, and at least one container.",
        )
    if body.get("InferenceExecutionConfig", {}).get("Mode") == "Direct":
        raise NotEmulated("sagemaker", "CreateModel", "InferenceExecutionConfig.Mode Direct")
    for container in given:
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


def containers_of(context: Context, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The containers of a model in the order in which they answer: one, or a serial inference pipeline.

    A model package stands for its containers; what the model's environment says wins over theirs.
    """
    return [
        whole
        for container in _given(body)
        for whole in (
            [
                {
                    **packed,
                    "Environment": {**packed.get("Environment", {}), **container.get("Environment", {})},
                }
                for packed in model_package.deployable(context, container["ModelPackageName"])
            ]
            if "ModelPackageName" in container
            else [container]
        )
    ]


def _given(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "PrimaryContainer" in body:
        return [body["PrimaryContainer"]]
    return list(body.get("Containers", []))


def _check(context: Context, container: Mapping[str, Any]) -> None:
    for field in _NOT_EMULATED:
        if container.get(field):
            raise NotEmulated("sagemaker", "CreateModel", field)
    if container.get("Mode") == "MultiModel":
        raise NotEmulated("sagemaker", "CreateModel", "Mode MultiModel")
    package = container.get("ModelPackageName")
    if package is None:
        containers.check(context, container, "CreateModel")
    elif taken := [field for field in _FROM_PACKAGE if container.get(field)]:
        raise AwsError(
            "ValidationException", f"A container with a ModelPackageName has no {taken[0]} of its own."
        )
    else:
        model_package.deployable(context, package)
