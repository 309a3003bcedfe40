"""Debugger through boto3: one real training, watched by every rule."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from tests.support.sagemaker_jobs import (
    SCIKIT_LEARN,
    XGBOOST,
    channel,
    ended_processing,
    ended_training,
    training_request,
    until,
)
from tests.support.stand_in import StandIn

RULES = "503895931360.dkr.ecr.us-east-1.amazonaws.com/sagemaker-debugger-rules:latest"
PARAMETERS = {
    "objective": "binary:logistic", "num_round": "12", "eta": "0.3", "max_depth": "2",
    "eval_metric": "auc,logloss",
}  # fmt: skip
# All that the rules look at, every round.
COLLECTIONS = ["metrics", "predictions", "labels", "feature_importance", "trees", "hyperparameters"]
HEALTHY = ["LossNotDecreasing", "Overfit", "Overtraining", "ClassImbalance", "CreateXgboostReport"]


def rows(count: int, seed: int) -> str:
    """Label and six features; the first three tell the label, each alike, and luck has a part in it."""
    numbers = random.Random(seed)
    lines = []
    for _ in range(count):
        row = [numbers.random() for _ in range(6)]
        lines.append(",".join(f"{x:.5f}" for x in [int(sum(row[:3]) + numbers.gauss(0, 0.4) > 1.5), *row]))
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def bucket(stand_in: StandIn) -> str:
    s3 = stand_in.client("s3")
    s3.create_bucket(Bucket="debugged")
    for name, seed in (("train", 1), ("validation", 2)):
        s3.put_object(Bucket="debugged", Key=f"{name}/a.csv", Body=rows(1500, seed))
    return "debugged"


def rule(name: str, called: str = "", **parameters: str) -> dict[str, Any]:
    return {
        "RuleConfigurationName": called or name,
        "RuleEvaluatorImage": RULES,
        "RuleParameters": {"rule_to_invoke": name, **parameters},
    }


def request(name: str, bucket: str, rules: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    return training_request(
        name,
        bucket,
        **{
            "HyperParameters": PARAMETERS,
            "InputDataConfig": [channel(one, f"s3://{bucket}/{one}/") for one in ("train", "validation")],
            "DebugHookConfig": {
                "S3OutputPath": f"s3://{bucket}/debug",
                "HookParameters": {"save_interval": "1"},
                "CollectionConfigurations": [{"CollectionName": one} for one in COLLECTIONS],
            },
            "DebugRuleConfigurations": rules,
            **changes,
        },
    )


def verdicts(stand_in: StandIn, name: str) -> dict[str, dict[str, Any]]:
    """What became of each rule, once all have ended."""
    client = stand_in.client("sagemaker")

    def look() -> dict[str, dict[str, Any]] | None:
        answer = client.describe_training_job(TrainingJobName=name)["DebugRuleEvaluationStatuses"]
        done = all(one["RuleEvaluationStatus"] not in ("InProgress", "Stopping") for one in answer)
        return {one["RuleConfigurationName"]: one for one in answer} if done else None

    found: dict[str, dict[str, Any]] = until(look, "the end of the rules")
    return found


@pytest.fixture(scope="module")
def watched(stand_in: StandIn, bucket: str) -> str:
    """A training with rules that find nothing, and some that were told to be strict."""
    rules = [
        *(rule(name) for name in HEALTHY),
        rule(
            "LossNotDecreasing", "Strict loss", tensor_regex="train-logloss", num_steps="2", diff_percent="90"
        ),
        rule("TreeDepth", depth="1"),
        rule("FeatureImportanceOverweight"),
        rule("Confusion"),
        rule("Overfit", "Typo", pacience="1"),
    ]
    name = "Watched-training-with-a-long-name"
    stand_in.client("sagemaker").create_training_job(**request(name, bucket, rules))
    description = ended_training(stand_in.client("sagemaker"), name)
    assert description["TrainingJobStatus"] == "Completed", description
    return name


def test_a_healthy_training_has_no_issues(stand_in: StandIn, watched: str) -> None:
    found = verdicts(stand_in, watched)
    assert {name: found[name]["RuleEvaluationStatus"] for name in HEALTHY} == dict.fromkeys(
        HEALTHY, "NoIssuesFound"
    )
    assert all("StatusDetails" not in found[name] for name in HEALTHY)


def test_issues_are_reported_in_the_words_of_aws_and_with_their_reason(
    stand_in: StandIn, watched: str
) -> None:
    found = verdicts(stand_in, watched)
    issues = {
        name: one["StatusDetails"]
        for name, one in found.items()
        if one["RuleEvaluationStatus"] == "IssuesFound"
    }
    assert sorted(issues) == ["Confusion", "FeatureImportanceOverweight", "Strict loss", "TreeDepth"]
    assert issues["Strict loss"].startswith(
        "RuleEvaluationConditionMet: Evaluation of the rule LossNotDecreasing at step 2 resulted in the "
        "condition being met\ntrain-logloss fell by "
    )
    assert "carry 100 % of the importance" in issues["FeatureImportanceOverweight"]
    assert found["Typo"]["RuleEvaluationStatus"] == "Error"
    assert "Overfit has no parameter pacience" in found["Typo"]["StatusDetails"]


def test_each_rule_is_a_processing_job_named_as_on_aws(stand_in: StandIn, watched: str) -> None:
    arn = verdicts(stand_in, watched)["TreeDepth"]["RuleEvaluationJobArn"]
    # e.g. processing-job/sagemaker-debugger-mnist-b-overfit-e841d0bf, in the SDK's example notebooks
    assert re.fullmatch(r"arn:.+:processing-job/watched-training-with-a-lo-treedepth-[0-9a-f]{8}", arn)
    description = ended_processing(stand_in.client("sagemaker"), arn.rpartition("/")[2])
    training = stand_in.client("sagemaker").describe_training_job(TrainingJobName=watched)
    assert description["TrainingJobArn"] == training["TrainingJobArn"]
    assert description["ProcessingJobStatus"] == "Completed"
    assert description["AppSpecification"]["ImageUri"] == RULES


def test_the_tensors_are_what_the_training_told(stand_in: StandIn, bucket: str, watched: str) -> None:
    s3 = stand_in.client("s3")
    root = f"debug/{watched}/debug-output/"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=root)
    keys = [item["Key"].removeprefix(root) for page in pages for item in page["Contents"]]
    assert "training_job_end.ts" in keys
    assert "collections/000000000/worker_0_collections.json" in keys
    assert sum(key.endswith(".tfevents") for key in keys) == 12


def test_the_report_is_there_for_people(stand_in: StandIn, bucket: str, watched: str) -> None:
    verdicts(stand_in, watched)
    s3 = stand_in.client("s3")
    root = f"models/{watched}/rule-output/CreateXgboostReport/xgboost_report"
    page = s3.get_object(Bucket=bucket, Key=f"{root}.html")["Body"].read().decode()
    titles = "Distribution of labels", "logloss by round", "Feature importance", "Confusion matrix", "ROC"
    assert all(title in page for title in titles)
    notebook = json.loads(s3.get_object(Bucket=bucket, Key=f"{root}.ipynb")["Body"].read())
    source = notebook["cells"][1]["source"]
    numbers = json.loads(json.loads(source[source.index("loads(") + 6 : -1]))
    # The last round's area below the curve is the metric that the training itself told.
    description = stand_in.client("sagemaker").describe_training_job(TrainingJobName=watched)
    told = {one["MetricName"]: one["Value"] for one in description["FinalMetricDataList"]}
    assert numbers["classification"]["roc"]["area"] == pytest.approx(told["validation:auc"], abs=1e-5)
    assert np.sum(numbers["classification"]["confusion"]) == 1500


def test_a_rule_can_stop_its_training(stand_in: StandIn, bucket: str) -> None:
    """With the action as the SDK's rule_configs.StopTraining() writes it."""
    actions = '[{\\"name\\": \\"stoptraining\\", \\"training_job_prefix\\": \\"endless\\"}]'
    stop = rule("LossNotDecreasing", diff_percent="90", action_json=actions)
    endless = {**PARAMETERS, "num_round": "1000000"}
    metrics = {"S3OutputPath": f"s3://{bucket}/debug"}
    client = stand_in.client("sagemaker")
    client.create_training_job(
        **request("endless-1", bucket, [stop], HyperParameters=endless, DebugHookConfig=metrics)
    )
    description = ended_training(client, "endless-1")
    assert description["TrainingJobStatus"] == "Stopped"
    assert verdicts(stand_in, "endless-1")["LossNotDecreasing"]["RuleEvaluationStatus"] == "IssuesFound"


