"""Running the nodes that a job's outputs need, one after the other; a table goes when nobody needs it."""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pandas as pd

from local_aws.images.data_wrangler.flow import Edge, Flow, Node, selected
from local_aws.images.data_wrangler.operators.sources import Sources
from local_aws.images.data_wrangler.problems import CannotDo, NodeFailed, at
from local_aws.images.data_wrangler.registry import DEFAULT, SOURCE, Selected
from local_aws.images.data_wrangler.trained import packed, stored
from local_aws.images.data_wrangler.values import Table

Say = Callable[[str], None]


class Run:
    """One run of a flow.

    Args:
        targets: the node outputs that are wanted.
        refit: learn anew, whatever trained parameters the flow has.

    Raises FlowInvalid before anything runs.
    """

    def __init__(
        self, flow: Flow, targets: Iterable[Edge], sources: Sources, *, refit: bool = False, say: Say = print
    ) -> None:
        self.flow = flow
        self._targets = list(targets)
        self._steps = selected(flow, self._targets)
        self._sources = sources
        self._refit = refit
        self._say = say
        self._trained: dict[str, dict[str, Any]] = {}

    def __iter__(self) -> Iterator[tuple[Edge, Table]]:
        """The targets' tables, as soon as they are there. Raises NodeFailed."""
        uses = Counter(edge for node, _ in self._steps for edge in node.inputs)
        uses.update(self._targets)
        made: dict[Edge, Table] = {}
        for node, meaning in self._steps:
            began = time.monotonic()
            tables = []
            for edge in node.inputs:
                tables.append(made[edge])
                uses[edge] -= 1
                if not uses[edge]:
                    del made[edge]
            outputs = self._do(node, meaning, tables)
            del tables
            rows = ", ".join(
                f"{len(table)} rows, {len(table.columns)} columns"
                if name == DEFAULT
                else f"{name} {len(table)}"
                for name, table in outputs.items()
            )
            self._say(f"node {node.id} ({meaning.operation.title}): {rows}, {time.monotonic() - began:.2f} s")
            for name, table in outputs.items():
                edge = Edge(node.id, name)
                if uses[edge]:
                    made[edge] = table
            for target in [each for each in self._targets if each.node_id == node.id]:
                yield target, made[target]
                uses[target] -= 1
                if not uses[target]:
                    del made[target]

    def refitted(self) -> dict[str, Any]:
        """The flow with what this run has learned; right after the last table was taken."""
        document = copy.deepcopy(self.flow.document)
        for node in document["nodes"]:
            if node["node_id"] in self._trained:
                node["trained_parameters"] = self._trained[node["node_id"]]
        return document

    def _do(self, node: Node, meaning: Selected, tables: list[Table]) -> dict[str, Table]:
        operation = meaning.operation
        try:
            if operation.node_type == SOURCE:
                return {DEFAULT: operation.run(self._sources, **meaning.values)}
            if operation.inputs[1] > 1:
                return {DEFAULT: operation.run(tables, **meaning.values)}
            made = self._on_one(node, meaning, tables[0])
        except CannotDo as error:
            raise NodeFailed(at(node.id, operation.title, str(error))) from error
        except MemoryError as error:
            raise NodeFailed(at(node.id, operation.title, "the job's memory is not enough")) from error
        return made if isinstance(made, dict) else {DEFAULT: made}

    def _on_one(self, node: Node, meaning: Selected, table: Table) -> Table | dict[str, Table]:
        """An operator with one input, for each of its columns if it takes several."""
        operation, values = meaning.operation, meaning.values
        names: tuple[Any, ...] = values["input_column"] if operation.each else (None,)
        learned: list[tuple[str | None, dict[str, Any]]] = []
        for name in names:
            arguments = dict(values)
            if operation.each:
                arguments["input_column"] = name
                if len(names) > 1 and arguments.get("output_column"):  # then it is a prefix, as on AWS
                    arguments["output_column"] = f"{arguments['output_column']}_{name}"
            if operation.fits is None:
                made = operation.run(table, **arguments)
                if isinstance(made, dict):
                    return made
                table = made
                continue
            known = {} if self._refit else stored(node.trained, meaning, name)
            if node.trained and not known and not self._refit:
                column = f" for {name!r}" if name else ""
                self._say(
                    f"node {node.id}: its trained parameters do not fit its parameters{column}: learnt anew"
                )
            table, state = operation.run(table, known, **arguments)
            learned.append((name, state))
        if learned:
            self._trained[node.id] = packed(meaning, learned, node.trained)
        if not isinstance(table, pd.DataFrame):
            raise TypeError(f"{operation.title} made a {type(table).__name__}")
        return table
