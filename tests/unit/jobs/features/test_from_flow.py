"""A fitted flow as a transformer: the container's own table is the oracle, step by step."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aws_ml import flow as declared_flow
from jobs.features import from_flow
from jobs.features.columns import FeatureError
from jobs.features.encoders import Training
from jobs.features.transformer import FeatureTransformer, Learned
from tests.support.data_wrangler import flow, node, run, source, table

ROWS = 60
DRAW = np.random.default_rng(9)
TYPES = {
    "id": "string",
    "age": "integer",
    "pay": "number",
    "debt": "number",
    "town": "string",
    "y": "integer",
}
COLUMNS: dict[str, list[Any]] = {
    "id": [f"k{place:02}" for place in range(ROWS)],
    "age": [int(value) for value in DRAW.integers(18, 80, ROWS)],
    "pay": [float(value) if place % 7 else None for place, value in enumerate(DRAW.lognormal(3, 1, ROWS))],
    "debt": [float(value) for value in DRAW.normal(50, 9, ROWS)],
    "town": [["Bonn", "Kiel", "Ulm", None][value] for value in DRAW.integers(0, 4, ROWS)],
    "y": [place % 2 for place in range(ROWS)],
}
RAW = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in COLUMNS.items()})
TRAINING = Training(np.array(COLUMNS["y"]) == 1, np.ones(ROWS), COLUMNS["id"])


def one(operator: str, group: str, **parameters: Any) -> dict[str, Any]:
    return {"operator": operator, group: parameters}


def impute(*columns: str, strategy: str = "Approximate Median") -> dict[str, Any]:
    numeric = {"input_column": list(columns), "strategy": strategy}
    return one("Impute", "impute_parameters", column_type="Numeric", numeric_parameters=numeric)


def scaled(scaler: str, group: str, *columns: str, **options: Any) -> dict[str, Any]:
    inner = {"scaler": scaler, group: {"input_column": list(columns), **options}}
    return one("Scale values", "scale_values_parameters", **inner)


MISSING, NUMERIC, OUTLIERS = "handle_missing_0.1", "process_numeric_0.1", "handle_outliers_0.1"
ENCODE, MANAGE, FORMULA = "encode_categorical_0.1", "manage_columns_0.1", "custom_formula_0.1"
FILL_TOWN = (MISSING, one("Fill missing", "fill_missing_parameters", input_column=["town"], fill_value="?"))
ONE_HOT = (
    ENCODE,
    one(
        "One-hot encode",
        "one_hot_encode_parameters",
        input_column=["town"],
        invalid_handling_strategy="Keep",
        drop_last=False,
        output_style="Columns",
    ),
)
NO_TOWN = (MANAGE, one("Drop column", "drop_column_parameters", column_to_drop=["town"]))
FILLED = (MISSING, impute("pay"))
Steps = list[tuple[str, dict[str, Any]]]


def fitted(steps: Steps) -> tuple[dict[str, Any], pa.Table]:
    """The flow with what the container has learned, and the container's table."""
    nodes = [source("curated")]
    for place, (operator, parameters) in enumerate(steps):
        nodes.append(node(f"n{place}", operator, parameters, nodes[-1]["node_id"]))
    ((made,), ended) = run(flow(*nodes), {"curated": table(COLUMNS)}, nodes[-1]["node_id"], refit=True)
    return ended.refitted(), pa.Table.from_pandas(made, preserve_index=False)


def carried(steps: Steps) -> Learned:
    document, made = fitted(steps)
    found = from_flow.features(document, document["nodes"][-1]["node_id"], TYPES, ["id", "y"])
    shuffled = made.take(pa.array(DRAW.permutation(made.num_rows)))
    return from_flow.checked(found, RAW, "id", shuffled, TRAINING)


