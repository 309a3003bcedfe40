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
        "PrimaryContainer": {
            "Image": run.image("xgboost", workflow.training.image_version),
            "ModelDataUrl": paths.uri(paths.serving_archive),
            "Environment": {
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            },
        },
        "ExecutionRoleArn": ROLE_ARN,
        "Tags": run.tags(workflow.name, STAGE),
    }
