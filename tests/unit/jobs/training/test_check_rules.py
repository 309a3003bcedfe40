"""The rules over a trained model say what a hook beside the training would have let them say."""

from __future__ import annotations

import json
import random
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost

from jobs.processing.job import Job, JobError
from jobs.training.check_rules import check_rules
from jobs.training.replay import Split, replay
from jobs.training.rules import RULES
from local_aws.images.debugger_hook import Training

PARAMETERS = {
    "objective": "binary:logistic", "eval_metric": "logloss", "eta": 0.3, "max_depth": 3, "nthread": 1,
}  # fmt: skip
ROUNDS = 12


def rows(seed: int, count: int = 600) -> np.ndarray:
    """Label, weight, five features."""
    numbers = random.Random(seed)
    made = []
    for _ in range(count):
        row = [numbers.random() for _ in range(5)]
        made.append([float(sum(row[:2]) + numbers.gauss(0, 0.3) > 1), numbers.choice([0.5, 2.0]), *row])
    return np.array(made, dtype=np.float32)


class Trained:
    """A model, what XGBoost told of each round, and the job's files."""

    def __init__(self, folder: Path) -> None:
        self.base = folder
        self.data = {name: rows(seed) for seed, name in enumerate(("train", "validation"))}
        matrices = {
            name: xgboost.DMatrix(table[:, 2:], table[:, 0], weight=table[:, 1])
            for name, table in self.data.items()
        }
        self.told: dict[str, dict[str, list[float]]] = {}
        self.model = xgboost.train(
            PARAMETERS, matrices["train"], ROUNDS, evals_result=self.told, verbose_eval=False,
            evals=[(matrix, name) for name, matrix in matrices.items()],
        )  # fmt: skip
        self.hook = Training(PARAMETERS, matrices["train"], matrices["validation"])
        for name, table in self.data.items():
            (folder / "input" / name).mkdir(parents=True)
            np.savetxt(folder / "input" / name / "part-00000.csv", table, delimiter=",")
        (folder / "input" / "model").mkdir()
        self.model.save_model(folder / "model.ubj")
        with tarfile.open(folder / "input" / "model" / "model.tar.gz", "w:gz") as archive:
            archive.add(folder / "model.ubj", "xgboost-model")

    def run(self, rules: dict[str, Any]) -> dict[str, dict[str, str]]:
        debugger = {"save_interval": 1, "start_round": 6, "rules": rules}
        check_rules(Job(self.base, {"name": "w", "training": {"debugger": debugger}}))
        document = json.loads((self.base / "output" / "rules" / "rules.json").read_text())
        return {one["RuleConfigurationName"]: one for one in document["DebugRuleEvaluationStatuses"]}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSV_WEIGHTS", "1")
        return Trained(tmp_path_factory.mktemp("trained"))


@pytest.fixture(autouse=True)
def weighted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSV_WEIGHTS", "1")


def test_the_losses_of_each_round_are_those_that_xgboost_told(trained: Trained):
    splits = [Split.of([trained.base / "input" / name / "part-00000.csv"], True) for name in trained.data]
    trial = replay(trained.model, *splits, interval=1, start=0)
    for name in trained.data:
        losses = list(trial.scalars(f"{name}-logloss").values())
        assert losses == pytest.approx(trained.told[name]["logloss"], abs=1e-6)


def test_the_tensors_are_those_that_the_hook_would_have_saved(trained: Trained):
    splits = [Split.of([trained.base / "input" / name / "part-00000.csv"], True) for name in trained.data]
    trial = replay(trained.model, *splits, interval=1, start=0)
    last = ROUNDS - 1
    wanted = {"labels", "predictions", "feature_importance", "trees"}
    for name, value in trained.hook.tensors(trained.model, last, {}, wanted):
        if name in trial.tensors:
            assert trial.tensors[name][last] == pytest.approx(np.atleast_1d(value), abs=1e-6), name
    assert {"labels", "predictions", "trees/Node", "feature_importance/weight/f0"} <= set(trial.tensors)


def test_the_rules_answer_as_debugger_does(trained: Trained):
    found = trained.run(
        {
            "LossNotDecreasing": {"policy": "stop"},
            "TreeDepth": {"policy": "warn", "parameters": {"depth": 1}},
            "Overfit": {"policy": "fail", "parameters": {"pacience": 1}},
            "ClassImbalance": None,
            "CreateXgboostReport": {"policy": "warn"},
        }
    )
    assert {name: one["RuleEvaluationStatus"] for name, one in found.items()} == {
        "CreateXgboostReport": "NoIssuesFound",
        "LossNotDecreasing": "NoIssuesFound",
        "Overfit": "Error",
        "TreeDepth": "IssuesFound",
    }
    assert found["TreeDepth"]["StatusDetails"].startswith(
        "RuleEvaluationConditionMet: Evaluation of the rule TreeDepth at step 6 resulted in"
    )
    assert "no parameter pacience" in found["Overfit"]["StatusDetails"]
    report = trained.base / "output" / "rules" / "CreateXgboostReport" / "xgboost_report.html"
    assert "Confusion matrix after round 11" in report.read_text()


def test_every_rule_finds_what_it_looks_at(trained: Trained):
    found = trained.run({name: {"policy": "warn"} for name in RULES})
    assert [name for name, one in found.items() if one["RuleEvaluationStatus"] == "Error"] == []


def test_an_archive_without_a_model_is_refused(trained: Trained, tmp_path: Path):
    other = tmp_path / "input"
    for name in trained.data:
        (other / name).mkdir(parents=True)
        np.savetxt(other / name / "part-00000.csv", trained.data[name], delimiter=",")
    (other / "model").mkdir()
    with tarfile.open(other / "model" / "model.tar.gz", "w:gz"):
        pass
    debugger = {"save_interval": 1, "start_round": 0, "rules": {}}
    with pytest.raises(JobError, match="holds no model xgboost-model"):
        check_rules(Job(tmp_path, {"name": "w", "training": {"debugger": debugger}}))
