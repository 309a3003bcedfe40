"""The two notebooks of a job, in Jupyter's format 4.5: what the data is like, and what will be tried on it.

They say what was found and done; the second's code loads a candidate's model and predicts with it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_aws.images.autopilot.algorithms import SPACES, TITLES, Configuration
from local_aws.images.autopilot.contract import ENSEMBLING, REGRESSION
from local_aws.images.autopilot.settings import Settings
from local_aws.images.autopilot.table import numbers
from local_aws.images.autopilot.target import Data

SAMPLE_ROWS = 10
SHOWN = 60  # characters of a value


def data_exploration(settings: Settings, frame: Any, data: Data, target: Path) -> None:
    """Write SageMakerAutopilotDataExplorationNotebook.ipynb."""
    kinds = {column.name: column.kind for column in data.columns}
    rows = [
        [
            name,
            kinds[name],
            f"{frame[name].isna().mean():.2%}",
            str(frame[name].nunique()),
            *_numbers(frame[name], kinds[name]),
        ]
        for name in kinds
    ]
    if data.problem == REGRESSION:
        about = f"numbers from {data.target.min():g} to {data.target.max():g}, mean {data.target.mean():g}"
    else:
        counts = [int((data.target == at).sum()) for at in range(len(data.classes))]
        about = ", ".join(
            f"`{_plain(name)}` {count} rows" for name, count in zip(data.classes, counts, strict=True)
        )
    _write(
        target,
        _text(f"# Data exploration: {settings.job}"),
        _text(
            f"{len(data.target)} rows with a target, {len(data.columns)} feature columns. The target is "
            f"`{_plain(settings.target)}`, the problem type **{data.problem}**: {about}."
        ),
        _text("## Columns\n\n" + _table(["column", "kind", "missing", "different", "mean", "median"], rows)),
        _text(
            "Columns of kind *dropped* have one value only, or a different word in every row; nothing is "
            "learned from them."
        ),
        _text(
            "## Sample\n\n"
            + _table(
                [str(name) for name in frame.columns],
                [[str(cell) for cell in row] for row in frame.head(SAMPLE_ROWS).to_numpy().tolist()],
            )
        ),
    )


@dataclass(frozen=True)
class Trial:
    """What a job is going to try."""

    mode: str
    objective: str
    plan: Sequence[Configuration]
    limit: int  # candidates at most


def candidate_definitions(settings: Settings, data: Data, trial: Trial, target: Path) -> None:
    """Write SageMakerAutopilotCandidateDefinitionNotebook.ipynb."""
    how = (
        f"cross-validated on {len(data.folds)} folds"
        if len(data.folds) > 1
        else f"measured on {len(data.folds[0][1])} rows that none of them learns from"
    )
    _write(
        target,
        _text(f"# Candidate definitions: {settings.job}"),
        _text(
            f"Mode **{trial.mode}**, at most {trial.limit} candidates, objective **{trial.objective}**; all "
            f"candidates are {how}."
        ),
        _text("## What is tried\n\n" + _tried(trial)),
        _text("## A candidate's model\n\nUnpack its `model.tar.gz` into `model/`, then:"),
        _code(
            "from pathlib import Path\n\nfrom local_aws.images.autopilot.model import Model\n"
            "from local_aws.images.autopilot.table import rows_of\n\n"
            'model = Model.load(Path("model"))\n'
            'rows = rows_of(Path("rows.csv").read_bytes(), model.columns)  # no header, no target\n'
            "model.predict(rows)"
        ),
    )


def _tried(trial: Trial) -> str:
    if trial.mode == ENSEMBLING:
        rows = [[TITLES[each.algorithm], json.dumps(dict(each.parameters))] for each in trial.plan]
        return _table(["algorithm", "settings"], rows)
    rows = [
        [
            TITLES[each.algorithm],
            ", ".join(
                f"{name} {low:g} to {high:g}" for name, (low, high, _) in SPACES[each.algorithm].items()
            ),
        ]
        for each in trial.plan
    ]
    return _table(["algorithm", "searched"], rows)


def _numbers(values: Any, kind: str) -> list[str]:
    if kind != "numeric":
        return ["", ""]
    found = numbers(values)
    return [f"{found.mean():.6g}", f"{found.median():.6g}"]


def _plain(text: str) -> str:
    """A value of the data as text that Markdown does not take for anything else."""
    shown = " ".join(text[:SHOWN].split())
    return "".join(" " if sign in "|<>`[]*&\\!$" else sign for sign in shown)


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_plain(cell) for cell in line)} |" for line in lines)


def _text(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source.splitlines(keepends=True)}


def _code(source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": source.splitlines(keepends=True),
    }


def _write(target: Path, *cells: dict[str, Any]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    notebook = {
        "cells": [{"id": f"cell-{number}", **cell} for number, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    target.write_text(json.dumps(notebook, indent=1))
