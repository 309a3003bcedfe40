"""SageMaker's model registry: model package groups and model packages."""

from __future__ import annotations

from typing import Any

from tests.contract.local_aws.examples import Request, World, example
from tests.support.sagemaker_jobs import SCIKIT_LEARN
from tests.support.serving import Serving

TAGS = [{"Key": "team", "Value": "ml"}]


def inference(world: World) -> dict[str, Any]:
    """An inference specification of one container whose archive is there."""
    container = {"Image": SCIKIT_LEARN, "ModelDataUrl": Serving(world.stand_in).upload(b"x")}
    return {
        "Containers": [container],
        "SupportedContentTypes": ["application/json"],
        "SupportedResponseMIMETypes": ["application/json"],
    }


def new_group(world: World) -> str:
    name = world.name("group")
    world.client("sagemaker").create_model_package_group(ModelPackageGroupName=name)
    return name


def new_version(world: World, group: str) -> str:
    """The ARN of a new version."""
    answer = world.client("sagemaker").create_model_package(
        ModelPackageGroupName=group, InferenceSpecification=inference(world)
    )
    return str(answer["ModelPackageArn"])


@example("sagemaker", "CreateModelPackageGroup")
def create_model_package_group(world: World) -> Request:
    return {
        "ModelPackageGroupName": world.name("group"),
        "ModelPackageGroupDescription": "Versions of one model.",
        "Tags": TAGS,
    }


@example("sagemaker", "DescribeModelPackageGroup")
def describe_model_package_group(world: World) -> Request:
    return {"ModelPackageGroupName": new_group(world)}


@example("sagemaker", "ListModelPackageGroups")
def list_model_package_groups(world: World) -> Request:
    return {"NameContains": new_group(world), "SortBy": "Name", "SortOrder": "Ascending"}


@example("sagemaker", "DeleteModelPackageGroup")
def delete_model_package_group(world: World) -> Request:
    return {"ModelPackageGroupName": new_group(world)}


@example("sagemaker", "CreateModelPackage")
def create_model_package(world: World) -> Request:
    report = {"ContentType": "application/json", "S3Uri": "s3://bucket/evaluation.json"}
    return {
        "ModelPackageGroupName": new_group(world),
        "ModelPackageDescription": "The first one.",
        "InferenceSpecification": inference(world),
        "ModelApprovalStatus": "PendingManualApproval",
        "ModelMetrics": {"ModelQuality": {"Statistics": report}, "Bias": {"PostTrainingReport": report}},
        "CustomerMetadataProperties": {"auc": "0.85"},
        "ModelCard": {"ModelCardContent": "{}", "ModelCardStatus": "Draft"},
        "Tags": TAGS,
    }


@example("sagemaker", "DescribeModelPackage")
def describe_model_package(world: World) -> Request:
    # A version has no ModelPackageName on AWS, though the model says that an answer must have one.
    name = world.name("package")
    world.client("sagemaker").create_model_package(
        ModelPackageName=name, InferenceSpecification=inference(world)
    )
    return {"ModelPackageName": name}


@example("sagemaker", "BatchDescribeModelPackage")
def batch_describe_model_package(world: World) -> Request:
    known = new_version(world, new_group(world))
    return {"ModelPackageArnList": [known, known.replace("/1", "/9")]}


@example("sagemaker", "ListModelPackages")
def list_model_packages(world: World) -> Request:
    group = new_group(world)
    new_version(world, group)
    return {"ModelPackageGroupName": group, "ModelApprovalStatus": "PendingManualApproval"}


@example("sagemaker", "UpdateModelPackage")
def update_model_package(world: World) -> Request:
    return {
        "ModelPackageArn": new_version(world, new_group(world)),
        "ModelApprovalStatus": "Approved",
        "ApprovalDescription": "Better than the one before.",
    }


@example("sagemaker", "DeleteModelPackage")
def delete_model_package(world: World) -> Request:
    return {"ModelPackageName": new_version(world, new_group(world))}
