"""Where a feature's raw values come from. Nothing is learned here; absent values stay absent.

    numbers   column  ratio  date_part  text_measure
    texts     column  cross  bins

A new source is a new class in one of the two registries at the end.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import pandas as pd

from jobs.features.columns import Coded, Types, Vector, moments, numbers, texts


class NumberSource(Protocol):
    """Gives one number a row."""

    kind: ClassVar[str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The raw columns that it reads."""

    @property
    def name(self) -> str:
        """What the feature is called."""

    def numbers(self, rows: pd.DataFrame, types: Types) -> Vector:
        """float64, NaN where there is none."""


class TextSource(Protocol):
    """Gives one text a row."""

    kind: ClassVar[str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The raw columns that it reads."""

    @property
    def name(self) -> str:
        """What the feature is called."""

    def texts(self, rows: pd.DataFrame, types: Types) -> Coded:
        """The texts, -1 where there is none."""


@dataclass(frozen=True)
class Column:
    """A raw column as it is, as numbers or as texts."""

    kind: ClassVar[str] = "column"
    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The raw columns that it reads."""
        return (self.column,)

    @property
    def name(self) -> str:
        """What the feature is called."""
        return self.column

    def numbers(self, rows: pd.DataFrame, types: Types) -> Vector:
        """float64, NaN where there is none."""
        return numbers(rows, self.column, types)

    def texts(self, rows: pd.DataFrame, types: Types) -> Coded:
        """The texts, -1 where there is none."""
        return texts(rows, self.column, types)


@dataclass(frozen=True)
class Ratio:
    """One column divided by another; absent where either is, or where the divisor is 0."""

    kind: ClassVar[str] = "ratio"
    dividend: str
    divisor: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The raw columns that it reads."""
        return (self.dividend, self.divisor)

    @property
    def name(self) -> str:
        """What the feature is called."""
        return f"{self.dividend}/{self.divisor}"

    def numbers(self, rows: pd.DataFrame, types: Types) -> Vector:
        """float64, NaN where there is none."""
        above, below = numbers(rows, self.dividend, types), numbers(rows, self.divisor, types)
        with np.errstate(over="ignore"):
            made = np.divide(above, below, out=np.full_like(above, np.nan), where=below != 0)
        return np.where(np.isfinite(made), made, np.nan)  # 1e308 / 1e-308 is no number either


def _turn(places: int, function: Callable[[float], float]) -> list[float]:
    """sin or cos of each place on a circle. A table, so that every machine has the same last bit."""
    return [function(2 * math.pi * place / places) for place in range(places)]


@dataclass(frozen=True)
class _Part:
    """One part of a date: its value in pandas, the least one, and how many there are, if it is a cycle."""

    read: Callable[[Any], Any]
    first: int = 0
    cycle: int | None = None


PARTS: Mapping[str, _Part] = {
    "year": _Part(lambda dates: dates.year),
    "quarter": _Part(lambda dates: dates.quarter, 1, 4),
    "month": _Part(lambda dates: dates.month, 1, 12),
    "day": _Part(lambda dates: dates.day, 1, 31),
    "day_of_year": _Part(lambda dates: dates.dayofyear, 1, 366),
    "weekday": _Part(lambda dates: dates.dayofweek, 0, 7),  # Monday is 0
    "weekend": _Part(lambda dates: dates.dayofweek >= 5),
    "hour": _Part(lambda dates: dates.hour, 0, 24),
}
TURNS: Mapping[str, Callable[[float], float]] = {"sin": math.sin, "cos": math.cos}


@dataclass(frozen=True)
class DatePart:
    """A part of a date or time, or the sine or cosine of its place in its cycle."""

    kind: ClassVar[str] = "date_part"
    column: str
    part: str  # of PARTS
    turn: str | None = None  # of TURNS: December is next to January

    @property
    def columns(self) -> tuple[str, ...]:
        """The raw columns that it reads."""
        return (self.column,)

    @property
    def name(self) -> str:
        """What the feature is called."""
        return f"{self.column}.{self.part}" + (f".{self.turn}" if self.turn else "")

    def numbers(self, rows: pd.DataFrame, types: Types) -> Vector:
        """float64, NaN where there is none."""
        dates = moments(rows, self.column, types)
        part = PARTS[self.part]
        values = np.asarray(part.read(dates.dt), dtype=np.float64)
        absent = dates.isna().to_numpy()
        if self.turn is not None and part.cycle is not None:
            table = np.array(_turn(part.cycle, TURNS[self.turn]))
            values = table[np.where(absent, part.first, values).astype(np.intp) - part.first]
        return np.where(absent, np.nan, values)


MEASURES: Mapping[str, Callable[[str], float]] = {
    "characters": len,
    "words": lambda text: len(text.split()),
    "digits": lambda text: sum(character.isdigit() for character in text),
}


@dataclass(frozen=True)
class TextMeasure:
    """How long a text is."""

    kind: ClassVar[str] = "text_measure"
    column: str
    measure: str  # of MEASURES

    @property
    def columns(self) -> tuple[str, ...]:
        """The raw columns that it reads."""
        return (self.column,)

    @property
    def name(self) -> str:
        """What the feature is called."""
        return f"{self.column}.{self.measure}"

    def numbers(self, rows: pd.DataFrame, types: Types) -> Vector:
        """float64, NaN where there is none."""
        return texts(rows, self.column, types).map(MEASURES[self.measure])


@dataclass(frozen=True)
class Cross:
    """Several categorical columns taken as one; absent where one of them is."""

    kind: ClassVar[str] = "cross"
    columns: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(self.columns))  # JSON has lists only

    @property
    def name(self) -> str:
        """What the feature is called."""
        return "&".join(self.columns)

    def texts(self, rows: pd.DataFrame, types: Types) -> Coded:
        """The texts, -1 where there is none."""
        first, *others = (texts(rows, name, types) for name in self.columns)
        codes, values = first.codes, first.values
        for other in others:
            width = len(other.values)
            both = np.where((codes < 0) | (other.codes < 0), -1, codes * width + other.codes)
            places, distinct = pd.factorize(both, use_na_sentinel=False)
            known = [
                f"{values[pair // width]}&{other.values[pair % width]}" for pair in distinct if pair >= 0
            ]
            order = np.cumsum(distinct >= 0) - 1  # the place of each pair once -1 is taken out
            codes, values = np.where(distinct >= 0, order, -1)[places], known
        # Two pairs may read alike, "a&b" with "c" and "a" with "b&c": they are one category then.
        unique = list(dict.fromkeys(values))
        if len(unique) < len(values):
            codes = np.array([*(unique.index(value) for value in values), -1], dtype=np.intp)[codes]
        return Coded(np.asarray(codes, dtype=np.intp), unique)


@dataclass(frozen=True)
class Bins:
    """In which interval a number lies: below the first edge, between two, or from the last one on."""

    kind: ClassVar[str] = "bins"
    column: str
    edges: tuple[float, ...]  # ascending, at least one

    def __post_init__(self) -> None:
        object.__setattr__(self, "edges", tuple(self.edges))

    @property
    def columns(self) -> tuple[str, ...]:
        """The raw columns that it reads."""
        return (self.column,)

    @property
    def name(self) -> str:
        """What the feature is called."""
        return f"{self.column}.bin"

    @property
    def values(self) -> list[str]:
        """The intervals in words, from the lowest to the highest."""
        told = [f"{edge:g}" if float(f"{edge:g}") == edge else repr(edge) for edge in self.edges]
        inner = [f"{low}..{high}" for low, high in itertools.pairwise(told)]
        return [f"<{told[0]}", *inner, f">={told[-1]}"]

    def texts(self, rows: pd.DataFrame, types: Types) -> Coded:
        """The texts, -1 where there is none."""
        values = numbers(rows, self.column, types)
        places = np.searchsorted(np.array(self.edges), values, side="right")
        return Coded(np.where(np.isnan(values), -1, places), self.values)


NUMBER_SOURCES: Mapping[str, Any] = {each.kind: each for each in (Column, Ratio, DatePart, TextMeasure)}
TEXT_SOURCES: Mapping[str, Any] = {each.kind: each for each in (Column, Cross, Bins)}


def to_json(source: Any) -> dict[str, Any]:
    """A source as JSON: its kind and its fields."""
    return {"kind": source.kind, **asdict(source)}


def from_json(document: Mapping[str, Any], sources: Mapping[str, Any]) -> Any:
    """The source that :func:`to_json` wrote. Raises KeyError for a kind that is not among them."""
    fields = dict(document)
    return sources[fields.pop("kind")](**fields)
