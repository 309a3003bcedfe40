"""Data Wrangler flows in include/jobs/flows: as far as a DAG has to know them.

A flow in Git is the truth about its steps. Where its data lies depends on the run, so its one source, the
data set `curated`, gets its URI when the document for a run is made. What operators and parameters mean is
checked by the image that runs the flow.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aws_ml.problems import one_of

FLOWS = Path(__file__).parents[2] / "include" / "jobs" / "flows"
DATASET = "curated"  # what the flow's source has to be called: it is the curated partition
SOURCE = "sagemaker.s3_source_0.1"
PARQUET = "parquet"

# Operators, and the choices within them, that can be done to a single record: jobs.features.from_flow does.
CARRIED: dict[str, tuple[tuple[str, ...], ...]] = {
    "infer_and_cast_type_0.1": ((),),
    "cast_single_data_type_0.1": ((),),
    "manage_columns_0.1": (("Drop column",), ("Rename column",), ("Move column",)),
    "handle_missing_0.1": (
        ("Impute", "Numeric"),
        ("Impute", "Categorical"),
        ("Fill missing",),
        ("Add indicator for missing",),
    ),
    "handle_outliers_0.1": (
        ("Standard deviation numeric outliers",),
        ("Robust standard deviation numeric outliers",),
        ("Quantile numeric outliers",),
        ("Min-max numeric outliers",),
    ),
    "process_numeric_0.1": (
        ("Scale values", "Standard scaler"),
        ("Scale values", "Robust scaler"),
        ("Scale values", "Min-max scaler"),
        ("Scale values", "Max absolute scaler"),
    ),
    "encode_categorical_0.1": (("One-hot encode",), ("Ordinal encode",)),
    "custom_formula_0.1": ((),),
}


class FlowUnfit(ValueError):
    """A flow cannot be used; the message says why."""


def names(folder: Path = FLOWS) -> list[str]:
    """The flows there are."""
    return sorted(path.name for path in folder.glob("*.flow"))


def read(name: str, folder: Path = FLOWS) -> dict[str, Any]:
    """A flow's document. Raises FlowUnfit."""
    if name not in names(folder):
        raise FlowUnfit(f"found {name}; allowed: {one_of(names(folder), name)}, of include/jobs/flows")
    try:
        document = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FlowUnfit(f"{name} is not JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("nodes"), list):
        raise FlowUnfit(f'{name} is not a mapping with a list "nodes"')
    return document


def faults(document: dict[str, Any], output_node: str) -> Iterator[str]:
    """What is wrong with a flow: its shape, its graph, its source, the node whose table is wanted."""
    nodes = [node for node in document["nodes"] if isinstance(node, dict)]
    ids = Counter(str(node.get("node_id")) for node in nodes)
    if len(nodes) < len(document["nodes"]) or not nodes:
        yield "nodes: found something else than mappings, or none; allowed: one mapping a node"
    for node_id, count in ids.items():
        if count > 1:
            yield f"node {node_id}: its node_id is there {count} times; allowed: once"
    for node in nodes:
        for edge in node.get("inputs") or []:
            source = edge.get("node_id") if isinstance(edge, dict) else edge
            if source not in ids:
                yield f"node {node.get('node_id')}: its input {source} is no node of the flow"
    sources = [node for node in nodes if node.get("type") == "SOURCE"]
    described = [_definition(node) for node in sources]
    if [node.get("operator") for node in sources] != [SOURCE] or described[0].get("name") != DATASET:
        found = ", ".join(f"{node.get('operator')} {_definition(node).get('name')}" for node in sources)
        yield f"found the sources {found or 'none'}; allowed: one, {SOURCE} with the name {DATASET}"
    elif str(described[0].get("s3ExecutionContext", {}).get("s3ContentType")).lower() != PARQUET:
        yield f"found another s3ContentType than {PARQUET} in the source; the curated partition is Parquet"
    if output_node not in ids:
        yield f"output_node: found {output_node}; allowed: {one_of(ids, output_node)}"
    for mark in ("{{", "{%", "{#"):
        if mark in json.dumps(document):
            yield f"found {mark} in a text; allowed: texts without it, as Airflow would fill it in"


def not_carried(document: dict[str, Any]) -> Iterator[str]:
    """Steps of a flow that cannot be done to a single record at an endpoint."""
    for node in document["nodes"]:
        if not isinstance(node, dict) or node.get("type") != "TRANSFORM":
            continue
        operator = str(node.get("operator")).removeprefix("sagemaker.spark.")
        given = node.get("parameters") or {}
        outer = given.get("operator")
        within = next((each for each in given.values() if isinstance(each, dict)), {})
        inner = within.get("column_type") or within.get("scaler")
        choices = tuple(each for each in (outer, inner) if isinstance(each, str))
        if choices not in CARRIED.get(operator, ()):
            allowed = sorted(
                {names[-1] if names else name for name, ways in CARRIED.items() for names in ways}
            )
            yield (
                f"node {node.get('node_id')}: found {', '.join(choices) or operator}; allowed, since single "
                f"records need it, too: {', '.join(allowed)}"
            )


def of_run(document: dict[str, Any], uri: str) -> dict[str, Any]:
    """The flow with the source's URI of one run."""
    made = copy.deepcopy(document)
    for node in made["nodes"]:
        if node.get("operator") == SOURCE:
            _definition(node)["s3ExecutionContext"]["s3Uri"] = uri
    return made


def _definition(node: dict[str, Any]) -> dict[str, Any]:
    """A source's data set definition."""
    definition: dict[str, Any] = (node.get("parameters") or {}).get("dataset_definition") or {}
    return definition
