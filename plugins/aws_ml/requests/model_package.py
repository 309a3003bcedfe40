"""A version in the model registry: the chosen archive, and all that is known of it."""

from __future__ import annotations

import json
from typing import Any

from aws_ml import run
from aws_ml.requests.model import serving_container
from aws_ml.run import CODE_PREFIX, from_task
from aws_ml.schema import Workflow

STAGE = "train_tune"
RUN_KEY, DIGEST, CANDIDATE = "run_key", "archive_sha256", "candidate"
"""Customer metadata properties by which tasks know a version again."""
CHOSEN = {key: from_task("choose_model", key) for key in ("chosen", "metric", "value", "source")}
ARCHIVE_URI, ARCHIVE_SHA256 = (from_task("choose_model", key) for key in ("archive_uri", "archive_sha256"))


def create_model_package(
    workflow: Workflow, archive_uri: str = ARCHIVE_URI, digest: str = ARCHIVE_SHA256
) -> dict[str, Any]:
    """``sagemaker.CreateModelPackage``: a version that the gates have let through.

    :param archive_uri: the archive under its own digest, which no later run overwrites
    :param digest: its SHA-256
    """
    paths = workflow.paths
    kept = paths.uri(paths.registered(digest))
    return {
        "ModelPackageGroupName": workflow.model_group,
        "ModelPackageDescription": f"{CHOSEN['chosen']} of {run.RUN_KEY}",
        "InferenceSpecification": {
            "Containers": [serving_container(workflow, archive_uri)],
            "SupportedContentTypes": ["application/json", "text/csv"],
            "SupportedResponseMIMETypes": ["application/json", "text/csv"],
            "SupportedRealtimeInferenceInstanceTypes": [workflow.deployment.instance_type],
        },
        "ModelApprovalStatus": "Approved",
        "ModelMetrics": {
            "ModelQuality": {"Statistics": _json(f"{kept}statistics.json")},
            "Bias": {
                "PreTrainingReport": _json(paths.uri(paths.analysis)),
                "PostTrainingReport": _json(f"{kept}evaluation.json"),
            },
        },
        "MetadataProperties": {
            "GeneratedBy": CHOSEN["source"],
            "CommitId": CODE_PREFIX,
        },
        "CustomerMetadataProperties": {
            RUN_KEY: run.RUN_KEY,
            DIGEST: digest,
            CANDIDATE: CHOSEN["chosen"],
            "metric": CHOSEN["metric"],
            "value": CHOSEN["value"],
            "workflow": workflow.name,
            "training_data": paths.uri(paths.split("train")),
            "feature_group": workflow.feature_group if workflow.feature_store.enabled else "none",
            "choice": paths.uri(paths.choice),
            "dag_run_id": "{{ dag_run.run_id | replace('~', '-') }}",
        },
        "ModelCard": {"ModelCardContent": json.dumps(card(workflow)), "ModelCardStatus": "Draft"},
        "Tags": run.tags(workflow.name, STAGE),
    }


def card(workflow: Workflow) -> dict[str, Any]:
    """The model card, by AWS's schema of model cards: what the model is for, of what, and how good it is."""
    label = workflow.data.label
    facets = ", ".join(facet.column for facet in workflow.bias.facets)
    return {
        "model_overview": {
            "model_description": workflow.description,
            "model_owner": workflow.owner,
            "problem_type": "Binary classification",
            "algorithm_type": "XGBoost",
            "model_artifact": [ARCHIVE_URI],
        },
        "intended_uses": {
            "intended_uses": workflow.description,
            "factors_affecting_model_efficiency": f"Bias is measured for: {facets}.",
        },
        "training_details": {
            "training_observations": f"Predicts whether {label.column} is one of {label.positive}, "
            f"from the data of {run.RUN_KEY}.",
            "training_job_details": {"training_environment": {"container_image": []}},
        },
        "evaluation_details": [
            {
                "name": "held-out rows",
                "metadata": {"metric": CHOSEN["metric"], "value": CHOSEN["value"]},
            }
        ],
    }


def _json(uri: str) -> dict[str, str]:
    return {"ContentType": "application/json", "S3Uri": uri}
