"""Glue Python shell jobs through boto3: they really run, and end as Glue ends them."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.stand_in import StandIn

WAIT_FOR_EVER = "import os, signal\nprint(os.getpid(), flush=True)\nsignal.pause()\n"
TELL = """\
import json, os, sys
import boto3
bucket, key = sys.argv[sys.argv.index("--bucket") + 1], "told.json"
boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(sys.argv[1:]))
print("to stdout")
print("to stderr", file=sys.stderr)
"""


class Lab:
    """A bucket, a role, and what the tests do with them."""

    def __init__(self, stand_in: StandIn) -> None:
        self.glue, self.s3, self.logs = map(stand_in.client, ("glue", "s3", "logs"))
        self.bucket = f"lab-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=self.bucket)

    def job(self, script: str, **changes: Any) -> str:
        name = f"job-{uuid.uuid4().hex[:12]}"
        self.s3.put_object(Bucket=self.bucket, Key=f"{name}.py", Body=script)
        command = {
            "Name": "pythonshell",
            "PythonVersion": "3.9",
            "ScriptLocation": f"s3://{self.bucket}/{name}.py",
        }
        self.glue.create_job(Name=name, Role="arn:aws:iam::000000000000:role/r", Command=command, **changes)
        return name

    def start(self, name: str, **given: Any) -> str:
        run_id: str = self.glue.start_job_run(JobName=name, **given)["JobRunId"]
        return run_id

    def run(self, name: str, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]
        return found

    def until(self, name: str, run_id: str, *states: str) -> dict[str, Any]:
        return until(lambda: self.run(name, run_id), lambda run: run["JobRunState"] in states)

    def log(self, kind: str, run_id: str) -> list[str]:
        try:
            events = self.logs.get_log_events(
                logGroupName=f"/aws-glue/python-jobs/{kind}", logStreamName=run_id, startFromHead=True
            )["events"]
        except self.logs.exceptions.ResourceNotFoundException:  # nothing written yet
            return []
        return [event["message"] for event in events]


def until(look: Callable[[], Any], done: Callable[[Any], bool], seconds: float = 60) -> Any:
    """Poll as a client does; boto3 offers no event to await."""
    end = time.monotonic() + seconds
    while not done(seen := look()):
        assert time.monotonic() < end, f"still {seen}"
        time.sleep(0.05)
    return seen


@pytest.fixture
def lab(stand_in: StandIn) -> Lab:
    return Lab(stand_in)


def test_a_script_runs_with_the_merged_arguments(lab: Lab) -> None:
    name = lab.job(TELL, DefaultArguments={"--bucket": lab.bucket, "--day": "unset"})
    run_id = lab.start(name, Arguments={"--day": "2026-01-15"})
    run = lab.until(name, run_id, "SUCCEEDED", "FAILED")
    assert run["JobRunState"] == "SUCCEEDED", run
    told = json.loads(lab.s3.get_object(Bucket=lab.bucket, Key="told.json")["Body"].read())
    assert dict(zip(told[::2], told[1::2], strict=True)) == {"--bucket": lab.bucket, "--day": "2026-01-15"}
    assert "to stdout" in lab.log("output", run_id)
    assert lab.log("error", run_id) == ["to stderr"]
    assert run["CompletedOn"] >= run["StartedOn"]
    assert run["Arguments"] == {"--day": "2026-01-15"}


def test_a_script_reads_its_arguments_with_glue_s_own_library(lab: Lab) -> None:
    script = """
import sys
from awsglue.utils import GlueArgumentError, getResolvedOptions
print(getResolvedOptions(sys.argv, ["bucket", "JOB_day"]))
try:
    getResolvedOptions(sys.argv, ["missing"])
except GlueArgumentError as error:
    print(error)
