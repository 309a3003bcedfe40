"""Glue's transforms: classes with one method, apply, over the frames' own methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .absent import Absent
from .dynamicframe import DynamicFrame, Record

__all__ = [
    "ApplyMapping", "DropFields", "DropNullFields", "Filter", "Join", "Map", "RenameField", "ResolveChoice",
    "SelectFields",
]  # fmt: skip


class ApplyMapping:
    """Choose, rename and cast columns."""

    @staticmethod
    def apply(frame: DynamicFrame, mappings: Sequence[Sequence[str]], **_: Any) -> DynamicFrame:
        """As frame.apply_mapping."""
        return frame.apply_mapping(mappings)


class DropFields:
    """Leave columns out."""

    @staticmethod
    def apply(frame: DynamicFrame, paths: Sequence[str], **_: Any) -> DynamicFrame:
        """As frame.drop_fields."""
        return frame.drop_fields(paths)


class DropNullFields:
    """Leave columns without any value out."""

    @staticmethod
    def apply(frame: DynamicFrame, **_: Any) -> DynamicFrame:
        """One pass over the data."""
        return frame.drop_null_fields()


class Filter:
    """Keep records."""

    @staticmethod
    def apply(frame: DynamicFrame, f: Callable[[Record], bool], **_: Any) -> DynamicFrame:
        """As frame.filter."""
        return frame.filter(f)


class Join:
    """Join two frames."""

    @staticmethod
    def apply(
        frame1: DynamicFrame, frame2: DynamicFrame, keys1: Sequence[str], keys2: Sequence[str], **_: Any
    ) -> DynamicFrame:
        """As frame1.join."""
        return frame1.join(keys1, keys2, frame2)


class Map:
    """Replace records."""

    @staticmethod
    def apply(frame: DynamicFrame, f: Callable[[Record], Record], **_: Any) -> DynamicFrame:
        """As frame.map."""
        return frame.map(f)


class RenameField:
    """Give a column another name."""

    @staticmethod
    def apply(frame: DynamicFrame, old_name: str, new_name: str, **_: Any) -> DynamicFrame:
        """As frame.rename_field."""
        return frame.rename_field(old_name, new_name)


class ResolveChoice:
    """Settle types."""

    @staticmethod
    def apply(
        frame: DynamicFrame, specs: Sequence[tuple[str, str]] | None = None, choice: str = "", **others: Any
    ) -> DynamicFrame:
        """As frame.resolveChoice."""
        return frame.resolveChoice(specs, choice, others.get("database"), others.get("table_name"))


class SelectFields:
    """Keep columns."""

    @staticmethod
    def apply(frame: DynamicFrame, paths: Sequence[str], **_: Any) -> DynamicFrame:
        """As frame.select_fields."""
        return frame.select_fields(paths)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise Absent(f"awsglue.transforms.{name}")
