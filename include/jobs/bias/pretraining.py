"""Bias that is in the data before any model is trained, as Amazon SageMaker Clarify measures it.

Throughout, d is the facet (the group that may be disadvantaged) and a all other rows; n_a and n_d are their
sizes, n_a1 and n_d1 how many of them have the positive label. P_a and P_d are the shares of the two labels,
positive and negative, in each. The formulas are those of the chapter "Pre-training Bias Metrics" of the
SageMaker developer guide, applied to a label with two values, as Clarify reduces every label.

Where a metric has no value for the data at hand it raises NotComputable; it never makes a number up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from jobs.bias.registry import NotComputable, Registry

PRETRAINING = Registry()


@dataclass(frozen=True)
class Sample:
    """The rows that a metric looks at: arrays of one length."""

    facet: npt.NDArray[np.bool_]  # the row belongs to d
    positive: npt.NDArray[np.bool_]  # the row has the positive label
    group: npt.NDArray[np.object_] | None = None  # of CDDL; None inside: the row has no group

    @property
    def sizes(self) -> tuple[int, int]:
        """n_a and n_d. Raises NotComputable if either is 0."""
        of_facet = int(self.facet.sum())
        others = len(self.facet) - of_facet
        if not of_facet:
            raise NotComputable("The facet is empty: no row belongs to it")
        if not others:
            raise NotComputable("The facet holds every row: there is no other group to compare with")
        return others, of_facet

    @property
    def positive_shares(self) -> tuple[float, float]:
        """Share of positive labels in a and in d. Raises NotComputable for one group or one label value."""
        others, of_facet = self.sizes
        self.require_two_labels()
        of_others = int((self.positive & ~self.facet).sum())
        return of_others / others, int((self.positive & self.facet).sum()) / of_facet

    def require_two_labels(self) -> None:
        """Raise NotComputable if every row has the same label: then there is nothing to compare."""
        if not self.positive.any():
            raise NotComputable("No row has the positive label")
        if self.positive.all():
            raise NotComputable("Every row has the positive label")

    @property
    def distributions(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """P_a and P_d over the label values that occur in both groups, as Clarify aligns them."""
        share_a, share_d = self.positive_shares
        p_a, p_d = np.array([1 - share_a, share_a]), np.array([1 - share_d, share_d])
        shared = (p_a > 0) & (p_d > 0)
        if not shared.any():
            raise NotComputable("The two groups have no label value in common")
        return p_a[shared], p_d[shared]


@PRETRAINING.metric
def CI(sample: Sample) -> float:  # noqa: N802 - the metric's name is the function's
    """Class Imbalance (CI)

    Formula: (n_a - n_d) / (n_a + n_d)
    Range: -1 to 1
    Sign: above 0 the facet has fewer rows than the rest; near 1 a model learns next to nothing about it
    Source: SageMaker developer guide, "Class Imbalance (CI)"
    """
    others, of_facet = sample.sizes
    return (others - of_facet) / (others + of_facet)


@PRETRAINING.metric
def DPL(sample: Sample) -> float:  # noqa: N802 - the metric's name is the function's
    """Difference in Positive Proportions in Labels (DPL)

    Formula: n_a1 / n_a - n_d1 / n_d
    Range: -1 to 1
    Sign: above 0 the positive label is rarer in the facet than in the rest
    Source: SageMaker developer guide, "Difference in Proportions of Labels (DPL)"
    """
    share_a, share_d = sample.positive_shares
    return share_a - share_d


@PRETRAINING.metric
def KL(sample: Sample) -> float:  # noqa: N802 - the metric's name is the function's
    """Kullback-Liebler Divergence (KL)

    Formula: sum of P_a ln(P_a / P_d) over the label values that both groups have
    Range: 0 to infinity, if both groups have both label values
    Sign: 0 means the same label shares; it grows with the difference, whichever group is favoured
    Source: SageMaker developer guide, "Kullback-Leibler Divergence (KL)"; Clarify itself writes Liebler
    """
    p_a, p_d = sample.distributions
    return float(np.sum(p_a * np.log(p_a / p_d)))


@PRETRAINING.metric
def JS(sample: Sample) -> float:  # noqa: N802 - the metric's name is the function's
    """Jensen-Shannon Divergence (JS)

    Formula: (KL(P_a, P) + KL(P_d, P)) / 2 with P = (P_a + P_d) / 2
    Range: 0 to ln 2
    Sign: 0 means the same label shares; it grows with the difference, whichever group is favoured
    Source: SageMaker developer guide, "Jensen-Shannon Divergence (JS)"
    """
    p_a, p_d = sample.distributions
    middle = (p_a + p_d) / 2
    return float((np.sum(p_a * np.log(p_a / middle)) + np.sum(p_d * np.log(p_d / middle))) / 2)


@PRETRAINING.metric
def LP(sample: Sample) -> float:  # noqa: N802 - the metric's name is the function's
    """L-p Norm (LP)

    Formula: square root of the sum of (P_a - P_d)^2
    Range: 0 to the square root of 2
    Sign: 0 means the same label shares; it grows with the difference, whichever group is favoured
    Source: SageMaker developer guide, "Lp-norm (LP)", with p = 2
    """
    p_a, p_d = sample.distributions
    return float(np.sqrt(np.sum((p_a - p_d) ** 2)))


@PRETRAINING.metric
def TVD(sample: Sample) -> float:  # noqa: N802 - the metric's name is the function's
    """Total Variation Distance (TVD)

    Formula: half the sum of |P_a - P_d|
    Range: 0 to 1
    Sign: 0 means the same label shares; it is the share of labels that would have to change
    Source: SageMaker developer guide, "Total Variation Distance (TVD)"
    """
    p_a, p_d = sample.distributions
    return float(np.sum(np.abs(p_a - p_d)) / 2)


@PRETRAINING.metric
def KS(sample: Sample) -> float:  # noqa: N802 - the metric's name is the function's
    """Kolmogorov-Smirnov Distance (KS)

    Formula: largest |P_a - P_d|
    Range: 0 to 1
    Sign: 0 means the same label shares; else the difference in the label value where it is greatest
    Source: SageMaker developer guide, "Kolmogorov-Smirnov (KS)"
    """
    p_a, p_d = sample.distributions
    return float(np.max(np.abs(p_a - p_d)))


@PRETRAINING.metric
def CDDL(sample: Sample) -> float:  # noqa: N802 - the metric's name is the function's
    """Conditional Demographic Disparity in Labels (CDDL)

    Formula: sum over groups g of n_g DD_g / n, with DD_g = the facet's share of the rejected in g less its
        share of the accepted in g (a share of nothing is 0)
    Range: -1 to 1
    Sign: above 0 the facet has more of the rejected than of the accepted, within groups that are alike
    Source: SageMaker developer guide, "Conditional Demographic Disparity (CDD)"
    """
    if sample.group is None or not len(sample.group):
        raise NotComputable("Group variable is empty or not provided")
    sample.sizes  # noqa: B018 - raises if there is nothing to compare
    sample.require_two_labels()
    codes, groups = pd.factorize(pd.Series(sample.group), use_na_sentinel=True)
    grouped = codes >= 0  # rows without a group are in none
    codes, facet, positive = codes[grouped], sample.facet[grouped], sample.positive[grouped]
    if not len(codes):
        raise NotComputable("Group variable is empty or not provided")

    def count(rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        return np.bincount(codes[rows], minlength=len(groups)).astype(np.float64)

    rejected, accepted = count(~positive), count(positive)
    disparity = _share(count(~positive & facet), rejected) - _share(count(positive & facet), accepted)
    sizes = rejected + accepted
    return float(np.sum(sizes * disparity) / np.sum(sizes))


def _share(part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