"""
    name = lab.job(script, DefaultArguments={"--JOB_day": "unset", "--bucket": "b", "--other": "x"})
    run_id = lab.start(name, Arguments={"--JOB_day": "a day"})
    run = lab.until(name, run_id, "SUCCEEDED", "FAILED")
    assert run["JobRunState"] == "SUCCEEDED", run
    assert lab.log("output", run_id)[-2:] == [
        "{'bucket': 'b', 'JOB_day': 'a day'}",
        "the following arguments are required: --missing",
    ]


def test_a_failing_script_fails_with_the_last_line_of_its_traceback(lab: Lab) -> None:
    name = lab.job("raise ValueError('file a.csv, line 7: no such column')\n")
    run = lab.until(name, lab.start(name), "SUCCEEDED", "FAILED")
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"] == "ValueError: file a.csv, line 7: no such column"


def test_a_silent_failure_names_the_exit_code(lab: Lab) -> None:
    name = lab.job("import os\nos._exit(3)\n")
    run = lab.until(name, lab.start(name), "FAILED")
    assert run["ErrorMessage"] == "Command failed with exit code 3"


def test_a_script_that_is_not_there_fails_the_run(lab: Lab) -> None:
    name = lab.job("print()")
    lab.s3.delete_object(Bucket=lab.bucket, Key=f"{name}.py")
    run = lab.until(name, lab.start(name), "FAILED")
    assert f"s3://{lab.bucket}/{name}.py does not exist" in run["ErrorMessage"]


def test_stop_kills_the_process(lab: Lab) -> None:
    name = lab.job(WAIT_FOR_EVER)
    run_id = lab.start(name)
    lines = until(lambda: lab.log("output", run_id), lambda log: any(line.isdecimal() for line in log))
    pid = next(int(line) for line in lines if line.isdecimal())
    answer = lab.glue.batch_stop_job_run(JobName=name, JobRunIds=[run_id, "jr_nobody"])
    assert [done["JobRunId"] for done in answer["SuccessfulSubmissions"]] == [run_id]
    assert [bad["ErrorDetail"]["ErrorCode"] for bad in answer["Errors"]] == ["EntityNotFoundException"]
    assert lab.until(name, run_id, "STOPPED", "FAILED")["JobRunState"] == "STOPPED"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    late = lab.glue.batch_stop_job_run(JobName=name, JobRunIds=[run_id])
    assert "STOPPED" in late["Errors"][0]["ErrorDetail"]["ErrorMessage"]


def test_no_more_runs_at_a_time_than_allowed(lab: Lab) -> None:
    name = lab.job(WAIT_FOR_EVER, ExecutionProperty={"MaxConcurrentRuns": 1})
    first = lab.start(name)
    with pytest.raises(ClientError) as refused:
        lab.start(name)
    assert refused.value.response["Error"]["Code"] == "ConcurrentRunsExceededException"
    lab.glue.batch_stop_job_run(JobName=name, JobRunIds=[first])
    lab.until(name, first, "STOPPED")
    second = lab.start(name)
    lab.glue.batch_stop_job_run(JobName=name, JobRunIds=[second])
    lab.until(name, second, "STOPPED")
    runs = lab.glue.get_job_runs(JobName=name)["JobRuns"]
    assert [run["Id"] for run in runs] == [second, first]


def test_extra_files_can_be_imported(lab: Lab) -> None:
    lab.s3.put_object(Bucket=lab.bucket, Key="libs/helper.py", Body="WORD = 'from the helper'\n")
    name = lab.job("import helper\nprint(helper.WORD)\n")
    run_id = lab.start(name, Arguments={"--extra-py-files": f"s3://{lab.bucket}/libs/helper.py"})
    assert lab.until(name, run_id, "SUCCEEDED", "FAILED")["JobRunState"] == "SUCCEEDED"
    assert "from the helper" in lab.log("output", run_id)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"Name": "glueetl"}, "NotImplemented"),
        ({"Name": "cobol"}, "InvalidInputException"),
        ({"Name": "pythonshell", "PythonVersion": "2"}, "InvalidInputException"),
        ({"Name": "pythonshell", "ScriptLocation": "https://elsewhere/x.py"}, "InvalidInputException"),
    ],
)
def test_what_cannot_run_is_refused_at_creation(lab: Lab, command: dict[str, str], code: str) -> None:
    script = {"ScriptLocation": f"s3://{lab.bucket}/x.py"}
    with pytest.raises(ClientError) as refused:
        lab.glue.create_job(Name="refused", Role="r", Command={**script, **command})
    assert refused.value.response["Error"]["Code"] == code


def test_a_missing_job_is_an_entity_not_found(lab: Lab) -> None:
    for call in (
        lambda: lab.glue.start_job_run(JobName="nobody"),
        lambda: lab.glue.get_job(JobName="nobody"),
        lambda: lab.glue.get_job_runs(JobName="nobody"),
        lambda: lab.glue.update_job(
            JobName="nobody",
            JobUpdate={"Role": "r", "Command": {"Name": "pythonshell", "ScriptLocation": "s3://b/k.py"}},
        ),
    ):
        with pytest.raises(lab.glue.exceptions.EntityNotFoundException):
            call()
    assert lab.glue.delete_job(JobName="nobody")["JobName"] == "nobody"
