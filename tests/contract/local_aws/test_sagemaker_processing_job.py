"""Processing jobs through boto3."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.feature_store import created, group_request, plain
from tests.support.sagemaker_jobs import (
    CLARIFY,
    CODE,
    SCIKIT_LEARN,
    ended_processing,
    log_lines,
    needs_opt_ml,
    processing_input,
    processing_output,
    processing_request,
    until,
)
from tests.support.stand_in import StandIn

pytestmark = needs_opt_ml

GROUP = "/aws/sagemaker/ProcessingJobs"
WAIT_FOR_EVER = "import signal\nprint('ready')\nsignal.pause()\n"


class Lab:
    """A bucket and what tests do with it."""

    def __init__(self, stand_in: StandIn) -> None:
        self.stand_in = stand_in
        self.s3 = stand_in.client("s3")
        self.sagemaker = stand_in.client("sagemaker")
        self.logs = stand_in.client("logs")
        self.bucket = f"lab-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=self.bucket)

    def put(self, key: str, body: str | bytes) -> str:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def keys(self, prefix: str) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return [item["Key"].removeprefix(prefix) for item in found]

    def get(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def create(self, script: str, inputs: list[Any] | None = None, **changes: Any) -> str:
        name = f"job-{uuid.uuid4().hex[:12]}"
        self.put(f"{name}/code/run.py", script)
        code = processing_input("code", f"s3://{self.bucket}/{name}/code/", CODE)
        request = processing_request(name, ProcessingInputs=[code, *(inputs or [])], **changes)
        self.sagemaker.create_processing_job(**request)
        return name

    def run(self, script: str, inputs: list[Any] | None = None, **changes: Any) -> dict[str, Any]:
        return ended_processing(self.sagemaker, self.create(script, inputs, **changes))

    def output(self, name: str, mode: str = "EndOfJob") -> dict[str, Any]:
        return {"Outputs": [processing_output(name, f"s3://{self.bucket}/{name}", mode)]}

    def lines(self, name: str) -> list[str]:
        return log_lines(self.logs, GROUP, name)


@pytest.fixture
def lab(stand_in: StandIn) -> Lab:
    return Lab(stand_in)


def refusal(lab: Lab, request: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        lab.sagemaker.create_processing_job(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_script_reads_its_inputs_and_its_outputs_are_uploaded(lab: Lab) -> None:
    lab.put("data/day/a/x.csv", "1")
    lab.put("data/day/y.csv", "2")
    lab.put("data/day/folder/", "")
    script = """
