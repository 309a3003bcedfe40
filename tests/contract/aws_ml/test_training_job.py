"""A training job's task: what it hands on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from aws_ml.exceptions import RemoteJobFailed
from aws_ml.operators.training_job import TrainingJobOperator
from tests.contract.aws_ml.conftest import BUCKET, ROLE, TaskInstance, first_event
from tests.support.stand_in import StandIn

pytestmark = pytest.mark.usefixtures("aws")

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"


@pytest.fixture(scope="module")
def data(aws: StandIn) -> str:
    """Rows that a tree learns at once: the label is whether the only feature is positive."""
    rows = "".join(f"{int(x > 0)},{x}\n" for x in range(-50, 51))
    for channel in ("train", "validation"):
        aws.client("s3").put_object(Bucket=BUCKET, Key=f"xy/{channel}/part.csv", Body=rows.encode())
    return f"s3://{BUCKET}/xy/"


def operator(task: TaskInstance, data: str, rounds: str = "3", **arguments: Any) -> TrainingJobOperator:
    def channel(name: str) -> dict[str, Any]:
        source = {"S3DataType": "S3Prefix", "S3Uri": f"{data}{name}/"}
        return {"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}

    config = {
        "TrainingJobName": task.base_name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
        "HyperParameters": {"objective": "binary:logistic", "eval_metric": "auc", "num_round": rounds},
        "InputDataConfig": [channel("train"), channel("validation")],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models/"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    return TrainingJobOperator(task_id="task", config=config, **{"deferrable": False, **arguments})


def test_model_and_metrics_are_handed_on(aws: StandIn, task: TaskInstance, data: str) -> None:
    result = operator(task, data).execute(task.context())
    name = f"{task.base_name}-1"
    assert result["name"] == name
    assert result["arn"].endswith(f":training-job/{name}")
    assert result["model_uri"] == f"s3://{BUCKET}/models/{name}/output/model.tar.gz"
    assert result["metrics"]["validation:auc"] == pytest.approx(1.0)
    assert aws.client("s3").head_object(Bucket=BUCKET, Key=f"models/{name}/output/model.tar.gz")


def test_a_deferred_training_job_hands_on_the_same(task: TaskInstance, data: str) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        operator(task, data, deferrable=True).execute(task.context())
    event = asyncio.run(first_event(deferred.value.trigger))
    result = operator(task, data, deferrable=True).resume_execution(
        "resume", {**(deferred.value.kwargs or {}), "event": event}, task.context()
    )
    assert result["model_uri"].endswith(f"{task.base_name}-1/output/model.tar.gz")


def test_a_failed_training_job_says_why(task: TaskInstance, data: str) -> None:
    with pytest.raises(RemoteJobFailed) as caught:
        operator(task, data, rounds="none").execute(task.context())
    assert f"SageMaker training job {task.base_name}-1 is Failed" in str(caught.value)
    assert "num_round" in str(caught.value)
    assert f"/aws/sagemaker/TrainingJobs, streams {task.base_name}-1/" in str(caught.value)
