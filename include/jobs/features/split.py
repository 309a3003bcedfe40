"""Which rows are learned from, and which a model is judged by.

By a hash of the entity, so that a row falls in the same split in every run, whatever else lands with it and
in whatever order; or by time, so that a model is judged by what came after all that it has learned from. All
rows of one entity lie in one split, either way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from jobs.features.columns import FeatureError

SPLITS = ("train", "validation", "test")
Split = npt.NDArray[np.str_]


def assign(entities: pd.Series, shares: Mapping[str, Any], times: pd.Series | None = None) -> Split:
    """The split of each row.

    :param entities: whose rows they are, as texts
    :param shares: ``features.split`` of the workflow
    :param times: datetime64; None: by a hash of the entity and the seed alone
    Raises FeatureError for a row without a time.
    """
    codes, distinct = pd.factorize(entities)
    if times is None:
        seed = str(shares["seed"])
        places = np.array([_place(seed, str(entity)) for entity in distinct])[codes]
    else:
        absent = int(times.isna().sum())
        if absent:
            raise FeatureError(f"{times.name}: {absent} rows have no time; they cannot be split by it")
        # An entity lies where its newest row does: no row to learn from is then newer than the cut.
        newest = times.groupby(codes).transform("max").to_numpy()
        # The share of rows with an older newest row. Rows of one moment stay together, on the later side.
        places = np.searchsorted(np.sort(newest), newest, side="left") / len(newest)
    first = float(shares["train"])
    second = first + float(shares["validation"])
    return np.where(places < first, "train", np.where(places < second, "validation", "test"))


def _place(seed: str, key: str) -> float:
    """A number in [0, 1), spread evenly over the keys."""
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
