"""Athena statements of the first stage, from include/sql."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from aws_ml.run import RUN_KEY
from aws_ml.schema import Workflow

SQL_FOLDER = Path(__file__).parents[3] / "include" / "sql"
CATALOG = "AwsDataCatalog"
WORKGROUP = "primary"
CURATED = "curated"

# How Athena calls the types that the cleaning job writes.
ATHENA_TYPES = {
    "string": "string",
    "integer": "bigint",
    "number": "double",
    "boolean": "boolean",
    "timestamp": "timestamp",
    "date": "date",
}


def create_curated(workflow: Workflow) -> dict[str, Any]:
    """``athena.StartQueryExecution``: the table of curated rows."""
    paths = workflow.paths
    sql = statement(workflow, "create_curated", location=paths.uri(paths.table(CURATED)))
    return start_query_execution(workflow, sql, paths.queries)


def add_partition(workflow: Workflow) -> dict[str, Any]:
    """``athena.StartQueryExecution``: this run's partition of the curated table."""
    paths = workflow.paths
    sql = statement(workflow, "add_partition", location=paths.uri(paths.curated))
    return start_query_execution(workflow, sql, paths.queries)


def describe_partition(workflow: Workflow) -> dict[str, Any]:
    """``athena.StartQueryExecution``: statistics of this run's partition, one row a column."""
    return start_query_execution(
        workflow, statement(workflow, "describe_partition"), workflow.paths.statistics
    )


def start_query_execution(workflow: Workflow, sql: str, output: str) -> dict[str, Any]:
    """``athena.StartQueryExecution`` of any statement; the result lies under the key prefix ``output``."""
    return {
        "QueryString": sql,
        "QueryExecutionContext": {"Database": workflow.name, "Catalog": CATALOG},
        "ResultConfiguration": {"OutputLocation": workflow.paths.uri(output)},
        "WorkGroup": WORKGROUP,
    }


def statement(workflow: Workflow, name: str, **values: str) -> str:
    """One file of include/sql, filled in; what only a run knows stays a Jinja text for Airflow to render."""
    columns = [
        {
            "name": column.name,
            "type": column.type,
            "athena_type": ATHENA_TYPES[column.type],
            "numeric": column.type in ("integer", "number"),
        }
        for column in workflow.data.columns
    ]
    if workflow.data.key is None:  # the cleaning job names rows by file and line, in the first column
        columns.insert(0, {"name": "row_id", "type": "string", "athena_type": "string", "numeric": False})
    return (
        templates()
        .get_template(f"ingest_analyze/{name}.sql")
        .render(
            database=workflow.name,
            table=CURATED,
            columns=columns,
            run_key=RUN_KEY,
            **values,
        )
    )


@cache
def templates() -> Environment:
    """Jinja for SQL files, with a filter for each way in which Athena quotes."""
    environment = Environment(
        loader=FileSystemLoader(SQL_FOLDER),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - SQL is not HTML; the filters below quote
    )
    environment.filters |= {"ddl": ddl_identifier, "dml": dml_identifier, "text": text_literal}
    return environment


def ddl_identifier(name: str) -> str:
    """A name in CREATE and ALTER, which Athena reads as Hive does: in backticks."""
    return f"`{name.replace('`', '``')}`"


def dml_identifier(name: str) -> str:
    """A name in SELECT, which Athena reads as Trino does: in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(value: str) -> str:
    """A text in single quotes."""
    return "'" + value.replace("'", "''") + "'"
