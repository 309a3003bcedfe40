"""A processing job's task through all that can happen to it, with real jobs on the stand-in."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowFailException, TaskDeferralTimeout, TaskDeferred

from aws_ml.exceptions import RemoteJobFailed, RemoteJobMissing, RemoteJobStopped
from aws_ml.operators.processing_job import ProcessingJobOperator
from aws_ml.retry import OnlyIfItMayHelp
from aws_ml.triggers.remote_job import RemoteJobTrigger
from tests.contract.aws_ml.conftest import (
    BUCKET,
    Gate,
    TaskInstance,
    WorkerDied,
    die_after,
    first_event,
    in_background,
    processing_job,
    until,
)
from tests.support.stand_in import StandIn

pytestmark = pytest.mark.usefixtures("aws")

ROOT = Path(__file__).parents[3]

FAILING = (
    "import pathlib,sys\npathlib.Path('/opt/ml/output/message').write_text('no rows came in')\nsys.exit(3)"
)

# A script of the project's, as short as AWS wants a variable to be.
GUARDED = (
    f"import sys;sys.path.insert(0,{str(ROOT / 'include')!r})\n"
    "from jobs.processing.job import *\n"
    "def script(): raise {raised}\n"
    "sys.exit(guarded(Path('/opt/ml/processing'),script))"
)


def operator(task: TaskInstance, program: str = "print('hello')", **arguments: Any) -> ProcessingJobOperator:
    """One try's operator: Airflow makes a new one for each."""
    return ProcessingJobOperator(
        task_id="task",
        config=processing_job(task.base_name, program),
        **{"deferrable": False, **arguments},
    )


def run(task: TaskInstance, program: str = "print('hello')", **arguments: Any) -> Any:
    return operator(task, program, **arguments).execute(task.context())


def jobs(aws: StandIn, task: TaskInstance) -> dict[str, str]:
    """State of every job of the task by the rest of its name, i.e. its attempt."""
    found = aws.client("sagemaker").list_processing_jobs(NameContains=task.base_name)
    return {
        job["ProcessingJobName"].removeprefix(f"{task.base_name}-"): job["ProcessingJobStatus"]
        for job in found["ProcessingJobSummaries"]
    }


def start(aws: StandIn, task: TaskInstance, program: str, attempt: int = 1) -> str:
    """A job that an earlier try of the task started before its worker died."""
    name = f"{task.base_name}-{attempt}"
    aws.client("sagemaker").create_processing_job(**processing_job(name, program))
    return name


def record(task: TaskInstance, attempt: int = 1, *, created: bool = True) -> None:
    """What that earlier try left in the task state store."""
    name = f"{task.base_name}-{attempt}"
    handle = {"ProcessingJobName": name} if created else None
    assert task.store is not None
    task.store.set("submission", {"attempt": attempt, "name": name, "handle": handle})


def end_of(aws: StandIn, name: str, gate: Gate | None = None) -> str:
    """Wait for the end of a job, after its gate was opened if it has one; its state."""
    if gate:
        gate.open()

    def state() -> str | None:
        found = aws.client("sagemaker").describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"]
        return found if found not in ("InProgress", "Stopping") else None

    return str(until(state))


