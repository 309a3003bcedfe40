"""Training jobs through boto3: script mode, and XGBoost as a built-in algorithm."""

from __future__ import annotations

import io
import json
import tarfile
import uuid
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.sagemaker_jobs import (
    CLARIFY,
    SCIKIT_LEARN,
    XGBOOST,
    channel,
    csv_rows,
    ended_training,
    log_lines,
    needs_opt_ml,
    tar_gz,
    training_request,
    until,
)
from tests.support.stand_in import StandIn

GROUP = "/aws/sagemaker/TrainingJobs"
BINARY = {"objective": "binary:logistic", "num_round": "20"}


class Lab:
    """A bucket with training data and what tests do with it."""

    def __init__(self, stand_in: StandIn) -> None:
        self.s3 = stand_in.client("s3")
        self.sagemaker = stand_in.client("sagemaker")
        self.logs = stand_in.client("logs")
        self.bucket = f"lab-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.put("train/part-0.csv", csv_rows(400, seed=1))
        self.put("train/part-1.csv", csv_rows(400, seed=2))
        self.put("validation/part-0.csv", csv_rows(200, seed=3))

    def put(self, key: str, body: str | bytes) -> str:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def keys(self, prefix: str = "") -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return [item["Key"].removeprefix(prefix) for item in found]

    def archive(self, uri: str) -> dict[str, bytes]:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as tar:
            files = ((member.name, tar.extractfile(member)) for member in tar.getmembers())
            return {name: file.read() for name, file in files if file}

    def channels(self, *names: str, content_type: str | None = "text/csv") -> list[dict[str, Any]]:
        return [channel(name, f"s3://{self.bucket}/{name}/", content_type) for name in names]

    def create(self, **changes: Any) -> str:
        name = f"job-{uuid.uuid4().hex[:12]}"
        changes.setdefault("InputDataConfig", self.channels("train", "validation"))
        self.sagemaker.create_training_job(**training_request(name, self.bucket, **changes))
        return name

    def run(self, **changes: Any) -> dict[str, Any]:
        return ended_training(self.sagemaker, self.create(**changes))

    def script(self, text: str, image: str = SCIKIT_LEARN, **changes: Any) -> str:
        """Create a script-mode job."""
        code = self.put(f"code/{uuid.uuid4().hex}.tar.gz", tar_gz(train__py=text))
        parameters = changes.pop("HyperParameters", {})
        return self.create(
            image=image,
            HyperParameters={
                "sagemaker_program": '"train.py"',
                "sagemaker_submit_directory": json.dumps(code),
                **parameters,
            },
            **changes,
        )

    def lines(self, name: str) -> list[str]:
        return log_lines(self.logs, GROUP, name)


@pytest.fixture
def lab(stand_in: StandIn) -> Lab:
    return Lab(stand_in)


def metrics(description: dict[str, Any]) -> dict[str, float]:
    return {item["MetricName"]: item["Value"] for item in description.get("FinalMetricDataList", [])}


# --- XGBoost ----------------------------------------------------------------------------------------


