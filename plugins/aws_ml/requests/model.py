"""The model that is served: the archive that was evaluated, on the XGBoost image."""

from __future__ import annotations

from typing import Any

from aws_ml import run
from aws_ml.run import ROLE_ARN
from aws_ml.schema import Workflow

STAGE = "deploy_manage"


def create_model(workflow: Workflow) -> dict[str, Any]:
    """``sagemaker.CreateModel``; the operator appends a digest of the archive to the name."""
    paths = workflow.paths
    return {
        "ModelName": "{{ job_name('model') }}",
        "PrimaryContainer": serving_container(workflow, paths.uri(paths.serving_archive)),
        "ExecutionRoleArn": ROLE_ARN,
        "Tags": run.tags(workflow.name, STAGE),
    }


def serving_container(workflow: Workflow, archive_uri: str) -> dict[str, Any]:
    """The container that serves an archive, as a model and a model package name it."""
    return {
        "Image": run.image("xgboost", workflow.training.image_version),
        "ModelDataUrl": archive_uri,
        "Environment": {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        },
    }
