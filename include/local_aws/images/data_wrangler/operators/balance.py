"""Balance: more rows of the rarer label, or fewer of the other.

The target has exactly two labels; ``ratio`` is rows of the rarer by rows of the other, wanted afterwards.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from local_aws.images.data_wrangler.parameters import Column, Flag, Number, OneOf, Record, Whole
from local_aws.images.data_wrangler.problems import CannotDo
from local_aws.images.data_wrangler.registry import operation
from local_aws.images.data_wrangler.values import (
    LONG,
    NUMERIC,
    Table,
    column,
    kind_of,
    new,
    rows,
    with_column,
)

SEED = 0  # as on AWS
SMOTE = {"num_neighbors": Whole(low=1, high=1000, default=5), "normalize": Flag(default=False)}


@operation(
    "sagemaker.spark.balance_data_0.1",
    operator=OneOf("SMOTE", "Random undersample", "Random oversample"),
    target_column=Column(),
    ratio=Number(low=0, above=True, high=1),
    smote_params=Record(default=None, fields=SMOTE),
)
def balance_data(
    table: Table, *, operator: str, target_column: str, ratio: float, smote_params: dict[str, Any] | None
) -> Table:
    """Repeat, invent or leave out rows until the labels stand in the ratio.

    A random oversample puts the repeated rows at the end; an undersample keeps the order of the rows.
    """
    target = column(table, target_column)
    counts = target.value_counts()
    if len(counts) != 2 or target.isna().any():
        found = f"{len(counts)} labels" + (" and missing values" if target.isna().any() else "")
        raise CannotDo(f"column {target_column!r} has {found}; allowed: exactly two labels")
    if counts.iloc[0] == counts.iloc[1]:
        raise CannotDo(f"the labels of {target_column!r} are balanced already, {counts.iloc[0]} each")
    small, large = counts.idxmin(), counts.idxmax()
    few, many = int(counts[small]), int(counts[large])
    if ratio <= few / many:
        raise CannotDo(f"ratio: found {ratio}; allowed: above the present one, {few / many:.6g}, to 1")
    rng = np.random.default_rng(SEED)
    is_small = (target == small).to_numpy(dtype=bool)
    if operator == "Random undersample":
        kept = rng.permutation(np.flatnonzero(~is_small))[: int(np.round(few / ratio))]
        return rows(table, np.sort(np.concatenate([np.flatnonzero(is_small), kept])))
    extra = int(np.round(ratio * many - few))
    if extra == 0:
        raise CannotDo(f"ratio: found {ratio}; allowed: one that asks for at least one more row")
    if operator == "Random oversample":
        again = np.resize(rng.permutation(np.flatnonzero(is_small)), extra)
        return rows(table, np.concatenate([np.arange(len(table)), again]))
    parameters = smote_params or {name: each.default for name, each in SMOTE.items()}
    invented = smote(rows(table, np.flatnonzero(is_small)), target_column, extra, rng, **parameters)
    return pd.concat([table, invented], ignore_index=True)


def smote(
    minority: Table, target: str, count: int, rng: Any, *, num_neighbors: int, normalize: bool
) -> Table:
    """``count`` rows between a row of the minority and one of its nearest neighbours (Chawla et al. 2002).

    Distances are Euclidean over the numeric columns; a missing number counts as the median there. Numbers
    are interpolated, integers rounded; any other value, and a number of which one end is missing, comes from
    one of the two ends.
    """
    from sklearn.neighbors import NearestNeighbors

    numeric = [name for name in minority.columns if kind_of(minority[name]) in NUMERIC and name != target]
    if not numeric:
        raise CannotDo("SMOTE needs a numeric column beside the target, and there is none")
    if len(minority) < 2:
        raise CannotDo("SMOTE needs two rows of the rarer label, and there is one")
    space = np.column_stack([minority[name].to_numpy("float64", na_value=np.nan) for name in numeric])
    middle = np.nanmedian(np.where(np.isnan(space).all(axis=0), 0.0, space), axis=0)
    space = np.where(np.isnan(space), middle, space)
    if normalize:
        low, high = np.quantile(space, [0.25, 0.75], axis=0)
        space = (space - middle) / np.where(high > low, high - low, 1.0)
    neighbours = min(num_neighbors, len(minority) - 1)
    near = NearestNeighbors(n_neighbors=neighbours + 1).fit(space).kneighbors(space, return_distance=False)
    # A row is its own nearest neighbour, unless another is equal to it.
    others = np.array(
        [[each for each in row if each != place][:neighbours] for place, row in enumerate(near)]
    )
    one = np.resize(rng.permutation(len(minority)), count)
    two = others[one, rng.integers(0, neighbours, count)]
    weight = rng.uniform(0, 1, count)
    made = rows(minority, np.where(rng.uniform(0, 1, count) < weight, one, two))
    for name in numeric:
        values = minority[name].to_numpy("float64", na_value=np.nan)
        between = weight * values[one] + (1 - weight) * values[two]
        kept = made[name].to_numpy("float64", na_value=np.nan)
        between = np.where(np.isnan(between), kept, between)
        kind = kind_of(minority[name])
        rounded = np.round(between) if kind == LONG else between
        made = with_column(made, name, new(pd.Series(rounded), kind))
    return made
