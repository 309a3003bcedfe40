"""What Glue's list answers and batch answers have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from local_aws.services.catalog.catalog import invalid
from local_aws.state.paging import BadToken, Key, page
from local_aws.wire.errors import AwsError

Item = TypeVar("Item")


def listed(
    member: str,
    items: Iterable[Item],
    parameters: dict[str, Any],
    *,
    key: Callable[[Item], Key],
    largest: int = 100,
    descending: bool = False,
) -> dict[str, Any]:
    """One page of ``items`` under ``member``, with NextToken when there are more.

    Args:
        parameters: the call's, for MaxResults and NextToken.
        largest: how many one page holds when the caller does not say, AWS's number.
    """
    try:
        found, token = page(
            items,
            token=parameters.get("NextToken"),
            limit=parameters.get("MaxResults") or largest,
            key=key,
            descending=descending,
        )
    except BadToken as problem:
        raise invalid(str(problem)) from None
    answer: dict[str, Any] = {member: found}
    if token:
        answer["NextToken"] = token
    return answer


def error_detail(error: AwsError) -> dict[str, str]:
    """An error as a batch answer carries it."""
    return {"ErrorCode": error.code, "ErrorMessage": error.message}
