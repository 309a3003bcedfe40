"""What Debugger's rule image runs: one rule that watches a training while it goes on.

    input/tensors/         what the training's hook has saved so far (jobs.training.tensors.Saved)
    RULE_PARAMETERS        JSON: rule_to_invoke, the rule's own parameters, and action_json
    TRAINING_JOB_NAME      the training that is watched
    output/rule/           what CreateXgboostReport makes
    ../output/message      "RuleEvaluationConditionMet: ..." and why, once the rule's condition is met

The rule ends with its first finding, or with the training. A finding is no failure: the exit code is 0. With
the action StopTraining, as the SDK's rule_configs.StopTraining() writes it, it stops the training then.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobs.processing.job import JobError, guarded, parse_base, say
from jobs.training import report, rules
from jobs.training.rules import Finding, NothingSaved, Rule, RuleError
from jobs.training.tensors import Saved, TensorError

LOOK_SECONDS = 0.2  # between two looks at the directory, which another process fills
# Parameters of every rule that the rule itself does not read.
RULE_NAME, ACTIONS, TRIAL = "rule_to_invoke", "action_json", "base_trial"


def watch(rule: Rule, given: Mapping[str, str], saved: Saved) -> Finding | None:
    """Look at all that is saved until the rule finds something or the training ends.

    :raises RuleError: it cannot be evaluated; NothingSaved if it was never there what the rule looks at.
    """
    while True:
        ended = saved.ended  # asked first: what was saved before that word is then read below
        if saved.refresh() or ended:
            try:
                finding = rule.evaluate(saved.trial, given)
            except NothingSaved:
                if ended:
                    raise
            else:
                if finding or ended:
                    return finding
        time.sleep(LOOK_SECONDS)


def met(name: str, finding: Finding) -> str:
    """How Debugger says that a rule's condition is met, and why."""
    return (
        f"RuleEvaluationConditionMet: Evaluation of the rule {name} at step {finding.step} resulted in the "
        f"condition being met\n{finding.reason}\n"
    )


def stops_training(text: str) -> str | None:
    """The prefix of the training job's name that an action asks to stop; None where none asks for it.

    :raises RuleError: the actions cannot be read.
    """
    if not text:
        return None
    try:
        # rule_configs writes a list whose quotes are escaped, for a shell.
        actions = json.loads(text.replace('\\"', '"'))
        names = {action["name"]: action for action in actions}
    except (ValueError, LookupError, TypeError) as error:
        raise RuleError(f"action_json {text!r} cannot be read: {error!r}") from None
    unknown = sorted(set(names) - {"stoptraining"})
    if unknown:
        raise RuleError(f"the action {', '.join(unknown)} cannot be done here; known is stoptraining")
    if not names:
        return None
    return str(names["stoptraining"].get("training_job_prefix") or os.environ["TRAINING_JOB_NAME"])


def stop_training(prefix: str) -> None:
    """Stop the one training job in progress whose name begins so; of several none, as on AWS."""
    import boto3

    client: Any = boto3.client("sagemaker")
    pages = client.get_paginator("list_training_jobs").paginate(
        NameContains=prefix, StatusEquals="InProgress"
    )
    names = [job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]]
    names = [name for name in names if name.startswith(prefix)]
    if len(names) == 1:
        client.stop_training_job(TrainingJobName=names[0])
        say(f"stopped the training job {names[0]}")
    else:
        say(f"stopped nothing: {len(names)} training jobs in progress begin with {prefix}")


def evaluate(base: Path) -> None:
    """Do what RULE_PARAMETERS ask for. Raises JobError."""
    given = dict(json.loads(os.environ["RULE_PARAMETERS"]))
    name = given.pop(RULE_NAME, "")
    given.pop(TRIAL, None)
    try:
        prefix = stops_training(given.pop(ACTIONS, ""))
        rule = rules.find(name)
        rule.read(given)  # a wrong parameter is told at once, not when the first tensor has come
        say(f"{name} watches {os.environ['TRAINING_JOB_NAME']}")
        saved = Saved(base / "input" / "tensors")
        finding = watch(rule, given, saved)
        if name == report.RULE:
            report.write(saved.trial, os.environ["TRAINING_JOB_NAME"], base / "output" / "rule")
    except (RuleError, TensorError) as error:
        raise JobError(str(error)) from error
    if finding is None:
        say(f"{name} found no issue in {len(saved.trial.tensors)} tensors")
        return
    say(met(name, finding))
    (base.parent / "output" / "message").write_text(met(name, finding), encoding="utf-8")
    if prefix is not None:
        stop_training(prefix)


if __name__ == "__main__":
    folder = parse_base(__doc__)
    sys.exit(guarded(folder, lambda: evaluate(folder)))
