# ruff: noqa: S608 - SQL is what this module makes; names are quoted and texts are literals
"""The tables that a query names: found in the catalog, their files linked into the sandbox.

    SELECT … FROM loans l  ──>  SELECT … FROM data."r0" AS l

Each mention of a table is a relation of its own, so that partitions can be left out (pruned) by the
conditions of the SELECT that it stands in. The view data."r0" reads the files, the empty table shape."r0"
has the same columns for the translator's questions.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet
from sqlglot import exp

from local_aws.services.athena.failure import QueryFailed, not_supported
from local_aws.services.athena.information_schema import TABLES
from local_aws.services.athena.sandbox import Sandbox
from local_aws.services.athena.storage import (
    PARQUET,
    Column,
    LinkedFile,
    Storage,
    columns_of,
    scan_sql,
    storage_of,
)
from local_aws.services.athena.trino.dialect import parse_query, place
from local_aws.services.athena.trino.library import provide
from local_aws.services.athena.trino.translate import duckdb_sql
from local_aws.services.catalog import Catalog, data_files
from local_aws.services.catalog.filter import NULL_PARTITION
from local_aws.services.catalog.types import duckdb_type, quoted
from local_aws.state.objects import BucketMissing, ObjectMissing, Objects
from local_aws.state.records import Body

CATALOG_NAME = "awsdatacatalog"
_DEEPEST_VIEW = 16


@dataclass
class Scanned:
    """What a query reads."""

    bytes: int = 0  # of the data files, as stored


@dataclass
class _Relation:
    name: str  # "r0"
    node: exp.Table
    table: Body
    columns: list[Column]
    keys: list[Column]


class Relations:
    """Resolves the tables of one statement."""

    def __init__(self, catalog: Catalog, objects: Objects, sandbox: Sandbox, database: str) -> None:
        self.catalog = catalog
        self.objects = objects
        self.sandbox = sandbox
        self.database = database
        self.scanned = Scanned()
        self._relations = 0
        self._uris: list[str] = []  # of the linked files, by number

    def attach(self, tree: exp.Query, sql: str) -> exp.Query:
        """Make every table of the tree readable in the sandbox; answers the tree with views put in.

        Raises QueryFailed.
        """
        root = exp.Subquery(this=tree)
        relations = list(self._resolve(root, sql, self.database, depth=0))
        for relation in relations:
            self._shape(relation)
        names = {part.name.lower() for part in root.find_all(exp.Identifier)}
        everything = any(isinstance(part, exp.Star) for part in root.walk())
        for relation in relations:
            self._fill(relation, sql, None if everything else names)
        attached: exp.Query = root.this
        attached.pop()
        return attached

    # Names

    def _resolve(self, root: exp.Expr, sql: str, database: str, depth: int) -> Iterator[_Relation]:
        for node in list(root.find_all(exp.Table)):
            if _names_with_query(node):
                continue
            if isinstance(node.this, exp.Anonymous):
                raise QueryFailed(
                    f"FUNCTION_NOT_FOUND: {place(node, sql)}: Table function '{node.this.name.lower()}' "
                    "not registered"
                )
            if node.db.lower() == "information_schema":
                self._put_metadata(node, sql)
                continue
            table = self._find(node, sql, database)
            if table.get("TableType") == "VIRTUAL_VIEW":
                yield from self._put_view(node, table, depth)
                continue
            self._check(table)
            storage = table.get("StorageDescriptor") or {}
            relation = _Relation(
                f"r{self._relations}",
                node,
                table,
                columns_of(storage.get("Columns") or []),
                columns_of(table.get("PartitionKeys") or []),
            )
            self._relations += 1
            node.meta["relation"] = relation.name
            _forget_database(node)
            yield relation

    def _find(self, node: exp.Table, sql: str, database: str) -> Body:
        catalog, named = node.catalog.lower(), (node.db or database).lower()
        name = node.name.lower()
        if catalog and catalog != CATALOG_NAME:
            raise QueryFailed(f"CATALOG_NOT_FOUND: {place(node, sql)}: Catalog '{catalog}' does not exist")
        found = self.catalog.find_table(named, name)
        if found is None:
            if not any(each["Name"] == named for each in self.catalog.databases()):
                raise QueryFailed(
                    f"SCHEMA_NOT_FOUND: {place(node, sql)}: Schema '{named}' does not exist", error_type=1301
                )
            raise QueryFailed(
                f"TABLE_NOT_FOUND: {place(node, sql)}: Table '{CATALOG_NAME}.{named}.{name}' does not exist",
                error_type=1300,
            )
        return found

    def _put_metadata(self, node: exp.Table, sql: str) -> None:
        """A table of information_schema, made from the catalog."""
        found = TABLES.get(node.name.lower())
        if found is None:
            raise QueryFailed(
                f"TABLE_NOT_FOUND: {place(node, sql)}: Table 'information_schema.{node.name}' does not exist",
                error_type=1300,
            )
        columns, rows = found
        name = f"r{self._relations}"
        self._relations += 1
        for schema in ("shape", "data"):
            described = ", ".join(f"{quoted(column)} {kind}" for column, kind in columns.items())
            self.sandbox.connection.execute(f'CREATE TABLE {schema}."{name}" ({described})')
        self._insert(f'data."{name}"', list(rows(self.catalog)))
        node.meta["relation"] = name
        _forget_database(node)

    def _check(self, table: Body) -> None:
        parameters = table.get("Parameters") or {}
        if parameters.get("table_type", "").upper() == "ICEBERG":
            raise not_supported("Iceberg tables")
        if parameters.get("projection.enabled", "").lower() == "true":
            raise not_supported("partition projection; register the partitions instead")
        if not (table.get("StorageDescriptor") or {}).get("Location"):
            raise QueryFailed(
                f"HIVE_INVALID_METADATA: Table {table['DatabaseName']}.{table['Name']} has no location"
            )

    def _put_view(self, node: exp.Table, table: Body, depth: int) -> Iterator[_Relation]:
        if depth == _DEEPEST_VIEW:
            raise QueryFailed("VIEW_IS_RECURSIVE: line 1:1: View is recursive")
        text, database = view_query(table)
        inner = exp.Subquery(this=parse_query(text))
        yield from self._resolve(inner, text, database or table["DatabaseName"], depth + 1)
        alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(node.name))
        inner.set("alias", alias)
        joins = node.args.get("joins")
        inner.set("joins", joins)
        node.replace(inner)
        _unqualify(inner, node.name)

    # Data

    def _shape(self, relation: _Relation) -> None:
        columns = [
            f"{quoted(name)} {duckdb_type(kind)}" for name, kind in [*relation.columns, *relation.keys]
        ]
        if not columns:
            raise QueryFailed(f"HIVE_INVALID_METADATA: Table {relation.table['Name']} has no columns")
        self.sandbox.connection.execute(f'CREATE TABLE shape."{relation.name}" ({", ".join(columns)})')

    def _fill(self, relation: _Relation, sql: str, names: set[str] | None) -> None:
        connection, table = self.sandbox.connection, relation.table
        keys = [f"{quoted(name)} {duckdb_type(kind)}" for name, kind in relation.keys]
        groups: dict[Storage, list[LinkedFile]] = {}
        rows: list[list[str | None]] = []
        if keys:
            for partition in self._partitions(relation, sql):
                descriptor = partition.get("StorageDescriptor") or {}
                if not descriptor.get("SerdeInfo"):
                    descriptor = {**table["StorageDescriptor"], **descriptor}
                storage = storage_of(descriptor, table.get("Parameters") or {})
                location = descriptor.get("Location") or ""
                for file in self._link(location):
                    groups.setdefault(storage, []).append(file)
                    rows.append([str(file.path), *_key_values(partition["Values"])])
        else:
            storage = storage_of(table["StorageDescriptor"], table.get("Parameters") or {})
            for file in self._link(table["StorageDescriptor"]["Location"]):
                groups.setdefault(storage, []).append(file)
        self._count(groups, names)

        parts = f'"{relation.name}_files"'
        connection.execute(f"CREATE TABLE data.{parts} ({', '.join(['filename VARCHAR', *keys])})")
        self._insert(f"data.{parts}", rows)
        scans = [scan_sql(storage, files, relation.columns) for storage, files in groups.items()]
        own = [f"f.{quoted(name)}" for name, _ in relation.columns]
        added = [f"p.{quoted(name)}" for name, _ in relation.keys]
        if not scans:
            body = f'SELECT * FROM shape."{relation.name}" WHERE false'
        elif keys:
            body = (
                f"SELECT {', '.join(own + added)} FROM ({' UNION ALL BY NAME '.join(scans)}) f"
                f" JOIN data.{parts} p ON f.filename = p.filename"
            )
        else:
            body = f"SELECT {', '.join(own)} FROM ({' UNION ALL BY NAME '.join(scans)}) f"
        provide(connection, body)
        connection.execute(f'CREATE VIEW data."{relation.name}" AS {body}')

    def _insert(self, table: str, rows: Sequence[Sequence[str | None]]) -> None:
        """Put rows of text into a table, which casts them; column by column, as DuckDB likes it."""
        if rows:
            values = ", ".join(["unnest(CAST(? AS VARCHAR[]))"] * len(rows[0]))
            columns = [list(column) for column in zip(*rows, strict=True)]
            self.sandbox.connection.execute(f"INSERT INTO {table} SELECT {values}", columns)

    def _link(self, location: str) -> Iterator[LinkedFile]:
        try:
            found = list(data_files(self.objects, location))
        except ValueError:
            raise QueryFailed(f"HIVE_INVALID_METADATA: '{location}' is not an s3:// location") from None
        for file in found:
            path = self.sandbox.scratch / "in" / f"{len(self._uris):06d}"
            try:
                os.link(self.objects.path(file.bucket, file.key), path)
            except (ObjectMissing, BucketMissing, FileNotFoundError):
                raise QueryFailed(
                    f"HIVE_CANNOT_OPEN_SPLIT: Error opening Hive split {file.uri}: "
                    "the object was deleted while the query ran"
                ) from None
            self._uris.append(file.uri)
            yield LinkedFile(path, file.gzipped, file.uri, file.size)

    def with_addresses(self, message: str) -> str:
        """A message of the engine's with s3:// addresses instead of the sandbox's paths."""
        inputs = re.escape(f"{self.sandbox.scratch / 'in'}/")
        return re.sub(rf"{inputs}(\d+)", lambda found: self._uris[int(found[1])], message)

    def _count(self, groups: dict[Storage, list[LinkedFile]], names: set[str] | None) -> None:
        """Add what is read: whole files of text, of Parquet the columns that the query names."""
        for storage, files in groups.items():
            for file in files:
                if storage.serde == PARQUET and names is not None:
                    self.scanned.bytes += _parquet_bytes(file, names)
                else:
                    self.scanned.bytes += file.size

    # Pruning

    def _partitions(self, relation: _Relation, sql: str) -> list[Body]:
        """The partitions that the conditions on partition keys leave."""
        partitions = list(self.catalog.partitions(relation.table))
        conditions = list(_conditions(relation))
        if not conditions or not partitions:
            return partitions
        connection = self.sandbox.connection
        name = f"{relation.name}_keys"
        keys = [f"{quoted(key)} {duckdb_type(kind)}" for key, kind in relation.keys]
        for schema in ("shape", "data"):
            connection.execute(f'CREATE TABLE {schema}."{name}" ({", ".join(["_number INTEGER", *keys])})')
        rows = [[str(number), *_key_values(each["Values"])] for number, each in enumerate(partitions)]
        self._insert(f'data."{name}"', rows)
        source = exp.Table(this=exp.to_identifier("_partitions"))
        source.meta["relation"] = name
        tree = exp.select("_number").from_(source).where(*conditions)
        text = duckdb_sql(tree, sql, connection, real="data", shape="shape")
        left = {row[0] for row in connection.execute(text).fetchall()}
        return [each for number, each in enumerate(partitions) if number in left]


def view_query(table: Body) -> tuple[str, str | None]:
    """A view's SELECT and the database that it was written in. Raises QueryFailed."""
    original = table.get("ViewOriginalText") or ""
    encoded = re.fullmatch(r"\s*/\* Presto View: ([A-Za-z0-9+/=]+) \*/\s*", original)
    if not encoded:
        raise not_supported("views that were not made by Athena")
    view: dict[str, Any] = json.loads(base64.b64decode(encoded[1]))
    return view["originalSql"], view.get("schema")


