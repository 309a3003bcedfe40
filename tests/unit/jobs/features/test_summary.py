"""What is told of the features agrees with other libraries and with arithmetic by hand."""

from __future__ import annotations

import statistics

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from jobs.features import summary
from tests.support.features import ALERTS, declared, fit

DRAW = np.random.default_rng(8)
LABEL = DRAW.random(500) < 0.3
TRAIN = pd.DataFrame(
    {
        "pay": DRAW.normal(0, 1, 500),
        "still": 1.0,
        "town": DRAW.choice(["Bonn", "Kiel", "Ulm"], 500, p=[0.6, 0.3, 0.1]),
    }
).assign(twin=lambda rows: 2 * rows["pay"] + DRAW.normal(0, 0.1, 500), leak=LABEL + DRAW.normal(0, 0.1, 500))
TYPES = {**dict.fromkeys(TRAIN, "number"), "town": "string"}
ASKED = declared(numeric=["pay", "still", "twin", "leak"], categorical=["town"])


VALUES = [DRAW.normal(size=500), DRAW.integers(0, 4, 500), -1.0 * LABEL, np.zeros(500)]


@pytest.mark.parametrize("values", VALUES)
def test_the_auc_of_one_column_is_scikit_learns(values: np.ndarray):
    area = roc_auc_score(LABEL, values)
    assert summary.one_column_auc(values, LABEL) == pytest.approx(max(area, 1 - area), abs=1e-12)


def test_alerts_name_leak_likeness_constant_unseen_and_many_columns():
    learned = fit(TRAIN, ASKED, TYPES, LABEL)
    others = {"validation": pd.DataFrame({"town": ["Jena", "Bonn", None, "Jena"]})}
    found = summary.alerts(learned, LABEL, others, TYPES, {**ALERTS, "categories": 2})
    told = {alert["kind"]: alert for alert in found}
    assert [alert["kind"] for alert in found] == [
        "leakage",
        "correlation",
        "constant",
        "unseen",
        "categories",
    ]
    assert told["leakage"]["columns"] == ["leak"]
    assert told["leakage"]["value"] == pytest.approx(roc_auc_score(LABEL, TRAIN["leak"]))
    assert told["correlation"]["columns"] == ["pay", "twin"]
    correlation = np.corrcoef(TRAIN["pay"], TRAIN["twin"])[0, 1]
    assert told["correlation"]["value"] == pytest.approx(correlation, abs=1e-6)
    assert told["constant"]["columns"] == ["still"]
    assert told["unseen"]["says"] == "2 validation rows have a town that no training row had"
    assert told["unseen"]["value"] == 0.5
    assert told["categories"]["value"] == 3


def test_nothing_is_said_of_features_that_are_in_order():
    asked = declared(numeric=["pay"], categorical=["town"])
    learned = fit(TRAIN, asked, TYPES, LABEL)
    assert summary.alerts(learned, LABEL, {"test": TRAIN}, TYPES, ALERTS) == []


def test_rare_values_are_counted_together():
    rows = pd.DataFrame({"town": [f"t{number:02}" for number in range(30) for _ in range(number + 1)]})
    learned = fit(rows, declared(categorical=["town"]), {"town": "string"})
    (entry,) = summary.described(learned, rows, {"town": "string"}, 20)
    before = entry["before"]
    assert before["distinct"] == 30
    assert [each["value"] for each in before["values"]] == [f"t{number:02}" for number in range(29, 9, -1)]
    assert before["others"] == sum(range(1, 11))


def test_what_is_far_out_is_counted_and_not_drawn():
    """The histogram ends three interquartile ranges beyond the quartiles (oracle: Python's statistics)."""
    rows = pd.DataFrame({"pay": [*range(100), 5000.0, 9000.0]})
    learned = fit(rows.head(100), declared(numeric=["pay"]), TYPES)
    (entry,) = summary.described(fit(rows, declared(numeric=["pay"]), TYPES), rows, TYPES, 10)
    quartiles = statistics.quantiles(rows["pay"], n=4, method="inclusive")
    fence = quartiles[2] + 3 * (quartiles[2] - quartiles[0])
    before = entry["before"]
    assert (before["bins"][0]["from"], before["below"], before["above"]) == (0.0, 0, 2)
    assert before["bins"][-1]["to"] == pytest.approx(fence)
    assert sum(each["rows"] for each in before["bins"]) == 100
    split = rows.assign(pay=[*range(90), *[5000.0] * 12])
    (many,) = summary.described(fit(split, declared(numeric=["pay"]), TYPES), split, TYPES, 10)
    assert (many["before"]["bins"][-1]["to"], many["before"]["above"]) == (5000.0, 0)
    (near,) = summary.described(learned, rows.head(100), TYPES, 10)
    assert (near["before"]["bins"][-1]["to"], near["before"]["above"]) == (99.0, 0)


