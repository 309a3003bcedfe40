"""Whole flows: one in the shape of AWS's claims.flow and customers.flow, and hostile data through it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from local_aws.images.data_wrangler.problems import NodeFailed
from local_aws.images.data_wrangler.values import Table
from tests.support.data_wrangler import applied, flow, kinds, node, plain, run, source, table
from tests.unit.local_aws.images.data_wrangler.cases import HALVES, encode, impute, outliers, scaler, strings

ONE_HOT = {
    "operator": "One-hot encode",
    "one_hot_encode_parameters": {
        "invalid_handling_strategy": "Keep",
        "drop_last": False,
        "output_style": "Columns",
    },
    "ordinal_encode_parameters": {"invalid_handling_strategy": "Replace with NaN"},
}
ORDINAL = {
    "operator": "Ordinal encode",
    "ordinal_encode_parameters": {"invalid_handling_strategy": "Replace with NaN"},
}
LOWER = (
    "# Table is available as variable `df`\n"
    "cat_cols = df.dtypes[df.dtypes == object].index\n"
    "df[cat_cols] = df[cat_cols].apply(lambda x: x.str.lower())\n"
)


def encoding(parameters: dict[str, Any], group: str, column: str) -> dict[str, Any]:
    return {**parameters, group: {**parameters[group], "input_column": column}}


def claims_like() -> str:
    """Source, types, pandas, symbols, one-hot and ordinal encoders, casts: a chain as in claims.flow."""
    steps: list[tuple[str, dict[str, Any]]] = [
        ("infer_and_cast_type_0.1", {}),
        ("custom_pandas_0.1", {"code": LOWER}),
        (
            "format_string_0.1",
            {
                "operator": "Remove symbols",
                "lower_case_parameters": {},
                "remove_symbols_parameters": {"symbols": "/-", "input_column": "driver"},
            },
        ),
        ("encode_categorical_0.1", encoding(ONE_HOT, "one_hot_encode_parameters", "driver")),
        ("encode_categorical_0.1", encoding(ORDINAL, "ordinal_encode_parameters", "severity")),
        (
            "cast_single_data_type_0.1",
            {"column": "driver_spouse", "original_data_type": "Float", "data_type": "long"},
        ),
        (
            "cast_single_data_type_0.1",
            {"column": "severity", "original_data_type": "Float", "data_type": "long"},
        ),
        (
            "cast_single_data_type_0.1",
            {"column": "amount", "original_data_type": "Long", "data_type": "float"},
        ),
    ]
    nodes = [source("s", "claims.csv")]
    for place, (operator, parameters) in enumerate(steps):
        nodes.append(node(f"n{place}", operator, parameters, nodes[-1]["node_id"]))
    return flow(*nodes)


def test_a_flow_like_awss_claims() -> None:
    given = table(
        {
            "policy": ["1", "2", "3", "4"],
            "driver": ["Self", "N/A", "Self", "Spouse"],
            "severity": ["Minor", "Major", "Minor", None],
            "amount": ["100", "250", "300", "75"],
        }
    )
    (made,), _ = run(claims_like(), {"claims.csv": given}, "n7")
    assert plain(made) == {
        "policy": [1, 2, 3, 4],
        "severity": [0, 1, 0, None],
        "amount": [100.0, 250.0, 300.0, 75.0],
        "driver_self": [1.0, 0.0, 1.0, 0.0],
        "driver_na": [0.0, 1.0, 0.0, 0.0],
        "driver_spouse": [0, 0, 0, 1],
    }
    assert kinds(made)["driver_spouse"] == "long"


def frame(rows: int, seed: int = 0) -> Table:
    rng = np.random.default_rng(seed)
    return table(
        {
            "x": rng.normal(10, 3, rows).tolist(),
            "y": [
                None if hole else value
                for hole, value in zip(rng.random(rows) < 0.1, rng.normal(size=rows).tolist(), strict=True)
            ],
            "t": [f"c{code}" for code in rng.integers(0, 5, rows)],
            "label": (rng.random(rows) < 0.2).astype(int).tolist(),
        }
    )


class TestAgainstOtherLibraries:
    def test_the_standard_scaler_is_sklearns_with_a_samples_deviation(self) -> None:
        given = frame(200)
        made = applied(
            *scaler("Standard scaler", "standard_scaler_parameters", input_column="x", center=True), given
        )
        theirs = StandardScaler().fit_transform(given[["x"]].to_numpy())[:, 0] * math.sqrt(199 / 200)
        np.testing.assert_allclose(made["x"].to_numpy(), theirs, rtol=1e-12)

    def test_one_hot_is_sklearns_in_another_order(self) -> None:
        given = frame(200)
        made = applied(
            *encode(
                "One-hot encode",
                "one_hot_encode_parameters",
                input_column="t",
                drop_last=False,
                output_style="Columns",
            ),
            given,
        )
        encoder = OneHotEncoder(sparse_output=False).fit(given[["t"]].astype(object))
        names = [f"t_{name}" for name in encoder.categories_[0]]
        np.testing.assert_array_equal(made[names].to_numpy(), encoder.transform(given[["t"]].astype(object)))
        counts = given["t"].value_counts()
        assert [name for name in made.columns if name.startswith("t_")] == [
            f"t_{name}" for name in sorted(counts.index, key=lambda each: (-counts[each], each))
        ]

    def test_smote_lies_between_neighbours_and_reaches_the_ratio(self) -> None:
        given = frame(300)
        parameters = {
            "operator": "SMOTE",
            "target_column": "label",
            "ratio": 0.8,
            "smote_params": {"num_neighbors": 3},
        }
        made = applied("balance_data_0.1", parameters, given)
        few, many = (given["label"] == 1).sum(), (given["label"] == 0).sum()
        assert (made["label"] == 1).sum() == round(0.8 * many)
        assert plain(made.head(300)) == plain(given)
        new, old = made.iloc[300:], given[given["label"] == 1]
        assert len(new) == round(0.8 * many) - few
        assert new["x"].between(old["x"].min(), old["x"].max()).all()
        assert set(new["t"]) <= set(old["t"])
        assert plain(applied("balance_data_0.1", parameters, given)) == plain(made)

    def test_splits_are_disjoint_and_whole(self) -> None:
        given = frame(997).assign(id=np.arange(997))
        splits = [
            {"name": "a", "percentage": 0.7},
            {"name": "b", "percentage": 0.2},
            {"name": "c", "percentage": 0.1},
        ]
        for value, group, more in [
            ("Randomized split", "randomized_split_parameters", {"seed": 5}),
            ("Stratified split", "stratified_split_parameters", {"input_column": "label"}),
            ("Split by key", "split_by_key_parameters", {"key_columns": ["id"]}),
        ]:
            parameters = {"operator": value, group: {"splits": splits, **more}}
            text = flow(source("s"), node("n", "split_0.1", parameters, "s", outputs=["a", "b", "c"]))
            made, _ = run(text, {"s": given}, "n.a", "n.b", "n.c")
            ids = [set(each["id"]) for each in made]
            assert sum(map(len, ids)) == len(set.union(*ids)) == 997, value
            assert [len(each) for each in ids] == [698, 200, 99] or value == "Stratified split"
            if value == "Stratified split":
                shares = [each["label"].astype(float).mean() for each in made]
                assert max(shares) - min(shares) < 0.01


class TestHostileData:
    COLUMN = '<script>"é 😀"</script> `x`.y'

    @pytest.mark.parametrize("rows", [0, 1])
    def test_a_table_of_no_row_or_one(self, rows: int) -> None:
        given = {"policy": ["1"], "driver": ["Self"], "severity": ["Minor"], "amount": ["100"]}
        tables = {"claims.csv": table({name: values[:rows] for name, values in given.items()})}
        if rows:
            (made,), _ = run(claims_like().replace("driver_spouse", "driver_self"), tables, "n7")
            assert plain(made)["driver_self"] == [1]
        else:
            with pytest.raises(NodeFailed, match=r"node n5 .*there is no column 'driver_spouse'"):
                run(claims_like(), tables, "n7")

    @pytest.mark.parametrize(
        ("operator", "parameters"),
        [
            impute("Numeric", "numeric_parameters", input_column="a", strategy="Mean"),
            impute("Categorical", "categorical_parameters", input_column="t"),
            scaler("Robust scaler", "robust_scaler_parameters"),
            ("balance_data_0.1", {"operator": "SMOTE", "target_column": "t", "ratio": 0.5}),
            (
                "split_0.1",
                {"operator": "Randomized split", "randomized_split_parameters": {"splits": HALVES}},
            ),
        ],
    )
    def test_what_needs_values_says_so(self, operator: str, parameters: dict[str, Any]) -> None:
        given = table({"a": [0.0], "t": ["x"]}).head(0)
        with pytest.raises(NodeFailed, match=r"node n .*(nothing to|exactly two labels|none falls into)"):
            applied(
                operator, parameters, given, outputs=("default",) if operator != "split_0.1" else ("Train",)
            )

    def test_a_thousand_categories(self) -> None:
        given = table({"a": [f"<{place}>" for place in range(1000)] * 2, "b": list(range(2000))})
        made = applied(
            *encode("One-hot encode", "one_hot_encode_parameters", drop_last=False, output_style="Columns"),
            given,
        )
        assert made.shape == (2000, 1001)
        assert (made.drop(columns="b").sum(axis=1) == 1).all()
        assert plain(applied(*encode("Ordinal encode", "ordinal_encode_parameters"), given))["a"][0] == 0.0

    def test_names_with_markup_spaces_and_quotes(self) -> None:
        name = self.COLUMN
        given = table({name: [1.0, 2.0, 100.0], "t": ["a", "b", "a"]})
        quoted = "`" + name.replace("`", "``") + "`"
        for operator, parameters in [
            scaler("Min-max scaler", "min_max_scaler_parameters", input_column=name),
            outliers("Quantile numeric outliers", "quantile_numeric_outliers_parameters", input_column=name),
            ("custom_formula_0.1", {"formula": f"{quoted} * 2", "output_column": f"{name} 2"}),
            (
                "manage_rows_0.1",
                {"operator": "Sort", "sort_parameters": {"sort_by": name, "order": "Descending"}},
            ),
            strings("Add prefix", "add_prefix_parameters", input_column=name, prefix="'; DROP TABLE df; --"),
        ]:
            assert name in applied(operator, parameters, given).columns, operator
        code = "select `<name>` from df".replace("<name>", name.replace("`", "``"))
        made = applied(
            "custom_code_0.1", {"operator": "SQL (PySpark SQL)", "sql_parameters": {"code": code}}, given
        )
        assert list(made.columns) == [name]

    def test_infinities_and_nan(self) -> None:
        given = table({"a": [1.0, 2.0, 3.0, math.inf, -math.inf, None]})
        made = applied(
            *outliers(
                "Standard deviation numeric outliers",
                "standard_deviation_numeric_outliers_parameters",
                standard_deviations=1,
            ),
            given,
        )
        assert plain(made)["a"] == [1.0, 2.0, 3.0, 3.0, 1.0, None]  # of 1, 2, 3: mean 2, deviation 1
