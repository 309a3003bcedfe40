"""Requests for SageMaker jobs and waiting for their end, for contract tests."""

from __future__ import annotations

import io
import random
import tarfile
import time
from collections.abc import Callable
from typing import Any

import pytest

from local_aws.jobs.process import namespace_mode

# Scripts of these tests name /opt/ml, as scripts on AWS do.
needs_opt_ml = pytest.mark.skipif(
    namespace_mode() == "none", reason="mount namespaces are not allowed on this machine"
)

ROLE = "arn:aws:iam::000000000000:role/aws-ml-workflow"
REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
SCIKIT_LEARN = f"{REGISTRY}/sagemaker-scikit-learn:1.4-2-cpu-py3"
XGBOOST = f"{REGISTRY}/sagemaker-xgboost:3.2-0"
CLARIFY = "205585389593.dkr.ecr.us-east-1.amazonaws.com/sagemaker-clarify-processing:1.0"
CODE = "/opt/ml/processing/input/code"


def processing_request(name: str, **changes: Any) -> dict[str, Any]:
    """The smallest processing job that runs a script; ``changes`` replace members."""
    return {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": SCIKIT_LEARN, "ContainerEntrypoint": ["python3", f"{CODE}/run.py"]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        **changes,
    }


def processing_input(name: str, uri: str, path: str = "", **changes: Any) -> dict[str, Any]:
    """One S3 input of a processing job."""
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": path or f"/opt/ml/processing/input/{name}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            **changes,
        },
    }


def processing_output(name: str, uri: str, mode: str = "EndOfJob") -> dict[str, Any]:
    """One S3 output of a processing job."""
    return {
        "OutputName": name,
        "S3Output": {
            "S3Uri": uri,
            "LocalPath": f"/opt/ml/processing/output/{name}",
            "S3UploadMode": mode,
        },
    }


def training_request(name: str, bucket: str, image: str = XGBOOST, **changes: Any) -> dict[str, Any]:
    """The smallest training job; ``changes`` replace members."""
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/models"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        **changes,
    }


def channel(name: str, uri: str, content_type: str | None = "text/csv", **changes: Any) -> dict[str, Any]:
    """One channel of a training job."""
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {
        "ChannelName": name,
        "DataSource": {"S3DataSource": source},
        **({"ContentType": content_type} if content_type else {}),
        **changes,
    }


def csv_rows(count: int, seed: int = 1) -> bytes:
    """Label and four features; the label depends on the first two."""
    numbers = random.Random(seed)
    lines = []
    for _ in range(count):
        row = [numbers.random() for _ in range(4)]
        lines.append(",".join(str(x) for x in [int(row[0] + row[1] + numbers.gauss(0, 0.2) > 1), *row]))
    return ("\n".join(lines) + "\n").encode()


def tar_gz(**files: str) -> bytes:
    """An archive of text files; a double underscore in a name stands for the dot."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name.replace("__", "."))
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def until(look: Callable[[], Any], what: str, seconds: float = 90) -> Any:
    """The first true answer of ``look``; what happens in another process can only be polled."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {seconds} s")


def ended_processing(client: Any, name: str) -> dict[str, Any]:
    """The description of a processing job that has ended."""
    return _ended(client.describe_processing_job, "ProcessingJobStatus", ProcessingJobName=name)


def ended_training(client: Any, name: str) -> dict[str, Any]:
    """The description of a training job that has ended."""
    return _ended(client.describe_training_job, "TrainingJobStatus", TrainingJobName=name)


def _ended(describe: Callable[..., dict[str, Any]], status: str, **name: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        answer = describe(**name)
        return None if answer[status] in ("InProgress", "Stopping") else answer

    found: dict[str, Any] = until(look, f"the end of {name}")
    return found


def log_lines(logs: Any, group: str, name: str) -> list[str]:
    """All lines of a job's log so far."""
    try:
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [
        event["message"]
        for stream in streams
        for event in logs.get_log_events(
            logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
        )["events"]
    ]
