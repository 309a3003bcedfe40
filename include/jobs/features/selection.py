"""Which of the made columns stay, by a rule that the workflow declares and training rows decide.

    minimum_variance      columns that vary no more than that go
    maximum_correlation   of two columns more alike, the one that says less of the label goes
    top                   so many columns stay, those that say most of the label

How much a column says of the label is the absolute value of its correlation with it. For two classes that
ranks columns as the F statistic of the analysis of variance does (scikit-learn's `f_classif`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jobs.features.columns import Flags, Matrix, Vector

CHUNK = 100_000  # rows at a time in double precision


@dataclass(frozen=True)
class LeftOut:
    """A column that does not stay, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Moments:
    """Means, variances and correlations of training columns, and their correlations with the label."""

    means: Vector
    variances: Vector  # of the population
    correlations: Any  # columns x columns; 0 with a constant one
    relevance: Vector  # absolute correlation with the label


def moments(made: Matrix, positives: Flags) -> Moments:
    """Of all columns at once, in double precision."""
    rows, width = made.shape
    label = positives.astype(np.float64)
    means = np.zeros(width + 1)
    for start in range(0, rows, CHUNK):
        means[:-1] += made[start : start + CHUNK].sum(axis=0, dtype=np.float64)
        means[-1] += label[start : start + CHUNK].sum()
    means /= rows
    products = np.zeros((width + 1, width + 1))
    for start in range(0, rows, CHUNK):
        part = np.column_stack([made[start : start + CHUNK], label[start : start + CHUNK]]) - means
        products += part.T @ part
    products /= rows
    variances = np.diag(products).copy()
    spread = np.sqrt(variances)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations = np.where(np.outer(spread, spread) > 0, products / np.outer(spread, spread), 0.0)
    return Moments(means[:-1], variances[:-1], correlations[:-1, :-1], np.abs(correlations[-1, :-1]))


def select(names: Sequence[str], found: Moments, rule: Mapping[str, Any]) -> tuple[list[str], list[LeftOut]]:
    """The columns that stay, in their order, and those that do not. What ``keep`` names always stays."""
    keep = set(rule["keep"])

    def kept(name: str) -> bool:
        # A feature by its name, with all columns that it makes.
        return any(name == each or name.startswith((f"{each}=", f"{each}.", f"{each}#")) for each in keep)

    left: dict[str, LeftOut] = {}
    least, most, top = rule["minimum_variance"], rule["maximum_correlation"], rule["top"]
    if least is not None:
        for place, name in enumerate(names):
            if found.variances[place] <= least and not kept(name):
                left[name] = LeftOut(name, f"variance {found.variances[place]:.4g}, not above {least:g}")
    # From the most telling to the least; of equally telling ones the first.
    order = sorted(
        range(len(names)), key=lambda place: (not kept(names[place]), -found.relevance[place], place)
    )
    chosen: list[int] = []
    for place in order:
        name = names[place]
        if name in left:
            continue
        if most is not None and not kept(name):
            alike = next((other for other in chosen if abs(found.correlations[place, other]) > most), None)
            if alike is not None:
                value = found.correlations[place, alike]
                left[name] = LeftOut(name, f"correlation {value:.4f} with {names[alike]}, beyond {most:g}")
                continue
        if top is not None and len(chosen) >= top and not kept(name):
            left[name] = LeftOut(
                name,
                f"correlation {found.relevance[place]:.4f} with the label, not among the {top} largest",
            )
            continue
        chosen.append(place)
    return [names[place] for place in sorted(chosen)], [left[name] for name in names if name in left]
