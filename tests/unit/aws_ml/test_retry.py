"""Which failures are retried: a second job for the same refusal would only be paid twice."""

from __future__ import annotations

import pytest
from airflow.sdk import RetryAction

from aws_ml.exceptions import (
    AwsMlError,
    ImageUnknown,
    RemoteJobFailed,
    RemoteJobMissing,
    RulesBroken,
    RunKeyInvalid,
    RunKeyMissing,
)
from aws_ml.retry import OnlyIfItMayHelp


def failed(reason: str) -> RemoteJobFailed:
    return RemoteJobFailed("The job", "FAILED", reason, "its log")


@pytest.mark.parametrize(
    "error",
    [
        RunKeyMissing("It is a manual run."),
        RunKeyInvalid("Found 'today'."),
        ImageUnknown("Found 'tensorflow'."),
        RulesBroken("the run", 3, ['Mean "age" > 18: found Column.age.Mean 17']),
        failed("Refused: day.csv, line 1: the header is wrong"),
        failed("SystemExit: Refused: day.csv, line 1: the header is wrong"),
        failed("ClientError: Data download failed: No S3 objects found"),
    ],
)
def test_what_would_fail_again_fails_at_once(error: AwsMlError) -> None:
    assert OnlyIfItMayHelp().evaluate(error, 1, 2).action is RetryAction.FAIL


@pytest.mark.parametrize(
    "error",
    [
        failed("InternalServerError: the stand-in was stopped while this job ran"),
        failed("AlgorithmError: See job logs for more information, exit code: 1"),
        failed("CapacityError: Unable to provision requested ML compute capacity."),
        RemoteJobMissing("It was deleted."),
        ConnectionError("Connection reset by peer"),
    ],
)
def test_what_may_pass_is_retried_as_the_task_says(error: Exception) -> None:
    assert OnlyIfItMayHelp().evaluate(error, 1, 2).action is RetryAction.DEFAULT
