"""The profile of the day's rows: what it warns of, what has moved; all of it is on the job's own page."""

from __future__ import annotations

from pydantic import Field

from aws_ml.reports.section import Count, JobPage, Material, Number, Part, Section, Share, Tile, Tone, View

SERIOUS = "serious"
MOST_MOVED = 5


class Alert(Part):
    """Something that the profile warns of."""

    says: str
    level: str = ""
    columns: tuple[str, ...] = ()


class Drift(Part):
    """How a column has moved since the previous partition."""

    psi: Number | None = None  # population stability index


class Column(Part):
    """One column of the rows."""

    name: str
    missing: Count = 0
    drift: Drift | None = None

    @property
    def psi(self) -> float:
        """How far it has moved; 0 where that is not known."""
        return (self.drift.psi or 0.0) if self.drift else 0.0


class Label(Part):
    """What is to be predicted."""

    column: str
    share: Share  # of rows with the positive label


class Twins(Part):
    """Rows that are equal to another in all but the key."""

    rows: Count


class Previous(Part):
    """The partition before, as its own profile has it."""

    partition: str
    rows: Count
    share: Share


class Profile(Part):
    """``profile.json`` of the profile job."""

    rows: Count
    label: Label
    columns: tuple[Column, ...]
    near_duplicates: Twins
    previous: Previous | None = None
    alerts: tuple[Alert, ...] = Field(default=())


def view(material: Material) -> View | None:
    """The facts at a glance, what the profile warns of, and which columns have moved most."""
    profile = material.read("profile", Profile)
    if profile is None:
        return None
    alerts = sorted(profile.alerts, key=lambda alert: alert.level != SERIOUS)
    serious = sum(alert.level == SERIOUS for alert in alerts)
    moved = sorted((column for column in profile.columns if column.psi), key=lambda column: -column.psi)
    bound = material.workflow.profile.alerts.drift_psi
    return View(
        values={
            "profile": profile,
            "missing": sum(column.missing for column in profile.columns),
            "alerts": alerts,
            "moved": moved[:MOST_MOVED],
            "bound": bound,
            "most": max([bound, *(column.psi for column in moved)]),
            "origin": material.workflow.origin("profile", "alerts", "drift_psi"),
        },
        tile=Tile(
            f"{len(alerts):,} {'alert' if len(alerts) == 1 else 'alerts'}",
            f"{serious:,} of them serious" if serious else "none of them serious",
            Tone.BAD if serious else Tone.PLAIN,
        ),
    )


SECTION = Section(
    name="profile",
    title="Profile",
    stage="ingest_analyze",
    documents={"profile": lambda paths: paths.profile_facts},
    view=view,
    pages=(JobPage("ingest_analyze/profile/profile.html", "Profile of the rows"),),
)
