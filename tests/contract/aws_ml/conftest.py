"""Operators against the live stand-in, with as much of Airflow as they look at."""

from __future__ import annotations

import json
import os
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.triggers.base import BaseTrigger

from aws_ml.preload import share_models
from tests.support.stand_in import StandIn, stand_in, start_stand_in  # noqa: F401 (fixtures)

BUCKET = "contract"
ROLE = "arn:aws:iam::000000000000:role/contract"
SCIKIT_LEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"


@dataclass
class Store:
    """Airflow's task state store as a task sees it: JSON values that outlive a try."""

    values: dict[str, str] = field(default_factory=dict)

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.values[key]) if key in self.values else default

    def set(self, key: str, value: Any) -> None:
        self.values[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


@dataclass
class TaskInstance:
    """One task instance over all its tries: its identity, its store, its XComs."""

    run_id: str = field(default_factory=lambda: f"manual__{uuid.uuid4().hex}")
    store: Store | None = field(default_factory=Store)
    xcoms: dict[str, Any] = field(default_factory=dict)

    @property
    def base_name(self) -> str:
        """A job's name before the attempt; the same in every try."""
        return f"contract-{self.run_id[-12:]}"

    def push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value

    def context(self) -> Any:
        """What one try's `execute` is given."""
        ti = SimpleNamespace(
            dag_id="contract",
            task_id="task",
            run_id=self.run_id,
            map_index=-1,
            try_number=1,
            xcom_push=self.push,
        )
        context: dict[str, Any] = {"ti": ti, "task_instance": ti, "run_id": self.run_id}
        if self.store is not None:
            context["task_state_store"] = self.store
        return context


@pytest.fixture
def task() -> TaskInstance:
    return TaskInstance()


def connect(aws: StandIn) -> dict[str, str]:
    """The environment in which operators reach the stand-in, as the launcher makes it."""
    extra = {"region_name": aws.region, "endpoint_url": aws.endpoint_url}
    connection = {"conn_type": "aws", "login": aws.access_key, "password": aws.secret_key, "extra": extra}
    return {
        **aws.env(),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(connection),
        "AWS_ML_POLL_SECONDS": "0.1",
        "AWS_ML_DEFER_AFTER_SECONDS": "0",
    }


def furnish(aws: StandIn) -> None:
    """Make the bucket and the role that every test uses."""
    aws.client("s3").create_bucket(Bucket=BUCKET)
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": ["sagemaker.amazonaws.com", "glue.amazonaws.com"]},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    aws.client("iam").create_role(RoleName="contract", AssumeRolePolicyDocument=json.dumps(trust))


@pytest.fixture(scope="session", autouse=True)
def models() -> None:
    """Read AWS's models once, as Airflow's processes do; else every operator's client reads them again."""
    share_models()


@pytest.fixture(scope="module")
def aws(stand_in: StandIn) -> Iterator[StandIn]:  # noqa: F811 (the imported fixture)
    """The module's stand-in, furnished, and reachable by operators."""
    furnish(stand_in)
    before = dict(os.environ)
    os.environ.update(connect(stand_in))
    yield stand_in
    os.environ.clear()
    os.environ.update(before)


class WorkerDied(BaseException):
    """What no operator catches, as no operator survives SIGKILL."""


def die_after(operator: Any, method: str) -> None:
    """Let the operator's worker die as soon as `method` has done its work, before anybody learns of it."""
    done = getattr(operator, method)

    def die(*arguments: Any) -> None:
        done(*arguments)
        raise WorkerDied

    setattr(operator, method, die)


class Gate:
    """Something that a job waits for, so that a test decides when it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def program(self) -> str:
        """Python for a job that ends when the gate opens."""
        return (
            "import pathlib,time\n"
            f"gate=pathlib.Path({str(self.path)!r})\n"
            "while not gate.exists(): time.sleep(.05)"
        )

    def open(self) -> None:
        self.path.touch()


@pytest.fixture
def gate() -> Iterator[Gate]:
    # A short path: AWS allows 256 characters in a job's variable.
    with tempfile.TemporaryDirectory() as room:
        gate = Gate(Path(room) / "gate")
        yield gate
        gate.open()  # let jobs end that a failed test left behind


def until(condition: Callable[[], Any]) -> Any:
    """Wait for something on the other side of the wire."""
    deadline = time.monotonic() + 30
    while not (value := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)
    return value


def in_background(action: Callable[[], Any]) -> Future[Any]:
    pool = ThreadPoolExecutor(1)
    future = pool.submit(action)
    pool.shutdown(wait=False)
    return future


async def first_event(trigger: BaseTrigger) -> dict[str, Any]:
    event = await anext(aiter(trigger.run()))
    payload: dict[str, Any] = event.payload
    return payload


def processing_job(name: str, program: str, **fields: Any) -> dict[str, Any]:
    """Body of CreateProcessingJob for a small Python program."""
    return {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "AppSpecification": {
            "ImageUri": SCIKIT_LEARN,
            # Neither line breaks nor more than 256 characters may be in an entrypoint.
            "ContainerEntrypoint": ["python3", "-c", "import os; exec(os.environ['PROGRAM'])"],
        },
        "Environment": {"PROGRAM": program},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        **fields,
    }
