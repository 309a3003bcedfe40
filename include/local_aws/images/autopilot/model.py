"""A saved candidate: one or more algorithms, each fitted once a fold, and how much each counts.

    model/
      autopilot.json      columns, classes, problem type, members and their weights
      <member>.joblib     the fitted folds, as scikit-learn's and XGBoost's own objects

A prediction is the weighted mean over members of the mean over folds.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from local_aws.images.autopilot.algorithms import Fitted
from local_aws.images.autopilot.metrics import Array
from local_aws.images.autopilot.table import Column, prepared
from local_aws.images.autopilot.target import Data

DESCRIPTION = "autopilot.json"
COMPRESSION = ("zlib", 1)  # forests are large and repeat themselves; a higher level takes seconds


@dataclass(frozen=True)
class Model:
    """What answers: columns as requests give them, and the fitted members."""

    problem: str
    columns: list[Column]
    classes: list[str]
    members: list[tuple[float, list[Fitted]]]  # weight, folds

    def predict(self, frame: Any) -> Array:
        """Numbers, or probabilities by class, for the rows of a raw frame."""
        features = prepared(frame, self.columns)
        total: Array = np.zeros(())
        for weight, folds in self.members:
            total = total + weight * np.mean([fitted.predict(features) for fitted in folds], axis=0)
        return total

    @classmethod
    def load(cls, directory: Path) -> Model:
        """The model in a directory. Raises FileNotFoundError, ValueError."""
        import joblib

        text = json.loads((directory / DESCRIPTION).read_text())
        members = [
            (float(weight), [Fitted(*pair) for pair in joblib.load(directory / f"{name}.joblib")])
            for name, weight in text["members"].items()
        ]
        columns = [Column(**column) for column in text["columns"]]
        return cls(text["problem"], columns, text["classes"], members)


def save_member(directory: Path, name: str, folds: Iterable[Fitted]) -> None:
    """Write the fitted folds of one algorithm."""
    import joblib

    directory.mkdir(parents=True, exist_ok=True)
    pairs = [(fitted.preprocessor, fitted.estimator) for fitted in folds]
    joblib.dump(pairs, directory / f"{name}.joblib", compress=COMPRESSION)


def describe(directory: Path, data: Data, members: Mapping[str, float]) -> None:
    """Write what the members in a directory are together."""
    text = {
        "problem": data.problem,
        "columns": [column.__dict__ for column in data.columns],
        "classes": data.classes,
        "members": dict(members),
    }
    (directory / DESCRIPTION).write_text(json.dumps(text, indent=2))


def borrow_member(directory: Path, name: str, lender: Path) -> None:
    """Take a member from another candidate's directory."""
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(lender / f"{name}.joblib", directory / f"{name}.joblib")


def archive(directory: Path, target: Path) -> None:
    """model.tar.gz of a directory, whole or not at all: what lies at the target goes to S3 at any time."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = directory.with_suffix(".partial")
    with tarfile.open(partial, "w:gz", compresslevel=1) as tar:  # members are compressed already
        for path in sorted(directory.iterdir()):
            tar.add(path, path.name)
    partial.replace(target)
