"""The workflow's feature group, and what is told of its features."""

from __future__ import annotations

import re
from typing import Any

from aws_ml import run
from aws_ml.feature_store import definitions
from aws_ml.run import ROLE_ARN
from aws_ml.schema import Column, FeatureNote, Workflow

STAGE = "prepare_transform"
LONGEST_DESCRIPTION = 128  # of a feature group
UNFIT = re.compile(r"[^\w .:/=+\-]")  # for a feature's parameters


def create_feature_group(workflow: Workflow) -> dict[str, Any]:
    """``sagemaker.CreateFeatureGroup``: features of the curated rows, online and offline."""
    store, paths = workflow.feature_store, workflow.paths
    body: dict[str, Any] = {
        "FeatureGroupName": workflow.feature_group,
        "RecordIdentifierFeatureName": workflow.entity,
        "EventTimeFeatureName": workflow.event_time,
        "FeatureDefinitions": definitions(workflow),
        "OfflineStoreConfig": {
            "S3StorageConfig": {"S3Uri": paths.uri(paths.table("feature_store")).removesuffix("/")},
            "DisableGlueTableCreation": False,
        },
        "RoleArn": ROLE_ARN,
        "Description": workflow.description[:LONGEST_DESCRIPTION],
        "Tags": run.tags(workflow.name, STAGE),
    }
    if store.online:
        body["OnlineStoreConfig"] = {"EnableOnlineStore": True}
        if store.ttl_hours is not None:
            body["OnlineStoreConfig"]["TtlDuration"] = {"Unit": "Hours", "Value": store.ttl_hours}
    return body


def update_feature_metadata(workflow: Workflow) -> list[dict[str, Any]]:
    """``sagemaker.UpdateFeatureMetadata``, one body a feature: what it is, whose, and where it comes from."""
    notes, columns = workflow.feature_store.notes, {each.name: each for each in workflow.data.columns}
    return [
        _metadata(workflow, name, notes.get(name), columns.get(name))
        for name in (definition["FeatureName"] for definition in definitions(workflow))
    ]


def lineage(workflow: Workflow) -> dict[str, str]:
    """Tags of the group after an ingestion: which run wrote which rows last."""
    paths = workflow.paths
    return {**run.tag_map(workflow.name, STAGE), "source": paths.uri(paths.curated)}


def _metadata(
    workflow: Workflow, name: str, note: FeatureNote | None, column: Column | None
) -> dict[str, Any]:
    owner = (note.owner if note else None) or workflow.owner
    source = f"{column.type} column {name}" if column else "the cleaning job or the run"
    parameters = {"owner": owner, "source": source, "workflow": workflow.name}
    return {
        "FeatureGroupName": workflow.feature_group,
        "FeatureName": name,
        "Description": note.description if note else f"From {source}.",
        "ParameterAdditions": [
            {"Key": key, "Value": UNFIT.sub("-", value)[:255]} for key, value in parameters.items()
        ],
    }
