"""The tuning job: many trainings of the built-in XGBoost, to find its best hyperparameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aws_ml import run
from aws_ml.hyperparameters import XGBOOST, Number, as_text
from aws_ml.requests.training_job import train_model
from aws_ml.run import CSV_WEIGHTS, TUNING_NAME_LIMIT
from aws_ml.schema import TunedRange, Workflow
from aws_ml.tuning import maximizes, resources, tuned

STAGE = "train_tune"
# What of a training job can be said for a tuning job's too; a tuning job has no Debugger, for instance.
SHARED = (
    "AlgorithmSpecification", "InputDataConfig", "ResourceConfig", "StoppingCondition", "RoleArn",
    "Environment", "CheckpointConfig", "EnableManagedSpotTraining", "RetryStrategy",
)  # fmt: skip


def tune_model(workflow: Workflow, csv_weights: str = CSV_WEIGHTS) -> dict[str, Any]:
    """``sagemaker.CreateHyperParameterTuningJob``: trainings such as ``train_model``, on the same splits.

    What is not tuned is said in the workflow's ``training``. The operator finds the job to start from.

    :param csv_weights: ``1``: the second column of the channels holds weights; ``0``: it is a feature
    """
    asked, ranges = workflow.tuning, tuned(workflow)
    limits = {
        "MaxNumberOfTrainingJobs": asked.max_jobs,
        "MaxParallelTrainingJobs": asked.parallel,
        "MaxRuntimeInSeconds": asked.max_runtime_seconds,
    }
    config: dict[str, Any] = {
        "Strategy": asked.strategy,
        "HyperParameterTuningJobObjective": {
            "Type": "Maximize" if maximizes(asked.objective) else "Minimize",
            "MetricName": f"validation:{asked.objective}",
        },
        "ResourceLimits": {name: limit for name, limit in limits.items() if limit is not None},
        "ParameterRanges": parameter_ranges(ranges),
        "TrainingJobEarlyStoppingType": "Auto" if asked.early_stopping else "Off",
        "RandomSeed": asked.seed,
    }
    if asked.strategy == "Hyperband":
        bounds = {"MinResource": asked.hyperband.minimum, "MaxResource": resources(workflow)}
        config["StrategyConfig"] = {"HyperbandStrategyConfig": bounds}
    criteria = completion_criteria(workflow)
    if criteria:
        config["TuningJobCompletionCriteria"] = criteria
    return {
        "HyperParameterTuningJobName": f"{{{{ job_name('tune', {TUNING_NAME_LIMIT}) }}}}",
        "HyperParameterTuningJobConfig": config,
        "TrainingJobDefinition": definition(workflow, ranges, csv_weights),
        "Tags": run.tags(workflow.name, STAGE),
    }


def definition(workflow: Workflow, ranges: Iterable[str], csv_weights: str) -> dict[str, Any]:
    """The training job that is run again and again: the workflow's own, but for what is tuned."""
    training = train_model(workflow, csv_weights)
    tuned_names = set(ranges)
    static = {name: text for name, text in training["HyperParameters"].items() if name not in tuned_names}
    output = {"S3OutputPath": workflow.paths.uri(workflow.paths.tuning).removesuffix("/")}
    return {
        **{member: training[member] for member in SHARED if member in training},
        "StaticHyperParameters": static,
        "OutputDataConfig": output,
    }


def parameter_ranges(ranges: dict[str, TunedRange]) -> dict[str, list[dict[str, Any]]]:
    """ParameterRanges, by the type of each hyperparameter; empty lists are left out."""
    made: dict[str, list[dict[str, Any]]] = {}
    for name, each in ranges.items():
        accepted = XGBOOST[name]
        if each.values is not None:
            values = [as_text(value) for value in each.values]
            made.setdefault("CategoricalParameterRanges", []).append({"Name": name, "Values": values})
            continue
        whole = isinstance(accepted, Number) and accepted.whole
        kind = "IntegerParameterRanges" if whole else "ContinuousParameterRanges"
        ends = {"MinValue": as_text(each.minimum or 0), "MaxValue": as_text(each.maximum or 0)}
        made.setdefault(kind, []).append({"Name": name, **ends, "ScalingType": each.scale})
    return made


def completion_criteria(workflow: Workflow) -> dict[str, Any]:
    """TuningJobCompletionCriteria; empty when only the limits end the job."""
    asked = workflow.tuning.complete
    criteria: dict[str, Any] = {}
    if asked.target is not None:
        criteria["TargetObjectiveMetricValue"] = float(asked.target)
    if asked.not_improving is not None:
        criteria["BestObjectiveNotImproving"] = {"MaxNumberOfTrainingJobsNotImproving": asked.not_improving}
    if asked.converged:
        criteria["ConvergenceDetected"] = {"CompleteOnConvergence": "Enabled"}
    return criteria
