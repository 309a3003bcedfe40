"""What tests of Glue Spark jobs share: whether Spark is there, and one job run through boto3."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.support.stand_in import StandIn

PYTHON = Path(__file__).parents[2] / ".venv-spark" / "bin" / "python"
needs_spark = pytest.mark.skipif(
    not PYTHON.exists(), reason="Spark is an extra that is not installed: make spark"
)
LONGEST_SECONDS = 280  # a session takes seconds to start, and a machine may have other work


class SparkLab:
    """A bucket, and Spark jobs in it."""

    def __init__(self, stand_in: StandIn) -> None:
        self.glue, self.s3, self.logs = map(stand_in.client, ("glue", "s3", "logs"))
        self.bucket = f"spark-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=self.bucket)

    def put(self, key: str, body: str | bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def keys(self, prefix: str) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return [entry["Key"] for entry in found]

    def job(self, script: str, **changes: Any) -> str:
        name = f"job-{uuid.uuid4().hex[:12]}"
        self.put(f"scripts/{name}.py", script)
        self.glue.create_job(**{**self.definition(f"scripts/{name}.py"), "Name": name, **changes})
        return name

    def definition(self, key: str) -> dict[str, Any]:
        return {
            "Role": "arn:aws:iam::000000000000:role/r",
            "Command": {"Name": "glueetl", "ScriptLocation": f"s3://{self.bucket}/{key}"},
            "GlueVersion": "5.1",
            "WorkerType": "G.1X",
            "NumberOfWorkers": 2,
            "DefaultArguments": {"--bucket": self.bucket},
        }

    def start(self, name: str, **given: Any) -> str:
        run_id: str = self.glue.start_job_run(JobName=name, **given)["JobRunId"]
        return run_id

    def run(self, name: str, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]
        return found

    def ended(self, name: str, run_id: str, seconds: float = LONGEST_SECONDS) -> dict[str, Any]:
        """The run, once it is in a last state."""
        end = time.monotonic() + seconds
        while (run := self.run(name, run_id))["JobRunState"] in ("STARTING", "RUNNING", "STOPPING"):
            assert time.monotonic() < end, run
            time.sleep(0.1)  # boto3 offers no event to await
        return run

    def log(self, kind: str, run_id: str) -> list[str]:
        try:
            events = self.logs.get_log_events(
                logGroupName=f"/aws-glue/jobs/{kind}", logStreamName=run_id, startFromHead=True
            )["events"]
        except self.logs.exceptions.ResourceNotFoundException:  # nothing written yet
            return []
        return [event["message"] for event in events]
