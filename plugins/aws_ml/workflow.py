"""Workflow files: the only reader of include/workflows.

A file says what is to be done with one stream of data. ``defaults.yaml`` is merged under every file,
mapping by mapping. Reading is cheap (YAML and pydantic, no AWS call, no pandas), because every DAG file
does it each time Airflow parses it.

What is refused is refused in one go, with file, line, key, what was found and what is allowed::

    loan_approval.yaml:34: bias.thresholds.DPL.maximum: found 3; allowed: a number from -1 to 1
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import ValidationError

from aws_ml.checks import check
from aws_ml.document import Document, merge, read
from aws_ml.exceptions import WorkflowInvalid, WorkflowUnknown
from aws_ml.problems import KeyPath, Problem, found, one_of
from aws_ml.schema import Part, Workflow

__all__ = ["Loaded", "Workflow", "load_workflow", "load_workflows", "workflow_errors", "workflows"]

WORKFLOWS_VARIABLE = "AWS_ML_WORKFLOWS"
WORKFLOWS_FOLDER = Path(__file__).parents[2] / "include" / "workflows"
DEFAULTS = "defaults.yaml"


@dataclass(frozen=True)
class Loaded:
    """What was found: workflows by name, and for each refused file why."""

    workflows: dict[str, Workflow]
    errors: dict[str, WorkflowInvalid]

    def __getitem__(self, name: str) -> Workflow:
        if name in self.workflows:
            return self.workflows[name]
        raise WorkflowUnknown(f"Found {name!r}; known: {one_of(self.workflows, name) or 'none'}.")

    def __iter__(self) -> Iterator[Workflow]:
        return iter(self.workflows.values())


def folders() -> list[Path]:
    """Where workflow files lie: ``AWS_ML_WORKFLOWS`` (separated like PATH), else include/workflows."""
    named = [Path(part) for part in os.environ.get(WORKFLOWS_VARIABLE, "").split(os.pathsep) if part]
    return named or [WORKFLOWS_FOLDER]


def workflows() -> list[Workflow]:
    """Every usable workflow, for the loops of the DAG files."""
    return list(load_workflows())


def workflow_errors() -> list[WorkflowInvalid]:
    """Why the other workflow files were refused."""
    return list(load_workflows().errors.values())


def load_workflows(paths: Iterable[Path] | None = None) -> Loaded:
    """Every workflow file in ``paths`` (default: :func:`folders`); a refused one does not hide the others.

    A folder's own ``defaults.yaml`` counts, else the project's. A file that has not changed since the
    last call in this process is not parsed again.
    """
    workflows: dict[str, Workflow] = {}
    errors: dict[str, WorkflowInvalid] = {}
    endpoints: dict[str, str] = {}
    for folder in folders() if paths is None else list(paths):
        if not folder.is_dir():
            errors[str(folder)] = WorkflowInvalid(str(folder), [f"{folder}: is not a folder"])
            continue
        own = folder / DEFAULTS
        defaults = own if own.exists() else WORKFLOWS_FOLDER / DEFAULTS
        for file in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
            if file.name == DEFAULTS:
                continue
            try:
                workflow = load_workflow(file, defaults)
                check_among(workflow, workflows, endpoints)
            except WorkflowInvalid as error:
                errors[str(file)] = error
            else:
                workflows[workflow.name] = workflow
                endpoints[workflow.deployment.endpoint] = workflow.name
    return Loaded(workflows, errors)


def check_among(workflow: Workflow, others: Mapping[str, Workflow], endpoints: Mapping[str, str]) -> None:
    """Two workflows may share neither a name nor an endpoint."""
    file, endpoint = f"{workflow.name}.yaml", workflow.deployment.endpoint
    if workflow.name in others:
        raise WorkflowInvalid(file, [f"{file}: name: another folder has a workflow of that name"])
    if endpoint in endpoints:
        says = f"found {endpoint}, the endpoint of {endpoints[endpoint]}; allowed: one of its own"
        raise WorkflowInvalid(file, [f"{file}: deployment.endpoint: {says}"])


def load_workflow(file: Path, defaults: Path = WORKFLOWS_FOLDER / DEFAULTS) -> Workflow:
    """One workflow file with its defaults.

    :raises WorkflowInvalid: it, or its defaults, cannot be used.
    """
    try:
        text, defaults_text = file.read_text(encoding="utf-8"), defaults.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WorkflowInvalid(file.name, [f"{file.name}: cannot be read: {error}"]) from error
    return _parsed(file.name, text, defaults.name, defaults_text)


@lru_cache(maxsize=256)
def _parsed(file: str, text: str, defaults: str, defaults_text: str) -> Workflow:
    return parse(file, text, read(defaults, defaults_text))


def parse(file: str, text: str, defaults: Document) -> Workflow:
    """A workflow from the text of its file.

    :raises WorkflowInvalid: with every problem that was found.
    """
    document = read(file, text)
    merged = merge(defaults.data, document.data)
    origins = {path: defaults.file for path in defaults.lines if path not in document.lines}

    def located(problem: Problem) -> str:
        """The problem with its file and line; what is nowhere written counts as the workflow's."""
        path = problem.path
        if path in defaults.lines and path not in document.lines:
            return f"{defaults.file}:{defaults.lines[path]}: {problem}"
        while path not in document.lines and path:
            path = path[:-1]
        return f"{file}:{document.lines.get(path, 1)}: {problem}"

    try:
        workflow = Workflow.model_validate(merged)
    except ValidationError as error:
        raise WorkflowInvalid(file, [located(problem) for problem in model_problems(error, merged)]) from None
    problems = check(workflow)
    if workflow.name != Path(file).stem:
        says = found(workflow.name, f"{Path(file).stem}, as the file is called")
        problems.insert(0, Problem(("name",), says))
    if problems:
        raise WorkflowInvalid(file, [located(problem) for problem in problems])
    workflow._origins.update(origins)
    return workflow


