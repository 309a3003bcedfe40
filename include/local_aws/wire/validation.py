"""Input checked against botocore's model: required, length, range, pattern, enum.

botocore's clients check types, required members and minima only; AWS checks the rest, and so does this.
All faults come in one message, worded as AWS does:
``2 validation errors detected: Value 'a b' at 'trainingJobName' failed to satisfy constraint: …``
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import regex

from local_aws.wire.errors import VALIDATION_CODES, AwsError
from local_aws.wire.protocol import operation_model

# S3's headers that clients write in either case (AWS's C++ SDK, and so pyarrow, in lower).
_CASELESS = ("ChecksumMode", "ChecksumAlgorithm", "ChecksumType")
_NUMBERS = ("integer", "long", "float", "double")


def check(
    service: str,
    operation: str,
    parameters: Mapping[str, Any],
    *,
    payload: str | None = None,
    check_instance_types: bool = True,
) -> None:
    """Raise AwsError with every fault of the parameters.

    Args:
        service: botocore's name.
        operation: e.g. ``CreateTrainingJob``.
        parameters: as the input shape has them.
        payload: the member that is streamed and so is not among the parameters.
        check_instance_types: whether instance types must be ones that botocore knows; its list lags behind.
    """
    shape = operation_model(service, operation).input_shape
    if shape is None:
        return
    found = list(_structure(shape, parameters, "", payload, check_instance_types))
    if found:
        count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected"
        raise AwsError(validation_code(service), f"{count}: {'; '.join(found)}", status=400)


def validation_code(service: str) -> str:
    """The code for input that is refused."""
    return VALIDATION_CODES.get(service, "ValidationException")


def _structure(
    shape: Any, value: Mapping[str, Any], path: str, payload: str | None, types: bool
) -> Iterator[str]:
    members = shape.members
    for name in shape.required_members:
        if value.get(name) is None and name != payload:
            yield _fault(None, path + _lower(name), "Member must not be null")
    for name, item in value.items():
        if name in members and item is not None:
            yield from _value(members[name], item, path + _lower(name), types)


def _value(shape: Any, value: Any, path: str, types: bool) -> Iterator[str]:
    for constraint in _broken(shape, value, types):
        yield _fault(shape, path, constraint, value)
    match shape.type_name:
        case "structure" if isinstance(value, Mapping):
            yield from _structure(shape, value, f"{path}.", None, types)
        case "list":
            yield from _list(shape, value, path, types)
        case "map":
            yield from _map(shape, value, path, types)


def _list(shape: Any, value: list[Any], path: str, types: bool) -> Iterator[str]:
    if shape.member.type_name in ("structure", "list", "map"):
        for number, item in enumerate(value, 1):
            yield from _value(shape.member, item, f"{path}.{number}.member", types)
    elif any(_is_broken(shape.member, item, types) for item in value):
        yield _fault(shape, path, f"Member must satisfy constraint: {_all(shape.member)}", value)


def _map(shape: Any, value: Mapping[str, Any], path: str, types: bool) -> Iterator[str]:
    if any(_is_broken(shape.key, key, types) for key in value):
        yield _fault(shape, path, f"Map keys must satisfy constraint: {_all(shape.key)}", value)
    if shape.value.type_name in ("structure", "list", "map"):
        for key, item in value.items():
            yield from _value(shape.value, item, f"{path}.{key}.member", types)
    elif any(_is_broken(shape.value, item, types) for item in value.values()):
        yield _fault(shape, path, f"Map value must satisfy constraint: {_all(shape.value)}", value)


def _is_broken(shape: Any, value: Any, types: bool) -> bool:
    return next(iter(_broken(shape, value, types)), None) is not None


def _broken(shape: Any, value: Any, types: bool) -> Iterator[str]:
    """The constraints of the shape itself that the value does not satisfy, in AWS's words."""
    limits = shape.metadata
    if not limits:
        return
    kind = shape.type_name
    if kind in _NUMBERS:
        word, size = "value", value
    elif kind in ("string", "blob", "list", "map"):
        word, size = "length", len(value)
    else:
        return
    if "max" in limits and size > limits["max"]:
        yield _most(word, limits["max"])
    if "min" in limits and size < limits["min"]:
        yield _least(word, limits["min"])
    if kind == "string":
        if "pattern" in limits and not _pattern(limits["pattern"]).fullmatch(value):
            yield _matching(limits["pattern"])
        known = value in shape.enum or (shape.name in _CASELESS and value.upper() in shape.enum)
        if shape.enum and not known and not (_is_instance_type(shape, value) and not types):
            yield _one_of(shape.enum)


def _all(shape: Any) -> str:
    """All constraints of a shape, as AWS lists them when an element of a collection breaks one."""
    limits = shape.metadata
    word = "value" if shape.type_name in _NUMBERS else "length"
    rules = []
    if "max" in limits:
        rules.append(_most(word, limits["max"]))
    if "min" in limits:
        rules.append(_least(word, limits["min"]))
    if "pattern" in limits:
        rules.append(_matching(limits["pattern"]))
    if getattr(shape, "enum", None):
        rules.append(_one_of(shape.enum))
    return f"[{', '.join(rules)}]"


def _most(word: str, limit: Any) -> str:
    return f"Member must have {word} less than or equal to {limit}"


def _least(word: str, limit: Any) -> str:
    return f"Member must have {word} greater than or equal to {limit}"


def _matching(pattern: str) -> str:
    return f"Member must satisfy regular expression pattern: {pattern}"


def _one_of(values: list[str]) -> str:
    return f"Member must satisfy enum value set: [{', '.join(values)}]"


def _fault(shape: Any, path: str, constraint: str, value: Any = None) -> str:
    if shape is not None and shape.metadata.get("sensitive"):
        shown = "Value"
    else:
        shown = "Value null" if value is None else f"Value '{_show(value)}'"
    return f"{shown} at '{path}' failed to satisfy constraint: {constraint}"


def _show(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}={_show(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_show(item) for item in value) + "]"
    return str(value)


def _is_instance_type(shape: Any, value: str) -> bool:
    return shape.name.endswith("InstanceType") and value.startswith("ml.")


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


@cache
def _pattern(pattern: str) -> Any:
    """The compiled pattern. Models write characters beyond U+FFFF as Java does, in two halves."""
    return regex.compile(pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"))
