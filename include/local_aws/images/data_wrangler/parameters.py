"""The kinds of parameters that operators declare: each reads one JSON value, or says what is allowed.

The UI writes numbers as numbers or as texts, and leaves optional fields out, null or empty; all three mean
"not given".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import regex

from local_aws.images.data_wrangler.problems import found, listed

REQUIRED: Any = object()  # the default of a parameter that has none


class Wrong(ValueError):
    """What is wrong with a value."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter. ``wrong`` is a value that each of its kind refuses; tests are made from it."""

    default: Any = REQUIRED
    wrong: ClassVar[Any] = None
    allowed: ClassVar[str] = ""

    def read(self, value: Any) -> Any:
        """The value as the operator uses it. Raises Wrong."""
        if value is None or (value == "" and not self.keeps_empty):
            if self.default is REQUIRED:
                raise Wrong(f"missing; allowed: {self.says}")
            return self.default
        return self.convert(value)

    def convert(self, value: Any) -> Any:
        """The value of one that was given. Raises Wrong."""
        raise NotImplementedError

    @property
    def says(self) -> str:
        """What is allowed, in words."""
        return self.allowed

    @property
    def keeps_empty(self) -> bool:
        """Whether an empty text is a value."""
        return False

    def refuse(self, value: Any) -> Wrong:
        """The exception for a value that is not allowed."""
        return Wrong(found(value, self.says))


@dataclass(frozen=True, kw_only=True)
class Text(Parameter):
    """A text."""

    empty: bool = False  # whether "" is one
    longest: int | None = None
    wrong: ClassVar[Any] = 7
    allowed = "a text"

    def convert(self, value: Any) -> str:  # noqa: D102 - the base class says it
        if not isinstance(value, str) or (self.longest is not None and len(value) > self.longest):
            raise self.refuse(value)
        return value

    @property
    def says(self) -> str:  # noqa: D102
        return self.allowed if self.longest is None else f"a text of at most {self.longest} characters"

    @property
    def keeps_empty(self) -> bool:  # noqa: D102
        return self.empty


@dataclass(frozen=True, kw_only=True)
class Pattern(Text):
    """A regular expression."""

    wrong = "("
    allowed = "a regular expression"

    def convert(self, value: Any) -> str:  # noqa: D102
        text = super().convert(value)
        try:
            regex.compile(text)
        except regex.error as error:
            raise Wrong(f"{found(value, self.says)} ({error})") from None
        return text


@dataclass(frozen=True, kw_only=True)
class Scalar(Parameter):
    """A text, a number or a truth value; the column's type decides."""

    wrong = (1, 2)
    allowed = "a text, a number, true or false"

    def convert(self, value: Any) -> Any:  # noqa: D102
        if not isinstance(value, str | int | float):
            raise self.refuse(value)
        return value


@dataclass(frozen=True, kw_only=True)
class Number(Parameter):
    """A finite number between two bounds."""

    low: float = -math.inf
    high: float = math.inf
    above: bool = False  # the lower bound itself is not allowed
    wrong = "many"

    def convert(self, value: Any) -> float:  # noqa: D102
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        too_low = number <= self.low if self.above else number < self.low
        if not math.isfinite(number) or too_low or number > self.high:
            raise self.refuse(value)
        return number

    @property
    def says(self) -> str:  # noqa: D102
        return "a number" + _span(self.low, self.high, self.above)


@dataclass(frozen=True, kw_only=True)
class Whole(Parameter):
    """An integer between two bounds."""

    low: float = -math.inf
    high: float = math.inf
    wrong = 1.5

    def convert(self, value: Any) -> int:  # noqa: D102
        try:
            number = None if isinstance(value, bool | float) and value != int(value) else int(value)
        except (TypeError, ValueError, OverflowError):
            number = None
        if number is None or isinstance(value, bool) or not self.low <= number <= self.high:
            raise self.refuse(value)
        return number

    @property
    def says(self) -> str:  # noqa: D102
        return "an integer" + _span(self.low, self.high, above=False)


