"""Autopilot's job.

    /opt/ml/input/config/autopilot.json   what was asked (settings.py)
    /opt/ml/input/data/training/ and, if given, validation/
    /opt/ml/output/artifacts/             goes to <S3OutputPath>/<job>/
      sagemaker-automl-candidates/notebooks/*.ipynb
      models/<candidate>/output/model.tar.gz
      documentation/explainability/output/<candidate>/
    /opt/ml/output/progress.json          what Describe and ListCandidates tell, written anew after each event
    /opt/ml/output/failure                why there is no result

It ends by itself when its candidates or its seconds are used up. After SIGTERM it ends with what is done.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from local_aws.images.autopilot import algorithms, candidate, explain, metrics, notebooks, table, target
from local_aws.images.autopilot.algorithms import (
    TITLES,
    TRIALS,
    TUNED_CANDIDATES,
    Configuration,
    allowed,
)
from local_aws.images.autopilot.candidate import Place
from local_aws.images.autopilot.contract import ENSEMBLING, HYPERPARAMETER_TUNING, OBJECTIVES
from local_aws.images.autopilot.crew import DONE, ENDED, FAILED, OVERRAN, Crew, Task
from local_aws.images.autopilot.model import Model
from local_aws.images.autopilot.problems import Unusable
from local_aws.images.autopilot.search import Search, listed
from local_aws.images.autopilot.settings import AUTO_BYTES, Settings
from local_aws.images.autopilot.target import Data

OPT_ML = Path("/opt/ml")
NOTEBOOKS = "sagemaker-automl-candidates/notebooks"
EXPLORATION = f"{NOTEBOOKS}/SageMakerAutopilotDataExplorationNotebook.ipynb"
DEFINITIONS = f"{NOTEBOOKS}/SageMakerAutopilotCandidateDefinitionNotebook.ipynb"
EXPLAINED = "documentation/explainability/output"
FEWEST_TO_COMBINE = 3  # candidates, from which one of them is the others' ensemble
RAN_OUT = "Training job runtime exceeded MaxRuntimePerTrainingJobInSeconds provided"


@dataclass
class Entry:
    """One candidate of the leaderboard."""

    name: str
    began: float  # seconds since 1970
    status: str = "InProgress"
    ended: float | None = None
    reason: str | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    model: str | None = None  # below artifacts/
    explained: str | None = None


@dataclass
class Progress:
    """What is told about the job while it runs; `secondary` is AWS's AutoMLJobSecondaryStatus."""

    secondary: str = "AnalyzingData"
    mode: str | None = None
    problem_type: str | None = None
    objective: str | None = None
    max_candidates: int | None = None
    exploration: str | None = None
    definitions: str | None = None
    best: str | None = None
    candidates: list[Entry] = field(default_factory=list)


