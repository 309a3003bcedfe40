"""What Glue's list answers and batch answers have in common."""

from __future__ import annotations

from functools import partial

from local_aws.state import paging
from local_aws.wire.errors import AwsError

listed = partial(paging.listed, largest=100)


def error_detail(error: AwsError) -> dict[str, str]:
    """An error as a batch answer carries it."""
    return {"ErrorCode": error.code, "ErrorMessage": error.message}
