"""A Glue job's task: its definition, its runs, and how a retry finds its own run among them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from aws_ml.exceptions import RemoteJobFailed, RemoteJobStopped
from aws_ml.operators.glue_job import GlueJobOperator
from tests.contract.aws_ml.conftest import (
    BUCKET,
    ROLE,
    Gate,
    TaskInstance,
    WorkerDied,
    die_after,
    first_event,
    in_background,
    until,
)
from tests.support.stand_in import StandIn

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def job(aws: StandIn, task: TaskInstance, gate: Gate) -> dict[str, Any]:
    """Body of CreateJob for a script that waits for the gate and then does as it is told."""
    script = f"{gate.program}\nimport sys\nif '--fail' in sys.argv: sys.exit('no rows came in')\n"
    aws.client("s3").put_object(Bucket=BUCKET, Key=f"{task.base_name}.py", Body=script.encode())
    return {
        "Name": task.base_name,
        "Role": ROLE,
        "Command": {
            "Name": "pythonshell",
            "PythonVersion": "3.9",
            "ScriptLocation": f"s3://{BUCKET}/{task.base_name}.py",
        },
        "ExecutionProperty": {"MaxConcurrentRuns": 1},
        "MaxCapacity": 0.0625,
        "MaxRetries": 0,
    }


@pytest.fixture(autouse=True)
def nothing_left(aws: StandIn, gate: Gate) -> Iterator[None]:
    yield
    gate.open()


def operator(job: dict[str, Any], **arguments: Any) -> GlueJobOperator:
    return GlueJobOperator(task_id="task", config=job, **{"deferrable": False, **arguments})


def runs(aws: StandIn, job: dict[str, Any]) -> list[str]:
    """States of the job's runs, oldest first."""
    found = aws.client("glue").get_job_runs(JobName=job["Name"])["JobRuns"]
    return [run["JobRunState"] for run in sorted(found, key=lambda run: run["StartedOn"])]


def until_running(aws: StandIn, job: dict[str, Any], count: int = 1) -> None:
    def running() -> bool:
        try:
            return runs(aws, job)[count - 1 :] == ["RUNNING"]
        except aws.client("glue").exceptions.EntityNotFoundException:
            return False

    until(running)


def test_the_job_is_defined_and_run(
    aws: StandIn, task: TaskInstance, job: dict[str, Any], gate: Gate
) -> None:
    gate.open()
    result = operator(job, arguments={"--dt": "2026-01-15"}).execute(task.context())
    run = aws.client("glue").get_job_run(JobName=job["Name"], RunId=result["run_id"])["JobRun"]
    assert result == {"name": job["Name"], "run_id": run["Id"]}
    assert run["JobRunState"] == "SUCCEEDED"
    assert run["Arguments"]["--dt"] == "2026-01-15"


def test_a_changed_definition_is_updated(
    aws: StandIn, task: TaskInstance, job: dict[str, Any], gate: Gate
) -> None:
    gate.open()
    operator(job).execute(task.context())
    operator({**job, "Timeout": 7}).execute(TaskInstance().context())
    assert aws.client("glue").get_job(JobName=job["Name"])["Job"]["Timeout"] == 7


def test_a_failed_run_fails_the_task_with_its_own_words(
    task: TaskInstance, job: dict[str, Any], gate: Gate
) -> None:
    gate.open()
    with pytest.raises(RemoteJobFailed) as caught:
        operator(job, arguments={"--fail": "now"}).execute(task.context())
    said = str(caught.value)
    assert f"Glue job run {task.base_name} run jr_" in said
    assert "no rows came in" in said
    assert "/aws-glue/python-jobs/error" in said


def test_a_run_started_before_its_id_was_recorded_is_found_and_adopted(
    aws: StandIn, task: TaskInstance, job: dict[str, Any], gate: Gate
) -> None:
    job["ExecutionProperty"]["MaxConcurrentRuns"] = 2  # Glue itself wouldn't prevent a second one
    dying = operator(job)
    die_after(dying, "create")
    with pytest.raises(WorkerDied):
        dying.execute(task.context())
    adopting = operator(job)
    future = in_background(lambda: adopting.execute(task.context()))
    until(lambda: adopting._to_stop)
    gate.open()
    future.result(30)
    assert runs(aws, job) == ["SUCCEEDED"]


def test_a_retry_after_a_failure_is_a_new_run(
    aws: StandIn, task: TaskInstance, job: dict[str, Any], gate: Gate
) -> None:
    gate.open()
    with pytest.raises(RemoteJobFailed):
        operator(job, arguments={"--fail": "now"}).execute(task.context())
    operator(job).execute(task.context())
    assert runs(aws, job) == ["FAILED", "SUCCEEDED"]


def test_another_runs_place_is_waited_for(
    aws: StandIn, task: TaskInstance, job: dict[str, Any], gate: Gate
) -> None:
    """Two partitions at once with MaxConcurrentRuns 1: the second waits, it doesn't fail."""
    first = in_background(lambda: operator(job).execute(TaskInstance().context()))
    until_running(aws, job)
    second = in_background(lambda: operator(job).execute(task.context()))
    gate.open()
    first.result(30)
    second.result(30)
    assert runs(aws, job) == ["SUCCEEDED", "SUCCEEDED"]


def test_a_killed_task_stops_its_run(aws: StandIn, task: TaskInstance, job: dict[str, Any]) -> None:
    killed = operator(job)
    future = in_background(lambda: killed.execute(task.context()))
    until_running(aws, job)
    killed.on_kill()
    with pytest.raises(RemoteJobStopped, match="STOPPED"):
        future.result(30)
    assert runs(aws, job) == ["STOPPED"]


def test_a_killed_deferred_task_stops_its_run(aws: StandIn, task: TaskInstance, job: dict[str, Any]) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        operator(job, deferrable=True).execute(task.context())
    until_running(aws, job)
    asyncio.run(deferred.value.trigger.on_kill())
    event = asyncio.run(first_event(deferred.value.trigger))
    assert event == {"phase": "stopped", "state": "STOPPED"}
    with pytest.raises(RemoteJobStopped):
        operator(job, deferrable=True).resume_execution(
            "resume", {**(deferred.value.kwargs or {}), "event": event}, task.context()
        )


def test_a_definition_that_glue_refuses_fails_at_once(task: TaskInstance, job: dict[str, Any]) -> None:
    with pytest.raises(AirflowFailException, match="InvalidInputException"):
        operator({**job, "MaxCapacity": 5}).execute(task.context())
