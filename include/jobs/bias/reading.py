"""How a configuration is read strictly: every value is of the type asked for, and no key is ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.processing.job import JobError


class ConfigError(JobError):
    """analysis_config.json cannot be followed; the message names the key and what was expected."""


def refuse_unknown(
    given: Mapping[str, Any], where: str, known: tuple[str, ...], clarify_only: tuple[str, ...]
) -> None:
    """Raise ConfigError for a key that nobody knows, or that only Clarify itself does."""
    for key in given:
        if key in clarify_only:
            raise ConfigError(f"{where}{key} is not supported by this engine; SageMaker Clarify has it")
        if key not in known:
            raise ConfigError(f"{where}{key} is unknown; expected some of {', '.join(known)}")


REQUIRED: Any = object()


def of_type(
    given: Mapping[str, Any], key: str, wanted: type, default: Any = REQUIRED, where: str = ""
) -> Any:
    """The value of a key, of that type, or the default. Raises ConfigError."""
    if key not in given:
        if default is REQUIRED:
            raise ConfigError(f"{where}{key} is missing")
        return default
    value = given[key]
    types = (int, float) if wanted is float else wanted
    # For Python a truth is a number; for the reader of a configuration it is not.
    if not isinstance(value, types) or (isinstance(value, bool) and wanted is not bool):
        raise ConfigError(f"{where}{key} is {kind(value)}; expected {NAMES[wanted]}")
    return value


def column_of(given: Mapping[str, Any], key: str, where: str) -> str | int:
    """A column's name or position. Raises ConfigError."""
    value = given.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ConfigError(f"{where}{key} is {kind(value)}; expected a column's name or its position")
    return value


def values_of(given: Mapping[str, Any], key: str, where: str, needed: bool = False) -> tuple[Any, ...]:
    """A list of values. Raises ConfigError."""
    values = given.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str | int | float) for value in values):
        raise ConfigError(f"{where}{key} must be a list of values, or of one threshold")
    if needed and not values:
        raise ConfigError(f"{where}{key} is missing; expected the positive label values, or one threshold")
    return tuple(values)


NAMES: dict[type, str] = {
    str: "text",
    list: "a list",
    dict: "an object",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def kind(value: Any) -> str:
    """What a value is, in words."""
    if value is None:
        return "missing"
    return NAMES[type(value)] if isinstance(value, str | list | dict) else f"{value!r}"