@pytest.mark.parametrize(
    ("steps", "outputs"),
    [
        ([NO_TOWN, FILLED], ["age", "pay", "debt"]),
        ([NO_TOWN, (MISSING, impute("pay", "age", strategy="Mean"))], ["age", "pay", "debt"]),
        (
            [
                NO_TOWN,
                FILLED,
                (NUMERIC, scaled("Standard scaler", "standard_scaler_parameters", "pay", "age", center=True)),
            ],
            ["age", "pay", "debt"],
        ),
        ([NO_TOWN, FILLED, (NUMERIC, scaled("Standard scaler", "standard_scaler_parameters", "pay"))], None),
        (
            [
                NO_TOWN,
                FILLED,
                (NUMERIC, scaled("Robust scaler", "robust_scaler_parameters", "debt", center=True)),
            ],
            None,
        ),
        (
            [
                NO_TOWN,
                FILLED,
                (NUMERIC, scaled("Min-max scaler", "min_max_scaler_parameters", "debt", "age")),
            ],
            None,
        ),
        (
            [
                NO_TOWN,
                FILLED,
                (NUMERIC, scaled("Max absolute scaler", "max_absolute_scaler_parameters", "debt")),
            ],
            None,
        ),
        (
            [
                NO_TOWN,
                (
                    OUTLIERS,
                    one(
                        "Quantile numeric outliers",
                        "quantile_numeric_outliers_parameters",
                        input_column=["pay", "debt"],
                        fix_method="Clip",
                        lower_quantile=0.1,
                        upper_quantile=0.9,
                    ),
                ),
                FILLED,
            ],
            None,
        ),
        (
            [
                NO_TOWN,
                FILLED,
                (
                    OUTLIERS,
                    one(
                        "Min-max numeric outliers",
                        "min_max_numeric_outliers_parameters",
                        input_column=["pay"],
                        fix_method="Clip",
                        lower_threshold=30,
                        upper_threshold=60,
                    ),
                ),
            ],
            None,
        ),
        (
            [
                NO_TOWN,
                (
                    MISSING,
                    one(
                        "Add indicator for missing",
                        "add_indicator_for_missing_parameters",
                        input_column=["pay"],
                    ),
                ),
                FILLED,
            ],
            ["age", "pay", "pay.missing", "debt"],
        ),
        (
            [FILLED, FILL_TOWN, ONE_HOT],
            ["age", "pay", "debt", "town=?", "town=Bonn", "town=Kiel", "town=Ulm"],
        ),
        ([FILLED, ONE_HOT], ["age", "pay", "debt", "town=Bonn", "town=Kiel", "town=Ulm"]),
        (
            [
                FILLED,
                FILL_TOWN,
                (ENCODE, one("Ordinal encode", "ordinal_encode_parameters", input_column=["town"])),
            ],
            ["age", "pay", "debt", "town.order"],
        ),
        (
            [
                FILLED,
                (
                    MISSING,
                    one(
                        "Impute",
                        "impute_parameters",
                        column_type="Categorical",
                        categorical_parameters={"input_column": ["town"]},
                    ),
                ),
                ONE_HOT,
            ],
            ["age", "pay", "debt", "town=Bonn", "town=Kiel", "town=Ulm"],
        ),
        (
            [NO_TOWN, FILLED, (FORMULA, {"formula": "pay * age", "output_column": "both"})],
            ["age", "pay", "debt", "pay*age"],
        ),
        (
            [NO_TOWN, (FORMULA, {"formula": "`debt` / age", "output_column": "share"}), FILLED],
            ["age", "pay", "debt", "debt/age"],
        ),
        (
            [
                NO_TOWN,
                FILLED,
                (FORMULA, {"formula": "pay * age", "output_column": "both"}),
                (MANAGE, one("Drop column", "drop_column_parameters", column_to_drop=["pay", "debt"])),
            ],
            ["age", "pay*age"],
        ),
        (
            [
                NO_TOWN,
                FILLED,
                (
                    MANAGE,
                    one("Rename column", "rename_column_parameters", input_column="pay", new_name="wage"),
                ),
            ],
            ["age", "debt", "pay"],
        ),
        ([NO_TOWN, ("infer_and_cast_type_0.1", {}), FILLED], ["age", "pay", "debt"]),
        (
            [
                NO_TOWN,
                FILLED,
                ("cast_single_data_type_0.1", {"column": "age", "data_type": "string"}),
                (
                    ENCODE,
                    one(
                        "One-hot encode",
                        "one_hot_encode_parameters",
                        input_column=["age"],
                        drop_last=False,
                        output_style="Columns",
                    ),
                ),
            ],
            None,
        ),
    ],
)
def test_each_step_gives_what_the_container_gives(steps: Steps, outputs: list[str] | None):
    """``carried`` compares every value with the container's table; it also survives its JSON."""
    learned = carried(steps)
    if outputs is not None:
        assert list(learned.transformer.outputs) == outputs
    again = FeatureTransformer.from_json(learned.transformer.to_json())
    assert again.transform(RAW).tobytes() == learned.train.tobytes()
    assert np.isfinite(learned.train).all()


