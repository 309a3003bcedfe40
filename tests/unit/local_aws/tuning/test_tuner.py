"""How a tuning job is judged and taken up again, over records as a stand-in of before left them.

No process runs here; the contract tests have real training jobs.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local_aws.jobs.engine import LEFT_BEHIND, Engine
from local_aws.services.context import Context
from local_aws.services.sagemaker import tags, training_job
from local_aws.services.sagemaker.tuning import child as children
from local_aws.services.sagemaker.tuning.child import Child
from local_aws.services.sagemaker.tuning.tuner import KIND, STATUS, Progress, Tuners
from local_aws.settings import Settings
from local_aws.state.logs import Logs
from local_aws.state.objects import Objects
from local_aws.state.records import Body, Database
from tests.support.tuning_jobs import definition, tuning_request

NAME = "tune"
NOW = datetime.now(UTC)


class Lab:
    """A context without a server, and the records of one tuning job in it."""

    def __init__(self, path: Path) -> None:
        settings = Settings(path)
        database = Database(path / "state.db")
        objects, logs = Objects(database, path / "objects"), Logs(database)
        self.engine = Engine(settings, database, objects, logs)
        self.engine.register(training_job.TrainingJobKind())
        self.context = Context(settings, database, objects, logs, self.engine)

    def tuning_job(self, *, created: datetime = NOW, **config: Any) -> None:
        """Write the record of one that is InProgress."""
        options = {"jobs": 50, "parallel": 1, "TrainingJobEarlyStoppingType": "Off", **config}
        request = tuning_request(NAME, definition("there-is-no-such-bucket"), **options)
        body = {**request, STATUS: "InProgress", "CreationTime": created, "Seed": 1}
        self.context.records(KIND).insert(NAME, body)
        tags.remember(self.context, f"arn:aws:sagemaker:us-east-1:000000000000:{KIND}/{NAME}", None)

    def child(
        self, value: float | None, reason: str | None = None, *, attempt: int = 1, proposal: int | None = None
    ) -> Child:
        """Write the record of a training job that has ended with an objective, or failed with a reason."""
        number = len(children.children(self.context, NAME)) + 1
        one = children.plan(
            self.context,
            NAME,
            number=number,
            proposal=number - 1 if proposal is None else proposal,
            attempt=attempt,
            values={"eta": str(0.1 + number / 100)},
        )
        final = {"Type": "Maximize", "MetricName": "validation:auc", "Value": value}
        summary: Body = {
            "TrainingJobName": one.name,
            "CreationTime": NOW,
            "TrainingEndTime": NOW + timedelta(seconds=number),
            "TrainingJobStatus": "Failed" if reason else "Completed",
            "ObjectiveStatus": "Failed" if value is None else "Succeeded",
            **({} if value is None else {"FinalHyperParameterTuningJobObjectiveMetric": final}),
            **({"FailureReason": reason} if reason else {}),
        }
        return children.end(self.context, one, summary)

    def running(self, *values: float) -> Child:
        """Write the records of a training job that has logged these values and runs on."""
        number = len(children.children(self.context, NAME)) + 1
        one = children.plan(
            self.context, NAME, number=number, proposal=number - 1, attempt=1, values={"eta": f"0.{number}"}
        )
        self.log(one, *values)
        return one

    def log(self, one: Child, *values: float) -> None:
        """Write a training job's record and its log."""
        training = definition("bucket")
        body = {
            "TrainingJobName": one.name,
            "AlgorithmSpecification": training["AlgorithmSpecification"],
            "CreationTime": NOW,
            "SecondaryStatus": "Training",
            "TrainingJobStatus": "InProgress",
        }
        self.context.records(training_job.JOBS.record_kind).insert(one.name, body)
        lines = [(0, f"[{round_}]#011validation-auc:{value}") for round_, value in enumerate(values)]
        self.context.logs.put(training_job.LOG_GROUP, training_job.job.log_stream(one.name, body), lines)

    def resume(self) -> None:
        """Start the tuner as a fresh stand-in does."""
        Tuners.of(self.context).recover()

    def result(self) -> Body:
        """The tuning job's record, after the tuner's thread has ended."""
        for thread in threading.enumerate():
            if thread.name == f"tuning {NAME}":
                thread.join(60)
                assert not thread.is_alive()
        return self.context.records(KIND).get(NAME).body


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    Tuners.of(lab.context).close()
    lab.engine.close()


