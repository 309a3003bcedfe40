"""A small curve over a histogram: where its line and its bars lie in a picture of 100 by 40."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 100.0, 40.0
MARGIN = 2.0  # above and below the line, which has a width


@dataclass(frozen=True)
class Curve:
    """A line through points, and bars that say how many rows lie at each, as SVG paths."""

    line: str
    bars: str

    @classmethod
    def of(
        cls,
        values: Sequence[float],
        heights: Sequence[float],
        shares: Sequence[float],
        low: float,
        high: float,
    ) -> Curve:
        """The picture of ascending values with their heights.

        :param shares: of the rows, by value
        :param low: the height at the lower edge; curves with the same edges can be compared
        :param high: at the upper one
        """
        across = [round(WIDTH * place, 2) for place in places(values, min(values), max(values))]
        up = [
            round(HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * place, 2) for place in places(heights, low, high)
        ]
        points = [f"{x:g} {y:g}" for x, y in zip(across, up, strict=True)]
        if len(points) == 1:  # a value of its own is a line across
            points = [f"0 {up[0]:g}", f"{WIDTH:g} {up[0]:g}"]
        half, most = WIDTH / len(across) / 2 * 0.9, max(shares) or 1.0
        bars = "".join(
            f"M{max(x - half, 0):.2f} {HEIGHT:g}V{HEIGHT - HEIGHT * share / most / 2:.2f}"
            f"H{min(x + half, WIDTH):.2f}V{HEIGHT:g}Z"
            for x, share in zip(across, shares, strict=True)
            if share
        )
        return cls(line=f"M{'L'.join(points)}", bars=bars)


def places(values: Sequence[float], low: float, high: float) -> list[float]:
    """Where values lie between two ends, from 0 to 1; the middle, where the ends are one."""
    scale = max(abs(low), abs(high)) or 1.0  # each by itself: the difference of huge numbers may be infinite
    width = high / scale - low / scale
    return [(value / scale - low / scale) / width if width else 0.5 for value in values]
