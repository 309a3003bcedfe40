"""Bias in a model's predictions, as Amazon SageMaker Clarify measures it after training.

As in jobs.bias.pretraining, d is the facet and a all other rows, n_a and n_d their sizes. A 1 stands for the
positive label, a 0 for the negative one; a hat for what is predicted: n_a1 of a are positive, n_a1^ are
predicted to be. TP, FP, TN and FN count right and wrong predictions of each. Where rows have weights, a count
is the sum of weights. The formulas are those of the chapter "Post-training Data and Model Bias Metrics" of
the SageMaker developer guide.

A ratio whose denominator alone is 0 is infinite, as in Clarify. Where both are 0, or infinity is taken from
infinity, AWS's open library (smclarify) says 0, as if no bias had been found; here such a metric has no value
and raises NotComputable.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.bias.contingency import NEGATIVE, POSITIVE, Table, tabulate
from jobs.bias.pretraining import CDDL, sizes
from jobs.bias.registry import NotComputable, Registry

POSTTRAINING = Registry()


@dataclass(frozen=True)
class Group:
    """A group's observed and predicted labels, counted."""

    true_positive: float
    false_positive: float
    true_negative: float
    false_negative: float

    @property
    def rows(self) -> float:
        """All of them."""
        return self.true_positive + self.false_positive + self.true_negative + self.false_negative

    @property
    def positive(self) -> float:
        """Observed positive labels."""
        return self.true_positive + self.false_negative

    @property
    def negative(self) -> float:
        """Observed negative labels."""
        return self.true_negative + self.false_positive

    @property
    def called_positive(self) -> float:
        """Predicted positive labels."""
        return self.true_positive + self.false_positive

    @property
    def called_negative(self) -> float:
        """Predicted negative labels."""
        return self.true_negative + self.false_negative


@dataclass(frozen=True)
class Predictions:
    """What metrics need to know of a facet's and all other rows' labels and predictions.

    Two tables of predicted labels: of the rows whose observed label is positive, and of the others.
    """

    of_positive: Table
    of_negative: Table
    flips: tuple[float, float] | None = None  # of the facet: predicted 1 where its like in a get 0; 0 where 1

    @classmethod
    def of(
        cls,
        facet: npt.NDArray[np.bool_],
        observed: npt.NDArray[np.bool_],
        predicted: npt.NDArray[np.bool_],
        group: Any = None,
        *,
        weights: npt.NDArray[np.float64] | None = None,
        flips: tuple[float, float] | None = None,
    ) -> Predictions:
        """Count rows. All arrays are of one length.

        :param group: what CDDPL compares within; values of any kind
        :param weights: what each row counts for; None: one
        :param flips: what :func:`flip_test` found
        """
        each = np.ones(len(facet)) if weights is None else weights
        return cls(
            tabulate(facet, predicted, group, np.where(observed, each, 0.0)),
            tabulate(facet, predicted, group, np.where(observed, 0.0, each)),
            flips,
        )

    @cached_property
    def facet(self) -> Group:
        """d."""
        return _group(self.of_positive.of_facet, self.of_negative.of_facet)

    @cached_property
    def rest(self) -> Group:
        """a."""
        return _group(self.of_positive.of_rest, self.of_negative.of_rest)

    @cached_property
    def called(self) -> Table:
        """Predicted labels, whatever the observed ones are."""
        of_positive, of_negative = self.of_positive, self.of_negative
        return Table(
            of_positive.facet + of_negative.facet,
            of_positive.rest + of_negative.rest,
            of_positive.grouped,
        )

    def groups(self) -> tuple[Group, Group]:
        """a and d. Raises NotComputable if either has no row."""
        sizes(self.called)
        return self.rest, self.facet


def _group(positives: npt.NDArray[np.float64], negatives: npt.NDArray[np.float64]) -> Group:
    return Group(
        true_positive=float(positives[POSITIVE]),
        false_positive=float(negatives[POSITIVE]),
        true_negative=float(negatives[NEGATIVE]),
        false_negative=float(positives[NEGATIVE]),
    )


def _ratio(part: float, whole: float, says: str) -> float:
    """The one over the other. Raises NotComputable if both are 0."""
    if whole:
        return part / whole
    if not part:
        raise NotComputable(says)
    return math.inf


def _difference(first: float, second: float) -> float:
    if math.isinf(first) and first == second:
        raise NotComputable("Both groups' ratios are infinite: they cannot be compared")
    return first - second


