"""The training jobs of a tuning job, as records.

    planned      the record is written before CreateTrainingJob: a crash between the two loses no proposal
    running      the training job's own record tells how it does
    ended        its summary is kept here too, for the training job may be deleted

A training job that failed by a fault of the service, not its own, is tried again with the same values under
a new name: the next *attempt* at the same *proposal*.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local_aws.services.context import Context
from local_aws.services.sagemaker import training_job
from local_aws.services.sagemaker.arns import arn
from local_aws.services.sagemaker.job import cut
from local_aws.services.sagemaker.tuning.space import Values
from local_aws.services.sagemaker.tuning.stopping import better
from local_aws.state.records import Body

KIND = "sagemaker.tuning_training_job"
ATTEMPTS = 3  # at one proposal
SERVICE_FAULT = "InternalServerError"  # how FailureReason starts when the job can be tried again

_FIELDS = (
    "TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingStartTime", "TrainingEndTime",
    "TrainingJobStatus", "FailureReason",
)  # fmt: skip


@dataclass(frozen=True)
class Objective:
    """HyperParameterTuningJobObjective."""

    metric: str
    maximize: bool

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Objective:
        """That of a tuning job's record or request."""
        given = body["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
        return cls(given["MetricName"], given["Type"] == "Maximize")


@dataclass(frozen=True)
class Child:
    """One training job of a tuning job."""

    tuning_job: str
    number: int  # of the training job, from 1; in its name
    proposal: int  # of the search, from 0; several attempts share it
    attempt: int  # from 1
    name: str
    values: Values
    planned: datetime
    ended: Body | None  # its summary, when it has ended

    @property
    def key(self) -> str:
        """Of its record; sorts by number."""
        return f"{self.tuning_job}/{self.number:06d}"

    @property
    def failed_by_service(self) -> bool:
        """It ended by a fault that is not its own."""
        return self.ended is not None and self.ended.get("FailureReason", "").startswith(SERVICE_FAULT)

    @property
    def to_try_again(self) -> bool:
        """It failed by a fault of the service, and not too often yet."""
        return self.failed_by_service and self.attempt < ATTEMPTS

    @property
    def objective(self) -> float | None:
        """Its final objective; None while it runs, and when it has none."""
        return value_of(self.ended) if self.ended is not None else None


def plan(
    context: Context, tuning_job: str, *, number: int, proposal: int, attempt: int, values: Values
) -> Child:
    """Write down that a training job is to be started."""
    name = f"{tuning_job}-{number:03d}-{secrets.token_hex(4)}"
    child = Child(tuning_job, number, proposal, attempt, name, values, datetime.now(UTC), None)
    context.records(KIND).insert(
        child.key,
        {
            "Number": number, "Proposal": proposal, "Attempt": attempt, "Name": name, "Values": dict(values),
            "Planned": child.planned,
        },
    )  # fmt: skip
    return child


def children(context: Context, tuning_job: str) -> list[Child]:
    """All of a tuning job, in the order in which they were started."""
    return list(_children(context, tuning_job))


def end(context: Context, child: Child, summary: Body) -> Child:
    """Keep the summary of a training job that has ended."""
    record = context.records(KIND).change(child.key, lambda body: {**body, "Ended": summary})
    return _child(child.tuning_job, record.body)


def forget(context: Context, tuning_job: str) -> None:
    """Drop the records; the training jobs stay."""
    for child in children(context, tuning_job):
        context.records(KIND).delete(child.key)


def summary(context: Context, child: Child, objective: Objective) -> Body:
    """The HyperParameterTrainingJobSummary of a child as it is now."""
    if child.ended is not None:
        return child.ended
    found = context.records(training_job.JOBS.record_kind).find(child.name)
    job: Body = {
        "TrainingJobName": child.name,
        "TrainingJobArn": arn(context, training_job.JOBS.arn_kind, child.name),
        "CreationTime": child.planned,
        "TrainingJobStatus": "InProgress",
        **(found.body if found else {}),
    }
    answer = {
        "TuningJobName": child.tuning_job,
        **{field: job[field] for field in _FIELDS if field in job},
        "TunedHyperParameters": dict(child.values),
        "ObjectiveStatus": "Pending",
    }
    status = job["TrainingJobStatus"]
    if status in ("InProgress", "Stopping"):
        return answer
    final = {one["MetricName"]: one["Value"] for one in job.get("FinalMetricDataList") or ()}
    if objective.metric in final:
        answer["FinalHyperParameterTuningJobObjectiveMetric"] = {
            "Type": "Maximize" if objective.maximize else "Minimize",
            "MetricName": objective.metric,
            "Value": final[objective.metric],
        }
    succeeded = status != "Failed" and objective.metric in final
    return {**answer, "ObjectiveStatus": "Succeeded" if succeeded else "Failed"}


def refused(context: Context, child: Child, reason: str) -> Body:
    """The summary of a child whose training job was not accepted."""
    return {
        "TuningJobName": child.tuning_job,
        "TrainingJobName": child.name,
        "TrainingJobArn": arn(context, training_job.JOBS.arn_kind, child.name),
        "CreationTime": child.planned,
        "TrainingEndTime": datetime.now(UTC),
        "TrainingJobStatus": "Failed",
        "FailureReason": cut(reason),
        "TunedHyperParameters": dict(child.values),
        "ObjectiveStatus": "Failed",
    }


def value_of(summary: Body) -> float | None:
    """The objective of a summary whose training job gave one that counts."""
    if summary["ObjectiveStatus"] != "Succeeded":
        return None
    value: float = summary["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    return value


def best(summaries: list[Body], *, maximize: bool) -> Body | None:
    """The completed one with the best objective; of equal ones the first.

    One that was stopped is never the best: it has not saved its model.
    """
    found: Body | None = None
    for one in summaries:
        value = value_of(one)
        if value is None or one["TrainingJobStatus"] != "Completed":
            continue
        if found is None or better(value, value_of(found) or 0.0, maximize=maximize):
            found = one
    return found


def counters(summaries: list[Body]) -> Body:
    """TrainingJobStatusCounters and ObjectiveStatusCounters."""
    statuses = dict.fromkeys(("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped"), 0)
    objectives = dict.fromkeys(("Succeeded", "Pending", "Failed"), 0)
    for one in summaries:
        status = one["TrainingJobStatus"]
        if status == "Failed":
            by_service = one.get("FailureReason", "").startswith(SERVICE_FAULT)
            status = "RetryableError" if by_service else "NonRetryableError"
        statuses["InProgress" if status == "Stopping" else status] += 1
        objectives[one["ObjectiveStatus"]] += 1
    return {"TrainingJobStatusCounters": statuses, "ObjectiveStatusCounters": objectives}


def _children(context: Context, tuning_job: str) -> Iterator[Child]:
    for record in context.records(KIND).scan(f"{tuning_job}/"):
        yield _child(tuning_job, record.body)


def _child(tuning_job: str, body: Body) -> Child:
    return Child(
        tuning_job, body["Number"], body["Proposal"], body["Attempt"], body["Name"], body["Values"],
        body["Planned"], body.get("Ended"),
    )  # fmt: skip
