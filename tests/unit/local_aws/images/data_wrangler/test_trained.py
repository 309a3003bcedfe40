"""Encoders and scalers that AWS has trained: Spark models in the flow are read and used.

spark_models.json holds models that PySpark 3.5.6 fitted on a = 1, 2, 4, null and t = x, y, y, z and saved, in
the form in which AWS's container keeps them (zipped, in base 85).
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from local_aws.images.data_wrangler.problems import CannotDo, NodeFailed
from local_aws.images.data_wrangler.registry import REGISTRY
from local_aws.images.data_wrangler.trained import digest, number, spark_model
from tests.support.data_wrangler import PREFIX, applied, plain, table
from tests.unit.local_aws.images.data_wrangler.cases import encode, impute, scaler

MODELS = json.loads((Path(__file__).parent / "spark_models.json").read_text())["models"]


def trained(operator: str, parameters: dict[str, Any], column: str, **models: str) -> dict[str, Any]:
    """Trained parameters of a node as AWS writes them."""
    meaning, wrong = REGISTRY.select(PREFIX + operator, parameters)
    assert meaning, wrong
    made: Any = {"_hash": digest(meaning, column), **models}
    for level in reversed(meaning.operation.path):
        made = {level.group: made}
    return dict(made)


def made_with(operator: str, parameters: dict[str, Any], given: Any, column: str = "a", **models: str) -> Any:
    state = trained(operator, parameters, column, **models)
    return plain(applied(operator, parameters, table(given), trained=state))


def test_categories_keep_their_order() -> None:
    operator, parameters = encode(
        "Ordinal encode", "ordinal_encode_parameters", input_column="t", invalid_handling_strategy="Keep"
    )
    made = made_with(
        operator, parameters, {"t": ["z", "y", "new"]}, "t",
        string_indexer_model=MODELS["string_indexer_model"],
    )  # fmt: skip
    assert made == {"t": [2.0, 0.0, 3.0]}  # Spark: y twice, then x and z by the alphabet; 3 is new


def test_a_mean_is_kept() -> None:
    operator, parameters = impute("Numeric", "numeric_parameters", input_column="a", strategy="Mean")
    made = made_with(operator, parameters, {"a": [9.0, None]}, imputer_model=MODELS["imputer_model"])
    assert made == {"a": [9.0, pytest.approx(7 / 3)]}


@pytest.mark.parametrize(
    ("name", "group", "model", "more", "value"),
    [
        # of 1, 2, 4: deviation sqrt(7/3), mean 7/3
        ("Standard scaler", "standard_scaler_parameters", "StandardScalerModel", {"center": True},
         (8 - 7 / 3) / (7 / 3) ** 0.5),
        ("Robust scaler", "robust_scaler_parameters", "RobustScalerModel", {"center": True}, (8 - 2) / 3),
        ("Min-max scaler", "min_max_scaler_parameters", "MinMaxScalerModel", {}, 7 / 3),
        ("Max absolute scaler", "max_absolute_scaler_parameters", "MaxAbsScalerModel", {}, 2.0),
    ],
)  # fmt: skip
def test_a_scaler_is_kept(name: str, group: str, model: str, more: Any, value: float) -> None:
    operator, parameters = scaler(name, group, **more)
    made = made_with(operator, parameters, {"a": [8.0]}, scaler_model=MODELS[model])
    assert made == {"a": [pytest.approx(value)]}


def test_the_scalers_fit_as_sparks_do() -> None:
    """The same columns fitted here give the numbers that Spark's models hold."""
    row = spark_model(MODELS["StandardScalerModel"])[0]
    values = table({"a": [1.0, 2.0, 4.0, None]})
    made = plain(applied(*scaler("Standard scaler", "standard_scaler_parameters", center=True), values))["a"]
    assert made[0] == pytest.approx((1 - number(row["mean"])) / number(row["std"]))
    row = spark_model(MODELS["RobustScalerModel"])[0]
    made = plain(applied(*scaler("Robust scaler", "robust_scaler_parameters", center=True), values))["a"]
    assert made[2] == pytest.approx((4 - number(row["median"])) / number(row["range"]))


def zipped(**files: bytes) -> str:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_parquet", ".parquet"), content)
    return base64.b85encode(buffer.getvalue()).decode()


@pytest.mark.parametrize(
    "encoded",
    ["", "no base 85 \x00", base64.b85encode(b"no zip").decode(), zipped(metadata__part=b"{}"),
     zipped(data__part_parquet=b"no parquet")],
)  # fmt: skip
def test_a_broken_model_is_refused_in_words(encoded: str) -> None:
    with pytest.raises(CannotDo, match="the trained model in the flow"):
        spark_model(encoded)


def test_a_broken_model_fails_its_node() -> None:
    operator, parameters = scaler("Max absolute scaler", "max_absolute_scaler_parameters")
    with pytest.raises(NodeFailed, match=r"node n .*Max absolute scaler\): the trained model"):
        made_with(operator, parameters, {"a": [1.0]}, scaler_model="!")
