"""Where value and bounds lie on a bar; places worked out by hand from a margin of 12 % on either side."""

from __future__ import annotations

import math

import pytest

from aws_ml.reports.gauge import Gauge


def test_value_and_bounds_lie_to_scale() -> None:
    """From -0.1 to 0.3 the bar's inner 76 % are 0.4 wide: zero is a quarter of it, 0.1 the half."""
    gauge = Gauge.of([0.3], -0.1, 0.1)
    assert gauge.zero == 31.0
    assert gauge.allowed == (12.0, 50.0)
    assert gauge.values == (88.0,)


def test_a_side_without_a_bound_is_open_to_the_edge() -> None:
    assert Gauge.of([0.1], None, 0.2).allowed == (0.0, 88.0)
    assert Gauge.of([0.1], 0.05, None).allowed[1] == 100.0


def test_rounds_and_further_bounds_share_the_bar() -> None:
    gauge = Gauge.of([0.4, None, 0.1], None, 0.2, [0.3])
    assert gauge.values == (88.0, None, 31.0)
    assert gauge.further == (69.0,)


@pytest.mark.parametrize("value", [0.0, None, 1.7e308, -1.7e308, 5e-324])
def test_any_number_has_a_place_on_the_bar(value: float | None) -> None:
    gauge = Gauge.of([value], -1.7e308 if value else None, None)
    places = [gauge.zero, *gauge.allowed, *(place for place in gauge.values if place is not None)]
    assert all(math.isfinite(place) and 0 <= place <= 100 for place in places)
