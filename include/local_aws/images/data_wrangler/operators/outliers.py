"""Handle outliers: numbers beyond thresholds are clipped, removed or made missing; rare texts replaced."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from local_aws.images.data_wrangler.parameters import Column, EachColumn, Number, OneOf, Text, Whole
from local_aws.images.data_wrangler.problems import CannotDo
from local_aws.images.data_wrangler.registry import choice, operation
from local_aws.images.data_wrangler.values import (
    FLOAT,
    Table,
    column,
    from_arrow,
    kind_of,
    new,
    numbers,
    rows,
    texts,
    with_column,
)

OPERATOR = "sagemaker.spark.handle_outliers_0.1"
FIX_METHODS = OneOf("Clip", "Remove", "Invalidate", default="Clip")
QUANTILES = ("fix_method", "lower_quantile=", "upper_quantile=")


def fixed(table: Table, name: str, output: str | None, method: str, between: tuple[float, float]) -> Table:
    """The table without the outliers of one column, by one of the three methods."""
    lower, upper = between
    values = numbers(table, name)
    inside = (values >= lower) & (values <= upper)
    if method == "Remove":  # also what is missing: it is not between the thresholds
        return rows(with_column(table, output or name, table[name]), inside)
    if method == "Clip":
        return with_column(table, output or name, new(values.clip(lower, upper), FLOAT))
    return with_column(table, output or name, column(table, name).where(inside))


def spread(values: Any, deviations: float) -> tuple[float, float]:
    """Mean less and plus so many standard deviations (of a sample); 0 and 0 for fewer than two values."""
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return 0.0, 0.0
    mean, deviation = float(values.mean()), float(values.std(ddof=1))
    return mean - deviations * deviation, mean + deviations * deviation


def quantiles(values: Any, lower: float, upper: float) -> tuple[float, float]:
    """Two quantiles, each a value that occurs: AWS's are such, within 0.1 % of the rank."""
    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0, 0.0
    low, high = np.quantile(known, [lower, upper], method="inverted_cdf")
    return float(low), float(high)


def _learned(trained: dict[str, Any], fit: Any) -> tuple[float, float]:
    lower, upper = trained.get("lower_threshold"), trained.get("upper_threshold")
    if lower is None or upper is None:
        return fit()  # type: ignore[no-any-return]
    return float(lower), float(upper)


def _ordered(values: Any) -> str | None:
    low, high = values["lower_quantile"], values["upper_quantile"]
    return None if low <= high else f"lower_quantile: found {low}; allowed: at most upper_quantile, {high}"


@operation(
    OPERATOR,
    choice("Standard deviation numeric outliers", "standard_deviation_numeric_outliers_parameters"),
    fits=("standard_deviations", "fix_method"),
    input_column=EachColumn(),
    output_column=Column(default=None),
    fix_method=FIX_METHODS,
    standard_deviations=Number(low=0, default=4.0),
)
def standard_deviation(
    table: Table,
    trained: dict[str, Any],
    *,
    input_column: str,
    output_column: str | None,
    fix_method: str,
    standard_deviations: float,
) -> tuple[Table, dict[str, Any]]:
    """Outliers lie more than so many standard deviations from the mean."""
    values = numbers(table, input_column).to_numpy()
    lower, upper = _learned(trained, lambda: spread(values, standard_deviations))
    done = fixed(table, input_column, output_column, fix_method, (lower, upper))
    return done, {"lower_threshold": lower, "upper_threshold": upper}


@operation(
    OPERATOR,
    choice(
        "Robust standard deviation numeric outliers", "robust_standard_deviation_numeric_outliers_parameters"
    ),
    fits=(*QUANTILES, "standard_deviations"),
    check=_ordered,
    input_column=EachColumn(),
    output_column=Column(default=None),
    fix_method=FIX_METHODS,
    lower_quantile=Number(low=0, high=1, default=0.25),
    upper_quantile=Number(low=0, high=1, default=0.75),
    standard_deviations=Number(low=0, default=4.0),
)
def robust_standard_deviation(
    table: Table,
    trained: dict[str, Any],
    *,
    input_column: str,
    output_column: str | None,
    fix_method: str,
    lower_quantile: float,
    upper_quantile: float,
    standard_deviations: float,
) -> tuple[Table, dict[str, Any]]:
    """The same, with mean and standard deviation of the values between two quantiles."""
    values = numbers(table, input_column).to_numpy()

    def fit() -> tuple[float, float]:
        low, high = quantiles(values, lower_quantile, upper_quantile)
        return spread(values[(values >= low) & (values <= high)], standard_deviations)

    lower, upper = _learned(trained, fit)
    done = fixed(table, input_column, output_column, fix_method, (lower, upper))
    return done, {"lower_threshold": lower, "upper_threshold": upper}


