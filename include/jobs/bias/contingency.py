"""Contingency tables: all that any bias metric needs to know of the rows, however many there are.

The rows are read once a facet column, in blocks, so that memory does not grow with them. Every metric of
every group of the column then follows from a few numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

BLOCK = 1 << 18  # rows; its arrays fit the processor's cache
MOST_CELLS = 1 << 20  # of one table; a column with more values is counted in several passes

NEGATIVE, POSITIVE = 0, 1


@dataclass(frozen=True)
class Table:
    """How many rows there are (or how much they weigh) in the facet and in the rest, by group and label.

    Both arrays have the shape (groups + 1, 2): rows without a group first, then each group of CDDL; negative
    labels, then positive ones.
    """

    facet: npt.NDArray[np.float64]
    rest: npt.NDArray[np.float64]
    grouped: bool = False  # a group variable was given

    @cached_property
    def of_facet(self) -> npt.NDArray[np.float64]:
        """Negative and positive rows of the facet."""
        return np.asarray(self.facet.sum(axis=0))

    @cached_property
    def of_rest(self) -> npt.NDArray[np.float64]:
        """Negative and positive rows of the rest."""
        return np.asarray(self.rest.sum(axis=0))


@dataclass(frozen=True)
class Outcome:
    """What a table counts beside the facet: arrays of one length."""

    positive: npt.NDArray[np.bool_]
    group: npt.NDArray[np.integer] | None = None  # 0 to groups - 1; -1: the row has no group
    groups: int = 0
    weights: npt.NDArray[np.float64] | None = None  # None: every row counts for one

    @classmethod
    def of(
        cls,
        positive: npt.NDArray[np.bool_],
        group: Any = None,
        weights: npt.NDArray[np.float64] | None = None,
    ) -> Outcome:
        """Take the group variable's values, of any kind, for numbers of groups."""
        if group is None:
            return cls(positive, weights=weights)
        values = pd.Series(group)
        if isinstance(values.dtype, pd.CategoricalDtype):
            return cls(positive, values.cat.codes.to_numpy(), len(values.cat.categories), weights)
        codes, found = pd.factorize(values, use_na_sentinel=True)
        return cls(positive, codes, len(found), weights)

    def tables(self, codes: npt.NDArray[np.integer], facets: int) -> Iterator[Table]:
        """One table for each facet 0 to ``facets - 1``; ``codes`` says which one a row is in, -1 for none."""
        width = 2 * (self.groups + 1)
        step = max(1, min(facets, MOST_CELLS // width))
        for first in range(0, facets, step):
            cells = self._cells(codes, first, step).reshape(step + 1, self.groups + 1, 2)
            for number in range(1, min(step, facets - first) + 1):
                # The rest is summed, not subtracted: with weights, a difference may be a hair off zero.
                rest = cells[:number].sum(axis=0) + cells[number + 1 :].sum(axis=0)
                yield Table(cells[number], rest, self.group is not None)

    def _cells(self, codes: npt.NDArray[np.integer], first: int, step: int) -> npt.NDArray[np.float64]:
        """Counts by facet (other facets first, then ``step`` of them), group and label, as one long array."""
        width = 2 * (self.groups + 1)
        cells = np.zeros((step + 1) * width)
        for start in range(0, len(self.positive), BLOCK):
            rows = slice(start, start + BLOCK)
            place = codes[rows].astype(np.intp)
            place -= first - 1
            place[(place < 0) | (place > step)] = 0
            place *= width
            if self.group is not None:
                place += 2 * (self.group[rows].astype(np.intp) + 1)
            place += self.positive[rows]
            weights = None if self.weights is None else self.weights[rows]
            cells += np.bincount(place, weights=weights, minlength=len(cells))
        return cells


def tabulate(
    facet: npt.NDArray[np.bool_],
    positive: npt.NDArray[np.bool_],
    group: Any = None,
    weights: npt.NDArray[np.float64] | None = None,
) -> Table:
    """The one table of a facet whose rows are known."""
    return next(Outcome.of(positive, group, weights).tables(facet.astype(np.int8) - 1, 1))
