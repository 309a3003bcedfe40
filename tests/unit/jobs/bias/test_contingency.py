"""The tables hold what a count by hand finds, in how many blocks and passes they are counted."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from jobs.bias import contingency
from jobs.bias.contingency import Outcome, tabulate

RANDOM = np.random.default_rng(5)
FACETS, GROUPS, ROWS = 7, 4, 500
CODES = RANDOM.integers(-1, FACETS, ROWS)  # -1: a row without a value
GROUP = RANDOM.integers(-1, GROUPS, ROWS)
POSITIVE = RANDOM.random(ROWS) < 0.4


@pytest.mark.parametrize(("block", "cells"), [(1 << 18, 1 << 20), (64, 1 << 20), (64, 25), (500, 1)])
def test_a_table_is_a_count_by_hand(monkeypatch: pytest.MonkeyPatch, block: int, cells: int):
    monkeypatch.setattr(contingency, "BLOCK", block)
    monkeypatch.setattr(contingency, "MOST_CELLS", cells)
    by_hand = Counter(zip(CODES.tolist(), GROUP.tolist(), POSITIVE.tolist(), strict=True))
    tables = list(Outcome(POSITIVE, GROUP, GROUPS).tables(CODES, FACETS))
    assert len(tables) == FACETS
    for facet, table in enumerate(tables):
        for group in range(-1, GROUPS):
            for label in (False, True):
                own = by_hand[facet, group, label]
                others = sum(by_hand[code, group, label] for code in range(-1, FACETS) if code != facet)
                assert (table.facet[group + 1, int(label)], table.rest[group + 1, int(label)]) == (
                    own,
                    others,
                )


def test_weights_are_summed():
    table = tabulate(
        np.array([True, True, False]), np.array([True, True, False]), weights=np.array([0.5, 0.25, 2.0])
    )
    assert (table.of_facet.tolist(), table.of_rest.tolist()) == ([0, 0.75], [2.0, 0])


def test_the_rest_of_all_rows_is_nothing_at_all_whatever_they_weigh():
    """A difference of sums would leave a crumb, and the crumb a metric."""
    weights = RANDOM.random(10_000)
    table = tabulate(np.ones(10_000, dtype=bool), RANDOM.random(10_000) < 0.5, weights=weights)
    assert table.of_rest.tolist() == [0, 0]


def test_groups_may_be_of_any_kind():
    texts = pd.Series(["x", "y", None, "x"])
    facet, positive = np.array([True, False, True, False]), np.array([True, False, False, True])
    expected = tabulate(facet, positive, texts)
    for group in (texts.astype("category"), texts.map({"x": 1.5, "y": 2.5}), texts.astype("string")):
        assert (tabulate(facet, positive, group).facet == expected.facet).all()
