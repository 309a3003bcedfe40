"""The endpoint config: which model on how many instances. Never changed, always made anew."""

from __future__ import annotations

from typing import Any

from aws_ml import run
from aws_ml.run import from_task
from aws_ml.schema import Workflow

STAGE = "deploy_manage"
VARIANT = "AllTraffic"


def create_endpoint_config(
    workflow: Workflow, model_name: str = from_task("create_model", "name")
) -> dict[str, Any]:
    """``sagemaker.CreateEndpointConfig`` with one variant."""
    deployment = workflow.deployment
    return {
        "EndpointConfigName": "{{ job_name('config') }}",
        "ProductionVariants": [
            {
                "VariantName": VARIANT,
                "ModelName": model_name,
                "InstanceType": deployment.instance_type,
                "InitialInstanceCount": deployment.instance_count,
                "InitialVariantWeight": 1,
            }
        ],
        "Tags": run.tags(workflow.name, STAGE),
    }
