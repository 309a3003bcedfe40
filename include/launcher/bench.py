"""`make bench`: how long, how much memory, how much of the time is not spent in jobs. Printed, never
asserted."""

from __future__ import annotations

from launcher.settings import Choices


def bench(choices: Choices) -> int:
    """Measure and print."""
    raise NotImplementedError
