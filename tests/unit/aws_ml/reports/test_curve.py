"""Where a curve lies; the expected places are by hand."""

from __future__ import annotations

import pytest

from aws_ml.reports.curve import Curve, places


def test_values_lie_across_and_heights_up() -> None:
    """From 1000 to 4000 is the width; 0.25 lies at the lower margin, 0.75 at the upper one."""
    curve = Curve.of([1000.0, 2000.0, 4000.0], [0.25, 0.5, 0.75], [0.25, 0.5, 0.0], 0.25, 0.75)
    assert curve.line == "M0 38L33.33 20L100 2"
    # A bar is nine tenths of a third wide; the highest one takes half of the height.
    assert curve.bars == "M0.00 40V30.00H15.00V40ZM18.33 40V20.00H48.33V40Z"


def test_a_single_point_is_a_line_across() -> None:
    assert Curve.of([7.0], [0.5], [1.0], 0.5, 0.5).line == "M0 20L100 20"


def test_the_difference_of_huge_numbers_is_no_trouble() -> None:
    assert places([-1e308, 0.0, 1e308], -1e308, 1e308) == pytest.approx([0, 0.5, 1])
