"""What Athena's operations have in common: how they refuse, how they page."""

from __future__ import annotations

from functools import partial

from local_aws.state import paging
from local_aws.wire.errors import AwsError

listed = partial(paging.listed, largest=50)


def invalid_request(message: str, *, code: str | None = None) -> AwsError:
    """Athena's answer to a request that makes no sense; ``code`` is its AthenaErrorCode."""
    return AwsError("InvalidRequestException", message, AthenaErrorCode=code or "INVALID_INPUT")
