"""Which errors are borne, for how long, and with what pauses."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)

from aws_ml.waiters import patience
from aws_ml.waiters.patience import (
    MAX_DELAY_SECONDS,
    Patience,
    defer_after_seconds,
    is_missing,
    is_transient,
    poll_seconds,
)


def error(code: str, status: int = 400, message: str = "") -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},
        "Describe",
    )


@pytest.mark.parametrize(
    "passing",
    [
        error("ThrottlingException"),
        error("TooManyRequestsException", 429),
        error("InternalServerException", 500),
        error("SomethingNew", 503),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        ConnectTimeoutError(endpoint_url="http://127.0.0.1:1"),
        ReadTimeoutError(endpoint_url="http://127.0.0.1:1"),
    ],
)
def test_overload_and_silence_pass(passing: Exception) -> None:
    assert is_transient(passing)


@pytest.mark.parametrize(
    "lasting",
    [
        error("AccessDeniedException", 403),
        error("ValidationException"),
        error("NotEmulated", 501),
        NoCredentialsError(),
        ParamValidationError(report="x"),
    ],
)
def test_refusals_last(lasting: Exception) -> None:
    assert not is_transient(lasting)
    with pytest.raises(type(lasting)):
        Patience(1).after(lasting)


def test_pauses_grow_up_to_a_limit_and_shrink_after_an_answer() -> None:
    patience = Patience(30)
    pauses = [patience.after(error("ThrottlingException")) for _ in range(6)]
    assert 15 <= pauses[0] <= 30
    assert 30 <= pauses[1] <= 60
    assert MAX_DELAY_SECONDS / 2 <= pauses[-1] <= MAX_DELAY_SECONDS
    patience.answered()
    assert patience.after(error("ThrottlingException")) <= 30


def test_an_hour_of_silence_is_too_much() -> None:
    now = 0.0
    patience = Patience(30, silence=3600, clock=lambda: now)
    patience.after(error("ThrottlingException"))
    now = 3599.0
    patience.after(error("ThrottlingException"))
    now = 3600.0
    with pytest.raises(ClientError):
        patience.after(error("ThrottlingException"))


def test_silence_is_counted_from_the_last_answer() -> None:
    now = 0.0
    patience = Patience(30, silence=3600, clock=lambda: now)
    patience.after(error("ThrottlingException"))
    patience.answered()
    now = 3600.0
    patience.after(error("ThrottlingException"))


@pytest.mark.parametrize(
    "missing",
    [
        error("ValidationException", message="Could not find requested job with name: x"),
        error("ValidationException", message="Requested resource not found."),
        error("ValidationException", message='Could not find endpoint "arn:aws:…".'),
        error("ResourceNotFound"),
        error("EntityNotFoundException"),
        error("InvalidRequestException", message="QueryExecution x was not found"),
    ],
)
def test_aws_says_in_many_ways_that_something_is_missing(missing: Exception) -> None:
    assert is_missing(missing)


def test_a_malformed_request_is_not_a_missing_resource() -> None:
    assert not is_missing(error("ValidationException", message="1 validation error detected: Value 'a b'"))
    assert not is_missing(error("ThrottlingException", message="not found"))


def test_the_environment_overrides_the_polling_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(patience.POLL_SECONDS_VARIABLE, raising=False)
    assert poll_seconds(30) == 30
    monkeypatch.setenv(patience.POLL_SECONDS_VARIABLE, "0.5")
    assert poll_seconds(30) == 0.5
    monkeypatch.setenv(patience.POLL_SECONDS_VARIABLE, "")
    assert poll_seconds(30) == 30


def test_the_environment_says_how_long_a_worker_waits_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(patience.DEFER_AFTER_VARIABLE, raising=False)
    assert defer_after_seconds() == patience.DEFER_AFTER_SECONDS
    monkeypatch.setenv(patience.DEFER_AFTER_VARIABLE, "0")
    assert defer_after_seconds() == 0
