"""The leaderboard: which models were compared on the same rows, and why one was taken."""

from __future__ import annotations

from dataclasses import dataclass

from aws_ml.choice import CHAMPION
from aws_ml.reports.section import Count, Material, Number, Part, Section, Tile, Tone, View
from aws_ml.reports.sections.model import TITLES

MARGIN = 0.06  # of the width on either side of all intervals


class Candidate(Part):
    """One of the models."""

    name: str
    source: str
    value: Number | None = None
    interval: tuple[Number, Number] | None = None
    verdict: str
    fault: str | None = None
    bytes: Count | None = None
    milliseconds: Number | None = None


class Choice(Part):
    """``choice.json`` of the task that chooses."""

    metric: str
    margin: Number
    rows: Count
    confidence: Number
    chosen: str
    summary: str
    candidates: list[Candidate]


@dataclass(frozen=True)
class Row:
    """A candidate with its places on the bar that all share, in percent from the left."""

    candidate: Candidate
    taken: bool
    value: float | None
    interval: tuple[float, float] | None


def view(material: Material) -> View | None:
    """The candidates, the best first, and what cannot be compared last."""
    choice = material.read("choice", Choice)
    if choice is None:
        return None
    ordered = sorted(choice.candidates, key=lambda each: (each.value is None, -(each.value or 0)))
    marks = [
        mark
        for each in ordered
        for mark in (each.value, *(each.interval or ()))
        if mark is not None
    ]  # fmt: skip
    low, high = (min(marks), max(marks)) if marks else (0.0, 1.0)
    width = (high - low) or 1.0

    def place(mark: float) -> float:
        return round(100 * (MARGIN + (mark - low) / width * (1 - 2 * MARGIN)), 2)

    rows = [
        Row(
            candidate=each,
            taken=each.name == choice.chosen,
            value=None if each.value is None else place(each.value),
            interval=None if each.interval is None else (place(each.interval[0]), place(each.interval[1])),
        )
        for each in ordered
    ]
    stays = choice.chosen == CHAMPION
    return View(
        values={"choice": choice, "rows": rows, "title": TITLES.get(choice.metric, choice.metric)},
        tile=Tile(
            choice.chosen,
            "the champion stays"
            if stays
            else f"chosen among {len(rows)}"
            if len(rows) > 1
            else "the only model",
            Tone.CARE if stays else Tone.PLAIN,
        ),
    )


SECTION = Section(
    name="candidates",
    title="Candidates",
    stage="train_tune",
    documents={"choice": lambda paths: paths.choice},
    view=view,
)
