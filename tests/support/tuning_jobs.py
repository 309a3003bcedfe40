"""Requests for tuning jobs of small XGBoost trainings, and waiting for their end."""

from __future__ import annotations

from typing import Any

from tests.support.sagemaker_jobs import XGBOOST, channel, csv_rows, training_request, until

OBJECTIVE = {"Type": "Maximize", "MetricName": "validation:auc"}
STATIC = {"objective": "binary:logistic", "num_round": "3", "nthread": "1"}
ETA = {"Name": "eta", "MinValue": "0.1", "MaxValue": "0.9"}


def upload_rows(s3: Any, bucket: str) -> None:
    """Put the data that `definition` trains on."""
    for name, seed in (("train", 1), ("validation", 3)):
        s3.put_object(Bucket=bucket, Key=f"{name}/part-0.csv", Body=csv_rows(100, seed))


def definition(bucket: str, image: str = XGBOOST, **changes: Any) -> dict[str, Any]:
    """A TrainingJobDefinition; ``changes`` replace members."""
    request = training_request("", bucket, image)
    del request["TrainingJobName"]
    channels = [channel(name, f"s3://{bucket}/{name}/") for name in ("train", "validation")]
    return {**request, "InputDataConfig": channels, "StaticHyperParameters": STATIC, **changes}


def tuning_request(
    name: str,
    training: dict[str, Any],
    *,
    jobs: int | None = 1,
    parallel: int = 1,
    ranges: dict[str, Any] | None = None,
    strategy: str = "Random",
    **config: Any,
) -> dict[str, Any]:
    """The smallest tuning job; ``config`` goes into its HyperParameterTuningJobConfig."""
    limits = {"MaxParallelTrainingJobs": parallel}
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": strategy,
            "HyperParameterTuningJobObjective": OBJECTIVE,
            "ResourceLimits": {**limits, **({"MaxNumberOfTrainingJobs": jobs} if jobs is not None else {})},
            "ParameterRanges": {"ContinuousParameterRanges": [ETA]} if ranges is None else ranges,
            **config,
        },
        "TrainingJobDefinition": training,
    }


def ended_tuning(client: Any, name: str, seconds: float = 120) -> dict[str, Any]:
    """The description of a tuning job that has ended."""

    def look() -> dict[str, Any] | None:
        answer: dict[str, Any] = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return None if answer["HyperParameterTuningJobStatus"] in ("InProgress", "Stopping") else answer

    found: dict[str, Any] = until(look, f"the end of {name}", seconds)
    return found


def training_jobs(client: Any, name: str, **parameters: Any) -> list[dict[str, Any]]:
    """The summaries of a tuning job's training jobs."""
    answer = client.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name, **parameters
    )
    found: list[dict[str, Any]] = answer["TrainingJobSummaries"]
    return found
