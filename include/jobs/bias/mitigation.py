"""Make the label independent of the facets, by weights or by choosing rows.

Both follow from one table. The rows are divided by the facets that are to be mitigated, crossed with each
other (women over sixty, other women, men over sixty, other men), and by the label. Were the label independent
of the facets, a cell would have n_facets x n_label / n rows: as many as are *expected*.

    reweighing    every row stays and weighs expected / rows of its cell
    resampling    of each cell, as many rows as expected are chosen: some are left out, others repeated

Source: F. Kamiran and T. Calders, "Data preprocessing techniques for classification without discrimination",
Knowledge and Information Systems 33 (2012): "Reweighing" and "Uniform Sampling".

Afterwards the label shares of all facets are equal (resampling: as nearly as whole rows can be), and so are
those of their intersections. How many rows a facet has stays as it was, so CI does; and within the groups of
CDDL, of which neither method knows, something may remain.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.bias.selection import Groups
from jobs.processing.job import JobError


class MitigationError(JobError):
    """The method has no answer for these rows; none is made up."""


@dataclass(frozen=True)
class Cell:
    """The rows of one group with one label."""

    facets: tuple[bool, ...]  # whether they are in each facet
    positive: bool
    rows: int
    expected: float  # were the label independent of the facets

    @property
    def weight(self) -> float | None:
        """What each of its rows counts for; None where there is no row."""
        return self.expected / self.rows if self.rows else None


@dataclass(frozen=True)
class Plan:
    """The table, and where in it each row is."""

    cells: tuple[Cell, ...]
    place: npt.NDArray[np.intp]  # the cell of each row

    def weights(self) -> npt.NDArray[np.float64]:
        """Reweighing: what each row counts for. The weights sum to the number of rows."""
        return np.array([cell.weight or 0.0 for cell in self.cells])[self.place]

    def drawn(self) -> list[int]:
        """How many rows resampling takes of each cell: whole numbers that sum to the number of rows."""
        least = [int(cell.expected) for cell in self.cells]
        rests = sorted(range(len(least)), key=lambda index: least[index] - self.cells[index].expected)
        for index in rests[: len(self.place) - sum(least)]:
            least[index] += 1
        return least

    def sample(self, seed: str) -> npt.NDArray[np.intp]:
        """Resampling: the chosen rows, in their order, a repeated row beside itself. Same seed, same rows.

        Every row of a cell is repeated equally often, save that chance chooses which ones once more.
        """
        digest = hashlib.sha256(seed.encode()).digest()
        random = np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))
        chosen = []
        for index, wanted in enumerate(self.drawn()):
            rows = np.flatnonzero(self.place == index)
            if wanted:
                times, more = divmod(wanted, len(rows))
                chosen += [rows] * times + [random.choice(rows, more, replace=False)]
        return np.sort(np.concatenate(chosen))


def plan(facets: Sequence[Groups], positive: npt.NDArray[np.bool_], label: str) -> Plan:
    """Divide the rows by facets and label.

    :param label: the positive label in words, for messages
    :raises MitigationError: a facet has nobody to compare with, every label is the same, or a group lacks one
        of the labels, so that no weight of its rows can make up for those that are not there
    """
    for facet in facets:
        if len(facet.texts) != 1:
            raise MitigationError(
                f"{facet.column}: {len(facet.texts)} groups; to be mitigated, a facet says which one is meant"
            )
        inside = int(facet.first.sum())
        if inside in (0, len(positive)):
            raise MitigationError(
                f"{in_words(facet, True)}: {'no' if not inside else 'every'} row is in this facet, "
                "so there is nobody to compare with, and nothing to mitigate"
            )
    place = np.zeros(len(positive), dtype=np.intp)
    for facet in facets:
        place = 2 * place + facet.first
    place = 2 * place + positive
    counts = np.bincount(place, minlength=2 ** (len(facets) + 1)).reshape(-1, 2)
    if 0 in counts.sum(axis=0):
        which = "no" if not counts[:, 1].sum() else "every"
        raise MitigationError(
            f"{which} row has {label}: there is only one label value, and nothing to mitigate"
        )
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / len(positive)
    groups = list(itertools.product((False, True), repeat=len(facets)))
    cells = tuple(
        Cell(group, bool(sign), int(counts[index, sign]), float(expected[index, sign]))
        for index, group in enumerate(groups)
        for sign in (0, 1)
    )
    lacking = [cell for cell in cells if cell.expected and not cell.rows]
    if lacking:
        named = "; ".join(
            f"{group_in_words(facets, cell.facets)} with{'' if cell.positive else 'out'} {label}"
            for cell in lacking
        )
        raise MitigationError(
            f"no row is in: {named}. No weight can stand for rows that are not there: "
            "mitigate over fewer facets (bias.mitigation.facets), or add data"
        )
    return Plan(cells, place)


def in_words(facet: Groups, inside: bool) -> str:
    """``sex = female`` or ``sex: others``."""
    return f"{facet.column} = {facet.texts[0]}" if inside else f"{facet.column}: others"


def group_in_words(facets: Sequence[Groups], inside: Sequence[bool]) -> str:
    """All facets of a group, ``sex = female, age: others``."""
    return ", ".join(in_words(facet, each) for facet, each in zip(facets, inside, strict=True))


def effective_size(weights: npt.NDArray[np.float64]) -> float:
    """How many rows of equal weight would say as much: (sum of w)^2 / sum of w^2.

    Source: L. Kish, "Survey Sampling" (1965).
    """
    return float(weights.sum() ** 2 / (weights**2).sum())
