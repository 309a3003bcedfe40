"""What Athena's operations have in common: how they refuse, how they page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from local_aws.state.paging import BadToken, Key, page
from local_aws.wire.errors import AwsError

Item = TypeVar("Item")


def invalid_request(message: str, *, code: str | None = None) -> AwsError:
    """Athena's answer to a request that makes no sense; ``code`` is its AthenaErrorCode."""
    return AwsError("InvalidRequestException", message, AthenaErrorCode=code or "INVALID_INPUT")


def paged(
    member: str,
    items: Iterable[Item],
    parameters: dict[str, Any],
    *,
    key: Callable[[Item], Key],
    largest: int = 50,
    descending: bool = False,
) -> dict[str, Any]:
    """One page of ``items`` under ``member``, with NextToken when there are more."""
    try:
        found, token = page(
            items,
            token=parameters.get("NextToken"),
            limit=parameters.get("MaxResults") or largest,
            key=key,
            descending=descending,
        )
    except BadToken as problem:
        raise invalid_request(str(problem)) from None
    return {member: found, "NextToken": token} if token else {member: found}