def test_target_encodings_are_told_with_their_rows_the_most_frequent_first():
    """Ten rows, six positive, smoothing 10: Kiel has (4 + 10 x 0.6) / (5 + 10), Bonn (2 + 6) / 14, ..."""
    rows = pd.DataFrame({"town": ["Kiel"] * 5 + ["Bonn"] * 4 + [None]})
    positives = [True, True, True, True, False, True, True, False, False, False]
    asked = declared(categorical=[{"column": "town", "encode": "target"}])
    (entry,) = summary.described(fit(rows, asked, TYPES, positives), rows, TYPES, 20)
    learned = entry["learned"]
    assert [(each["value"], each["rows"]) for each in learned["categories"]] == [
        ("Kiel", 5),
        ("Bonn", 4),
        ("missing", 1),
    ]
    assert [each["rate"] for each in learned["categories"]] == pytest.approx([10 / 15, 8 / 14, 6 / 11])
    assert learned["encoder"] == {"kind": "target", "prior": 0.6}
    assert (learned["fill"], learned["gathered"], learned["more"]) == ("missing", None, 0)


def test_categories_are_told_in_their_order_and_rare_ones_as_one():
    rows = pd.DataFrame({"town": ["a"] * 6 + ["b"] * 2 + ["c", "d"]})
    order = {"column": "town", "encode": "ordinal", "order": ["b", "a"], "rare_share": 0.2}
    (entry,) = summary.described(fit(rows, declared(categorical=[order]), TYPES), rows, TYPES, 20)
    told = [(each["value"], each["rows"], each["rate"]) for each in entry["learned"]["categories"]]
    assert told == [("b", 2, None), ("a", 6, None)]
    assert entry["learned"]["gathered"] == 2
    one_hot = declared(categorical=[{"column": "town", "rare_share": 0.2}])
    (entry,) = summary.described(fit(rows, one_hot, TYPES), rows, TYPES, 20)
    assert [(each["value"], each["rows"]) for each in entry["learned"]["categories"]] == [
        ("(rare)", 2),
        ("a", 6),
        ("b", 2),
    ]


def test_what_is_told_of_many_categories_is_bounded():
    rows = pd.DataFrame({"town": [f"t{number:03}" for number in range(250)]})
    for encode in ("target", "ordinal", "one_hot"):
        asked = declared(categorical=[{"column": "town", "encode": encode}])
        (entry,) = summary.described(fit(rows, asked, TYPES), rows, TYPES, 20)
        assert (len(entry["learned"]["categories"]), entry["learned"]["more"]) == (100, 150)
    hashed = declared(categorical=[{"column": "town", "encode": "hash", "buckets": 4}])
    (entry,) = summary.described(fit(rows, hashed, TYPES), rows, TYPES, 20)
    assert (entry["learned"]["categories"], entry["learned"]["more"]) == ([], 0)
    assert entry["learned"]["encoder"] == {"kind": "hash", "buckets": 4}


def test_a_histogram_holds_every_value():
    learned = fit(TRAIN, ASKED, TYPES, LABEL)
    entries = {entry["name"]: entry for entry in summary.described(learned, TRAIN, TYPES, 20)}
    counts, _ = np.histogram(TRAIN["pay"], 20)
    assert [place["rows"] for place in entries["pay"]["before"]["bins"]] == counts.tolist()
    assert "bins" not in entries["still"]["before"]
    assert "bins" not in entries["town"]["after"][0]  # zeros and ones: the mean says it all
    assert entries["town"]["after"][0]["mean"] == pytest.approx((TRAIN["town"] == "Bonn").mean())
