"""The operator base in a real Airflow: whatever dies, one task has one job on AWS at a time.

Every test looks at both sides: what Airflow made of the task, and which jobs AWS has. What holds for a task
that waits on its worker and for one that defers is tested of both at once: most of the time is waiting.
"""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import pytest

from launcher.api import TaskInstance
from launcher.settings import ROOT
from launcher.stack import Stack
from tests.e2e.scheduler import noticed

WAIT = "import pathlib,time\nwhile not pathlib.Path({!r}).exists(): time.sleep(.05)"
GUARDED = (
    f"import sys;sys.path.insert(0,{str(ROOT / 'include')!r})\n"
    "from jobs.processing.job import *\n"
    "def script(): raise {}\n"
    "sys.exit(guarded(Path('/opt/ml/processing'),script))"
)
FLAVOURS = ["sync", "deferred"]


@dataclass
class Job:
    """One run of one task, seen from both sides."""

    stack: Stack
    flavour: str
    gate: Path

    def __post_init__(self) -> None:
        self.run_id = f"manual__{uuid.uuid4().hex[:8]}"
        self.name = f"e2e-{uuid.uuid4().hex[:8]}"
        self.dag_id = f"remote.{self.flavour}"
        self.airflow = self.stack.airflow

    @cached_property
    def sagemaker(self) -> Any:
        """A client; it outlives a restart of the stand-in."""
        environment = self.stack.connection.environment()
        return boto3.client(
            "sagemaker",
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            region_name=environment["AWS_DEFAULT_REGION"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )

    def start(self, **conf: Any) -> None:
        self.stack.wait_for_dag(self.dag_id)
        program = WAIT.format(str(self.gate))
        self.airflow.trigger(self.dag_id, {"name": self.name, "program": program, **conf}, self.run_id)

    def on_aws(self) -> dict[str, str]:
        """State of every job of this task, by attempt."""
        found = self.sagemaker.list_processing_jobs(NameContains=self.name)["ProcessingJobSummaries"]
        return {
            job["ProcessingJobName"].removeprefix(f"{self.name}-"): job["ProcessingJobStatus"]
            for job in found
        }

    def task(self) -> TaskInstance:
        (task,) = self.airflow.task_instances(self.dag_id, self.run_id)
        return task

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 60) -> None:
        self.stack.processes.wait_until(lambda: condition() or None, seconds, f"{self.flavour}: {what}")

    def until_at_work(self, attempt: str = "1") -> None:
        """The job runs, and the task waits for it where it should; the job may end now."""

        def at_work() -> bool:
            if self.on_aws().get(attempt) != "InProgress" or not self.watched(attempt):
                return False
            task = self.task()
            if not self.flavour.startswith("deferred"):
                return task.state == "running"
            return task.state == "deferred" and noticed(self.stack, task)

        self.until(at_work, f"job {attempt} and its task", 120)

    def watched(self, attempt: str) -> bool:
        """Whether somebody polls the job: a worker, or the triggerer, which starts a trigger when it can."""
        home = self.stack.choices.layout.airflow_home
        logs = (home / "logs" / f"dag_id={self.dag_id}" / f"run_id={self.run_id}").rglob("*.log")
        return any(f"{self.name}-{attempt} is InProgress" in log.read_text() for log in logs)

    def until_task(self, *states: str, seconds: float = 90) -> TaskInstance:
        self.until(lambda: self.task().state in states, f"the task to be {' or '.join(states)}", seconds)
        return self.task()

    def until_run(self, state: str) -> None:
        self.until(lambda: self.airflow.run(self.dag_id, self.run_id)["state"] == state, f"the run's {state}")

    def until_aws(self, jobs: dict[str, str], seconds: float = 60) -> None:
        self.until(lambda: self.on_aws() == jobs, f"AWS to have {jobs}", seconds)

    def mark_failed(self) -> None:
        path = f"/api/v2/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/job"
        self.airflow._call("PATCH", path, {"new_state": "failed"})

    def pid(self) -> int:
        """Process of the running task."""
        path = f"/api/v2/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/job"
        return int(self.airflow._call("GET", path)["pid"])

    def result(self) -> Any:
        return self.airflow.xcom(self.task(), "return_value")


@pytest.fixture
def job_of(stack: Stack, tmp_path: Path) -> Iterator[Callable[[str], Job]]:
    gate = tmp_path / "gate"
    yield lambda flavour: Job(stack, flavour, gate)
    gate.touch()  # let jobs end that a failed test left behind


@pytest.fixture
def jobs(job_of: Callable[[str], Job]) -> list[Job]:
    """A job of each flavour; they share their gate."""
    return [job_of(flavour) for flavour in FLAVOURS]


def start(jobs: list[Job], **conf: Any) -> None:
    for job in jobs:
        job.start(**conf)


def until_at_work(jobs: list[Job], attempt: str = "1") -> None:
    for job in jobs:
        job.until_at_work(attempt)


def open_the_gate(jobs: list[Job]) -> None:
    jobs[0].gate.touch()


def close_the_gate(jobs: list[Job]) -> None:
    jobs[0].gate.unlink()


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_killed_worker_costs_a_retry_but_no_second_job(job_of: Callable[[str], Job]) -> None:
    """SIGKILL of the whole worker, mid-job: the retry adopts the job and gives its result."""
    job = job_of("sync")
    job.start()
    job.until_at_work()
    pid = job.pid()
    os.kill(parent_of(pid), signal.SIGKILL)  # first the worker, or it would still tell Airflow
    os.kill(pid, signal.SIGKILL)
    job.until(lambda: job.task().try_number == 2 and job.task().state == "running", "the retry", 120)
    assert job.on_aws() == {"1": "InProgress"}
    job.gate.touch()
    assert job.until_task("success", "failed").state == "success"
    assert job.on_aws() == {"1": "Completed"}
    assert job.result()["name"] == f"{job.name}-1"


