"""How good the model is on rows that neither training nor fitting has seen."""

from __future__ import annotations

from aws_ml.reports.section import Count, Material, Number, Part, Section, Share, Tile, Tone, View

SHARES = {"auc", "accuracy", "f1", "precision", "recall", "pr_auc", "balanced_accuracy"}  # from 0 to 1
TITLES = {
    "auc": "AUC",
    "pr_auc": "PR AUC",
    "log_loss": "Log loss",
    "accuracy": "Accuracy",
    "f1": "F1",
    "precision": "Precision",
    "recall": "Recall",
}


class Confusion(Part):
    """How many rows are called right and wrong."""

    true_positive: Count
    false_positive: Count
    true_negative: Count
    false_negative: Count


class Evaluation(Part):
    """``evaluation.json`` of the evaluation job."""

    metrics: dict[str, Number | None]
    confusion: Confusion | None = None
    rows: Count
    positives: Count | None = None
    threshold: Share | None = None
    transformer_digest: str = ""


def view(material: Material) -> View | None:
    """The metrics, the one that decides first, with the minimum that the workflow file asks for."""
    evaluation = material.read("evaluation", Evaluation)
    if evaluation is None:
        return None
    asked = material.workflow.evaluation
    value = evaluation.metrics.get(asked.metric)
    good = value is not None and value >= asked.minimum
    names = sorted(evaluation.metrics, key=lambda name: name != asked.metric)
    return View(
        values={
            "evaluation": evaluation,
            "metrics": [
                (name, TITLES.get(name, name), evaluation.metrics[name], name in SHARES) for name in names
            ],
            "asked": asked,
            "origin": material.workflow.origin("evaluation", "minimum"),
            "good": good,
        },
        tile=Tile(
            "no value" if value is None else f"{value:.3f}",
            f"{TITLES.get(asked.metric, asked.metric)}, asked for {asked.minimum:g}",
            Tone.GOOD if good else Tone.BAD,
        ),
    )


SECTION = Section(
    name="model",
    title="Model on held-out rows",
    stage="train_tune",
    documents={"evaluation": lambda paths: paths.evaluation_report},
    view=view,
)
