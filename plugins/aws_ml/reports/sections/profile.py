"""The profile of the day's rows: its facts and alerts here, all of it on the page that the job wrote."""

from __future__ import annotations

from aws_ml.reports.facts import Facts
from aws_ml.reports.section import JobPage, Material, Part, Section, Tile, Tone, View

SERIOUS = "serious"


class Alert(Part):
    """Something that the profile warns of."""

    says: str
    level: str = ""
    columns: tuple[str, ...] = ()


class Profile(Part):
    """The part of ``profile.json`` that is shown beside its plain facts."""

    alerts: tuple[Alert, ...] = ()


def view(material: Material) -> View | None:
    """The facts, and what the profile warns of."""
    facts, profile = material.read("profile", Facts), material.read("profile", Profile)
    if facts is None or profile is None:
        return None
    alerts = sorted(profile.alerts, key=lambda alert: alert.level != SERIOUS)
    serious = sum(alert.level == SERIOUS for alert in alerts)
    return View(
        values={"facts": facts.shown, "alerts": alerts},
        tile=Tile(
            f"{len(alerts):,} {'alert' if len(alerts) == 1 else 'alerts'}",
            f"{serious:,} of them serious" if serious else "none of them serious",
            Tone.CARE if serious else Tone.PLAIN,
        ),
    )


SECTION = Section(
    name="profile",
    title="Profile",
    stage="ingest_analyze",
    documents={"profile": lambda paths: f"{paths.stage('ingest_analyze')}profile/profile.json"},
    view=view,
    pages=(JobPage("ingest_analyze/profile/profile.html", "Profile of the rows"),),
)