@POSTTRAINING.metric
def DPPL(of: Predictions) -> float:  # noqa: N802 - the metric's name is the function's
    """Difference in Positive Proportions in Predicted Labels (DPPL)

    Formula: n_a1^ / n_a - n_d1^ / n_d
    Range: -1 to 1
    Sign: above 0 the positive label is predicted more rarely for the facet than for the rest
    Source: SageMaker developer guide, "Difference in Positive Proportions in Predicted Labels (DPPL)"
    """
    a, d = of.groups()
    return a.called_positive / a.rows - d.called_positive / d.rows


@POSTTRAINING.metric
def DI(of: Predictions) -> float:  # noqa: N802 - the metric's name is the function's
    """Disparate Impact (DI)

    Formula: (n_d1^ / n_d) / (n_a1^ / n_a)
    Range: 0 to infinity
    Sign: 1 means the same share of predicted positive labels; below 0.8 many call it adverse to the facet
    Source: SageMaker developer guide, "Disparate Impact (DI)"
    """
    a, d = of.groups()
    share_a, share_d = a.called_positive / a.rows, d.called_positive / d.rows
    return _ratio(share_d, share_a, "No row is predicted to have the positive label")


@POSTTRAINING.metric
def DCA(of: Predictions) -> float:  # noqa: N802 - the metric's name is the function's
    """Difference in Conditional Acceptance (DCA)

    Formula: n_a1 / n_a1^ - n_d1 / n_d1^
    Range: -infinity to infinity
    Sign: above 0 the rest has more positive labels for each predicted one than the facet
    Source: SageMaker developer guide, "Difference in Conditional Acceptance (DCAcc)"; Clarify writes DCA
    """
    a, d = of.groups()
    says = "A group has no positive label, neither observed nor predicted"
    return _difference(
        _ratio(a.positive, a.called_positive, says), _ratio(d.positive, d.called_positive, says)
    )


@POSTTRAINING.metric
def DCR(of: Predictions) -> float:  # noqa: N802 - the metric's name is the function's
    """Difference in Conditional Rejection (DCR)

    Formula: n_d0 / n_d0^ - n_a0 / n_a0^
    Range: -infinity to infinity
    Sign: above 0 the facet has more negative labels for each predicted one than the rest
    Source: SageMaker developer guide, "Difference in Conditional Rejection (DCR)"
    """
    a, d = of.groups()
    says = "A group has no negative label, neither observed nor predicted"
    return _difference(
        _ratio(d.negative, d.called_negative, says), _ratio(a.negative, a.called_negative, says)
    )


@POSTTRAINING.metric
def SD(of: Predictions) -> float:  # noqa: N802 - the metric's name is the function's
    """Specificity Difference (SD)

    Formula: TN_d / n_d0 - TN_a / n_a0
    Range: -1 to 1
    Sign: above 0 negative labels are recognised more often in the facet than in the rest
    Source: SageMaker developer guide, "Specificity difference (SD)"
    """
    a, d = of.groups()
    says = "A group has no negative label"
    return _ratio(d.true_negative, d.negative, says) - _ratio(a.true_negative, a.negative, says)


@POSTTRAINING.metric
def RD(of: Predictions) -> float:  # noqa: N802 - the metric's name is the function's
    """Recall Difference (RD)

    Formula: TP_a / n_a1 - TP_d / n_d1
    Range: -1 to 1
    Sign: above 0 positive labels are recognised more rarely in the facet than in the rest
    Source: SageMaker developer guide, "Recall Difference (RD)"
    """
    a, d = of.groups()
    says = "A group has no positive label"
    return _ratio(a.true_positive, a.positive, says) - _ratio(d.true_positive, d.positive, says)


@POSTTRAINING.metric
def DAR(of: Predictions) -> float:  # noqa: N802 - the metric's name is the function's
    """Difference in Acceptance Rates (DAR)

    Formula: TP_a / n_a1^ - TP_d / n_d1^
    Range: -1 to 1
    Sign: above 0 predicted positive labels are right more rarely in the facet than in the rest
    Source: SageMaker developer guide, "Difference in Acceptance Rates (DAR)"
    """
    a, d = of.groups()
    says = "No row of a group is predicted to have the positive label"
    return _ratio(a.true_positive, a.called_positive, says) - _ratio(d.true_positive, d.called_positive, says)


@POSTTRAINING.metric
def DRR(of: Predictions) -> float:  # noqa: N802 - the metric's name is the function's
    """Difference in Rejection Rates (DRR)

    Formula: TN_d / n_d0^ - TN_a / n_a0^
    Range: -1 to 1
    Sign: above 0 predicted negative labels are right more often in the facet than in the rest
    Source: SageMaker developer guide, "Difference in Rejection Rates (DRR)"
    """
    a, d = of.groups()
    says = "No row of a group is predicted to have the negative label"
    return _ratio(d.true_negative, d.called_negative, says) - _ratio(a.true_negative, a.called_negative, says)


