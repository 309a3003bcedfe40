"""Custom formula: a new column from an expression of Spark SQL."""

from __future__ import annotations

from local_aws.images.data_wrangler.parameters import Column, Text
from local_aws.images.data_wrangler.registry import operation
from local_aws.images.data_wrangler.sql import formula, formula_problem
from local_aws.images.data_wrangler.values import Table, with_column


@operation(
    "sagemaker.spark.custom_formula_0.1",
    check=lambda values: formula_problem(values["formula"]),
    formula=Text(),
    output_column=Column(),
)
def custom_formula(table: Table, *, formula: str, output_column: str) -> Table:
    """One value a row, from columns and constants."""
    return with_column(table, output_column, _formula(table, formula))


_formula = formula
