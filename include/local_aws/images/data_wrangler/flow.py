"""A flow file: nodes that take tables from other nodes. Read and checked before anything runs.

    {"metadata": {"version": 1, …}, "parameters": [],
     "nodes": [{"node_id": "…", "type": "SOURCE", "operator": "sagemaker.s3_source_0.1",
                "parameters": {…}, "trained_parameters": {…},
                "inputs": [{"name": "df", "node_id": "…", "output_name": "default"}],
                "outputs": [{"name": "default", "sampling": {…}}]}, …]}

The shape of the whole file is checked; operators and parameters only of the nodes that a job needs, as the
others do not run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local_aws.images.data_wrangler import operators as _operators  # noqa: F401 - registers them
from local_aws.images.data_wrangler.problems import FlowInvalid, at, found, listed
from local_aws.images.data_wrangler.registry import DEFAULT, REGISTRY, SOURCE, Selected

NODE_TYPES = ("SOURCE", "TRANSFORM", "VISUALIZATION", "DATASET", "DESTINATION")
VISUALIZATION = "VISUALIZATION"
SAMPLING = ("sample_by_limit", "sample_by_ratio", "sample_by_stratified", "sample_by_count")
VERSION = 1


@dataclass(frozen=True)
class Edge:
    """Where a node takes a table from."""

    node_id: str
    output: str


@dataclass(frozen=True)
class Node:
    """One step."""

    id: str
    type: str
    operator: str
    parameters: Mapping[str, Any]
    trained: Mapping[str, Any]
    inputs: tuple[Edge, ...]
    outputs: tuple[str, ...]

    def says(self, text: str) -> str:
        """A problem of this node."""
        return at(self.id, self.operator, text)


@dataclass(frozen=True)
class Flow:
    """All nodes, in the file's order, and the file itself."""

    nodes: Mapping[str, Node]
    document: dict[str, Any]

    def needed(self, targets: Iterable[Edge]) -> list[Node]:
        """The nodes that the targets take tables from, each after those that it takes from itself."""
        ordered: dict[str, Node] = {}
        # A stack of its own: a flow may be a longer chain than Python can call functions deep.
        waiting = [(target.node_id, False) for target in reversed(list(targets))]
        while waiting:
            node_id, entered = waiting.pop()
            if node_id in ordered:
                continue
            node = self.nodes[node_id]
            if entered:
                ordered[node_id] = node
            else:
                waiting.append((node_id, True))
                waiting += [(edge.node_id, False) for edge in reversed(node.inputs)]
        return list(ordered.values())


