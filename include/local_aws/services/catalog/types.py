"""Column types: Hive's words in the catalog, Trino's in a query, DuckDB's in the engine.

catalog                     Trino (Athena's answers)        DuckDB
tinyint smallint int bigint tinyint smallint integer bigint TINYINT SMALLINT INTEGER BIGINT
float double decimal(p,s)   float double decimal(p,s)       FLOAT DOUBLE DECIMAL(p,s)
string varchar(n) char(n)   varchar varchar char            VARCHAR
boolean date timestamp      boolean date timestamp          BOOLEAN DATE TIMESTAMP
binary                      varbinary                       BLOB
array<t> map<k,v>           array map                       T[] MAP(K, V)
struct<a:t,…>               row                             STRUCT(a T, …)
"""

from __future__ import annotations

import re
from dataclasses import dataclass


class BadType(ValueError):
    """The text is not a column type of Hive."""


@dataclass(frozen=True)
class HiveType:
    """A parsed column type."""

    name: str  # "bigint", "decimal", "array", …
    arguments: tuple[int, ...] = ()  # of decimal, varchar and char
    children: tuple[HiveType, ...] = ()  # of array, map and struct
    fields: tuple[str, ...] = ()  # names of a struct's children

    def __str__(self) -> str:
        if self.name == "struct":
            inner = ",".join(
                f"{name}:{child}" for name, child in zip(self.fields, self.children, strict=True)
            )
            return f"struct<{inner}>"
        if self.children:
            return f"{self.name}<{','.join(map(str, self.children))}>"
        if self.arguments:
            return f"{self.name}({','.join(map(str, self.arguments))})"
        return self.name

    @property
    def nested(self) -> bool:
        """An array, a map or a struct."""
        return bool(self.children)


# Hive's simple types, and what each is in DuckDB.
_SIMPLE = {
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "int": "INTEGER",
    "bigint": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "string": "VARCHAR",
    "varchar": "VARCHAR",
    "char": "VARCHAR",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "binary": "BLOB",
}
_SYNONYMS = {"integer": "int", "long": "bigint", "short": "smallint", "byte": "tinyint", "real": "float"}
_TOKEN = re.compile(r"\s*([A-Za-z_][\w$-]*|`[^`]+`|\d+|[<>(),:])")


def parse_type(text: str) -> HiveType:
    """Read a Hive type such as ``struct<a:int,b:array<string>>``. Raises BadType."""
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != re.sub(r"\s+", "", text):
        raise BadType(f"unknown type '{text}'")
    try:
        parsed, rest = _parse(tokens)
    except IndexError:
        raise BadType(f"incomplete type '{text}'") from None
    if rest:
        raise BadType(f"unknown type '{text}'")
    return parsed


def _parse(tokens: list[str]) -> tuple[HiveType, list[str]]:
    word, rest = tokens[0].lower(), tokens[1:]
    name = _SYNONYMS.get(word, word)
    if name in ("array", "map", "struct"):
        return _parse_nested(name, rest)
    if name == "decimal":
        if rest[:1] != ["("]:
            return HiveType("decimal", (10, 0)), rest
        if rest[2] == ")":
            return HiveType("decimal", (int(rest[1]), 0)), rest[3:]
        return HiveType("decimal", (int(rest[1]), int(rest[3]))), rest[5:]
    if name not in _SIMPLE:
        raise BadType(f"unknown type '{word}'")
    if name in ("varchar", "char") and rest[:1] == ["("]:
        return HiveType(name, (int(rest[1]),)), rest[3:]
    return HiveType(name), rest


def _parse_nested(name: str, rest: list[str]) -> tuple[HiveType, list[str]]:
    if rest[0] != "<":
        raise BadType(f"'{name}' needs its element type in <>")
    children, fields = [], []
    while rest[0] != ">":
        rest = rest[1:]  # "<" or ","
        if name == "struct":
            fields.append(rest[0].strip("`").lower())
            if rest[1] != ":":
                raise BadType("a struct's field is written name:type")
            rest = rest[2:]
        child, rest = _parse(rest)
        children.append(child)
    if len(children) != {"array": 1, "map": 2}.get(name, len(children)):
        raise BadType(f"wrong number of types in {name}<>")
    return HiveType(name, (), tuple(children), tuple(fields)), rest[1:]


def duckdb_type(hive: HiveType) -> str:
    """The type that a column of the catalog has inside DuckDB."""
    if hive.name == "array":
        return f"{duckdb_type(hive.children[0])}[]"
    if hive.name == "map":
        return f"MAP({duckdb_type(hive.children[0])}, {duckdb_type(hive.children[1])})"
    if hive.name == "struct":
        pairs = zip(hive.fields, hive.children, strict=True)
        return f"STRUCT({', '.join(f'{quoted(name)} {duckdb_type(child)}' for name, child in pairs)})"
    if hive.name == "decimal":
        return f"DECIMAL({hive.arguments[0]}, {hive.arguments[1]})"
    return _SIMPLE[hive.name]


def trino_type(hive: HiveType) -> str:
    """The type as Trino and information_schema name it."""
    if hive.name == "array":
        return f"array({trino_type(hive.children[0])})"
    if hive.name == "map":
        return f"map({trino_type(hive.children[0])}, {trino_type(hive.children[1])})"
    if hive.name == "struct":
        pairs = zip(hive.fields, hive.children, strict=True)
        return f"row({', '.join(f'{name} {trino_type(child)}' for name, child in pairs)})"
    if hive.arguments:
        return f"{hive.name}({','.join(map(str, hive.arguments))})"
    other = {"int": "integer", "string": "varchar", "float": "real", "binary": "varbinary"}
    return {**other, "timestamp": "timestamp(3)"}.get(hive.name, hive.name)


def quoted(name: str) -> str:
    """A DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A DuckDB string literal."""
    return "'" + text.replace("'", "''") + "'"