@POSTTRAINING.metric
def AD(of: Predictions) -> float:  # noqa: N802 - the metric's name is the function's
    """Accuracy Difference (AD)

    Formula: (TP_a + TN_a) / n_a - (TP_d + TN_d) / n_d
    Range: -1 to 1
    Sign: above 0 the facet's labels are predicted rightly more rarely than the rest's
    Source: SageMaker developer guide, "Accuracy Difference (AD)"
    """
    a, d = of.groups()
    return (a.true_positive + a.true_negative) / a.rows - (d.true_positive + d.true_negative) / d.rows


@POSTTRAINING.metric
def TE(of: Predictions) -> float:  # noqa: N802 - the metric's name is the function's
    """Treatment Equality (TE)

    Formula: FN_d / FP_d - FN_a / FP_a
    Range: -infinity to infinity
    Sign: above 0 wrong predictions are rejections more often in the facet than in the rest
    Source: SageMaker developer guide, "Treatment Equality (TE)"
    """
    a, d = of.groups()
    says = "No row of a group is predicted wrongly"
    return _difference(
        _ratio(d.false_negative, d.false_positive, says), _ratio(a.false_negative, a.false_positive, says)
    )


@POSTTRAINING.metric
def CDDPL(of: Predictions) -> float:  # noqa: N802 - the metric's name is the function's
    """Conditional Demographic Disparity in Predicted Labels (CDDPL)

    Formula: as CDDL, with predicted labels: sum over groups g of n_g DD_g / n
    Range: -1 to 1
    Sign: above 0 the facet has more of the predicted rejections than of the acceptances, within groups
    Source: SageMaker developer guide, "Conditional Demographic Disparity in Predicted Labels (CDDPL)"
    """
    return CDDL(of.called)


@POSTTRAINING.metric
def FT(of: Predictions) -> float:  # noqa: N802 - the metric's name is the function's
    """Flip Test (FT)

    Formula: (F+ - F-) / n_d, with F+ facet rows predicted positive though their nearest in the rest are
        predicted negative, and F- the other way round
    Range: -1 to 1
    Sign: below 0 the facet's rows are rejected where their like in the rest is accepted
    Source: SageMaker developer guide, "Counterfactual Fliptest (FT)"; the five nearest, as in smclarify
    """
    _, d = of.groups()
    if of.flips is None:
        raise NotComputable("The features are not all numbers: rows have no distance from each other")
    to_positive, to_negative = of.flips
    return (to_positive - to_negative) / d.rows


@POSTTRAINING.metric
def GE(of: Predictions) -> float:  # noqa: N802 - the metric's name is the function's
    """Generalized Entropy (GE)

    Formula: sum over rows of ((b / mean b)^2 - 1) / (2 n), with the benefit b = predicted - observed + 1
    Range: 0 to infinity
    Sign: 0 means that all rows benefit alike from being predicted rightly or wrongly; it knows no facet
    Source: SageMaker developer guide, "Generalized entropy (GE)", with alpha = 2
    """
    a, d = of.rest, of.facet
    n = a.rows + d.rows
    if not n:
        raise NotComputable("There is no row")
    right = a.true_positive + a.true_negative + d.true_positive + d.true_negative  # b = 1
    over = a.false_positive + d.false_positive  # b = 2; of a false negative b is 0
    mean = (right + 2 * over) / n
    if not mean:
        raise NotComputable("All predictions are false negatives: nobody benefits")
    return ((right + 4 * over) / mean**2 - n) / (2 * n)


NEIGHBOURS = 5
FEW_ROWS = 9  # of a: up to so many, the nearest one alone


def flip_test(
    features: npt.NDArray[np.float64],
    facet: npt.NDArray[np.bool_],
    predicted: npt.NDArray[np.bool_],
) -> tuple[float, float] | None:
    """How many facet rows flip: predicted 1 where their nearest in a are predicted 0, and 0 where 1.

    :param features: rows x columns of finite numbers, without facet and label; not scaled, as in Clarify
    :return: None where one of the groups is empty
    """
    from sklearn.neighbors import KNeighborsClassifier  # only this metric needs it

    rest = ~facet
    if not facet.any() or not rest.any():
        return None
    count = NEIGHBOURS if int(rest.sum()) > FEW_ROWS else 1
    nearest = KNeighborsClassifier(n_neighbors=count).fit(features[rest], predicted[rest])
    like, own = nearest.predict(features[facet]), predicted[facet]
    return float((own & ~like).sum()), float((~own & like).sum())
