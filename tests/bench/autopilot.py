"""Autopilot beside a well-tuned gradient boosting: AUC on rows that neither has seen, and what a job takes.

The gradient boosting is scikit-learn's, the best of a random search of 20 settings, cross-validated, learned
again on all training rows. Adult is census data that is not part of the project: name the file in ADULT_CSV.

PYTHONPATH=include:plugins:. python -m tests.bench.autopilot
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from local_aws.images.autopilot.model import Model
from local_aws.images.autopilot.settings import Settings
from local_aws.images.programs import AUTOPILOT

ADULT = Path(os.environ.get("ADULT_CSV", "adult.csv"))
ADULT_COLUMNS = [
    "age", "workclass", "fnlwgt", "education", "education_num", "marital", "occupation", "relationship",
    "race", "sex", "gain", "loss", "hours", "country", "income",
]  # fmt: skip
WITHIN = 0.005  # of the tuned boosting's AUC
SEARCHED = 20
SPACE = {
    "learning_rate": [0.02, 0.03, 0.05, 0.08, 0.12, 0.2],
    "max_leaf_nodes": [7, 12, 20, 31, 50],
    "min_samples_leaf": [5, 10, 20, 40],
    "l2_regularization": [0.0, 0.1, 1.0, 5.0],
    "max_features": [0.5, 0.8, 1.0],
    "max_iter": [400],
    "early_stopping": [True],
    "n_iter_no_change": [20],
}


@dataclass(frozen=True)
class Task:
    """Rows with the column ``target``, of which some are kept back."""

    name: str
    training: pd.DataFrame
    held: pd.DataFrame


def main() -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")
    print(
        f"\n{'AUC on unseen rows':<34}{'rows':>8}{'tuned GBM':>12}{'Autopilot':>12}{'difference':>12}"
        f"{'seconds':>10}"
    )
    for task in tasks():
        reference = tuned(task)
        found, seconds = autopilot(task)
        verdict = "" if found >= reference - WITHIN else f"   more than {WITHIN} below"
        print(
            f"  {task.name:<32}{len(task.training):>8,}{reference:>12.4f}{found:>12.4f}"
            f"{found - reference:>+12.4f}{seconds:>10.0f}{verdict}",
            flush=True,
        )


def tasks() -> Iterator[Task]:
    """Census data where it is there, and two data sets that scikit-learn brings."""
    from sklearn import datasets

    cancer = datasets.load_breast_cancer(as_frame=True).frame
    # All but 69 rows are needed to learn from: AWS wants 500. So few say little; three draws say more.
    for draw in range(3):
        yield split(f"breast cancer, draw {draw + 1}", cancer, 69, draw)
    digits = datasets.load_digits(as_frame=True).frame
    yield split("digits, odd or even", digits.assign(target=digits["target"] % 2), 597, 0)
    if ADULT.is_file():
        adult = pd.read_csv(ADULT, header=None, names=ADULT_COLUMNS, skipinitialspace=True)
        adult = adult.rename(columns={"income": "target"})
        yield split("Adult", adult.assign(target=(adult["target"] == ">50K").astype(int)), 9768, 0)
    else:
        print(f"  Adult                           skipped: there is no {ADULT}; name it in ADULT_CSV")


def split(name: str, frame: pd.DataFrame, held: int, seed: int) -> Task:
    """Keep ``held`` rows back, with the classes' shares."""
    from sklearn.model_selection import train_test_split

    training, rest = train_test_split(frame, test_size=held, stratify=frame["target"], random_state=seed)
    return Task(name, training, rest)


def tuned(task: Task) -> float:
    """The AUC of the best gradient boosting that a random search finds."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import RandomizedSearchCV

    whole = pd.concat([task.training, task.held])
    words = whole.select_dtypes("object").columns
    whole[words] = whole[words].astype("category")
    learn, held = whole.iloc[: len(task.training)], whole.iloc[len(task.training) :]
    search = RandomizedSearchCV(
        HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=1),
        SPACE,
        n_iter=SEARCHED,
        scoring="roc_auc",
        cv=3,
        random_state=1,
    ).fit(learn.drop(columns="target"), learn["target"])
    scores = search.predict_proba(held.drop(columns="target"))[:, 1]
    return float(roc_auc_score(held["target"], scores))


def autopilot(task: Task) -> tuple[float, float]:
    """The AUC of the best candidate, and how long the job took, as the stand-in starts it."""
    from sklearn.metrics import roc_auc_score

    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        (base / "input" / "data" / "training").mkdir(parents=True)
        task.training.to_csv(base / "input" / "data" / "training" / "rows.csv", index=False)
        Settings(
            job="bench",
            target="target",
            mode="ENSEMBLING",
            problem_type="BinaryClassification",
            objective="AUC",
        ).write(base / "input" / "config" / "autopilot.json")
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, *AUTOPILOT.argv[1:]],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, **AUTOPILOT.env, "SAGEMAKER_BASE_DIR": str(base)},
        )
        seconds = time.perf_counter() - began
        progress: dict[str, Any] = json.loads((base / "output" / "progress.json").read_text())
        rows = task.held.drop(columns="target")
        texts = rows.astype(object).where(rows.notna(), None).astype(str)
        predicted = Model.load(base / "work" / progress["best"] / "model").predict(texts)
    return float(roc_auc_score(np.asarray(task.held["target"]), predicted[:, 1])), seconds


if __name__ == "__main__":
    main()
