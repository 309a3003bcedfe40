"""Manage rows: sort, shuffle, drop duplicates, drop empty.

AWS's Filter is not here: the names of its parameters are not published. A custom formula or custom code
filters as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from local_aws.images.data_wrangler.parameters import Column, OneOf, Records
from local_aws.images.data_wrangler.registry import choice, operation
from local_aws.images.data_wrangler.values import ARRAY, VECTOR, Table, arrow, column, kind_of, rows

OPERATOR = "sagemaker.spark.manage_rows_0.1"
ORDERS = ("Ascending", "Descending")
SEED = 0  # AWS shuffles differently each time; here the same flow gives the same file


def _once(conditions: list[dict[str, Any]]) -> str | None:
    names = [condition["sort_by"] for condition in conditions]
    twice = [name for name in names if names.count(name) > 1]
    return f"found {twice[0]!r} for the second time; allowed: each column once" if twice else None


@operation(
    OPERATOR,
    choice("Sort", "sort_parameters"),
    check=lambda values: (
        None
        if values["conditions"] or (values["sort_by"] and values["order"])
        else "sort_by and order: missing; allowed: both, or conditions"
    ),
    sort_by=Column(default=None),
    order=OneOf(*ORDERS, default=None),
    conditions=Records(
        default=None, low=0, check=_once, fields={"sort_by": Column(), "order": OneOf(*ORDERS)}
    ),
)
def sort(
    table: Table, *, sort_by: str | None, order: str | None, conditions: list[dict[str, str]] | None
) -> Table:
    """Sort; as in Spark, missing values are the smallest. Rows that are equal keep their order."""
    given = conditions or [{"sort_by": str(sort_by), "order": str(order)}]
    keys = pa.table({str(place): arrow(column(table, each["sort_by"])) for place, each in enumerate(given)})
    orders = {"Ascending": ("ascending", "at_start"), "Descending": ("descending", "at_end")}
    wanted = [(str(place), *orders[each["order"]]) for place, each in enumerate(given)]
    return rows(table, pc.sort_indices(keys, sort_keys=wanted).to_numpy())


@operation(OPERATOR, choice("Shuffle", "shuffle_parameters"))
def shuffle(table: Table) -> Table:
    """Put the rows in a random order, always the same for the same number of rows."""
    return rows(table, np.random.default_rng(SEED).permutation(len(table)))


@operation(OPERATOR, choice("Drop duplicates", "drop_duplicates_parameters"))
def drop_duplicates(table: Table) -> Table:
    """Keep the first of equal rows."""
    codes = {
        place: pd.factorize(table[name].map(str) if kind_of(table[name]) in (VECTOR, ARRAY) else table[name])[
            0
        ]
        for place, name in enumerate(table.columns)
    }
    return rows(table, ~pd.DataFrame(codes, index=table.index).duplicated())


@operation(OPERATOR, choice("Drop empty", "drop_empty_parameters"))
def drop_empty(table: Table) -> Table:
    """Drop the rows in which every value is missing."""
    return rows(table, ~table.isna().all(axis=1).astype(bool))
