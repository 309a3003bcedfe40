"""The tuning job's body follows the workflow file, and AWS's own names and rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aws_ml.requests.training_job import train_model
from aws_ml.requests.tuning_job import tune_model
from aws_ml.schema import TunedRange, Workflow
from aws_ml.workflow import load_workflow
from tests.support.aws_model import faults
from tests.unit.aws_ml.rendering import rendered

ROOT = Path(__file__).parents[4]
LOANS = load_workflow(ROOT / "include" / "workflows" / "loan_approval.yaml")


def changed(**changes: Any) -> Workflow:
    """The sample workflow with another tuning section."""
    return LOANS.model_copy(update={"tuning": LOANS.tuning.model_copy(update=changes)})


def body_of(workflow: Workflow) -> dict[str, Any]:
    body: dict[str, Any] = rendered(workflow, tune_model(workflow))
    assert faults("sagemaker", "CreateHyperParameterTuningJob", body) == []
    return body


def test_its_training_jobs_are_the_workflows_but_for_what_is_tuned() -> None:
    training = rendered(LOANS, train_model(LOANS))
    body = body_of(LOANS)
    definition = body["TrainingJobDefinition"]
    for member in (
        "AlgorithmSpecification",
        "InputDataConfig",
        "ResourceConfig",
        "StoppingCondition",
        "RoleArn",
    ):
        assert definition[member] == training[member]
    ranges = body["HyperParameterTuningJobConfig"]["ParameterRanges"]
    tuned = {each["Name"] for kind in ranges.values() for each in kind}
    static = definition["StaticHyperParameters"]
    assert tuned == {"eta", "max_depth", "min_child_weight", "subsample", "colsample_bytree"}
    assert static == {name: text for name, text in training["HyperParameters"].items() if name not in tuned}
    run = "s3://local-ml/loan_approval/runs/2026-01-15"
    assert definition["OutputDataConfig"] == {"S3OutputPath": f"{run}/train_tune/tuning"}
    assert body["Tags"] == training["Tags"]


def test_ranges_have_the_types_of_their_hyperparameters() -> None:
    ranges = {
        "eta": TunedRange(minimum=0.01, maximum=1, scale="Logarithmic"),
        "max_depth": TunedRange(minimum=2, maximum=8),
        "booster": TunedRange(values=["gbtree", "dart"]),
        "save_model_on_termination": TunedRange(values=[True, False]),
        "lambda": None,
    }
    body = body_of(changed(ranges=ranges))
    assert body["HyperParameterTuningJobConfig"]["ParameterRanges"] == {
        "ContinuousParameterRanges": [
            {"Name": "eta", "MinValue": "0.01", "MaxValue": "1", "ScalingType": "Logarithmic"}
        ],
        "IntegerParameterRanges": [
            {"Name": "max_depth", "MinValue": "2", "MaxValue": "8", "ScalingType": "Auto"}
        ],
        "CategoricalParameterRanges": [
            {"Name": "booster", "Values": ["gbtree", "dart"]},
            {"Name": "save_model_on_termination", "Values": ["true", "false"]},
        ],
    }


@pytest.mark.parametrize(("objective", "kind"), [("auc", "Maximize"), ("logloss", "Minimize")])
def test_whether_more_is_better_follows_from_the_metric(objective: str, kind: str) -> None:
    config = body_of(changed(objective=objective))["HyperParameterTuningJobConfig"]
    assert config["HyperParameterTuningJobObjective"] == {
        "Type": kind,
        "MetricName": f"validation:{objective}",
    }


def test_limits_and_criteria_that_are_null_are_left_out() -> None:
    config = body_of(LOANS)["HyperParameterTuningJobConfig"]
    assert config["ResourceLimits"] == {"MaxNumberOfTrainingJobs": 10, "MaxParallelTrainingJobs": 2}
    assert config["TrainingJobEarlyStoppingType"] == "Auto"
    assert "TuningJobCompletionCriteria" not in config
    assert "StrategyConfig" not in config


def test_hyperband_gets_at_most_the_rounds_of_the_training() -> None:
    hyperband = LOANS.tuning.hyperband
    body = body_of(changed(strategy="Hyperband", early_stopping=False, hyperband=hyperband))
    assert body["HyperParameterTuningJobConfig"]["StrategyConfig"] == {
        "HyperbandStrategyConfig": {"MinResource": 5, "MaxResource": 200}
    }


def test_all_criteria() -> None:
    complete = LOANS.tuning.complete.model_copy(update={"target": 0.9, "not_improving": 3, "converged": True})
    config = body_of(changed(complete=complete))["HyperParameterTuningJobConfig"]
    assert config["TuningJobCompletionCriteria"] == {
        "TargetObjectiveMetricValue": 0.9,
        "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3},
        "ConvergenceDetected": {"CompleteOnConvergence": "Enabled"},
    }