def test_xgboost_learns_and_tells_what_it_learned(lab: Lab) -> None:
    import numpy
    import xgboost

    description = lab.run(HyperParameters={**BINARY, "eval_metric": "auc,accuracy", "eta": "0.3"})
    name = description["TrainingJobName"]
    assert (description["TrainingJobStatus"], description["SecondaryStatus"]) == ("Completed", "Completed")
    uri = description["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri == f"s3://{lab.bucket}/models/{name}/output/model.tar.gz"

    rounds = [line for line in lab.lines(name) if line.startswith("[")]
    assert len(rounds) == 20
    assert rounds[0].startswith("[0]#011train-auc:")
    found = metrics(description)
    assert set(found) == {"train:auc", "validation:auc", "train:accuracy", "validation:accuracy"}
    assert found["validation:auc"] > 0.9
    assert f"#011validation-auc:{found['validation:auc']:.5f}" in rounds[-1]

    model = xgboost.Booster(model_file=bytearray(lab.archive(uri)["xgboost-model"]))
    assert (model.num_boosted_rounds(), model.num_features()) == (20, 4)
    low, high = model.inplace_predict(numpy.array([[0.1, 0.1, 0.5, 0.5], [0.9, 0.9, 0.5, 0.5]]))
    assert low < 0.1
    assert high > 0.9


def test_a_completed_job_tells_its_story(lab: Lab) -> None:
    description = lab.run(HyperParameters=BINARY)
    transitions = description["SecondaryStatusTransitions"]
    assert [one["Status"] for one in transitions] == [
        "Starting", "Downloading", "Training", "Uploading", "Completed"
    ]  # fmt: skip
    for one, following in pairwise(transitions):
        assert one["StartTime"] <= one["EndTime"] == following["StartTime"]
    assert description["TrainingStartTime"] < description["TrainingEndTime"]
    assert description["BillableTimeInSeconds"] >= 1


def test_the_same_seed_gives_the_same_model(lab: Lab) -> None:
    values = {**BINARY, "subsample": "0.5", "seed": "7"}
    models = [
        lab.archive(lab.run(HyperParameters=values)["ModelArtifacts"]["S3ModelArtifacts"]) for _ in range(2)
    ]
    assert models[0] == models[1]


def test_early_stopping_keeps_the_best_round(lab: Lab) -> None:
    import xgboost

    values = {**BINARY, "num_round": "500", "eval_metric": "logloss", "early_stopping_rounds": "3"}
    description = lab.run(HyperParameters=values)
    rounds = [line for line in lab.lines(description["TrainingJobName"]) if line.startswith("[")]
    losses = [float(line.rpartition("validation-logloss:")[2]) for line in rounds]
    assert 4 < len(rounds) < 500
    best = losses.index(min(losses))
    assert len(losses) == best + 1 + 3
    archive = lab.archive(description["ModelArtifacts"]["S3ModelArtifacts"])
    assert xgboost.Booster(model_file=bytearray(archive["xgboost-model"])).num_boosted_rounds() == best + 1


def libsvm(rows: bytes) -> str:
    """CSV rows as LIBSVM, features that are below a tenth left out."""
    lines = []
    for row in rows.decode().splitlines():
        label, *values = row.split(",")
        pairs = [f"{i}:{value}" for i, value in enumerate(values) if float(value) >= 0.1]
        lines.append(" ".join([label, *pairs]))
    return "\n".join(lines) + "\n"


def parquet(rows: bytes) -> bytes:
    import pandas

    table = pandas.read_csv(io.BytesIO(rows), header=None)
    table.columns = [f"c{number}" for number in table.columns]
    body: bytes = table.to_parquet(index=False)
    return body


@pytest.mark.parametrize(
    ("content_type", "make"),
    [("text/libsvm", libsvm), (None, libsvm), ("application/x-parquet", parquet), ("parquet", parquet)],
)
def test_other_formats(lab: Lab, content_type: str | None, make: Any) -> None:
    for name, seed in (("train", 1), ("validation", 3)):
        lab.put(f"other/{name}/part-0", make(csv_rows(400, seed)))
    channels = [
        channel(name, f"s3://{lab.bucket}/other/{name}/", content_type) for name in ("train", "validation")
    ]
    description = lab.run(HyperParameters={**BINARY, "eval_metric": "auc"}, InputDataConfig=channels)
    assert description["TrainingJobStatus"] == "Completed", description.get("FailureReason")
    assert metrics(description)["validation:auc"] > 0.85


def test_weights_count(lab: Lab) -> None:
    """Two contradicting rows: the heavier one wins."""
    lab.put("weighted/a.csv", "0,9,1,1\n1,1,1,1\n" * 50)
    description = lab.run(
        HyperParameters={**BINARY, "csv_weights": "1", "eval_metric": "error"},
        InputDataConfig=[channel("train", f"s3://{lab.bucket}/weighted/")],
    )
    assert metrics(description)["train:error"] == pytest.approx(0.1, abs=1e-4)


def test_weights_count_in_the_validation_channel_too(lab: Lab) -> None:
    """Its second column is a weight, not a feature: else the two channels would differ in width."""
    for name in ("train", "validation"):
        lab.put(f"weighted-both/{name}/a.csv", "0,9,1,1\n1,1,1,1\n" * 50)
    description = lab.run(
        HyperParameters={**BINARY, "csv_weights": "1", "eval_metric": "error"},
        InputDataConfig=[
            channel(name, f"s3://{lab.bucket}/weighted-both/{name}/") for name in ("train", "validation")
        ],
    )
    assert description["TrainingJobStatus"] == "Completed", description.get("FailureReason")
    assert metrics(description)["validation:error"] == pytest.approx(0.1, abs=1e-4)


def test_missing_values_are_allowed(lab: Lab) -> None:
    lab.put("gaps/a.csv", "1,,0.5\n0,0.1,\n" * 50)
    description = lab.run(
        HyperParameters=BINARY, InputDataConfig=[channel("train", f"s3://{lab.bucket}/gaps/")]
    )
    assert description["TrainingJobStatus"] == "Completed", description.get("FailureReason")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"objective": "binary:logistic"}, "Missing required hyperparameter: num_round"),
        ({**BINARY, "depth": "5"}, "Extraneous hyperparameter found: depth"),
        ({**BINARY, "eta": "1.5"}, "Hyperparameter eta: 1.5 is not in [0, 1]"),
        ({**BINARY, "subsample": "0"}, "Hyperparameter subsample: 0.0 is not in (0, 1]"),
        ({**BINARY, "max_depth": "deep"}, "Hyperparameter max_depth: could not parse value"),
        ({"objective": "multi:softprob", "num_round": "5"}, "Require input for parameter 'num_class'"),
    ],
)
def test_wrong_hyperparameters_are_the_clients_error(lab: Lab, values: dict[str, str], said: str) -> None:
    description = lab.run(HyperParameters=values)
    assert description["TrainingJobStatus"] == "Failed"
    assert description["FailureReason"].startswith(f"ClientError: {said}")
    assert description["FailureReason"].endswith(", exit code: 2")
    assert "ModelArtifacts" not in description


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("label,a,b\n1,2,3\n", "there is no header"),
        ("1,2,3\n0,1\n1,2,3,4\n", "Failed to load csv data"),
        ("1\n0\n", "Could not determine delimiter"),
        ("3,2,1\n0,1,2\n", "label must be in [0,1]"),
    ],
)
def test_wrong_data_is_the_clients_error(lab: Lab, body: str, said: str) -> None:
    lab.put("wrong/a.csv", body)
    description = lab.run(
        HyperParameters=BINARY, InputDataConfig=[channel("train", f"s3://{lab.bucket}/wrong/")]
    )
    assert description["TrainingJobStatus"] == "Failed"
    assert description["FailureReason"].startswith("ClientError: ")
    assert said in description["FailureReason"]