def test_a_tuning_job_that_does_not_improve_is_completed(lab: Lab) -> None:
    lab.tuning_job(
        TuningJobCompletionCriteria={"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}
    )
    for value in (0.5, 0.8, 0.7, 0.801, 0.6):
        lab.child(value)
    lab.resume()
    assert lab.result()[STATUS] == "Completed"
    assert len(children.children(lab.context, NAME)) == 5


def test_a_converged_tuning_job_is_completed_and_says_when(lab: Lab) -> None:
    lab.tuning_job(TuningJobCompletionCriteria={"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}})
    for _ in range(11):
        lab.child(0.8)
    lab.resume()
    body = lab.result()
    assert body[STATUS] == "Completed"
    assert body["ConvergenceDetectedTime"] >= NOW


@pytest.mark.parametrize(
    ("values", "status", "reason"),
    [
        ([0.7, None], "Completed", None),
        ([], "Failed", "MaxRuntimeInSeconds was over before a training job succeeded."),
    ],
)
def test_no_training_job_starts_after_the_time_is_over(
    lab: Lab, values: list[float | None], status: str, reason: str | None
) -> None:
    limits = {"MaxParallelTrainingJobs": 1, "MaxRuntimeInSeconds": 120}
    lab.tuning_job(created=NOW - timedelta(seconds=121), ResourceLimits=limits)
    for value in values:
        lab.child(value)
    lab.resume()
    body = lab.result()
    assert (body[STATUS], body.get("FailureReason")) == (status, reason)
    assert len(children.children(lab.context, NAME)) == len(values)


def test_a_fault_of_the_service_is_tried_again_three_times_at_most(lab: Lab) -> None:
    """The fourth training job has other values; there is no data for it, so it is not even accepted."""
    lab.tuning_job()
    lab.child(0.7)
    for attempt in (1, 2, 3):
        lab.child(None, LEFT_BEHIND, attempt=attempt, proposal=1)
    lab.resume()
    body = lab.result()
    *_, last = children.children(lab.context, NAME)
    assert (last.proposal, last.attempt) == (2, 1)
    assert body[STATUS] == "Failed"
    assert body["FailureReason"].startswith("ValidationException: No S3 objects found")
    assert last.ended is not None, "else it would be counted as running for ever"
    assert last.ended["FailureReason"].startswith("No S3 objects found")


def test_a_training_job_that_a_crash_cut_off_may_not_be_accepted_any_more(lab: Lab) -> None:
    """It was planned and never created, and its data is gone meanwhile."""
    lab.tuning_job()
    lab.child(0.7)
    children.plan(lab.context, NAME, number=2, proposal=1, attempt=1, values={"eta": "0.5"})
    lab.resume()
    body = lab.result()
    assert (body[STATUS], body["FailureReason"][:40]) == (
        "Failed",
        "ValidationException: No S3 objects found",
    )
    assert children.children(lab.context, NAME)[1].ended is not None


def test_a_fault_of_the_service_does_not_count(lab: Lab) -> None:
    """Of five failures four are the training jobs' own: a sixth is started, with the values of the fifth."""
    lab.tuning_job()
    for _ in range(4):
        lab.child(None, "AlgorithmError: no")
    cut_off = lab.child(None, LEFT_BEHIND)
    lab.resume()
    lab.result()
    *_, last = children.children(lab.context, NAME)
    assert (last.values, last.proposal, last.attempt) == (cut_off.values, cut_off.proposal, 2)


def test_the_own_failures_of_five_are_enough(lab: Lab) -> None:
    lab.tuning_job()
    for _ in range(5):
        lab.child(None, "AlgorithmError: no")
    lab.resume()
    assert lab.result()["FailureReason"].startswith("No training job succeeded after 5 attempts.")


def test_a_stopping_tuning_job_is_stopped(lab: Lab) -> None:
    lab.tuning_job()
    lab.child(0.7)
    lab.context.records(KIND).change(NAME, lambda body: {**body, STATUS: "Stopping"})
    lab.resume()
    assert lab.result()[STATUS] == "Stopped"


@pytest.mark.parametrize(("last", "stopped"), [(0.55, True), (0.95, False)])
def test_a_hopeless_training_job_is_stopped_early(lab: Lab, last: float, stopped: bool) -> None:
    """The running averages of the completed three after two epochs are 0.65, 0.75 and 0.85."""
    lab.tuning_job(TrainingJobEarlyStoppingType="Auto")
    for curve in ([0.6, 0.7, 0.8], [0.7, 0.8, 0.9], [0.8, 0.9, 1.0]):
        lab.log(lab.child(curve[-1]), *curve)
    one = lab.running(0.9, last)
    Progress(lab.context, lab.context.records(KIND).get(NAME).body).stop_hopeless()
    found = lab.context.records(training_job.JOBS.record_kind).get(one.name).body
    assert (found["SecondaryStatus"] == "Stopping") is stopped
