"""One numeric feature: impute -> treat outliers -> scale, each as learned from training rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jobs.features import scales, sources
from jobs.features.columns import FeatureError, Flags, Types, Vector


def most_frequent(values: Vector) -> float:
    """The most frequent number; of equally frequent ones the least."""
    distinct, counts = np.unique(values, return_counts=True)
    return float(distinct[counts.argmax()])


# What takes the place of an absent value. `constant` is told by the workflow, `refuse` takes none.
IMPUTE: Mapping[str, Callable[[Vector], float]] = {
    "median": lambda values: float(np.median(values)),
    "mean": lambda values: float(np.mean(values)),
    "most_frequent": most_frequent,
}


def _quartiles(values: Vector, rule: Mapping[str, Any]) -> tuple[float, float]:
    low, high = np.percentile(values, (25, 75))
    reach = rule["factor"] * (high - low)
    return low - reach, high + reach


def _deviations(values: Vector, rule: Mapping[str, Any]) -> tuple[float, float]:
    reach = rule["factor"] * values.std()
    return values.mean() - reach, values.mean() + reach


# Below and above which values are outliers, learned from the training values that are there.
OUTLIERS: Mapping[str, Callable[[Vector, Mapping[str, Any]], tuple[float, float]]] = {
    "iqr": _quartiles,
    "z_score": _deviations,
    "quantiles": lambda values, rule: tuple(np.quantile(values, (rule["lower"], rule["upper"]))),
    "bounds": lambda _, rule: (rule["lower"], rule["upper"]),
}


@dataclass(frozen=True)
class NumericPlan:
    """What the workflow asks of a numeric feature."""

    source: Any  # of sources.NUMBER_SOURCES
    impute: str  # of IMPUTE, or constant, or refuse
    fill: float | None  # of `constant`
    indicator: bool  # a further column that says where a value was absent
    outliers: Mapping[str, Any] | None  # {"by": of OUTLIERS, "factor" or "lower" and "upper", "then"}
    scale: str  # of scales.SCALES

    @property
    def name(self) -> str:
        """What the feature is called."""
        return str(self.source.name)


@dataclass(frozen=True)
class Numeric:
    """What was learned of one numeric feature."""

    source: Any
    fill: float | None  # takes the place of an absent value; None: such a row is refused
    indicator: bool
    lower: float | None  # outliers lie below it ...
    upper: float | None  # ... or above it; None where none are treated
    then: str | None  # clip: an outlier becomes the bound; impute: it counts as absent
    scale: Any

    @property
    def name(self) -> str:
        """What the feature is called; its first column has that name, too."""
        return str(self.source.name)

    @property
    def outputs(self) -> list[str]:
        """The columns it makes."""
        return [self.name, f"{self.name}.missing"] if self.indicator else [self.name]

    @classmethod
    def fit(cls, plan: NumericPlan, train: pd.DataFrame, types: Types) -> Numeric:
        """Learn from the training rows. Raises FeatureError where there is nothing to learn from."""
        values = plan.source.numbers(train, types)
        present = values[~np.isnan(values)]
        if not len(present):
            raise FeatureError(
                f"{plan.name}: every training row lacks a value; there is nothing to impute or scale with"
            )
        lower = upper = then = None
        if plan.outliers is not None:
            rule = plan.outliers
            low, high = OUTLIERS[rule["by"]](present, rule)
            lower, upper, then = float(low), float(high), str(rule["then"])
            inside = present[(present >= lower) & (present <= upper)]
            if not len(inside):
                raise FeatureError(
                    f"{plan.name}: every training value is an outlier, outside {lower:g} to {upper:g}"
                )
            present = inside if then == "impute" else np.clip(present, lower, upper)
        fill = plan.fill if plan.impute == "constant" else None
        if plan.impute in IMPUTE:
            fill = IMPUTE[plan.impute](present)
        unscaled = cls(plan.source, fill, plan.indicator, lower, upper, then, scales.Unscaled())
        return cls(
            plan.source,
            fill,
            plan.indicator,
            lower,
            upper,
            then,
            scales.SCALES[plan.scale].fit(unscaled.treated(values)),
        )

    def apply(self, rows: pd.DataFrame, types: Types) -> list[Vector]:
        """The columns of :attr:`outputs`. Raises FeatureError for an absent value that is to be refused."""
        values = self.source.numbers(rows, types)
        made = [self.scale.apply(self.treated(values))]
        if self.indicator:
            made.append(np.isnan(values).astype(np.float64))
        return made

    def treated(self, values: Vector) -> Vector:
        """The raw values with outliers treated and absent ones imputed."""
        if self.lower is not None and self.upper is not None:
            if self.then == "impute":
                # Comparisons with NaN are false: absent values stay absent.
                values = np.where((values < self.lower) | (values > self.upper), np.nan, values)
            else:
                values = np.clip(values, self.lower, self.upper)
        absent: Flags = np.isnan(values)
        if not absent.any():
            return values
        if self.fill is None:
            raise FeatureError(
                f"{self.name}: {int(absent.sum())} rows lack a value; the workflow refuses such rows "
                "(impute: refuse)"
            )
        return np.where(absent, self.fill, values)

    def to_json(self) -> dict[str, Any]:
        """As JSON, for :meth:`from_json`."""
        return {
            "name": self.name,
            "source": sources.to_json(self.source),
            "fill": self.fill,
            "indicator": self.indicator,
            "lower": self.lower,
            "upper": self.upper,
            "then": self.then,
            "scale": scales.to_json(self.scale),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Numeric:
        """The feature that :meth:`to_json` wrote."""
        return cls(
            sources.from_json(document["source"], sources.NUMBER_SOURCES),
            document["fill"],
            document["indicator"],
            document["lower"],
            document["upper"],
            document["then"],
            scales.from_json(document["scale"]),
        )
