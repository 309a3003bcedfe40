"""Manage columns: drop, duplicate, rename, move, concatenate."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from local_aws.images.data_wrangler.parameters import Column, Columns, Records, Text, Whole
from local_aws.images.data_wrangler.problems import CannotDo
from local_aws.images.data_wrangler.registry import Choice, choice, operation
from local_aws.images.data_wrangler.values import Table, column, from_arrow, texts, with_column

OPERATOR = "sagemaker.spark.manage_columns_0.1"
MOVE = choice("Move column", "move_column_parameters")


def _move(value: str, group: str) -> Choice:
    return choice(value, group, key="move_type")


def _be_new(table: Table, name: str) -> None:
    if name in table.columns:
        raise CannotDo(f"there is already a column {name!r}")


@operation(OPERATOR, choice("Drop column", "drop_column_parameters"), column_to_drop=Columns())
def drop_column(table: Table, *, column_to_drop: tuple[str, ...]) -> Table:
    """Drop columns."""
    for name in column_to_drop:
        column(table, name)
    return table.drop(columns=list(column_to_drop))


@operation(
    OPERATOR,
    choice("Duplicate column", "duplicate_column_parameters"),
    input_column=Column(),
    new_name=Column(),
)
def duplicate_column(table: Table, *, input_column: str, new_name: str) -> Table:
    """Copy a column to the end under a new name."""
    _be_new(table, new_name)
    return with_column(table, new_name, column(table, input_column))


@operation(
    OPERATOR,
    choice("Rename column", "rename_column_parameters"),
    check=lambda values: (
        None
        if values["columns_to_rename"] or (values["input_column"] and values["new_name"])
        else "input_column and new_name: missing; allowed: both, or columns_to_rename"
    ),
    input_column=Column(default=None),
    new_name=Column(default=None),
    columns_to_rename=Records(default=None, low=0, fields={"input_column": Column(), "new_name": Column()}),
)
def rename_column(
    table: Table,
    *,
    input_column: str | None,
    new_name: str | None,
    columns_to_rename: list[dict[str, str]] | None,
) -> Table:
    """Rename columns, one after the other."""
    pairs = list(columns_to_rename or [])
    if input_column and new_name:
        pairs.append({"input_column": input_column, "new_name": new_name})
    for pair in pairs:
        column(table, pair["input_column"])
        _be_new(table, pair["new_name"])
        table = table.rename(columns={pair["input_column"]: pair["new_name"]})
    return table


def moved(table: Table, names: tuple[str, ...], index: int) -> Table:
    """The columns, in their own order, from ``index`` among the others on."""
    for name in names:
        column(table, name)
    taken = [name for name in table.columns if name in names]
    others = [name for name in table.columns if name not in names]
    return table[others[:index] + taken + others[index:]]


def _place(table: Table, names: tuple[str, ...], target: str) -> int:
    column(table, target)
    if target in names:
        raise CannotDo(f"target_column {target!r} is one of the columns to move")
    return [name for name in table.columns if name not in names].index(target)


@operation(OPERATOR, MOVE, _move("Move to start", "move_to_start_parameters"), column_to_move=Columns())
def move_to_start(table: Table, *, column_to_move: tuple[str, ...]) -> Table:
    """Move columns to the front."""
    return moved(table, column_to_move, 0)


@operation(OPERATOR, MOVE, _move("Move to end", "move_to_end_parameters"), column_to_move=Columns())
def move_to_end(table: Table, *, column_to_move: tuple[str, ...]) -> Table:
    """Move columns to the end."""
    return moved(table, column_to_move, len(table.columns))


@operation(
    OPERATOR,
    MOVE,
    _move("Move to index", "move_to_index_parameters"),
    column_to_move=Columns(),
    index=Whole(low=0),
)
def move_to_index(table: Table, *, column_to_move: tuple[str, ...], index: int) -> Table:
    """Move columns to a place, counted from 0 among the others."""
    if index >= len(table.columns):
        raise CannotDo(f"index {index} is beyond the {len(table.columns)} columns")
    return moved(table, column_to_move, index)


@operation(
    OPERATOR,
    MOVE,
    _move("Move after", "move_after_parameters"),
    column_to_move=Columns(),
    target_column=Column(),
)
def move_after(table: Table, *, column_to_move: tuple[str, ...], target_column: str) -> Table:
    """Move columns behind another."""
    return moved(table, column_to_move, _place(table, column_to_move, target_column) + 1)


@operation(
    OPERATOR,
    MOVE,
    _move("Move before", "move_before_parameters"),
    column_to_move=Columns(),
    target_column=Column(),
)
def move_before(table: Table, *, column_to_move: tuple[str, ...], target_column: str) -> Table:
    """Move columns before another."""
    return moved(table, column_to_move, _place(table, column_to_move, target_column))


@operation(
    OPERATOR,
    choice("Concatenate columns", "concat_columns_parameters"),
    left_column=Column(),
    right_column=Column(),
    delimiter=Text(default="_", empty=True),
    output_column=Column(default=None),
)
def concatenate_columns(
    table: Table, *, left_column: str, right_column: str, delimiter: str, output_column: str | None
) -> Table:
    """Two columns as one text; a missing part is left out together with the delimiter."""
    parts: list[Any] = [texts(column(table, name)) for name in (left_column, right_column)]
    joined = pc.binary_join_element_wise(
        *(pc.cast(part, pa.large_string()) for part in parts),
        pa.scalar(delimiter, pa.large_string()),
        null_handling="skip",
    )
    return with_column(table, output_column or f"{left_column}_{right_column}", from_arrow(joined))
