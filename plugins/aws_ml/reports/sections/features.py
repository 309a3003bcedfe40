"""What the model learns from: the splits, the columns that were made, and of which inputs."""

from __future__ import annotations

from typing import Any

from aws_ml.reports.section import Count, Material, Part, Section, Tile, Tone, View


class Split(Part):
    """One of the datasets."""

    rows: Count
    positives: Count


class Label(Part):
    """What is predicted."""

    column: str
    positive: list[Any]


class Features(Part):
    """``features.json`` of the feature job."""

    rows_in: Count
    splits: dict[str, Split]
    label: Label | None = None
    columns: list[str]
    inputs: tuple[str, ...] = ()
    transformer_digest: str = ""


def view(material: Material) -> View | None:
    """The splits, and the columns by the input that they come from."""
    features = material.read("features", Features)
    if features is None:
        return None
    rows = sum(split.rows for split in features.splits.values())
    complete = rows == features.rows_in
    return View(
        values={
            "features": features,
            "made": made_of(features),
            "rows": rows,
            "complete": complete,
            "asked": material.workflow.features,
        },
        tile=Tile(
            f"{len(features.columns):,} features",
            f"from {len(features.inputs):,} columns" if complete else "rows were lost between the splits",
            Tone.PLAIN if complete else Tone.BAD,
        ),
    )


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
