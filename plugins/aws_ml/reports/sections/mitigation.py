"""What mitigation did to the rows and what it cost; before and after stand in the section on bias."""

from __future__ import annotations

from aws_ml.reports.facts import Facts
from aws_ml.reports.section import JobPage, Material, Section, View


def view(material: Material) -> View | None:
    """What the job says that it did."""
    mitigation = material.read("mitigation", Facts)
    return None if mitigation is None else View(values={"facts": mitigation.shown})


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
