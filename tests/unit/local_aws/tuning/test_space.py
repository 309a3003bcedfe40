"""The ranges of a request. Rules from the SageMaker API reference, "ContinuousParameterRange",
"IntegerParameterRange" and "ParameterRanges"."""

from __future__ import annotations

from typing import Any

import pytest

from local_aws.services.sagemaker.tuning.space import BadRange, Choice, Number, Space


def number(low: str, high: str, scale: str | None = None, name: str = "x") -> dict[str, Any]:
    return {"Name": name, "MinValue": low, "MaxValue": high, **({"ScalingType": scale} if scale else {})}


def only(**given: Any) -> Any:
    [found] = Space.of(given).ranges
    return found


@pytest.mark.parametrize(
    ("given", "scale"),
    [
        (number("0", "1", "Linear"), "Linear"),
        (number("0.001", "1", "Logarithmic"), "Logarithmic"),
        (number("0.9", "0.999", "ReverseLogarithmic"), "ReverseLogarithmic"),
        (number("0.001", "1", "Auto"), "Logarithmic"),
        (number("0.001", "1"), "Logarithmic"),
        (number("0.5", "1"), "Linear"),
        (number("0", "1000"), "Linear"),
    ],
)
def test_scales(given: dict[str, Any], scale: str) -> None:
    """Auto, which is also the default, takes the logarithm of wide positive ranges only."""
    assert only(ContinuousParameterRanges=[given]).scale == scale


def test_reverse_logarithmic_is_even_in_what_is_missing_to_one() -> None:
    """0.99 lies in the middle of 0.9 and 0.999: the steps to 1 are 0.1, 0.01, 0.001."""
    found = only(ContinuousParameterRanges=[number("0.9", "0.999", "ReverseLogarithmic")])
    low, high = found.bounds
    assert float(found.text((low * high) ** 0.5)) == pytest.approx(0.99)
    assert (found.text(low), found.text(high)) == ("0.999", "0.9")


@pytest.mark.parametrize("scale", ["Linear", "ReverseLogarithmic"])
def test_a_text_and_its_number_lead_to_each_other(scale: str) -> None:
    found = only(ContinuousParameterRanges=[number("0.9", "0.999", scale)])
    assert float(found.text(found.inner("0.95"))) == pytest.approx(0.95)
    assert [found.inner(text) for text in ("0.89", "1", "many", "nan")] == [None] * 4


def test_integers_are_written_as_integers() -> None:
    found = only(IntegerParameterRanges=[number("1", "8")])
    assert (found.text(3), found.inner("3")) == ("3", 3)
    assert [found.inner(text) for text in ("3.5", "9")] == [None, None]


def test_all_types_together() -> None:
    space = Space.of(
        {
            "IntegerParameterRanges": [number("1", "8", name="depth")],
            "ContinuousParameterRanges": [number("0", "1", name="eta")],
            "CategoricalParameterRanges": [{"Name": "booster", "Values": ["gbtree", "dart"]}],
        }
    )
    assert space.ranges == (
        Number("depth", 1, 8, "Linear", whole=True),
        Number("eta", 0.0, 1.0, "Linear", whole=False),
        Choice("booster", ("gbtree", "dart")),
    )
    assert space.numbers() == ["depth", "eta"]


def test_a_grid_has_every_combination_once() -> None:
    space = Space.of(
        {
            "CategoricalParameterRanges": [
                {"Name": "a", "Values": ["1", "2"]},
                {"Name": "b", "Values": ["x", "y", "z"]},
            ]
        }
    )
    combinations = [f"{one['a']}{one['b']}" for one in space.grid()]
    assert combinations == ["1x", "1y", "1z", "2x", "2y", "2z"]
    assert space.size() == 6


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "at least one hyperparameter range"),
        ({"IntegerParameterRanges": [number("1.5", "2")]}, "MinValue of hyperparameter x must be an integer"),
        ({"ContinuousParameterRanges": [number("0", "a")]}, "MaxValue of hyperparameter x must be a number"),
        ({"ContinuousParameterRanges": [number("0", "inf")]}, "must be finite"),
        ({"ContinuousParameterRanges": [number("nan", "1")]}, "must be finite"),
        ({"IntegerParameterRanges": [number("2", "2")]}, "must be less than its MaxValue"),
        ({"ContinuousParameterRanges": [number("0", "1", "Logarithmic")]}, "greater than 0"),
        ({"ContinuousParameterRanges": [number("0.5", "1", "ReverseLogarithmic")]}, "within 0 <= x < 1"),
        ({"IntegerParameterRanges": [number("0", "1", "ReverseLogarithmic")]}, "of integers"),
        ({"CategoricalParameterRanges": [{"Name": "x", "Values": ["a", "a"]}]}, "found 'a' twice"),
        (
            {
                "IntegerParameterRanges": [number("1", "2")],
                "ContinuousParameterRanges": [number("0", "1")],
            },
            "Hyperparameter x is specified multiple times",
        ),
        (
            {
                "IntegerParameterRanges": [number("1", "2", name=f"i{n}") for n in range(16)],
                "ContinuousParameterRanges": [number("1", "2", name=f"c{n}") for n in range(15)],
            },
            "31 ranges; a tuning job can have 30",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadRange, match=said.replace("(", r"\(")):
        Space.of(given)
