"""The workflow's Data Wrangler job as a task runs it: the flow is put, the job runs, the extract is there."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aws_ml.operators.processing_job import ProcessingJobOperator
from aws_ml.operators.put_json import PutJsonOperator
from aws_ml.requests import data_wrangler
from aws_ml.run import Paths
from aws_ml.workflow import load_workflow
from tests.contract.aws_ml.conftest import BUCKET, ROLE, TaskInstance
from tests.support.stand_in import StandIn
from tests.unit.aws_ml.rendering import Variables, rendered

ROOT = Path(__file__).parents[3]
ROWS = 100
START = datetime.fromisoformat("2026-01-15T06:00:00")


def partition() -> bytes:
    """A curated partition of 100 loans, 60 of them approved, four without an income."""
    place = range(ROWS)
    columns = {
        "application_id": pa.array([f"A{i}" for i in place]),
        "applied_at": pa.array([START + timedelta(minutes=i) for i in place], pa.timestamp("us")),
        "age": pa.array([18.0 + i % 60 for i in place]),
        "sex": pa.array([("female", "male")[i % 2] for i in place]),
        "region": pa.array([("north", "south", None, "west")[i % 4] for i in place]),
        "employment": pa.array(["self_employed"] * ROWS),
        "income": pa.array([None if i % 25 == 0 else 1000.0 * (i + 1) for i in place]),
        "loan_amount": pa.array([5000.0] * ROWS),
        "term_months": pa.array([12] * ROWS, pa.int64()),
        "credit_history_years": pa.array([float(i % 10) for i in place]),
        "existing_debt": pa.array([500.0 * (i + 1) for i in place]),
        "late_payments": pa.array([i % 3 for i in place], pa.int64()),
        "purpose": pa.array(["car"] * ROWS),
        "approved": pa.array([int(i % 5 < 3) for i in place], pa.int64()),
    }
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue())


@pytest.fixture
def extract(aws: StandIn, task: TaskInstance) -> list[dict[str, str]]:
    """The rows that the two tasks of a run leave."""
    workflow = load_workflow(ROOT / "include" / "workflows" / "loan_approval.yaml")
    paths = Paths(workflow.name, run_key="2026-01-15", bucket=BUCKET)
    aws.client("s3").put_object(Bucket=BUCKET, Key=f"{paths.curated}part-00000.parquet", Body=partition())
    variables = {"value": Variables(aws_ml_bucket=BUCKET, aws_ml_role_arn=ROLE, aws_ml_region="us-east-1")}

    def filled(value: Any) -> Any:
        return rendered(workflow, value, var=variables)

    PutJsonOperator(
        task_id="put_flow",
        bucket=BUCKET,
        key=paths.flow,
        document=filled(data_wrangler.flow_of_run(workflow)),
    ).execute(task.context())
    result = ProcessingJobOperator(
        task_id="wrangle_partition", config=filled(data_wrangler.wrangle(workflow)), deferrable=False
    ).execute(task.context())
    assert result["outputs"] == {"sample.default": f"s3://{BUCKET}/{paths.wrangled.removesuffix('/')}"}
    prefix = f"{paths.wrangled}{result['name']}/sample/default/"
    (found,) = aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]
    body = aws.client("s3").get_object(Bucket=BUCKET, Key=found["Key"])["Body"].read().decode()
    return list(csv.DictReader(io.StringIO(body)))


def test_the_extract_is_a_stratified_fifth_without_holes(extract: list[dict[str, str]]) -> None:
    assert len(extract) == 20
    assert sum(row["approved"] == "1" for row in extract) == 12  # 60 of 100, as in the partition
    assert "application_id" not in extract[0]
    assert all(row["employment"] == "self employed" for row in extract)
    assert {name for name in extract[0] if name.startswith("region_")} == {
        "region_north", "region_south", "region_west", "region_unknown",
    }  # fmt: skip
    for row in extract:
        assert "" not in row.values()
        assert sum(float(row[f"region_{name}"]) for name in ("north", "south", "west", "unknown")) == 1
        assert float(row["debt_to_income"]) == pytest.approx(
            float(row["existing_debt"]) / float(row["income"]), abs=5e-5
        )
        assert 1000.0 < float(row["income"]) <= 100_000.0
