"""By entity or by time: no entity on both sides, nothing learned from what came later."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jobs.features.columns import FeatureError
from jobs.features.split import assign
from tests.support.features import SPLIT

DRAW = np.random.default_rng(4)
ENTITIES = pd.Series([f"c{number}" for number in DRAW.integers(0, 700, 5000)])
TIMES = pd.Series(pd.Timestamp("1969-12-25") + pd.to_timedelta(DRAW.integers(0, 10**6, 5000), "s"), name="at")


@pytest.mark.parametrize("times", [None, TIMES], ids=["by hash", "by time"])
def test_no_entity_is_on_two_sides(times: pd.Series | None):
    split = assign(ENTITIES, SPLIT, times)
    assert set(split) == {"train", "validation", "test"}
    assert pd.Series(split).groupby(ENTITIES).nunique().max() == 1


def test_by_time_nothing_is_learned_from_what_came_after_the_cut():
    entities = pd.Series([f"c{number}" for number in range(5000)])
    split = assign(entities, SPLIT, TIMES)
    ends = TIMES.groupby(split).agg(["min", "max"])
    assert ends.loc["train", "max"] < ends.loc["validation", "min"]
    assert ends.loc["validation", "max"] < ends.loc["test", "min"]
    assert pd.Series(split).value_counts(normalize=True)["train"] == pytest.approx(0.7, abs=0.01)


def test_an_entity_with_a_late_row_is_not_learned_from():
    """a is there before the cut and after it: as a whole it is judged by."""
    times = pd.Series(pd.date_range("2026-01-01", periods=10))
    entities = pd.Series(["a", *"bcdefghi", "a"])
    split = assign(entities, {**SPLIT, "train": 0.5, "validation": 0.2}, times)
    assert split.tolist() == ["test", *["train"] * 5, "validation", "validation", "test", "test"]


def test_rows_of_one_moment_stay_together():
    times = pd.Series(pd.to_datetime(["2026-01-01"] * 5 + ["2026-01-02"] * 5))
    split = assign(pd.Series(list("abcdefghij")), SPLIT, times)
    assert split.tolist() == ["train"] * 10 or len(set(split[:5])) == len(set(split[5:])) == 1


def test_a_row_without_a_time_is_refused():
    with pytest.raises(FeatureError, match="at: 1 rows have no time; they cannot be split by it"):
        assign(ENTITIES, SPLIT, TIMES.mask(TIMES.index == 3))
