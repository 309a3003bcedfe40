"""A small histogram of a column: where each bar lies in a picture of 100 by 40."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 100.0, 40.0
FAR_WIDTH, FAR_GAP = 3.0, 1.5  # of the bar for all that lies beyond an end, and what parts it from the others
LEAST = 0.8  # height of a bar of few rows, which is there


@dataclass(frozen=True)
class Histogram:
    """Bars of one width as SVG paths; what lies beyond the ends is a bar of its own on that side."""

    bars: str
    far: str

    @classmethod
    def of(cls, rows: Sequence[int], below: int = 0, above: int = 0) -> Histogram:
        """The picture of these counts; the highest bar is as high as the picture."""
        most = max([1, *rows, below, above])
        begin = FAR_WIDTH + FAR_GAP if below else 0.0
        end = WIDTH - (FAR_WIDTH + FAR_GAP if above else 0.0)
        step = (end - begin) / max(1, len(rows))

        def bar(left: float, right: float, count: int) -> str:
            height = max(LEAST, HEIGHT * count / most)
            return f"M{left:.2f} {HEIGHT:g}V{HEIGHT - height:.2f}H{right:.2f}V{HEIGHT:g}Z" if count else ""

        return cls(
            bars="".join(
                bar(begin + place * step, begin + (place + 0.9) * step, count)
                for place, count in enumerate(rows)
            ),
            far=bar(0.0, FAR_WIDTH, below) + bar(WIDTH - FAR_WIDTH, WIDTH, above),
        )
