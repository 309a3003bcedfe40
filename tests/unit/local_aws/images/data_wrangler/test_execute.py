"""Runs of flows: order, what is kept, what is learned and used again."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from local_aws.images.data_wrangler.flow import parse
from local_aws.images.data_wrangler.problems import NodeFailed
from local_aws.images.data_wrangler.registry import Operation, Registry
from tests.support.data_wrangler import applied, flow, kinds, node, plain, run, source, table
from tests.unit.local_aws.images.data_wrangler.cases import HALVES, encode, impute, outliers, scaler

SPLIT = {"operator": "Ordered split", "ordered_split_parameters": {"splits": HALVES}}


def learned(operator: str, parameters: dict[str, Any], given: Any, trained: Any = None, **more: Any) -> Any:
    """The table that one node makes, and its trained parameters in the refitted flow."""
    text = flow(source("s"), node("n", operator, parameters, "s", trained=trained))
    (made,), done = run(text, {"s": table(given)}, "n", **more)
    return plain(made), done.refitted()["nodes"][1]["trained_parameters"]


class TestGraph:
    def test_several_outputs_of_several_nodes(self) -> None:
        text = flow(
            source("s"),
            node("split", "split_0.1", SPLIT, "s", outputs=["Train", "Test"]),
            node("test", "sagemaker.dataset.identity_0.1", {}, "split.Test", kind="DATASET"),
            node("train", "sagemaker.dataset.identity_0.1", {}, "split.Train", kind="DATASET"),
        )
        made, _ = run(text, {"s": table({"a": [1, 2, 3, 4]})}, "test", "train", "split.default", "s")
        assert [plain(each)["a"] for each in made] == [[1, 2, 3, 4], [1, 2], [3, 4], [1, 2]]

    def test_one_table_may_feed_many(self) -> None:
        text = flow(
            source("s"),
            node("one", "custom_formula_0.1", {"formula": "a + 1", "output_column": "a"}, "s"),
            node("two", "custom_pandas_0.1", {"code": "df['a'] += 10"}, "s"),
            node("both", "concatenate_0.1", {"indicator_column": "i"}, "one", "two", "s"),
        )
        (made,), _ = run(text, {"s": table({"a": [1]})}, "both")
        assert plain(made) == {"a": [2, 11, 1], "i": [0, 1, 2]}

    def test_a_failure_names_node_operator_and_choice(self) -> None:
        with pytest.raises(NodeFailed) as caught:
            applied(*encode("Ordinal encode", "ordinal_encode_parameters"), table({"a": ["x", None]}))
        assert str(caught.value).startswith(
            "node n (sagemaker.spark.encode_categorical_0.1 / Ordinal encode): "
            "column 'a' has a missing value in row 1"
        )

    def test_a_column_that_is_not_there_is_named_with_those_that_are(self) -> None:
        with pytest.raises(
            NodeFailed, match=r"no column 'incme'; there are age, income \(did you mean income"
        ):
            applied(
                *impute("Numeric", "numeric_parameters", input_column="incme", strategy="Mean"),
                table({"age": [1], "income": [2]}),
            )


class TestTrained:
    def test_the_hash_is_that_of_awss_container(self) -> None:
        """From two flows in aws/amazon-sagemaker-examples: TS-Workshop-DataPreparation.flow, join.flow."""
        parameters = {"standard_deviations": 4, "input_column": ["x"], "fix_method": "Remove"}
        group = "standard_deviation_numeric_outliers_parameters"
        _, trained = learned(
            "handle_outliers_0.1",
            {"operator": "Standard deviation numeric outliers", group: parameters},
            {"x": [1.0, 2.0]},
        )
        assert trained[group]["_hash"] == "10b2dff28011403357a5a7dd4a37e9bea91721a8"
        _, trained = learned(
            *encode("One-hot encode", "one_hot_encode_parameters", invalid_handling_strategy="Keep",
                    drop_last=False, output_style="Columns"),
            {"a": ["x"]},
        )  # fmt: skip
        assert trained["one_hot_encode_parameters"]["_hash"] == "4623886b68927a4dcb437c2769f9d5234824476a"

    def test_what_was_learned_is_used_again(self) -> None:
        operator, parameters = outliers(
            "Quantile numeric outliers", "quantile_numeric_outliers_parameters",
            lower_quantile=0.5, upper_quantile=1,
        )  # fmt: skip
        made, trained = learned(operator, parameters, {"a": [1.0, 2.0, 3.0]})
        assert made == {"a": [2.0, 2.0, 3.0]}
        made, again = learned(operator, parameters, {"a": [0.0, 10.0]}, trained)
        assert made == {"a": [2.0, 3.0]}
        assert again == trained
        made, anew = learned(operator, parameters, {"a": [0.0, 10.0]}, trained, refit=True)
        assert made == {"a": [0.0, 10.0]}
        assert anew != trained

    def test_other_parameters_need_to_be_learned_anew_and_the_log_says_so(self) -> None:
        operator, parameters = impute("Numeric", "numeric_parameters", input_column="a", strategy="Mean")
        _, trained = learned(operator, parameters, {"a": [1.0, 3.0]})
        parameters["impute_parameters"]["numeric_parameters"]["strategy"] = "Approximate Median"
        log: list[str] = []
        made, _ = learned(operator, parameters, {"a": [7.0, None]}, trained, say=log.append)
        assert made == {"a": [7.0, 7.0]}
        assert "node n: its trained parameters do not fit its parameters for 'a': learnt anew" in log

    def test_several_columns_are_learned_apart(self) -> None:
        """In the form of AWS's flows: a list, each entry with its column."""
        operator, parameters = outliers(
            "Standard deviation numeric outliers", "standard_deviation_numeric_outliers_parameters",
            standard_deviations=0, fix_method="Clip",
        )  # fmt: skip
        group = "standard_deviation_numeric_outliers_parameters"
        parameters[group]["input_column"] = ["a", "b"]
        _, trained = learned(operator, parameters, {"a": [1.0, 3.0], "b": [10.0, 30.0]})
        assert [(each["input_column"], each["lower_threshold"]) for each in trained[group]] == [
            ("a", 2.0),
            ("b", 20.0),
        ]
        trained[group].reverse()
        made, _ = learned(operator, parameters, {"a": [5.0], "b": [5.0]}, trained)
        assert made == {"a": [2.0], "b": [20.0]}

    def test_a_learned_schema_is_kept(self) -> None:
        trained = {"schema": {"a": "float", "b": "string"}}
        text = flow(source("s"), node("n", "infer_and_cast_type_0.1", {}, "s", trained=trained))
        (made,), _ = run(text, {"s": table({"a": ["1", "2"], "b": ["1", "2"]})}, "n")
        assert kinds(made) == {"a": "float", "b": "string"}
        with pytest.raises(NodeFailed, match="the learned schema is of another table: lacks c; has b"):
            run(text, {"s": table({"a": ["1"], "c": ["1"]})}, "n")

    def test_new_categories_of_a_later_day_have_no_column(self) -> None:
        operator, parameters = encode(
            "One-hot encode", "one_hot_encode_parameters", invalid_handling_strategy="Keep", drop_last=False,
            output_style="Columns",
        )  # fmt: skip
        _, trained = learned(operator, parameters, {"a": ["x", "y", "y"]})
        made, _ = learned(operator, parameters, {"a": ["z", "x"]}, trained)
        assert made == {"a_y": [0.0, 0.0], "a_x": [0.0, 1.0]}

    def test_a_flow_that_was_refitted_makes_the_same_of_the_same(self) -> None:
        nodes = [source("s")]
        for place, (operator, parameters) in enumerate(
            [
                impute("Numeric", "numeric_parameters", input_column=["a", "b"], strategy="Mean"),
                scaler("Robust scaler", "robust_scaler_parameters"),
                scaler("Standard scaler", "standard_scaler_parameters", input_column="b", output_column="c"),
                encode("Ordinal encode", "ordinal_encode_parameters", input_column="t"),
            ]
        ):
            nodes.append(node(f"n{place}", operator, parameters, nodes[-1]["node_id"]))
        given = table({"a": [1.0, None, 8.0, 3.0], "b": [1, 2, None, 9], "t": ["x", "y", "y", "z"]})
        (first,), done = run(flow(*nodes), {"s": given}, "n3")
        refitted = json.dumps(done.refitted())
        (second,), again = run(refitted, {"s": given}, "n3")
        assert plain(first) == plain(second)
        assert again.refitted() == json.loads(refitted)
        (one,), _ = run(refitted, {"s": given.head(1)}, "n3")
        assert {name: values[0] for name, values in plain(first).items()} == {
            name: values[0] for name, values in plain(one).items()
        }

    def test_nothing_given_is_hashed_as_null(self) -> None:
        """As AWS's container does for a scaler's parameters that were left out."""
        operator, parameters = scaler("Min-max scaler", "min_max_scaler_parameters")
        _, trained = learned(operator, parameters, {"a": [1.0, 2.0]})
        state = json.dumps({"input_column": "a", "max": None, "min": None}, sort_keys=True)
        expected = hashlib.sha1(state.encode(), usedforsecurity=False).hexdigest()
        assert trained["scale_values_parameters"]["min_max_scaler_parameters"]["_hash"] == expected


class TestRegistry:
    def register(self, run: Any, **parameters: Any) -> None:
        Registry().add(Operation("x_0.1", (), parameters, run, "TRANSFORM", (1, 1), None, None, None))

    def test_an_operator_without_a_docstring_is_refused(self) -> None:
        def nameless(table: Any) -> Any:
            return table

        with pytest.raises(TypeError, match="has no docstring"):
            self.register(nameless)

    def test_an_operator_that_takes_what_it_does_not_declare_is_refused(self) -> None:
        def greedy(table: Any, *, more: int) -> Any:
            """Takes more."""
            return table

        with pytest.raises(TypeError, match=r"x_0.1 declares \[\] and takes \['more'\]"):
            self.register(greedy)

    def test_an_operator_is_registered_once(self) -> None:
        def same(table: Any) -> Any:
            """The same."""
            return table

        registry = Registry()
        one = Operation("x_0.1", (), {}, same, "TRANSFORM", (1, 1), None, None, None)
        registry.add(one)
        with pytest.raises(TypeError, match="is there twice"):
            registry.add(one)


def test_a_parsed_flow_keeps_its_document() -> None:
    text = flow(source("s"))
    assert parse(text).document == json.loads(text)
