"""The only paging code: a slice of a sorted sequence and the token that continues it.

The token names the last item that was answered, not a position, so that a resource that is made or
deleted between two pages neither repeats nor hides another.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

Item = TypeVar("Item")

# What sorts an item: text, a number, or a tuple of such, e.g. (created.timestamp(), name).
Key = str | int | float | tuple[str | int | float, ...]


class BadToken(ValueError):
    """The continuation token is not one that was given out."""


def page(
    items: Iterable[Item],
    *,
    token: str | None,
    limit: int | None,
    key: Callable[[Item], Key],
    descending: bool = False,
) -> tuple[list[Item], str | None]:
    """The next ``limit`` items behind ``token``, and the token of the page after it or ``None``.

    Args:
        items: sorted by ``key``; read only as far as needed.
        token: ``None`` or empty for the first page.
        limit: ``None`` for all the rest.
        key: unique for each item.
        descending: whether the items are sorted from last to first.

    Raises:
        BadToken: the token was not made by this function.
    """
    last = position(token) if token else None
    answer: list[Item] = []
    for item in items:
        if last is not None and not _behind(_listed(key(item)), last, descending):
            continue
        if limit is not None and len(answer) == limit:
            return answer, _write(_listed(key(answer[-1]))) if answer else token
        answer.append(item)
    return answer, None


def listed(
    member: str,
    items: Iterable[Item],
    parameters: Mapping[str, Any],
    *,
    key: Callable[[Item], Key],
    largest: int,
    descending: bool = False,
) -> dict[str, Any]:
    """The answer of a list operation that pages by MaxResults and NextToken, as most of AWS's do.

    Args:
        member: the answer's list, e.g. "Crawlers".
        parameters: the call's.
        largest: how many one page holds when the caller does not say, AWS's number.

    Raises BadToken, which the gateway words as the service does; see ``page`` for the rest.
    """
    found, token = page(
        items,
        token=parameters.get("NextToken"),
        limit=parameters.get("MaxResults") or largest,
        key=key,
        descending=descending,
    )
    return {member: found, "NextToken": token} if token else {member: found}


def position(token: str) -> list[Any]:
    """The key of the last item that was answered, for a source that can start reading there.

    Raises BadToken.
    """
    try:
        key = json.loads(base64.b64decode(token, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        key = None
    if not isinstance(key, list):
        raise BadToken(f"The continuation token '{token}' is not valid.")
    return key


def _behind(key: list[Any], last: list[Any], descending: bool) -> bool:
    try:
        return key < last if descending else key > last
    except TypeError:
        raise BadToken("The continuation token belongs to another list.") from None


def _listed(key: Key) -> list[Any]:
    return list(key) if isinstance(key, tuple) else [key]


def _write(key: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()