def _span(low: float, high: float, above: bool) -> str:
    words = []
    if low > -math.inf:
        words.append(f"above {low:g}" if above else f"from {low:g}")
    if high < math.inf:
        words.append(f"to {high:g}")
    return "".join(f" {word}" for word in words)


@dataclass(frozen=True, kw_only=True)
class Flag(Parameter):
    """True or false."""

    wrong = "maybe"
    allowed = "true or false"

    def convert(self, value: Any) -> bool:  # noqa: D102
        if not isinstance(value, bool):
            raise self.refuse(value)
        return value


@dataclass(frozen=True, init=False)
class OneOf(Parameter):
    """One of a few texts."""

    values: tuple[str, ...]
    wrong = "no such"

    def __init__(self, *values: str, default: Any = REQUIRED) -> None:
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "default", default)

    def convert(self, value: Any) -> str:  # noqa: D102
        if value not in self.values:
            raise Wrong(f"found {value!r}; allowed: {listed(self.values, value)}")
        return str(value)

    @property
    def says(self) -> str:  # noqa: D102
        return listed(self.values)


@dataclass(frozen=True, kw_only=True)
class Column(Text):
    """The name of a column."""

    allowed = "the name of a column"


@dataclass(frozen=True, kw_only=True)
class Columns(Parameter):
    """One name of a column, or a list of them; a tuple."""

    wrong = (7,)
    allowed = "the name of a column or a list of such names, each once"

    def convert(self, value: Any) -> tuple[str, ...]:  # noqa: D102
        names = value if isinstance(value, list | tuple) else [value]
        right = names and all(isinstance(name, str) and name for name in names)
        if not right or len(set(names)) < len(names):
            raise self.refuse(value)
        return tuple(names)


@dataclass(frozen=True, kw_only=True)
class EachColumn(Columns):
    """One or several columns; the operator is applied to one after the other, as AWS does."""


@dataclass(frozen=True, kw_only=True)
class Record(Parameter):
    """A mapping whose keys are parameters themselves."""

    fields: Mapping[str, Parameter] = field(default_factory=dict)
    wrong = "no mapping"

    def convert(self, value: Any) -> dict[str, Any]:  # noqa: D102
        if not isinstance(value, dict):
            raise self.refuse(value)
        values, problems = read_all(self.fields, value)
        if problems:
            raise Wrong("; ".join(f"{name}: {says}" for name, says in problems.items()))
        return values

    @property
    def says(self) -> str:  # noqa: D102
        return f"a mapping of {listed(self.fields)}"


@dataclass(frozen=True, kw_only=True)
class Records(Record):
    """A list of such mappings."""

    low: int = 1
    high: float = math.inf
    check: Callable[[list[dict[str, Any]]], str | None] | None = None  # what is wrong with the whole list
    wrong = "no list"

    def convert(self, value: Any) -> Any:  # noqa: D102
        if not isinstance(value, list) or not self.low <= len(value) <= self.high:
            raise self.refuse(value)
        items = [super(Records, self).convert(item) for item in value]
        says = self.check(items) if self.check else None
        if says:
            raise Wrong(says)
        return items

    @property
    def says(self) -> str:  # noqa: D102
        most = f" to {self.high:g}" if self.high < math.inf else " or more"
        return f"a list of {self.low}{most} mappings of {listed(self.fields)}"


@dataclass(frozen=True, kw_only=True)
class Anything(Parameter):
    """What the UI writes for itself; it changes nothing."""

    default: Any = None

    def convert(self, value: Any) -> Any:  # noqa: D102
        return value


def read_all(
    declared: Mapping[str, Parameter], given: Mapping[str, Any], ignored: frozenset[str] = frozenset()
) -> tuple[dict[str, Any], dict[str, str]]:
    """The declared parameters' values, and what is wrong by name; unknown names are wrong.

    Args:
        ignored: further names that may be there, of which nothing is read.
    """
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name in given:
        if name not in declared and name not in ignored:
            problems[name] = f"unknown parameter; allowed: {listed(declared, name)}"
    for name, parameter in declared.items():
        try:
            values[name] = parameter.read(given.get(name))
        except Wrong as wrong:
            problems[name] = str(wrong)
    return values, problems