def parse(text: str | bytes) -> Flow:
    """The flow of a file. Raises FlowInvalid with everything that is wrong with its shape."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FlowInvalid([f"the flow is not JSON: {error}"]) from error
    if not isinstance(document, dict) or not isinstance(document.get("nodes"), list):
        raise FlowInvalid(['the flow is not a mapping with a list "nodes"'])
    problems: list[str] = []
    metadata = document.get("metadata")
    version = metadata.get("version") if isinstance(metadata, dict) else None
    if version != VERSION:
        problems.append(f"metadata.version: {found(version, str(VERSION))}")
    if document.get("parameters"):
        problems.append("parameters: flow parameters are not done by the local stand-in; allowed: none")
    nodes: dict[str, Node] = {}
    for place, given in enumerate(document["nodes"]):
        node = _node(given, place, problems)
        if node is None:
            continue
        if node.id in nodes:
            problems.append(node.says("its node_id is there twice; allowed: each once"))
        nodes[node.id] = node
    if not document["nodes"]:
        problems.append("the flow has no nodes")
    problems += [problem for node in nodes.values() for problem in _edges(node, nodes)]
    if not problems:
        problems += _cycle(nodes)
    if problems:
        raise FlowInvalid(problems)
    return Flow(nodes, document)


def _node(given: Any, place: int, problems: list[str]) -> Node | None:
    """One node, or None; what is wrong goes to the list."""
    where = f"nodes[{place}]"
    if not isinstance(given, dict):
        problems.append(f"{where}: {found(given, 'a mapping')}")
        return None
    for key in ("node_id", "operator"):
        if not isinstance(given.get(key), str) or not given[key]:
            problems.append(f"{where}.{key}: {found(given.get(key), 'a text')}")
            return None
    node_id, operator = str(given["node_id"]), str(given["operator"])
    if "/" in node_id or node_id in (".", ".."):
        problems.append(f"{where}.node_id: {found(node_id, 'a text without /: it names a folder')}")
        return None

    def wrong(key: str, value: Any, allowed: str) -> None:
        problems.append(at(node_id, operator, f"{key}: {found(value, allowed)}"))

    if given.get("type") not in NODE_TYPES:
        wrong("type", given.get("type"), listed(NODE_TYPES))
    shaped: dict[str, Any] = {}
    for key, kind, allowed in (
        ("parameters", dict, "a mapping"),
        ("trained_parameters", dict, "a mapping"),
        ("inputs", list, "a list"),
        ("outputs", list, "a list"),
    ):
        value = given.get(key)
        shaped[key] = kind() if value is None else value
        if not isinstance(shaped[key], kind):
            wrong(key, value, allowed)
            shaped[key] = kind()
    return Node(
        node_id,
        str(given.get("type")),
        operator,
        shaped["parameters"],
        shaped["trained_parameters"],
        tuple(_inputs(shaped["inputs"], wrong)),
        tuple(_outputs(shaped["outputs"], wrong)) or (DEFAULT,),
    )


Wrong = Callable[[str, Any, str], None]  # key, value, what is allowed


def _inputs(given: list[Any], wrong: Wrong) -> Iterator[Edge]:
    for edge in given:
        if isinstance(edge, dict) and isinstance(edge.get("node_id"), str):
            yield Edge(edge["node_id"], str(edge.get("output_name") or DEFAULT))
        else:
            wrong("inputs", edge, "mappings of name, node_id and output_name")


def _outputs(given: list[Any], wrong: Wrong) -> Iterator[str]:
    names: list[str] = []
    for output in given:
        name = output.get("name") if isinstance(output, dict) else None
        if not isinstance(name, str) or "/" in name or name in ("", ".", "..") or name in names:
            wrong("outputs", output, "mappings with a name, each another one and without /")
            continue
        names.append(name)
        sampling = output.get("sampling") or {}
        method = sampling.get("sampling_method") if isinstance(sampling, dict) else sampling
        if method is not None and method not in SAMPLING:
            wrong("outputs.sampling.sampling_method", method, listed(SAMPLING, method))
        yield name


def _edges(node: Node, nodes: Mapping[str, Node]) -> list[str]:
    """Inputs that lead nowhere."""
    problems = []
    for edge in node.inputs:
        source = nodes.get(edge.node_id)
        if source is None:
            problems.append(node.says(f"its input {edge.node_id} is no node of the flow"))
        elif source.type == VISUALIZATION:
            problems.append(node.says(f"its input {edge.node_id} is a visualization, which has no data"))
        elif edge.output not in (*source.outputs, DEFAULT):
            problems.append(
                node.says(
                    f"its input {edge.node_id} has no output {edge.output!r}; "
                    f"allowed: {listed(source.outputs, edge.output)}"
                )
            )
    return problems


def _cycle(nodes: Mapping[str, Node]) -> list[str]:
    """One node of a cycle, if there is any: what is left when nodes without open inputs are taken away."""
    waiting = {node.id: {edge.node_id for edge in node.inputs} for node in nodes.values()}
    free = [node_id for node_id, inputs in waiting.items() if not inputs]
    users: dict[str, list[str]] = {}
    for node_id, inputs in waiting.items():
        for source in inputs:
            users.setdefault(source, []).append(node_id)
    while free:
        done = free.pop()
        del waiting[done]
        for user in users.get(done, []):
            waiting[user].discard(done)
            if not waiting[user]:
                free.append(user)
    if not waiting:
        return []
    return [nodes[min(waiting)].says(f"takes its input from itself, by way of {listed(sorted(waiting))}")]


def selected(flow: Flow, targets: Iterable[Edge]) -> list[tuple[Node, Selected]]:
    """The needed nodes with what they mean. Raises FlowInvalid with all that is wrong with any of them."""
    targets = list(targets)
    problems = [problem for target in targets for problem in _unwritable(flow, target)]
    if problems:
        raise FlowInvalid(problems)
    chosen: dict[str, tuple[Node, Selected]] = {}
    datasets: dict[str, str] = {}
    for node in flow.needed(targets):
        meaning, wrong = REGISTRY.select(node.operator, node.parameters)
        if meaning is not None:
            chosen[node.id] = node, meaning
            wrong += _misfits(node, meaning)
            if node.type == SOURCE == meaning.operation.node_type:
                name = meaning.values["dataset_definition"]["name"]
                if datasets.setdefault(name, node.id) != node.id:
                    wrong.append(
                        f"its data set {name!r} is also that of node {datasets[name]}; allowed: each once"
                    )
        problems += [node.says(problem) for problem in wrong]
    for target in targets:
        made = chosen[target.node_id][1].outputs if target.node_id in chosen else [target.output]
        if target.output not in made:
            problems.append(
                flow.nodes[target.node_id].says(f"has no output {target.output!r}; allowed: {listed(made)}")
            )
    if problems:
        raise FlowInvalid(problems)
    return list(chosen.values())


def _unwritable(flow: Flow, target: Edge) -> Iterator[str]:
    """Targets that are no nodes, or none with data."""
    node = flow.nodes.get(target.node_id)
    if node is None:
        yield (
            f"the output {target.node_id}.{target.output} is no node of the flow; "
            f"allowed: {listed(flow.nodes, target.node_id)}"
        )
    elif node.type == VISUALIZATION:
        yield node.says("is a visualization, which has no data to write")


def _misfits(node: Node, meaning: Selected) -> list[str]:
    """What of a node does not go with its operator, beside the parameters."""
    operation, problems = meaning.operation, []
    if operation.node_type != node.type:
        problems.append(f"type: {found(node.type, operation.node_type)}")
    fewest, most = operation.inputs
    if not fewest <= len(node.inputs) <= most:
        span = f"{fewest}" if fewest == most else f"{fewest} to {most:g}"
        problems.append(f"it has {len(node.inputs)} inputs; allowed: {span}")
    surplus = [name for name in node.outputs if name not in meaning.outputs]
    if surplus:
        problems.append(
            f"its output {surplus[0]!r} is not made; allowed: {listed(meaning.outputs, surplus[0])}"
        )
    return problems
