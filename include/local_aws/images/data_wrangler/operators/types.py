"""Types: infer and cast all columns, or cast one."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from local_aws.images.data_wrangler.parameters import Anything, Column, OneOf, Scalar, Text
from local_aws.images.data_wrangler.problems import CannotDo, listed
from local_aws.images.data_wrangler.registry import operation
from local_aws.images.data_wrangler.values import (
    DATA_TYPES,
    DATE,
    STRING,
    Table,
    cast,
    column,
    from_arrow,
    infer,
    new,
    rows,
    texts,
    with_column,
)

HANDLING = (
    "replace_null",
    "replace_null_with_new_col",
    "replace_value",
    "replace_value_with_new_col",
    "drop",
)
KEPT = ("array", "struct", "object", "vector")  # kinds in a schema that ask for no cast


@operation("sagemaker.spark.infer_and_cast_type_0.1", fits=())
def infer_and_cast_type(table: Table, trained: dict[str, Any]) -> tuple[Table, dict[str, Any]]:
    """Give every column the type that its first 5,000 values have; a schema that was learned is kept."""
    schema = trained.get("schema") or {name: infer(table[name]) for name in table.columns}
    absent = [name for name in schema if name not in table.columns]
    surplus = [name for name in table.columns if name not in schema]
    if absent or surplus:
        raise CannotDo(
            "the learned schema is of another table: "
            + "; ".join(
                f"{word} {listed(names)}" for word, names in (("lacks", surplus), ("has", absent)) if names
            )
        )
    return pd.DataFrame(
        {
            name: table[name] if schema[name] in KEPT else cast(table[name], schema[name])
            for name in table.columns
        },
        index=table.index,
        copy=False,
    ), {"schema": schema}


@operation(
    "sagemaker.spark.cast_single_data_type_0.1",
    column=Column(),
    data_type=OneOf(*DATA_TYPES),
    original_data_type=Anything(),
    non_castable_data_handling_method=OneOf(*HANDLING, default="replace_null"),
    replace_value=Scalar(default=None),
    date_formatting=Text(default="dd-MM-yyyy"),
    datetime_formatting=Text(default=None),
)
def cast_single_data_type(
    table: Table,
    *,
    column: str,
    data_type: str,
    original_data_type: Any,
    non_castable_data_handling_method: str,
    replace_value: Any,
    date_formatting: str,
    datetime_formatting: str | None,
) -> Table:
    """Cast one column; what cannot be cast is missing, replaced, or its row dropped.

    As on AWS, what was missing before counts as not castable: it is replaced or dropped as well.
    """
    before = _column(table, column)
    after = cast(before, data_type, date_formatting if data_type == DATE else datetime_formatting)
    failed = after.isna().astype(bool)
    if non_castable_data_handling_method == "drop":
        return rows(with_column(table, column, after), ~failed)
    if "value" in non_castable_data_handling_method:
        one = cast(new([None if replace_value is None else str(replace_value)], STRING), data_type)
        if replace_value is not None and one.isna().iloc[0]:
            raise CannotDo(f"replace_value {replace_value!r} cannot be {data_type}")
        after = after.where(~failed, one.iloc[0])
    done = with_column(table, column, after)
    if non_castable_data_handling_method.endswith("new_col"):
        name = f"{column}_typecast_error"
        if name in table.columns:
            raise CannotDo(f"there is already a column {name!r}")
        old = from_arrow(texts(before).cast(pa.large_string()))
        done.insert(list(done.columns).index(column) + 1, name, old.where(failed, ""))
    return done


_column = column
