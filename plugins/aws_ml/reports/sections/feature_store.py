"""The feature store: the group and its changes, the records that were written, the join of the window."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from aws_ml.reports.section import Broken, Count, Material, Number, P, Part, Section, Tile, Tone, View


class GroupFeature(Part):
    """One feature of the group."""

    name: str
    type: str
    collection: str | None = None
    description: str = ""


class TimeToLive(Part):
    """How long an online record lives."""

    unit: str = Field(alias="Unit")
    value: Count = Field(alias="Value")


class Group(Part):
    """``feature_group.json`` of the task that defines the group."""

    name: str
    arn: str = ""
    created: bool
    created_at: datetime | None = None
    changed_at: datetime | None = None
    features_before: Count | None = None
    added: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    entity: str = ""
    event_time: str = ""
    online: bool = False
    time_to_live: TimeToLive | None = None
    time_to_live_changed: bool = False
    offline_uri: str = ""
    database: str = ""
    table: str = ""
    console: str = ""
    tags: dict[str, str] = Field(default_factory=dict)  # what the last ingestion before this run has left
    features: tuple[GroupFeature, ...]

    @property
    def changed(self) -> str:
        """What this run did to it, in a few words."""
        if self.created:
            return "group made by this run"
        if self.added:
            return f"{len(self.added):,} {'feature' if len(self.added) == 1 else 'features'} added"
        return "group as it was"


class Refused(Part):
    """Records that AWS did not take, and why."""

    reason: str
    records: Count
    entities: tuple[str, ...] = ()


class Ingestion(Part):
    """``ingestion.json`` of the ingestion job."""

    records: Count
    resumed: Count = 0  # written by a job before the one that told this
    written: Count
    refused: tuple[Refused, ...] = ()
    calls: Count = 0
    throttled: Count = 0
    seconds: Number | None = None

    @property
    def there(self) -> int:
        """Records that are written, by whichever job."""
        return self.resumed + self.written

    @property
    def unwritten(self) -> int:
        """Records that are neither written nor refused."""
        return self.records - self.there - sum(each.records for each in self.refused)

    @property
    def rate(self) -> float | None:
        """Records a second."""
        return self.written / self.seconds if self.seconds else None


class Offline(Part):
    """``offline_store.json`` of the task that waits for the records."""

    rows: dict[str, Count]  # by day: labelled rows, all of which have features
    ingestion_ended: datetime | None = None
    complete: datetime | None = None

    @property
    def awaited(self) -> float | None:
        """Seconds from the end of the ingestion to the look that found all."""
        try:
            seconds = (self.complete - self.ingestion_ended).total_seconds()  # type: ignore[operator]
        except TypeError:  # one is not told, or has no time zone
            return None
        return max(0.0, seconds)


class JoinStep(Part):
    """What became of the rows at one step of the feature job."""

    name: str
    rows_in: Count
    rows_out: Count


class Joined(Part):
    """The part of ``features.json`` that tells what the join gave the feature job."""

    steps: tuple[JoinStep, ...] = ()

    @property
    def accepted(self) -> JoinStep | None:
        """The joined rows: curated ones, to judge by, come in, and those to learn from."""
        return next((step for step in self.steps if step.name == "accepted"), None)


def view(material: Material) -> View | None:
    """All that is there; a document that cannot be read does not hide the others."""
    group = material.read("group", Group)
    broken: list[str] = []
    ingestion = told(material, "ingestion", Ingestion, broken)
    offline = told(material, "offline", Offline, broken)
    if group is None and ingestion is None and offline is None and not broken:
        return None
    features = told(material, "features", Joined, broken)
    accepted = features.accepted if features else None
    asked = sum(offline.rows.values()) if offline else None
    joined = accepted.rows_in + accepted.rows_out if accepted else None
    return View(
        values={
            "group": group,
            "ingestion": ingestion,
            "offline": offline,
            "asked": asked,
            "joined": joined,
            "lost": asked is not None and joined is not None and asked != joined,
            "accepted": accepted,
            "most": max(offline.rows.values(), default=0) if offline else 0,
            "broken": broken,
        },
        tile=tile_of(group, ingestion, lost=asked is not None and joined is not None and asked != joined),
    )


def told(material: Material, name: str, part: type[P], broken: list[str]) -> P | None:
    """A document, or None; why it cannot be read is put to the list."""
    try:
        return material.read(name, part)
    except Broken as error:
        broken.append(str(error))
        return None


def tile_of(group: Group | None, ingestion: Ingestion | None, *, lost: bool) -> Tile | None:
    """How many records were written; bad where one is missing."""
    changed = group.changed if group else ""
    if lost:
        return Tile("rows lost", "between the store and the feature job", Tone.BAD)
    if ingestion:
        missing = ingestion.records - ingestion.there
        says = f"{missing:,} of {ingestion.records:,} are not" if missing else changed or "all of the day's"
        return Tile(f"{ingestion.there:,} written", says, Tone.BAD if missing else Tone.PLAIN)
    return Tile(f"{len(group.features):,} features", changed) if group else None


SECTION = Section(
    name="feature_store",
    title="Feature store",
    stage="prepare_transform",
    documents={
        "group": lambda paths: paths.feature_group_report,
        "ingestion": lambda paths: paths.ingestion_report,
        "offline": lambda paths: paths.offline_store_report,
        "features": lambda paths: paths.features,
    },
    view=view,
)
