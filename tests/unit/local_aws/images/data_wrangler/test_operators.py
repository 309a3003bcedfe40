"""Every operator: what it makes, and that it refuses what it was not declared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from local_aws.images.data_wrangler.flow import Edge, parse, selected
from local_aws.images.data_wrangler.parameters import REQUIRED, Anything
from local_aws.images.data_wrangler.problems import FlowInvalid
from local_aws.images.data_wrangler.registry import REGISTRY, SOURCE, Operation
from tests.support.data_wrangler import PREFIX, applied, flow, node, plain, source, table
from tests.unit.local_aws.images.data_wrangler.cases import CASES, Case

TITLES = {each.title: each for each in REGISTRY}
# Their cases need more than tables: files, Athena, Spark.
ELSEWHERE = {
    "sagemaker.s3_source_0.1": "test_reading.py",
    "sagemaker.athena_source_0.1": "the contract test of the image",
    "sagemaker.dataset.identity_0.1": "test_execute.py",
    "sagemaker.spark.s3_destination_0.1": "test_program.py",
    "sagemaker.spark.custom_pyspark_0.1": "test_custom.py",
    "sagemaker.spark.custom_code_0.1 / Python (PySpark)": "test_custom.py",
}


def operation_of(case: Case) -> Operation:
    meaning, wrong = REGISTRY.select(PREFIX + case.operator, case.parameters)
    assert meaning, wrong
    return meaning.operation


@pytest.mark.parametrize("case", CASES, ids=lambda case: operation_of(case).title.removeprefix(PREFIX))
def test_it_makes_what_hand_arithmetic_makes(case: Case) -> None:
    given = [table(columns) for columns in case.tables]
    before = [plain(each) for each in given]
    made = plain(applied(case.operator, case.parameters, *given, output=case.output, outputs=case.outputs))
    assert list(made) == list(case.made)
    for name, values in case.made.items():
        assert made[name] == pytest.approx(values, rel=1e-12) if _floats(values) else made[name] == values, (
            name
        )
    assert [plain(each) for each in given] == before, "the input was changed"


def _floats(values: list[Any]) -> bool:
    return any(isinstance(value, float) for value in values) and None not in values


def test_every_operator_has_a_case() -> None:
    assert {operation_of(case).title for case in CASES} | set(ELSEWHERE) == set(TITLES)


# --- what is refused --------------------------------------------------------------------------------


def parameters_of(operation: Operation, **changes: Any) -> dict[str, Any]:
    """Right parameters of an operation, as a case has them, with changes in the innermost group."""
    right = next((case.parameters for case in CASES if operation_of(case).title == operation.title), None)
    if right is None:
        right = RIGHT[operation.title]
    made: dict[str, Any] = {**right}
    inner = made
    for level in operation.path:
        inner[level.group] = dict(inner[level.group])
        inner = inner[level.group]
    inner |= changes
    for name in [name for name, value in changes.items() if value is REQUIRED]:
        del inner[name]
    return made


DESTINATION = {"output_config": {"output_path": "s3://b/", "output_content_type": "CSV"}}
RIGHT: dict[str, Mapping[str, Any]] = {
    "sagemaker.s3_source_0.1": source("s")["parameters"],
    "sagemaker.athena_source_0.1": {
        "dataset_definition": {
            "datasetSourceType": "Athena", "name": "q", "databaseName": "d", "queryString": "SELECT 1",
            "s3OutputLocation": "s3://b/",
        }
    },
    "sagemaker.dataset.identity_0.1": {},
    "sagemaker.spark.s3_destination_0.1": DESTINATION,
    "sagemaker.spark.custom_pyspark_0.1": {"code": "df = df"},
    "sagemaker.spark.custom_code_0.1 / Python (PySpark)": {
        "operator": "Python (PySpark)", "pyspark_parameters": {"code": "df = df"},
    },
}  # fmt: skip


def refused(operation: Operation, parameters: Mapping[str, Any]) -> list[str]:
    """What is said about a flow with these parameters; nothing of it has run."""
    inputs = [f"s{place}" for place in range(int(operation.inputs[0]))]
    text = flow(
        *(source(name) for name in inputs),
        node("the-node", operation.operator, parameters, *inputs, kind=operation.node_type),
    )
    try:
        selected(parse(text), [Edge("the-node", "default")])
    except FlowInvalid as error:
        return error.problems
    return []


@pytest.fixture(params=sorted(TITLES))
def operation(request: pytest.FixtureRequest) -> Operation:
    return TITLES[request.param]


def test_its_right_parameters_are_taken(operation: Operation) -> None:
    said = refused(operation, parameters_of(operation))
    assert said == [] or all("pyspark" in each for each in said)


def test_an_unknown_parameter_is_refused_by_node_and_name(operation: Operation) -> None:
    (says, *more) = refused(operation, parameters_of(operation, surplus=1))
    assert says.startswith(f"node the-node ({operation.operator}): ")
    assert "surplus: unknown parameter; allowed: " in says
    assert not more


def test_a_missing_parameter_is_refused(operation: Operation) -> None:
    for name, parameter in operation.parameters.items():
        if parameter.default is REQUIRED:
            says = refused(operation, parameters_of(operation, **{name: REQUIRED}))
            assert any(f"{name}: missing; allowed: {parameter.says}" in each for each in says), (name, says)


def test_a_wrong_parameter_is_refused_with_what_is_allowed(operation: Operation) -> None:
    for name, parameter in operation.parameters.items():
        if isinstance(parameter, Anything):
            continue
        wrong = list(parameter.wrong) if isinstance(parameter.wrong, tuple) else parameter.wrong
        says = refused(operation, parameters_of(operation, **{name: wrong}))
        assert any(f"{name}: found " in each and "allowed: " in each for each in says), (name, says)
        assert all(each.startswith(f"node the-node ({operation.operator}): ") for each in says)


def test_an_unknown_choice_is_refused_with_those_there_are(operation: Operation) -> None:
    if not operation.path:
        return
    level = operation.path[0]
    (says,) = refused(operation, {**parameters_of(operation), level.key: "Magic"})
    assert f"{level.key}: found 'Magic'; allowed: " in says
    assert level.value in says or " more" in says


def test_what_the_ui_left_of_another_choice_is_not_read() -> None:
    parameters = {
        "operator": "One-hot encode",
        "one_hot_encode_parameters": {"input_column": "a", "drop_last": False, "output_style": "Columns"},
        "ordinal_encode_parameters": {"invalid_handling_strategy": "Replace with NaN"},
    }
    made = applied("encode_categorical_0.1", parameters, table({"a": ["x"]}))
    assert plain(made) == {"a_x": [1.0]}


def test_sources_are_the_only_operators_without_input() -> None:
    assert {each.operator for each in REGISTRY if each.inputs[0] == 0} == {
        each.operator for each in REGISTRY if each.node_type == SOURCE
    }
