"""The cleaning job as a workflow asks for it: published, started by its operator, on either engine."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from aws_ml.operators.glue_job import GlueJobOperator
from aws_ml.operators.publish_code import PublishCodeOperator
from aws_ml.requests import glue_job
from aws_ml.workflow import load_workflows
from sample_data.loan_applications import files, truth
from tests.contract.aws_ml.conftest import BUCKET, TaskInstance
from tests.support.spark import needs_spark
from tests.support.stand_in import StandIn
from tests.unit.aws_ml import rendering

DAY = date(2026, 1, 15)
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("engine", ["pythonshell", pytest.param("spark", marks=needs_spark)])
def test_the_sample_day_is_cleaned(
    aws: StandIn, task: TaskInstance, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loans = load_workflows([ROOT / "include" / "workflows"]).workflows["loan_approval"]
    cleaning = loans.cleaning.model_copy(update={"engine": engine})
    workflow = loans.model_copy(update={"name": f"loans_{engine}", "cleaning": cleaning})
    s3, paths = aws.client("s3"), workflow.paths
    publish = PublishCodeOperator(
        task_id="publish", bucket=BUCKET, prefix=paths.code, config=workflow.resolved()
    )
    made = publish.execute(TaskInstance().context())
    monkeypatch.setitem(rendering.XCOMS, "publish_code", made)
    variables = rendering.Variables(
        aws_ml_bucket=BUCKET, aws_ml_role_arn="arn:aws:iam::000000000000:role/contract"
    )
    config, arguments = rendering.rendered(
        workflow,
        [glue_job.create_job(workflow), glue_job.arguments(workflow)],
        var={"value": variables},
    )
    for name, content in files(DAY).items():
        s3.put_object(Bucket=BUCKET, Key=f"{workflow.name}/landing/dt={DAY}/{name}", Body=content)
    operator = GlueJobOperator(task_id="task", config=config, arguments=arguments, deferrable=False)
    operator.execute(task.context())
    report = json.load(
        s3.get_object(Bucket=BUCKET, Key=f"{workflow.name}/runs/{DAY}/ingest_analyze/cleaning.json")["Body"]
    )
    planted = truth(DAY)
    counts = ("rows_in", "curated", "quarantined", "duplicates", "conflicting_duplicates")
    assert [report[name] for name in counts] == [
        planted.rows,
        planted.curated,
        planted.quarantined,
        planted.duplicates,
        planted.duplicates_changed,
    ]
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{workflow.name}/curated/dt={DAY}/")["Contents"]
    assert all(entry["Key"].endswith(".parquet") for entry in found)
