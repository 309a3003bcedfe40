"""Bias in a model's predictions on held-out rows, laid out as Clarify lays out bias after training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from jobs.bias.config import Facet
from jobs.bias.posttraining import POSTTRAINING, Predictions
from jobs.bias.registry import measured
from jobs.bias.selection import Groups, crossed, groups

Group = tuple[str, str, npt.NDArray[np.bool_]]  # the facet's column, its value or threshold, its rows


def columns_of(bias: Mapping[str, Any]) -> list[str]:
    """The columns that :func:`analyze` looks at.

    :param bias: the section `bias` of a resolved workflow
    """
    group = [] if bias["group"] is None else [bias["group"]]
    return list(dict.fromkeys([*(facet["column"] for facet in bias["facets"]), *group]))


def analyze(
    rows: pd.DataFrame,
    bias: Mapping[str, Any],
    label: Mapping[str, Any],
    observed: npt.NDArray[np.bool_],
    predicted: npt.NDArray[np.bool_],
) -> dict[str, Any]:
    """What ``post_training_bias_metrics`` of an analysis.json says: every metric of each facet.

    The flip test has no value: rows with texts have no distance from each other.

    :param rows: the columns of :func:`columns_of`, raw
    :param bias: the section `bias` of a resolved workflow
    :param label: its `data.label`
    :param observed: which rows have the positive label
    :param predicted: which rows are predicted to have it
    """
    within = None if bias["group"] is None else rows[bias["group"]]
    return {
        "label": label["column"],
        "facets": by_facet(of_facets(rows, bias), observed, predicted, within),
        "label_value_or_threshold": ",".join(map(str, label["positive"])),
    }


def of_facets(rows: pd.DataFrame, bias: Mapping[str, Any]) -> Iterator[Group]:
    """Every group that is compared with the others: the facet's column, its value or threshold, its rows.

    :param rows: the columns of :func:`columns_of`, raw
    :param bias: the section `bias` of a resolved workflow
    """
    facets = {facet["column"]: _facet(facet) for facet in bias["facets"]}
    found = {name: groups(rows[name], facet, f"bias.facets.{name}") for name, facet in facets.items()}
    both = [crossed([found[name] for name in each["facets"]]) for each in bias["intersections"]]
    for group in [*found.values(), *both]:
        yield from one_by_one(group)


def one_by_one(groups: Groups) -> Iterator[Group]:
    """Each group of a facet by itself."""
    for number, text in enumerate(groups.texts):
        yield groups.column, text, groups.codes == number


def by_facet(
    groups: Iterable[Group],
    observed: npt.NDArray[np.bool_],
    predicted: npt.NDArray[np.bool_],
    within: Any = None,
    *,
    names: Sequence[str] = (),
    flips: Callable[[str, npt.NDArray[np.bool_]], tuple[float, float] | None] | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """The metrics of each group, as ``facets`` of ``post_training_bias_metrics`` has them.

    :param within: what CDDPL compares within; values of any kind
    :param names: which metrics; none: all
    :param flips: what the flip test finds for a facet's rows; None: rows have no distance from each other
    """
    told: dict[str, list[dict[str, Any]]] = {}
    for column, text, rows in groups:
        flipped = None if flips is None else flips(column, rows)
        counted = Predictions.of(rows, observed, predicted, within, flips=flipped)
        metrics = [measured(POSTTRAINING[name], counted) for name in names or POSTTRAINING.names]
        told.setdefault(column, []).append({"value_or_threshold": text, "metrics": metrics})
    return told


def _facet(facet: Mapping[str, Any]) -> Facet:
    values = [facet["threshold"]] if facet["values"] is None else facet["values"]
    return Facet(facet["column"], tuple(values))
