"""The program of the image sagemaker-data-wrangler-container, run inside a processing job.

    --output-config '{"<node id>.<output>": {"content_type": "CSV", …}}'      once, or once an output
    --refit-trained-params '{"refit": true, "output_flow": "<name>.flow"}'

An output of the job is a folder, which SageMaker takes to S3, or a feature group (FeatureStoreOutput).
AWS's notebooks give each option and its value as one argument, quotes and all; both ways are read.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_aws.images.data_wrangler import feature_group
from local_aws.images.data_wrangler.execute import Run
from local_aws.images.data_wrangler.feature_group import FeatureGroup
from local_aws.images.data_wrangler.flow import Edge, Flow, parse
from local_aws.images.data_wrangler.outputs import CONFIG, Format, format_of, write
from local_aws.images.data_wrangler.parameters import read_all
from local_aws.images.data_wrangler.problems import CannotDo, FlowInvalid, NodeFailed, listed
from local_aws.images.data_wrangler.reading import JobSources
from local_aws.images.data_wrangler.values import Table

OPT_ML = Path("/opt/ml")
LONGEST_MESSAGE = 1024  # bytes of /opt/ml/output/message that SageMaker keeps
FLOW_INPUT = "flow"
OPTIONS = ("--output-config", "--refit-trained-params")
REFIT = {"refit", "output_flow"}
DEFAULT_CONFIG: dict[str, Any] = {}


@dataclass(frozen=True)
class Output:
    """One output of the job."""

    edge: Edge
    folder: Path  # its LocalPath
    how: Format


@dataclass(frozen=True)
class Records:
    """One output of the job that becomes records of a feature group."""

    edge: Edge
    group: FeatureGroup


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; its exit code."""
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR", str(OPT_ML)))
    try:
        run_job(base, sys.argv[1:] if arguments is None else arguments)
    except FlowInvalid as error:
        problems = error.problems
    except NodeFailed as error:
        if error.__cause__ is not None and error.__cause__.__cause__ is not None:
            traceback.print_exception(error.__cause__.__cause__)
        problems = [str(error)]
    except Exception as error:  # noqa: BLE001 - whatever it is, the job's owner must see it in ExitMessage
        traceback.print_exc()
        problems = [f"{type(error).__name__}: {error}"]
    else:
        return 0
    for problem in problems:
        say(f"Failed: {problem}")
    message = base / "output" / "message"
    message.parent.mkdir(parents=True, exist_ok=True)
    message.write_text(shortened(problems), encoding="utf-8")
    return 1


