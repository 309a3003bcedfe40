"""What became of the day's rows: curated, refused and why, dropped as duplicates."""

from __future__ import annotations

from pydantic import Field

from aws_ml.reports.section import Count, Material, Part, Section, Tile, Tone, View

MOST_REASONS = 10


class File(Part):
    """One landed file."""

    key: str
    rows: Count


class Cleaning(Part):
    """``cleaning.json`` of the cleaning job."""

    rows_in: Count
    curated: Count
    quarantined: Count
    duplicates: Count
    conflicting_duplicates: Count = 0
    blank_lines: Count = 0
    files: tuple[File, ...] = ()
    reasons: dict[str, Count] = Field(default_factory=dict)


def view(material: Material) -> View | None:
    """Where the rows went; the most frequent reasons first."""
    cleaning = material.read("cleaning", Cleaning)
    if cleaning is None:
        return None
    reasons = sorted(cleaning.reasons.items(), key=lambda pair: -pair[1])
    told = cleaning.curated + cleaning.quarantined + cleaning.duplicates
    adds_up = told == cleaning.rows_in
    return View(
        values={
            "cleaning": cleaning,
            "reasons": reasons[:MOST_REASONS],
            "other_reasons": sum(count for _, count in reasons[MOST_REASONS:]),
            "most": max((count for _, count in reasons), default=0),
            "allowed": material.workflow.data.max_quarantined_share,
            "allowed_origin": material.workflow.origin("data", "max_quarantined_share"),
            "adds_up": adds_up,
        },
        tile=Tile(
            f"{cleaning.curated:,} rows",
            f"kept of {cleaning.rows_in:,}" if adds_up else "the counts do not add up",
            Tone.PLAIN if adds_up else Tone.BAD,
        ),
    )


SECTION = Section(
    name="rows",
    title="Rows",
    stage="ingest_analyze",
    documents={"cleaning": lambda paths: paths.cleaning},
    view=view,
)
