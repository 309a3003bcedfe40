"""Search: resources whose properties fulfil an expression.

    FeatureGroupName, OnlineStoreConfig.TtlDuration.Value, …   a property, as the answer has it
    FeatureDefinitions.FeatureName                             of any item of the list
    Tags.<key>, Parameters.<key>                               the value behind a key
    AllTags, AllParameters                                     all keys and values

What the documentation leaves open is done so: texts are compared with upper and lower case told apart, a
property that a resource lacks fulfils NotEquals and NotExists only, and times are compared by whole seconds.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local_aws.services.context import Context
from local_aws.services.sagemaker import tags
from local_aws.services.sagemaker.feature_store import group, metadata
from local_aws.services.sagemaker.job import invalid, refuse
from local_aws.state import paging
from local_aws.wire.errors import NotEmulated
from local_aws.wire.registry import Call, operation, service_model

MOST_CONDITIONS = 50  # filters, nested filters and subexpressions of one call
DEFAULT_PAGE = 10
_PAIRS = {"Tags": "AllTags", "Parameters": "AllParameters"}  # lists of Key and Value, found by their keys
_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
_ORDERED_KINDS = ("integer", "long", "float", "double", "timestamp")

Found = Mapping[str, Any]


@dataclass(frozen=True)
class Resource:
    """One kind of resource that can be searched for."""

    shape: str  # its name in the model and in SearchRecord
    find: Callable[[Context], Iterable[Found]]
    key: Callable[[Found], str]  # unique


def _feature_groups(context: Context) -> Iterator[Found]:
    for body in group.groups(context):
        yield {**body, "Tags": tags.of(context, body["FeatureGroupArn"])}


def _features(context: Context) -> Iterator[Found]:
    for body in group.groups(context):
        yield from metadata.features(context, body)


RESOURCES = {
    "FeatureGroup": Resource("FeatureGroup", _feature_groups, lambda found: str(found["FeatureGroupName"])),
    "FeatureMetadata": Resource(
        "FeatureMetadata", _features, lambda found: f"{found['FeatureGroupName']}/{found['FeatureName']}"
    ),
}


@operation("sagemaker", "Search")
def search(context: Context, call: Call) -> dict[str, Any]:
    """Feature groups and features; other resources are refused by name."""
    asked = call.parameters
    resource = RESOURCES.get(asked["Resource"])
    if resource is None:
        raise NotEmulated("sagemaker", "Search", f"Resource {asked['Resource']}")
    refuse("Search", asked, "VisibilityConditions")
    if asked.get("CrossAccountFilterOption") == "CrossAccount":
        raise NotEmulated("sagemaker", "Search", "CrossAccountFilterOption CrossAccount")
    expression = asked.get("SearchExpression")
    if expression is not None and _conditions(expression) > MOST_CONDITIONS:
        raise invalid(f"A SearchExpression can have at most {MOST_CONDITIONS} conditions in all.")
    fits = (lambda _: True) if expression is None else _expression(resource, expression)
    sort_by = Property.named(resource, asked.get("SortBy") or "LastModifiedTime")
    if not sort_by.sorts:
        raise invalid(f"SortBy {sort_by.name}: the resources cannot be sorted by a list or a structure.")
    descending = asked.get("SortOrder", "Descending") == "Descending"

    def key(found: Found) -> tuple[str | int | float, ...]:
        value = next(iter(sort_by.values(found)), None)
        if isinstance(value, datetime):
            value = value.timestamp()
        return (0, resource.key(found)) if value is None else (1, value, resource.key(found))

    hits = sorted((found for found in resource.find(context) if fits(found)), key=key, reverse=descending)
    answer = paging.listed("Results", hits, asked, key=key, largest=DEFAULT_PAGE, descending=descending)
    return {
        **answer,
        "Results": [{resource.shape: found} for found in answer["Results"]],
        "TotalHits": {"Value": len(hits), "Relation": "EqualTo"},
    }


# --- properties -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Property:
    """A name that a filter or SortBy uses, looked up in the model.

    Args:
        name: as it was given.
        path: the members that lead to it; empty for AllTags and AllParameters.
        kind: botocore's name of its type, "string" for what lies behind a key.
        pairs: "Tags" or "Parameters", when the property is one of them.
        in_list: whether a resource can have several values of it.
    """

    name: str
    path: tuple[str, ...]
    kind: str
    pairs: str | None = None
    in_list: bool = False

    @classmethod
    def named(cls, resource: Resource, name: str) -> Property:
        """The resource's property of a name. Raises ValidationException."""
        shape: Any = service_model("sagemaker").shape_for(resource.shape)
        for pairs, everything in _PAIRS.items():
            if pairs not in shape.members:
                continue
            if name == everything:
                return cls(name, (), "string", pairs, in_list=True)
            if name.startswith(f"{pairs}."):
                return cls(name, (name.removeprefix(f"{pairs}."),), "string", pairs)
        in_list = False
        path = tuple(name.split("."))
        for member in path:
            while shape.type_name == "list":
                shape, in_list = shape.member, True
            if shape.type_name != "structure" or member not in shape.members:
                known = ", ".join(service_model("sagemaker").shape_for(resource.shape).members)
                raise invalid(
                    f"{name} is no property of a {resource.shape}; its properties are {known},"
                    f" and what is inside them, such as FeatureDefinitions.FeatureName and Tags.<key>."
                )
            shape = shape.members[member]
        return cls(name, path, shape.type_name, None, in_list)

    @property
    def sorts(self) -> bool:
        """Whether resources can be sorted by it."""
        return not self.in_list and self.kind not in ("list", "structure")

    def values(self, found: Found) -> list[Any]:
        """All values of it that a resource has."""
        if self.pairs:
            pairs = found.get(self.pairs) or []
            if not self.path:
                return [text for pair in pairs for text in (pair["Key"], pair["Value"])]
            return [pair["Value"] for pair in pairs if pair["Key"] == self.path[0]]
        return list(_values(found, self.path))


