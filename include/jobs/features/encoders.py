"""How texts become numbers. Each encoder is learned from training rows; absent values are filled before.

    one_hot   a column for each category                        an unseen one: all zeros
    ordinal   the category's place, as declared or by alphabet  an unseen one: -1
    target    the share of positive labels, smoothed            an unseen one: the share of all rows
    hash      one of a fixed number of columns, by a hash       no category is unseen

A new encoder is a new class in the registry at the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from jobs.features.columns import Coded, FeatureError, Flags, Vector

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Training:
    """What an encoder may look at besides the texts, all of training rows."""

    positives: Flags
    weights: Vector  # what each row counts for
    keys: Sequence[str]  # rows of one key are copies of each other

    @cached_property
    def places(self) -> npt.NDArray[np.uint64]:
        """A number for each row, which follows from its key alone and is spread evenly."""
        return np.array([_number(f"fold:{key}") for key in self.keys], dtype=np.uint64)


class Encoder(Protocol):
    """Turns texts into columns of numbers."""

    kind: ClassVar[str]

    @classmethod
    def fit(cls, texts: Coded, options: Mapping[str, Any], training: Training) -> Self:
        """Learn from training rows; none of the texts is absent."""

    def outputs(self, name: str) -> list[str]:
        """The names of the columns for a feature of that name."""

    def apply(self, texts: Coded) -> list[Vector]:
        """The columns of the texts."""

    def known(self) -> tuple[str, ...] | None:
        """The categories that training rows had; None where they do not matter."""


@dataclass(frozen=True)
class _Categories:
    places_beside: ClassVar[bool] = True  # whether what is not in a declared order has a place of its own
    categories: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "categories", tuple(self.categories))

    @classmethod
    def fit(cls, texts: Coded, options: Mapping[str, Any], training: Training) -> Self:  # noqa: ARG003
        """Learn from training rows."""
        seen = {texts.values[code] for code in np.unique(texts.codes)}
        order = options.get("order")
        if order is None:
            return cls(tuple(sorted(seen)))
        # An order says nothing of what stands for absent and rare values.
        beside = [name for name in options.get("beside", ()) if name in seen and name not in order]
        strange = sorted(seen - {*order, *beside})
        if strange:
            raise FeatureError(f"its order lacks {', '.join(strange[:5])}, which training rows have")
        return cls((*order, *(beside if cls.places_beside else ())))

    def known(self) -> tuple[str, ...] | None:
        """The categories that training rows had; None where they do not matter."""
        return self.categories


@dataclass(frozen=True)
class OneHot(_Categories):
    """1 in the column of the row's category, 0 in the others."""

    kind: ClassVar[str] = "one_hot"

    def outputs(self, name: str) -> list[str]:
        """The names of the columns."""
        return [f"{name}={category}" for category in self.categories]

    def apply(self, texts: Coded) -> list[Vector]:
        """The columns of the texts."""
        places = texts.among(self.categories)
        return [(places == place).astype(np.float64) for place in range(len(self.categories))]


@dataclass(frozen=True)
class Ordinal(_Categories):
    """The category's place in the order."""

    kind: ClassVar[str] = "ordinal"
    places_beside: ClassVar[bool] = False  # -1, as what was never seen

    def outputs(self, name: str) -> list[str]:
        """The names of the columns."""
        return [f"{name}.order"]

    def apply(self, texts: Coded) -> list[Vector]:
        """The columns of the texts."""
        return [texts.among(self.categories).astype(np.float64)]


@dataclass(frozen=True)
class Target:
    """The share of positive labels among a category's rows, drawn towards that of all rows.

    (positives + smoothing * prior) / (rows + smoothing), so that a rare category says little.
    Training rows get the share of the *other* folds' rows (cross-fitting): a row's own label would otherwise
    be in its feature. Copies of a row lie in one fold.
    """

    kind: ClassVar[str] = "target"
    prior: float
    rates: Mapping[str, float]  # by category

    @classmethod
    def fit(cls, texts: Coded, options: Mapping[str, Any], training: Training) -> Self:
        """Learn from training rows."""
        rates, prior = cls._rates(
            texts, options["smoothing"], training, np.ones(len(texts.codes), dtype=bool)
        )
        seen = sorted(np.unique(texts.codes), key=texts.values.__getitem__)
        return cls(prior, {texts.values[code]: float(rates[code]) for code in seen})

    @staticmethod
    def _rates(texts: Coded, smoothing: float, training: Training, chosen: Flags) -> tuple[Vector, float]:
        codes, weights = texts.codes[chosen], training.weights[chosen]
        hits = weights * training.positives[chosen]
        total = weights.sum()
        prior = float(hits.sum() / total) if total else 0.0
        places = len(texts.values)
        rows = np.bincount(codes, weights, places)
        below = rows + smoothing
        above = np.bincount(codes, hits, places) + smoothing * prior
        return np.divide(above, below, out=np.full(places, prior), where=below > 0), prior

    @classmethod
    def cross_fitted(cls, texts: Coded, options: Mapping[str, Any], training: Training) -> Vector:
        """The feature of the training rows themselves."""
        folds = int(options["folds"])
        fold = training.places % folds
        made = np.empty(len(fold))
        for each in range(folds):
            rates, _ = cls._rates(texts, options["smoothing"], training, fold != each)
            made[fold == each] = rates[texts.codes[fold == each]]
        return made

    def outputs(self, name: str) -> list[str]:
        """The names of the columns."""
        return [f"{name}.rate"]

    def apply(self, texts: Coded) -> list[Vector]:
        """The columns of the texts."""
        return [texts.map(lambda text: self.rates.get(text, self.prior), self.prior)]

    def known(self) -> tuple[str, ...] | None:
        """The categories that training rows had; None where they do not matter."""
        return tuple(self.rates)


@dataclass(frozen=True)
class Hash:
    """1 in the column that a hash of the text names: for many categories, some of which share one."""

    kind: ClassVar[str] = "hash"
    buckets: int

    @classmethod
    def fit(cls, texts: Coded, options: Mapping[str, Any], training: Training) -> Self:  # noqa: ARG003
        """Nothing but the number is needed."""
        return cls(int(options["buckets"]))

    def outputs(self, name: str) -> list[str]:
        """The names of the columns."""
        return [f"{name}#{bucket}" for bucket in range(self.buckets)]

    def apply(self, texts: Coded) -> list[Vector]:
        """The columns of the texts."""
        buckets = texts.map(lambda text: _bucket(text, self.buckets), -1)
        return [(buckets == bucket).astype(np.float64) for bucket in range(self.buckets)]

    def known(self) -> tuple[str, ...] | None:
        """The categories that training rows had; None where they do not matter."""
        return None


def _bucket(text: str, buckets: int) -> int:
    return _number(text) % buckets


def _number(text: str) -> int:
    """Spread evenly over 64 bits, the same on every machine (Python's own hash is not)."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


ENCODERS: Mapping[str, Any] = {each.kind: each for each in (OneHot, Ordinal, Target, Hash)}


def to_json(encoder: Any) -> dict[str, Any]:
    """A fitted encoder as JSON."""
    return {"kind": encoder.kind, **asdict(encoder)}


def from_json(document: Mapping[str, Any]) -> Any:
    """The encoder that :func:`to_json` wrote. Raises KeyError for an unknown kind."""
    fields = dict(document)
    return ENCODERS[fields.pop("kind")](**fields)