def test_a_rule_that_never_saw_what_it_looks_at_is_an_error(stand_in: StandIn, bucket: str) -> None:
    """Also where the training fails before it saves anything: the rules end with it."""
    broken = {"objective": "binary:logistic"}
    client = stand_in.client("sagemaker")
    client.create_training_job(**request("broken", bucket, [rule("TreeDepth")], HyperParameters=broken))
    assert ended_training(client, "broken")["TrainingJobStatus"] == "Failed"
    found = verdicts(stand_in, "broken")["TreeDepth"]
    assert found["RuleEvaluationStatus"] == "Error"
    assert "the collection trees was not saved" in found["StatusDetails"]


def test_a_hook_that_cannot_be_understood_fails_the_training(stand_in: StandIn, bucket: str) -> None:
    hook = {"S3OutputPath": f"s3://{bucket}/debug", "HookParameters": {"save_interval": "often"}}
    client = stand_in.client("sagemaker")
    client.create_training_job(**request("misled", bucket, [], DebugHookConfig=hook))
    assert "DebugHookConfig: HookParameters" in ended_training(client, "misled")["FailureReason"]


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"DebugHookConfig": None}, "ValidationException", "need DebugHookConfig"),
        ({"DebugHookConfig": {"S3OutputPath": "https://b/x"}}, "ValidationException", "not an S3 URI"),
        (
            {"DebugHookConfig": {"S3OutputPath": "s3://b/x", "LocalPath": "/tmp/x"}},
            "ValidationException",
            "must start with /opt/ml/",
        ),
        (
            {"DebugRuleConfigurations": [rule("Overfit"), rule("Overfit")]},
            "ValidationException",
            "duplicate: Overfit",
        ),
        (
            {"DebugRuleConfigurations": [{**rule("Overfit"), "RuleEvaluatorImage": SCIKIT_LEARN}]},
            "ValidationException",
            "evaluates no rules",
        ),
        (
            {"DebugRuleConfigurations": [{**rule("Overfit"), "RuleParameters": {}}]},
            "ValidationException",
            "lack rule_to_invoke",
        ),
        (
            {"DebugRuleConfigurations": [rule("Overfit", action_json='[{"name": "sms", "endpoint": "+1"}]')]},
            "NotImplemented",
            "the action sms of a rule",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_watched_is_refused(
    stand_in: StandIn, bucket: str, changes: dict[str, Any], code: str, said: str
) -> None:
    wanted = request("refused", bucket, [rule("Overfit")], **changes)
    with pytest.raises(ClientError, match=said) as caught:
        stand_in.client("sagemaker").create_training_job(**{k: v for k, v in wanted.items() if v is not None})
    assert caught.value.response["Error"]["Code"] == code


def test_a_script_that_saves_nothing_still_trains(stand_in: StandIn, bucket: str) -> None:
    """DebugHookConfig alone asks a script for nothing."""
    program = {"TrainingImage": XGBOOST, "TrainingInputMode": "File", "ContainerEntrypoint": ["true"]}
    client = stand_in.client("sagemaker")
    client.create_training_job(**request("quiet", bucket, [], AlgorithmSpecification=program))
    assert ended_training(client, "quiet")["TrainingJobStatus"] == "Completed"
