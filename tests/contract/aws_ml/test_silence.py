"""When AWS throttles, breaks off or refuses: on the worker and on the triggerer alike.

The stand-in neither throttles nor breaks off, so a server of a few lines says here what AWS would say.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from botocore.exceptions import ClientError

from aws_ml.exceptions import RemoteJobUnreachable
from aws_ml.operators.processing_job import ProcessingJobOperator
from aws_ml.triggers.remote_job import RemoteJobTrigger
from tests.contract.aws_ml.conftest import TaskInstance, first_event, processing_job

HANDLE = {"ProcessingJobName": "p-1"}
DESCRIBED = {"ProcessingJobName": "p-1", "ProcessingJobArn": "arn:aws:sagemaker:us-east-1:000000000000:x"}
WORKING = (200, {**DESCRIBED, "ProcessingJobStatus": "InProgress"})
DONE = (200, {**DESCRIBED, "ProcessingJobStatus": "Completed"})
MISSING = (400, {"__type": "ValidationException", "message": "Could not find requested job with name: p-1"})
CREATED = (200, {"ProcessingJobArn": DESCRIBED["ProcessingJobArn"]})
THROTTLED = (400, {"__type": "ThrottlingException", "message": "Rate exceeded"})
BUSY = (503, {"__type": "ServiceUnavailable", "message": "Try again"})
BROKEN_OFF = None
DENIED = (400, {"__type": "AccessDeniedException", "message": "User: x is not authorized to perform: y"})
Answer = tuple[int, dict[str, Any]] | None


class Aws(HTTPServer):
    """Gives one answer after the other, the last one for ever; None breaks the connection off."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Aws

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(self.headers["X-Amz-Target"].rpartition(".")[2])
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer is None:
            self.connection.close()
            return
        body = json.dumps(answer[1]).encode()
        self.send_response(answer[0])
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    server = Aws()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    extra = {"region_name": "us-east-1", "endpoint_url": f"http://127.0.0.1:{server.server_port}"}
    connection = {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("AWS_ML_POLL_SECONDS", "0.02")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


ONCE = {"retries": {"total_max_attempts": 1}}  # botocore bears some of it itself


def on_worker() -> None:
    """Wait for the job on a worker."""
    operator = ProcessingJobOperator(
        task_id="t", config=processing_job("p", ""), deferrable=False, botocore_config=ONCE
    )
    operator.follow(TaskInstance().context(), HANDLE, "conclude", attempt=1, adopted=False)


def on_triggerer() -> None:
    """Wait for the job on the triggerer, and let a worker judge."""
    trigger = RemoteJobTrigger(
        kind="sagemaker.processing_job", handle=HANDLE, poll_seconds=0.02, botocore_config=ONCE
    )
    event = asyncio.run(first_event(trigger))
    operator = ProcessingJobOperator(task_id="t", config=processing_job("p", ""), botocore_config=ONCE)
    operator.resume(TaskInstance().context(), event, HANDLE, "conclude", {"attempt": 1, "adopted": False})


each_place = pytest.mark.parametrize("wait", [on_worker, on_triggerer])


@each_place
def test_throttling_overload_and_lost_connections_are_borne(aws: Aws, wait: Callable[[], None]) -> None:
    aws.answers = [THROTTLED, WORKING, BROKEN_OFF, BUSY, THROTTLED, WORKING, DONE]
    wait()
    assert len(aws.asked) >= 7


@each_place
def test_a_refusal_is_told_at_once_in_awss_words(aws: Aws, wait: Callable[[], None]) -> None:
    aws.answers = [WORKING, DENIED]
    with pytest.raises((ClientError, RemoteJobUnreachable), match="not authorized to perform"):
        wait()


def create(aws: Aws) -> Any:
    operator = ProcessingJobOperator(
        task_id="t", config=processing_job("p", ""), deferrable=False, botocore_config=ONCE
    )
    return operator.execute(TaskInstance().context())


def test_a_throttled_create_is_tried_again(aws: Aws) -> None:
    aws.answers = [MISSING, THROTTLED, MISSING, CREATED, DONE]
    assert create(aws)["name"] == "p-1"
    assert aws.asked.count("CreateProcessingJob") == 2


def test_a_create_whose_answer_got_lost_is_not_repeated(aws: Aws) -> None:
    """AWS did create the job: looking first is cheaper than finding out by ResourceInUse."""
    aws.answers = [MISSING, BROKEN_OFF, WORKING, DONE]
    assert create(aws)["name"] == "p-1"
    assert aws.asked.count("CreateProcessingJob") == 1


def test_a_create_that_botocore_repeated_is_ours(aws: Aws) -> None:
    taken = (400, {"__type": "ResourceInUse", "message": "a job with this name already exists"})
    aws.answers = [MISSING, taken, WORKING, DONE]
    assert create(aws)["name"] == "p-1"


def test_a_refused_create_is_not_tried_again(aws: Aws) -> None:
    aws.answers = [MISSING, DENIED]
    with pytest.raises(AirflowFailException, match="not authorized to perform"):
        create(aws)
    assert aws.asked.count("CreateProcessingJob") == 1