@operation(
    OPERATOR,
    choice("Quantile numeric outliers", "quantile_numeric_outliers_parameters"),
    fits=QUANTILES,
    check=_ordered,
    input_column=EachColumn(),
    output_column=Column(default=None),
    fix_method=FIX_METHODS,
    lower_quantile=Number(low=0, high=1, default=0.01),
    upper_quantile=Number(low=0, high=1, default=0.99),
)
def quantile(
    table: Table,
    trained: dict[str, Any],
    *,
    input_column: str,
    output_column: str | None,
    fix_method: str,
    lower_quantile: float,
    upper_quantile: float,
) -> tuple[Table, dict[str, Any]]:
    """Outliers lie beyond two quantiles."""
    values = numbers(table, input_column).to_numpy()
    lower, upper = _learned(trained, lambda: quantiles(values, lower_quantile, upper_quantile))
    done = fixed(table, input_column, output_column, fix_method, (lower, upper))
    return done, {"lower_threshold": lower, "upper_threshold": upper}


@operation(
    OPERATOR,
    choice("Min-max numeric outliers", "min_max_numeric_outliers_parameters"),
    check=lambda values: (
        None
        if values["lower_threshold"] <= values["upper_threshold"]
        else f"lower_threshold: found {values['lower_threshold']}; allowed: at most upper_threshold"
    ),
    input_column=EachColumn(),
    output_column=Column(default=None),
    fix_method=FIX_METHODS,
    lower_threshold=Number(),
    upper_threshold=Number(),
)
def min_max(
    table: Table,
    *,
    input_column: str,
    output_column: str | None,
    fix_method: str,
    lower_threshold: float,
    upper_threshold: float,
) -> Table:
    """Outliers lie beyond two given numbers."""
    return fixed(table, input_column, output_column, fix_method, (lower_threshold, upper_threshold))


@operation(
    OPERATOR,
    choice("Replace rare values", "replace_rare_values_parameters"),
    fits=("replacement_string", "absolute_threshold=", "fraction_threshold=", "max_common_categories="),
    input_column=EachColumn(),
    output_column=Column(default=None),
    replacement_string=Text(),
    absolute_threshold=Whole(low=0, default=10),
    fraction_threshold=Number(low=0, high=1, default=0.005),
    max_common_categories=Whole(low=0, high=100, default=0),
)
def replace_rare_values(
    table: Table,
    trained: dict[str, Any],
    *,
    input_column: str,
    output_column: str | None,
    replacement_string: str,
    absolute_threshold: int,
    fraction_threshold: float,
    max_common_categories: int,
) -> tuple[Table, dict[str, Any]]:
    """Replace texts that occur at most so many times or in at most such a share of the rows.

    As on AWS, a missing value is rare, too.
    """
    series = column(table, input_column)
    if kind_of(series) == FLOAT:
        raise CannotDo(f"column {input_column!r} is float; allowed: texts and integers, so cast it first")
    text = from_arrow(texts(series).cast(pa.large_string()))
    common = trained.get("common_categories")
    if common is None:
        counts = text.value_counts()
        counts = counts[counts > max(fraction_threshold * len(text), absolute_threshold)]
        ordered = sorted(counts.index, key=lambda value: (-counts[value], value))
        common = ordered[:max_common_categories] if max_common_categories else ordered
    kept = text.isin([str(value) for value in common])
    return with_column(table, output_column or input_column, text.where(kept, replacement_string)), {
        "common_categories": list(common)
    }
