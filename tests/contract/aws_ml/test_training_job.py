"""A training job's task: what it hands on."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from aws_ml.exceptions import RemoteJobFailed
from aws_ml.operators.training_job import TrainingJobOperator
from aws_ml.sensors.training_rules import TrainingRulesSensor
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


# --- the rules that watch it ------------------------------------------------------------------------

RULES = "503895931360.dkr.ecr.us-east-1.amazonaws.com/sagemaker-debugger-rules:latest"


@pytest.fixture(scope="module")
def watched(aws: StandIn, data: str) -> str:
    """A training that one rule has an issue with and another one not."""
    config = operator(TaskInstance("watched"), data).config
    config["HyperParameters"]["eval_metric"] = "logloss"
    config["DebugHookConfig"] = {
        "S3OutputPath": f"s3://{BUCKET}/debugger",
        "HookParameters": {"save_interval": "1"},
    }
    config["DebugRuleConfigurations"] = [
        {
            "RuleConfigurationName": name,
            "RuleEvaluatorImage": RULES,
            "RuleParameters": {
                "rule_to_invoke": "LossNotDecreasing",
                "num_steps": "1",
                "diff_percent": least,
            },
        }
        for name, least in (("Strict", "99"), ("Mild", "1"))
    ]
    name = f"{config['TrainingJobName']}-rules"
    aws.client("sagemaker").create_training_job(**{**config, "TrainingJobName": name})
    return name


def rules(name: str, **policies: str) -> TrainingRulesSensor:
    return TrainingRulesSensor(
        task_id="task", job_name=name, policies=policies, mode="poke", poll_seconds=0.1
    )


def test_the_rules_are_awaited_and_their_policies_followed(
    task: TaskInstance, watched: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An issue fails the task, or is only told, as its policy says."""
    found = rules(watched, Strict="warn", Mild="fail").execute(task.context())["rules"]
    assert {name: one["status"] for name, one in found.items()} == {
        "Strict": "IssuesFound",
        "Mild": "NoIssuesFound",
    }
    with pytest.raises(AirflowFailException) as caught:
        rules(watched, Strict="fail", Mild="fail").execute(task.context())
    assert "A rule that watched the training found an issue" in str(caught.value)
    assert "Strict (fail) is IssuesFound: RuleEvaluationConditionMet" in str(caught.value)
    assert "-logloss fell by" in str(caught.value)
    assert "Mild" not in str(caught.value)


def test_a_job_may_have_evaluated_the_rules(aws: StandIn, task: TaskInstance) -> None:
    statuses = [
        {"RuleConfigurationName": "Deep", "RuleEvaluationStatus": "IssuesFound", "StatusDetails": "5"}
    ]
    document = json.dumps({"DebugRuleEvaluationStatuses": statuses}).encode()
    aws.client("s3").put_object(Bucket=BUCKET, Key="rules/rules.json", Body=document)
    sensor = TrainingRulesSensor(
        task_id="task",
        job_name="gone",
        policies={"Deep": "fail"},
        bucket=BUCKET,
        key="rules/rules.json",
        mode="poke",
        poll_seconds=0.1,
    )
    with pytest.raises(AirflowFailException, match=r"Deep \(fail\) is IssuesFound: 5"):
        sensor.execute(task.context())


def test_a_rule_that_was_not_evaluated_is_no_good_news(task: TaskInstance, watched: str) -> None:
    with pytest.raises(AirflowFailException, match=r"Absent \(stop\) is Missing: AWS gives no details"):
        rules(watched, Absent="stop").execute(task.context())
