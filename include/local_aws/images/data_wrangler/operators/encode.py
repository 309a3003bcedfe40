"""Encode categorical: ordinal numbers, or one column a category."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from local_aws.images.data_wrangler.parameters import Column, EachColumn, Flag, OneOf
from local_aws.images.data_wrangler.problems import CannotDo
from local_aws.images.data_wrangler.registry import choice, operation
from local_aws.images.data_wrangler.trained import spark_model
from local_aws.images.data_wrangler.values import (
    FLOAT,
    NUMERIC,
    STRING,
    Table,
    Vector,
    arrow,
    column,
    from_arrow,
    kind_of,
    new,
    rows,
    texts,
    with_column,
)

OPERATOR = "sagemaker.spark.encode_categorical_0.1"


def labels_of(text: pd.Series[Any]) -> list[str]:
    """Categories in the order of Spark's StringIndexer: most frequent first, equal ones by the alphabet."""
    counts = text.value_counts()
    return sorted(counts.index, key=lambda value: (-counts[value], value))


def known_labels(trained: dict[str, Any]) -> list[str] | None:
    """The categories that an earlier run has found, in order."""
    mapping = trained.get("encoder_mapping")
    if mapping is not None:
        return [str(mapping[place]) for place in sorted(mapping, key=int)]
    if "string_indexer_model" in trained:
        row = spark_model(trained["string_indexer_model"])[0]
        return list(row["labelsArray"][0] if "labelsArray" in row else row["labels"])
    return None


def _categories(table: Table, name: str) -> pd.Series[Any]:
    series = column(table, name)
    if kind_of(series) not in (STRING, *NUMERIC):
        raise CannotDo(
            f"column {name!r} is {kind_of(series)}; allowed: string, long or float, so cast it first"
        )
    return from_arrow(texts(series).cast(pa.large_string()))


def _codes(text: pd.Series[Any], labels: list[str], name: str, strategy: str) -> Any:
    """The place of each value among the labels; ``len(labels)`` for a value that is missing or new."""
    found = pc.index_in(arrow(text), pa.array(labels, pa.large_string()))
    codes = pc.fill_null(found, len(labels)).to_numpy().astype("int64")
    unknown = codes == len(labels)
    if strategy == "Error" and unknown.any():
        value = text[unknown].iloc[0]
        what = "a missing value" if pd.isna(value) else f"the new value {value!r}"
        raise CannotDo(
            f"column {name!r} has {what} in row {int(np.flatnonzero(unknown)[0])}, and "
            "invalid_handling_strategy is Error; allowed: clean data, or another strategy"
        )
    return codes


def _mapping(labels: list[str]) -> dict[str, Any]:
    return {"encoder_mapping": {str(place): label for place, label in enumerate(labels)}}


@operation(
    OPERATOR,
    choice("Ordinal encode", "ordinal_encode_parameters"),
    fits=("invalid_handling_strategy",),
    input_column=EachColumn(),
    output_column=Column(default=None),
    invalid_handling_strategy=OneOf("Skip", "Error", "Keep", "Replace with NaN", default="Error"),
)
def ordinal_encode(
    table: Table,
    trained: dict[str, Any],
    *,
    input_column: str,
    output_column: str | None,
    invalid_handling_strategy: str,
) -> tuple[Table, dict[str, Any]]:
    """The category's place among all, most frequent first, as a float. Empty texts are a category."""
    text = _categories(table, input_column)
    labels = known_labels(trained)
    if labels is None:
        labels = labels_of(text)
    codes = _codes(text, labels, input_column, invalid_handling_strategy)
    encoded = codes.astype("float64")
    if invalid_handling_strategy == "Replace with NaN":
        encoded[codes == len(labels)] = np.nan
    done = with_column(table, output_column or input_column, new(encoded, FLOAT))
    if invalid_handling_strategy == "Skip":
        done = rows(done, np.flatnonzero(codes < len(labels)))
    return done, _mapping(labels)


@operation(
    OPERATOR,
    choice("One-hot encode", "one_hot_encode_parameters"),
    fits=("invalid_handling_strategy", "drop_last="),
    input_column=EachColumn(),
    output_column=Column(default=None),
    invalid_handling_strategy=OneOf("Skip", "Error", "Keep", default="Error"),
    drop_last=Flag(default=True),
    output_style=OneOf("Vector", "Columns", default="Vector"),
    input_already_ordinal_encoded=Flag(default=False),
)
def one_hot_encode(
    table: Table,
    trained: dict[str, Any],
    *,
    input_column: str,
    output_column: str | None,
    invalid_handling_strategy: str,
    drop_last: bool,
    output_style: str,
    input_already_ordinal_encoded: bool,
) -> tuple[Table, dict[str, Any]]:
    """One number a category, 1.0 where a row has it; a value that is missing or new has none.

    Columns are called <output_column or input_column>_<category>, most frequent first, and stand at the end;
    without an output_column the input is gone. An empty text counts as missing. With drop_last the last
    category has no column: AWS leaves one without values.
    """
    if input_already_ordinal_encoded:
        codes, labels = _ordinals(table, input_column, invalid_handling_strategy)
    else:
        text = _categories(table, input_column)
        text = text.mask(text == "", pd.NA)
        found = known_labels(trained)
        labels = labels_of(text) if found is None else found
        codes = _codes(text, labels, input_column, invalid_handling_strategy)
    if invalid_handling_strategy == "Skip":
        keep = np.flatnonzero(codes < len(labels))
        table, codes = rows(table, keep), codes[keep]
    output = output_column or input_column
    size = len(labels) - (1 if drop_last and labels else 0)
    if output_style == "Columns":
        done = table.drop(columns=[input_column]) if output == input_column else table
        names = [f"{output}_{label}" for label in labels[:size]]
        clash = next((name for name in names if name in done.columns), None)
        if clash is not None:
            raise CannotDo(f"there is already a column {clash!r}")
        made = pd.DataFrame(
            {name: (codes == place).astype("float64") for place, name in enumerate(names)}, index=done.index
        )
        return pd.concat([done, made], axis=1, copy=False), _mapping(labels)
    vectors = [Vector(size, (place,), (1.0,)) for place in range(size)]
    nothing = Vector(size, (), ())
    column_of = pd.Series([vectors[code] if code < size else nothing for code in codes], dtype=object)
    return with_column(table, output, column_of), _mapping(labels)


def _ordinals(table: Table, name: str, strategy: str) -> tuple[Any, list[str]]:
    """Codes and labels of a column that holds ordinal numbers already."""
    series = column(table, name)
    if kind_of(series) not in NUMERIC:
        raise CannotDo(f"column {name!r} is {kind_of(series)}; allowed: ordinal numbers")
    values = series.to_numpy("float64", na_value=np.nan)
    unknown = np.isnan(values) | (values < 0)
    if strategy == "Error" and unknown.any():
        raise CannotDo(f"column {name!r} has a missing or negative number, and the strategy is Error")
    size = int(values[~unknown].max()) + 1 if (~unknown).any() else 0
    codes = np.full(len(values), size, dtype="int64")
    codes[~unknown] = values[~unknown].astype("int64")
    return codes, [str(place) for place in range(size)]