import pathlib, sys
base = pathlib.Path("/opt/ml/processing")
data = base / "input/data"
names = sorted(str(p.relative_to(data)) for p in data.rglob("*") if p.is_file())
print(sys.argv[1:], names)
out = base / "output/result"
(out / "sub").mkdir()
(out / "sub/list.txt").write_text(",".join(names))
(out / "link").symlink_to("/etc/passwd")
"""
    description = lab.run(
        script,
        [processing_input("data", f"s3://{lab.bucket}/data/day")],
        ProcessingOutputConfig=lab.output("result"),
        AppSpecification={
            "ImageUri": SCIKIT_LEARN,
            "ContainerEntrypoint": ["python3", f"{CODE}/run.py"],
            "ContainerArguments": ["--mode", "x y"],
        },
    )
    assert description["ProcessingJobStatus"] == "Completed"
    assert description["ProcessingStartTime"] <= description["ProcessingEndTime"]
    assert lab.keys("result/") == ["sub/list.txt"]
    assert lab.get("result/sub/list.txt") == b"a/x.csv,y.csv"
    assert lab.lines(description["ProcessingJobName"]) == ["['--mode', 'x y'] ['a/x.csv', 'y.csv']"]


@pytest.mark.parametrize(
    ("prefix", "names"),
    [("p/da", ["day.csv", "day/x.csv"]), ("p/day", ["day.csv", "x.csv"]), ("p/day/x.csv", ["x.csv"])],
)
def test_a_prefix_is_a_prefix(lab: Lab, prefix: str, names: list[str]) -> None:
    lab.put("p/day.csv", "1")
    lab.put("p/day/x.csv", "2")
    script = (
        "import pathlib; d = pathlib.Path('/opt/ml/processing/input/data')\n"
        "print(sorted(str(p.relative_to(d)) for p in d.rglob('*') if p.is_file()))"
    )
    name = lab.run(script, [processing_input("data", f"s3://{lab.bucket}/{prefix}")])["ProcessingJobName"]
    assert lab.lines(name) == [str(names)]


def test_a_manifest_names_the_objects(lab: Lab) -> None:
    for key in ("m/a.csv", "m/b/c.csv", "m/unused.csv"):
        lab.put(key, key)
    manifest = lab.put("manifest.json", json.dumps([{"prefix": f"s3://{lab.bucket}/m/"}, "a.csv", "b/c.csv"]))
    script = (
        "import pathlib; d = pathlib.Path('/opt/ml/processing/input/data')\n"
        "print(sorted(str(p.relative_to(d)) for p in d.rglob('*') if p.is_file()))"
    )
    given = processing_input("data", manifest, S3DataType="ManifestFile")
    assert lab.lines(lab.run(script, [given])["ProcessingJobName"]) == ["['a.csv', 'b/c.csv']"]


def test_a_job_knows_itself(lab: Lab) -> None:
    script = """
import json
job = json.load(open("/opt/ml/config/processingjobconfig.json"))
print(job["ProcessingJobName"], job["AppSpecification"]["ContainerArguments"])
print(json.load(open("/opt/ml/config/resourceconfig.json"))["current_host"])
import boto3, os
print(boto3.client("sts").get_caller_identity()["Account"], os.environ["COLOUR"])
"""
    name = lab.run(script, Environment={"COLOUR": "blue"})["ProcessingJobName"]
    assert lab.lines(name) == [f"{name} None", "algo-1", "000000000000 blue"]


def test_what_a_job_does_to_its_input_stays_in_its_room(lab: Lab) -> None:
    uri = lab.put("input/a.txt", "before")
    script = "open('/opt/ml/processing/input/data/a.txt', 'w').write('after')"
    assert lab.run(script, [processing_input("data", uri)])["ProcessingJobStatus"] == "Completed"
    assert lab.get("input/a.txt") == b"before"


def test_a_failing_script_fails_the_job_and_uploads_nothing(lab: Lab) -> None:
    script = """
