"""The gate on bias: measured metrics against the workflow's bounds. Pure; reads nothing, writes nothing.

Every metric of every group gets one verdict, and each verdict says one of four ways. The most severe one is
the way of the run::

    accept      within all bounds: the data may be learned from
    mitigate    the mitigation job makes label and facets independent, and bias is measured again
    ask         a person looks at the numbers and decides
    stop        nothing is learned from the data

A metric has bands, the narrowest first, each with what follows beyond it, so that a way further out is more
severe: within 0.15 accept, beyond it mitigate, beyond 0.3 ask, beyond 0.45 stop. A ratio is one more band,
whose width another number gives.

A metric that has a bound and no number (not measured, null, an error, NaN, infinity) never passes: the
workflow says whether a person is asked or the run stops. What is not known is never taken for harmless.

The second gate, after mitigation, never mitigates again: where a bound would, ``still_beyond`` says what
follows instead.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from aws_ml.bias import PRE_TRAINING
from aws_ml.exceptions import ReportInvalid

SECTION = "pre_training_bias_metrics"
PREVIOUS = "previous"  # what a ratio may be of, beside other metrics


class Way(StrEnum):
    """What follows for the run."""

    ACCEPT = "accept"
    MITIGATE = "mitigate"
    ASK = "ask"
    STOP = "stop"

    @property
    def severity(self) -> int:
        """0 for accept; the greatest of several counts."""
        return list(Way).index(self)


FOLLOWS = {
    Way.MITIGATE: "so the data is to be mitigated",
    Way.ASK: "so a person is asked",
    Way.STOP: "so the run stops",
}
OUTCOMES = {
    Way.MITIGATE: "To be mitigated",
    Way.ASK: "A person is asked",
    Way.STOP: "Stopped",
}


class Finding(StrEnum):
    """What is said of one metric of one group."""

    WITHIN = "within"  # a number, and every bound holds
    BELOW = "below"  # a number under a minimum
    ABOVE = "above"  # a number over a maximum
    OUT_OF_RATIO = "out of ratio"  # too many times as far from zero as what it is compared with
    NOT_COMPARABLE = "not comparable"  # a number, but what it is to be compared with is not there
    NOT_COMPUTABLE = "not computable"  # bounded, but there is no number
    NOT_BOUNDED = "not bounded"  # the workflow asks for the metric and sets no bound


@dataclass(frozen=True)
class Verdict:
    """One metric of one group."""

    facet: str  # the column
    group: str  # in words, e.g. "sex = female"
    metric: str  # short name, e.g. "DPL"
    value: float | None  # null: no number
    minimum: float | None  # of the narrowest band; null: no bound
    maximum: float | None
    minimum_origin: str | None  # file and key that say the bound
    maximum_origin: str | None
    bands: list[dict[str, Any]]  # all of them, see `Workflow.bias_bounds`
    ratio: dict[str, Any] | None  # likewise, with the number compared with as `reference`, or null
    finding: Finding
    way: Way
    sentence: str


@dataclass(frozen=True)
class Decision:
    """All verdicts, and what follows from them."""

    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def way(self) -> Way:
        """The most severe way of all."""
        return max(
            (verdict.way for verdict in self.verdicts), key=lambda way: way.severity, default=Way.ACCEPT
        )

    @property
    def accepted(self) -> bool:
        """Whether every verdict accepts."""
        return self.way is Way.ACCEPT

    def violations(self) -> list[str]:
        """The sentences of the verdicts that do not accept, the most severe first."""
        found = [verdict for verdict in self.verdicts if verdict.way is not Way.ACCEPT]
        found.sort(key=lambda verdict: -verdict.way.severity)  # keeps the order of equals
        return [verdict.sentence for verdict in found]

    def summary(self) -> str:
        """One sentence on the whole."""
        bounded = sum(verdict.finding is not Finding.NOT_BOUNDED for verdict in self.verdicts)
        if not bounded:
            return f"Accepted: none of the {len(self.verdicts)} metrics has a bound."
        if self.accepted:
            return f"Accepted: all {bounded} bounded metrics are within their bounds."
        beyond = len(self.violations())
        return (
            f"{OUTCOMES[self.way]}: {beyond} of {bounded} bounded metrics "
            f"{'is' if beyond == 1 else 'are'} beyond bounds or not computable."
        )

    def sentences(self) -> list[str]:
        """What a person reads in the log: the whole, then each metric."""
        return [self.summary(), *(verdict.sentence for verdict in self.verdicts)]

    def as_dict(self) -> dict[str, Any]:
        """A round of ``decision.json``; holds no NaN and no infinity."""
        return {
            "way": self.way,
            "summary": self.summary(),
            "metrics": [asdict(verdict) for verdict in self.verdicts],
        }


def decide(
    analysis: Mapping[str, Any],
    bounds: Iterable[Mapping[str, Any]],
    *,
    previous: Mapping[tuple[str, str], float] | None = None,
    still_beyond: Way | None = None,
) -> Decision:
    """The decision on one report.

    :param analysis: Clarify's ``analysis.json``
    :param bounds: ``Workflow.bias_bounds()``: what was asked for, and between which numbers
    :param previous: the last accepted day's values by (group, metric), for ratios; None: there is no such day
    :param still_beyond: in the second gate, what follows instead of mitigating; None: this is the first gate
    :raises ReportInvalid: the report is not one of pre-training bias
    """
    facets = facet_reports(analysis)
    found = []
    for bound in bounds:
        compared = compared_with(facets, bound, previous or {})
        found.append(judged(bound, measured(facets, bound), compared, still_beyond))
    return Decision(found)


def compared_with(
    facets: Mapping[str, Any], bound: Mapping[str, Any], previous: Mapping[tuple[str, str], float]
) -> tuple[float | None, str]:
    """The number that a ratio compares with, or None, and what it is in words."""
    if not bound["ratio"]:
        return None, ""
    of = bound["ratio"]["of"]
    if of == PREVIOUS:
        return previous.get((bound["group"], bound["metric"])), "the last accepted day's"
    return measured(facets, {**bound, "metric": of})[0], f"{of}'s"


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


def judged(
    bound: Mapping[str, Any],
    found: tuple[float | None, str],
    compared: tuple[float | None, str],
    still_beyond: Way | None = None,
) -> Verdict:
    """The verdict on one metric of one group: the most severe of its findings, the first among equals.

    :param found: the number, or None and why there is none
    :param compared: the number that a ratio compares with, or None, and what it is
    """
    worst: tuple[Way, Finding, str] | None = None
    for way, finding, says in findings(bound, found, compared):
        here = still_beyond if still_beyond and way is Way.MITIGATE else way
        if worst is None or here.severity > worst[0].severity:
            worst = here, finding, says
    if worst is None:
        raise AssertionError("there is always a finding")
    way, finding, says = worst
    metric = PRE_TRAINING.get(bound["metric"])
    title = f"{metric.title} ({metric.name})" if metric else bound["metric"]
    narrowest = bound["bands"][0] if bound["bands"] else {}
    return Verdict(
        facet=bound["facet"],
        group=bound["group"],
        metric=bound["metric"],
        value=found[0],
        minimum=narrowest.get("minimum"),
        maximum=narrowest.get("maximum"),
        minimum_origin=narrowest.get("minimum_origin"),
        maximum_origin=narrowest.get("maximum_origin"),
        bands=[dict(band) for band in bound["bands"]],
        ratio={**bound["ratio"], "reference": compared[0]} if bound["ratio"] else None,
        finding=finding,
        way=way,
        sentence=f"{title} for {bound['group']} is {says}{f', {FOLLOWS[way]}' if way in FOLLOWS else ''}.",
    )


def findings(
    bound: Mapping[str, Any], found: tuple[float | None, str], compared: tuple[float | None, str]
) -> Iterator[tuple[Way, Finding, str]]:
    """How a value lies to each of its bounds, and the end of the sentence that says so."""
    (value, reason), (reference, of) = found, compared
    bands, ratio = bound["bands"], bound["ratio"]
    if not bands and not ratio:
        shown = "not computable" if value is None else f"{value:.4g}"
        yield Way.ACCEPT, Finding.NOT_BOUNDED, f"{shown}; it has no bound"
        return
    spans = [span(bands[0])] if bands else []
    spans += [f"at most {ratio['maximum']:g} times {of}"] if ratio else []
    demanded = " and ".join(spans)
    if value is None:
        says = f"not computable: {reason}; it must be {demanded}"
        yield Way(bound["not_computable"]), Finding.NOT_COMPUTABLE, says
        return
    yield Way.ACCEPT, Finding.WITHIN, f"{value:.4g}, within its bounds ({demanded})"
    for band in bands:
        way, low, high = Way(band["beyond"]), band["minimum"], band["maximum"]
        if low is not None and value < low:
            says = f"{beside(value, low)}, below the minimum of {low:g} ({band['minimum_origin']})"
            yield way, Finding.BELOW, says
        if high is not None and value > high:
            says = f"{beside(value, high)}, above the maximum of {high:g} ({band['maximum_origin']})"
            yield way, Finding.ABOVE, says
    if ratio and abs(value) > ratio["floor"]:
        if reference is None:
            # The number itself is known and its own bounds hold or not: this is for a person, not a stop.
            says = f"{value:.4g}, and there is no number of {of} to compare it with ({ratio['origin']})"
            yield Way.ASK, Finding.NOT_COMPARABLE, says
        elif abs(value) > ratio["maximum"] * abs(reference):
            says = (
                f"{value:.4g}, more than {ratio['maximum']:g} times {of} {reference:.4g} ({ratio['origin']})"
            )
            yield Way(ratio["beyond"]), Finding.OUT_OF_RATIO, says


def span(band: Mapping[str, Any]) -> str:
    """What a band allows, in words."""
    low, high = band["minimum"], band["maximum"]
    ends = [f"at least {low:g}"] if low is not None else []
    ends += [f"at most {high:g}"] if high is not None else []
    return " and ".join(ends)


def beside(value: float, bound: float) -> str:
    """A value as it stands beside the bound that it breaks: short, unless the two would look equal."""
    short = f"{value:.4g}"
    return repr(value) if short == f"{bound:.4g}" else short
