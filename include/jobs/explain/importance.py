"""The SHAP values of many rows as one number a feature, and columns back to what they were made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from jobs.explain.trees import Numbers

# Clarify's names; each takes rows x features. The median is of the values, with their signs.
AGGREGATIONS: Mapping[str, Callable[[Numbers], Numbers]] = {
    "mean_abs": lambda values: np.abs(values).mean(axis=0),
    "median": lambda values: np.median(values, axis=0),
    "mean_sq": lambda values: (values**2).mean(axis=0),
}


def by_origin(values: Numbers, origins: Sequence[Sequence[str]]) -> tuple[list[str], Numbers]:
    """The values of columns as values of what the columns were made of, rows x names; sums stay.

    A column that several things made counts for each of them in equal parts, as Shapley's symmetry has it for
    what is of use only together.

    :param values: rows x columns
    :param origins: by column, what it was made of
    """
    names = list(dict.fromkeys(name for origin in origins for name in origin))
    parts = np.zeros((len(origins), len(names)))
    for place, origin in enumerate(origins):
        for name in origin:
            parts[place, names.index(name)] += 1 / len(origin)
    return names, values @ parts
