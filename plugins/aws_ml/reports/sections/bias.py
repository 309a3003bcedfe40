"""The gate on bias: every metric with its value, bounds, their origin and the verdict, in each round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field, model_validator

from aws_ml.bias import PRE_TRAINING
from aws_ml.reports.gauge import Gauge
from aws_ml.reports.section import JobPage, Material, Number, Part, Section, Tile, Tone, View

WITHIN, NOT_BOUNDED = "within", "not bounded"
OUTCOMES = {"accepted": Tone.GOOD, "stopped": Tone.BAD}
WAYS = {"accept": "accepted", "stop": "stopped"}  # how the first layout of the document calls the outcomes


class Band(Part):
    """One pair of bounds, and what follows beyond them."""

    minimum: Number | None = None
    maximum: Number | None = None
    beyond: str = ""


class Ratio(Part):
    """A bound that another number gives."""

    of: str
    maximum: Number
    reference: Number | None = None
    origin: str | None = None


class Verdict(Part):
    """One metric of one group, as the gate judged it."""

    group: str
    metric: str
    value: Number | None
    minimum: Number | None = None
    maximum: Number | None = None
    minimum_origin: str | None = None
    maximum_origin: str | None = None
    bands: tuple[Band, ...] = ()  # the narrowest first, which is also `minimum` and `maximum`
    ratio: Ratio | None = None
    finding: str
    way: str = "stop"
    sentence: str = ""

    @property
    def tone(self) -> Tone:
        """What the verdict means to the reader."""
        if self.finding == WITHIN:
            return Tone.GOOD
        if self.finding == NOT_BOUNDED:
            return Tone.PLAIN
        return Tone.BAD if self.way == "stop" else Tone.CARE

    @property
    def origins(self) -> list[str]:
        """Where the bounds are written: two ends of one key as that key."""
        found = [origin for origin in (self.minimum_origin, self.maximum_origin) if origin]
        keys = {origin.rpartition(".")[0] for origin in found}
        if len(found) > 1 and len(keys) == 1:
            found = list(keys)
        return list(
            dict.fromkeys([*found, *([self.ratio.origin] if self.ratio and self.ratio.origin else [])])
        )


class Person(Part):
    """Who answered."""

    name: str


class Answer(Part):
    """What a person who was asked said, or what follows where nobody answered in time."""

    choice: str
    reason: str | None = None
    by: Person | None = None
    at: str = ""


class Round(Part):
    """What one gate found, of the curated or of the mitigated rows."""

    data: str = "curated"
    way: str
    summary: str = ""
    metrics: tuple[Verdict, ...]
    answer: Answer | None = None


class Dataset(Part):
    """What was accepted."""

    uri: str
    mitigation: str = "none"


class Decision(Part):
    """``decision.json``; its first layout was one round without a list around it."""

    outcome: str | None  # null: it is being decided
    summary: str = ""
    decided_at: str | None = None
    dataset: Dataset | None = None
    rounds: tuple[Round, ...] = Field(min_length=1, max_length=5)

    @model_validator(mode="before")
    @classmethod
    def first_layout(cls, document: Any) -> Any:
        """Read the first layout, ``{"overall", "summary", "metrics"}``, as the second."""
        if not isinstance(document, Mapping) or "rounds" in document or "overall" not in document:
            return document
        overall = document["overall"]
        outcome = WAYS.get(overall) if isinstance(overall, str) else overall
        only = {"way": overall, "summary": document.get("summary", ""), "metrics": document.get("metrics")}
        return {"outcome": outcome, "summary": document.get("summary", ""), "rounds": [only]}


@dataclass(frozen=True)
class Row:
    """One metric of one group in all rounds."""

    metric: str
    title: str
    reading: str  # what a value away from zero says
    verdicts: Sequence[Verdict | None]  # by round; None: it was not judged there
    last: Verdict  # the verdict that counts
    gauge: Gauge


def view(material: Material) -> View | None:
    """The verdicts by group, the rounds side by side."""
    decision = material.read("decision", Decision)
    if decision is None:
        return None
    bounded = [verdict for verdict in decision.rounds[-1].metrics if verdict.finding != NOT_BOUNDED]
    within = sum(verdict.finding == WITHIN for verdict in bounded)
    return View(
        values={
            "decision": decision,
            "tone": OUTCOMES.get(decision.outcome or "", Tone.CARE),
            "groups": groups(decision.rounds),
            "heads": heads(decision.rounds),
        },
        tile=Tile(
            (decision.outcome or "open").capitalize(),
            f"{within} of {len(bounded)} bounded metrics within"
            + (" after mitigation" if len(decision.rounds) > 1 else ""),
            OUTCOMES.get(decision.outcome or "", Tone.CARE),
        ),
    )


def heads(rounds: Sequence[Round]) -> list[str]:
    """What the columns of values are called."""
    return ["Value"] if len(rounds) == 1 else ["Before", *["After"] * (len(rounds) - 1)]


def groups(rounds: Sequence[Round]) -> dict[str, list[Row]]:
    """The rows of each group, in the order of the document."""
    found: dict[tuple[str, str], list[Verdict | None]] = {}
    for number, one in enumerate(rounds):
        for verdict in one.metrics:
            key = (verdict.group, verdict.metric)
            found.setdefault(key, [None] * len(rounds))[number] = verdict
    tables: dict[str, list[Row]] = {}
    for (group, metric), verdicts in found.items():
        tables.setdefault(group, []).append(row(metric, verdicts))
    return tables


def row(metric: str, verdicts: Sequence[Verdict | None]) -> Row:
    """One metric's values on one bar, with the bounds that counted last."""
    known = PRE_TRAINING.get(metric)
    last = next(verdict for verdict in reversed(verdicts) if verdict)
    further = [end for band in last.bands[1:] for end in (band.minimum, band.maximum) if end is not None]
    return Row(
        metric=metric,
        title=known.title if known else metric,
        reading=known.reading if known else "",
        verdicts=verdicts,
        last=last,
        gauge=Gauge.of(
            [verdict.value if verdict else None for verdict in verdicts], last.minimum, last.maximum, further
        ),
    )


SECTION = Section(
    name="bias",
    title="Bias before training",
    stage="ingest_analyze",
    documents={"decision": lambda paths: paths.decision},
    view=view,
    pages=(JobPage("ingest_analyze/bias/report.html", "Clarify's report"),),
)
