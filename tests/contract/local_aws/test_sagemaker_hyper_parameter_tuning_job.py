"""Tuning jobs through boto3. A training job costs about a second of a processor: there are few of them."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.sagemaker_jobs import SCIKIT_LEARN, XGBOOST, log_lines, tar_gz, until
from tests.support.stand_in import StandIn
from tests.support.tuning_jobs import (
    ETA,
    OBJECTIVE,
    STATIC,
    definition,
    ended_tuning,
    training_jobs,
    tuning_request,
    upload_rows,
)

GROUP = "/aws/sagemaker/TrainingJobs"
ENDLESS = {**STATIC, "num_round": "1000000"}


class Lab:
    """A bucket with training data, and tuning jobs on it."""

    def __init__(self, stand_in: StandIn) -> None:
        self.s3 = stand_in.client("s3")
        self.sagemaker = stand_in.client("sagemaker")
        self.logs = stand_in.client("logs")
        self.bucket = f"lab-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=self.bucket)
        upload_rows(self.s3, self.bucket)

    def create(self, training: dict[str, Any] | None = None, **options: Any) -> str:
        name = f"tune-{uuid.uuid4().hex[:12]}"
        outer = {key: options.pop(key) for key in ("WarmStartConfig", "Tags") if key in options}
        request = tuning_request(name, training or definition(self.bucket), **options)
        self.sagemaker.create_hyper_parameter_tuning_job(**request, **outer)
        return name

    def run(self, training: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        return ended_tuning(self.sagemaker, self.create(training, **options))

    def training_job(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.sagemaker.describe_training_job(TrainingJobName=name)
        return found

    def refusal(self, training: dict[str, Any] | None = None, **options: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            self.create(training, **options)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]


@pytest.fixture(scope="module")
def lab(stand_in: StandIn) -> Lab:
    return Lab(stand_in)


@pytest.fixture(scope="module")
def three(lab: Lab) -> dict[str, Any]:
    """A tuning job of three training jobs that has ended."""
    ranges = {
        "ContinuousParameterRanges": [{**ETA, "ScalingType": "Logarithmic"}],
        "IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "1", "MaxValue": "4"}],
        "CategoricalParameterRanges": [{"Name": "booster", "Values": ["gbtree", "dart"]}],
    }
    return lab.run(
        jobs=3,
        parallel=2,
        ranges=ranges,
        strategy="Bayesian",
        RandomSeed=1,
        Tags=[{"Key": "team", "Value": "a"}],
    )


# --- a life -----------------------------------------------------------------------------------------


def test_a_tuning_job_runs_its_training_jobs_and_finds_the_best(lab: Lab, three: dict[str, Any]) -> None:
    name = three["HyperParameterTuningJobName"]
    assert three["HyperParameterTuningJobStatus"] == "Completed"
    assert three["HyperParameterTuningEndTime"] >= three["CreationTime"]
    assert three["TrainingJobStatusCounters"] == {
        "Completed": 3, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 0, "Stopped": 0
    }  # fmt: skip
    assert three["ObjectiveStatusCounters"] == {"Succeeded": 3, "Pending": 0, "Failed": 0}
    summaries = training_jobs(lab.sagemaker, name)
    names = [one["TrainingJobName"] for one in summaries]
    assert [re.sub(rf"^{name}-(\d{{3}})-[0-9a-f]{{8}}$", r"\1", one) for one in names] == [
        "001", "002", "003"
    ]  # fmt: skip
    values = {one["TrainingJobName"]: objective(one) for one in summaries}
    best = three["BestTrainingJob"]
    assert objective(best) == max(values.values())
    assert objective(best) == values[best["TrainingJobName"]]
    assert three["TuningJobCompletionDetails"]["NumberOfTrainingJobsObjectiveNotImproving"] in (0, 1, 2)
    assert three["ConsumedResources"]["RuntimeInSeconds"] >= 1
    assert "OverallBestTrainingJob" not in three


def objective(summary: dict[str, Any]) -> float:
    found: float = summary["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    return found


def test_its_training_jobs_are_training_jobs(lab: Lab, three: dict[str, Any]) -> None:
    """With the static and the tuned hyperparameters, the objective's name, and the tuning job's tags."""
    for summary in training_jobs(lab.sagemaker, three["HyperParameterTuningJobName"]):
        job = lab.training_job(summary["TrainingJobName"])
        tuned = summary["TunedHyperParameters"]
        assert set(tuned) == {"eta", "max_depth", "booster"}
        assert 0.1 <= float(tuned["eta"]) <= 0.9
        assert tuned["max_depth"] in {"1", "2", "3", "4"}
        assert job["HyperParameters"] == {
            **STATIC, **tuned, "_tuning_objective_metric": "validation:auc"
        }  # fmt: skip
        assert job["TuningJobArn"] == three["HyperParameterTuningJobArn"]
        final = {one["MetricName"]: one["Value"] for one in job["FinalMetricDataList"]}
        assert final["validation:auc"] == objective(summary)
        assert job["ModelArtifacts"]["S3ModelArtifacts"].startswith(f"s3://{lab.bucket}/models/")
        tags = lab.sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]
        assert tags == [{"Key": "team", "Value": "a"}]


def test_training_jobs_are_listed_by_objective_and_in_pages(lab: Lab, three: dict[str, Any]) -> None:
    name = three["HyperParameterTuningJobName"]
    ordered = training_jobs(lab.sagemaker, name, SortBy="FinalObjectiveMetricValue", SortOrder="Descending")
    assert [objective(one) for one in ordered] == sorted((objective(one) for one in ordered), reverse=True)
    pages = lab.sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(
        HyperParameterTuningJobName=name, PaginationConfig={"PageSize": 2}
    )
    assert [len(page["TrainingJobSummaries"]) for page in pages] == [2, 1]
    assert training_jobs(lab.sagemaker, name, StatusEquals="Failed") == []


def test_tuning_jobs_are_listed(lab: Lab, three: dict[str, Any]) -> None:
    name = three["HyperParameterTuningJobName"]
    [summary] = lab.sagemaker.list_hyper_parameter_tuning_jobs(NameContains=name, StatusEquals="Completed")[
        "HyperParameterTuningJobSummaries"
    ]
    assert summary["Strategy"] == "Bayesian"
    assert summary["TrainingJobStatusCounters"] == three["TrainingJobStatusCounters"]
    assert summary["ResourceLimits"] == {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 2}


# --- warm start -------------------------------------------------------------------------------------


def warm(kind: str, *parents: str) -> dict[str, Any]:
    names = [{"HyperParameterTuningJobName": name} for name in parents]
    return {"ParentHyperParameterTuningJobs": names, "WarmStartType": kind}


def ranges_of(tuning_job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = tuning_job["HyperParameterTuningJobConfig"]["ParameterRanges"]
    return found


def test_a_warm_start_on_the_same_data_knows_the_best_of_all(lab: Lab, three: dict[str, Any]) -> None:
    """One more training job of one round, which is worse than the best of the three."""
    again = lab.run(
        definition(lab.bucket, StaticHyperParameters={**STATIC, "num_round": "1"}),
        ranges=ranges_of(three),
        WarmStartConfig=warm("IdenticalDataAndAlgorithm", three["HyperParameterTuningJobName"]),
    )
    assert again["HyperParameterTuningJobStatus"] == "Completed"
    both = [again["BestTrainingJob"], three["BestTrainingJob"]]
    assert again["OverallBestTrainingJob"] == max(both, key=objective)


def test_a_warm_start_on_other_data_tries_first_what_was_best(lab: Lab, three: dict[str, Any]) -> None:
    again = lab.run(
        ranges=ranges_of(three),
        WarmStartConfig=warm("TransferLearning", three["HyperParameterTuningJobName"]),
    )
    assert (
        again["BestTrainingJob"]["TunedHyperParameters"] == three["BestTrainingJob"]["TunedHyperParameters"]
    )
    assert "OverallBestTrainingJob" not in again


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("TransferLearning", {"strategy": "Random", "ranges": None}, "Different: booster, max_depth"),
        (
            "TransferLearning",
            {"HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:error"}},
            "The objective must be the same",
        ),
        ("IdenticalDataAndAlgorithm", {"channels": 1}, "InputDataConfig must be the same"),
    ],
)
def test_a_warm_start_needs_parents_that_fit(
    lab: Lab, three: dict[str, Any], kind: str, changes: dict[str, Any], said: str
) -> None:
    training = definition(lab.bucket)
    training["InputDataConfig"] = training["InputDataConfig"][: changes.pop("channels", 2)]
    code, message = lab.refusal(
        training,
        **{"ranges": ranges_of(three), **changes},
        WarmStartConfig=warm(kind, three["HyperParameterTuningJobName"]),
    )
    assert code == "ValidationException"
    assert said in message


def test_a_warm_start_needs_parents_that_are_there(lab: Lab) -> None:
    _, message = lab.refusal(WarmStartConfig=warm("TransferLearning", "nobody"))
    assert message == "Could not find the parent tuning job nobody."


# --- ends -------------------------------------------------------------------------------------------


def test_a_tuning_job_ends_when_its_target_is_reached(lab: Lab) -> None:
    """The first of three combinations is good enough."""
    ended = lab.run(
        jobs=None,
        strategy="Grid",
        ranges={"CategoricalParameterRanges": [{"Name": "max_depth", "Values": ["2", "3", "4"]}]},
        TuningJobCompletionCriteria={"TargetObjectiveMetricValue": 0.6},
    )
    assert ended["HyperParameterTuningJobStatus"] == "Completed"
    [summary] = training_jobs(lab.sagemaker, ended["HyperParameterTuningJobName"])
    assert summary["TunedHyperParameters"] == {"max_depth": "2"}
    assert objective(summary) >= 0.6


def test_a_metric_that_never_matches_fails_the_tuning_job(lab: Lab) -> None:
    code = f"s3://{lab.bucket}/code.tar.gz"
    lab.s3.put_object(Bucket=lab.bucket, Key="code.tar.gz", Body=tar_gz(train__py="print('loss = none')"))
    ended = lab.run(
        definition(
            lab.bucket,
            SCIKIT_LEARN,
            AlgorithmSpecification={
                "TrainingImage": SCIKIT_LEARN,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "loss", "Regex": "loss = ([0-9.]+)"}],
            },
            StaticHyperParameters={
                "sagemaker_program": '"train.py"', "sagemaker_submit_directory": json.dumps(code)
            },
        ),
        HyperParameterTuningJobObjective={"Type": "Minimize", "MetricName": "loss"},
    )  # fmt: skip
    assert ended["HyperParameterTuningJobStatus"] == "Failed"
    assert ended["FailureReason"].startswith("No objective metrics found after running 1 training jobs.")
    assert ended["TrainingJobStatusCounters"]["Completed"] == 1
    assert ended["ObjectiveStatusCounters"] == {"Succeeded": 0, "Pending": 0, "Failed": 1}
    assert "BestTrainingJob" not in ended


def test_training_jobs_that_all_fail_are_given_up_after_five(lab: Lab) -> None:
    """There is no bucket for their models."""
    output = {"S3OutputPath": "s3://there-is-no-such-bucket/models"}
    ended = lab.run(definition(lab.bucket, OutputDataConfig=output), jobs=20)
    assert ended["HyperParameterTuningJobStatus"] == "Failed"
    # The words are AWS's own: aws/amazon-sagemaker-examples, issue 2437.
    assert ended["FailureReason"] == (
        "No training job succeeded after 5 attempts. Please take a look at the training job failures to get "
        "more details."
    )
    assert ended["TrainingJobStatusCounters"]["NonRetryableError"] == 5
    [*_, last] = training_jobs(lab.sagemaker, ended["HyperParameterTuningJobName"])
    assert "The specified bucket does not exist" in last["FailureReason"]
    assert last["ObjectiveStatus"] == "Failed"


def test_stop_stops_the_training_jobs(lab: Lab) -> None:
    name = lab.create(definition(lab.bucket, StaticHyperParameters=ENDLESS), jobs=5)
    [child] = until(lambda: training_jobs(lab.sagemaker, name), "the first training job")
    until(lambda: log_lines(lab.logs, GROUP, child["TrainingJobName"]), "its first line")
    running = lab.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert running["ObjectiveStatusCounters"] == {"Succeeded": 0, "Pending": 1, "Failed": 0}
    for _ in range(2):  # the second one changes nothing
        lab.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    ended = ended_tuning(lab.sagemaker, name)
    assert ended["HyperParameterTuningJobStatus"] == "Stopped"
    assert ended["TrainingJobStatusCounters"]["Stopped"] == 1
    assert lab.training_job(child["TrainingJobName"])["TrainingJobStatus"] == "Stopped"
    with pytest.raises(ClientError, match="is in status Stopped"):
        lab.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)


def test_a_tuning_job_goes_on_after_a_kill(start_stand_in: Callable[..., StandIn]) -> None:
    """The training job that was cut off is run again with the same values; Hyperband then ends it."""
    server = start_stand_in()
    lab = Lab(server)
    name = lab.create(
        definition(lab.bucket, StaticHyperParameters=ENDLESS),
        strategy="Hyperband",
        StrategyConfig={"HyperbandStrategyConfig": {"MinResource": 5, "MaxResource": 50}},
    )
    [cut_off] = until(lambda: training_jobs(lab.sagemaker, name), "the first training job")
    child = cut_off["TrainingJobName"]
    until(lambda: lab.training_job(child)["SecondaryStatus"] == "Training", "its start")
    server.kill()
    server.restart()
    ended = ended_tuning(server.client("sagemaker"), name)
    first, second = training_jobs(server.client("sagemaker"), name)
    assert first["TrainingJobName"] == child
    assert first["FailureReason"].startswith("InternalServerError")
    assert second["TunedHyperParameters"] == cut_off["TunedHyperParameters"]
    assert (second["TrainingJobStatus"], second["ObjectiveStatus"]) == ("Stopped", "Succeeded")
    counters = ended["TrainingJobStatusCounters"]
    assert (counters["RetryableError"], counters["Stopped"]) == (1, 1)
    assert ended["HyperParameterTuningJobStatus"] == "Completed"
    assert "Traceback" not in server.log()


# --- names ------------------------------------------------------------------------------------------


def test_a_name_can_be_used_once_until_it_is_deleted(lab: Lab) -> None:
    training = definition(lab.bucket, OutputDataConfig={"S3OutputPath": "s3://there-is-no-such-bucket/"})
    name = lab.run(training)["HyperParameterTuningJobName"]
    request = tuning_request(name, training)
    with pytest.raises(ClientError) as caught:
        lab.sagemaker.create_hyper_parameter_tuning_job(**request)
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"
    [before] = training_jobs(lab.sagemaker, name)
    lab.sagemaker.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    lab.sagemaker.create_hyper_parameter_tuning_job(**request)
    ended_tuning(lab.sagemaker, name)
    [after] = training_jobs(lab.sagemaker, name)
    assert before["TrainingJobName"] != after["TrainingJobName"]
    assert lab.training_job(before["TrainingJobName"])["TrainingJobStatus"] == "Failed"


@pytest.mark.parametrize(
    "operation",
    [
        "describe_hyper_parameter_tuning_job",
        "stop_hyper_parameter_tuning_job",
        "delete_hyper_parameter_tuning_job",
        "list_training_jobs_for_hyper_parameter_tuning_job",
    ],
)
def test_a_missing_tuning_job_is_not_found(lab: Lab, operation: str) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(lab.sagemaker, operation)(HyperParameterTuningJobName="nobody")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFound"


# --- refusals ---------------------------------------------------------------------------------------

GRID = {"CategoricalParameterRanges": [{"Name": "max_depth", "Values": ["2", "3"]}]}


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (
            {"ranges": {"ContinuousParameterRanges": [{**ETA, "MaxValue": "0.1"}]}},
            "ValidationException",
            "less than",
        ),
        ({"ranges": {}}, "ValidationException", "ParameterRanges is required"),
        (
            {"ranges": {"ContinuousParameterRanges": [{**ETA, "Name": "num_round"}]}},
            "ValidationException",
            "both static and tunable. Found: num_round",
        ),
        (
            {"strategy": "Grid"},
            "ValidationException",
            "categorical parameter ranges only. Found others for: eta",
        ),
        ({"strategy": "Grid", "ranges": GRID, "jobs": 3}, "ValidationException", "number of combinations, 2"),
        ({"strategy": "Bayesian", "jobs": 751}, "ResourceLimitExceeded", "at most 750; found 751"),
        ({"jobs": 200, "parallel": 101}, "ResourceLimitExceeded", "MaxParallelTrainingJobs"),
        ({"jobs": 1, "parallel": 2}, "ValidationException", "must not be greater than"),
        ({"jobs": None}, "ValidationException", "MaxNumberOfTrainingJobs or MaxRuntimeInSeconds"),
        ({"strategy": "Hyperband"}, "ValidationException", "HyperbandStrategyConfig needs MaxResource"),
        (
            {"StrategyConfig": {"HyperbandStrategyConfig": {"MaxResource": 9}}},
            "ValidationException",
            "can only be specified for Hyperband",
        ),
        (
            {
                "strategy": "Hyperband",
                "StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 10, "MaxResource": 9}},
            },
            "ValidationException",
            "found 10 and 9",
        ),
        (
            {"strategy": "Hyperband", "TrainingJobEarlyStoppingType": "Auto"},
            "ValidationException",
            "must be Off",
        ),
        (
            {"HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "validation:AUC"}},
            "ValidationException",
            "[validation:AUC], isn't valid",
        ),
        (
            {"HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:auc"}},
            "ValidationException",
            "[validation:auc] must be Maximize",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_aws_would_refuse_is_refused(lab: Lab, options: dict[str, Any], code: str, said: str) -> None:
    found, message = lab.refusal(**options)
    assert found == code
    assert said in message


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"ResourceConfig": None}, "ValidationException", "ResourceConfig is required"),
        ({"InputDataConfig": "nothing there"}, "ValidationException", "No S3 objects found"),
        (
            {"StaticHyperParameters": {**STATIC, "sagemaker_program": '"train.py"'}},
            "ValidationException",
            "Provide a metric in the metric definitions. Objective: validation:auc; defined: none.",
        ),
        (
            {"TuningObjective": OBJECTIVE},
            "ValidationException",
            "can only be specified in TrainingJobDefinitions",
        ),
        ({"EnableNetworkIsolation": True}, "NotImplemented", "EnableNetworkIsolation"),
        (
            {"AlgorithmSpecification": {"TrainingImage": XGBOOST, "TrainingInputMode": "Pipe"}},
            "NotImplemented",
            "TrainingInputMode Pipe",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_definition_that_could_not_train_is_refused(
    lab: Lab, changes: dict[str, Any], code: str, said: str
) -> None:
    training = {**definition(lab.bucket), **changes}
    if training["InputDataConfig"] == "nothing there":
        training["InputDataConfig"] = definition(lab.bucket)["InputDataConfig"]
        training["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] += "nothing/"
    found, message = lab.refusal({key: value for key, value in training.items() if value is not None})
    assert found == code
    assert said in message


def test_several_definitions_are_not_emulated(lab: Lab) -> None:
    request = tuning_request("several", definition(lab.bucket))
    request["TrainingJobDefinitions"] = [request.pop("TrainingJobDefinition")]
    with pytest.raises(ClientError) as caught:
        lab.sagemaker.create_hyper_parameter_tuning_job(**request)
    assert caught.value.response["Error"]["Code"] == "NotImplemented"