class Job:
    """One run of the program.

    Args:
        base: /opt/ml.
    """

    def __init__(self, base: Path) -> None:
        self.base = base
        self.settings = Settings.read(base / "input" / "config" / "autopilot.json")
        self.artifacts = base / "output" / "artifacts"
        self.progress = Progress()
        self.crew = Crew(self.settings.deadline)
        self.entries: dict[str, Entry] = {}

    def run(self) -> None:
        """The whole job. Raises Unusable."""
        with self.crew.on_duty():
            algorithms.preload()
            self._say("AnalyzingData")
            frame, data, mode, objective = self._analyze()
            self._say("FeatureEngineering" if mode == HYPERPARAMETER_TUNING else "PreTraining")
            plan, limit = self._plan(mode, objective, data)
            if self.settings.definitions_only:
                self._say("CandidateDefinitionsGenerated")
                return
            self._say("ModelTuning" if mode == HYPERPARAMETER_TUNING else "TrainingModels")
            self._train(mode, objective, data, plan, limit)
            best = self._best(objective)
            if best is None:
                if self.crew.stopped:
                    return
                raise Unusable(self._why_none())
            self.progress.best = best.name
            if not self.crew.over:
                self._say("GeneratingExplainabilityReport")
                self._explain(best, frame)
            timed_out = self.crew.over and not self.crew.stopped
            self._say("MaxAutoMLJobRuntimeReached" if timed_out else self.progress.secondary)

    def place(self, name: str) -> Place:
        """Where a candidate leaves what it made."""
        return Place(self.base / "work" / name, self.artifacts / "models" / name / "output" / "model.tar.gz")

    # --- the parts ----------------------------------------------------------------------------------

    def _analyze(self) -> tuple[Any, Data, str, str]:
        """The raw feature columns, the data, the mode and the objective."""
        asked = self.settings
        inputs = self.base / "input" / "data"
        mode = asked.mode
        if mode == "AUTO":
            size = sum(path.stat().st_size for path in (inputs / "training").rglob("*") if path.is_file())
            mode = ENSEMBLING if size < AUTO_BYTES else HYPERPARAMETER_TUNING
        read = partial(table.read, content_type=asked.content_type, gzip=asked.gzip)
        training = read(inputs / "training")
        validation = read(inputs / "validation") if (inputs / "validation").is_dir() else None
        if validation is not None and set(validation.columns) != set(training.columns):
            raise Unusable("The training and validation datasets must contain the same headers.")
        features = self._feature_columns(training)
        columns = table.columns_of(training[features], dict(asked.kinds))
        data = target.load(
            training,
            validation,
            target=asked.target,
            columns=columns,
            problem=asked.problem_type,
            weights=asked.weights,
            fraction=asked.validation_fraction,
        )
        objective = asked.objective or OBJECTIVES[data.problem][0]
        self.progress.mode, self.progress.problem_type = mode, data.problem
        self.progress.objective = objective
        notebooks.data_exploration(asked, training[features], data, self.artifacts / EXPLORATION)
        self.progress.exploration = EXPLORATION
        return training[features], data, mode, objective

    def _feature_columns(self, training: Any) -> list[str]:
        """The columns to learn from, in the file's order."""
        asked = self.settings
        given = [str(name) for name in training.columns]
        others = {asked.target, asked.weights}
        for name in (*asked.features, *(name for name, _ in asked.kinds)):
            if name in others or name not in given:
                raise Unusable(
                    f"The feature specification names '{name}', which is not a feature column of the "
                    f"dataset; its columns are: {', '.join(given)}."
                )
        return [
            name for name in given if name not in others and (not asked.features or name in asked.features)
        ]

    def _plan(self, mode: str, objective: str, data: Data) -> tuple[list[Configuration], int]:
        """What is tried, and how many candidates there may be."""
        asked = self.settings
        if mode == ENSEMBLING:
            limit = min(asked.max_candidates or TRIALS, TRIALS)
            plan = listed(asked.algorithms)
        else:
            limit = asked.max_candidates or TUNED_CANDIDATES
            plan = [Configuration(name) for name in allowed(mode, asked.algorithms)]
        self.progress.max_candidates = limit
        trial = notebooks.Trial(mode, objective, plan, limit)
        notebooks.candidate_definitions(asked, data, trial, self.artifacts / DEFINITIONS)
        self.progress.definitions = DEFINITIONS
        return plan, limit

    def _train(self, mode: str, objective: str, data: Data, plan: list[Configuration], limit: int) -> None:
        if mode == ENSEMBLING:
            combined = limit >= FEWEST_TO_COMBINE
            waiting = iter(plan[: limit - 1 if combined else limit])

            def following() -> Task | None:
                configuration = next(waiting, None)
                if configuration is None:
                    return None
                number = len(self.entries) + 1
                name = f"{TITLES[configuration.algorithm]}_BAG_L1_t{number}"
                return self._task(name, configuration, data)

            self.crew.run(following, self._finished)
            members = {
                name: self.place(name) for name, entry in self.entries.items() if entry.status == "Completed"
            }
            if combined and len(members) > 1:
                self._combine(objective, members, data)
            return

        search = Search([each.algorithm for each in plan], objective)

        def tuned() -> Task | None:
            if len(self.entries) >= limit:
                return None
            name = f"{self.settings.job}-{len(self.entries) + 1:03}"
            return self._task(name, search.ask(name), data)

        def told(task: Task) -> None:
            self._finished(task)
            search.tell(task.name, self.entries[task.name].metrics.get(objective))

        self.crew.run(tuned, told)

    def _task(self, name: str, configuration: Configuration, data: Data) -> Task:
        place = self.place(name)
        return self._entered(
            Task(
                name,
                partial(candidate.train, name, configuration, data, place),
                place.work,
                self.settings.candidate_seconds,
            )
        )

    def _combine(self, objective: str, members: dict[str, Place], data: Data) -> None:
        name = f"WeightedEnsemble_L2_t{len(self.entries) + 1}"
        place = self.place(name)
        action = partial(candidate.combine, objective, members, data, place)
        tasks = iter([Task(name, action, place.work, self.settings.candidate_seconds)])

        def following() -> Task | None:
            task = next(tasks, None)
            return task and self._entered(task)

        self.crew.run(following, self._finished)

    def _entered(self, task: Task) -> Task:
        entry = self.entries[task.name] = Entry(task.name, time.time())
        self.progress.candidates.append(entry)
        self._write()
        return task

    def _finished(self, task: Task) -> None:
        """Put on the leaderboard what became of a candidate."""
        entry = self.entries[task.name]
        entry.ended = task.ended
        match task.outcome:
            case str(outcome) if outcome == DONE:
                place = self.place(task.name)
                entry.status, entry.metrics = "Completed", candidate.measured(place)
                entry.model = str(place.archive.relative_to(self.artifacts))
            case str(outcome) if outcome == FAILED:
                entry.status, entry.reason = "Failed", task.problem
            case str(outcome) if outcome == OVERRAN:
                entry.status, entry.reason = "Stopped", RAN_OUT
            case str(outcome) if outcome == ENDED:
                entry.status = "Stopped"
        took = task.ended - task.began
        shown = {name: round(value, 4) for name, value in entry.metrics.items()}
        say(f"{task.name}: {entry.status} after {took:.1f} s {shown or entry.reason or ''}")
        self._write()

    def _best(self, objective: str) -> Entry | None:
        done = [entry for entry in self.entries.values() if entry.status == "Completed"]
        return max(done, key=lambda entry: metrics.better(objective, entry.metrics[objective]), default=None)

    def _why_none(self) -> str:
        reasons = [entry.reason for entry in self.entries.values() if entry.reason]
        if self.crew.over:
            return (
                "No candidate was trained within MaxAutoMLJobRuntimeInSeconds; give it more seconds, or "
                "less data."
            )
        return f"No candidate could be trained: {reasons[0] if reasons else 'there was none to try'}"

    def _explain(self, best: Entry, frame: Any) -> None:
        target_folder = self.artifacts / EXPLAINED / best.name
        model_folder = self.place(best.name).model

        def action() -> None:
            explain.write(Model.load(model_folder), frame, target_folder)

        tasks = iter([Task("explain", action, self.base / "work" / "explain")])

        def finished(task: Task) -> None:
            if task.outcome == DONE:
                best.explained = f"{EXPLAINED}/{best.name}"
            elif task.outcome == FAILED:
                say(f"explaining failed: {task.problem}")
                self.progress.secondary = "ExplainabilityError"

        self.crew.run(lambda: next(tasks, None), finished)
        if self.progress.secondary != "ExplainabilityError":
            self.progress.secondary = "Completed"

    def _say(self, secondary: str) -> None:
        self.progress.secondary = secondary
        say(secondary)
        self._write()

    def _write(self) -> None:
        path = self.base / "output" / "progress.json"
        partial_path = path.with_suffix(".partial")
        partial_path.write_text(json.dumps(asdict(self.progress)))
        partial_path.replace(path)


def say(line: str) -> None:
    """One line of the job's log."""
    print(line, flush=True)  # noqa: T201 - standard output is the log stream


def main() -> int:
    """Run the job; the exit status."""
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR", str(OPT_ML)))
    (base / "output" / "artifacts").mkdir(parents=True, exist_ok=True)
    try:
        Job(base).run()
    except Exception as error:  # noqa: BLE001 - whatever it is becomes the job's FailureReason
        client = isinstance(error, Unusable)
        if not client:
            traceback.print_exc()
        text = f"{'ClientError' if client else 'AlgorithmError'}: {error}"
        (base / "output" / "failure").write_text(text)
        say(text)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
