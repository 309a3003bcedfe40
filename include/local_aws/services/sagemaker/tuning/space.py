"""The ranges of hyperparameters that a tuning job searches.

A range has three faces: the texts that a training job gets, the numbers in which the search is even (the
*scale*), and the request's own words. ReverseLogarithmic is searched as the logarithm of 1 - x, for
parameters such as a momentum of 0.9, 0.99, 0.999.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

MOST_RANGES = 30  # of one tuning job, of all types together
WIDE = 100.0  # Auto takes the logarithm of a positive range whose ends are so many times apart

LINEAR, LOGARITHMIC, REVERSE = "Linear", "Logarithmic", "ReverseLogarithmic"

Values = Mapping[str, str]  # hyperparameter -> text, as a training job gets them


class BadRange(ValueError):
    """A range that AWS would not search; the message says which and why."""


@dataclass(frozen=True)
class Number:
    """A range of numbers, both ends included."""

    name: str
    low: float
    high: float
    scale: str  # LINEAR, LOGARITHMIC or REVERSE; "Auto" is decided
    whole: bool  # integers only

    @property
    def bounds(self) -> tuple[float, float]:
        """The ends on the scale that is searched, lower first."""
        return (1 - self.high, 1 - self.low) if self.scale == REVERSE else (self.low, self.high)

    @property
    def logarithmic(self) -> bool:
        """Whether the search is even in the logarithm."""
        return self.scale != LINEAR

    def text(self, inner: float) -> str:
        """What a training job gets for a number of the scale."""
        if self.whole:
            return str(round(inner))
        value = 1 - inner if self.scale == REVERSE else inner
        return repr(min(self.high, max(self.low, float(value))))

    def inner(self, text: str) -> float | int | None:
        """The number of the scale behind a text; None for one outside the range."""
        try:
            value = float(text)
        except ValueError:
            return None
        if not self.low <= value <= self.high or (self.whole and not value.is_integer()):
            return None
        if self.whole:
            return int(value)
        low, high = self.bounds
        return min(high, max(low, 1 - value if self.scale == REVERSE else value))


@dataclass(frozen=True)
class Choice:
    """A list of texts without an order."""

    name: str
    values: tuple[str, ...]

    def text(self, inner: str) -> str:
        """The text itself."""
        return inner

    def inner(self, text: str) -> str | None:
        """The text itself; None for one that is not in the list."""
        return text if text in self.values else None


Range = Number | Choice


@dataclass(frozen=True)
class Space:
    """All ranges of a tuning job."""

    ranges: tuple[Range, ...]

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Space:
        """The space of a request's ParameterRanges. Raises BadRange."""
        ranges: list[Range] = [
            *(_number(one, whole=True) for one in given.get("IntegerParameterRanges") or ()),
            *(_number(one, whole=False) for one in given.get("ContinuousParameterRanges") or ()),
            *(_choice(one) for one in given.get("CategoricalParameterRanges") or ()),
        ]
        names = [one.name for one in ranges]
        if not names:
            raise BadRange("ParameterRanges: at least one hyperparameter range is required.")
        if len(names) > MOST_RANGES:
            raise BadRange(f"ParameterRanges: {len(names)} ranges; a tuning job can have {MOST_RANGES}.")
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise BadRange(f"Hyperparameter {twice} is specified multiple times in the ranges.")
        return cls(tuple(ranges))

    @property
    def names(self) -> list[str]:
        """The tuned hyperparameters, in the request's order."""
        return [one.name for one in self.ranges]

    def numbers(self) -> list[str]:
        """Those that have a range of numbers."""
        return [one.name for one in self.ranges if isinstance(one, Number)]

    def size(self) -> int:
        """How many combinations there are; of lists only, as Grid searches them."""
        return math.prod(len(one.values) for one in self.ranges if isinstance(one, Choice))

    def grid(self) -> Iterator[dict[str, str]]:
        """All combinations of lists, the last list's values changing first."""
        lists = [one for one in self.ranges if isinstance(one, Choice)]
        for combination in product(*(one.values for one in lists)):
            yield {one.name: value for one, value in zip(lists, combination, strict=True)}


def _number(given: Mapping[str, Any], *, whole: bool) -> Number:
    name = given["Name"]
    read: Callable[[str], float] = int if whole else float
    ends = []
    for end in ("MinValue", "MaxValue"):
        try:
            ends.append(read(given[end]))
        except ValueError:
            kind = "an integer" if whole else "a number"
            raise BadRange(f"{end} of hyperparameter {name} must be {kind}; found '{given[end]}'.") from None
    low, high = ends
    if not (math.isfinite(low) and math.isfinite(high)):
        raise BadRange(f"The range of hyperparameter {name} must be finite; found [{low}, {high}].")
    if low >= high:
        raise BadRange(f"MinValue of hyperparameter {name}, {low}, must be less than its MaxValue, {high}.")
    scale = given.get("ScalingType", "Auto")
    if scale == LOGARITHMIC and low <= 0:
        raise BadRange(
            f"Hyperparameter {name}: Logarithmic scaling needs a range of values greater than 0; "
            f"found MinValue {low}."
        )
    if scale == REVERSE and (whole or low < 0 or high >= 1):
        raise BadRange(
            f"Hyperparameter {name}: ReverseLogarithmic scaling needs a continuous range within 0 <= x < 1; "
            f"found [{low}, {high}]{' of integers' if whole else ''}."
        )
    if scale == "Auto":
        scale = LOGARITHMIC if low > 0 and high / low >= WIDE else LINEAR
    return Number(name, low, high, scale, whole)


def _choice(given: Mapping[str, Any]) -> Choice:
    values = tuple(given["Values"])
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise BadRange(f"Values of hyperparameter {given['Name']} must be unique; found '{twice}' twice.")
    return Choice(given["Name"], values)
