"""How the numbers of a feature are scaled. Each scale is learned from training values without absent ones.

A new scale is a new class in the registry at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from jobs.features.columns import Vector

if TYPE_CHECKING:
    from typing_extensions import Self

QUANTILES = 101  # how finely the quantile scale keeps a distribution: every percent


class Scale(Protocol):
    """Turns numbers into others, each by itself."""

    kind: ClassVar[str]

    @classmethod
    def fit(cls, values: Vector) -> Self:
        """Learn from training values."""

    def apply(self, values: Vector) -> Vector:
        """The scaled values, finite where the values are."""


@dataclass(frozen=True)
class _Linear:
    center: float  # subtracted
    spread: float  # divided by; never 0: a constant column has none, and becomes 0

    def apply(self, values: Vector) -> Vector:
        """The scaled values."""
        return (values - self.center) / self.spread


@dataclass(frozen=True)
class Standard(_Linear):
    """Mean 0 and standard deviation 1 (of the population, as scikit-learn's StandardScaler)."""

    kind: ClassVar[str] = "standard"

    @classmethod
    def fit(cls, values: Vector) -> Self:
        """Learn from training values."""
        return cls(float(values.mean()), float(values.std()) or 1.0)


@dataclass(frozen=True)
class MinMax(_Linear):
    """From 0 to 1; beyond what training rows had, beyond that (as scikit-learn's MinMaxScaler)."""

    kind: ClassVar[str] = "min_max"

    @classmethod
    def fit(cls, values: Vector) -> Self:
        """Learn from training values."""
        low, high = float(values.min()), float(values.max())
        return cls(low, (high - low) or 1.0)


@dataclass(frozen=True)
class Robust(_Linear):
    """Median 0 and interquartile range 1 (as scikit-learn's RobustScaler)."""

    kind: ClassVar[str] = "robust"

    @classmethod
    def fit(cls, values: Vector) -> Self:
        """Learn from training values."""
        low, middle, high = np.percentile(values, (25, 50, 75))
        return cls(float(middle), float(high - low) or 1.0)


@dataclass(frozen=True)
class Quantile:
    """The share of training values below: uniform between 0 and 1 (as scikit-learn's QuantileTransformer)."""

    kind: ClassVar[str] = "quantile"
    references: tuple[float, ...]  # the values at 0, 1, ..., 100 percent

    def __post_init__(self) -> None:
        object.__setattr__(self, "references", tuple(self.references))

    @classmethod
    def fit(cls, values: Vector) -> Self:
        """Learn from training values."""
        found = np.percentile(values, np.linspace(0, 100, QUANTILES))
        return cls(tuple(float(value) for value in np.maximum.accumulate(found)))

    def apply(self, values: Vector) -> Vector:
        """The scaled values."""
        references = np.array(self.references)
        shares = np.linspace(0, 1, len(references))
        # Up and down, so that a value that fills several percent lies in their middle.
        up = np.interp(values, references, shares)
        down = -np.interp(-values, -references[::-1], -shares[::-1])
        made = (up + down) / 2
        return np.where(values <= references[0], 0.0, np.where(values >= references[-1], 1.0, made))


@dataclass(frozen=True)
class Log:
    """sign(x) ln(1 + |x|): large values come closer, small ones stay, negative ones are allowed."""

    kind: ClassVar[str] = "log"

    @classmethod
    def fit(cls, values: Vector) -> Self:  # noqa: ARG003
        """There is nothing to learn."""
        return cls()

    def apply(self, values: Vector) -> Vector:
        """The scaled values."""
        return np.copysign(np.log1p(np.abs(values)), values)


@dataclass(frozen=True)
class Unscaled:
    """As it is."""

    kind: ClassVar[str] = "none"

    @classmethod
    def fit(cls, values: Vector) -> Self:  # noqa: ARG003
        """There is nothing to learn."""
        return cls()

    def apply(self, values: Vector) -> Vector:
        """The scaled values."""
        return values


SCALES: Mapping[str, Any] = {each.kind: each for each in (Standard, MinMax, Robust, Quantile, Log, Unscaled)}


def to_json(scale: Any) -> dict[str, Any]:
    """A fitted scale as JSON."""
    return {"kind": scale.kind, **asdict(scale)}


def from_json(document: Mapping[str, Any]) -> Any:
    """The scale that :func:`to_json` wrote. Raises KeyError for an unknown kind."""
    fields = dict(document)
    return SCALES[fields.pop("kind")](**fields)
