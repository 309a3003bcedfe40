"""The sample workflow's features, made by the two ways there are: the same columns, and values that fit."""

from __future__ import annotations

import csv
import io
import json
import math
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from aws_ml.operators.processing_job import ProcessingJobOperator
from aws_ml.operators.publish_code import PublishCodeOperator
from aws_ml.operators.put_json import PutJsonOperator
from aws_ml.requests import data_wrangler, processing_job
from aws_ml.run import Paths
from aws_ml.schema import Workflow
from aws_ml.workflow import load_workflow
from tests.contract.aws_ml.conftest import BUCKET, ROLE, TaskInstance
from tests.support.stand_in import StandIn
from tests.unit.aws_ml.rendering import XCOMS, Variables, rendered

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "include" / "workflows" / "loan_approval.yaml"
ROWS = 600
START = datetime.fromisoformat("2026-01-15T06:00:00")
FLOW = {"engine": "data_wrangler", "flow": "loan_approval_features.flow", "output_node": "encoded"}
NO_FEATURES = {"numeric": [], "categorical": [], "interactions": []}


def partition() -> pa.Table:
    """600 curated loans: every region and purpose, some without an income or an employment."""
    draw = random.Random(7)
    place = range(ROWS)
    columns = {
        "application_id": pa.array([f"A{i:04}" for i in place]),
        "applied_at": pa.array([START + timedelta(minutes=i) for i in place], pa.timestamp("us")),
        "age": pa.array([18.0 + draw.randrange(60) for _ in place]),
        "sex": pa.array([draw.choice(("female", "male")) for _ in place]),
        "region": pa.array([draw.choice(("north", "south", "east", "west", None)) for _ in place]),
        "employment": pa.array([draw.choice(("salaried", "self_employed", "retired", None)) for _ in place]),
        "income": pa.array([None if draw.random() < 0.1 else draw.lognormvariate(8, 0.5) for _ in place]),
        "loan_amount": pa.array([draw.uniform(500, 40_000) for _ in place]),
        "term_months": pa.array([draw.choice((12, 24, 36)) for _ in place], pa.int64()),
        "credit_history_years": pa.array([draw.uniform(0, 30) for _ in place]),
        "existing_debt": pa.array([draw.expovariate(1e-3) for _ in place]),
        "late_payments": pa.array([draw.randrange(5) for _ in place], pa.int64()),
        "purpose": pa.array([draw.choice(("car", "home", "medical")) for _ in place]),
        "approved": pa.array([int(draw.random() < 0.6) for _ in place], pa.int64()),
    }
    return pa.table(columns)


def workflow(folder: Path, name: str, features: dict[str, Any]) -> Workflow:
    """The sample workflow with other features, reading the curated rows as they are."""
    document = yaml.safe_load(SAMPLE.read_text())
    document |= {"name": name, "feature_store": {"enabled": False}}
    document["features"] |= features
    document["deployment"] = {"endpoint": name.replace("_", "-")}
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return load_workflow(file)


class Run:
    """One run of stage 2's jobs on the partition."""

    def __init__(self, aws: StandIn, made: Workflow) -> None:
        self.s3 = aws.client("s3")
        self.workflow = made
        self.paths = Paths(made.name, run_key="2026-01-15", bucket=BUCKET)
        sink = pa.BufferOutputStream()
        pq.write_table(partition(), sink)
        body = bytes(sink.getvalue())
        self.s3.put_object(Bucket=BUCKET, Key=f"{self.paths.curated}part-00000.parquet", Body=body)
        XCOMS["read_decision"] = {**XCOMS["read_decision"], "uri": f"s3://{BUCKET}/{self.paths.curated}"}
        XCOMS["publish_code"] = PublishCodeOperator(
            task_id="publish_code",
            bucket=BUCKET,
            prefix=self.paths.table("code"),
            config=made.resolved(),
        ).execute(TaskInstance().context())
        if made.features.engine == "data_wrangler":
            self.job("split_rows", processing_job.split_rows(made))
            PutJsonOperator(
                task_id="put_flow",
                bucket=BUCKET,
                key=self.paths.features_flow,
                document=self.filled(data_wrangler.features_flow(made)),
            ).execute(TaskInstance().context())
            self.job("wrangle_features", data_wrangler.wrangle_features(made))
        self.job("build_features", processing_job.build_features(made))

    def filled(self, value: Any) -> Any:
        variables = Variables(aws_ml_bucket=BUCKET, aws_ml_role_arn=ROLE, aws_ml_region="us-east-1")
        return rendered(self.workflow, value, var={"value": variables})

    def job(self, task_id: str, config: dict[str, Any]) -> None:
        XCOMS[task_id] = ProcessingJobOperator(
            task_id=task_id, config=self.filled(config), deferrable=False
        ).execute(TaskInstance().context())

    def read(self, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.read(self.paths.features))
        return found

    def train(self) -> list[list[float]]:
        text = self.read(f"{self.paths.split('train')}part-00000.csv").decode()
        return [[float(value) for value in row] for row in csv.reader(io.StringIO(text))]


