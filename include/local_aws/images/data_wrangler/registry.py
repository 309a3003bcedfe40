"""Which operators there are: one decorated function each, with all its parameters declared.

An operator of Data Wrangler is often a family: its parameter `operator` chooses, and the parameters of the
choice lie in a group of their own, sometimes two levels deep:

    {"operator": "Move column",                                Choice("operator", "Move column",
     "move_column_parameters": {                                      "move_column_parameters")
         "move_type": "Move to index",                         Choice("move_type", "Move to index",
         "move_to_index_parameters": {                                "move_to_index_parameters")
             "column_to_move": "a", "index": 0}},
     "drop_column_parameters": {}}                             left by the UI from an earlier choice: not read

Registration refuses what is incomplete, so an operator cannot silently ignore a parameter.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from local_aws.images.data_wrangler.parameters import EachColumn, Parameter, read_all
from local_aws.images.data_wrangler.problems import listed

Function = TypeVar("Function", bound=Callable[..., Any])
SOURCE, TRANSFORM, DATASET, DESTINATION = "SOURCE", "TRANSFORM", "DATASET", "DESTINATION"
DEFAULT = "default"  # the output that nearly every node has

# What AWS has and the stand-in does not do: refused by name, so that nobody looks for a typing error.
NOT_EMULATED = {
    "sagemaker.spark.featurize_text_0.1",
    "sagemaker.spark.time_series_0.1",
    "sagemaker.spark.manage_vectors_0.1",
    "sagemaker.spark.dimensionality_reduction_0.1",
    "sagemaker.redshift_source_0.1",
    "sagemaker.snowflake_source_0.1",
    "sagemaker.databricks_source_0.1",
}


@dataclass(frozen=True)
class Choice:
    """One level of a family: ``key`` has to be ``value``, and the parameters lie in ``group``."""

    key: str
    value: str
    group: str


def choice(value: str, group: str, key: str = "operator") -> Choice:
    """The usual choice, by the parameter `operator`."""
    return Choice(key, value, group)


@dataclass(frozen=True)
class Operation:
    """One thing that a node can do."""

    operator: str  # "sagemaker.spark.manage_columns_0.1"
    path: tuple[Choice, ...]
    parameters: Mapping[str, Parameter]
    run: Callable[..., Any]
    node_type: str
    inputs: tuple[int, float]  # the fewest and the most
    # Parameters that a fitted state depends on, as given or, with "=" behind, as read; None: fits nothing.
    fits: tuple[str, ...] | None
    outputs: Callable[[Mapping[str, Any]], list[str]] | None  # names beside "default", from the parameters
    check: Callable[[Mapping[str, Any]], str | None] | None  # what is wrong with the parameters together

    @property
    def title(self) -> str:
        """The operator and what was chosen of it."""
        return " / ".join([self.operator, *(level.value for level in self.path)])

    @property
    def each(self) -> bool:
        """Whether the operator is applied to one column after the other."""
        return isinstance(self.parameters.get("input_column"), EachColumn)


@dataclass(frozen=True)
class Selected:
    """What a node's operator and parameters mean."""

    operation: Operation
    values: dict[str, Any]  # as read
    given: Mapping[str, Any]  # as they stand in the flow

    @property
    def outputs(self) -> list[str]:
        """The names of the node's outputs."""
        more = self.operation.outputs(self.values) if self.operation.outputs else []
        return [DEFAULT, *more]


@dataclass
class Registry:
    """All operations by operator."""

    operations: dict[str, list[Operation]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Operation]:
        for family in self.operations.values():
            yield from family

    def add(self, operation: Operation) -> None:
        """Register one. Raises TypeError for what is incomplete or there already."""
        if not (operation.run.__doc__ or "").strip():
            raise TypeError(f"{operation.title} has no docstring")
        if any(known.title == operation.title for known in self):
            raise TypeError(f"{operation.title} is there twice")
        taken = {
            name
            for name, parameter in inspect.signature(operation.run).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY
        }
        if taken != set(operation.parameters):
            raise TypeError(
                f"{operation.title} declares {sorted(operation.parameters)} and takes {sorted(taken)}"
            )
        self.operations.setdefault(operation.operator, []).append(operation)

    def select(self, operator: str, parameters: Mapping[str, Any]) -> tuple[Selected | None, list[str]]:
        """What is to be done, or all that is wrong."""
        family = self.operations.get(operator)
        if family is None:
            return None, [self._unknown(operator)]
        level, given = 0, parameters
        where = ""
        problems: list[str] = []
        while family[0].path[level:]:
            key = family[0].path[level].key
            chosen = [each for each in family if each.path[level].value == given.get(key)]
            groups = {each.path[level].group for each in family}
            offered = dict.fromkeys(each.path[level].value for each in family)
            problems += [
                f"{where}{name}: unknown parameter; allowed: {listed([key, *sorted(groups)], name)}"
                for name in given
                if name != key and name not in groups
            ]
            if not chosen:
                asked = given.get(key)
                says = "missing" if asked is None else f"found {asked!r}"
                return None, [*problems, f"{where}{key}: {says}; allowed: {listed(offered, asked)}"]
            group = chosen[0].path[level].group
            inner = given.get(group)
            where = f"{where}{group}."
            if inner is not None and not isinstance(inner, dict):
                return None, [*problems, f"{where[:-1]}: found {inner!r}; allowed: a mapping"]
            family, given, level = chosen, inner or {}, level + 1
        operation = family[0]
        values, wrong = read_all(operation.parameters, given)
        problems += [f"{where}{name}: {says}" for name, says in wrong.items()]
        if not problems and operation.check is not None:
            together = operation.check(values)
            problems += [f"{where}{together}"] if together else []
        return (None, problems) if problems else (Selected(operation, values, given), [])

    def _unknown(self, operator: str) -> str:
        if operator in NOT_EMULATED:
            return "AWS has this operator, the local stand-in does not do it"
        return f"unknown operator; allowed: {listed(sorted(self.operations), operator)}"


REGISTRY = Registry()


def operation(
    operator: str,
    /,
    *path: Choice,
    node_type: str = TRANSFORM,
    inputs: tuple[int, float] = (1, 1),
    fits: tuple[str, ...] | None = None,
    outputs: Callable[[Mapping[str, Any]], list[str]] | None = None,
    check: Callable[[Mapping[str, Any]], str | None] | None = None,
    **parameters: Parameter,
) -> Callable[[Function], Function]:
    """Register a function as an operator.

    ==============  =================================================================
    one input       ``f(table, *, …parameters) -> table``
    fits something  ``f(table, trained, *, …) -> (table, trained)``; ``trained`` is {} or what an earlier
                    run with the same ``fits`` parameters has left
    several inputs  ``f(tables, *, …) -> table``
    several outputs ``f(table, *, …) -> {name: table}``
    source          ``f(sources, *, …) -> table``
    ==============  =================================================================
    """

    def register(function: Function) -> Function:
        REGISTRY.add(Operation(operator, path, parameters, function, node_type, inputs, fits, outputs, check))
        return function

    return register
