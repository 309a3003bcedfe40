"""The feature transformer: fitted on the training split, applied alike in every job and at the endpoint.

    raw columns -> impute -> scale -> cross        numbers
                -> impute -> one column a category  text

It is plain JSON and plain pandas, no pickle, so any image can apply it and anyone can read what it will do.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

VERSION = 1
UNKNOWN = "missing"  # the category of an absent value under `impute: {categorical: constant}`
NUMERIC_TYPES = ("integer", "number", "boolean")

Matrix = npt.NDArray[np.float64]


class FeatureError(ValueError):
    """The data does not fit the features asked for; the message names the column."""


@dataclass(frozen=True)
class Numeric:
    """What was learnt about one numeric column."""

    name: str
    fill: float  # takes the place of an absent value
    center: float  # subtracted
    spread: float  # divided by; never 0


@dataclass(frozen=True)
class Categorical:
    """What was learnt about one categorical column."""

    name: str
    fill: str  # takes the place of an absent value
    categories: tuple[str, ...]  # one output column each; any other value is all zeros


@dataclass(frozen=True)
class FeatureTransformer:
    """Turns raw rows into the numbers that the model sees: always the same columns in one order."""

    numeric: tuple[Numeric, ...]
    categorical: tuple[Categorical, ...]
    interactions: tuple[tuple[str, str], ...]  # products of two numeric columns, after scaling
    types: Mapping[str, str]  # of the input columns, as in the workflow file

    @classmethod
    def fit(
        cls, train: pd.DataFrame, features: Mapping[str, Any], types: Mapping[str, str]
    ) -> FeatureTransformer:
        """Learn from the training rows only.

        `features` is that part of the workflow file, `types` the type of every curated column by name.
        Raises FeatureError for a column that is unknown, has the wrong type or holds no value at all.
        """
        impute = features.get("impute") or {}
        numeric = [
            _fit_numeric(
                name,
                _numbers(train, name, types),
                impute.get("numeric", "median"),
                features.get("scale", "none"),
            )
            for name in features.get("numeric", ())
        ]
        categorical = [
            _fit_categorical(name, _texts(train, name, types), impute.get("categorical", "constant"))
            for name in features.get("categorical", ())
        ]
        if not numeric and not categorical:
            raise FeatureError("the workflow names no features; expected numeric or categorical columns")
        known = {column.name for column in numeric}
        for pair in features.get("interactions", ()):
            for name in pair:
                if name not in known:
                    raise FeatureError(
                        f"the interaction {pair[0]} * {pair[1]} needs {name} among the numeric features"
                    )
        names = [*features.get("numeric", ()), *features.get("categorical", ())]
        return cls(
            numeric=tuple(numeric),
            categorical=tuple(categorical),
            interactions=tuple((first, second) for first, second in features.get("interactions", ())),
            types={name: types[name] for name in names},
        )

    @property
    def inputs(self) -> list[str]:
        """The raw columns that a record needs, in the order of a CSV request."""
        return [*(column.name for column in self.numeric), *(column.name for column in self.categorical)]

    @property
    def outputs(self) -> list[str]:
        """The names of the model's columns, in their order."""
        return [
            *(column.name for column in self.numeric),
            *(f"{first}*{second}" for first, second in self.interactions),
            *(f"{column.name}={category}" for column in self.categorical for category in column.categories),
        ]

    def transform(self, rows: pd.DataFrame) -> Matrix:
        """The rows as numbers, one column for each of `outputs`, none of them NaN.

        Raises FeatureError for an absent column, or for text where a number belongs.
        """
        scaled = {
            column.name: (_numbers(rows, column.name, self.types, column.fill) - column.center)
            / column.spread
            for column in self.numeric
        }
        columns = list(scaled.values())
        columns += [scaled[first] * scaled[second] for first, second in self.interactions]
        for column in self.categorical:
            texts = _texts(rows, column.name, self.types, column.fill)
            columns += [(texts == category).astype(np.float64) for category in column.categories]
        return np.column_stack(columns).astype(np.float64, copy=False)

    @property
    def digest(self) -> str:
        """SHA-256 of what was learnt: two transformers with one digest do the same."""
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
            numeric=tuple(Numeric(**column) for column in document["numeric"]),
            categorical=tuple(
                Categorical(column["name"], column["fill"], tuple(column["categories"]))
                for column in document["categorical"]
            ),
            interactions=tuple((first, second) for first, second in document["interactions"]),
            types={column["name"]: column["type"] for column in document["inputs"]},
        )
        if document.get("digest") != transformer.digest:
            raise FeatureError("the transformer's digest is not that of its content: it was changed by hand")
        return transformer

    def _content(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "inputs": [{"name": name, "type": self.types[name]} for name in self.inputs],
            "outputs": [{"name": name, "type": "number"} for name in self.outputs],
            "numeric": [vars(column) for column in self.numeric],
            "categorical": [
                {**vars(column), "categories": list(column.categories)} for column in self.categorical
            ],
            "interactions": [list(pair) for pair in self.interactions],
        }


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _fit_numeric(name: str, values: Matrix, impute: str, scale: str) -> Numeric:
    present = values[~np.isnan(values)]
    if not len(present):
        raise FeatureError(
            f"{name}: every training row lacks a value; there is nothing to impute or scale with"
        )
    fill = float(_choose("features.impute.numeric", impute, {"median": np.median, "mean": np.mean})(present))
    filled = np.where(np.isnan(values), fill, values)
    center, spread = _choose(
        "features.scale",
        scale,
        {
            "standard": lambda column: (column.mean(), column.std()),
            "min_max": lambda column: (column.min(), column.max() - column.min()),
            "none": lambda _: (0.0, 1.0),
        },
    )(filled)
    # A constant column has no spread; it becomes 0 instead of a division by zero.
    return Numeric(name, fill, float(center), float(spread) or 1.0)


