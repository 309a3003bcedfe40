"""The rule by which one of the candidates is taken."""

from __future__ import annotations

from typing import Any

import pytest

from aws_ml.choice import chosen
from aws_ml.exceptions import QualityTooLow, ReportInvalid

NARROW = 0.001  # half of the width of an interval that tells all differences below apart
WIDE = 0.1  # and of one that tells none


def comparison(width: float = NARROW, faults: dict[str, str] | None = None, **values: Any) -> dict[str, Any]:
    """Candidates in this order, the simplest first, with differences that are all equally sure."""
    names = [*values, *(faults or {})]
    return {
        "metric": "auc",
        "rows": 700,
        "confidence": 0.95,
        "candidates": [
            {"name": name, "source": f"job of {name}", "fault": (faults or {}).get(name)}
            | (
                {}
                if name not in values
                else {
                    "metrics": {"auc": values[name]},
                    "interval": [0.0, 1.0],
                    "bytes": 1,
                    "milliseconds": 2.0,
                    "against": {
                        other: {
                            "interval": [values[name] - value - width, values[name] - value + width]
                            if None not in (values[name], value)
                            else None
                        }
                        for other, value in values.items()
                        if other != name
                    },
                }
            )
            for name in names
        ],
    }


@pytest.mark.parametrize(
    ("values", "width", "margin", "taken", "said"),
    [
        ({"baseline": 0.80}, NARROW, 0, "baseline", "the best of this run"),
        ({"baseline": 0.80, "tuned": 0.82}, NARROW, 0, "tuned", "the best of this run"),
        ({"baseline": 0.80, "tuned": 0.82}, WIDE, 0, "baseline", "simpler than tuned and not surely worse"),
        ({"baseline": 0.82, "tuned": 0.80}, NARROW, 0, "baseline", "the best of this run"),
        ({"baseline": 0.80, "tuned": 0.82, "automl": 0.8205}, NARROW, 0, "tuned", "simpler than automl"),
        # The champion, which is never preferred for being simple.
        ({"baseline": 0.80, "champion": 0.81}, NARROW, 0, "champion", "stays: baseline is 0.0100 worse"),
        ({"baseline": 0.81, "champion": 0.80}, NARROW, 0.005, "baseline", "the best of this run"),
        ({"baseline": 0.81, "champion": 0.80}, NARROW, 0.02, "champion", "must be better by 0.02"),
        ({"baseline": 0.80, "champion": 0.80}, NARROW, 0, "baseline", "the best of this run"),
        ({"baseline": 0.80, "champion": None}, NARROW, 0.1, "baseline", "the best of this run"),
        ({"baseline": None, "tuned": 0.7}, NARROW, 0, "tuned", "the best of this run"),
    ],
)
def test_what_is_taken_and_why(
    values: dict[str, float], width: float, margin: float, taken: str, said: str
) -> None:
    choice = chosen(comparison(width, **values), margin)
    assert choice["chosen"] == taken
    verdicts = {each["name"]: each["verdict"] for each in choice["candidates"]}
    assert said in verdicts[taken]
    assert choice["summary"] == f"{taken} with auc {values[taken]:.4f}: {verdicts[taken]}"
    assert all(verdicts.values())
    assert list(verdicts) == list(values)


def test_a_champion_that_cannot_score_the_rows_does_not_stay() -> None:
    found = chosen(comparison(faults={"champion": "it needs fee"}, baseline=0.6), 0.1)
    assert (found["chosen"], found["champion"]) == ("baseline", "champion")
    assert found["candidates"][1]["verdict"] == "can't be compared: it needs fee"
    assert found["candidates"][1]["value"] is None


def test_nothing_is_chosen_from_nothing() -> None:
    with pytest.raises(QualityTooLow, match="auc could not be computed"):
        chosen(comparison(baseline=None), 0)
    with pytest.raises(QualityTooLow):  # what is in use is no model of this run
        chosen(comparison(champion=0.9), 0)
    with pytest.raises(ReportInvalid, match="'metric'"):
        chosen({"candidates": []}, 0)
