"""Weights and chosen rows make the label independent of the facets; where they cannot, it is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.bias.contingency import tabulate
from jobs.bias.mitigation import MitigationError, Plan, effective_size, plan
from jobs.bias.pretraining import PRETRAINING
from jobs.bias.selection import Groups

FLAGS = st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=8, max_size=120)


def facet(name: str, rows: np.ndarray) -> Groups:
    return Groups(name, ("yes",), rows.astype(np.int8) - 1)


def plan_of(rows: list[tuple[bool, ...]]) -> Plan:
    """The last column is the label."""
    *facets, positive = (np.array(column) for column in zip(*rows, strict=True))
    return plan([facet(f"f{index}", each) for index, each in enumerate(facets)], positive, "ok = 1")


def test_weights_are_those_of_the_paper():
    """Kamiran and Calders (2012), the ten applicants of their example: sex against the label.

    Of five women two have the positive label, of five men four: P(f) P(+) / P(f, +) = 0.5 * 0.6 / 0.2 = 1.5.
    """
    rows = [(True, True)] * 2 + [(True, False)] * 3 + [(False, True)] * 4 + [(False, False)]
    weights = plan_of(rows).weights()
    assert weights[[0, 2, 5, 9]].tolist() == pytest.approx([1.5, 2 / 3, 0.75, 2.0])
    assert weights.sum() == pytest.approx(10)
    assert effective_size(weights) == pytest.approx(100 / (2 * 1.5**2 + 3 * (2 / 3) ** 2 + 4 * 0.75**2 + 4))


@given(rows=FLAGS)
@settings(max_examples=150, deadline=None)
def test_weighted_labels_do_not_depend_on_any_facet_nor_on_both(rows: list[tuple[bool, bool, bool]]):
    first, second, positive = (np.array(column) for column in zip(*rows, strict=True))
    try:
        weights = plan_of(rows).weights()
    except MitigationError:
        return
    for group in (first, second, first & second):
        if group.any() and not group.all():
            table = tabulate(group, positive, weights=weights)
            for name in ("DPL", "KS", "TVD", "LP"):
                assert PRETRAINING[name].compute(table) == pytest.approx(0, abs=1e-12)
            unweighted = tabulate(group, positive)
            assert PRETRAINING["CI"].compute(table) == pytest.approx(PRETRAINING["CI"].compute(unweighted))


@given(rows=FLAGS, seed=st.text(max_size=5))
@settings(max_examples=150, deadline=None)
def test_chosen_rows_are_as_many_as_expected_of_each_kind(rows: list[tuple[bool, bool, bool]], seed: str):
    try:
        asked = plan_of(rows)
    except MitigationError:
        return
    chosen = asked.sample(seed)
    assert len(chosen) == len(rows)
    written = np.bincount(asked.place[chosen], minlength=len(asked.cells))
    for cell, number in zip(asked.cells, written, strict=True):
        assert abs(number - cell.expected) < 1
    # Within a kind, no row is repeated twice more often than another.
    times = np.bincount(chosen, minlength=len(rows))
    for index in range(len(asked.cells)):
        of_cell = times[asked.place == index]
        assert not len(of_cell) or of_cell.max() - of_cell.min() <= 1
    assert (asked.sample(seed) == chosen).all()


def test_another_seed_chooses_other_rows():
    random = np.random.default_rng(3)
    rows = [
        (bool(f), bool(y)) for f, y in zip(random.random(400) < 0.5, random.random(400) < 0.4, strict=True)
    ]
    rows += [(True, False)] * 100
    assert not np.array_equal(plan_of(rows).sample("2026-02-10"), plan_of(rows).sample("2026-02-11"))


BOTH = [(f, y) for f in (True, False) for y in (True, False)] * 3


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (
            [(True, True)] * 3 + [(False, True), (False, False)],
            "no row is in: f0 = yes without ok = 1. No weight",
        ),
        (
            [(False, False)] * 3 + [(True, True), (True, False)],
            "no row is in: f0: others with ok = 1. No weight",
        ),
        ([(f, True) for f, _ in BOTH], "every row has ok = 1"),
        ([(f, False) for f, _ in BOTH], "no row has ok = 1"),
        ([(True, y) for _, y in BOTH], "f0 = yes: every row is in this facet"),
        ([(False, y) for _, y in BOTH], "f0 = yes: no row is in this facet"),
    ],
)
def test_no_weight_is_made_up(rows: list[tuple[bool, bool]], reason: str):
    with pytest.raises(MitigationError) as refused:
        plan_of(rows)
    assert reason in str(refused.value)


def test_a_kind_without_rows_is_refused_however_its_facets_are_crossed():
    rows = [(f, g, y) for f in (True, False) for g in (True, False) for y in (True, False)]
    rows.remove((True, True, True))
    with pytest.raises(MitigationError, match="f0 = yes, f1 = yes with ok = 1"):
        plan_of(rows)
    # A crossing that nobody belongs to needs no weight.
    rows.remove((True, True, False))
    assert [cell.weight for cell in plan_of(rows).cells if all(cell.facets)] == [None, None]


def test_a_facet_of_many_groups_says_not_whom_it_means():
    codes = np.array([0, 1, 2, 0])
    with pytest.raises(MitigationError, match="job: 3 groups"):
        plan([Groups("job", ("a", "b", "c"), codes)], np.array([True, False, True, False]), "ok = 1")
