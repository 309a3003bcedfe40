"""The bias metrics that Amazon SageMaker Clarify computes before and after training: names and ranges.

Source: "Pre-training Bias Metrics" and "Post-training Data and Model Bias Metrics" in the SageMaker developer
guide (https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-measure-data-bias.html and
clarify-measure-post-training-bias.html), for two label values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class BiasMetric:
    """One metric: a threshold must lie in [minimum, maximum]."""

    name: str
    title: str
    minimum: float
    maximum: float  # math.inf: no upper end
    reading: str  # what a value away from zero says


PRE_TRAINING = {
    metric.name: metric
    for metric in [
        BiasMetric("CI", "Class Imbalance", -1, 1, "above 0: the facet has fewer rows than the rest"),
        BiasMetric(
            "DPL",
            "Difference in Positive Proportions in Labels",
            -1,
            1,
            "above 0: the rest gets the positive label more often than the facet",
        ),
        BiasMetric("KL", "Kullback-Leibler Divergence", 0, math.inf, "0: the same labels in both groups"),
        BiasMetric("JS", "Jensen-Shannon Divergence", 0, math.log(2), "0: the same labels in both groups"),
        BiasMetric("LP", "L-p Norm", 0, math.sqrt(2), "0: the same labels in both groups"),
        BiasMetric("TVD", "Total Variation Distance", 0, 1, "0: the same labels in both groups"),
        BiasMetric("KS", "Kolmogorov-Smirnov Distance", 0, 1, "0: the same labels in both groups"),
        BiasMetric(
            "CDDL",
            "Conditional Demographic Disparity in Labels",
            -1,
            1,
            "above 0: within the groups, the facet has more of the rejected than of the accepted",
        ),
    ]
}

POST_TRAINING = {
    metric.name: metric
    for metric in [
        BiasMetric(
            "AD", "Accuracy Difference", -1, 1, "above 0: predictions are right more often for the rest"
        ),
        BiasMetric(
            "CDDPL",
            "Conditional Demographic Disparity in Predicted Labels",
            -1,
            1,
            "above 0: within the groups, the facet is predicted more rejections than acceptances",
        ),
        BiasMetric(
            "DAR",
            "Difference in Acceptance Rates",
            -1,
            1,
            "above 0: a predicted acceptance is right more often for the rest",
        ),
        BiasMetric(
            "DCA",
            "Difference in Conditional Acceptance",
            -math.inf,
            math.inf,
            "above 0: the rest is accepted less often, against what was observed, than the facet",
        ),
        BiasMetric(
            "DCR",
            "Difference in Conditional Rejection",
            -math.inf,
            math.inf,
            "above 0: the facet is rejected less often, against what was observed, than the rest",
        ),
        BiasMetric("DI", "Disparate Impact", 0, math.inf, "1: both groups are accepted equally often"),
        BiasMetric(
            "DPPL",
            "Difference in Positive Proportions in Predicted Labels",
            -1,
            1,
            "above 0: the rest is accepted more often than the facet",
        ),
        BiasMetric(
            "DRR",
            "Difference in Rejection Rates",
            -1,
            1,
            "above 0: a predicted rejection is right more often for the facet",
        ),
        BiasMetric(
            "FT", "Flip Test", -1, 1, "below 0: the facet is rejected where its like in the rest is accepted"
        ),
        BiasMetric("GE", "Generalized Entropy", 0, math.inf, "0: all rows benefit alike; it knows no facet"),
        BiasMetric(
            "RD",
            "Recall Difference",
            -1,
            1,
            "above 0: who deserves acceptance gets it more often among the rest",
        ),
        BiasMetric(
            "SD",
            "Specificity Difference",
            -1,
            1,
            "above 0: who deserves rejection gets it more often among the facet",
        ),
        BiasMetric(
            "TE",
            "Treatment Equality",
            -math.inf,
            math.inf,
            "above 0: the facet has more wrong rejections to a wrong acceptance than the rest",
        ),
    ]
}