def test_a_new_value_is_as_the_flow_says():
    keeps = carried([FILLED, FILL_TOWN, ONE_HOT]).transformer
    strange = RAW.iloc[:1].assign(town="Jena")
    places = [place for place, name in enumerate(keeps.outputs) if name.startswith("town=")]
    assert keeps.transform(strange)[0, places].tolist() == [0, 0, 0, 0]
    ordinal = (ENCODE, one("Ordinal encode", "ordinal_encode_parameters", input_column=["town"]))
    with pytest.raises(FeatureError, match="town: 'Jena' was not among the training rows' values"):
        carried([FILLED, FILL_TOWN, ordinal]).transformer.transform(strange)


def test_a_number_that_differs_is_found_before_anything_is_learned_from_it():
    document, made = fitted([NO_TOWN, FILLED])
    found = from_flow.features(document, "n1", TYPES, ["id", "y"])
    values = made.column("debt").to_pylist()
    values[17] *= 1.00001
    other = made.set_column(made.column_names.index("debt"), "debt", pa.array(values))
    with pytest.raises(FeatureError, match=r"debt: 1 training rows differ .* e\.g\. id k17: .* there"):
        from_flow.checked(found, RAW, "id", other, TRAINING)
    with pytest.raises(FeatureError, match="the flow made 59 rows of 60 training rows"):
        from_flow.checked(found, RAW, "id", made.slice(1), TRAINING)
    with pytest.raises(FeatureError, match="the flow's table lacks id, by which its rows are compared"):
        from_flow.checked(found, RAW, "id", made.drop_columns(["id"]), TRAINING)
    with pytest.raises(FeatureError, match="debt: the flow's table has no column debt; it has id, age"):
        from_flow.checked(found, RAW, "id", made.drop_columns(["debt"]), TRAINING)


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ([FILLED], "the flow leaves town a text; encode it or drop it"),
        (
            [NO_TOWN, ("custom_pandas_0.1", {"code": "df = df"})],
            r"node n1: custom_pandas_0\.1 cannot be done to a single record; allowed: .*One-hot encode",
        ),
        (
            [
                FILLED,
                FILL_TOWN,
                (
                    ENCODE,
                    one(
                        "One-hot encode",
                        "one_hot_encode_parameters",
                        input_column=["town"],
                        output_style="Columns",
                        drop_last=True,
                    ),
                ),
            ],
            "found drop_last True; allowed: False",
        ),
        (
            [NO_TOWN, FILLED, *[(NUMERIC, scaled("Robust scaler", "robust_scaler_parameters", "pay"))] * 2],
            "node n3: pay is scaled a second time",
        ),
        (
            [NO_TOWN, FILLED, (FORMULA, {"formula": "sqrt(pay)", "output_column": "root"})],
            r"found the formula sqrt\(pay\); allowed: a \* b or a / b of two columns",
        ),
        (
            [NO_TOWN, FILLED, (FORMULA, {"formula": "pay / debt", "output_column": "share"})],
            "a ratio of columns that were changed before; allowed: of raw ones",
        ),
        (
            [
                NO_TOWN,
                FILLED,
                (FORMULA, {"formula": "pay * debt", "output_column": "both"}),
                (NUMERIC, scaled("Robust scaler", "robust_scaler_parameters", "pay")),
            ],
            "node n3: pay is changed after a product was made of it",
        ),
        (
            [
                NO_TOWN,
                FILLED,
                (
                    NUMERIC,
                    scaled("Min-max scaler", "min_max_scaler_parameters", "pay", min=-1, max=1),
                ),
            ],
            "a min-max scaler to another range; allowed: 0 to 1",
        ),
        (
            [NO_TOWN, (MISSING, {**impute("pay"), "impute_parameters": {**impute("pay")["impute_parameters"],
             "numeric_parameters": {"input_column": ["pay"], "strategy": "Mean", "output_column": "paid"}}})],
            "found an output_column; allowed: none",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_over_is_named(steps: Steps, complaint: str):
    with pytest.raises(FeatureError, match=complaint):
        carried(steps)


def test_a_flow_that_is_not_fitted_is_refused():
    document, _ = fitted([NO_TOWN, FILLED])
    for each in document["nodes"]:
        each["trained_parameters"] = {}
    with pytest.raises(FeatureError, match="node n1: it has learned nothing of pay: the flow is not fitted"):
        from_flow.features(document, "n1", TYPES, ["id", "y"])


def saved(row: Mapping[str, Any]) -> str:
    """A Spark model as AWS keeps it in a flow."""
    data = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([row]), data)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("metadata/part-00000", "{}")
        packed.writestr("data/part-00000-c000.snappy.parquet", data.getvalue())
    return base64.b85encode(archive.getvalue()).decode()