def test_an_unknown_channel_is_the_clients_error(lab: Lab) -> None:
    channels = [*lab.channels("train"), channel("extra", f"s3://{lab.bucket}/train/")]
    description = lab.run(HyperParameters=BINARY, InputDataConfig=channels)
    assert description["FailureReason"] == "ClientError: Extraneous channel found: extra, exit code: 2"


def test_a_stopped_training_saves_its_model_if_it_was_asked_to(lab: Lab) -> None:
    import xgboost

    values = {**BINARY, "num_round": "1000000", "save_model_on_termination": "true"}
    name = lab.create(HyperParameters=values)
    until(lambda: any(line.startswith("[3]") for line in lab.lines(name)), "the fourth round")
    lab.sagemaker.stop_training_job(TrainingJobName=name)
    description = ended_training(lab.sagemaker, name)
    assert (description["TrainingJobStatus"], description["SecondaryStatus"]) == ("Stopped", "Stopped")
    model = lab.archive(description["ModelArtifacts"]["S3ModelArtifacts"])["xgboost-model"]
    assert xgboost.Booster(model_file=bytearray(model)).num_boosted_rounds() >= 4


def test_a_training_whose_time_runs_out_is_stopped_with_that_reason(lab: Lab) -> None:
    description = lab.run(
        HyperParameters={**BINARY, "num_round": "1000000"}, StoppingCondition={"MaxRuntimeInSeconds": 2}
    )
    assert description["TrainingJobStatus"] == "Stopped"
    assert description["SecondaryStatus"] == "MaxRuntimeExceeded"
    assert description["SecondaryStatusTransitions"][-1]["StatusMessage"].startswith("Training job runtime")
    assert "ModelArtifacts" not in description