def _names_with_query(node: exp.Table) -> bool:
    """Whether this name is one of a WITH clause above it."""
    if node.db:
        return False
    inner: exp.Expr = node
    outer = node.parent
    while outer is not None:
        if isinstance(outer, exp.With):
            # Inside a WITH query only earlier ones are seen, and itself when it is recursive.
            for cte in outer.expressions:
                if cte is inner and not outer.args.get("recursive"):
                    break
                if cte.alias.lower() == node.name.lower():
                    return True
                if cte is inner:
                    break
        else:
            clause = outer.args.get("with_")
            seen = clause.expressions if isinstance(clause, exp.With) and clause is not inner else []
            if any(cte.alias.lower() == node.name.lower() for cte in seen):
                return True
        inner, outer = outer, outer.parent
    return False


def _forget_database(node: exp.Table) -> None:
    """Let ``database.table.column`` refer to the relation, whose alias is the table's name."""
    database, name = node.db, node.name
    node.set("db", None)
    node.set("catalog", None)
    if database:
        scope = node.find_ancestor(exp.Query)
        for column in scope.find_all(exp.Column) if scope else ():
            if column.db.lower() == database.lower() and column.table.lower() == name.lower():
                column.meta["qualified"] = True


def _unqualify(inner: exp.Subquery, name: str) -> None:
    scope = inner.find_ancestor(exp.Query)
    for column in scope.find_all(exp.Column) if scope else ():
        if column.db and column.table.lower() == name.lower():
            column.meta["qualified"] = True