def test_what_aws_has_learned_is_read_from_its_saved_models():
    """AWS keeps encoders and scalers as Spark models, not as plain numbers."""
    steps: Steps = [
        FILLED,
        (NUMERIC, scaled("Standard scaler", "standard_scaler_parameters", "debt", center=True)),
        FILL_TOWN,
        ONE_HOT,
    ]
    document, made = fitted(steps)
    plain = from_flow.features(document, "n3", TYPES, ["id", "y"])
    scaler = document["nodes"][2]["trained_parameters"]["scale_values_parameters"]
    state = scaler["standard_scaler_parameters"]
    vector = {name: {"type": 1, "values": [state.pop(name)]} for name in ("mean", "std")}
    state["scaler_model"] = saved(vector)
    encoder = document["nodes"][4]["trained_parameters"]["one_hot_encode_parameters"]
    labels = encoder.pop("encoder_mapping")
    encoder["string_indexer_model"] = saved({"labelsArray": [list(labels.values())]})
    found = from_flow.features(document, "n3", TYPES, ["id", "y"])
    assert found.transformer == plain.transformer
    from_flow.checked(found, RAW, "id", made, TRAINING)
    encoder["string_indexer_model"] = "no archive"
    with pytest.raises(FeatureError, match="node n3: what it has learned of town cannot be read"):
        from_flow.features(document, "n3", TYPES, ["id", "y"])


def test_what_is_checked_when_a_file_is_loaded_is_what_can_be_carried_over():
    ways = {(operator, names) for operator, all_ways in declared_flow.CARRIED.items() for names in all_ways}
    assert ways == from_flow.CARRIED


def test_the_samples_flow_can_be_carried_over():
    folder = Path("include/jobs/flows")
    document = json.loads((folder / "loan_approval_features.flow").read_text())
    assert list(declared_flow.not_carried(document)) == []
    assert list(declared_flow.faults(document, "encoded")) == []
    other = json.loads((folder / "loan_approval.flow").read_text())
    assert any("node sample: found Stratified split" in fault for fault in declared_flow.not_carried(other))
