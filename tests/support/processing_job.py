"""A processing job's folders, and its script run on them as SageMaker does: in a process of its own."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class ProcessingJob:
    """One job on a folder that stands for /opt/ml."""

    def __init__(self, opt_ml: Path, config: dict[str, Any]) -> None:
        self.opt_ml = opt_ml
        self.base = opt_ml / "processing"
        self.code = self.base / "input" / "code"
        shutil.copytree(
            ROOT / "include" / "jobs", self.code / "jobs", ignore=shutil.ignore_patterns("__pycache__")
        )
        (self.code / "config.json").write_text(json.dumps(config))

    def give(self, name: str, source: Path) -> None:
        """Make a file, or a folder's content, an input."""
        target = self.base / "input" / name
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run jobs/processing/<script> to its end."""
        return subprocess.run(
            [
                sys.executable,
                "-W",
                "error",
                str(self.code / "jobs" / "processing" / script),
                "--base",
                str(self.base),
            ],
            env={"PYTHONPATH": str(self.code), "OMP_NUM_THREADS": "2"},
            capture_output=True,
            text=True,
            check=False,
        )

    def output(self, name: str) -> Path:
        return self.base / "output" / name

    def json(self, name: str) -> Any:
        return json.loads(self.output(name).read_text())

    def message(self) -> str:
        """What SageMaker would show as ExitMessage."""
        path = self.opt_ml / "output" / "message"
        return path.read_text(encoding="utf-8") if path.exists() else ""


def train(features: Path, parameters: dict[str, Any], rounds: int, target: Path) -> None:
    """Do what the XGBoost training job does with build_features' CSV files, and write its model.tar.gz."""
    import numpy as np
    import xgboost

    def matrix(split: str) -> Any:
        rows = np.loadtxt(features / split / "part-00000.csv", delimiter=",", ndmin=2)
        return xgboost.DMatrix(rows[:, 1:], label=rows[:, 0])

    booster = xgboost.train(
        {"objective": "binary:logistic", "eval_metric": "auc", "seed": 7, **parameters},
        matrix("train"),
        rounds,
        evals=[(matrix("validation"), "validation")],
        early_stopping_rounds=20,
        verbose_eval=False,
    )
    write_archive(target, {"xgboost-model": bytes(booster.save_raw("ubj"))})


def write_archive(target: Path, files: dict[str, bytes]) -> None:
    """Write a tar.gz of these files."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file with a header."""
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))
