"""The arithmetic of the profile, against scikit-learn and by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from jobs.profile import drift, facts, results
from jobs.profile.alerts import alerts
from jobs.profile.charts import moment, percent, short, text


def group(rows: int, positives: int) -> dict[str, int]:
    return {"rows": rows, "positives": positives}


def test_auc_is_that_of_the_labels_share_in_a_group() -> None:
    random = np.random.default_rng(7)
    groups = random.integers(0, 6, 2000)
    labels = (random.random(2000) < 0.1 + 0.12 * groups).astype(int)
    counts = [group(int((groups == g).sum()), int(labels[groups == g].sum())) for g in range(6)]
    shares = np.array([each["positives"] / each["rows"] for each in counts])
    assert facts.auc(counts) == pytest.approx(roc_auc_score(labels, shares[groups]), abs=1e-12)


def test_auc_at_its_ends() -> None:
    assert facts.auc([group(50, 50), group(50, 0)]) == 1
    assert facts.auc([group(50, 25), group(50, 25)]) == 0.5
    assert facts.auc([group(50, 0)]) is None, "with one label there is nothing to tell"
    assert facts.auc([]) is None


def test_small_groups_are_judged_together() -> None:
    """A thousand values of one row each would otherwise tell every label."""
    assert facts.auc([group(1, row % 2) for row in range(1000)]) == 0.5


def test_wilsons_interval() -> None:
    """NIST's example: 5 of 10 lie between 0.2366 and 0.7634."""
    assert facts.interval(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert facts.interval(0, 10)[0] == 0


def test_the_stability_index_by_hand() -> None:
    # (0.4 - 0.5) ln(0.4 / 0.5) + (0.6 - 0.5) ln(0.6 / 0.5)
    assert drift.psi([0.4, 0.6], [0.5, 0.5]) == pytest.approx(0.1 * math.log(1.25) + 0.1 * math.log(1.2))
    assert drift.psi([0.5, 0.5], [0.5, 0.5]) == 0


def number(values: np.ndarray[Any, np.dtype[Any]], whole: bool = False) -> dict[str, Any]:
    """A numeric column as the profile has it."""
    low, high = float(values.min()), float(values.max())
    rows, edges = (
        np.histogram(values, 20, (low, high)) if low < high else (np.array([len(values)]), [low, low])
    )
    return {
        "name": "n", "type": "integer" if whole else "number", "kind": "number", "whole": whole,
        "minimum": low, "maximum": high, "missing": 0, "missing_share": 0.0,
        "histogram": {
            "edges": list(edges), "rows": rows.tolist(), "below": group(0, 0), "above": group(0, 0),
        },
    }  # fmt: skip


def compared(now: dict[str, Any], before: dict[str, Any], rows: int) -> dict[str, Any]:
    def document(column: dict[str, Any]) -> dict[str, Any]:
        return {"partition": "2026-01-14", "rows": rows, "label": {"share": 0.5}, "columns": [column]}

    found = document(now)
    drift.compare(found, document(before))
    answer: dict[str, Any] = found["columns"][0]["drift"]
    return answer


def test_numbers_of_one_distribution_have_not_moved() -> None:
    """By chance the index of ten groups is about 9 * (1/n + 1/m)."""
    random = np.random.default_rng(1)
    now, before = random.normal(0, 1, 5000), random.normal(0, 1, 5000)
    assert compared(number(now), number(before), 5000)["psi"] < 0.02


def test_numbers_that_moved_by_half_a_deviation() -> None:
    """Of two normal distributions d deviations apart the index is d squared; ten groups keep most of it."""
    random = np.random.default_rng(1)
    now, before = random.normal(0.5, 1, 5000), random.normal(0, 1, 5000)
    assert 0.17 < compared(number(now), number(before), 5000)["psi"] < 0.27


def test_whole_numbers_whose_range_grew_have_not_moved() -> None:
    """One row beyond the old maximum shifts all bins; the whole numbers in them must not be torn apart."""
    random = np.random.default_rng(1)
    before = random.integers(0, 8, 4000)
    now = np.append(random.integers(0, 8, 3999), 13)
    assert compared(number(now, whole=True), number(before, whole=True), 4000)["psi"] < 0.02


def test_a_constant_that_changed_has_moved() -> None:
    same = number(np.full(100, 3.0))
    assert compared(same, number(np.full(100, 3.0)), 100)["psi"] == 0
    assert compared(number(np.full(100, 4.0)), same, 100)["psi"] > 1
    assert compared(number(np.full(100, 2.0)), same, 100)["psi"] > 1


def test_another_type_is_not_compared() -> None:
    found = compared(number(np.arange(10.0)), number(np.arange(10), whole=True), 10)
    assert found["psi"] is None
    assert "no such column of this type" in found["note"]


def test_what_is_no_finite_number_becomes_null() -> None:
    assert [results.number(each) for each in ("", "NaN", "Infinity", "-Infinity", "1.5E3")] == [None] * 4 + [
        1500
    ]


def test_no_alert_without_a_reason_and_one_label_is_serious() -> None:
    bounds = {
        "missing_share": 0.2, "dominant_share": 0.98, "categories": 100, "skewness": 3, "outlier_share": 0.05,
        "correlation": 0.9, "leakage_auc": 0.95, "near_duplicate_share": 0.01, "minority_share": 0.1,
        "drift_psi": 0.2,
    }  # fmt: skip
    quiet: dict[str, Any] = {
        "rows": 100, "label": {"column": "y", "share": 0.5}, "columns": [], "previous": None,
        "correlations": {"columns": [], "matrix": []}, "near_duplicates": {"rows": 0, "share": 0.0},
    }  # fmt: skip
    assert alerts(quiet, bounds) == []
    (alone,) = alerts({**quiet, "label": {"column": "y", "share": 1.0}}, bounds)
    assert (alone["kind"], alone["level"]) == ("one_label", "serious")
    (rare,) = alerts({**quiet, "label": {"column": "y", "share": 0.1}}, bounds)
    assert (rare["kind"], rare["threshold"]) == ("imbalance", 0.1)


def test_texts_of_the_page() -> None:
    assert text("<b>&'\"") == "&lt;b&gt;&amp;&#x27;&quot;"
    assert len(text("x" * 1000)) == 200
    assert text("a\x00b\nc\u202ed") == "a␀b␣c␣d", "nothing invisible may turn a page's text around"
    assert [short(each) for each in (0.0, 1234567.0, 0.12345, 1e12, None)] == [
        "0", "1,234,567", "0.1235", "1e+12", "&ndash;",
    ]  # fmt: skip
    assert moment(0.0) == "1970-01-01"
    assert moment(1768478400.5) == "2026-01-15 12:00"
    assert percent(0.00001) == "< 0.1 %"
