"""What mitigation did to the rows and what it cost; before and after stand in the section on bias."""

from __future__ import annotations

from aws_ml.reports.facts import Facts
from aws_ml.reports.section import Count, JobPage, Material, Number, Part, Section, Tile, View


class Group(Part):
    """The rows of one group with one label: how many there are, should be, and were written."""

    group: str
    positive: bool
    rows: Count
    expected: Number | None = None  # if label and facets were independent
    weight: Number | None = None  # of each of its rows
    rows_out: Count | None = None


class Mitigation(Part):
    """The part of ``mitigation.json`` that is shown beside its plain facts."""

    method: str = ""
    rows_in: Count | None = None
    effective_sample_size: Number | None = None  # rows that would say as much if all weighed the same
    groups: tuple[Group, ...] = ()


def view(material: Material) -> View | None:
    """What the job says that it did."""
    facts, mitigation = material.read("mitigation", Facts), material.read("mitigation", Mitigation)
    if facts is None or mitigation is None:
        return None
    rows, effective = mitigation.rows_in, mitigation.effective_sample_size
    cost = f"worth {effective:,.0f} of {rows:,} rows" if rows and effective is not None else "see below"
    return View(
        values={"facts": facts.shown, "groups": mitigation.groups},
        tile=Tile(mitigation.method.capitalize() or "Done", cost),
    )


SECTION = Section(
    name="mitigation",
    title="Mitigation",
    stage="ingest_analyze",
    documents={"mitigation": lambda paths: paths.mitigation_summary},
    view=view,
    pages=(
        JobPage("ingest_analyze/mitigation/report.html", "Before and after, and what it cost"),
        JobPage("ingest_analyze/mitigation/bias/report.html", "Bias measured again"),
    ),
)
