"""Combine tables: join by one or several keys, concatenate.

Columns of one name on both sides are called <name>_0 and <name>_1 afterwards, also the keys, as on AWS. A
missing key matches nothing. Rows come in the left table's order, then what only the right one has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from local_aws.images.data_wrangler.parameters import Column, Flag, OneOf, Records
from local_aws.images.data_wrangler.problems import CannotDo, listed
from local_aws.images.data_wrangler.registry import operation
from local_aws.images.data_wrangler.values import DTYPES, Table, column, kind_of, rows, with_column

# Spark's names -> what they mean.
JOIN_TYPES = {
    "inner": "inner",
    **dict.fromkeys(("left", "leftouter", "left_outer"), "left"),
    **dict.fromkeys(("right", "rightouter", "right_outer"), "right"),
    **dict.fromkeys(("outer", "full", "fullouter", "full_outer"), "outer"),
    **dict.fromkeys(("leftsemi", "left_semi", "semi"), "semi"),
    **dict.fromkeys(("leftanti", "left_anti", "anti"), "anti"),
}
MOST_KEYS = 10


@operation(
    "sagemaker.spark.join_tables_0.1",
    inputs=(2, 2),
    left_column=Column(),
    right_column=Column(),
    join_type=OneOf(*JOIN_TYPES),
)
def join_tables(tables: list[Table], *, left_column: str, right_column: str, join_type: str) -> Table:
    """Join two tables by one column each."""
    return joined(tables[0], tables[1], [(left_column, right_column)], JOIN_TYPES[join_type])


@operation(
    "sagemaker.spark.join_multi_keys_0.1",
    inputs=(2, 2),
    join_keys=Records(low=1, high=MOST_KEYS, fields={"left": Column(), "right": Column()}),
    join_type=OneOf(*JOIN_TYPES),
)
def join_multi_keys(tables: list[Table], *, join_keys: list[dict[str, str]], join_type: str) -> Table:
    """Join two tables by up to ten columns each."""
    keys = [(pair["left"], pair["right"]) for pair in join_keys]
    return joined(tables[0], tables[1], keys, JOIN_TYPES[join_type])


def joined(left: Table, right: Table, keys: list[tuple[str, str]], how: str) -> Table:
    """The joined table."""
    one, two = _codes(left, right, keys)
    if how in ("semi", "anti"):
        inside = np.isin(one, two)
        return rows(left, np.flatnonzero(inside if how == "semi" else ~inside))
    pairs = pd.merge(
        pd.DataFrame({"key": one, "left": np.arange(len(left))}),
        pd.DataFrame({"key": two, "right": np.arange(len(right))}),
        on="key",
        how="left" if how == "outer" else how,
    )
    if how == "outer":  # pandas would sort by the key
        alone = np.flatnonzero(~np.isin(two, one))
        pairs = pd.concat([pairs, pd.DataFrame({"right": alone})], ignore_index=True)
    sides = [
        _taken(table, pairs[side].to_numpy("float64", na_value=np.nan))
        for side, table in (("left", left), ("right", right))
    ]
    made = pd.concat(sides, axis=1, copy=False)
    made.columns = pd.Index(deduplicated(list(made.columns)))
    return made


def _codes(left: Table, right: Table, keys: list[tuple[str, str]]) -> tuple[Any, Any]:
    """One number a row and side, equal where all keys are equal; a missing key is equal to nothing."""
    columns = []
    absent = np.zeros(len(left) + len(right), dtype=bool)
    for one, two in keys:
        pair = column(left, one), column(right, two)
        kinds = [kind_of(series) for series in pair]
        if kinds[0] != kinds[1] or kinds[0] not in DTYPES:
            raise CannotDo(
                f"keys {one!r} ({kinds[0]}) and {two!r} ({kinds[1]}) cannot be compared; "
                "allowed: two columns of one kind, so cast one of them first"
            )
        both = pd.concat(pair, ignore_index=True)
        columns.append(pd.factorize(both)[0])
        absent |= both.isna().to_numpy(dtype=bool)
    codes = pd.MultiIndex.from_arrays(columns).factorize()[0].astype("int64")
    codes[absent] = -1 - np.flatnonzero(absent)
    return codes[: len(left)], codes[len(left) :]


def _taken(table: Table, places: Any) -> Table:
    """The rows at these places; NaN is a row of nothing."""
    absent = np.isnan(places)
    if not absent.any():
        return rows(table, places.astype("int64"))
    found = table.reindex(np.where(absent, -1, places).astype("int64"))
    return found.reset_index(drop=True)


def deduplicated(names: list[str]) -> list[str]:
    """Names that are there twice, in any case, with _0 and _1 behind; _dup behind that if it is taken."""
    lowered = [name.lower() for name in names]
    seen: dict[str, int] = {}
    made = []
    for name, low in zip(names, lowered, strict=True):
        if lowered.count(low) == 1:
            made.append(name)
            continue
        suffix = f"_{seen.get(low, 0)}"
        seen[low] = seen.get(low, 0) + 1
        while low + suffix in lowered:
            suffix += "_dup"
        made.append(name + suffix)
    return made


@operation(
    "sagemaker.spark.concatenate_0.1",
    inputs=(2, 10),
    remove_duplicates=Flag(default=False),
    indicator_column=Column(default=None),
)
def concatenate(tables: list[Table], *, remove_duplicates: bool, indicator_column: str | None) -> Table:
    """The rows of all tables, one below the other; they have the same columns, of the same kinds."""
    from local_aws.images.data_wrangler.operators.rows import drop_duplicates
    from local_aws.images.data_wrangler.values import LONG, new

    first = tables[0]
    for place, table in enumerate(tables[1:], start=2):
        differing = set(first.columns) ^ set(table.columns)
        if differing:
            raise CannotDo(f"table {place} and the first do not both have {listed(sorted(differing))}")
        for name in first.columns:
            one, other = kind_of(first[name]), kind_of(table[name])
            if one != other:
                raise CannotDo(f"column {name!r} is {one} in the first table and {other} in table {place}")
    made = pd.concat([table[list(first.columns)] for table in tables], ignore_index=True)
    if indicator_column is not None:
        if indicator_column in made.columns:
            raise CannotDo(f"there is already a column {indicator_column!r}")
        number = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
        made = with_column(made, indicator_column, new(number, LONG))
    return drop_duplicates(made) if remove_duplicates else made
