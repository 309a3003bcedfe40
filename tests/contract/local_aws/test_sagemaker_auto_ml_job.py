"""AutoML jobs through boto3: one small job for most tests, its best candidate behind an endpoint."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.auto_ml import TARGET, channel, csv_table, ended, job_request
from tests.support.sagemaker_jobs import ROLE, log_lines, until
from tests.support.stand_in import StandIn

LINES = {"AlgorithmsConfig": [{"AutoMLAlgorithms": ["linear-learner"]}]}
ROWS = 560


class Lab:
    """A bucket with a table and what tests do with it."""

    def __init__(self, stand_in: StandIn) -> None:
        self.stand_in = stand_in
        self.s3 = stand_in.client("s3")
        self.sagemaker = stand_in.client("sagemaker")
        self.bucket = f"auto-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.data = self.put("data/part-0.csv", csv_table(ROWS))

    def put(self, key: str, text: str) -> str:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=text.encode())
        return f"s3://{self.bucket}/{key}"

    def get(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def request(self, *, data: str = "", extra: dict[str, Any] | None = None, **changes: Any) -> Any:
        name = f"auto-{uuid.uuid4().hex[:12]}"
        made = job_request(name, data or self.data, f"s3://{self.bucket}/out/", **changes)
        return {**made, **(extra or {})}

    def start(self, **arguments: Any) -> str:
        request = self.request(**arguments)
        self.sagemaker.create_auto_ml_job_v2(**request)
        return str(request["AutoMLJobName"])

    def candidates(self, name: str, **arguments: Any) -> list[dict[str, Any]]:
        answer = self.sagemaker.list_candidates_for_auto_ml_job(AutoMLJobName=name, **arguments)
        found: list[dict[str, Any]] = answer["Candidates"]
        return found


@pytest.fixture(scope="module")
def lab(stand_in: StandIn) -> Lab:
    return Lab(stand_in)


@pytest.fixture(scope="module")
def done(lab: Lab) -> dict[str, Any]:
    """A job of three candidates: boosting, a line, and both together."""
    name = lab.start(
        Mode="ENSEMBLING",
        ProblemType="BinaryClassification",
        CompletionCriteria={"MaxCandidates": 3},
        extra={"AutoMLJobObjective": {"MetricName": "AUC"}},
    )
    answer = ended(lab.sagemaker, name)
    assert answer["AutoMLJobStatus"] == "Completed", answer.get("FailureReason")
    return answer


def test_exactly_as_many_candidates_as_asked_for_and_the_best_is_the_best(
    lab: Lab, done: dict[str, Any]
) -> None:
    assert done["AutoMLJobSecondaryStatus"] == "Completed"
    board = lab.candidates(done["AutoMLJobName"], SortBy="FinalObjectiveMetricValue", SortOrder="Descending")
    values = [each["FinalAutoMLJobObjectiveMetric"]["Value"] for each in board]
    assert len(board) == 3
    assert values == sorted(values, reverse=True)
    assert done["BestCandidate"]["CandidateName"] == board[0]["CandidateName"]
    assert {each["CandidateName"] for each in board} == {
        "XGBoost_BAG_L1_t1",
        "LinearLearner_BAG_L1_t2",
        "WeightedEnsemble_L2_t3",
    }
    assert done["BestCandidate"]["FinalAutoMLJobObjectiveMetric"] == {
        "MetricName": "AUC",
        "StandardMetricName": "AUC",
        "Type": "Maximize",
        "Value": values[0],
    }
    metrics = {
        each["StandardMetricName"]: each["Value"]
        for each in done["BestCandidate"]["CandidateProperties"]["CandidateMetrics"]
    }
    assert set(metrics) == {
        "Accuracy", "AUC", "BalancedAccuracy", "F1", "LogLoss", "Precision", "Recall",
    }  # fmt: skip
    assert metrics["AUC"] == values[0]
    # The label is a threshold on a normal variable with a standard deviation of one; seven in eight are safe.
    assert 0.9 < metrics["AUC"] < 1


def test_an_ensemble_is_no_worse_than_its_members_where_it_was_weighed(
    lab: Lab, done: dict[str, Any]
) -> None:
    values = {
        each["CandidateName"]: each["FinalAutoMLJobObjectiveMetric"]["Value"]
        for each in lab.candidates(done["AutoMLJobName"])
    }
    assert max(values, key=lambda name: values[name]) == "WeightedEnsemble_L2_t3"


def test_what_was_not_asked_is_resolved(done: dict[str, Any]) -> None:
    assert done["ResolvedAttributes"] == {
        "AutoMLJobObjective": {"MetricName": "AUC"},
        "CompletionCriteria": {"MaxCandidates": 3},
        "AutoMLProblemTypeResolvedAttributes": {
            "TabularResolvedAttributes": {"ProblemType": "BinaryClassification"}
        },
    }


def test_notebooks_and_explanation_are_where_the_job_says(lab: Lab, done: dict[str, Any]) -> None:
    for uri in done["AutoMLJobArtifacts"].values():
        assert uri.startswith(f"s3://{lab.bucket}/out/{done['AutoMLJobName']}/")
        notebook = json.loads(lab.get(uri))
        assert (notebook["nbformat"], notebook["metadata"]["language_info"]["name"]) == (4, "python")
    exploration = lab.get(done["AutoMLJobArtifacts"]["DataExplorationNotebookLocation"]).decode()
    assert "| constant | dropped |" in exploration
    prefix = done["BestCandidate"]["CandidateProperties"]["CandidateArtifactLocations"]["Explainability"]
    analysis = json.loads(lab.get(f"{prefix}/analysis.json"))
    values = analysis["explanations"]["kernel_shap"]["yes"]["global_shap_values"]
    assert sorted(values, key=lambda name: -values[name]) == ["income", "purpose", "applied_at"]
    assert values["applied_at"] < values["purpose"] / 3, "the date has nothing to do with the label"


def test_the_best_candidates_containers_are_deployed_as_they_are(lab: Lab, done: dict[str, Any]) -> None:
    name = done["AutoMLJobName"]
    containers = done["BestCandidate"]["InferenceContainers"]
    keys = containers[0]["Environment"]["SAGEMAKER_INFERENCE_SUPPORTED"]
    assert containers[0]["Environment"]["SAGEMAKER_INFERENCE_OUTPUT"] == "predicted_label"
    containers[0]["Environment"]["SAGEMAKER_INFERENCE_OUTPUT"] = keys
    lab.sagemaker.create_model(ModelName=name, Containers=containers, ExecutionRoleArn=ROLE)
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    lab.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    lab.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)

    def status() -> str | None:
        answer = lab.sagemaker.describe_endpoint(EndpointName=name)
        assert answer["EndpointStatus"] != "Failed", answer["FailureReason"]
        return "up" if answer["EndpointStatus"] == "InService" else None

    until(status, "the endpoint's start")
    runtime = lab.stand_in.client("sagemaker-runtime")

    def invoke(body: str, accept: str) -> bytes:
        answer = runtime.invoke_endpoint(
            EndpointName=name, Body=body.encode(), ContentType="text/csv", Accept=accept
        )
        content: bytes = answer["Body"].read()
        return content

    truth = [line.rpartition(",")[2] for line in csv_table(200, seed=2, header=False).splitlines()]
    rows = csv_table(200, seed=2, header=False, target=False)
    answers = list(csv.reader(io.StringIO(invoke(rows, "text/csv").decode())))
    assert len(answers) == 200
    for label, probability, probabilities, labels in answers:
        assert json.loads(labels) == ["no", "yes"]
        shares = json.loads(probabilities)
        assert sum(shares) == pytest.approx(1)
        assert float(probability) == max(shares), "of the predicted label, in ENSEMBLING mode"
        assert label == json.loads(labels)[shares.index(max(shares))]
    right = sum(answer[0] == label for answer, label in zip(answers, truth, strict=True))
    assert right > 160
    (first,) = json.loads(invoke(rows.splitlines()[0], "application/json"))["predictions"]
    assert first["predicted_label"] == answers[0][0]
    with pytest.raises(ClientError, match="a row has 2 cells; the model was trained on 4 columns: income, "):
        invoke("1,car\n", "text/csv")


def test_version_1_describes_only_its_own_jobs(lab: Lab, done: dict[str, Any]) -> None:
    """As AWS documents: jobs of CreateAutoMLJobV2 cannot be described by DescribeAutoMLJob."""
    with pytest.raises(ClientError, match="DescribeAutoMLJobV2"):
        lab.sagemaker.describe_auto_ml_job(AutoMLJobName=done["AutoMLJobName"])
    names = [each["AutoMLJobName"] for each in lab.sagemaker.list_auto_ml_jobs()["AutoMLJobSummaries"]]
    assert done["AutoMLJobName"] in names


def test_a_name_is_taken_once(lab: Lab, done: dict[str, Any]) -> None:
    request = {**lab.request(), "AutoMLJobName": done["AutoMLJobName"]}
    with pytest.raises(ClientError, match="must be unique") as caught:
        lab.sagemaker.create_auto_ml_job_v2(**request)
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"


def test_a_job_that_is_not_there(lab: Lab) -> None:
    for call in ("describe_auto_ml_job", "describe_auto_ml_job_v2", "stop_auto_ml_job"):
        with pytest.raises(lab.sagemaker.exceptions.ResourceNotFound, match="nowhere"):
            getattr(lab.sagemaker, call)(AutoMLJobName="nowhere")


def test_a_stopped_job_keeps_the_candidates_that_it_has(lab: Lab) -> None:
    name = lab.start(Mode="HYPERPARAMETER_TUNING", CandidateGenerationConfig=LINES)
    logs = lab.stand_in.client("logs")

    def one_is_done() -> bool:
        lines = log_lines(logs, "/aws/sagemaker/TrainingJobs", name)
        return any(line.startswith(f"{name}-001: Completed") for line in lines)

    until(one_is_done, "a candidate's end", seconds=240)
    lab.sagemaker.stop_auto_ml_job(AutoMLJobName=name)
    answer = ended(lab.sagemaker, name)
    assert (answer["AutoMLJobStatus"], answer["AutoMLJobSecondaryStatus"]) == ("Stopped", "Stopped")
    board = lab.candidates(name, StatusEquals="Completed", MaxResults=100)
    assert answer["BestCandidate"]["CandidateName"] in [each["CandidateName"] for each in board]
    assert lab.get(answer["BestCandidate"]["InferenceContainers"][0]["ModelDataUrl"])
    others = lab.candidates(name, MaxResults=100)[len(board) :]
    assert all(each["CandidateStatus"] == "Stopped" for each in others)


def test_data_without_the_target_fails_the_job(lab: Lab) -> None:
    answer = ended(lab.sagemaker, lab.start(TargetAttributeName="granted"))
    assert (answer["AutoMLJobStatus"], answer["AutoMLJobSecondaryStatus"]) == ("Failed", "Failed")
    assert answer["FailureReason"] == (
        "ClientError: The target attribute 'granted' is not a column of the dataset; its columns are: "
        "income, purpose, constant, applied_at, approved."
    )


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "problem without objective": (
        {"ProblemType": "Regression"},
        {},
        "must be given together",
    ),
    "objective of another problem": (
        {"ProblemType": "Regression"},
        {"AutoMLJobObjective": {"MetricName": "AUC"}},
        "AUC is not supported for problem type Regression; supported: MAE, MSE, R2, RMSE",
    ),
    "algorithms without a mode": ({"CandidateGenerationConfig": LINES}, {}, "can only be given with Mode"),
    "an algorithm of the other mode": (
        {
            "Mode": "HYPERPARAMETER_TUNING",
            "CandidateGenerationConfig": {"AlgorithmsConfig": [{"AutoMLAlgorithms": ["lightgbm"]}]},
        },
        {},
        "supported: linear-learner, mlp, xgboost",
    ),
    "weights while tuning": (
        {"Mode": "HYPERPARAMETER_TUNING", "SampleWeightAttributeName": "w"},
        {},
        "ENSEMBLING only",
    ),
    "a fraction of all": ({}, {"DataSplitConfig": {"ValidationFraction": 1.0}}, "less than 1"),
    "a specification that is not there": (
        {"FeatureSpecificationS3Uri": "s3://nobodys/f.json"},
        {},
        "no object at",
    ),
    "CSV without a header": (
        {},
        {"AutoMLJobInputDataConfig": [channel("s3://x/y", ContentType="text/csv;header=absent")]},
        "ContentType text/csv;header=absent is not supported",
    ),
    "no data": ({}, {"AutoMLJobInputDataConfig": [channel("s3://x/y")]}, "No S3 objects found"),
    "two training channels": (
        {},
        {"AutoMLJobInputDataConfig": [channel("s3://x/y"), channel("s3://x/z")]},
        "one channel of ChannelType training",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_aws_would_refuse_is_refused(lab: Lab, case: str) -> None:
    changes, extra, words = REFUSED[case]
    with pytest.raises(ClientError) as caught:
        lab.sagemaker.create_auto_ml_job_v2(**lab.request(extra=extra, **changes))
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert words in str(caught.value)


def _tabular(request: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = request["AutoMLProblemTypeConfig"]["TabularJobConfig"]
    return found


NOT_EMULATED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "TextClassificationJobConfig": lambda request: request.update(
        AutoMLProblemTypeConfig={
            "TextClassificationJobConfig": {"ContentColumn": "a", "TargetLabelColumn": TARGET}
        }
    ),
    "ModelDeployConfig.EndpointName": lambda request: request.update(
        ModelDeployConfig={"EndpointName": "one"}
    ),
    "AutoMLAlgorithms catboost": lambda request: _tabular(request).update(
        Mode="ENSEMBLING",
        CandidateGenerationConfig={"AlgorithmsConfig": [{"AutoMLAlgorithms": ["catboost"]}]},
    ),
}


@pytest.mark.parametrize("what", NOT_EMULATED)
def test_what_is_not_emulated_is_named(lab: Lab, what: str) -> None:
    request = lab.request()
    NOT_EMULATED[what](request)
    with pytest.raises(ClientError, match=f"does not emulate sagemaker.CreateAutoMLJobV2 with {what}"):
        lab.sagemaker.create_auto_ml_job_v2(**request)


def test_a_job_found_running_after_a_crash_fails_with_a_reason(
    start_stand_in: Callable[..., StandIn],
) -> None:
    stand_in = start_stand_in()
    lab = Lab(stand_in)
    name = lab.start()
    stand_in.kill()
    stand_in.start()
    answer = lab.sagemaker.describe_auto_ml_job_v2(AutoMLJobName=name)
    assert (answer["AutoMLJobStatus"], answer["AutoMLJobSecondaryStatus"]) == ("Failed", "Failed")
    assert answer["FailureReason"] == "InternalServerError: the stand-in was stopped while this job ran."
