"""A bar that shows a value against its bounds, as shares of its width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MARGIN = 0.12  # of the width on either side, so that a value beyond its bound does not touch the edge


@dataclass(frozen=True)
class Gauge:
    """Places on a bar, in percent of its width from the left."""

    zero: float
    allowed: tuple[float, float]  # from, to; a side without a bound reaches to the edge
    values: tuple[float | None, ...]  # in the order given; None: there is no number
    further: tuple[float, ...]  # bounds beyond the first, where something more severe follows

    @classmethod
    def of(
        cls,
        values: Sequence[float | None],
        minimum: float | None,
        maximum: float | None,
        further: Sequence[float] = (),
    ) -> Gauge:
        """A bar on which all bounds and values have room. Each bar has its own scale: what is compared is
        the value with its bounds, not one metric with another."""
        marks = [0.0, *further, *(mark for mark in (*values, minimum, maximum) if mark is not None)]
        low, high = min(marks), max(marks)
        # Each end by itself: between huge numbers the difference may be infinite where neither end is.
        scale = max(abs(low), abs(high)) or 1.0
        width = (high / scale - low / scale) or 1.0

        def place(mark: float) -> float:
            share = (mark / scale - low / scale) / width
            return round(100 * (MARGIN + share * (1 - 2 * MARGIN)), 2)

        return cls(
            zero=place(0.0),
            allowed=(
                0.0 if minimum is None else place(minimum),
                100.0 if maximum is None else place(maximum),
            ),
            values=tuple(None if value is None else place(value) for value in values),
            further=tuple(place(bound) for bound in further),
        )
