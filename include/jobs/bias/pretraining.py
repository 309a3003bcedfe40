"""Bias that is in the data before any model is trained, as Amazon SageMaker Clarify measures it.

Throughout, d is the facet (the group that may be disadvantaged) and a all other rows; n_a and n_d are their
sizes, n_a1 and n_d1 how many of them have the positive label. P_a and P_d are the shares of the two labels,
positive and negative, in each. Where rows have weights, a size is the sum of weights. The formulas are those
of the chapter "Pre-training Bias Metrics" of the SageMaker developer guide, applied to a label with two
values, as Clarify reduces every label.

Where a metric has no value for the data at hand it raises NotComputable; it never makes a number up. In three
cases AWS's open library (smclarify) gives a number there, and it means nothing:

- every label is the same: DPL, KL, JS, LP, TVD and KS are 0 in smclarify, as if no bias had been found;
- the facet holds every row or none: CDDL is still a number there, though nobody is compared with anybody;
- no row has a group (all are NaN): CDDL is 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jobs.bias.contingency import NEGATIVE, POSITIVE, Table
from jobs.bias.registry import NotComputable, Registry

PRETRAINING = Registry()


def sizes(table: Table) -> tuple[float, float]:
    """n_a and n_d. Raises NotComputable if either is 0."""
    n_a, n_d = float(table.of_rest.sum()), float(table.of_facet.sum())
    if not n_d:
        raise NotComputable("The facet is empty: no row belongs to it")
    if not n_a:
        raise NotComputable("The facet holds every row: there is no other group to compare with")
    return n_a, n_d


def require_two_labels(table: Table) -> None:
    """Raise NotComputable if every row has the same label: then there is nothing to compare."""
    negative, positive = table.of_facet + table.of_rest
    if not positive:
        raise NotComputable("No row has the positive label")
    if not negative:
        raise NotComputable("Every row has the positive label")


def positive_shares(table: Table) -> tuple[float, float]:
    """Share of positive labels in a and in d. Raises NotComputable for one group or one label value."""
    n_a, n_d = sizes(table)
    require_two_labels(table)
    return float(table.of_rest[POSITIVE]) / n_a, float(table.of_facet[POSITIVE]) / n_d


def distributions(table: Table) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """P_a and P_d over the label values that occur in both groups, as Clarify aligns them."""
    n_a, n_d = sizes(table)
    require_two_labels(table)
    p_a, p_d = table.of_rest / n_a, table.of_facet / n_d
    shared = (p_a > 0) & (p_d > 0)
    if not shared.any():
        raise NotComputable("The two groups have no label value in common")
    return p_a[shared], p_d[shared]


@PRETRAINING.metric
def CI(table: Table) -> float:  # noqa: N802 - the metric's name is the function's
    """Class Imbalance (CI)

    Formula: (n_a - n_d) / (n_a + n_d)
    Range: -1 to 1
    Sign: above 0 the facet has fewer rows than the rest; near 1 a model learns next to nothing about it
    Source: SageMaker developer guide, "Class Imbalance (CI)"
    """
    n_a, n_d = sizes(table)
    return (n_a - n_d) / (n_a + n_d)


@PRETRAINING.metric
def DPL(table: Table) -> float:  # noqa: N802 - the metric's name is the function's
    """Difference in Positive Proportions in Labels (DPL)

    Formula: n_a1 / n_a - n_d1 / n_d
    Range: -1 to 1
    Sign: above 0 the positive label is rarer in the facet than in the rest
    Source: SageMaker developer guide, "Difference in Proportions of Labels (DPL)"
    """
    share_a, share_d = positive_shares(table)
    return share_a - share_d


@PRETRAINING.metric
def KL(table: Table) -> float:  # noqa: N802 - the metric's name is the function's
    """Kullback-Liebler Divergence (KL)

    Formula: sum of P_a ln(P_a / P_d) over the label values that both groups have
    Range: 0 to infinity, if both groups have both label values
    Sign: 0 means the same label shares; it grows with the difference, whichever group is favoured
    Source: SageMaker developer guide, "Kullback-Leibler Divergence (KL)"; Clarify itself writes Liebler
    """
    p_a, p_d = distributions(table)
    return float(np.sum(p_a * np.log(p_a / p_d)))


@PRETRAINING.metric
def JS(table: Table) -> float:  # noqa: N802 - the metric's name is the function's
    """Jensen-Shannon Divergence (JS)

    Formula: (KL(P_a, P) + KL(P_d, P)) / 2 with P = (P_a + P_d) / 2
    Range: 0 to ln 2
    Sign: 0 means the same label shares; it grows with the difference, whichever group is favoured
    Source: SageMaker developer guide, "Jensen-Shannon Divergence (JS)"
    """
    p_a, p_d = distributions(table)
    middle = (p_a + p_d) / 2
    return float((np.sum(p_a * np.log(p_a / middle)) + np.sum(p_d * np.log(p_d / middle))) / 2)


@PRETRAINING.metric
def LP(table: Table) -> float:  # noqa: N802 - the metric's name is the function's
    """L-p Norm (LP)

    Formula: square root of the sum of (P_a - P_d)^2
    Range: 0 to the square root of 2
    Sign: 0 means the same label shares; it grows with the difference, whichever group is favoured
    Source: SageMaker developer guide, "Lp-norm (LP)", with p = 2
    """
    p_a, p_d = distributions(table)
    return float(np.sqrt(np.sum((p_a - p_d) ** 2)))


@PRETRAINING.metric
def TVD(table: Table) -> float:  # noqa: N802 - the metric's name is the function's
    """Total Variation Distance (TVD)

    Formula: half the sum of |P_a - P_d|
    Range: 0 to 1
    Sign: 0 means the same label shares; it is the share of labels that would have to change
    Source: SageMaker developer guide, "Total Variation Distance (TVD)"
    """
    p_a, p_d = distributions(table)
    return float(np.sum(np.abs(p_a - p_d)) / 2)


@PRETRAINING.metric
def KS(table: Table) -> float:  # noqa: N802 - the metric's name is the function's
    """Kolmogorov-Smirnov Distance (KS)

    Formula: largest |P_a - P_d|
    Range: 0 to 1
    Sign: 0 means the same label shares; else the difference in the label value where it is greatest
    Source: SageMaker developer guide, "Kolmogorov-Smirnov (KS)"
    """
    p_a, p_d = distributions(table)
    return float(np.max(np.abs(p_a - p_d)))


@PRETRAINING.metric
def CDDL(table: Table) -> float:  # noqa: N802 - the metric's name is the function's
    """Conditional Demographic Disparity in Labels (CDDL)

    Formula: sum over groups g of n_g DD_g / n, with DD_g = the facet's share of the rejected in g less its
        share of the accepted in g (a share of nothing is 0)
    Range: -1 to 1
    Sign: above 0 the facet has more of the rejected than of the accepted, within groups that are alike
    Source: SageMaker developer guide, "Conditional Demographic Disparity (CDD)"
    """
    sizes(table)
    require_two_labels(table)
    facet, rest = table.facet[1:], table.rest[1:]  # rows without a group are in none
    whole = facet + rest
    if not table.grouped or not whole.sum():
        raise NotComputable("Group variable is empty or not provided")
    share = np.divide(facet, whole, out=np.zeros_like(facet), where=whole > 0)
    disparity = share[:, NEGATIVE] - share[:, POSITIVE]
    weight = whole.sum(axis=1)
    return float(np.sum(weight * disparity) / np.sum(weight))