def test_checkpoints_are_kept_and_taken_up(lab: Lab) -> None:
    config = {"S3Uri": f"s3://{lab.bucket}/checkpoints"}
    first = lab.run(HyperParameters={**BINARY, "num_round": "5"}, CheckpointConfig=config)
    assert first["TrainingJobStatus"] == "Completed", first.get("FailureReason")
    assert "xgboost-checkpoint.5" in lab.keys("checkpoints/")
    second = lab.run(HyperParameters={**BINARY, "num_round": "8"}, CheckpointConfig=config)
    lines = lab.lines(second["TrainingJobName"])
    assert any("Resuming from iteration 5" in line for line in lines)
    assert [line.partition("#011")[0] for line in lines if line.startswith("[")] == ["[5]", "[6]", "[7]"]


SPOT = {
    "EnableManagedSpotTraining": True,
    "StoppingCondition": {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 600},
}
# Ends by itself where an earlier start has left a checkpoint.
COUNTER = (
    "import os, signal; p = '/opt/ml/checkpoints/one'; resumed = os.path.exists(p); open(p, 'w');"
    "print('resumed', resumed, os.listdir('/opt/ml/model')); open('/opt/ml/model/half', 'w');"
    "resumed or signal.pause()"
)


def interruptions(text: str) -> list[dict[str, str]]:
    return [{"Key": "local_aws:spot-interruptions", "Value": text}]


@needs_opt_ml
def test_an_interrupted_spot_training_goes_on_from_its_checkpoints(lab: Lab) -> None:
    """All else is gone with the instance; waiting for another is not billed."""
    description = lab.run(
        **SPOT,
        Tags=interruptions("3+1"),
        CheckpointConfig={"S3Uri": f"s3://{lab.bucket}/spot"},
        AlgorithmSpecification=specification(ContainerEntrypoint=["python3", "-c", COUNTER]),
    )
    assert description["TrainingJobStatus"] == "Completed", description.get("FailureReason")
    assert [one["Status"] for one in description["SecondaryStatusTransitions"]] == [
        "Starting", "Downloading", "Training", "Interrupted",
        "Starting", "Downloading", "Training", "Uploading", "Completed",
    ]  # fmt: skip
    lines = lab.lines(description["TrainingJobName"])
    assert lines == ["resumed False []", "resumed True []"]
    waits = [one for one in description["SecondaryStatusTransitions"] if one["Status"] == "Interrupted"]
    waited = sum((one["EndTime"] - one["StartTime"]).total_seconds() for one in waits)
    assert waited >= 1
    assert description["TrainingTimeInSeconds"] > description["BillableTimeInSeconds"]


def test_a_spot_training_waits_no_longer_than_it_may(lab: Lab) -> None:
    condition = {"MaxRuntimeInSeconds": 2, "MaxWaitTimeInSeconds": 2}
    description = lab.run(
        **{**SPOT, "StoppingCondition": condition},
        Tags=interruptions("0.5+600"),
        AlgorithmSpecification=specification(ContainerEntrypoint=["sleep", "600"]),
    )
    assert (description["TrainingJobStatus"], description["SecondaryStatus"]) == (
        "Stopped",
        "MaxWaitTimeExceeded",
    )


def test_a_spot_training_can_be_stopped_while_it_waits(lab: Lab) -> None:
    name = lab.create(
        **SPOT,
        Tags=interruptions("0+600"),
        AlgorithmSpecification=specification(ContainerEntrypoint=["sleep", "600"]),
    )
    describe = lab.sagemaker.describe_training_job
    until(lambda: describe(TrainingJobName=name)["SecondaryStatus"] == "Interrupted", "the interruption")
    lab.sagemaker.stop_training_job(TrainingJobName=name)
    assert ended_training(lab.sagemaker, name)["SecondaryStatus"] == "Stopped"


