"""The rules of data quality: each with its outcome and what was found, those that did not pass first; and
those that Glue recommends.
"""

from __future__ import annotations

from pydantic import Field

from aws_ml.reports.section import Material, Number, Part, Section, Tile, Tone, View
from aws_ml.reports.shelf import Kind

PASS, FAIL = "PASS", "FAIL"
WORDS = {PASS: "passed", FAIL: "broken", "ERROR": "not evaluated"}


class Rule(Part):
    """One rule of the workflow file, as Glue evaluated it."""

    rule: str
    outcome: str
    figures: dict[str, Number] = Field(default_factory=dict)
    message: str | None = None

    @property
    def word(self) -> str:
        """The outcome, in a word."""
        return WORDS.get(self.outcome, self.outcome)

    @property
    def tone(self) -> Tone:
        """What the outcome means to the reader."""
        return {PASS: Tone.GOOD, FAIL: Tone.BAD}.get(self.outcome, Tone.CARE)


class Quality(Part):
    """``quality.json`` of the task that checks the rules."""

    run_id: str
    rules: tuple[Rule, ...]


def view(material: Material) -> View | None:
    """The rules, those that did not pass first."""
    quality = material.read("quality", Quality)
    recommended = material.documents.get("recommended")
    if recommended is not None and recommended.kind is Kind.MISSING:
        recommended = None
    if quality is None:
        if recommended is None:
            return None
        return View(
            {
                "quality": None,
                "rules": (),
                "asked": material.workflow.quality.rules,
                "recommended": recommended,
            }
        )
    passed = sum(rule.outcome == PASS for rule in quality.rules)
    held = bool(quality.rules) and passed == len(quality.rules)
    return View(
        values={
            "quality": quality,
            "rules": sorted(quality.rules, key=lambda rule: rule.outcome == PASS),
            "recommended": recommended,
        },
        tile=Tile(
            f"{passed:,} of {len(quality.rules):,} rules",
            "hold" if held else "hold; the run stops here",
            Tone.GOOD if held else Tone.BAD,
        ),
    )


SECTION = Section(
    name="quality",
    title="Data quality",
    stage="ingest_analyze",
    documents={"quality": lambda paths: paths.quality_report},
    view=view,
    texts={"recommended": lambda paths: paths.recommended_rules},
)
