"""What serves, and what it answered to real records, beside what the evaluation expects."""

from __future__ import annotations

from typing import Any

from aws_ml.reports.section import Count, Material, Number, Part, Section, Tile, Tone, View


class Variant(Part):
    """One production variant of the endpoint."""

    name: str
    instances: Count | None = None
    weight: Number | None = None


class Record(Part):
    """One question, the answer, and the score that was expected."""

    key: str
    request: Any
    response: Any
    score: Number | None
    expected: Number | None
    equal: bool


class Deployment(Part):
    """``deployment.json`` of the smoke test."""

    endpoint: str
    endpoint_config: str = ""
    model: str = ""
    status: str = ""
    variants: tuple[Variant, ...] = ()
    records: tuple[Record, ...] = ()


def view(material: Material) -> View | None:
    """The endpoint and its answers."""
    deployment = material.read("deployment", Deployment)
    if deployment is None:
        return None
    equal = sum(record.equal for record in deployment.records)
    asked = len(deployment.records)
    good = 0 < asked == equal
    return View(
        values={"deployment": deployment, "equal": equal, "good": good},
        tile=Tile(
            f"{equal} of {asked}",
            "answers are what was evaluated",
            Tone.GOOD if good else Tone.BAD,
        ),
    )


SECTION = Section(
    name="deployment",
    title="Deployment",
    stage="deploy_manage",
    documents={"deployment": lambda paths: paths.deployment},
    view=view,
)
