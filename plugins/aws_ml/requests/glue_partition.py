"""A day's partition of the workflow's own tables: where the day's rows lie."""

from __future__ import annotations

from typing import Any

from aws_ml.requests.athena_query import CURATED
from aws_ml.requests.glue_table import ACCEPTED
from aws_ml.run import DATASET_URI, RUN_KEY, from_task
from aws_ml.schema import Workflow


def curated_partition(workflow: Workflow) -> dict[str, Any]:
    """``glue.CreatePartition`` but for the columns, which are the table's: the day's clean rows."""
    paths = workflow.paths
    return _partition(workflow, CURATED, paths.uri(paths.curated), {})


def accepted_partition(workflow: Workflow) -> dict[str, Any]:
    """``glue.CreatePartition`` but for the columns, which are the table's: curated or mitigated rows."""
    parameters = {
        "mitigation": from_task("read_decision", "mitigation"),
        "weighted": from_task("read_decision", "weighted"),
    }
    return _partition(workflow, ACCEPTED, DATASET_URI, parameters)


def _partition(workflow: Workflow, table: str, place: str, parameters: dict[str, str]) -> dict[str, Any]:
    return {
        "DatabaseName": workflow.name,
        "TableName": table,
        "PartitionInput": {
            "Values": [RUN_KEY],
            "StorageDescriptor": {"Location": place},
            "Parameters": parameters,
        },
    }
