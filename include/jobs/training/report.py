"""CreateXgboostReport: how a training went, for people, from the tensors that it saved.

    xgboost_report.html      one page that needs nothing else
    xgboost_report.ipynb     the same numbers as a notebook, to go on from

What the tensors do not hold is left out, and the page says so. For a classification the sections are the
distribution of the labels, losses and metrics by round, feature importance, the confusion matrix, the
accuracy of each class by round, and the ROC curve; for a regression residuals replace the last three.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.bias.page import page
from jobs.training import rules
from jobs.training.tensors import LABELS, PREDICTIONS, Trial

RULE = "CreateXgboostReport"
WIDTH, HEIGHT, LEFT, BOTTOM = 560, 220, 52, 26
MOST_FEATURES = 20
MOST_POINTS = 400  # of a curve; more cannot be told apart
BINS = 20
IMPORTANCE = "feature_importance/"
METRIC = rules.PAIR

Curve = Sequence[tuple[float, float]]


def write(trial: Trial, training_job: str, directory: Path) -> None:
    """Write both files into a directory that may not exist yet."""
    directory.mkdir(parents=True, exist_ok=True)
    found = numbers(trial)
    (directory / "xgboost_report.html").write_text(html(found, training_job), encoding="utf-8")
    (directory / "xgboost_report.ipynb").write_text(
        json.dumps(notebook(found, training_job), indent=1), encoding="utf-8"
    )


# --- numbers ----------------------------------------------------------------------------------------


def numbers(trial: Trial) -> dict[str, Any]:
    """All that the report shows, ready for JSON; a part is missing where its tensors were not saved."""
    found: dict[str, Any] = {"metrics": _metrics(trial), "importance": _importance(trial)}
    steps = trial.steps(LABELS, PREDICTIONS)
    if not steps:
        return found
    last = steps[-1]
    labels, predictions = trial.tensors[LABELS][last], trial.tensors[PREDICTIONS][last]
    found |= {"step": last, "samples": len(labels)}
    if not _classification(labels):
        return found | {"regression": _regression(labels, predictions)}
    truth, answers = rules.classes(labels), rules.classes(predictions)
    matrix = rules.confusion_matrix(truth, answers)
    accuracy = {
        step: _accuracy(rules.classes(trial.tensors[LABELS][step]), trial.tensors[PREDICTIONS][step])
        for step in steps
    }
    names = range(len(matrix))
    found["classification"] = {
        "labels": [int((truth == one).sum()) for one in names],
        "confusion": matrix.tolist(),
        "accuracy": {
            str(one): [(step, shares[one]) for step, shares in accuracy.items() if one in shares]
            for one in names
        },
        "roc": roc(truth, np.asarray(predictions)) if predictions.ndim == 1 and len(matrix) == 2 else None,
    }
    return found


def _metrics(trial: Trial) -> dict[str, dict[str, Curve]]:
    """Metric -> channel -> its value by round."""
    found: dict[str, dict[str, Curve]] = {}
    for name in sorted(trial.tensors):
        match = METRIC.fullmatch(name)
        values = trial.scalars(name)
        if match and values:
            found.setdefault(match[2], {})[match[1]] = list(values.items())
    return found


def _importance(trial: Trial) -> dict[str, dict[str, float]]:
    """Way of counting -> feature -> its share in the last round that was saved, the largest first."""
    found: dict[str, dict[str, float]] = {}
    for name in trial.matching(IMPORTANCE):
        kind, _, feature = name.removeprefix(IMPORTANCE).partition("/")
        values = trial.scalars(name)
        if values:
            found.setdefault(kind, {})[feature] = values[max(values)]
    return {kind: dict(sorted(shares.items(), key=lambda one: -one[1])) for kind, shares in found.items()}


def _classification(labels: npt.NDArray[Any]) -> bool:
    """Labels that are few whole numbers from 0 are classes."""
    return bool((labels >= 0).all() and (labels == np.floor(labels)).all() and labels.max(initial=0) < 50)


def _accuracy(truth: npt.NDArray[np.int64], predictions: npt.NDArray[Any]) -> dict[int, float]:
    """Class -> share of its samples that are predicted as it."""
    answers = rules.classes(predictions)
    return {int(one): float((answers[truth == one] == one).mean()) for one in np.unique(truth)}


def roc(truth: npt.NDArray[np.int64], scores: npt.NDArray[Any]) -> dict[str, Any] | None:
    """False and true positive rates for every threshold, and the area below; None where a class is absent.

    Samples of one score come in together, so a tie counts half.
    """
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return None
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.diff(scores[order]) != 0, True)
    true = np.append(0, np.cumsum(truth[order])[ends]) / positives
    false = np.append(0, np.cumsum(1 - truth[order])[ends]) / negatives
    area = float(((false[1:] - false[:-1]) * (true[1:] + true[:-1]) / 2).sum())
    kept = np.unique(np.linspace(0, len(true) - 1, min(len(true), MOST_POINTS)).astype(int))
    return {"area": area, "curve": [(float(false[at]), float(true[at])) for at in kept]}


def _regression(labels: npt.NDArray[Any], predictions: npt.NDArray[Any]) -> dict[str, Any]:
    residuals = np.asarray(labels, dtype=float) - np.asarray(predictions, dtype=float).reshape(-1)
    counts, edges = np.histogram(residuals, BINS)
    return {
        "counts": counts.tolist(),
        "edges": edges.tolist(),
        "mean": float(residuals.mean()),
        "deviation": float(residuals.std()),
    }


# --- the page ---------------------------------------------------------------------------------------


def html(found: Mapping[str, Any], training_job: str) -> str:
    """The page. Names that come from the data are escaped."""
    facts = {}
    for metric, channels in found["metrics"].items():
        for channel, curve in channels.items():
            facts[f"{channel}-{metric}"] = f"{curve[-1][1]:.5f}"
    sections = [
        _section(
            f"{metric} by round",
            _lines(channels),
            "The lower, the better." if rules.is_loss(f"train-{metric}") else "The higher, the better.",
        )
        for metric, channels in found["metrics"].items()
    ]
    weight = found["importance"].get("gain") or found["importance"].get("weight")
    sections.append(
        _section("Feature importance", _bars(weight), "Shares of the gain, of the last round that was saved.")
        if weight
        else _absent("Feature importance", "feature_importance")
    )
    if "classification" in found:
        sections += _classes(found["classification"], found["step"])
    elif "regression" in found:
        sections.append(_residuals(found["regression"]))
    else:
        sections.append(_absent("Predictions", "labels and predictions"))
    return page(training_job, "XGBoost training report", facts, STYLE + "\n".join(sections))


def _section(title: str, body: str, note: str = "") -> str:
    return f"<section><h2>{escape(title)}</h2>{body}<p>{escape(note)}</p></section>"


def _absent(title: str, collection: str) -> str:
    return _section(title, "", f"Not saved: DebugHookConfig lacks the collection {collection}.")


def _classes(found: Mapping[str, Any], step: int) -> list[str]:
    total = sum(found["labels"])
    shares = {f"class {one}": count / total for one, count in enumerate(found["labels"])}
    names = range(len(found["labels"]))
    head = "".join(f"<th>{one}</th>" for one in names)
    rows = "".join(
        f"<tr><th>{one}</th>{''.join(f'<td>{count:,}</td>' for count in row)}</tr>"
        for one, row in zip(names, found["confusion"], strict=True)
    )
    matrix = f'<table class="matrix"><tr><th></th>{head}</tr>{rows}</table>'
    sections = [
        _section("Distribution of labels", _bars(shares), f"{total:,} validation samples."),
        _section(
            f"Confusion matrix after round {step}", matrix, "A row is a class, a column what is predicted."
        ),
        _section(
            "Accuracy of each class by round",
            _lines({f"class {name}": curve for name, curve in found["accuracy"].items()}, low=0, high=1),
            "The share of a class's samples that are predicted as it.",
        ),
    ]
    if found["roc"]:
        note = f"Area below the curve: {found['roc']['area']:.4f}."
        sections.append(_section("ROC curve", _lines({"": found["roc"]["curve"]}, low=0, high=1), note))
    return sections


def _residuals(found: Mapping[str, Any]) -> str:
    edges = found["edges"]
    total = sum(found["counts"]) or 1
    bars = {
        f"{low:.3g} to {high:.3g}": count / total
        for low, high, count in zip(edges[:-1], edges[1:], found["counts"], strict=True)
    }
    note = (
        f"Label minus prediction: {found['mean']:.4g} on average, "
        f"standard deviation {found['deviation']:.4g}."
    )
    return _section("Residuals", _bars(bars), note)


def _bars(shares: Mapping[str, float]) -> str:
    """One bar a name, from nothing to the largest."""
    top = max(shares.values(), default=0) or 1
    rows = "".join(
        f'<tr><th>{escape(name)}</th><td class="bar"><i style="width:{100 * share / top:.1f}%"></i></td>'
        f"<td>{share:.1%}</td></tr>"
        for name, share in list(shares.items())[:MOST_FEATURES]
    )
    rest = len(shares) - MOST_FEATURES
    more = f"<p>{rest} more are not shown.</p>" if rest > 0 else ""
    return f'<table class="bars">{rows}</table>{more}'


def _lines(curves: Mapping[str, Curve], low: float | None = None, high: float | None = None) -> str:
    """Curves over one another, with the ends of both axes."""
    points = [point for curve in curves.values() for point in curve if np.isfinite(point[1])]
    if not points:
        return "<p>No number was saved.</p>"
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    bottom = min(y for _, y in points) if low is None else low
    top = max(y for _, y in points) if high is None else high
    across, up = (right - left) or 1, (top - bottom) or 1

    def place(x: float, y: float) -> str:
        return (
            f"{LEFT + (WIDTH - LEFT - 8) * (x - left) / across:.1f},"
            f"{HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 10) * (y - bottom) / up:.1f}"
        )

    drawn = "".join(
        f'<polyline class="line{number % 6}" points="'
        f'{" ".join(place(x, y) for x, y in _thinned(curve) if np.isfinite(y))}"/>'
        for number, curve in enumerate(curves.values())
    )
    axes = (
        f'<path class="axis" d="M{LEFT} 10V{HEIGHT - BOTTOM}H{WIDTH - 8}"/>'
        f'<text x="{LEFT - 6}" y="16" text-anchor="end">{top:.3g}</text>'
        f'<text x="{LEFT - 6}" y="{HEIGHT - BOTTOM}" text-anchor="end">{bottom:.3g}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 8}">{left:.3g}</text>'
        f'<text x="{WIDTH - 8}" y="{HEIGHT - 8}" text-anchor="end">{right:.3g}</text>'
    )
    named = ", ".join(f"{name} {curve[-1][1]:.4g} at last" for name, curve in curves.items() if name)
    keys = "".join(
        f'<li class="line{number % 6}">{escape(name)}</li>' for number, name in enumerate(curves) if name
    )
    return (
        f'<svg class="lines" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(named)}">'
        f'{axes}{drawn}</svg><ul class="keys">{keys}</ul>'
    )


def _thinned(curve: Curve) -> Iterable[tuple[float, float]]:
    every = -(-len(curve) // MOST_POINTS) or 1
    return [*curve[:-1:every], curve[-1]]


STYLE = """<style>
svg.lines { width: 100%; max-width: 44rem; height: auto; }
svg.lines text { font-size: 11px; fill: var(--soft); }
svg.lines polyline { fill: none; stroke-width: 2; stroke: var(--key); }
path.axis { fill: none; stroke: var(--line); }
.line0 { --key: #2563c9; } .line1 { --key: #c2410c; } .line2 { --key: #15803d; } .line3 { --key: #7e22ce; }
.line4 { --key: #a16207; } .line5 { --key: #0e7490; }
ul.keys { display: flex; gap: 1.2rem; list-style: none; padding: 0; margin: .3rem 0; }
ul.keys li::before { content: ""; display: inline-block; width: .8em; height: .8em; margin-right: .4em;
  background: var(--key); border-radius: 2px; }
table.bars { width: 100%; max-width: 44rem; border-collapse: collapse; } table.bars th { text-align: left;
  font-weight: 400; padding-right: 1rem; overflow-wrap: anywhere; } table.bars td.bar { width: 60%; }
table.bars i { display: block; height: .8em; background: var(--accent); border-radius: 2px; }
table.bars td:last-child, table.matrix td { text-align: right; font-variant-numeric: tabular-nums; }
table.matrix { border-collapse: collapse; } table.matrix td, table.matrix th { padding: .3rem .9rem;
  border: 1px solid var(--line); }
</style>
"""


# --- the notebook -----------------------------------------------------------------------------------


def notebook(found: Mapping[str, Any], training_job: str) -> dict[str, Any]:
    """The numbers as a Jupyter notebook (nbformat 4.5), with code that draws them."""
    cells = [
        _cell("title", "markdown", f"# XGBoost training report\n\nTraining job `{training_job}`"),
        _cell("numbers", "code", f"import json\n\nnumbers = json.loads({json.dumps(json.dumps(found))})"),
        _cell(
            "metrics",
            "code",
            "import pandas\n\nfor metric, channels in numbers['metrics'].items():\n"
            "    table = pandas.DataFrame({name: dict(curve) for name, curve in channels.items()})\n"
            "    table.plot(title=metric, xlabel='round')",
        ),
        _cell("importance", "code", "pandas.DataFrame(numbers['importance']).plot.barh(subplots=True)"),
        _cell("rest", "code", "numbers.get('classification') or numbers.get('regression')"),
    ]
    return {
        "cells": cells,
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cell(name: str, kind: str, source: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"id": name, "cell_type": kind, "metadata": {}, "source": source}
    return cell | {"execution_count": None, "outputs": []} if kind == "code" else cell
