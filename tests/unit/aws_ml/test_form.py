"""The form that a person sees: the numbers, and nothing that a text from outside could make of it."""

from __future__ import annotations

import pytest

from aws_ml import decision
from aws_ml.form import body, code
from aws_ml.gate import decide
from tests.unit.aws_ml.test_gate import ESCALATING, band, bound, report

DATASET = {"uri": "s3://b/w/curated/", "mitigation": "none", "weighted": False}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sex = female", "`sex = female`"),
        ("<img src=x onerror=alert(1)>", "`<img src=x onerror=alert(1)>`"),
        ("a `b` c", "``a `b` c``"),
        ("`", "`` ` ``"),
        ("one\n\n# two | three", "`one # two \\| three`"),
        ("", "` `"),
    ],
)
def test_a_text_from_outside_stays_one_line_of_code(text: str, shown: str) -> None:
    """A code span of CommonMark: its fence is longer than any run of backticks in it."""
    assert code(text) == shown


def test_every_number_is_there_and_the_most_severe_comes_first() -> None:
    bounds = [bound(*ESCALATING, metric="DPL"), bound(*ESCALATING, metric="KS"), bound(bands=[], metric="CI")]
    found = decide(report(sex={"DPL": 0.05, "KS": 0.35, "CI": 0.9}), bounds)
    first = decision.round_of(found, data="curated", report="s3://b/a.json", dataset=DATASET)
    record = decision.opened("loans", "2026-01-15", first)
    text = body(record, {"Approve": "go", "Reject": "no"}, 12, "reject", "s3://b/decision.json")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert rows == [
        "| `sex = female` | KS | 0.3500 | -0.15 to 0.15, beyond: mitigate; -0.3 to 0.3, beyond: ask; "
        "-0.4 to 0.45, beyond: stop | **ask** |",
        "| `sex = female` | DPL | 0.0500 | -0.15 to 0.15, beyond: mitigate; -0.3 to 0.3, beyond: ask; "
        "-0.4 to 0.45, beyond: stop | accept |",
    ]
    assert "Without an answer within 12 hours: **reject**." in text


def test_after_mitigation_both_measurements_stand_side_by_side() -> None:
    bounds = [bound(band(None, 0.1, "mitigate"))]
    parts = [
        decision.round_of(
            decide(report(sex={"DPL": value}), bounds), data=data, report="s3://b/a.json", dataset=DATASET
        )
        for data, value in (("curated", 0.2), ("mitigated", 0.15))
    ]
    record = decision.measured_again(decision.opened("loans", "2026-01-15", parts[0]), None, parts[1], {})
    text = body(record, {"Approve": "go"}, 12, "reject", "s3://b/decision.json")
    assert "| group | metric | before | value | bounds | way |" in text
    assert "| `sex = female` | DPL | 0.2000 | 0.1500 | at most 0.1, beyond: mitigate | **mitigate** |" in text
