"""Process numeric: the four scalers, as Spark's machine-learning library computes them.

A missing value stays missing. A column that does not vary becomes 0 (standard, robust), the middle of the
range (min-max) or stays as it is (max absolute, all 0).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from local_aws.images.data_wrangler.operators.outliers import quantiles
from local_aws.images.data_wrangler.parameters import Column, EachColumn, Flag, Number
from local_aws.images.data_wrangler.problems import CannotDo
from local_aws.images.data_wrangler.registry import choice, operation
from local_aws.images.data_wrangler.trained import number, spark_model
from local_aws.images.data_wrangler.values import FLOAT, Table, new, numbers, with_column

OPERATOR = "sagemaker.spark.process_numeric_0.1"
SCALE = choice("Scale values", "scale_values_parameters")


def _scaler(value: str, group: str) -> Any:
    return choice(value, group, key="scaler")


def _state(
    trained: dict[str, Any], table: Table, name: str, names: dict[str, str], fit: Any
) -> dict[str, float]:
    """What the scaler has learned: from an earlier run, from AWS's saved model, or from the column now.

    Args:
        names: what is kept -> what it is called in Spark's model.
    """
    if all(name in trained for name in names):
        return {key: float(trained[key]) for key in names}
    if "scaler_model" in trained:
        row = spark_model(trained["scaler_model"])[0]
        return {key: number(row[spark]) for key, spark in names.items()}
    values = numbers(table, name).dropna().to_numpy()
    if not len(values):
        raise CannotDo(f"column {name!r} has no value at all: there is nothing to scale by")
    return {key: float(value) for key, value in zip(names, fit(values), strict=True)}


def _put(table: Table, name: str, output: str | None, values: Any) -> Table:
    return with_column(table, output or name, new(values, FLOAT))


@operation(
    OPERATOR,
    SCALE,
    _scaler("Standard scaler", "standard_scaler_parameters"),
    fits=("input_column", "center", "scale"),
    input_column=EachColumn(),
    output_column=Column(default=None),
    center=Flag(default=False),
    scale=Flag(default=True),
)
def standard_scaler(
    table: Table,
    trained: dict[str, Any],
    *,
    input_column: str,
    output_column: str | None,
    center: bool,
    scale: bool,
) -> tuple[Table, dict[str, Any]]:
    """Divided by the standard deviation of a sample, after the mean was taken off if asked for."""

    def fit(values: Any) -> tuple[float, float]:
        return values.mean(), values.std(ddof=1) if len(values) > 1 else 0.0

    state = _state(trained, table, input_column, {"mean": "mean", "std": "std"}, fit)
    values = numbers(table, input_column).to_numpy()
    if center:
        values = values - state["mean"]
    if scale:
        values = values * (1 / state["std"] if state["std"] else 0.0)
    return _put(table, input_column, output_column, values), state


@operation(
    OPERATOR,
    SCALE,
    _scaler("Robust scaler", "robust_scaler_parameters"),
    fits=("input_column", "center", "scale", "lower_quantile", "upper_quantile"),
    check=lambda values: (
        None
        if values["lower_quantile"] < values["upper_quantile"]
        else f"lower_quantile: found {values['lower_quantile']}; allowed: less than upper_quantile"
    ),
    input_column=EachColumn(),
    output_column=Column(default=None),
    lower_quantile=Number(low=0, high=1, default=0.25),
    upper_quantile=Number(low=0, high=1, default=0.75),
    center=Flag(default=False),
    scale=Flag(default=True),
)
def robust_scaler(
    table: Table,
    trained: dict[str, Any],
    *,
    input_column: str,
    output_column: str | None,
    lower_quantile: float,
    upper_quantile: float,
    center: bool,
    scale: bool,
) -> tuple[Table, dict[str, Any]]:
    """Divided by the distance of two quantiles, after the median was taken off if asked for."""

    def fit(values: Any) -> tuple[float, float]:
        low, high = quantiles(values, lower_quantile, upper_quantile)
        return float(np.quantile(values, 0.5, method="inverted_cdf")), high - low

    state = _state(trained, table, input_column, {"median": "median", "range": "range"}, fit)
    values = numbers(table, input_column).to_numpy()
    if center:
        values = values - state["median"]
    if scale:
        values = values * (1 / state["range"] if state["range"] else 0.0)
    return _put(table, input_column, output_column, values), state


@operation(
    OPERATOR,
    SCALE,
    _scaler("Min-max scaler", "min_max_scaler_parameters"),
    fits=("input_column", "min", "max"),
    check=lambda values: (
        None
        if values["min"] < values["max"]
        else f"min: found {values['min']}; allowed: less than max, {values['max']}"
    ),
    input_column=EachColumn(),
    output_column=Column(default=None),
    min=Number(default=0.0),
    max=Number(default=1.0),
)
def min_max_scaler(
    table: Table,
    trained: dict[str, Any],
    *,
    input_column: str,
    output_column: str | None,
    min: float,  # noqa: A002 - the parameter's name
    max: float,  # noqa: A002
) -> tuple[Table, dict[str, Any]]:
    """Between two numbers: the smallest value becomes the one, the largest the other."""
    names = {"original_min": "originalMin", "original_max": "originalMax"}
    state = _state(trained, table, input_column, names, lambda values: (values.min(), values.max()))
    low, high = state["original_min"], state["original_max"]
    values = numbers(table, input_column).to_numpy()
    share = (values - low) / (high - low) if high > low else np.where(np.isnan(values), np.nan, 0.5)
    return _put(table, input_column, output_column, share * (max - min) + min), state


@operation(
    OPERATOR,
    SCALE,
    _scaler("Max absolute scaler", "max_absolute_scaler_parameters"),
    fits=("input_column",),
    input_column=EachColumn(),
    output_column=Column(default=None),
)
def max_absolute_scaler(
    table: Table, trained: dict[str, Any], *, input_column: str, output_column: str | None
) -> tuple[Table, dict[str, Any]]:
    """Divided by the largest absolute value."""
    state = _state(
        trained, table, input_column, {"max_abs": "maxAbs"}, lambda values: (np.abs(values).max(),)
    )
    values = numbers(table, input_column).to_numpy() / (state["max_abs"] or 1.0)
    return _put(table, input_column, output_column, values), state