def say(line: str) -> None:
    """A line in the job's log."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def shortened(problems: Sequence[str], longest: int = LONGEST_MESSAGE) -> str:
    """As many whole problems as fit, and how many more there are; never cut through a character."""
    taken: list[str] = []
    for place, problem in enumerate(problems):
        rest = len(problems) - place - 1
        more = f"\nand {rest} more; see the log" if rest else ""
        if len("\n".join([*taken, problem + more]).encode()) > longest:
            break
        taken.append(problem)
    left = len(problems) - len(taken)
    if not taken:
        more = f"\nand {left - 1} more; see the log" if left > 1 else ""
        return problems[0].encode()[: longest - len(more)].decode(errors="ignore") + more
    return "\n".join(taken) + (f"\nand {left} more; see the log" if left else "")


def run_job(base: Path, arguments: Sequence[str]) -> None:
    """Read what is asked, check it, do it. Raises FlowInvalid, NodeFailed."""
    configs, refit = read_arguments(arguments)
    job = json.loads((base / "config" / "processingjobconfig.json").read_text(encoding="utf-8"))
    name = job["ProcessingJobName"]
    inputs = {
        each["InputName"]: _inside(base, each["S3Input"]["LocalPath"])
        for each in job["ProcessingInputs"] or []
    }
    flow = read_flow(inputs)
    outputs = read_outputs(base, flow, (job["ProcessingOutputConfig"] or {}).get("Outputs") or [], configs)
    folders = [output.folder for output in outputs if isinstance(output, Output)]
    if refit["refit"] and not folders:
        raise FlowInvalid(["--refit-trained-params: the refitted flow needs an output in S3, there is none"])
    sources = JobSources({key: path for key, path in inputs.items() if key != FLOW_INPUT})
    run = Run(flow, [output.edge for output in outputs], sources, refit=refit["refit"], say=say)
    asked = {output.edge: output for output in outputs}
    for edge, table in run:
        try:
            where = _write(name, asked[edge], table)
        except (CannotDo, ValueError) as error:
            raise NodeFailed(
                flow.nodes[edge.node_id].says(f"its output cannot be written: {error}")
            ) from error
        say(f"wrote {len(table)} rows of {edge.node_id}.{edge.output} to {where}")
    if refit["refit"]:
        target = folders[0] / name / refit["output_flow"]
        target.write_text(json.dumps(run.refitted(), indent=2, ensure_ascii=False), encoding="utf-8")
        say(f"wrote the refitted flow {refit['output_flow']}")


def _write(job: str, output: Output | Records, table: Table) -> str:
    """Write one output; where it is now, in words. Raises CannotDo."""
    if isinstance(output, Records):
        count = feature_group.write(table, output.group)
        return f"the feature group {output.group.name}, which took {count} records"
    edge = output.edge
    folder = output.folder / job / edge.node_id / edge.output
    written = write(table, folder, output.how, f"{job}/{edge.node_id}/{edge.output}")
    return f"{len(written)} {output.how.content_type} files"


def read_arguments(arguments: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The outputs' configurations, and whether and where to write a refitted flow. Raises FlowInvalid."""
    configs: dict[str, Any] = {}
    refit: dict[str, Any] = {"refit": False, "output_flow": None}
    for option, value in _options(arguments):
        if option == "--output-config":
            twice = sorted(configs.keys() & value.keys())
            if twice:
                raise FlowInvalid([f"{option}: the output {twice[0]} is there twice"])
            configs |= value
        else:
            refit |= value
    problems = [f"--refit-trained-params: unknown key {key!r}" for key in refit.keys() - REFIT]
    if not isinstance(refit["refit"], bool):
        problems.append(f"--refit-trained-params: refit: found {refit['refit']!r}; allowed: true or false")
    elif refit["refit"]:
        flow = refit["output_flow"]
        if not isinstance(flow, str) or not flow or flow != Path(flow).name:
            problems.append(f"--refit-trained-params: output_flow: found {flow!r}; allowed: a file's name")
    if problems:
        raise FlowInvalid(problems)
    return configs, refit


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Options with their mappings. Raises FlowInvalid."""
    words: list[str] = []
    for argument in arguments:
        # One argument that holds option and value is what a shell would split.
        try:
            words += shlex.split(argument) if argument.startswith("--") and " " in argument else [argument]
        except ValueError as error:
            raise FlowInvalid([f"the argument {argument!r} cannot be split: {error}"]) from error
    while words:
        option = words.pop(0)
        if option not in OPTIONS:
            raise FlowInvalid([f"found the argument {option!r}; allowed: {', '.join(OPTIONS)}"])
        text = words.pop(0) if words else ""
        try:
            value = json.loads(text)
        except ValueError as error:
            raise FlowInvalid([f"{option}: {text!r} is not JSON: {error}"]) from error
        if not isinstance(value, dict):
            raise FlowInvalid([f"{option}: found {text!r}; allowed: a mapping"])
        yield option, value


def read_flow(inputs: dict[str, Path]) -> Flow:
    """The one file of the input `flow`. Raises FlowInvalid."""
    folder = inputs.get(FLOW_INPUT)
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder and folder.is_dir() else []
    if len(files) != 1:
        raise FlowInvalid([f"the job's input {FLOW_INPUT!r} has {len(files)} files; allowed: one flow"])
    return parse(files[0].read_bytes())


def read_outputs(base: Path, flow: Flow, given: list[Any], configs: dict[str, Any]) -> list[Output | Records]:
    """The job's outputs with their formats or feature groups. Raises FlowInvalid."""
    problems: list[str] = []
    outputs: list[Output | Records] = []
    names = [each["OutputName"] for each in given]
    problems += [
        f"--output-config: the job has no output {name}; allowed: {listed(names, name)}"
        for name in configs
        if name not in names
    ]
    if not given:
        problems.append("the job has no output; allowed: one or more named <node id>.<output>")
    for each in given:
        name = each["OutputName"]
        node_id, dot, output = name.rpartition(".")
        if not dot or node_id not in flow.nodes:
            problems.append(
                f"the output {name} is not <node id>.<output>; allowed nodes: {listed(flow.nodes, node_id)}"
            )
            continue
        config = configs.get(name, _of_destination(flow, node_id))
        if not isinstance(config, dict):
            problems.append(f"--output-config: {name}: found {config!r}; allowed: a mapping")
            continue
        values, wrong = read_all(CONFIG, config)
        problems += [f"--output-config: {name}: {key}: {says}" for key, says in wrong.items()]
        if wrong:
            continue
        if target := each.get("FeatureStoreOutput"):
            try:
                given_config = configs.get(name, {})  # what a destination node says is of files
                outputs.append(_records(Edge(node_id, output), target["FeatureGroupName"], given_config))
            except CannotDo as error:
                problems.append(f"the output {name}: {error}")
            continue
        how = format_of(values)
        if isinstance(how, str):
            problems.append(f"--output-config: {name}: {how}")
            continue
        outputs.append(Output(Edge(node_id, output), _inside(base, each["S3Output"]["LocalPath"]), how))
    if problems:
        raise FlowInvalid(problems)
    return outputs


def _records(edge: Edge, group: str, config: dict[str, Any]) -> Records:
    """An output into a feature group; AWS's notebooks give its content_type, which says nothing here."""
    if of_files := sorted(config.keys() - {"content_type"}):
        raise CannotDo(f"--output-config: found {of_files[0]}; allowed for a feature group: content_type")
    try:
        return Records(edge, FeatureGroup.described(group))
    except CannotDo as error:
        raise CannotDo(f"the feature group {group}: {error}") from error


def _of_destination(flow: Flow, node_id: str) -> dict[str, Any]:
    """How a destination node itself wants to be written, where the job's arguments say nothing."""
    config = flow.nodes[node_id].parameters.get("output_config")
    if flow.nodes[node_id].type != "DESTINATION" or not isinstance(config, dict):
        return DEFAULT_CONFIG
    names = {"output_content_type": "content_type", "delimiter": "delimiter", "compression": "compression",
             "partition_config": "partition_config"}  # fmt: skip
    return {names[key]: value for key, value in config.items() if key in names}


def _inside(base: Path, path: str) -> Path:
    """Where a path below /opt/ml lies."""
    return base / Path(path).relative_to(OPT_ML)


if __name__ == "__main__":
    sys.exit(main())
