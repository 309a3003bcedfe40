"""The SQL of the first stage, run by Athena: it says the truth about a partition whose truth is known."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path
from typing import Any

import pytest

from aws_ml.requests import athena_query, glue_database
from aws_ml.schema import Workflow
from aws_ml.workflow import load_workflow
from tests.support.stand_in import StandIn
from tests.unit.aws_ml.rendering import rendered

ROOT = Path(__file__).parents[3]
LOAN = load_workflow(ROOT / "include" / "workflows" / "loan_approval.yaml")
CENSUS = load_workflow(ROOT / "tests" / "workflows" / "census_income.yaml")

# Four applications of 2026-01-15; the columns that are not listed are empty.
INCOMES = [1000.0, 2000.0, 4000.0, None]
LATE = [0, 0, 3, None]


@pytest.fixture(scope="module")
def athena(stand_in: StandIn) -> StandIn:
    """A stand-in with the bucket and one curated partition of loan applications."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {
        "string": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "timestamp": pa.timestamp("us"),
    }
    values: dict[str, list[Any]] = {
        "application_id": ["A1", "A2", "A3", "A4"],
        "sex": ["female", "female", "male", "male"],
        "income": INCOMES,
        "late_payments": LATE,
    }
    table = pa.table(
        {
            column.name: pa.array(values.get(column.name, [None] * 4), kinds[column.type])
            for column in LOAN.data.columns
        }
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    s3 = stand_in.client("s3")
    s3.create_bucket(Bucket="local-ml")
    s3.put_object(
        Bucket="local-ml",
        Key="loan_approval/curated/dt=2026-01-15/part-00000.parquet",
        Body=buffer.getvalue(),
    )
    for workflow in (LOAN, CENSUS):
        stand_in.client("glue").create_database(**rendered(workflow, glue_database.create_database(workflow)))
    return stand_in


def ran(stand_in: StandIn, workflow: Workflow, body: dict[str, Any]) -> list[dict[str, str]]:
    """The rows of a statement's result file, once it has ended well."""
    client = stand_in.client("athena")
    query = client.start_query_execution(**rendered(workflow, body))["QueryExecutionId"]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        execution = client.get_query_execution(QueryExecutionId=query)["QueryExecution"]
        if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
            break
        time.sleep(0.05)  # Athena has nothing that could be awaited
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"].get("StateChangeReason")
    bucket, _, key = execution["ResultConfiguration"]["OutputLocation"].removeprefix("s3://").partition("/")
    text = stand_in.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("workflow", [LOAN, CENSUS], ids=lambda each: each.name)
def test_a_cleared_task_defines_the_table_again(athena: StandIn, workflow: Workflow) -> None:
    """Also without a key, where rows are named by the cleaning job."""
    for statement in (athena_query.create_curated, athena_query.add_partition):
        ran(athena, workflow, statement(workflow))
        ran(athena, workflow, statement(workflow))
    table = athena.client("glue").get_table(DatabaseName=workflow.name, Name="curated")["Table"]
    names = [column["Name"] for column in table["StorageDescriptor"]["Columns"]]
    own = [column.name for column in workflow.data.columns]
    assert names == (own if workflow.data.key else ["row_id", *own])
    partitions = athena.client("glue").get_partitions(DatabaseName=workflow.name, TableName="curated")
    assert [partition["Values"] for partition in partitions["Partitions"]] == [["2026-01-15"]]