def _fit_categorical(name: str, texts: npt.NDArray[np.object_], impute: str) -> Categorical:
    present = [text for text in texts if text is not None]
    if not present:
        raise FeatureError(f"{name}: every training row lacks a value; there are no categories")
    counts = Counter(
        sorted(present)
    )  # sorted, so that of equally frequent ones the first in the alphabet wins
    fill = _choose(
        "features.impute.categorical",
        impute,
        {"constant": lambda: UNKNOWN, "most_frequent": lambda: counts.most_common(1)[0][0]},
    )()
    categories = set(counts) | ({UNKNOWN} if fill == UNKNOWN and len(present) < len(texts) else set())
    return Categorical(name, fill, tuple(sorted(categories)))


def _choose(setting: str, value: str, choices: Mapping[str, Any]) -> Any:
    if value not in choices:
        raise FeatureError(f"{setting} is {value!r}; expected one of {', '.join(choices)}")
    return choices[value]


def _numbers(rows: pd.DataFrame, name: str, types: Mapping[str, str], fill: float = np.nan) -> Matrix:
    _require(rows, name, types, NUMERIC_TYPES, "numeric")
    try:
        values = pd.to_numeric(rows[name]).to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise FeatureError(f"{name}: expected numbers; {error}") from error
    if np.isinf(values).any():
        raise FeatureError(f"{name}: expected finite numbers, found infinity")
    return np.where(np.isnan(values), fill, values)


def _texts(
    rows: pd.DataFrame, name: str, types: Mapping[str, str], fill: str | None = None
) -> npt.NDArray[np.object_]:
    _require(rows, name, types, ("string", *NUMERIC_TYPES), "categorical")
    values = rows[name]
    kind = types[name]
    texts = [
        fill if absent else _text(value, kind) for value, absent in zip(values, values.isna(), strict=True)
    ]
    return np.array(texts, dtype=object)


def _text(value: Any, kind: str) -> str:
    """One spelling a value: pandas turns a column of whole numbers into floats as soon as one is absent."""
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "integer":
        return str(int(value))
    return str(value)


def _require(
    rows: pd.DataFrame, name: str, types: Mapping[str, str], allowed: Sequence[str], use: str
) -> None:
    if name not in types:
        raise FeatureError(f"{name}: no such column; the workflow has {', '.join(types)}")
    if types[name] not in allowed:
        raise FeatureError(f"{name}: a {use} feature is {' or '.join(allowed)}, not {types[name]}")
    if name not in rows.columns:
        raise FeatureError(f"{name}: missing from the rows; they have {', '.join(map(str, rows.columns))}")
