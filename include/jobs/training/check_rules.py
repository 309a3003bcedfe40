"""The rules that watch a training, over the model that it left: the engine without Debugger.

    input  model        model.tar.gz of the training job
           train        CSV: label, weight if CSV_WEIGHTS is 1, features
           validation   likewise
    output rules        rules.json: DebugRuleEvaluationStatuses, as DescribeTrainingJob has them
                        CreateXgboostReport/: xgboost_report.html and .ipynb

The rules, their parameters and what they say are Debugger's (jobs.training.rules). A training can't be
stopped by what is found after it.
"""

from __future__ import annotations

import json
import os
import sys
import tarfile
from typing import Any

from jobs.processing.job import Job, JobError, run, say
from jobs.training import report, rules
from jobs.training.debugger import met
from jobs.training.replay import LOSS, Split, replay
from jobs.training.rules import RuleError
from jobs.training.tensors import Trial

MODEL = "xgboost-model"
# Which losses a rule looks at unless the workflow file says so, as the request for Debugger has it.
LOSSES = {"LossNotDecreasing": f"train-{LOSS}$", "Overfit": f"(train|validation)-{LOSS}$"}


def check_rules(job: Job) -> None:
    """Evaluate the workflow's rules over a trained model."""
    debugger = job.config["training"]["debugger"]
    weighted = os.environ.get("CSV_WEIGHTS") == "1"
    train, validation = (Split.of(job.inputs(name, "*.csv"), weighted) for name in ("train", "validation"))
    trial = replay(
        _model(job), train, validation, int(debugger["save_interval"]), int(debugger["start_round"])
    )
    output = job.output("rules")
    statuses = []
    for name, rule in sorted(debugger["rules"].items()):
        if rule is None:
            continue
        status = _status(trial, name, rule.get("parameters") or {})
        say(f"{name}: {status['RuleEvaluationStatus']} {status.get('StatusDetails', '')}")
        statuses.append({"RuleConfigurationName": name, **status})
        if name == report.RULE:
            report.write(trial, os.environ.get("TRAINING_JOB_NAME", job.config["name"]), output / name)
    document = {"DebugRuleEvaluationStatuses": statuses}
    (output / "rules.json").write_text(json.dumps(document, indent=2), encoding="utf-8")


def _status(trial: Trial, name: str, parameters: dict[str, Any]) -> dict[str, str]:
    """What Debugger would say of the rule."""
    given = {"tensor_regex": LOSSES[name]} if name in LOSSES else {}
    given |= {parameter: str(value) for parameter, value in parameters.items()}
    try:
        finding = rules.find(name).evaluate(trial, given)
    except RuleError as error:
        return {"RuleEvaluationStatus": "Error", "StatusDetails": str(error)}
    if finding is None:
        return {"RuleEvaluationStatus": "NoIssuesFound"}
    return {"RuleEvaluationStatus": "IssuesFound", "StatusDetails": met(name, finding)}


def _model(job: Job) -> Any:
    """The booster in the training job's archive. Raises JobError."""
    import xgboost

    path = job.inputs("model", "model.tar.gz")[0]
    try:
        with tarfile.open(path) as archive:
            file = archive.extractfile(MODEL)
            content = file.read() if file else b""
        return xgboost.Booster(model_file=bytearray(content))
    except (tarfile.TarError, KeyError, OSError, xgboost.core.XGBoostError) as error:
        raise JobError(f"{path.name} holds no model {MODEL} that can be read: {error}") from error


if __name__ == "__main__":
    sys.exit(run(check_rules))
