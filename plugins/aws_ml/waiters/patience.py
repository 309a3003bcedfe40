"""How a task bears AWS's silence: which errors pass by themselves, and how long to wait for that."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

from botocore.exceptions import (
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from botocore.exceptions import ConnectionError as BotocoreConnectionError

MAX_DELAY_SECONDS = 120.0
"""Longest pause between two calls while AWS doesn't answer."""

MAX_SILENCE_SECONDS = 3600.0
"""How long AWS may stay silent before a task gives up. The remote work goes on; a retry adopts it."""

POLL_SECONDS_VARIABLE = "AWS_ML_POLL_SECONDS"
"""Environment variable that overrides every polling interval, for a stand-in that answers at once."""

DEFER_AFTER_VARIABLE = "AWS_ML_DEFER_AFTER_SECONDS"
"""Environment variable: how long a deferrable task waits on its worker first."""

DEFER_AFTER_SECONDS = 5.0
"""Without that variable. A deferral costs two to three seconds and a second start of the task."""

FIRST_PAUSE_SECONDS = 0.1
"""Shortest pause between two looks on the worker."""

_TRANSIENT_CODES = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "SlowDown",
        "PriorRequestNotComplete",
        "RequestTimeout",
        "RequestTimeoutException",
        "OperationTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "InternalServiceException",
        "ConcurrentModificationException",
    }
)
_MISSING_CODES = frozenset({"ResourceNotFound", "ResourceNotFoundException", "EntityNotFoundException"})
# SageMaker and Athena say "not there" with the code they use for malformed requests; only the words differ.
_MISSING_WORDS = ("could not find", "not found", "does not exist", "was not found")
_AMBIGUOUS_CODES = frozenset({"ValidationException", "InvalidRequestException"})


def is_transient(error: Exception) -> bool:
    """Whether the same call may succeed later, unchanged: throttled, overloaded or unreachable."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        # 501 is how a stand-in says that it doesn't emulate the operation: that won't pass.
        return error_code(error) in _TRANSIENT_CODES or (status >= 500 and status != 501)
    return isinstance(
        error,
        BotocoreConnectionError
        | HTTPClientError
        | ReadTimeoutError
        | ResponseStreamingError
        | IncompleteReadError,
    )


def is_missing(error: Exception) -> bool:
    """Whether AWS says that it knows nothing of what was asked for."""
    if not isinstance(error, ClientError):
        return False
    code, message = error_code(error), str(error.response.get("Error", {}).get("Message", "")).lower()
    return code in _MISSING_CODES or (
        code in _AMBIGUOUS_CODES and any(words in message for words in _MISSING_WORDS)
    )


def error_code(error: ClientError) -> str:
    """AWS's code of an error, e.g. `ThrottlingException`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def poll_seconds(configured: float) -> float:
    """Seconds between two polls: what the workflow says, unless the environment overrides it."""
    return float(os.environ.get(POLL_SECONDS_VARIABLE) or configured)


def defer_after_seconds() -> float:
    """Seconds that a deferrable task waits on its worker before it defers."""
    return float(os.environ.get(DEFER_AFTER_VARIABLE) or DEFER_AFTER_SECONDS)


def pause_on_worker(waited: float) -> float:
    """Seconds until a task that still holds its worker looks again: a tenth of what it has `waited`.

    So the end of short work is noticed at once, that of longer work a tenth of its time late at most.
    """
    return max(FIRST_PAUSE_SECONDS, waited * 0.1)


class Patience:
    """Count AWS's silence and say how long to wait before the next call.

    >>> patience = Patience(poll=30)
    >>> patience.after(ReadTimeoutError(endpoint_url="…")) > 0
    True
    """

    def __init__(
        self,
        poll: float,
        *,
        silence: float = MAX_SILENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.poll = poll
        self.silence = silence
        self.clock = clock
        self.failures = 0
        self.silent_since: float | None = None

    def answered(self) -> None:
        """Forget the silence: AWS answered."""
        self.failures = 0
        self.silent_since = None

    def after(self, error: Exception, *, passes: Callable[[Exception], bool] = is_transient) -> float:
        """Seconds to wait after `error`; raises it when it won't pass or lasted too long."""
        if not passes(error):
            raise error
        now = self.clock()
        self.silent_since = now if self.silent_since is None else self.silent_since
        if now - self.silent_since >= self.silence:
            raise error
        self.failures += 1
        delay: float = min(self.poll * 2 ** min(self.failures - 1, 10), MAX_DELAY_SECONDS)
        # Many tasks are throttled together; half of the pause is drawn so that they don't return together.
        return delay / 2 + random.uniform(0, delay / 2)  # noqa: S311 (spreads load, hides nothing)