class TestResult:
    def test_a_completed_job_gives_small_facts_and_no_dates(self, aws: StandIn, task: TaskInstance) -> None:
        config = processing_job(
            task.base_name,
            "import pathlib\npathlib.Path('/opt/ml/processing/output/r/x.txt').write_text('1')",
            ProcessingOutputConfig={
                "Outputs": [
                    {
                        "OutputName": "report",
                        "S3Output": {
                            "S3Uri": f"s3://{BUCKET}/{task.base_name}/",
                            "LocalPath": "/opt/ml/processing/output/r",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ]
            },
        )
        result = ProcessingJobOperator(task_id="task", config=config, deferrable=False).execute(
            task.context()
        )
        assert result["name"] == f"{task.base_name}-1"
        assert result["arn"].endswith(f":processing-job/{task.base_name}-1")
        assert result["outputs"] == {"report": f"s3://{BUCKET}/{task.base_name}/"}
        assert json.loads(json.dumps(result)) == result
        written = aws.client("s3").get_object(Bucket=BUCKET, Key=f"{task.base_name}/x.txt")
        assert written["Body"].read() == b"1"

    def test_a_failed_job_fails_the_task_with_its_own_words(self, aws: StandIn, task: TaskInstance) -> None:
        with pytest.raises(RemoteJobFailed) as caught:
            run(task, "print('the job was here')\n" + FAILING)
        said = str(caught.value)
        assert f"SageMaker processing job {task.base_name}-1 is Failed" in said
        assert "no rows came in" in said
        assert f"log group /aws/sagemaker/ProcessingJobs, streams {task.base_name}-1/" in said

    @pytest.mark.parametrize(
        ("raised", "action"),
        [("JobError('no rows')", RetryAction.FAIL), ("MemoryError('no room')", RetryAction.DEFAULT)],
        ids=["refusal", "crash"],
    )
    def test_what_a_job_refuses_is_not_retried_and_a_crash_is(
        self, aws: StandIn, task: TaskInstance, raised: str, action: RetryAction
    ) -> None:
        """The jobs' own words, through SageMaker's fields, as the retry policy reads them."""
        with pytest.raises(RemoteJobFailed) as caught:
            run(task, GUARDED.format(raised=raised))
        assert caught.value.reason.endswith(raised.partition("'")[2].removesuffix("')"))
        assert OnlyIfItMayHelp().evaluate(caught.value, 1, 2).action is action

    def test_a_job_that_somebody_stops_is_a_failure(
        self, aws: StandIn, task: TaskInstance, gate: Gate
    ) -> None:
        future = in_background(lambda: run(task, gate.program))
        until(lambda: jobs(aws, task).get("1") == "InProgress")
        aws.client("sagemaker").stop_processing_job(ProcessingJobName=f"{task.base_name}-1")
        with pytest.raises(RemoteJobStopped, match="Stopped"):
            future.result(30)

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            (
                {"StoppingCondition": {"MaxRuntimeInSeconds": 777601}},
                "maxRuntimeInSeconds",
            ),
            ({"StoppingCondition": {"MaxRuntimeInSeconds": 0}}, "MaxRuntimeInSeconds, value: 0"),
            ({"RoleArn": "arn:aws:iam::000000000000:user/x"}, "ValidationException.*roleArn"),
        ],
        ids=["by-aws", "by-botocore", "by-pattern"],
    )
    def test_what_is_refused_fails_at_once_without_a_retry(
        self, aws: StandIn, task: TaskInstance, fields: dict[str, Any], said: str
    ) -> None:
        config = processing_job(task.base_name, "print()", **fields)
        refused = ProcessingJobOperator(task_id="task", config=config, deferrable=False)
        with pytest.raises(AirflowFailException, match=f"(?s){said}"):
            refused.execute(task.context())
        assert jobs(aws, task) == {}


class TestRetry:
    def test_a_running_job_of_an_earlier_try_is_adopted(
        self, aws: StandIn, task: TaskInstance, gate: Gate
    ) -> None:
        name = start(aws, task, gate.program)
        record(task)
        future = in_background(lambda: run(task, gate.program))
        gate.open()
        assert future.result(30)["name"] == name  # the stock mixin returns None here
        assert jobs(aws, task) == {"1": "Completed"}

    def test_a_job_that_completed_while_nobody_looked_is_adopted(
        self, aws: StandIn, task: TaskInstance
    ) -> None:
        name = start(aws, task, "print()")
        record(task)
        assert end_of(aws, name) == "Completed"
        assert run(task)["name"] == name
        assert jobs(aws, task) == {"1": "Completed"}

    def test_a_worker_that_dies_before_create_leaves_a_name_to_create(
        self, aws: StandIn, task: TaskInstance
    ) -> None:
        record(task, attempt=1, created=False)
        assert run(task)["name"] == f"{task.base_name}-1"

    def test_a_worker_that_dies_after_create_leaves_a_job_to_adopt(
        self, aws: StandIn, task: TaskInstance, gate: Gate
    ) -> None:
        dying = operator(task, gate.program)
        die_after(dying, "create")
        with pytest.raises(WorkerDied):
            dying.execute(task.context())
        assert end_of(aws, f"{task.base_name}-1", gate) == "Completed"
        assert run(task)["name"] == f"{task.base_name}-1"
        assert jobs(aws, task) == {"1": "Completed"}

    def test_a_failed_job_is_followed_by_the_next_attempt(self, aws: StandIn, task: TaskInstance) -> None:
        with pytest.raises(RemoteJobFailed):
            run(task, FAILING)
        assert run(task)["name"] == f"{task.base_name}-2"
        assert jobs(aws, task) == {"1": "Failed", "2": "Completed"}

    def test_a_job_being_stopped_is_waited_for_and_then_followed_by_the_next(
        self, aws: StandIn, task: TaskInstance, gate: Gate
    ) -> None:
        name = start(aws, task, gate.program)
        record(task)
        until(lambda: jobs(aws, task).get("1") == "InProgress")
        future = in_background(lambda: run(task, "print()"))
        aws.client("sagemaker").stop_processing_job(ProcessingJobName=name)
        assert future.result(30)["name"] == f"{task.base_name}-2"
        assert jobs(aws, task) == {"1": "Stopped", "2": "Completed"}


