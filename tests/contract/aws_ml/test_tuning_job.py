"""A tuning job's task: what it hands on, from where it starts, and how it ends."""

from __future__ import annotations

import re
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from aws_ml.exceptions import RemoteJobFailed, RemoteJobStopped
from aws_ml.operators.tuning_job import TuningJobOperator
from tests.contract.aws_ml.conftest import BUCKET, ROLE, TaskInstance, in_background, until
from tests.support.stand_in import StandIn

pytestmark = pytest.mark.usefixtures("aws")

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
NAME = "HyperParameterTuningJobName"


@pytest.fixture(scope="module")
def data(aws: StandIn) -> str:
    """Rows that a tree learns at once: the label is whether the only feature is positive."""
    rows = "".join(f"{int(x > 0)},{x}\n" for x in range(-50, 51))
    for channel in ("train", "validation"):
        aws.client("s3").put_object(Bucket=BUCKET, Key=f"tuned/{channel}/part.csv", Body=rows.encode())
    return f"s3://{BUCKET}/tuned/"


def operator(
    task: TaskInstance, data: str, run_key: str = "2026-01-15", rounds: str = "2", **arguments: Any
) -> TuningJobOperator:
    def channel(name: str) -> dict[str, Any]:
        source = {"S3DataType": "S3Prefix", "S3Uri": f"{data}{name}/"}
        return {"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}

    config = {
        NAME: f"c-tune-{run_key.replace('-', '')}-{task.base_name[-6:]}",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "validation:auc"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": "1", "MaxParallelTrainingJobs": "1"},  # as rendered
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.9"}]
            },
        },
        "TrainingJobDefinition": {
            "RoleArn": "contract",
            "AlgorithmSpecification": {"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
            "StaticHyperParameters": {"objective": "binary:logistic", "num_round": rounds, "nthread": "1"},
            "InputDataConfig": [channel("train"), channel("validation")],
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
        "Tags": [{"Key": "workflow", "Value": "contract"}, {"Key": "run_key", "Value": run_key}],
    }
    return TuningJobOperator(task_id="task", config=config, **{"deferrable": False, **arguments})


@pytest.fixture(scope="module")
def yesterday(data: str) -> dict[str, Any]:
    """What the task of the day before handed on."""
    task = TaskInstance()
    found: dict[str, Any] = operator(task, data, "2026-01-14").execute(task.context())
    return found


def test_the_best_training_job_is_handed_on(aws: StandIn, yesterday: dict[str, Any]) -> None:
    name = yesterday["name"]
    assert name.startswith("c-tune-20260114-")
    assert yesterday["arn"].endswith(f":hyper-parameter-tuning-job/{name}")
    assert yesterday["training_job"].startswith(f"{name}-001-")
    key = yesterday["model_uri"].removeprefix(f"s3://{BUCKET}/")
    assert key == f"models/{yesterday['training_job']}/output/model.tar.gz"
    assert aws.client("s3").head_object(Bucket=BUCKET, Key=key)
    assert 0.1 <= float(yesterday["hyperparameters"]["eta"]) <= 0.9
    assert yesterday["metric"] == {"name": "validation:auc", "value": pytest.approx(1.0)}
    assert yesterday["metrics"]["validation:auc"] == yesterday["metric"]["value"]
    assert yesterday["counts"]["Completed"] == 1
    assert yesterday["warm_start"] == []
    job = aws.client("sagemaker").describe_training_job(TrainingJobName=yesterday["training_job"])
    assert job["RoleArn"] == ROLE


def test_it_starts_from_the_newest_earlier_run(
    task: TaskInstance, data: str, yesterday: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Not from a later run's job, and what was best there is tried first; progress is told as it is made."""
    late = TaskInstance()
    operator(late, data, "2026-01-16").execute(late.context())
    capsys.readouterr()
    result = operator(task, data, warm_start=True).execute(task.context())
    told = [line for line in capsys.readouterr().out.splitlines() if re.search(" is [A-Z][A-Za-z]+: ", line)]
    assert result["warm_start"] == [yesterday["name"]]
    assert result["hyperparameters"] == yesterday["hyperparameters"]
    assert "is InProgress: 0 completed" in told[0]
    assert "is Completed: 1 completed, 0 running, 0 failed, 0 stopped; best validation:auc 1 by" in told[-1]
    assert 2 <= len(told) <= 4, "a line for every change, and no more"


def test_it_starts_from_nothing_where_the_earlier_runs_asked_something_else(
    task: TaskInstance, data: str, yesterday: dict[str, Any], aws: StandIn
) -> None:
    asked = operator(task, data, warm_start=True)
    asked.config["TrainingJobDefinition"]["StaticHyperParameters"]["gamma"] = "0"
    asked.config["TrainingJobDefinition"]["OutputDataConfig"]["S3OutputPath"] = "s3://no-such-bucket/models"
    with pytest.raises(RemoteJobFailed, match="No training job succeeded after 1 attempts"):
        asked.execute(task.context())
    job = aws.client("sagemaker").describe_hyper_parameter_tuning_job(**{NAME: f"{asked.config[NAME]}-1"})
    assert "WarmStartConfig" not in job


def test_a_stopped_job_is_no_success(aws: StandIn, task: TaskInstance, data: str) -> None:
    """The provider's operator would hand on whatever the best training job was until then."""
    asked = operator(task, data, rounds="1000000")
    running = in_background(lambda: asked.execute(task.context()))
    client, name = aws.client("sagemaker"), f"{asked.config[NAME]}-1"
    until(
        lambda: client.list_hyper_parameter_tuning_jobs(NameContains=name)["HyperParameterTuningJobSummaries"]
    )
    client.stop_hyper_parameter_tuning_job(**{NAME: name})
    with pytest.raises(RemoteJobStopped, match=f"{name} is Stopped"):
        running.result(60)


def test_a_refused_request_is_not_tried_again(task: TaskInstance, data: str) -> None:
    asked = operator(task, data)
    asked.config["HyperParameterTuningJobConfig"]["Strategy"] = "Grid"
    with pytest.raises(AirflowFailException, match="categorical parameter ranges only"):
        asked.execute(task.context())