def model_problems(error: ValidationError, data: Mapping[str, Any]) -> list[Problem]:
    """Pydantic's complaints, one per key, in this project's words."""
    grouped: dict[KeyPath, list[Any]] = {}
    for detail in error.errors(include_url=False):
        grouped.setdefault(written_path(detail["loc"], data, detail["type"]), []).append(detail)
    problems = []
    for path, details in grouped.items():
        detail = details[0]
        models, info = described(path)
        if detail["type"] == "extra_forbidden":
            keys = list(dict.fromkeys(name for model in models for name in model.model_fields))
            says = f"unknown key; allowed: {one_of(keys, path[-1])}"
        elif detail["type"] == "missing":
            says = "missing; it has to be given"
        elif detail["type"] == "string_pattern_mismatch" and info:
            says = found(detail["input"], info)
        else:
            wanted = dict.fromkeys(
                re.sub(r"^(Value error, |(Input|String|List) should (be|have) )", "", each["msg"])
                for each in details
            )
            says = found(detail["input"], " or ".join(wanted))
        problems.append(Problem(path, says))
    return problems


def written_path(loc: Sequence[str | int], data: Any, kind: str) -> KeyPath:
    """The part of pydantic's location that is in the file; the rest names members of a union."""
    path: list[str | int] = []
    for key in loc:
        if str(key).startswith("("):  # a tag of aws_ml.schema
            continue
        inside = (isinstance(data, dict) and key in data) or (
            isinstance(data, list) and isinstance(key, int) and key < len(data)
        )
        if not inside:
            return (*path, key) if kind == "missing" else tuple(path)
        path.append(key)
        data = data[key]
    return tuple(path)


def described(path: KeyPath) -> tuple[list[type[Part]], str | None]:
    """The models of which one holds the last key of a path, and that key's description in words."""
    holders: list[type[Part]] = []
    kind: Any = Workflow
    words: str | None = None
    for key in path:
        words = None
        holders = [
            option for option in unfolded(kind) if isinstance(option, type) and issubclass(option, Part)
        ]
        if holders:
            info = next((each.model_fields[key] for each in holders if key in each.model_fields), None)
            kind, words = (info.annotation, info.description) if info else (Any, None)
        else:
            inner = [option for option in unfolded(kind) if get_origin(option) in (list, dict)]
            kind = get_args(inner[0])[-1] if inner else Any
    return holders, words


def unfolded(kind: Any) -> list[Any]:
    """The members of a union, without Annotated."""
    origin = get_origin(kind)
    if origin is Annotated:
        return unfolded(get_args(kind)[0])
    if origin in (list, dict) or not get_args(kind) or origin is Literal:
        return [kind]
    return [inner for option in get_args(kind) for inner in unfolded(option)]
