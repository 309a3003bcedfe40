"""One categorical feature: impute -> gather rare values -> encode, as learned from training rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jobs.features import encoders, sources
from jobs.features.columns import Coded, FeatureError, Types, Vector
from jobs.features.encoders import Training

ABSENT = "missing"  # the category of an absent value under `impute: constant` without a fill
RARE = "(rare)"  # the category of values that few training rows have


@dataclass(frozen=True)
class CategoricalPlan:
    """What the workflow asks of a categorical feature."""

    source: Any  # of sources.TEXT_SOURCES
    impute: str  # constant, most_frequent or refuse
    fill: str | None  # of `constant`; None: ABSENT
    unseen: str  # ignore, or refuse
    rare_share: float  # categories of a smaller share of training rows are gathered; 0: none
    encode: str  # of encoders.ENCODERS
    options: Mapping[str, Any]  # of the encoder

    @property
    def name(self) -> str:
        """What the feature is called."""
        return str(self.source.name)


@dataclass(frozen=True)
class Categorical:
    """What was learned of one categorical feature."""

    source: Any
    fill: str | None  # takes the place of an absent value; None: such a row is refused
    unseen: str  # ignore: the encoder has an answer to it; refuse: such a row is refused
    common: tuple[str, ...] | None  # values that stay; all others are RARE. None: nothing is gathered
    encoder: Any

    @property
    def name(self) -> str:
        """What the feature is called; its columns' names begin with it."""
        return str(self.source.name)

    @property
    def outputs(self) -> list[str]:
        """The columns it makes."""
        return list(self.encoder.outputs(self.name))

    @classmethod
    def fit(
        cls, plan: CategoricalPlan, train: pd.DataFrame, types: Types, training: Training
    ) -> tuple[Categorical, list[Vector]]:
        """Learn from the training rows; also gives the training rows' own columns, for which some encoders
        do not use all of what they learned. Raises FeatureError where there is nothing to learn from.
        """
        texts = plan.source.texts(train, types)
        counts = np.bincount(texts.codes[texts.codes >= 0], minlength=len(texts.values))
        if not counts.any():
            raise FeatureError(f"{plan.name}: every training row lacks a value; there are no categories")
        fill = None
        if plan.impute == "constant":
            fill = ABSENT if plan.fill is None else plan.fill
        elif plan.impute == "most_frequent":
            # Of equally frequent ones the first in the alphabet.
            fill = min(texts.values, key=lambda value: (-counts[texts.values.index(value)], value))
        common = None
        if plan.rare_share > 0:
            least = plan.rare_share * len(texts.codes)
            common = tuple(
                sorted(value for value, count in zip(texts.values, counts, strict=True) if count >= least)
            )
        feature = cls(plan.source, fill, plan.unseen, common, None)
        filled = feature._gathered(feature._imputed(texts))
        try:
            options = {**plan.options, "beside": [text for text in (fill, RARE) if text is not None]}
            encoder = encoders.ENCODERS[plan.encode].fit(filled, options, training)
        except FeatureError as error:
            raise FeatureError(f"{plan.name}: {error}") from error
        made = (
            [encoder.cross_fitted(filled, plan.options, training)]
            if isinstance(encoder, encoders.Target)
            else encoder.apply(filled)
        )
        return cls(plan.source, fill, plan.unseen, common, encoder), made

    def apply(self, rows: pd.DataFrame, types: Types) -> list[Vector]:
        """The columns of :attr:`outputs`.

        Raises FeatureError for an absent or an unseen value that is to be refused.
        """
        texts = self.prepared(self.source.texts(rows, types))
        known = self.encoder.known()
        if self.unseen == "refuse" and known is not None:
            strange = np.unique(texts.codes[texts.among(known) < 0])
            if len(strange):
                told = ", ".join(repr(texts.values[code]) for code in strange[:5])
                raise FeatureError(
                    f"{self.name}: {told} was not among the training rows' values; the workflow refuses "
                    "such rows (unseen: refuse)"
                )
        return list(self.encoder.apply(texts))

    def unseen_rows(self, rows: pd.DataFrame, types: Types) -> int:
        """How many rows have a value that no training row had."""
        known = self.encoder.known()
        texts = self.source.texts(rows, types)
        if known is None or self.common is not None:
            return 0
        return int(((texts.among(known) < 0) & (texts.codes >= 0)).sum())

    def prepared(self, texts: Coded) -> Coded:
        """The raw texts as the encoder gets them: none absent, and rare ones gathered."""
        return self._gathered(self._imputed(texts))

    def _imputed(self, texts: Coded) -> Coded:
        if self.fill is not None:
            return texts.filled(self.fill)
        absent = int((texts.codes < 0).sum())
        if absent:
            raise FeatureError(
                f"{self.name}: {absent} rows lack a value; the workflow refuses such rows (impute: refuse)"
            )
        return texts

    def _gathered(self, texts: Coded) -> Coded:
        if self.common is None:
            return texts
        places = texts.among(self.common)
        return Coded(np.where(places < 0, len(self.common), places), [*self.common, RARE])

    def to_json(self) -> dict[str, Any]:
        """As JSON, for :meth:`from_json`."""
        return {
            "name": self.name,
            "source": sources.to_json(self.source),
            "fill": self.fill,
            "unseen": self.unseen,
            "common": None if self.common is None else list(self.common),
            "encoder": encoders.to_json(self.encoder),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Categorical:
        """The feature that :meth:`to_json` wrote."""
        common = document["common"]
        return cls(
            sources.from_json(document["source"], sources.TEXT_SOURCES),
            document["fill"],
            document["unseen"],
            None if common is None else tuple(common),
            encoders.from_json(document["encoder"]),
        )
