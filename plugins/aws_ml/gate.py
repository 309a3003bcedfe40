"""The gate on bias: measured metrics against the workflow's bounds. Pure; reads nothing, writes nothing.

A number outside its bounds stops the run. So does a metric that has a bound and no number: not measured,
null, an error, NaN or infinity. What is not known is never taken for harmless.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from aws_ml.bias import PRE_TRAINING
from aws_ml.exceptions import ReportInvalid

SECTION = "pre_training_bias_metrics"


class Finding(StrEnum):
    """What is said of one metric of one facet."""

    WITHIN = "within"  # a number, and every bound holds
    BELOW = "below"  # a number under its minimum: stops
    ABOVE = "above"  # a number over its maximum: stops
    NOT_COMPUTABLE = "not computable"  # bounded, but there is no number: stops
    NOT_BOUNDED = "not bounded"  # the workflow asks for the metric and sets no bound


STOPPING = {Finding.BELOW, Finding.ABOVE, Finding.NOT_COMPUTABLE}


@dataclass(frozen=True)
class Verdict:
    """One metric of one facet."""

    facet: str  # the column
    group: str  # in words, e.g. "sex = female"
    metric: str  # short name, e.g. "DPL"
    value: float | None  # null: no number
    minimum: float | None  # null: no bound
    maximum: float | None
    minimum_origin: str | None  # file and key that say the bound
    maximum_origin: str | None
    finding: Finding
    sentence: str

    @property
    def stops(self) -> bool:
        """Whether this alone stops the run."""
        return self.finding in STOPPING


@dataclass(frozen=True)
class Decision:
    """All verdicts, and what follows from them."""

    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def accepted(self) -> bool:
        """Whether no verdict stops the run."""
        return not any(verdict.stops for verdict in self.verdicts)

    @property
    def overall(self) -> str:
        """``accept`` or ``stop``."""
        return "accept" if self.accepted else "stop"

    def violations(self) -> list[str]:
        """The sentences of the verdicts that stop the run."""
        return [verdict.sentence for verdict in self.verdicts if verdict.stops]

    def summary(self) -> str:
        """One sentence on the whole."""
        bounded = sum(verdict.finding is not Finding.NOT_BOUNDED for verdict in self.verdicts)
        stopping = len(self.violations())
        if not bounded:
            return f"Accepted: none of the {len(self.verdicts)} metrics has a bound."
        if self.accepted:
            return f"Accepted: all {bounded} bounded metrics are within their bounds."
        return f"Stopped: {stopping} of {bounded} bounded metrics are beyond their bounds or not computable."

    def sentences(self) -> list[str]:
        """What a person reads in the log: the whole, then each metric."""
        return [self.summary(), *(verdict.sentence for verdict in self.verdicts)]

    def as_dict(self) -> dict[str, Any]:
        """``decision.json``; holds no NaN and no infinity."""
        return {
            "overall": self.overall,
            "summary": self.summary(),
            "metrics": [asdict(verdict) for verdict in self.verdicts],
        }


def decide(analysis: Mapping[str, Any], bounds: Iterable[Mapping[str, Any]]) -> Decision:
    """The decision on one report.

    :param analysis: Clarify's ``analysis.json``
    :param bounds: ``Workflow.bias_bounds()``: what was asked for, and between which numbers
    :raises ReportInvalid: the report is not one of pre-training bias
    """
    facets = facet_reports(analysis)
    return Decision([judged(bound, *measured(facets, bound)) for bound in bounds])


def facet_reports(analysis: Mapping[str, Any]) -> Mapping[str, Any]:
    """The report's mapping from facet column to its list of measured groups."""
    if not isinstance(analysis, Mapping):
        raise ReportInvalid(f"analysis.json: found {type(analysis).__name__}; allowed: a mapping.")
    section = analysis.get(SECTION)
    facets = section.get("facets") if isinstance(section, Mapping) else None
    if not isinstance(facets, Mapping):
        keys = ", ".join(map(str, analysis)) or "nothing"
        raise ReportInvalid(f"analysis.json: found {keys}; needed: {SECTION}.facets.")
    return facets


def measured(facets: Mapping[str, Any], bound: Mapping[str, Any]) -> tuple[float | None, str]:
    """The number that was measured for a facet's metric, or None and the reason why there is none."""
    groups = facets.get(bound["facet"])
    if not isinstance(groups, Sequence) or not groups:
        return None, f"the report has no facet {bound['facet']}"
    if len(groups) > 1:
        return None, f"the report has {len(groups)} groups of {bound['facet']} where one was asked for"
    metrics = groups[0].get("metrics") if isinstance(groups[0], Mapping) else None
    found = [
        metric
        for metric in (metrics if isinstance(metrics, list) else [])
        if isinstance(metric, Mapping) and metric.get("name") == bound["metric"]
    ]
    if len(found) != 1:
        return None, "the report lacks it" if not found else "the report has it more than once"
    value, error = found[0].get("value"), found[0].get("error")
    if error:
        return None, f"Clarify says: {error}"
    return number(value)


def number(value: object) -> tuple[float | None, str]:
    """``value`` as a finite number, or None and what it is instead. Clarify writes infinity as a text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        shown = "null" if value is None else json.dumps(value, default=str)
        return None, f"its value is {shown}"
    try:
        real = float(value)
    except OverflowError:  # JSON knows whole numbers of any length
        real = math.inf
    return (real, "") if math.isfinite(real) else (None, f"its value is {real}")


def judged(bound: Mapping[str, Any], value: float | None, reason: str) -> Verdict:
    """The verdict on one metric of one facet."""
    low, high = bound.get("minimum"), bound.get("maximum")
    finding, says = compared(bound, value, reason)
    metric = PRE_TRAINING.get(bound["metric"])
    title = f"{metric.title} ({metric.name})" if metric else bound["metric"]
    return Verdict(
        facet=bound["facet"],
        group=bound["group"],
        metric=bound["metric"],
        value=value,
        minimum=low,
        maximum=high,
        minimum_origin=bound.get("minimum_origin"),
        maximum_origin=bound.get("maximum_origin"),
        finding=finding,
        sentence=f"{title} for {bound['group']} is {says}.",
    )


def compared(bound: Mapping[str, Any], value: float | None, reason: str) -> tuple[Finding, str]:
    """How a value lies to its bounds, and the end of the sentence that says so."""
    low, high = bound.get("minimum"), bound.get("maximum")
    ends = [f"at least {low:g}"] if low is not None else []
    ends += [f"at most {high:g}"] if high is not None else []
    span = " and ".join(ends)
    if not ends:
        shown = "not computable" if value is None else f"{value:.4g}"
        return Finding.NOT_BOUNDED, f"{shown}; it has no bound"
    if value is None:
        return Finding.NOT_COMPUTABLE, f"not computable: {reason}; it must be {span}"
    if low is not None and value < low:
        says = f"{beside(value, low)}, below the minimum of {low:g} ({bound.get('minimum_origin')})"
        return Finding.BELOW, says
    if high is not None and value > high:
        says = f"{beside(value, high)}, above the maximum of {high:g} ({bound.get('maximum_origin')})"
        return Finding.ABOVE, says
    return Finding.WITHIN, f"{value:.4g}, within its bounds ({span})"


def beside(value: float, bound: float) -> str:
    """A value as it stands beside the bound that it breaks: short, unless the two would look equal."""
    short = f"{value:.4g}"
    return repr(value) if short == f"{bound:.4g}" else short
