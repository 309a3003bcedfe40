"""Flow files: what is wrong with one is said before anything runs, all of it, by node."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local_aws.images.data_wrangler.flow import Edge, Flow, parse, selected
from local_aws.images.data_wrangler.problems import FlowInvalid
from local_aws.images.data_wrangler.registry import NOT_EMULATED
from tests.support.data_wrangler import flow, node, parsed, source

DROP = {"operator": "Drop duplicates", "drop_duplicates_parameters": {}}
SPLIT = {
    "operator": "Ordered split",
    "ordered_split_parameters": {
        "splits": [{"name": "Train", "percentage": 0.5}, {"name": "Test", "percentage": 0.5}]
    },
}


def step(node_id: str, *inputs: str, **more: Any) -> dict[str, Any]:
    return node(node_id, "manage_rows_0.1", DROP, *inputs, **more)


def problems(text: str, *targets: str) -> list[str]:
    try:
        selected(
            parse(text),
            [Edge(name.partition(".")[0], name.partition(".")[2] or "default") for name in targets],
        )
    except FlowInvalid as error:
        return error.problems
    return []


def order(flow: Flow, target: str) -> list[str]:
    return [each.id for each in flow.needed([Edge(target, "default")])]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the flow is not JSON"),
        ("[" * 100_000, "the flow is not JSON"),
        ("[]", 'not a mapping with a list "nodes"'),
        ('{"nodes": {}}', 'not a mapping with a list "nodes"'),
        (flow(), "the flow has no nodes"),
        (flow(source("s"), metadata={"version": 2}), "metadata.version: found 2; allowed: 1"),
        (flow(source("s"), metadata=None), "metadata.version: found null; allowed: 1"),
        (flow(source("s"), parameters=[{"name": "p"}]), "flow parameters are not done by the local stand-in"),
        (json.dumps({"metadata": {"version": 1}, "nodes": [7]}), "nodes[0]: found 7; allowed: a mapping"),
        (flow({"node_id": "n"}), "nodes[0].operator: found null; allowed: a text"),
        (flow({**source("s"), "node_id": "../x"}), "without /: it names a folder"),
        (flow({**source("s"), "type": "MAGIC"}), "type: found \"MAGIC\"; allowed: SOURCE, TRANSFORM"),
        (flow({**source("s"), "parameters": []}), "parameters: found []; allowed: a mapping"),
        (flow({**source("s"), "outputs": [{"name": "a/b"}]}), "allowed: mappings with a name"),
        (flow({**source("s"), "outputs": [{"name": "x"}, {"name": "x"}]}), "each another one"),
        (flow({**source("s"), "outputs": [{"name": "x", "sampling": {"sampling_method": "all"}}]}),
         "outputs.sampling.sampling_method: found \"all\"; allowed: sample_by_limit"),
        (flow({**source("s"), "inputs": ["x"]}), "inputs: found \"x\"; allowed: mappings of name"),
        (flow(source("s"), source("s")), "node s (sagemaker.s3_source_0.1): its node_id is there twice"),
        (flow(step("n", "gone")), "node n (sagemaker.spark.manage_rows_0.1): its input gone is no node"),
        (flow(source("s"), step("n", "s.Test")), "its input s has no output 'Test'; allowed: default"),
        (flow(step("a", "b"), step("b", "a")), "node a (sagemaker.spark.manage_rows_0.1): takes its input "
         "from itself, by way of a, b"),
        (flow(step("a", "a")), "takes its input from itself"),
        (flow(source("s"), node("v", "sagemaker.visualizations.histogram_0.1", {}, "s", kind="VISUALIZATION"),
              step("n", "v")), "its input v is a visualization, which has no data"),
    ],
)  # fmt: skip
def test_a_file_of_the_wrong_shape_is_refused(text: str, says: str) -> None:
    assert any(says in each for each in problems(text)), problems(text)


@pytest.mark.parametrize(
    ("nodes", "target", "says"),
    [
        ([source("s")], "n", "the output n.default is no node of the flow; allowed: s"),
        ([source("s"), step("n")], "n", "it has 0 inputs; allowed: 1"),
        ([source("s"), step("n", "s", "s")], "n", "it has 2 inputs; allowed: 1"),
        ([{**source("s"), "type": "TRANSFORM"}], "s", 'type: found "TRANSFORM"; allowed: SOURCE'),
        ([source("s"), node("n", "magic_0.1", {}, "s")], "n",
         "node n (sagemaker.spark.magic_0.1): unknown operator; allowed: "),
        ([source("s"), node("n", "manage_rows_0.2", DROP, "s")], "n",
         "(did you mean sagemaker.spark.manage_rows_0.1?)"),
        ([source("s"), node("n", "split_0.1", SPLIT, "s", outputs=["Train", "Tst"])], "n.Train",
         "its output 'Tst' is not made; allowed: default, Train, Test (did you mean Test?)"),
        ([source("s"), node("n", "split_0.1", SPLIT, "s", outputs=["Train", "Test"])], "n.Validate",
         "has no output 'Validate'; allowed: default, Train, Test"),
        ([source("s"), source("t", "s"), node("n", "concatenate_0.1", {}, "s", "t")], "n",
         "its data set 's' is also that of node s; allowed: each once"),
        ([source("s"), node("v", "sagemaker.visualizations.x_0.1", {}, "s", kind="VISUALIZATION")], "v",
         "is a visualization, which has no data to write"),
    ],
)  # fmt: skip
def test_a_node_that_does_not_fit_is_refused(nodes: list[Any], target: str, says: str) -> None:
    assert any(says in each for each in problems(flow(*nodes), target)), problems(flow(*nodes), target)


@pytest.mark.parametrize("operator", sorted(NOT_EMULATED))
def test_what_aws_has_and_the_stand_in_has_not_is_told_from_a_typing_error(operator: str) -> None:
    (says,) = problems(flow(source("s"), node("n", operator, {}, "s")), "n")
    assert says == f"node n ({operator}): AWS has this operator, the local stand-in does not do it"


def test_everything_that_is_wrong_is_said_at_once() -> None:
    text = flow(
        source("s", surplus=1),
        node("a", "magic_0.1", {}, "s"),
        node("b", "custom_formula_0.1", {"formula": "read_csv('x')"}, "a"),
    )
    assert [each.partition("): ")[0] for each in problems(text, "b")] == [
        "node s (sagemaker.s3_source_0.1",
        "node a (sagemaker.spark.magic_0.1",
        "node b (sagemaker.spark.custom_formula_0.1",
    ]


def test_only_what_the_target_needs_is_looked_at() -> None:
    text = flow(
        source("s"),
        node("bad", "magic_0.1", {}, "s"),
        node("good", "manage_rows_0.1", DROP, "s"),
        node("v", "sagemaker.visualizations.histogram_0.1", {"bins": 7}, "bad", kind="VISUALIZATION"),
    )
    assert problems(text, "good") == []
    assert len(problems(text, "good", "bad")) == 1


def test_nodes_come_after_those_they_need_whatever_the_files_order() -> None:
    made = parsed(step("d", "b", "c"), step("c", "a"), step("b", "a"), source("a"), step("unused", "a"))
    found = order(made, "d")
    assert sorted(found) == ["a", "b", "c", "d"]
    assert found.index("a") < min(found.index("b"), found.index("c"))
    assert found[-1] == "d"


def test_a_chain_may_be_longer_than_pythons_stack() -> None:
    nodes = [source("n0"), *(step(f"n{place}", f"n{place - 1}") for place in range(1, 5000))]
    assert len(order(parsed(*nodes), "n4999")) == 5000