class TestWithoutRecord:
    """The record is lost, or was cleared with the task's success: names alone must do."""

    def test_a_running_job_is_adopted_by_its_name(self, aws: StandIn, task: TaskInstance, gate: Gate) -> None:
        name = start(aws, task, gate.program)
        adopting = operator(task, gate.program)
        future = in_background(lambda: adopting.execute(task.context()))
        until(lambda: adopting._to_stop)
        gate.open()
        assert future.result(30)["name"] == name
        assert jobs(aws, task) == {"1": "Completed"}

    def test_a_cleared_task_runs_anew(self, aws: StandIn, task: TaskInstance) -> None:
        run(task)
        assert task.store is not None
        task.store.values.clear()  # what Airflow does on success with clear_on_success
        assert run(task)["name"] == f"{task.base_name}-2"

    def test_without_clear_on_success_the_operator_clears_itself(
        self, aws: StandIn, task: TaskInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW__STATE_STORE__CLEAR_ON_SUCCESS", "False")
        run(task)
        assert task.store is not None
        assert task.store.values == {}

    def test_where_there_is_no_store_work_goes_on(self, aws: StandIn, gate: Gate) -> None:
        task = TaskInstance(store=None)
        name = start(aws, task, gate.program)
        adopting = operator(task, gate.program)
        future = in_background(lambda: adopting.execute(task.context()))
        until(lambda: adopting._to_stop)
        gate.open()
        assert future.result(30)["name"] == name


class TestKill:
    def test_a_killed_task_stops_its_job(self, aws: StandIn, task: TaskInstance, gate: Gate) -> None:
        killed = operator(task, gate.program)
        future = in_background(lambda: killed.execute(task.context()))
        until(lambda: jobs(aws, task).get("1") == "InProgress")
        killed.on_kill()
        with pytest.raises(RemoteJobStopped):
            future.result(30)
        assert jobs(aws, task) == {"1": "Stopped"}

    def test_a_killed_task_does_not_begin_the_next_attempt(
        self, aws: StandIn, task: TaskInstance, gate: Gate
    ) -> None:
        start(aws, task, gate.program)
        record(task)
        until(lambda: jobs(aws, task).get("1") == "InProgress")
        killed = operator(task, gate.program)
        future = in_background(lambda: killed.execute(task.context()))
        until(lambda: killed._to_stop)
        killed.on_kill()
        with pytest.raises(RemoteJobStopped):
            future.result(30)
        assert jobs(aws, task) == {"1": "Stopped"}

    def test_a_kill_before_the_job_exists_reaches_it_too(
        self, aws: StandIn, task: TaskInstance, gate: Gate
    ) -> None:
        killed = operator(task, gate.program)
        killed.on_kill()
        with pytest.raises(RemoteJobStopped):
            killed.execute(task.context())
        assert jobs(aws, task) == {"1": "Stopped"}

    def test_a_kill_after_the_end_harms_nothing(self, aws: StandIn, task: TaskInstance) -> None:
        done = operator(task)
        done.execute(task.context())
        done.on_kill()
        assert jobs(aws, task) == {"1": "Completed"}


def deferral(task: TaskInstance, program: str) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as caught:
        run(task, program, deferrable=True)
    return caught.value


def resume(task: TaskInstance, deferred: TaskDeferred, event: Any) -> Any:
    """A new worker goes on after the trigger fired."""
    arguments = {**(deferred.kwargs or {}), "event": event}
    return operator(task, deferrable=True).resume_execution(deferred.method_name, arguments, task.context())


class TestDeferred:
    def test_the_trigger_waits_and_another_worker_takes_the_result(
        self, aws: StandIn, task: TaskInstance, gate: Gate
    ) -> None:
        deferred = deferral(task, gate.program)
        gate.open()
        event = asyncio.run(first_event(deferred.trigger))
        assert event == {"phase": "succeeded", "state": "Completed"}
        assert resume(task, deferred, event)["name"] == f"{task.base_name}-1"

    def test_what_is_finished_does_not_pass_through_the_triggerer(
        self, aws: StandIn, task: TaskInstance
    ) -> None:
        name = start(aws, task, "print()")
        record(task)
        end_of(aws, name)
        assert run(task, deferrable=True)["name"] == name

    def test_what_is_soon_over_does_not_pass_through_the_triggerer(
        self, task: TaskInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ML_DEFER_AFTER_SECONDS", "30")
        assert run(task, deferrable=True)["name"] == f"{task.base_name}-1"

    def test_what_takes_longer_is_handed_to_the_triggerer_in_time(
        self, task: TaskInstance, gate: Gate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ML_DEFER_AFTER_SECONDS", "0.5")
        deferral(task, gate.program)

    def test_a_failure_on_the_triggerer_is_told_like_one_on_a_worker(
        self, aws: StandIn, task: TaskInstance, gate: Gate
    ) -> None:
        deferred = deferral(task, gate.program + "\n" + FAILING)
        gate.open()
        event = asyncio.run(first_event(deferred.trigger))
        with pytest.raises(RemoteJobFailed, match="no rows came in"):
            resume(task, deferred, event)

    @pytest.mark.parametrize(
        "event",
        [
            {"phase": "succeeded", "state": "Completed"},
            {"phase": "unknown", "error": "AccessDenied", "handle": {"ProcessingJobName": "of-another-task"}},
            ("timeout", None),
            None,
        ],
    )
    def test_an_event_of_another_task_does_not_end_the_wait(
        self, aws: StandIn, task: TaskInstance, gate: Gate, event: Any
    ) -> None:
        deferred = deferral(task, gate.program)
        with pytest.raises(TaskDeferred) as again:
            resume(task, deferred, event)
        gate.open()
        asyncio.run(first_event(again.value.trigger))
        assert resume(task, again.value, event)["name"] == f"{task.base_name}-1"

    def test_killing_the_deferred_task_stops_its_job(
        self, aws: StandIn, task: TaskInstance, gate: Gate
    ) -> None:
        deferred = deferral(task, gate.program)
        until(lambda: jobs(aws, task).get("1") == "InProgress")
        asyncio.run(deferred.trigger.on_kill())
        assert end_of(aws, f"{task.base_name}-1") == "Stopped"

    def test_a_cleared_task_whose_new_try_came_first_starts_over(
        self, aws: StandIn, task: TaskInstance, gate: Gate
    ) -> None:
        old = deferral(task, gate.program)
        until(lambda: jobs(aws, task).get("1") == "InProgress")
        new = deferral(task, gate.program)  # the cleared task's next try adopts the job ...
        assert jobs(aws, task) == {"1": "InProgress"}
        asyncio.run(old.trigger.on_kill())  # ... which the old trigger then stops
        event = asyncio.run(first_event(new.trigger))
        gate.open()
        with pytest.raises(TaskDeferred) as again:
            resume(task, new, event)
        event = asyncio.run(first_event(again.value.trigger))
        assert resume(task, again.value, event)["name"] == f"{task.base_name}-2"
        assert jobs(aws, task) == {"1": "Stopped", "2": "Completed"}

    def test_a_deferral_that_takes_too_long_stops_its_job(
        self, aws: StandIn, task: TaskInstance, gate: Gate
    ) -> None:
        deferral(task, gate.program)
        until(lambda: jobs(aws, task).get("1") == "InProgress")
        with pytest.raises(TaskDeferralTimeout):
            operator(task, deferrable=True).resume_execution(
                "__fail__", {"error": "Trigger timeout"}, task.context()
            )
        assert end_of(aws, f"{task.base_name}-1") == "Stopped"

    def test_a_job_that_vanished_is_not_waited_for(self, aws: StandIn, task: TaskInstance) -> None:
        trigger = RemoteJobTrigger(
            kind="sagemaker.processing_job", handle={"ProcessingJobName": "nowhere"}, poll_seconds=0.1
        )
        assert asyncio.run(first_event(trigger)) == {"phase": "missing"}
        with pytest.raises(RemoteJobMissing, match="nowhere"):
            operator(task).resume(
                task.context(),
                {"phase": "missing"},
                {"ProcessingJobName": "nowhere"},
                "conclude",
                {"attempt": 1, "adopted": False},
            )
