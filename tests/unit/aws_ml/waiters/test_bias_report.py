"""When a bias report is believed: the job of this run wrote it, and it is whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aws_ml.exceptions import RemoteJobFailed, RemoteJobMissing, ReportInvalid, ReportMissing
from aws_ml.waiters.bias_report import GRACE, metrics, report

URI = "s3://bucket/analysis.json"
CREATED = datetime(2026, 1, 15, 6, 0, tzinfo=UTC)
ENDED = CREATED + timedelta(minutes=3)
ANALYSIS = {
    "version": "1.0",
    "pre_training_bias_metrics": {
        "label": "approved",
        "label_value_or_threshold": "1",
        "facets": {
            "sex": [
                {
                    "value_or_threshold": "female",
                    "metrics": [
                        {"name": "CI", "description": "Class Imbalance (CI)", "value": 0.1},
                        {"name": "KL", "description": "…", "value": "Infinity"},
                        {
                            "name": "CDDL",
                            "description": "…",
                            "value": None,
                            "error": "Group variable is empty",
                        },
                    ],
                }
            ]
        },
    },
}
WRITTEN = json.dumps(ANALYSIS).encode()


def job(status: str, **fields: Any) -> dict[str, Any]:
    ended = {} if status in ("InProgress", "Stopping") else {"ProcessingEndTime": ENDED}
    return {"ProcessingJobStatus": status, "CreationTime": CREATED, **ended, **fields}


def look(job: dict[str, Any] | None, found: tuple[datetime, bytes] | None, now: datetime = ENDED) -> Any:
    return report(URI, "bias-1", job, found, now)


def test_the_report_of_the_completed_job_is_believed() -> None:
    assert look(job("Completed"), (ENDED, WRITTEN)) == ANALYSIS


def test_a_running_job_is_waited_for_whatever_lies_there() -> None:
    assert look(job("InProgress"), None) is None
    assert look(job("InProgress"), (ENDED, WRITTEN)) is None
    assert look(job("Stopping"), None) is None


def test_a_failed_job_is_told_at_once_with_its_reason_and_place() -> None:
    with pytest.raises(RemoteJobFailed) as caught:
        look(
            job("Failed", FailureReason="AlgorithmError: exit code 1", ExitMessage="label has one class"),
            None,
        )
    assert "bias-1 is Failed: AlgorithmError: exit code 1 | label has one class" in str(caught.value)
    assert "/aws/sagemaker/ProcessingJobs" in str(caught.value)


def test_a_failed_job_is_not_excused_by_an_old_report() -> None:
    with pytest.raises(RemoteJobFailed):
        look(job("Stopped"), (CREATED - timedelta(days=1), WRITTEN))


def test_an_unknown_job_will_not_write() -> None:
    with pytest.raises(RemoteJobMissing, match="bias-1"):
        look(None, (ENDED, WRITTEN))


@pytest.mark.parametrize("found", [None, (CREATED - timedelta(minutes=1), WRITTEN)])
def test_a_late_report_is_waited_for_but_not_for_ever(found: tuple[datetime, bytes] | None) -> None:
    assert look(job("Completed"), found, ENDED + GRACE) is None
    with pytest.raises(ReportMissing, match=URI):
        look(job("Completed"), found, ENDED + GRACE + timedelta(seconds=1))


def test_a_report_of_a_later_job_is_not_taken_for_this_ones() -> None:
    """Another run of the day has written at the same place since."""
    later = ENDED + GRACE + timedelta(seconds=1)
    with pytest.raises(ReportMissing, match="is not this job's"):
        look(job("Completed"), (later, WRITTEN), later)


@pytest.mark.parametrize(
    "content",
    [
        WRITTEN[:-20],
        b"",
        b"[]",
        b"{}",
        b'{"pre_training_bias_metrics": {"facets": {}}}',
        b'{"pre_training_bias_metrics": {"facets": {"sex": [{"metrics": []}]}}}',
        b'{"pre_training_bias_metrics": {"facets": {"sex": [{"value_or_threshold": "f", "metrics": []}]}}}',
        WRITTEN.replace(b"0.1", b"NaN"),
        b"\xff\xfe",
    ],
)
def test_what_is_no_report_is_refused_by_its_address(content: bytes) -> None:
    with pytest.raises(ReportInvalid, match=URI):
        look(job("Completed"), (ENDED, content))


def test_metrics_are_by_facet_and_name_and_none_is_made_up() -> None:
    assert metrics(ANALYSIS) == {"sex=female": {"CI": 0.1, "KL": "Infinity", "CDDL": None}}