def _key_values(values: Sequence[str]) -> list[str | None]:
    return [None if value == NULL_PARTITION else value for value in values]


def _conditions(relation: _Relation) -> Iterator[exp.Expr]:
    """The conditions of WHERE that say something about this relation's partition keys alone."""
    node = relation.node
    select = node.find_ancestor(exp.Select)
    if select is None or node.find_ancestor(exp.Query) is not select:
        return
    joins = select.args.get("joins") or []
    if any((join.side or "").upper() in ("RIGHT", "FULL", "LEFT") for join in joins):
        first = select.args.get("from_")
        if any((join.side or "").upper() != "LEFT" for join in joins if join.side) or (
            first is None or first.this is not node
        ):
            return
    where = select.args.get("where")
    if where is None:
        return
    keys = {name for name, _ in relation.keys}
    alias = (node.alias or node.name).lower()
    for condition in where.this.flatten() if isinstance(where.this, exp.And) else [where.this]:
        columns = list(condition.find_all(exp.Column))
        simple = not any(
            isinstance(part, exp.Query | exp.Placeholder) or _is_random(part) for part in condition.walk()
        )
        own = all(
            column.name.lower() in keys and (column.table.lower() == alias if column.table else not joins)
            for column in columns
        )
        if columns and simple and own:
            copied = condition.copy()
            for column in copied.find_all(exp.Column):
                column.set("table", None)
                column.set("db", None)
            yield copied


def _is_random(part: exp.Expr) -> bool:
    return isinstance(part, exp.Anonymous) and part.name.lower() in ("rand", "random", "uuid")


def _parquet_bytes(file: LinkedFile, names: set[str]) -> int:
    try:
        metadata = pyarrow.parquet.read_metadata(file.path)
    except (pyarrow.ArrowInvalid, OSError):
        return file.size  # reading it will say what is wrong
    total = 0
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for number in range(row_group.num_columns):
            chunk = row_group.column(number)
            if chunk.path_in_schema.split(".")[0].lower() in names:
                total += chunk.total_compressed_size
    return total