open("/opt/ml/processing/output/result/half.txt", "w").write("half")
open("/opt/ml/output/message", "w").write("the data is bad")
raise SystemExit(4)
"""
    description = lab.run(script, ProcessingOutputConfig=lab.output("result"))
    assert description["ProcessingJobStatus"] == "Failed"
    assert description["FailureReason"] == "AlgorithmError: See job logs for more information, exit code: 4"
    assert description["ExitMessage"] == "the data is bad"
    assert lab.keys("result/") == []


def test_a_continuous_output_shows_what_a_failing_job_had(lab: Lab) -> None:
    script = "open('/opt/ml/processing/output/live/half.txt', 'w').write('half'); raise SystemExit(1)"
    description = lab.run(script, ProcessingOutputConfig=lab.output("live", "Continuous"))
    assert description["ProcessingJobStatus"] == "Failed"
    assert lab.keys("live/") == ["half.txt"]


def test_a_continuous_output_is_uploaded_while_the_job_runs(lab: Lab) -> None:
    script = "open('/opt/ml/processing/output/live/early.txt', 'w').write('early')\n" + WAIT_FOR_EVER
    name = lab.create(script, ProcessingOutputConfig=lab.output("live", "Continuous"))
    until(lambda: lab.keys("live/") == ["early.txt"], "the upload")
    assert (
        lab.sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] == "InProgress"
    )
    lab.sagemaker.stop_processing_job(ProcessingJobName=name)
    ended_processing(lab.sagemaker, name)


@pytest.mark.parametrize(
    ("content", "status", "member", "expected"),
    [
        ("b'all well'", "Completed", "ExitMessage", "all well"),
        ("b'x' * 3000", "Completed", "ExitMessage", "x" * 1024),
        ("'ü'.encode() * 1000", "Completed", "ExitMessage", "ü" * 512),
        ("b'x' + 'ü'.encode() * 1000", "Completed", "ExitMessage", "x" + "ü" * 511),
        (
            "b'\\xff\\xfe'",
            "Failed",
            "FailureReason",
            "ClientError: /opt/ml/output/message is not encoded in UTF-8.",
        ),
    ],
)
def test_exit_messages(lab: Lab, content: str, status: str, member: str, expected: str) -> None:
    description = lab.run(f"open('/opt/ml/output/message', 'wb').write({content})")
    assert (description["ProcessingJobStatus"], description[member]) == (status, expected)


def test_a_missing_input_fails_the_job(lab: Lab) -> None:
    given = processing_input("data", f"s3://{lab.bucket}/nothing/")
    description = lab.run("print('never')", [given])
    assert description["ProcessingJobStatus"] == "Failed"
    assert description["FailureReason"].startswith("ClientError: ")
    assert f"s3://{lab.bucket}/nothing/\" given in input 'data'" in description["FailureReason"]


def test_a_key_cannot_leave_its_directory(lab: Lab) -> None:
    lab.put("up/../../../escaped.txt", "x")
    description = lab.run("print('never')", [processing_input("data", f"s3://{lab.bucket}/up/")])
    assert description["ProcessingJobStatus"] == "Failed"
    assert "leaves its directory" in description["FailureReason"]


def test_an_output_bucket_that_does_not_exist_fails_the_job(lab: Lab) -> None:
    output = {"Outputs": [processing_output("result", "s3://no-such-bucket-anywhere/x")]}
    script = "open('/opt/ml/processing/output/result/a', 'w').close()"
    description = lab.run(script, ProcessingOutputConfig=output)
    assert description["ProcessingJobStatus"] == "Failed"
    assert "the bucket does not exist" in description["FailureReason"]


def test_create_answers_at_once_and_the_log_can_be_read_meanwhile(lab: Lab) -> None:
    name = lab.create(WAIT_FOR_EVER)
    assert (
        lab.sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] == "InProgress"
    )
    until(lambda: lab.lines(name) == ["ready"], "the line")
    lab.sagemaker.stop_processing_job(ProcessingJobName=name)
    assert ended_processing(lab.sagemaker, name)["ProcessingJobStatus"] == "Stopped"


def test_a_stopped_job_uploads_nothing(lab: Lab) -> None:
    script = """
