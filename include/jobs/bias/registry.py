"""The register of bias metrics: one decorated function a metric, described well enough for a report."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Function = Callable[[Any], float]
# What a docstring must say, each on a line of its own, so that a report can be read without the paper.
SECTIONS = ("Formula:", "Range:", "Sign:", "Source:")

NUMBERS = {
    "infinity": math.inf,
    "-infinity": -math.inf,
    "ln 2": math.log(2),
    "the square root of 2": math.sqrt(2),
}


class NotComputable(ValueError):
    """The metric has no value for this data; the message says why. Never replaced by a number."""


@dataclass(frozen=True)
class Metric:
    """One bias metric as reports show it."""

    name: str  # the short name, as in analysis.json
    description: str  # "Class Imbalance (CI)"
    formula: str
    low: float  # the least value it can have
    high: float  # the greatest; may be infinite
    range: str
    sign: str  # how to read a value
    compute: Function


class Registry:
    """Metrics of one stage, by short name."""

    def __init__(self) -> None:
        self._metrics: dict[str, Metric] = {}

    def metric(self, function: Function) -> Function:
        """Decorator: register the function under its own name.

        Raises ValueError if it has no docstring, if that lacks the description or one of SECTIONS, or if the
        name is taken.
        """
        name = function.__name__
        lines = [line.strip() for line in (function.__doc__ or "").strip().splitlines()]
        if not lines:
            raise ValueError(
                f"metric {name} has no docstring; expected its description and {', '.join(SECTIONS)}"
            )
        if not lines[0].endswith(f"({name})"):
            raise ValueError(
                f"metric {name}: the docstring begins {lines[0]!r}; expected 'Long Name ({name})'"
            )
        parts = {section: _section(lines, section) for section in SECTIONS}
        for section, text in parts.items():
            if not text:
                raise ValueError(f"metric {name}: the docstring has no line that begins with {section!r}")
        low, high = _limits(name, parts["Range:"])
        if name in self._metrics:
            raise ValueError(f"metric {name} is registered twice")
        self._metrics[name] = Metric(
            name=name,
            description=lines[0],
            formula=parts["Formula:"],
            low=low,
            high=high,
            range=parts["Range:"],
            sign=parts["Sign:"],
            compute=function,
        )
        return function

    @property
    def names(self) -> list[str]:
        """All short names, sorted as analysis.json lists them."""
        return sorted(self._metrics)

    def __getitem__(self, name: str) -> Metric:
        return self._metrics[name]


def measured(metric: Metric, of: Any) -> dict[str, Any]:
    """One metric's entry: its value, or null and why there is none.

    :param of: what it is computed from: a Table, or Predictions
    """
    entry: dict[str, Any] = {"name": metric.name, "description": metric.description}
    try:
        value = metric.compute(of)
    except NotComputable as reason:
        return {**entry, "value": None, "error": str(reason)}
    if math.isinf(value):  # JSON has no infinity; Clarify writes the word
        return {**entry, "value": "Infinity" if value > 0 else "-Infinity"}
    return {**entry, "value": value}


def _limits(name: str, text: str) -> tuple[float, float]:
    """The ends of a range such as "0 to ln 2, if ..."."""
    low, _, high = text.partition(",")[0].partition(" to ")
    try:
        return _end(low), _end(high)
    except ValueError:
        known = ", ".join(NUMBERS)
        raise ValueError(
            f"metric {name}: the range {text!r} is not 'LOW to HIGH', numbers or {known}"
        ) from None


def _end(text: str) -> float:
    return NUMBERS[text] if text in NUMBERS else float(text)


def _section(lines: list[str], section: str) -> str:
    """The section's text; it goes on over the lines that follow, up to the next section or an empty line."""
    text: list[str] = []
    for line in lines:
        if line.startswith(section):
            text = [line.removeprefix(section).strip()]
        elif text:
            if not line or line.startswith(SECTIONS):
                break
            text.append(line)
    return " ".join(text).strip()