def test_an_uncompressed_model(lab: Lab) -> None:
    output = {"S3OutputPath": f"s3://{lab.bucket}/models/", "CompressionType": "NONE"}
    description = lab.run(HyperParameters=BINARY, OutputDataConfig=output)
    name = description["TrainingJobName"]
    assert (
        description["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{lab.bucket}/models/{name}/output/model/"
    )
    assert lab.keys(f"models/{name}/output/model/") == ["xgboost-model"]


# --- script mode ------------------------------------------------------------------------------------

SCRIPT = """
import argparse, json, os
parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int)
parser.add_argument("--name")
arguments = parser.parse_args()
print(arguments.epochs + 1, arguments.name, os.environ["TRAINING_JOB_NAME"], os.environ["COLOUR"])
print(sorted(os.listdir(os.environ["SM_CHANNEL_TRAIN"])))
print("epoch 1 loss=0.5;")
print("epoch 2\\tloss=0.25;")
open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w").write("learned")
os.makedirs(os.path.join(os.environ["SM_MODEL_DIR"], "code"))
open(os.path.join(os.environ["SM_MODEL_DIR"], "code", "inference.py"), "w").write("")
open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "plot.txt"), "w").write("o")
"""


@pytest.mark.parametrize("image", [SCIKIT_LEARN, XGBOOST], ids=["scikit-learn", "xgboost"])
def test_script_mode(lab: Lab, image: str) -> None:
    name = lab.script(
        SCRIPT,
        image,
        HyperParameters={"epochs": "3", "name": '"a b"'},
        Environment={"COLOUR": "blue"},
        AlgorithmSpecification={
            "TrainingImage": image,
            "TrainingInputMode": "FastFile",
            "MetricDefinitions": [
                {"Name": "loss", "Regex": "loss=([0-9.]+);"},
                {"Name": "tabbed", "Regex": "#011loss=([0-9.]+);"},
                {"Name": "never", "Regex": "accuracy=([0-9.]+);"},
            ],
        },
    )
    description = ended_training(lab.sagemaker, name)
    lines = lab.lines(name)
    assert description["TrainingJobStatus"] == "Completed", lines
    assert f"4 a b {name} blue" in lines
    assert "['part-0.csv', 'part-1.csv']" in lines
    assert metrics(description) == {"loss": 0.25, "tabbed": 0.25}
    archive = lab.archive(description["ModelArtifacts"]["S3ModelArtifacts"])
    assert archive == {"model.txt": b"learned", "code/inference.py": b""}
    assert lab.archive(f"s3://{lab.bucket}/models/{name}/output/output.tar.gz") == {"plot.txt": b"o"}


@needs_opt_ml
def test_a_failing_script_tells_why(lab: Lab) -> None:
    name = lab.script("open('/opt/ml/output/data/trace', 'w').write('t')\nraise SystemExit(3)")
    description = ended_training(lab.sagemaker, name)
    assert (description["TrainingJobStatus"], description["SecondaryStatus"]) == ("Failed", "Failed")
    assert description["FailureReason"].startswith("AlgorithmError: ExecuteUserScriptError:\nExitCode 3")
    assert lab.keys(f"models/{name}/output/") == ["output.tar.gz"]


@needs_opt_ml
def test_the_failure_file_is_cut_to_what_aws_shows(lab: Lab) -> None:
    entrypoint = [
        "python3",
        "-c",
        "open('/opt/ml/output/failure', 'w').write('why ' * 1000); raise SystemExit(9)",
    ]
    specification = {
        "TrainingImage": SCIKIT_LEARN,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": entrypoint,
    }
    reason = lab.run(AlgorithmSpecification=specification)["FailureReason"]
    assert len(reason) == 1024
    assert reason.startswith("AlgorithmError: why why")
    assert reason.endswith(", exit code: 9")


def test_a_completed_job_without_a_model_names_where_it_would_lie(lab: Lab) -> None:
    description = ended_training(lab.sagemaker, lab.script("print('nothing learned')"))
    assert description["TrainingJobStatus"] == "Completed"
    assert description["ModelArtifacts"]["S3ModelArtifacts"].endswith("/output/model.tar.gz")


def program(source: str) -> dict[str, Any]:
    return specification(ContainerEntrypoint=["python3", "-c", source])


def test_a_training_that_hangs_is_ended_when_its_time_is_up(lab: Lab) -> None:
    description = lab.run(
        AlgorithmSpecification=program("import signal; signal.pause()"),
        StoppingCondition={"MaxRuntimeInSeconds": 1},
    )
    assert (description["TrainingJobStatus"], description["SecondaryStatus"]) == (
        "Stopped",
        "MaxRuntimeExceeded",
    )
    assert "ModelArtifacts" not in description


def test_a_training_that_is_killed_for_memory_says_what_to_do(lab: Lab) -> None:
    """As the kernel does it: by a signal that nobody can catch."""
    killed = program("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    description = lab.run(AlgorithmSpecification=killed)
    assert description["TrainingJobStatus"] == "Failed"
    assert description["FailureReason"].startswith(
        "ClientError: Please use an instance type with more memory"
    )


def test_a_metric_that_is_no_number_is_not_told(lab: Lab) -> None:
    """The last number stays: what came after it were none."""
    source = program("print('loss=0.5;'); print('loss=nan;'); print('loss=;')")
    source["MetricDefinitions"] = [{"Name": "loss", "Regex": "loss=([^;]*);"}]
    assert metrics(lab.run(AlgorithmSpecification=source)) == {"loss": 0.5}


def test_what_a_script_installs_stays_in_its_room(lab: Lab) -> None:
    name = lab.script("import os; print(os.environ['PIP_TARGET'])")
    ended_training(lab.sagemaker, name)
    assert any("/jobs/sagemaker.training_job/" in line for line in lab.lines(name))


# --- life -------------------------------------------------------------------------------------------


def test_stop_and_the_words_for_it(lab: Lab) -> None:
    name = lab.script("import signal\nprint('ready')\nsignal.pause()")
    until(lambda: "ready" in lab.lines(name), "the start")
    description = lab.sagemaker.describe_training_job(TrainingJobName=name)
    assert (description["TrainingJobStatus"], description["SecondaryStatus"]) == ("InProgress", "Training")
    lab.sagemaker.stop_training_job(TrainingJobName=name)
    description = ended_training(lab.sagemaker, name)
    assert [one["Status"] for one in description["SecondaryStatusTransitions"]][-2:] == [
        "Stopping",
        "Stopped",
    ]
    with pytest.raises(ClientError, match="the training job is in status Stopped"):
        lab.sagemaker.stop_training_job(TrainingJobName=name)


def test_a_name_can_be_used_once_until_it_is_deleted(lab: Lab) -> None:
    name = lab.run(HyperParameters=BINARY)["TrainingJobName"]
    request = training_request(
        name, lab.bucket, HyperParameters=BINARY, InputDataConfig=lab.channels("train")
    )
    with pytest.raises(ClientError) as caught:
        lab.sagemaker.create_training_job(**request)
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"
    lab.sagemaker.delete_training_job(TrainingJobName=name)
    lab.sagemaker.create_training_job(**request)
    assert ended_training(lab.sagemaker, name)["TrainingJobStatus"] == "Completed"


@pytest.mark.parametrize("operation", ["describe", "stop", "delete"])
def test_a_missing_job_is_a_validation_exception(lab: Lab, operation: str) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(lab.sagemaker, f"{operation}_training_job")(TrainingJobName="nobody")
    assert caught.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": "Requested resource not found.",
    }


def test_jobs_are_listed(lab: Lab) -> None:
    name = lab.run(HyperParameters=BINARY)["TrainingJobName"]
    [summary] = lab.sagemaker.list_training_jobs(NameContains=name)["TrainingJobSummaries"]
    assert (summary["TrainingJobStatus"], summary["SecondaryStatus"]) == ("Completed", "Completed")
    assert (
        lab.sagemaker.list_training_jobs(NameContains=name, StatusEquals="Failed")["TrainingJobSummaries"]
        == []
    )


# --- refusals ---------------------------------------------------------------------------------------


def refusal(lab: Lab, **changes: Any) -> tuple[str, str]:
    request = training_request("refused", lab.bucket, HyperParameters=BINARY, **changes)
    with pytest.raises(ClientError) as caught:
        lab.sagemaker.create_training_job(**{k: v for k, v in request.items() if v is not None})
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def specification(**changes: Any) -> dict[str, Any]:
    return {"TrainingImage": XGBOOST, "TrainingInputMode": "File", **changes}


RESOURCES = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
FILE_SYSTEM = {
    "FileSystemId": "fs-0123456789a",
    "FileSystemAccessMode": "ro",
    "FileSystemType": "EFS",
    "DirectoryPath": "/",
}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"EnableNetworkIsolation": True}, "EnableNetworkIsolation"),
        ({"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["s-1"]}}, "VpcConfig"),
        ({"TensorBoardOutputConfig": {"S3OutputPath": "s3://b/"}}, "TensorBoardOutputConfig"),
        ({"ProfilerConfig": {"S3OutputPath": "s3://b/"}}, "ProfilerConfig"),
        ({"RetryStrategy": {"MaximumRetryAttempts": 1}}, "RetryStrategy"),
        ({"ResourceConfig": {**RESOURCES, "InstanceCount": 2}}, "more than one instance"),
        ({"ResourceConfig": {**RESOURCES, "KeepAlivePeriodInSeconds": 60}}, "KeepAlivePeriodInSeconds"),
        ({"AlgorithmSpecification": specification(TrainingInputMode="Pipe")}, "TrainingInputMode Pipe"),
        (
            {
                "InputDataConfig": [
                    {"ChannelName": "train", "DataSource": {"FileSystemDataSource": FILE_SYSTEM}}
                ]
            },
            "DataSource.FileSystemDataSource",
        ),
        (
            {"CheckpointConfig": {"S3Uri": "s3://b/", "LocalPath": "/tmp/checkpoints"}},
            "CheckpointConfig.LocalPath outside /opt/ml",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_emulated_is_refused_by_name(lab: Lab, changes: dict[str, Any], named: str) -> None:
    code, message = refusal(lab, **changes)
    assert code == "NotImplemented"
    assert f"sagemaker.CreateTrainingJob with {named}" in message or named in message


def test_a_disabled_profiler_asks_for_nothing(lab: Lab) -> None:
    description = lab.run(HyperParameters=BINARY, ProfilerConfig={"DisableProfiler": True})
    assert description["TrainingJobStatus"] == "Completed"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"AlgorithmSpecification": specification(TrainingImage="python:3")}, "sagemaker-xgboost"),
        ({"AlgorithmSpecification": specification(TrainingImage=CLARIFY)}, "does not train"),
        ({"AlgorithmSpecification": {"TrainingInputMode": "File"}}, "TrainingImage"),
        (
            {"AlgorithmSpecification": specification(MetricDefinitions=[{"Name": "m", "Regex": "("}])},
            "regex of metric m",
        ),
        ({"ResourceConfig": None}, "ResourceConfig is required"),
        ({"EnableManagedSpotTraining": True}, "MaxWaitTimeInSeconds must be given"),
        (
            {"StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}},
            "can only be given with EnableManagedSpotTraining",
        ),
        (
            {
                "EnableManagedSpotTraining": True,
                "StoppingCondition": {"MaxRuntimeInSeconds": 61, "MaxWaitTimeInSeconds": 60},
            },
            "at least MaxRuntimeInSeconds",
        ),
        ({"Tags": [{"Key": "local_aws:spot-interruptions", "Value": "5"}]}, "spot-interruptions can only"),
        ({"StoppingCondition": None}, "StoppingCondition is required"),
        ({"RoleArn": "arn:aws:iam::000000000000:user/nobody-here"}, "roleArn"),
        ({"OutputDataConfig": {"S3OutputPath": "https://b/x"}}, "not an S3 URI"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_aws_would_refuse_is_refused(lab: Lab, changes: dict[str, Any], said: str) -> None:
    code, message = refusal(lab, **changes)
    assert code == "ValidationException"
    assert said in message


def test_a_channel_without_data_is_refused_in_the_words_of_aws(lab: Lab) -> None:
    code, message = refusal(lab, InputDataConfig=[channel("train", f"s3://{lab.bucket}/nothing/")])
    assert code == "ValidationException"
    assert message.startswith(
        f'No S3 objects found under S3 URL "s3://{lab.bucket}/nothing/" given in input data source. '
    )


def test_two_channels_of_one_name_are_refused(lab: Lab) -> None:
    assert "duplicate: train" in refusal(lab, InputDataConfig=lab.channels("train", "train"))[1]


def test_an_output_bucket_that_does_not_exist_fails_the_job_before_it_trains(lab: Lab) -> None:
    description = lab.run(
        HyperParameters=BINARY, OutputDataConfig={"S3OutputPath": "s3://no-such-bucket-anywhere/x"}
    )
    assert description["TrainingJobStatus"] == "Failed"
    assert "no-such-bucket-anywhere" in description["FailureReason"]
    assert lab.lines(description["TrainingJobName"]) == []
