"""The workflow's own tables in the Glue catalog, from which Athena reads."""

from __future__ import annotations

from typing import Any

from aws_ml.requests.athena_query import ATHENA_TYPES, CURATED
from aws_ml.schema import ROW_ID, Workflow

ACCEPTED = "accepted"
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}


def create_curated(workflow: Workflow) -> dict[str, Any]:
    """``glue.CreateTable``: one row is one clean row of the landing files."""
    return _table(workflow, CURATED, "Clean rows, per day", _columns(workflow))


def create_accepted(workflow: Workflow) -> dict[str, Any]:
    """``glue.CreateTable``: one row is one accepted row; where bias was mitigated it may have a weight.

    Nothing lies below it: each partition names its own place.
    """
    weight = {"Name": "sample_weight", "Type": "double"}
    said = "Rows that a bias gate or a person accepted, per day"
    return _table(workflow, ACCEPTED, said, [*_columns(workflow), weight])


def _table(workflow: Workflow, name: str, says: str, columns: list[dict[str, str]]) -> dict[str, Any]:
    paths = workflow.paths
    return {
        "DatabaseName": workflow.name,
        "TableInput": {
            "Name": name,
            "Description": says,
            "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": [{"Name": "dt", "Type": "string"}],
            "StorageDescriptor": {"Columns": columns, **PARQUET, "Location": paths.uri(paths.table(name))},
            "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"},
        },
    }


def _columns(workflow: Workflow) -> list[dict[str, str]]:
    columns = [{"Name": column.name, "Type": ATHENA_TYPES[column.type]} for column in workflow.data.columns]
    if workflow.data.key is None:  # the cleaning job names rows by file and line, in the first column
        columns.insert(0, {"Name": ROW_ID, "Type": "string"})
    return columns
