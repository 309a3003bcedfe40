"""What all List operations share: filters on name and times, order, pages."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from local_aws.state import paging
from local_aws.state.records import Body

DEFAULT_PAGE = 10  # AWS's, where MaxResults is not given


def listed(
    bodies: Iterable[Body],
    parameters: Mapping[str, Any],
    *,
    name: str,
    member: str,
    fields: Iterable[str],
    order: Mapping[str, str] | None = None,
    equals: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The answer of a List operation.

    Args:
        bodies: the stored resources.
        parameters: of the call: NameContains, CreationTimeBefore, SortBy, SortOrder, MaxResults, NextToken, …
        name: the field that names a resource, e.g. "EndpointName".
        member: the answer's list, e.g. "Endpoints".
        fields: the fields of one summary; those that a resource lacks are left out.
        order: SortBy value -> field, beside Name and CreationTime, e.g. {"Status": "EndpointStatus"}.
        equals: parameter -> field that must equal it, e.g. {"StatusEquals": "EndpointStatus"}.
    """
    sort_fields = {"Name": name, "CreationTime": "CreationTime", **(order or {})}
    sort_field = sort_fields[parameters.get("SortBy") or "CreationTime"]
    descending = parameters.get("SortOrder", "Descending") == "Descending"
    chosen = [body for body in bodies if _matches(body, parameters, name, equals or {})]

    def key(body: Body) -> tuple[str | float, str]:
        value = body[sort_field]
        return (value.timestamp() if isinstance(value, datetime) else value, body[name])

    answer = paging.listed(
        member,
        sorted(chosen, key=key, reverse=descending),
        parameters,
        key=key,
        largest=DEFAULT_PAGE,
        descending=descending,
    )
    wanted = list(fields)
    return {**answer, member: [{f: body[f] for f in wanted if f in body} for body in answer[member]]}


def _matches(body: Body, parameters: Mapping[str, Any], name: str, equals: Mapping[str, str]) -> bool:
    if parameters.get("NameContains", "") not in body[name]:
        return False
    if any(parameters.get(p) not in (None, body[field]) for p, field in equals.items()):
        return False
    return all(
        holds(body[time], parameters[bound])
        for time in ("CreationTime", "LastModifiedTime")
        for bound, holds in ((f"{time}Before", operator.lt), (f"{time}After", operator.gt))
        if parameters.get(bound) is not None
    )
