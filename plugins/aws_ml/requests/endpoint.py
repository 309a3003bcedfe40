"""The endpoint: one per workflow, given a new config by every deployment."""

from __future__ import annotations

from typing import Any

from aws_ml.run import from_task
from aws_ml.schema import Workflow

STAGE = "deploy_manage"
CONFIG_NAME = from_task("create_endpoint_config", "name")


def create_endpoint(workflow: Workflow, config_name: str = CONFIG_NAME) -> dict[str, Any]:
    """``sagemaker.CreateEndpoint``, for the first deployment.

    Tags name the workflow only: the endpoint outlives the run that made it.
    """
    return {
        **update_endpoint(workflow, config_name),
        "Tags": [{"Key": "workflow", "Value": workflow.name}, {"Key": "stage", "Value": STAGE}],
    }


def update_endpoint(workflow: Workflow, config_name: str = CONFIG_NAME) -> dict[str, Any]:
    """``sagemaker.UpdateEndpoint``, for every later one."""
    return {"EndpointName": workflow.deployment.endpoint, "EndpointConfigName": config_name}
