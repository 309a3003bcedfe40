"""An AutoML job's task: what it hands on, and what a stopped job is."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from aws_ml.exceptions import RemoteJobStopped
from aws_ml.operators.auto_ml_job import AutoMLJobOperator
from tests.contract.aws_ml.conftest import BUCKET, ROLE, TaskInstance, in_background, until
from tests.support.stand_in import StandIn

pytestmark = pytest.mark.usefixtures("aws")

LINES = {"AlgorithmsConfig": [{"AutoMLAlgorithms": ["linear-learner"]}]}


@pytest.fixture(scope="module")
def data(aws: StandIn) -> str:
    """Rows that a line learns at once: the label is whether x is positive."""
    rows = "x,label\n" + "".join(f"{x},{'yes' if x > 0 else 'no'}\n" for x in range(-260, 260))
    aws.client("s3").put_object(Bucket=BUCKET, Key="auto/rows.csv", Body=rows.encode())
    return f"s3://{BUCKET}/auto/"


def operator(task: TaskInstance, data: str, **table: Any) -> AutoMLJobOperator:
    config = {
        "AutoMLJobName": task.base_name,
        "RoleArn": "contract",
        "AutoMLJobInputDataConfig": [
            {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": data}}}
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/found"},
        "AutoMLProblemTypeConfig": {
            "TabularJobConfig": {
                "TargetAttributeName": "label",
                "Mode": "ENSEMBLING",
                "CandidateGenerationConfig": LINES,
                "CompletionCriteria": {"MaxCandidates": "1"},  # a text, as templates make it
                **table,
            }
        },
    }
    return AutoMLJobOperator(task_id="task", config=config, deferrable=False)


def test_the_best_candidate_is_handed_on(aws: StandIn, task: TaskInstance, data: str) -> None:
    result = operator(task, data).execute(task.context())
    name = f"{task.base_name}-1"
    assert result["name"] == name
    assert result["arn"].endswith(f":automl-job/{name}")
    assert result["problem_type"] == "BinaryClassification"
    assert result["candidate"] == "LinearLearner_BAG_L1_t1"
    assert result["metric"]["name"] == "F1", "AWS's default for two classes"
    assert result["metric"]["value"] > 0.98
    assert result["metrics"]["F1"] == result["metric"]["value"]
    (container,) = result["containers"]
    key = container["ModelDataUrl"].removeprefix(f"s3://{BUCKET}/")
    assert aws.client("s3").head_object(Bucket=BUCKET, Key=key)
    assert result["explainability"] == f"s3://{BUCKET}/found/{name}/documentation/explainability/output/" + (
        "LinearLearner_BAG_L1_t1"
    )
    assert all(uri.endswith(".ipynb") for uri in result["notebooks"].values())
    described = aws.client("sagemaker").describe_auto_ml_job_v2(AutoMLJobName=name)
    assert described["RoleArn"] == ROLE


def test_a_stopped_job_is_no_success(aws: StandIn, task: TaskInstance, data: str) -> None:
    """The provider's operator would hand on whatever the best candidate was until then."""
    running = in_background(
        lambda: operator(task, data, CompletionCriteria={"MaxCandidates": 10}).execute(task.context())
    )
    name = f"{task.base_name}-1"
    client = aws.client("sagemaker")
    until(lambda: [each for each in _jobs(client) if each["AutoMLJobName"] == name])
    client.stop_auto_ml_job(AutoMLJobName=name)
    with pytest.raises(RemoteJobStopped, match=f"{name} is Stopped"):
        running.result(60)


def _jobs(client: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.list_auto_ml_jobs(MaxResults=100)["AutoMLJobSummaries"]
    return found


def test_a_refused_request_is_not_tried_again(task: TaskInstance, data: str) -> None:
    with pytest.raises(AirflowFailException, match="ProblemType and AutoMLJobObjective must be given"):
        operator(task, data, ProblemType="Regression").execute(task.context())