def _values(value: Any, path: Sequence[str]) -> Iterator[Any]:
    if isinstance(value, list) and path:
        for item in value:
            yield from _values(item, path)
    elif not path:
        yield value
    elif isinstance(value, Mapping) and value.get(path[0]) is not None:
        yield from _values(value[path[0]], path[1:])


# --- expressions ------------------------------------------------------------------------------------


def _conditions(expression: Mapping[str, Any]) -> int:
    filters, nested = expression.get("Filters") or [], expression.get("NestedFilters") or []
    below = expression.get("SubExpressions") or []
    return (
        len(filters)
        + sum(1 + len(each["Filters"]) for each in nested)
        + sum(1 + _conditions(each) for each in below)
    )


def _expression(resource: Resource, expression: Mapping[str, Any]) -> Callable[[Found], bool]:
    """What tells whether a resource fulfils an expression. Raises ValidationException."""
    parts = [
        *(_filter(resource, each) for each in expression.get("Filters") or []),
        *(_nested(resource, each) for each in expression.get("NestedFilters") or []),
        *(_expression(resource, each) for each in expression.get("SubExpressions") or []),
    ]
    if not parts:
        raise invalid(
            "A SearchExpression needs at least one of Filters, NestedFilters and SubExpressions; found none."
        )
    joined = any if expression.get("Operator") == "Or" else all
    return lambda found: joined(part(found) for part in parts)


def _nested(resource: Resource, given: Mapping[str, Any]) -> Callable[[Found], bool]:
    """One item of a list must fulfil all filters."""
    name = given["NestedPropertyName"]
    place = Property.named(resource, name)
    if place.kind != "list" or name in _PAIRS:
        raise invalid(f"NestedPropertyName {name} is no list of structures; allowed: FeatureDefinitions.")
    for each in given["Filters"]:
        if not each["Name"].startswith(f"{name}."):
            raise invalid(
                f"The filter {each['Name']} of the NestedFilters for {name} must start with {name}."
            )
    parts = [_filter(resource, each) for each in given["Filters"]]
    return lambda found: any(all(part({name: [item]}) for part in parts) for item in found.get(name) or ())


def _filter(resource: Resource, given: Mapping[str, Any]) -> Callable[[Found], bool]:
    """One condition on one property. Raises ValidationException for what the property cannot be asked."""
    place = Property.named(resource, given["Name"])
    how, text = given.get("Operator"), given.get("Value")
    if how is None:  # AWS: a Value without an Operator means Equals
        how = "Exists" if text is None else "Equals"
    if how in ("Exists", "NotExists"):
        if text is not None:
            raise invalid(f"The filter {place.name}: {how} takes no Value.")
        return lambda found: bool(place.values(found)) == (how == "Exists")
    if text is None:
        raise invalid(f"The filter {place.name}: {how} needs a Value.")
    if place.kind in ("list", "structure"):
        raise invalid(f"The filter {place.name}: a {place.kind} can be asked for Exists and NotExists only.")
    if how in _ORDERED and place.kind not in _ORDERED_KINDS:
        raise invalid(f"The filter {place.name}: {how} is for numbers and times, and it is {place.kind}.")
    if how in ("In", "Contains"):
        if place.kind != "string":
            raise invalid(f"The filter {place.name}: {how} is for texts, and it is {place.kind}.")
        if how == "Contains":
            return lambda found: any(text in value for value in place.values(found))
        chosen = {each.strip() for each in text.split(",")}
        return lambda found: any(value in chosen for value in place.values(found))
    wanted = _read(place, text)
    compare: Callable[[Any, Any], bool] = _ORDERED.get(how, operator.eq)
    negative = how == "NotEquals"

    def fits(found: Found) -> bool:
        return negative != any(compare(_comparable(value), wanted) for value in place.values(found))

    return fits


def _comparable(value: Any) -> Any:
    return value.replace(microsecond=0) if isinstance(value, datetime) else value


def _read(place: Property, text: str) -> Any:
    """A filter's Value as the property's type. Raises ValidationException."""
    try:
        match place.kind:
            case "string":
                return text
            case "boolean":
                return {"true": True, "false": False}[text.lower()]
            case "timestamp":
                moment = datetime.fromisoformat(text)
                return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            case _:
                return float(text)
    except (ValueError, KeyError):
        form = {"boolean": "true or false", "timestamp": "a time such as 2026-01-15T06:00:00"}
        needs = form.get(place.kind, "a number")
        raise invalid(f"The filter {place.name}: the Value '{text}' is not {needs}.") from None