@pytest.fixture(scope="module")
def runs(aws: StandIn, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    folder, before = tmp_path_factory.mktemp("workflows"), dict(XCOMS)
    try:
        return {
            "processing": Run(aws, workflow(folder, "by_processing", {})),
            "data_wrangler": Run(aws, workflow(folder, "by_wrangler", {**NO_FEATURES, **FLOW})),
        }
    finally:
        XCOMS.clear()
        XCOMS.update(before)


def test_both_ways_make_the_same_columns_of_the_same_rows(runs: dict[str, Run]) -> None:
    plain, wrangled = (runs[way].report() for way in ("processing", "data_wrangler"))
    assert plain["columns"] == wrangled["columns"]
    # Numbers, products; regions, employments, each with a column for absent ones; purposes.
    assert len(plain["columns"]) == 7 + 2 + (4 + 1) + (3 + 1) + 3
    assert sorted(plain["inputs"]) == sorted(wrangled["inputs"])
    for part in ("rows_in", "splits", "label", "left_out"):
        assert plain[part] == wrangled[part]
    assert plain["transformer_digest"] != wrangled["transformer_digest"]


def test_values_differ_by_sparks_deviation_alone(runs: dict[str, Run]) -> None:
    """Spark divides by the sample's deviation (n - 1), scikit-learn's way by the population's (n)."""
    names = ["label", *runs["processing"].report()["columns"]]
    plain, wrangled = (runs[way].train() for way in ("processing", "data_wrangler"))
    assert len(plain) == len(wrangled) > 300
    shrunk = math.sqrt((len(plain) - 1) / len(plain))
    factors = {"credit_history_years*late_payments": shrunk**2}
    factors |= dict.fromkeys(
        ("age", "loan_amount", "term_months", "credit_history_years", "existing_debt", "late_payments"),
        shrunk,
    )
    # A median between two incomes there, one of the incomes here; few hundredths of a deviation apart.
    loose = {"income", "income*loan_amount"}
    for place, name in enumerate(names):
        found = [row[place] for row in wrangled]
        expected = [row[place] * factors.get(name, 1.0) for row in plain]
        assert found == pytest.approx(expected, rel=2e-2 if name in loose else 1e-5, abs=1e-2), name


def test_the_flow_that_was_fitted_stays_beside_its_table(runs: dict[str, Run]) -> None:
    run = runs["data_wrangler"]
    (job,) = {
        key["Key"].removeprefix(run.paths.wrangled_features).split("/")[0]
        for key in run.s3.list_objects_v2(Bucket=BUCKET, Prefix=run.paths.wrangled_features)["Contents"]
    }
    flow = json.loads(run.read(f"{run.paths.wrangled_features}{job}/{data_wrangler.FITTED}"))
    fitted = {node["node_id"] for node in flow["nodes"] if node.get("trained_parameters")}
    assert fitted >= {"medians", "scaled"}
    rows = pq.read_table(pa.BufferReader(run.read(f"{run.paths.training_rows}part-00000.parquet")))
    assert rows.num_rows == run.report()["splits"]["train"]["rows"]