import signal, sys
def leave(*_):
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
open("/opt/ml/processing/output/result/half.txt", "w").write("half")
print("ready")
signal.pause()
"""
    name = lab.create(script, ProcessingOutputConfig=lab.output("result"))
    until(lambda: lab.lines(name) == ["ready"], "the start")
    lab.sagemaker.stop_processing_job(ProcessingJobName=name)
    assert ended_processing(lab.sagemaker, name)["ProcessingJobStatus"] == "Stopped"
    assert lab.keys("result/") == []
    with pytest.raises(ClientError, match="the processing job is in status Stopped"):
        lab.sagemaker.stop_processing_job(ProcessingJobName=name)


def test_a_job_whose_time_runs_out_is_stopped(lab: Lab) -> None:
    description = lab.run(WAIT_FOR_EVER, StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert description["ProcessingJobStatus"] == "Stopped"


def test_a_name_can_be_used_once_until_it_is_deleted(lab: Lab) -> None:
    name = lab.create(WAIT_FOR_EVER)
    request = processing_request(name)
    assert refusal(lab, request)[0] == "ResourceInUse"
    with pytest.raises(ClientError) as caught:
        lab.sagemaker.delete_processing_job(ProcessingJobName=name)
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"
    lab.sagemaker.stop_processing_job(ProcessingJobName=name)
    ended_processing(lab.sagemaker, name)
    lab.sagemaker.delete_processing_job(ProcessingJobName=name)
    with pytest.raises(ClientError, match="Could not find requested job with name"):
        lab.sagemaker.describe_processing_job(ProcessingJobName=name)
    lab.sagemaker.create_processing_job(**request)
    ended_processing(lab.sagemaker, name)


@pytest.mark.parametrize("operation", ["describe", "stop", "delete"])
def test_a_missing_job_is_a_validation_exception(lab: Lab, operation: str) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(lab.sagemaker, f"{operation}_processing_job")(ProcessingJobName="nobody")
    assert caught.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": "Could not find requested job with name: nobody",
    }


def test_jobs_are_listed_in_order_and_in_pages(lab: Lab) -> None:
    mark = uuid.uuid4().hex[:8]
    for number in range(3):
        request = processing_request(f"list-{mark}-{number}")
        request["AppSpecification"]["ContainerEntrypoint"] = ["true" if number else "false"]
        lab.sagemaker.create_processing_job(**request)
        ended_processing(lab.sagemaker, request["ProcessingJobName"])

    def names(**parameters: Any) -> list[str]:
        pages = lab.sagemaker.get_paginator("list_processing_jobs").paginate(NameContains=mark, **parameters)
        return [item["ProcessingJobName"][-1] for page in pages for item in page["ProcessingJobSummaries"]]

    assert names() == ["0", "1", "2"]
    assert names(SortOrder="Descending", MaxResults=2) == ["2", "1", "0"]
    assert names(StatusEquals="Failed") == ["0"]
    assert names(SortBy="Status", MaxResults=1) == ["1", "2", "0"]


def test_tags_are_kept(lab: Lab) -> None:
    request = processing_request(f"tagged-{uuid.uuid4().hex[:8]}", Tags=[{"Key": "team", "Value": "risk"}])
    arn = lab.sagemaker.create_processing_job(**request)["ProcessingJobArn"]
    assert lab.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "risk"}]
    ended_processing(lab.sagemaker, request["ProcessingJobName"])


def changed(path: str, value: Any) -> dict[str, Any]:
    """The smallest request with one member set, e.g. NetworkConfig.EnableNetworkIsolation; None drops it."""
    request = processing_request("refused")
    *parents, last = path.split(".")
    place = request
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    if value is None:
        del place[last]
    return request


DATASET = {
    "AthenaDatasetDefinition": {
        "Catalog": "c",
        "Database": "d",
        "QueryString": "q",
        "OutputS3Uri": "s3://b/",
        "OutputFormat": "PARQUET",
    }
}


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("ProcessingResources.ClusterConfig.InstanceCount", 2, "more than one instance"),
        ("NetworkConfig.EnableNetworkIsolation", True, "NetworkConfig.EnableNetworkIsolation"),
        (
            "NetworkConfig.VpcConfig",
            {"SecurityGroupIds": ["sg-1"], "Subnets": ["s-1"]},
            "NetworkConfig.VpcConfig",
        ),
        ("ExperimentConfig", {"ExperimentName": "e"}, "ExperimentConfig"),
        ("ProcessingInputs", [{"InputName": "i", "DatasetDefinition": DATASET}], "DatasetDefinition"),
        ("ProcessingInputs", [processing_input("i", "s3://b/k", S3InputMode="Pipe")], "S3InputMode Pipe"),
        (
            "ProcessingOutputConfig",
            {"Outputs": [{**processing_output("o", "s3://b/k"), "AppManaged": True}]},
            "AppManaged",
        ),
    ],
)
def test_what_is_not_emulated_is_refused_by_name(lab: Lab, path: str, value: Any, named: str) -> None:
    code, message = refusal(lab, changed(path, value))
    assert code == "NotImplemented"
    assert f"sagemaker.CreateProcessingJob with {named}" in message


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (
            "AppSpecification.ImageUri",
            "ubuntu:latest",
            "sagemaker-clarify-processing, sagemaker-data-wrangler-container, sagemaker-debugger-rules, "
            "sagemaker-scikit-learn",
        ),
        ("AppSpecification.ContainerEntrypoint", None, "ContainerEntrypoint"),
        ("RoleArn", "arn:aws:iam::000000000000:user/somebody-else", "roleArn"),
        ("ProcessingJobName", "under_score", "processingJobName"),
        (
            "ProcessingInputs",
            [processing_input("i", "s3://b/k", "/data")],
            "must start with /opt/ml/processing/",
        ),
        (
            "ProcessingInputs",
            [processing_input("i", "s3://b/k", "/opt/ml/processing/../x")],
            "must start with /opt/ml/processing/",
        ),
        ("ProcessingInputs", [processing_input("i", "https://b/k")], "not an S3 URI"),
        ("ProcessingInputs", [processing_input("i", "s3://b/k")] * 2, "duplicate: i"),
        (
            "ProcessingInputs",
            [processing_input("i", "s3://b/k", S3CompressionType="Gzip")],
            "Gzip can only be used with S3InputMode Pipe",
        ),
        ("ProcessingInputs", [{"InputName": "i"}], "S3Input must be given"),
        ("ProcessingOutputConfig", {"Outputs": [{"OutputName": "o"}]}, "S3Output must be given"),
        (
            "ProcessingOutputConfig",
            {"Outputs": [{"OutputName": "o", "FeatureStoreOutput": {"FeatureGroupName": "g"}}]},
            "only supported when AppManaged is true",
        ),
        (
            "ProcessingOutputConfig",
            {
                "Outputs": [
                    {
                        **processing_output("o", "s3://b/k"),
                        "AppManaged": True,
                        "FeatureStoreOutput": {"FeatureGroupName": "g"},
                    }
                ]
            },
            "both S3Output and FeatureStoreOutput",
        ),
    ],
)
def test_what_aws_would_refuse_is_refused(lab: Lab, path: str, value: Any, said: str) -> None:
    code, message = refusal(lab, changed(path, value))
    assert code == "ValidationException"
    assert said in message


def into_group(name: str) -> dict[str, Any]:
    """ProcessingOutputConfig with one output into a feature group."""
    output = {"OutputName": "o", "AppManaged": True, "FeatureStoreOutput": {"FeatureGroupName": name}}
    return {"Outputs": [output]}


def test_a_script_writes_the_records_of_its_feature_store_output_itself(lab: Lab) -> None:
    created(lab.stand_in, group_request("of-a-script"))
    script = """
