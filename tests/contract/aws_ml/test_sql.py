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


def test_a_partition_is_described_column_by_column(athena: StandIn) -> None:
    for statement in (athena_query.create_curated, athena_query.add_partition):
        ran(athena, LOAN, statement(LOAN))
        ran(athena, LOAN, statement(LOAN))  # a cleared task does it again
    rows = ran(athena, LOAN, athena_query.describe_partition(LOAN))

    assert [row["column_name"] for row in rows] == [column.name for column in LOAN.data.columns]
    described = {row["column_name"]: row for row in rows}
    assert {row["row_count"] for row in rows} == {"4"}

    income = described["income"]
    assert (income["column_type"], income["missing"], income["distinct_values"]) == ("number", "1", "3")
    assert float(income["minimum"]) == 1000
    assert float(income["maximum"]) == 4000
    assert float(income["mean"]) == pytest.approx(7000 / 3)
    assert float(income["standard_deviation"]) == pytest.approx(1527.5252316519467)
    assert (
        1000 <= float(income["lower_quartile"]) <= float(income["median"]) <= float(income["upper_quartile"])
    )

    late = described["late_payments"]
    assert (late["minimum"], late["maximum"], late["missing"], late["distinct_values"]) == (
        "0",
        "3",
        "1",
        "2",
    )
    assert float(late["mean"]) == 1

    sex = described["sex"]
    assert (sex["minimum"], sex["maximum"], sex["distinct_values"]) == ("female", "male", "2")
    assert (sex["mean"], sex["median"]) == ("", "")

    region = described["region"]
    assert (region["missing"], region["distinct_values"], region["minimum"]) == ("4", "0", "")


def test_an_empty_partition_is_described_too(athena: StandIn) -> None:
    """Also without a key, where rows are named by the cleaning job."""
    ran(athena, CENSUS, athena_query.create_curated(CENSUS))
    ran(athena, CENSUS, athena_query.add_partition(CENSUS))
    rows = ran(athena, CENSUS, athena_query.describe_partition(CENSUS))
    assert [row["column_name"] for row in rows][:2] == ["row_id", "age"]
    assert {row["row_count"] for row in rows} == {"0"}
    assert {row["mean"] for row in rows} == {""}
