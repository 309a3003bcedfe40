"""The table of accepted rows: per day, where the rows lie that the bias gate accepted."""

from __future__ import annotations

from typing import Any

from aws_ml.requests.athena_query import ATHENA_TYPES
from aws_ml.run import DATASET_URI, RUN_KEY, from_task
from aws_ml.schema import ROW_ID, Workflow

ACCEPTED = "accepted"
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}


def create_accepted(workflow: Workflow) -> dict[str, Any]:
    """``glue.CreateTable``: one row is one accepted row; where bias was mitigated it may have a weight."""
    paths = workflow.paths
    return {
        "DatabaseName": workflow.name,
        "TableInput": {
            "Name": ACCEPTED,
            "Description": "Rows that a bias gate or a person accepted, per day",
            "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": [{"Name": "dt", "Type": "string"}],
            # Nothing lies below it: each partition names its own place.
            "StorageDescriptor": {**_storage(workflow), "Location": paths.uri(paths.table(ACCEPTED))},
            "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"},
        },
    }


def accepted_partition(workflow: Workflow) -> dict[str, Any]:
    """``glue.CreatePartition``: the run's day, which points at the curated or at the mitigated rows."""
    return {
        "DatabaseName": workflow.name,
        "TableName": ACCEPTED,
        "PartitionInput": {
            "Values": [RUN_KEY],
            "StorageDescriptor": {**_storage(workflow), "Location": DATASET_URI},
            "Parameters": {
                "mitigation": from_task("read_decision", "mitigation"),
                "weighted": from_task("read_decision", "weighted"),
            },
        },
    }


def _storage(workflow: Workflow) -> dict[str, Any]:
    columns = [{"Name": column.name, "Type": ATHENA_TYPES[column.type]} for column in workflow.data.columns]
    if workflow.data.key is None:
        columns.insert(0, {"Name": ROW_ID, "Type": "string"})
    return {"Columns": [*columns, {"Name": "sample_weight", "Type": "double"}], **PARQUET}
