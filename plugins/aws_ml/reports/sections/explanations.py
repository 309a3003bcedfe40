"""Why the model scores as it does: what matters, how scores follow it, and how groups fare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import Field, model_validator

from aws_ml.bias import POST_TRAINING
from aws_ml.reports.curve import Curve, places
from aws_ml.reports.section import Material, Number, Part, Section, Share, Tile, View

MOST_CURVES = 24
MOST_GROUPS = 50
Value = bool | int | float | str


class Shap(Part):
    """What the columns matter, of one output."""

    global_shap_values: dict[str, Number]
    expected_value: Number


class Dependence(Part):
    """The mean score by one column's value; or why there is none."""

    feature_name: str
    error: str = ""
    data_type: str = ""
    feature_values: tuple[Value, ...] = ()
    model_predictions: tuple[tuple[Number, ...], ...] = ()  # by output
    data_distribution: tuple[Share, ...] = ()

    @model_validator(mode="after")
    def of_one_length(self) -> Dependence:
        """Every value has its score and its share of the rows."""
        lengths = {len(self.feature_values), len(self.data_distribution), *map(len, self.model_predictions)}
        if not self.error and (len(lengths) > 1 or not self.feature_values or not self.model_predictions):
            raise ValueError("feature_values, model_predictions and data_distribution must be of one length")
        return self


class Explanations(Part):
    """What explains the scores; by which method, Clarify says in the key."""

    tree_shap: dict[str, Shap] = Field(default_factory=dict)
    linear_shap: dict[str, Shap] = Field(default_factory=dict)
    kernel_shap: dict[str, Shap] = Field(default_factory=dict)
    pdp: tuple[Dependence, ...] = ()


class Metric(Part):
    """One metric of bias after training."""

    name: str
    value: Number | str | None = None  # Infinity and -Infinity are texts
    error: str = ""


class Group(Part):
    """One group's metrics."""

    value_or_threshold: str
    metrics: tuple[Metric, ...]


class Bias(Part):
    """Bias in the predictions, by facet."""

    facets: dict[str, tuple[Group, ...]]


class Analysis(Part):
    """``analysis.json`` as the explanation job, or Clarify, writes it."""

    explanations: Explanations
    post_training_bias_metrics: Bias | None = None


@dataclass(frozen=True)
class Drawn:
    """One column's partial dependence, as the page draws it."""

    name: str
    error: str = ""
    curve: Curve | None = None  # of numbers
    begin: Value = ""
    end: Value = ""
    bars: Sequence[tuple[Value, float, float]] = field(default_factory=list)  # value, score, place 0 to 1
    low: float = 0.0  # the least and the greatest score of this column
    high: float = 0.0


def view(material: Material) -> View | None:
    """The columns by what they matter, their curves on one scale, and the metrics of each group."""
    analysis = material.read("analysis", Analysis)
    if analysis is None:
        return None
    found = analysis.explanations
    shap = found.tree_shap or found.linear_shap or found.kernel_shap
    first = next(iter(shap.values()), None)
    totals = first.global_shap_values if first else {}
    ranked = sorted(totals.items(), key=lambda item: -abs(item[1]))
    most = max((abs(value) for value in totals.values()), default=0.0) or 1.0
    bias = analysis.post_training_bias_metrics
    return View(
        values={
            "expected": first.expected_value if first else None,
            "columns": [(name, value, abs(value) / most) for name, value in ranked],
            "method": material.workflow.explainability.agg_method,
            "curves": drawn(found.pdp[:MOST_CURVES]),
            "groups": groups(bias) if bias else [],
            "titles": POST_TRAINING,
        },
        tile=Tile(ranked[0][0], "matters most to the scores") if ranked else None,
    )


def drawn(dependences: Sequence[Dependence]) -> list[Drawn]:
    """The curves of the first output, all with the same edges."""
    scores = [score for one in dependences if not one.error for score in one.model_predictions[0]]
    low, high = min(scores, default=0.0), max(scores, default=1.0)
    found = []
    for one in dependences:
        if one.error:
            found.append(Drawn(one.feature_name, error=one.error))
            continue
        heights = one.model_predictions[0]
        least, most = min(heights), max(heights)
        numbers = [float(value) for value in one.feature_values if is_number(value)]
        if one.data_type == "numerical" and len(numbers) == len(one.feature_values):
            curve = Curve.of(numbers, heights, one.data_distribution, low, high)
            begin, end = one.feature_values[0], one.feature_values[-1]
            found.append(Drawn(one.feature_name, curve=curve, begin=begin, end=end, low=least, high=most))
        else:
            bars = list(zip(one.feature_values, heights, places(heights, low, high), strict=True))
            found.append(Drawn(one.feature_name, bars=bars, low=least, high=most))
    return found


def is_number(value: Value) -> bool:
    """Whether it has a place on a line; whole numbers of JSON may be too large for one."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 10**300


def groups(bias: Bias) -> list[tuple[str, Group]]:
    """Each group with what it is called."""
    named = [
        (f"{facet} = {group.value_or_threshold}", group)
        for facet, some in bias.facets.items()
        for group in some
    ]
    return named[:MOST_GROUPS]


SECTION = Section(
    name="explanations",
    title="Why the model scores so",
    stage="train_tune",
    documents={"analysis": lambda paths: paths.explained_analysis},
    view=view,
)
