"""The feature transformer: fitted on the training split, applied alike in every job and at the endpoint.

    raw columns -> numeric features      -> products of them  \\
                -> categorical features                        -> the columns that were selected

It is plain JSON and plain numpy, no pickle, so any image can apply it and anyone can read what it will do.
Columns are 32-bit floats, as XGBoost keeps them: what is written for training, read again and computed anew
for a single request is the same to the last bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from jobs.features import bins, selection
from jobs.features.categorical import Categorical
from jobs.features.columns import FeatureError, Matrix, Types, Vector
from jobs.features.encoders import Training
from jobs.features.numeric import Numeric
from jobs.features.plan import BinsPlan, Plan

VERSION = 2
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Learned:
    """What comes of fitting."""

    transformer: FeatureTransformer
    train: Matrix  # the training rows' own columns, target encodings cross-fitted
    left_out: list[selection.LeftOut]
    moments: selection.Moments  # of the columns before the selection, named by `made`
    made: list[str]


@dataclass(frozen=True)
class FeatureTransformer:
    """Turns raw rows into the numbers that the model sees: always the same columns in one order."""

    numeric: tuple[Numeric, ...]
    products: tuple[tuple[str, str], ...]  # of two numeric features, after scaling
    categorical: tuple[Categorical, ...]
    outputs: tuple[str, ...]  # the columns that were selected
    types: Types  # of the input columns, as in the workflow file

    @classmethod
    def fit(cls, train: pd.DataFrame, plan: Plan, types: Types, training: Training) -> Learned:
        """Learn from the training rows only.

        :param train: raw training rows
        :param types: the type of every curated column by name
        :param training: labels, weights and keys of the same rows
        Raises FeatureError for a column that is unknown, has the wrong type or holds no value at all.
        """
        names: list[str] = []
        narrow: list[npt.NDArray[np.float32]] = []

        def keep(made: Sequence[str], values: Sequence[Vector]) -> None:
            # At once as narrow as they will be: all of them are in memory together.
            names.extend(made)
            narrow.extend(_narrow(name, column) for name, column in zip(made, values, strict=True))

        factors = {name for pair in plan.products for name in pair}
        scaled: dict[str, Vector] = {}
        numeric = []
        for number in plan.numeric:
            fitted = Numeric.fit(number, train, types)
            values = fitted.apply(train, types)
            keep(fitted.outputs, values)
            numeric.append(fitted)
            if number.name in factors:
                scaled[number.name] = values[0]
        for first, second in plan.products:
            keep([f"{first}*{second}"], [scaled[first] * scaled[second]])
        categorical = []
        for text in plan.categorical:
            asked = text.categorical(bins.fit(text, train, types)) if isinstance(text, BinsPlan) else text
            feature, values = Categorical.fit(asked, train, types, training)
            keep(feature.outputs, values)
            categorical.append(feature)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise FeatureError(f"two features are called {', '.join(twice)}")
        matrix = np.empty((len(train), len(names)), dtype=np.float32, order="F")
        for place, column in enumerate(narrow):
            matrix[:, place] = column
        narrow.clear()
        found = selection.moments(matrix, training.positives)
        outputs, left = selection.select(names, found, plan.select)
        if not outputs:
            raise FeatureError("no feature stays: features.select leaves out every column")
        whole = cls(tuple(numeric), plan.products, tuple(categorical), tuple(outputs), dict(types))
        if len(outputs) < len(names):
            matrix = np.asfortranarray(matrix[:, [names.index(name) for name in outputs]])
        return Learned(whole.pruned(), matrix, left, found, names)

    @property
    def inputs(self) -> list[str]:
        """The raw columns that a record needs, in the order of a CSV request."""
        features: list[Numeric | Categorical] = [*self.numeric, *self.categorical]
        return list(dict.fromkeys(name for each in features for name in each.source.columns))

    def transform(self, rows: pd.DataFrame) -> Matrix:
        """The rows as numbers, one column for each of `outputs`, none of them NaN.

        Raises FeatureError for an absent column, for text where a number belongs, and for a value that the
        workflow refuses.
        """
        wanted = {name: place for place, name in enumerate(self.outputs)}
        made = np.empty((len(rows), len(wanted)), dtype=np.float32, order="F")

        def put(names: Sequence[str], columns: Sequence[Vector]) -> None:
            for name, column in zip(names, columns, strict=True):
                if name in wanted:
                    made[:, wanted[name]] = _narrow(name, column)

        factors = {name for pair in self.products for name in pair}
        values: dict[str, Vector] = {}
        for number in self.numeric:
            columns = number.apply(rows, self.types)
            put(number.outputs, columns)
            if number.name in factors:
                values[number.name] = columns[0]
        for first, second in self.products:
            put([f"{first}*{second}"], [values[first] * values[second]])
        for text in self.categorical:
            put(text.outputs, text.apply(rows, self.types))
        return made

    @property
    def origins(self) -> list[tuple[str, ...]]:
        """Of each of `outputs` the raw columns that it was made of."""
        features: list[Numeric | Categorical] = [*self.numeric, *self.categorical]
        made = {name: each.source.columns for each in features for name in each.outputs}
        factors = {each.name: each.source.columns for each in self.numeric}
        for pair in self.products:
            both = [column for name in pair for column in factors[name]]
            made["*".join(pair)] = tuple(dict.fromkeys(both))
        return [made[name] for name in self.outputs]

    @property
    def digest(self) -> str:
        """SHA-256 of what was learned: two transformers with one digest do the same."""
        return hashlib.sha256(_canonical(self._content()).encode()).hexdigest()

    def to_json(self) -> str:
        """The transformer as a JSON document that `from_json` reads back, with its digest."""
        return json.dumps({**self._content(), "digest": self.digest}, indent=2, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> FeatureTransformer:
        """Read a transformer. Raises FeatureError for another version, or a document changed by hand."""
        document = json.loads(text)
        if document.get("version") != VERSION:
            raise FeatureError(
                f"the transformer has version {document.get('version')!r}; this code reads {VERSION}"
            )
        transformer = cls(
            numeric=tuple(Numeric.from_json(each) for each in document["numeric"]),
            products=tuple((first, second) for first, second in document["products"]),
            categorical=tuple(Categorical.from_json(each) for each in document["categorical"]),
            outputs=tuple(column["name"] for column in document["outputs"]),
            types={column["name"]: column["type"] for column in document["inputs"]},
        )
        if document.get("digest") != transformer.digest:
            raise FeatureError("the transformer's digest is not that of its content: it was changed by hand")
        return transformer

    def _content(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "inputs": [{"name": name, "type": self.types[name]} for name in self.inputs],
            "outputs": [{"name": name, "type": "float32"} for name in self.outputs],
            "numeric": [each.to_json() for each in self.numeric],
            "products": [list(pair) for pair in self.products],
            "categorical": [each.to_json() for each in self.categorical],
        }

    def pruned(self) -> FeatureTransformer:
        """Without what no selected column needs: a record need not name what is not looked at."""
        products = tuple(pair for pair in self.products if "*".join(pair) in self.outputs)
        factors = {name for pair in products for name in pair}
        numeric = tuple(
            each for each in self.numeric if each.name in factors or set(each.outputs) & set(self.outputs)
        )
        categorical = tuple(each for each in self.categorical if set(each.outputs) & set(self.outputs))
        whole = FeatureTransformer(numeric, products, categorical, self.outputs, self.types)
        return FeatureTransformer(
            numeric, products, categorical, self.outputs, {name: self.types[name] for name in whole.inputs}
        )


def _narrow(name: str, column: Vector) -> npt.NDArray[np.float32]:
    """The column in 32 bits. Raises FeatureError for a number that is too large for them."""
    largest = float(np.abs(column).max(initial=0.0))
    if largest > LARGEST:
        raise FeatureError(
            f"{name}: {largest:g} is too large for the model, which keeps numbers up to {LARGEST:.4g}; "
            "scale the column or treat its outliers"
        )
    return column.astype(np.float32)


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
