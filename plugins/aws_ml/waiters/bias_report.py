"""When a Clarify report can be relied on: it is complete, and it is this job's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from aws_ml.exceptions import RemoteJobFailed, RemoteJobMissing, ReportInvalid, ReportMissing
from aws_ml.hooks.documents import parse_json
from aws_ml.waiters.kinds import PROCESSING_JOB, Description, Phase

GRACE = timedelta(minutes=5)
"""How long after the job's end its report may be late."""

_CLOCKS = timedelta(seconds=2)
"""S3 gives whole seconds, SageMaker milliseconds, and their clocks differ a little."""


def report(
    uri: str,
    job_name: str,
    job: Description | None,
    found: tuple[datetime, bytes] | None,
    now: datetime | None = None,
) -> dict[str, Any] | None:
    """Judge what was found; None means: not yet.

    :param uri: where the report is expected, for messages
    :param job: the job's description, None if AWS doesn't know it
    :param found: when the object at `uri` was written and its content, None if there is none
    :raises RemoteJobFailed: the job ended badly, so there will be no report
    :raises ReportMissing: the job ended well, and its report did not come
    :raises ReportInvalid: the report is there and isn't one
    """
    called = f"{PROCESSING_JOB.title} {job_name}"
    if job is None:
        raise RemoteJobMissing(called)
    phase = PROCESSING_JOB.phase(job)
    if not phase.settled:
        return None
    if phase is not Phase.SUCCEEDED:
        reason = PROCESSING_JOB.reason(job) or "AWS gives no reason"
        raise RemoteJobFailed(
            called,
            PROCESSING_JOB.state(job),
            reason,
            str(PROCESSING_JOB.log({"ProcessingJobName": job_name}, job)),
        )
    ended: datetime = job.get("ProcessingEndTime") or job["LastModifiedTime"]
    other = ""
    if found is not None:
        if job["CreationTime"] - _CLOCKS <= found[0] <= ended + GRACE:
            return _checked(parse_json(found[1], uri), uri)
        other = f" What lies there is not this job's: it was written at {found[0].isoformat()}."
    if (now or datetime.now(UTC)) - ended > GRACE:
        raise ReportMissing(f"{called} completed at {ended.isoformat()} without writing {uri}.{other}")
    return None


def metrics(analysis: dict[str, Any]) -> dict[str, dict[str, float | str | None]]:
    """The pre-training metrics by facet (`<column>=<value or threshold>`) and name.

    A value is a number, the text `Infinity` or `-Infinity`, or None where the metric can't be computed.
    """
    return {
        f"{facet}={group['value_or_threshold']}": {
            metric["name"]: metric["value"] for metric in group["metrics"]
        }
        for facet, groups in analysis["pre_training_bias_metrics"]["facets"].items()
        for group in groups
    }


def _checked(analysis: Any, uri: str) -> dict[str, Any]:
    try:
        found = metrics(analysis)
        if found and all(found.values()):
            checked: dict[str, Any] = analysis
            return checked
    except (KeyError, TypeError, AttributeError) as error:
        raise ReportInvalid(f"{uri} has no pre-training bias metrics: {error!r}") from error
    raise ReportInvalid(f"{uri} has no facet, or one without a metric.")
