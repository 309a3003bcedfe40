"""Split: two or three parts of a table, each an output of the node.

A part ends where the share of rows is reached, as AWS's does within its `error`; here it is exact. Which rows
fall into which part follows from the seed, but not as Spark's random numbers have it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from local_aws.images.data_wrangler.parameters import Column, Columns, Flag, Number, Records, Text, Whole
from local_aws.images.data_wrangler.problems import CannotDo
from local_aws.images.data_wrangler.registry import DEFAULT, choice, operation
from local_aws.images.data_wrangler.values import Table, column, numbers, rows, texts

OPERATOR = "sagemaker.spark.split_0.1"
MOST_STRATA = 1000


def _parts(splits: list[dict[str, Any]]) -> str | None:
    """What is wrong with a list of parts."""
    names = [split["name"] for split in splits]
    if DEFAULT in names:
        return 'found a part called "default"; allowed: other names'
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        return f"found the part {twice[0]!r} for the second time; allowed: each name once"
    total = sum(split["percentage"] for split in splits)
    if not math.isclose(total, 1, abs_tol=1e-3):
        return f"found percentages that sum to {total:g}; allowed: shares that sum to 1"
    return None


SPLITS = Records(
    low=2,
    high=3,
    check=_parts,
    fields={"name": Text(), "percentage": Number(low=0, above=True, high=1)},
)
ERROR = Number(low=0, high=0.0007, default=0.0005)
SEED = Whole(low=0, default=0)


def names_of(values: Mapping[str, Any]) -> list[str]:
    """The outputs of a split node beside "default", which is the first part."""
    return [split["name"] for split in values["splits"]]


def _cut(table: Table, order: Any, splits: list[dict[str, Any]], groups: Any = None) -> dict[str, Table]:
    """The rows by their part: up to the value that stands at the share's place, then the next ones."""
    part = np.full(len(table), len(splits) - 1)
    shares = np.cumsum([split["percentage"] for split in splits[:-1]])
    for group in [slice(None)] if groups is None else [groups == code for code in np.unique(groups)]:
        values = order[group]
        if not len(values):
            continue
        # 0.7 + 0.2 is a little less than 0.9, and would take a row less.
        bounds = np.quantile(values, np.minimum(np.round(shares, 9), 1.0), method="inverted_cdf")
        part[group] = np.searchsorted(bounds, values, side="left")
    made = {split["name"]: rows(table, np.flatnonzero(part == place)) for place, split in enumerate(splits)}
    empty = [name for name, each in made.items() if not len(each)]
    if empty:
        raise CannotDo(
            f"of {len(table)} rows none falls into {', '.join(empty)}; "
            "allowed: more rows, larger percentages, or handle_duplicates"
        )
    return {DEFAULT: made[splits[0]["name"]], **made}


def _random(table: Table, seed: int) -> Any:
    return np.random.default_rng(seed).uniform(size=len(table))


def _declared(value: str, group: str, **more: Any) -> Callable[[Any], Any]:
    return operation(OPERATOR, choice(value, group), outputs=names_of, splits=SPLITS, error=ERROR, **more)


@_declared("Randomized split", "randomized_split_parameters", seed=SEED)
def randomized_split(
    table: Table, *, splits: list[dict[str, Any]], error: float, seed: int
) -> dict[str, Table]:
    """Rows at random."""
    return _cut(table, _random(table, seed), splits)


@_declared(
    "Ordered split",
    "ordered_split_parameters",
    input_column=Column(default=None),
    handle_duplicates=Flag(default=False),
    seed=SEED,
)
def ordered_split(
    table: Table,
    *,
    splits: list[dict[str, Any]],
    error: float,
    input_column: str | None,
    handle_duplicates: bool,
    seed: int,
) -> dict[str, Table]:
    """By a numeric column, or as the rows stand; equal values stay together unless told otherwise."""
    if input_column is None:
        return _cut(table, np.arange(len(table), dtype="float64"), splits)
    order = numbers(table, input_column)
    if order.isna().any():
        raise CannotDo(f"column {input_column!r} has missing values, and rows are to be ordered by it")
    values = order.to_numpy()
    if handle_duplicates:
        place = np.lexsort((_random(table, seed), values))
        values = np.empty(len(table))
        values[place] = np.arange(len(table))
    return _cut(table, values, splits)


@_declared("Stratified split", "stratified_split_parameters", input_column=Column(), seed=SEED)
def stratified_split(
    table: Table, *, splits: list[dict[str, Any]], error: float, input_column: str, seed: int
) -> dict[str, Table]:
    """At random, with the same shares of each value of a column; missing values are one value."""
    codes = pd.factorize(column(table, input_column), use_na_sentinel=False)[0]
    strata = int(codes.max()) + 1 if len(codes) else 0
    if strata > MOST_STRATA:
        raise CannotDo(f"column {input_column!r} has {strata} values; allowed: at most {MOST_STRATA}")
    return _cut(table, _random(table, seed), splits, codes)


@_declared("Split by key", "split_by_key_parameters", key_columns=Columns())
def split_by_key(
    table: Table, *, splits: list[dict[str, Any]], error: float, key_columns: tuple[str, ...]
) -> dict[str, Table]:
    """By a hash of columns: rows with equal values are in the same part, whatever else is in the table."""
    parts = [texts(column(table, name)).to_pylist() for name in key_columns]
    hashes: dict[tuple[str | None, ...], float] = {}
    for key in set(zip(*parts, strict=True)):
        digest = hashlib.blake2b(repr(key).encode(), digest_size=6).digest()
        hashes[key] = float(int.from_bytes(digest))
    return _cut(table, np.array([hashes[key] for key in zip(*parts, strict=True)]), splits)
