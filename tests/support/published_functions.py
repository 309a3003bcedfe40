"""Published functions on which searches are compared, and how close a search comes to their minimum.

Hartmann's function of six variables and Branin's of two: Dixon and Szegő, "The global optimization problem:
an introduction" (1978); constants and minima as in Surjanovic and Bingham's Virtual Library of Simulation
Experiments, https://www.sfu.ca/~ssurjano/hart6.html and https://www.sfu.ca/~ssurjano/branin.html.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from local_aws.services.sagemaker.tuning.search import Search
from local_aws.services.sagemaker.tuning.space import Space

_ALPHA = (1.0, 1.2, 3.0, 3.2)
_A = (
    (10, 3, 17, 3.5, 1.7, 8),
    (0.05, 10, 17, 0.1, 8, 14),
    (3, 3.5, 1.7, 10, 17, 8),
    (17, 8, 0.05, 10, 0.1, 14),
)
_P = (
    (0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886),
    (0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991),
    (0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650),
    (0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381),
)


@dataclass(frozen=True)
class Published:
    """A function with its domain and its minimum."""

    name: str
    value: Callable[[Sequence[float]], float]
    domain: tuple[tuple[int, int], ...]
    least: float
    least_at: tuple[float, ...]

    def distance(self, strategy: str, seed: int, jobs: int) -> float:
        """By how much the least value found lies above the minimum, after so many jobs one by one."""
        ranges = [
            {"Name": f"x{number}", "MinValue": str(low), "MaxValue": str(high), "ScalingType": "Linear"}
            for number, (low, high) in enumerate(self.domain)
        ]
        space = Space.of({"ContinuousParameterRanges": ranges})
        search = Search(space, strategy, maximize=False, seed=seed)
        values = []
        for number in range(jobs):
            proposed = search.propose(number)
            values.append(self.value([float(proposed[name]) for name in space.names]))
            search.observe(number, values[-1])
        return min(values) - self.least


def _hartmann(x: Sequence[float]) -> float:
    return -sum(
        alpha * math.exp(-sum(a * (xi - p) ** 2 for a, p, xi in zip(row_a, row_p, x, strict=True)))
        for alpha, row_a, row_p in zip(_ALPHA, _A, _P, strict=True)
    )


def _branin(x: Sequence[float]) -> float:
    inner = x[1] - 5.1 / (4 * math.pi**2) * x[0] ** 2 + 5 / math.pi * x[0] - 6
    return inner**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x[0]) + 10


HARTMANN = Published(
    "Hartmann 6",
    _hartmann,
    ((0, 1),) * 6,
    -3.32237,
    (0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573),
)
BRANIN = Published("Branin", _branin, ((-5, 10), (0, 15)), 0.397887, (math.pi, 2.275))