def test_a_worker_killed_after_create_costs_a_retry_but_no_second_job(jobs: list[Job]) -> None:
    """SIGKILL between the Create call and the wait, where nobody but the store knows of the job."""
    start(jobs, die="created")
    for job in jobs:
        job.until(lambda job=job: job.task().try_number == 2, "the retry")
    until_at_work(jobs)
    open_the_gate(jobs)
    for job in jobs:
        assert job.until_task("success", "failed").state == "success"
        assert job.on_aws() == {"1": "Completed"}
        assert job.result()["name"] == f"{job.name}-1"


def test_a_worker_killed_at_its_resumption_costs_a_retry_but_no_second_job(
    job_of: Callable[[str], Job],
) -> None:
    """SIGKILL when the trigger has fired: the retry adopts the finished job without waiting."""
    job = job_of("deferred")
    job.start(die="resumed")
    job.until_at_work()
    job.gate.touch()
    assert job.until_task("success", "failed").try_number == 2
    assert job.task().state == "success"
    assert job.on_aws() == {"1": "Completed"}
    assert job.result()["name"] == f"{job.name}-1"


def test_a_killed_triggerer_costs_nothing(job_of: Callable[[str], Job]) -> None:
    """SIGKILL of the triggerer, mid-job: the next one takes the trigger up, the job runs on."""
    job = job_of("deferred")
    job.start()
    job.until_at_work()
    job.stack.processes.stop("triggerer", kill=True)
    job.stack.start_airflow_part("triggerer")
    job.gate.touch()
    assert job.until_task("success", "failed", seconds=120).state == "success"
    assert job.task().try_number == 1
    assert job.on_aws() == {"1": "Completed"}


def test_a_task_that_is_marked_failed_stops_its_job(jobs: list[Job]) -> None:
    """On the worker by on_kill, on the triggerer by the trigger's."""
    start(jobs)
    until_at_work(jobs)
    for job in jobs:
        job.mark_failed()
    for job in jobs:
        job.until_aws({"1": "Stopped"})
        assert job.task().state == "failed"


def test_a_cleared_task_stops_its_job_and_starts_the_next(jobs: list[Job]) -> None:
    """Clearing a task that is under way: never two jobs at a time, and the second one counts."""
    start(jobs)
    until_at_work(jobs)
    for job in jobs:
        job.airflow.clear(job.dag_id, job.run_id)
    for job in jobs:
        job.until_aws({"1": "Stopped", "2": "InProgress"}, 90)
    until_at_work(jobs, "2")
    open_the_gate(jobs)
    for job in jobs:
        assert job.until_task("success", "failed").state == "success"
        assert job.on_aws() == {"1": "Stopped", "2": "Completed"}
        assert job.result()["name"] == f"{job.name}-2"


def test_a_cleared_green_task_runs_again(jobs: list[Job]) -> None:
    """What succeeded and is cleared gets a job of its own: clearing means again."""
    start(jobs)
    until_at_work(jobs)
    open_the_gate(jobs)
    for job in jobs:
        job.until_run("success")
    close_the_gate(jobs)
    for job in jobs:
        job.airflow.clear(job.dag_id, job.run_id)
    until_at_work(jobs, "2")
    open_the_gate(jobs)
    for job in jobs:
        assert job.until_task("success", "failed").state == "success"
        assert job.on_aws() == {"1": "Completed", "2": "Completed"}
        assert job.result()["name"] == f"{job.name}-2"


def test_execution_timeout_stops_the_job(job_of: Callable[[str], Job]) -> None:
    """A task whose time is up leaves nothing running; its retry starts the next attempt."""
    jobs = [job_of(f"{flavour}_brief") for flavour in FLAVOURS]
    start(jobs)
    for job in jobs:
        job.until_task("failed", seconds=120)
        job.until_aws({"1": "Stopped", "2": "Stopped"})


def test_a_stand_in_that_is_killed_costs_an_attempt(stack: Stack, jobs: list[Job]) -> None:
    """kill -9 of AWS itself: polls are borne, the lost job is failed with a reason, a retry does it again."""
    start(jobs)
    until_at_work(jobs)
    stack.processes.stop("stand-in", kill=True)
    stack.start_stand_in()
    for job in jobs:
        job.until_aws({"1": "Failed", "2": "InProgress"}, 120)
    until_at_work(jobs, "2")
    open_the_gate(jobs)
    for job in jobs:
        assert job.until_task("success", "failed").state == "success"
        assert job.task().try_number == 2


def test_a_job_that_refuses_its_input_is_not_paid_twice(job_of: Callable[[str], Job]) -> None:
    """The task has a retry, and fails without it."""
    job = job_of("sync")
    job.start(program=GUARDED.format("JobError('no rows')"))
    job.until_run("failed")
    assert (job.task().state, job.task().try_number) == ("failed", 1)
    assert job.on_aws() == {"1": "Failed"}


def test_a_job_that_crashes_is_tried_again(job_of: Callable[[str], Job]) -> None:
    job = job_of("sync")
    job.start(program=GUARDED.format("MemoryError('no room')"))
    job.until_run("failed")
    assert (job.task().state, job.task().try_number) == ("failed", 2)
    assert job.on_aws() == {"1": "Failed", "2": "Failed"}
