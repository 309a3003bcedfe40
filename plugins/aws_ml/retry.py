"""Which failures a retry cannot mend: they fail at once, instead of being paid three times."""

from __future__ import annotations

import re
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy

from aws_ml.exceptions import ImageUnknown, RemoteJobFailed, RulesBroken, RunKeyInvalid, RunKeyMissing

# What the run was told, or the project itself, is wrong.
MISTAKES = (RunKeyMissing, RunKeyInvalid, ImageUnknown)
# "Refused:" is how our own jobs call data that they will not take; ClientError is SageMaker's word for a
# fault of whoever asked. AlgorithmError and InternalServerError may be bad luck.
REFUSED = re.compile(r"\bRefused: |\bClientError: ")


class OnlyIfItMayHelp(RetryPolicy):
    """Retry as the task says, but not what would fail again for the same reason."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002 - the signature is Airflow's
        max_tries: int,  # noqa: ARG002
        context: Any = None,  # noqa: ARG002
    ) -> RetryDecision:
        """Fail at once for a mistake or a refusal, leave the rest to the task's own `retries`."""
        if isinstance(exception, MISTAKES):
            return RetryDecision.fail("the same run would be told the same again")
        if isinstance(exception, RulesBroken):
            return RetryDecision.fail("the same rows would break the same rules again")
        if isinstance(exception, RemoteJobFailed) and REFUSED.search(exception.reason):
            return RetryDecision.fail("the same input would be refused again")
        return RetryDecision.default()