import boto3, json
job = json.load(open("/opt/ml/config/processingjobconfig.json"))
(output,) = job["ProcessingOutputConfig"]["Outputs"]
assert output["AppManaged"] is True and output["S3Output"] is None, output
group = output["FeatureStoreOutput"]["FeatureGroupName"]
values = {"customer_id": "7", "event_time": "2026-01-15T06:00:00Z", "income": "1.5"}
record = [{"FeatureName": name, "ValueAsString": value} for name, value in values.items()]
boto3.client("sagemaker-featurestore-runtime").put_record(FeatureGroupName=group, Record=record)
"""
    job = lab.run(script, ProcessingOutputConfig=into_group("of-a-script"))
    assert job["ProcessingJobStatus"] == "Completed", lab.lines(job["ProcessingJobName"])
    assert job["ProcessingOutputConfig"] == into_group("of-a-script")
    runtime = lab.stand_in.client("sagemaker-featurestore-runtime")
    answer = runtime.get_record(FeatureGroupName="of-a-script", RecordIdentifierValueAsString="7")
    assert plain(answer["Record"])["income"] == "1.5"


def test_a_feature_group_that_is_not_there(lab: Lab) -> None:
    request = processing_request("to-no-group", ProcessingOutputConfig=into_group("there-is-none"))
    code, message = refusal(lab, request)
    assert code == "ResourceNotFound"
    assert "there-is-none" in message


def test_clarify_writes_no_records(lab: Lab) -> None:
    request = processing_request("clarify-records", ProcessingOutputConfig=into_group("g"))
    request["AppSpecification"] = {"ImageUri": CLARIFY}
    code, message = refusal(lab, request)
    assert code == "NotImplemented"
    assert "FeatureStoreOutput with the Clarify image" in message


@pytest.mark.parametrize("member", ["ContainerEntrypoint", "ContainerArguments"])
def test_clarify_runs_only_its_own_program(lab: Lab, member: str) -> None:
    request = changed("AppSpecification", {"ImageUri": CLARIFY, member: ["python3"]})
    assert refusal(lab, request) == (
        "ValidationException",
        f"AppSpecification.{member} cannot be given with the Clarify image.",
    )


def test_clarify_measures_bias(lab: Lab) -> None:
    """The image's contract, end to end: DPL of a label that one group of two gets half as often."""
    rows = [f"{group},{label}" for group, labels in (("f", "1000"), ("m", "1100")) for label in labels * 20]
    lab.put("bias/data/a.csv", "group,label\n" + "\n".join(rows) + "\n")
    config = {
        "dataset_type": "text/csv",
        "label": "label",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "group", "value_or_threshold": ["f"]}],
        "methods": {"pre_training_bias": {"methods": "all"}, "report": {"name": "report"}},
    }
    lab.put("bias/config/analysis_config.json", json.dumps(config))
    name = f"bias-{uuid.uuid4().hex[:8]}"
    request = processing_request(
        name,
        AppSpecification={"ImageUri": CLARIFY},
        ProcessingInputs=[
            processing_input(
                "analysis_config",
                f"s3://{lab.bucket}/bias/config/analysis_config.json",
                "/opt/ml/processing/input/config",
            ),
            processing_input("dataset", f"s3://{lab.bucket}/bias/data/", "/opt/ml/processing/input/data"),
        ],
        ProcessingOutputConfig={
            "Outputs": [
                {
                    "OutputName": "analysis_result",
                    "S3Output": {
                        "S3Uri": f"s3://{lab.bucket}/bias/report",
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
    )
    lab.sagemaker.create_processing_job(**request)
    description = ended_processing(lab.sagemaker, name)
    assert description["ProcessingJobStatus"] == "Completed", lab.lines(name)
    assert {"analysis.json", "report.html"} <= set(lab.keys("bias/report/"))
    facet = json.loads(lab.get("bias/report/analysis.json"))["pre_training_bias_metrics"]["facets"]["group"][
        0
    ]
    values = {metric["name"]: metric["value"] for metric in facet["metrics"]}
    assert values["DPL"] == pytest.approx(0.25)
    assert values["CI"] == pytest.approx(0.0)


def test_a_job_that_a_crash_interrupted_has_failed_after_the_restart(
    start_stand_in: Any, tmp_path: Path
) -> None:
    stand_in = start_stand_in()
    lab = Lab(stand_in)
    name = lab.create(WAIT_FOR_EVER)
    until(lambda: lab.lines(name) == ["ready"], "the start")
    stand_in.kill()
    stand_in.restart()
    description = lab.sagemaker.describe_processing_job(ProcessingJobName=name)
    assert description["ProcessingJobStatus"] == "Failed"
    assert description["FailureReason"] == "InternalServerError: the stand-in was stopped while this job ran."
    assert lab.lines(name) == ["ready"]
