"""The Glue database that holds a workflow's tables."""

from __future__ import annotations

from typing import Any

from aws_ml.schema import Workflow


def create_database(workflow: Workflow) -> dict[str, Any]:
    """``glue.CreateDatabase``."""
    return {
        "DatabaseInput": {
            "Name": workflow.name,
            "Description": workflow.description,
            "LocationUri": workflow.paths.uri(f"{workflow.name}/"),
        },
    }
