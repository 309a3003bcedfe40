"""DuckDB's types as its binder tells them, and their names in Trino, Athena and Hive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

INTEGERS = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
    | {"INTEGER_LITERAL"}
)
FLOATS = frozenset({"FLOAT", "DOUBLE"})
TEXT = frozenset({"VARCHAR", "STRING_LITERAL"})
TIMES = frozenset({"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"})
UNKNOWN = frozenset({"NULL", "SQLNULL", '"NULL"', "UNKNOWN"})

# How many decimal digits Trino gives an integer type when it meets a decimal.
_DIGITS = {"TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "INTEGER_LITERAL": 10, "BIGINT": 19, "HUGEINT": 19}

_TRINO = {
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "INTEGER_LITERAL": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "bigint",
    "UTINYINT": "smallint",
    "USMALLINT": "integer",
    "UINTEGER": "bigint",
    "UBIGINT": "bigint",
    "FLOAT": "real",
    "DOUBLE": "double",
    "VARCHAR": "varchar",
    "STRING_LITERAL": "varchar",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIME": "time(3)",
    "TIMESTAMP": "timestamp(3)",
    "TIMESTAMP WITH TIME ZONE": "timestamp(3) with time zone",
    "BLOB": "varbinary",
    "JSON": "json",
    "INTERVAL": "interval day to second",
}


@dataclass(frozen=True)
class DuckType:
    """One type, e.g. ``DuckType("DECIMAL", width=5, scale=2)``."""

    name: str
    width: int = 0  # of DECIMAL
    scale: int = 0
    children: tuple[DuckType, ...] = ()  # of LIST, MAP, STRUCT
    fields: tuple[str, ...] = ()  # of STRUCT

    @property
    def number(self) -> bool:
        """An integer, a float or a decimal."""
        return self.name in INTEGERS or self.name in FLOATS or self.name == "DECIMAL"

    @property
    def stored(self) -> str:
        """The name of a simple type in DuckDB's casts; a literal's is that of what it is stored as."""
        return {"INTEGER_LITERAL": "INTEGER", "STRING_LITERAL": "VARCHAR"}.get(self.name, self.name)

    @property
    def digits(self) -> int:
        """Decimal digits: the width of a decimal, or what an integer type can hold."""
        return self.width or _DIGITS.get(self.name, 19)

    @property
    def family(self) -> str:
        """What Trino compares with each other."""
        if self.number:
            return "number"
        if self.name in TEXT:
            return "varchar"
        if self.name in TIMES:
            return "time"
        return self.name

    def trino(self) -> str:
        """The type as Trino writes it."""
        if self.name == "DECIMAL":
            return f"decimal({self.width},{self.scale})"
        if self.name == "LIST":
            return f"array({self.children[0].trino()})"
        if self.name == "MAP":
            return f"map({self.children[0].trino()}, {self.children[1].trino()})"
        if self.name == "STRUCT":
            if not self.fields:
                return f"row({', '.join(child.trino() for child in self.children)})"
            pairs = zip(self.fields, self.children, strict=True)
            return f"row({', '.join(f'{name} {child.trino()}' for name, child in pairs)})"
        return _TRINO.get(self.name, "unknown")

    def hive(self) -> str | None:
        """The type as the catalog writes it; None for one that a Hive table cannot hold."""
        if self.name == "DECIMAL":
            return f"decimal({self.width},{self.scale})"
        inner = [child.hive() for child in self.children]
        if None in inner:
            return None
        if self.name == "LIST":
            return f"array<{inner[0]}>"
        if self.name == "MAP":
            return f"map<{inner[0]},{inner[1]}>"
        if self.name == "STRUCT":
            names = self.fields or tuple(f"field{number}" for number in range(len(inner)))
            return f"struct<{','.join(f'{name}:{kind}' for name, kind in zip(names, inner, strict=True))}>"
        simple = {"integer": "int", "real": "float", "varchar": "string", "varbinary": "binary"}
        trino = _TRINO.get(self.name, "")
        if trino in ("tinyint", "smallint", "bigint", "double", "boolean", "date"):
            return trino
        return simple.get(trino, "timestamp" if trino == "timestamp(3)" else None)


def from_plan(told: Mapping[str, Any]) -> DuckType:
    """A type as json_serialize_plan tells it: ``{"id": "DECIMAL", "type_info": {…}}``."""
    name, info = told["id"], told.get("type_info") or {}
    if info.get("alias") == "JSON":
        return DuckType("JSON")
    if name == "DECIMAL":
        return DuckType("DECIMAL", info["width"], info["scale"])
    if name in ("LIST", "ARRAY"):
        return DuckType("LIST", children=(from_plan(info["child_type"]),))
    if name == "MAP":
        fields = info["child_type"]["type_info"]["child_types"]
        return DuckType("MAP", children=tuple(from_plan(field["second"]) for field in fields))
    if name in ("STRUCT", "TUPLE"):
        fields = info.get("child_types") or []
        names = tuple(field["first"] for field in fields)
        return DuckType(
            "STRUCT",
            children=tuple(from_plan(field["second"]) for field in fields),
            fields=names if all(names) else (),
        )
    return DuckType("TIMESTAMP" if name.startswith("TIMESTAMP_") else name)


def from_result(told: Any) -> DuckType:
    """A type as a result's description tells it (``duckdb.DuckDBPyType``)."""
    name = told.id.upper()
    if str(told) == "JSON":
        return DuckType("JSON")
    if name == "DECIMAL":
        sizes = dict(told.children)
        return DuckType("DECIMAL", sizes["precision"], sizes["scale"])
    if name in ("LIST", "ARRAY"):
        return DuckType("LIST", children=(from_result(told.children[0][1]),))
    if name == "MAP":
        return DuckType("MAP", children=tuple(from_result(child) for _, child in told.children))
    if name in ("STRUCT", "TUPLE"):
        names = tuple(field for field, _ in told.children) if name == "STRUCT" else ()
        return DuckType(
            "STRUCT",
            children=tuple(from_result(child) for _, child in told.children),
            fields=names if all(names) else (),
        )
    return DuckType("TIMESTAMP" if name.startswith("TIMESTAMP_") else name)
