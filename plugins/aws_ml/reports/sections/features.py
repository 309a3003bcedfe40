"""What the model learns from: each feature before and after, what was learned of it, what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from aws_ml.reports.histogram import Histogram
from aws_ml.reports.section import Count, Material, Number, Part, Section, Tile, Tone, View

MOST_OPEN = 12  # features that are not folded away
MOST_BARS = 6  # of a categorical feature
ROUNDING = 1e-6  # of the deviation: what single precision leaves of a mean that is 0
# What an alert means to the reader; a kind that is not here is plain.
TONES = {"leakage": Tone.BAD, "correlation": Tone.CARE, "constant": Tone.CARE, "unseen": Tone.CARE}


class Split(Part):
    """One of the datasets."""

    rows: Count
    positives: Count


class Label(Part):
    """What is predicted."""

    column: str
    positive: list[Any]


class Bin(Part):
    """One bar of a histogram."""

    begin: Number = Field(alias="from")
    end: Number = Field(alias="to")
    rows: Count


class Value(Part):
    """A category, with its training rows."""

    value: str
    rows: Count
    rate: Number | None = None  # its target encoding


class Column(Part):
    """Training rows of one column, raw or made: numbers, or texts, which have `distinct`."""

    name: str = ""
    rows: Count
    missing: Count = 0
    minimum: Number | None = None
    maximum: Number | None = None
    mean: Number | None = None
    deviation: Number | None = None
    bins: tuple[Bin, ...] = ()
    below: Count = 0
    above: Count = 0
    distinct: Count | None = None
    values: tuple[Value, ...] = ()
    others: Count = 0

    @property
    def centre(self) -> float | None:
        """Its mean; what only rounding has left of 0 is 0."""
        if self.mean is None or abs(self.mean) > ROUNDING * (self.deviation or 0.0):
            return self.mean
        return 0.0

    @property
    def histogram(self) -> Histogram:
        """The picture of its bins."""
        return Histogram.of([each.rows for each in self.bins], self.below, self.above)

    @property
    def bars(self) -> list[tuple[str, int, str]]:
        """Its most frequent values with their rows, then all others and the missing ones together."""
        told = [(each.value, each.rows, "kept") for each in self.values[:MOST_BARS]]
        others = self.others + sum(each.rows for each in self.values[MOST_BARS:])
        count = (self.distinct or 0) - len(told)
        told += [(f"{count:,} others", others, "twice")] if others else []
        return told + ([("missing", self.missing, "refused")] if self.missing else [])

    @property
    def is_flag(self) -> bool:
        """Whether it is 0 or 1: its mean says how often it is 1."""
        ends = {self.minimum, self.maximum}
        return not self.bins and ends <= {0, 1} and self.mean is not None and 0 <= self.mean <= 1


class Source(Part):
    """Where the raw values come from."""

    kind: str = ""
    edges: tuple[Number, ...] = ()  # of bins


class Scale(Part):
    """How numbers are scaled."""

    kind: str
    center: Number | None = None
    spread: Number | None = None
    references: tuple[Number, ...] = ()


class Encoder(Part):
    """How texts become numbers."""

    kind: str
    prior: Number | None = None
    buckets: Count | None = None


class Learned(Part):
    """What the training rows have taught of one feature."""

    source: Source = Source()
    fill: str | Number | None = None
    indicator: bool = False
    lower: Number | None = None
    upper: Number | None = None
    then: str | None = None
    scale: Scale | None = None
    unseen: str = ""
    gathered: Count | None = None  # rare values that are taken as one
    encoder: Encoder | None = None
    categories: tuple[Value, ...] = ()
    more: Count = 0


class Feature(Part):
    """One feature: of the raw rows, and the columns that were made of it."""

    name: str
    kind: str = ""
    inputs: tuple[str, ...] = ()
    before: Column | None = None
    learned: Learned | None = None
    after: tuple[Column, ...] = ()

    @property
    def alone(self) -> Column | None:
        """Its only column, if that is no flag: it is shown as a picture, several as bars."""
        return self.after[0] if len(self.after) == 1 and not self.after[0].is_flag else None


class LeftOut(Part):
    """A column that does not stay."""

    name: str
    reason: str


class Alert(Part):
    """Something that looks wrong."""

    kind: str
    says: str

    @property
    def tone(self) -> Tone:
        """What it means to the reader."""
        return TONES.get(self.kind, Tone.PLAIN)


class Step(Part):
    """What became of the rows at one step."""

    name: str
    rows_in: Count
    rows_out: Count
    says: str = ""


class Features(Part):
    """``features.json`` of the feature job."""

    rows_in: Count
    splits: dict[str, Split]
    label: Label | None = None
    columns: list[str]
    inputs: tuple[str, ...] = ()
    transformer_digest: str = ""
    steps: tuple[Step, ...] = ()
    features: tuple[Feature, ...] = ()  # earlier runs do not tell of these, nor of what follows
    left_out: tuple[LeftOut, ...] = ()
    alerts: tuple[Alert, ...] = ()


def view(material: Material) -> View | None:
    """The splits, the rows of each step, what looks wrong, and the features."""
    features = material.read("features", Features)
    if features is None:
        return None
    rows = sum(split.rows for split in features.splits.values())
    complete = rows == features.rows_in
    return View(
        values={
            "features": features,
            "made": [] if features.features else made_of(features),
            "parts": parts_of(features.features),
            "rows": rows,
            "complete": complete,
            "most_rows": max((step.rows_in for step in features.steps), default=0),
            "alerts": sorted(features.alerts, key=lambda alert: list(Tone).index(alert.tone)),
            "bars": MOST_BARS,
        },
        tile=tile_of(features, complete=complete),
    )


def tile_of(features: Features, *, complete: bool) -> Tile:
    """How many features there are, and whether something looks wrong."""
    value = f"{len(features.columns):,} features"
    if not complete:
        return Tile(value, "rows were lost between the splits", Tone.BAD)
    says, count = f"from {len(features.inputs):,} columns", len(features.alerts)
    if not count:
        return Tile(value, says)
    tones = {alert.tone for alert in features.alerts}
    tone = Tone.BAD if Tone.BAD in tones else Tone.CARE if Tone.CARE in tones else Tone.PLAIN
    return Tile(value, f"{says}; {count:,} {'alert' if count == 1 else 'alerts'}", tone)


def parts_of(features: Sequence[Feature]) -> list[Sequence[Feature]]:
    """The features that are shown at once, and those that are folded away."""
    return [part for part in (features[:MOST_OPEN], features[MOST_OPEN:]) if part]


def made_of(features: Features) -> list[tuple[str, list[str]]]:
    """Each input with the columns that were made of it: itself, its one-hot values, its products."""
    inputs = sorted(set(features.inputs), key=len, reverse=True)  # `income_b=x` is not of `income`

    def origin(column: str) -> str:
        for name in inputs:
            if column == name or column.startswith((f"{name}=", f"{name}*")):
                return name
        return ""

    groups: dict[str, list[str]] = {name: [] for name in features.inputs}
    for column in features.columns:
        groups.setdefault(origin(column), []).append(column)
    return list(groups.items())


SECTION = Section(
    name="features",
    title="Features",
    stage="prepare_transform",
    documents={"features": lambda paths: paths.features},
    view=view,
)
