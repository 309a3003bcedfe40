"""What the model registry knows of a workflow's models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from aws_ml.requests.model_package import RUN_KEY
from aws_ml.waiters.patience import is_missing


@dataclass(frozen=True)
class Version:
    """One version of a model package group, as far as tasks decide on it."""

    arn: str
    number: int
    approval: str  # Approved, Rejected or PendingManualApproval
    archive_uri: str
    metadata: dict[str, str]


def versions(client: Any, group: str, approval: str | None = None) -> Iterator[Version]:
    """The versions of a group, the newest first; none if there is no such group.

    :param client: boto3's of SageMaker
    :param approval: only those with this ModelApprovalStatus
    """
    asked = {"ModelPackageGroupName": group, "SortBy": "CreationTime", "SortOrder": "Descending"}
    if approval is not None:
        asked["ModelApprovalStatus"] = approval
    try:
        for page in client.get_paginator("list_model_packages").paginate(**asked):
            for summary in page["ModelPackageSummaryList"]:
                yield version(client, summary["ModelPackageArn"])
    except ClientError as error:
        if not is_missing(error):
            raise


def version(client: Any, arn: str) -> Version:
    """One version by its ARN."""
    found = client.describe_model_package(ModelPackageName=arn)
    (container, *_) = found.get("InferenceSpecification", {}).get("Containers", [{}])
    return Version(
        arn=found["ModelPackageArn"],
        number=found["ModelPackageVersion"],
        approval=found["ModelApprovalStatus"],
        archive_uri=container.get("ModelDataUrl", ""),
        metadata=dict(found.get("CustomerMetadataProperties", {})),
    )


def champion(client: Any, group: str, run_key: str) -> Version | None:
    """The newest approved version among those of this day's runs and of earlier days.

    A backfilled day is never compared with what was learned after it.
    """
    for found in versions(client, group, "Approved"):
        if RUN_KEY in found.metadata and found.metadata[RUN_KEY] <= run_key:
            return found
    return None
