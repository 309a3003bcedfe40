"""The pre-training bias metrics that Amazon SageMaker Clarify computes: names and ranges.

Source: "Pre-training Bias Metrics" in the SageMaker developer guide
(https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-measure-data-bias.html), for two label values.
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
