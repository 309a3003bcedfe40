"""Statements that look at the catalog: SHOW …, DESCRIBE."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from local_aws.services.athena.ddl import _no_database, _table
from local_aws.services.athena.failure import QueryFailed
from local_aws.services.athena.hive import Tokens
from local_aws.services.athena.query import Session
from local_aws.services.athena.relations import view_query
from local_aws.services.athena.results import Answer, ResultColumn
from local_aws.state.records import Body


def show_databases(session: Session, sql: str) -> Answer:
    """SHOW DATABASES | SCHEMAS [LIKE 'pattern']."""
    tokens = Tokens(sql)
    tokens.expect("SHOW")
    if not tokens.accept("SCHEMAS"):
        tokens.expect("DATABASES")
    fits = _pattern(tokens)
    names = [each["Name"] for each in session.catalog.databases()]
    return _lines("database_name", filter(fits.fullmatch, names))


def show_tables(session: Session, sql: str) -> Answer:
    """SHOW TABLES [IN database] ['pattern']: tables and views."""
    return _show_tables(session, sql, "TABLES", views=False)


def show_views(session: Session, sql: str) -> Answer:
    """SHOW VIEWS [IN database] [LIKE 'pattern']."""
    return _show_tables(session, sql, "VIEWS", views=True)


def _show_tables(session: Session, sql: str, word: str, *, views: bool) -> Answer:
    tokens = Tokens(sql)
    tokens.expect("SHOW", word)
    database = session.database
    if tokens.accept("IN") or tokens.accept("FROM"):
        database = tokens.name()
    fits = _pattern(tokens)
    if not any(each["Name"] == database for each in session.catalog.databases()):
        raise _no_database(database)
    names = [
        table["Name"]
        for table in session.catalog.tables(database)
        if not views or table.get("TableType") == "VIRTUAL_VIEW"
    ]
    return _lines("views" if views else "tab_name", filter(fits.fullmatch, names))


def show_partitions(session: Session, sql: str) -> Answer:
    """SHOW PARTITIONS table."""
    tokens = Tokens(sql)
    tokens.expect("SHOW", "PARTITIONS")
    table = _table(session, *tokens.qualified(session.database))
    tokens.end()
    keys = [key["Name"] for key in table["PartitionKeys"]]
    if not keys:
        raise QueryFailed(
            f"FAILED: SemanticException [Error 10241]: {table['Name']} is not a partitioned table"
        )
    return _lines(
        "partition",
        (
            "/".join(f"{key}={value}" for key, value in zip(keys, partition["Values"], strict=True))
            for partition in session.catalog.partitions(table)
        ),
    )


def show_columns(session: Session, sql: str) -> Answer:
    """SHOW COLUMNS IN table [IN database]."""
    tokens = Tokens(sql)
    tokens.expect("SHOW", "COLUMNS")
    if not tokens.accept("FROM"):
        tokens.expect("IN")
    database, name = tokens.qualified(session.database)
    if tokens.accept("IN") or tokens.accept("FROM"):
        database = tokens.name()
    tokens.end()
    table = _table(session, database, name)
    columns = [*table["StorageDescriptor"]["Columns"], *table["PartitionKeys"]]
    return _lines("field", (f"{column['Name']:<20}" for column in columns))


def show_create_table(session: Session, sql: str) -> Answer:
    """SHOW CREATE TABLE | VIEW name."""
    tokens = Tokens(sql)
    tokens.expect("SHOW", "CREATE")
    if not tokens.accept("VIEW"):
        tokens.expect("TABLE")
    table = _table(session, *tokens.qualified(session.database))
    tokens.end()
    if table.get("TableType") == "VIRTUAL_VIEW":
        text, _ = view_query(table)
        name = f'"{table["DatabaseName"]}"."{table["Name"]}"'
        return _lines("Create View", [f"CREATE VIEW {name} AS", *text.splitlines()])
    return _lines("createtab_stmt", _create_statement(table))


def _create_statement(table: Body) -> Iterable[str]:
    storage = table["StorageDescriptor"]
    yield f"CREATE EXTERNAL TABLE `{table['DatabaseName']}.{table['Name']}`("
    yield from _column_lines(storage["Columns"])
    if table["PartitionKeys"]:
        yield "PARTITIONED BY ( "
        yield from _column_lines(table["PartitionKeys"])
    serde = storage.get("SerdeInfo") or {}
    yield "ROW FORMAT SERDE "
    yield f"  '{serde.get('SerializationLibrary', '')}' "
    if serde.get("Parameters"):
        yield "WITH SERDEPROPERTIES ( "
        yield from _property_lines(serde["Parameters"])
    yield "STORED AS INPUTFORMAT "
    yield f"  '{storage.get('InputFormat', '')}' "
    yield "OUTPUTFORMAT "
    yield f"  '{storage.get('OutputFormat', '')}'"
    yield "LOCATION"
    yield f"  '{storage.get('Location', '')}'"
    parameters = {
        key: value
        for key, value in (table.get("Parameters") or {}).items()
        if key not in ("EXTERNAL", "comment")
    }
    if parameters:
        yield "TBLPROPERTIES ("
        yield from _property_lines(parameters)


def _column_lines(columns: list[Body]) -> Iterable[str]:
    for number, column in enumerate(columns, start=1):
        comment = f" COMMENT '{column['Comment']}'" if column.get("Comment") else ""
        end = ")" if number == len(columns) else ", "
        yield f"  `{column['Name']}` {column.get('Type', 'string')}{comment}{end}"


def _property_lines(properties: dict[str, str]) -> Iterable[str]:
    for number, (key, value) in enumerate(sorted(properties.items()), start=1):
        escaped = value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("'", "\\'")
        yield f"  '{key}'='{escaped}'{') ' if number == len(properties) else ', '}"


def show_table_properties(session: Session, sql: str) -> Answer:
    """SHOW TBLPROPERTIES table [('name')]."""
    tokens = Tokens(sql)
    tokens.expect("SHOW", "TBLPROPERTIES")
    table = _table(session, *tokens.qualified(session.database))
    properties = table.get("Parameters") or {}
    if tokens.accept("("):
        wanted = tokens.text()
        tokens.expect(")")
        properties = {wanted: properties[wanted]} if wanted in properties else {}
    tokens.end()
    return _lines("prpt_name", (f"{key}\t{value}" for key, value in sorted(properties.items())))


def describe(session: Session, sql: str) -> Answer:
    """DESCRIBE [EXTENDED | FORMATTED] table: name, type and comment in padded columns, as in Hive."""
    tokens = Tokens(sql)
    if not tokens.accept("DESC"):
        tokens.expect("DESCRIBE")
    tokens.accept("EXTENDED")
    tokens.accept("FORMATTED")
    table = _table(session, *tokens.qualified(session.database))
    tokens.end()
    storage, keys = table["StorageDescriptor"], table["PartitionKeys"]
    rows = [_described(column) for column in [*storage["Columns"], *keys]]
    if keys:
        rows += [["", " ", " "], ["# Partition Information", " ", " "]]
        rows += [[f"{'# col_name':<20}", f"{'data_type':<20}", f"{'comment':<20}"], ["", " ", " "]]
        rows += [_described(key) for key in keys]
    columns = [ResultColumn(name, "string") for name in ("col_name", "data_type", "comment")]
    return Answer(columns, rows)


def _described(column: Body) -> list[str]:
    return [
        f"{column['Name']:<20}",
        f"{column.get('Type', 'string'):<20}",
        f"{column.get('Comment', ''):<20}",
    ]


def _lines(name: str, values: Iterable[str]) -> Answer:
    return Answer([ResultColumn(name, "string")], [[value] for value in values])


def _pattern(tokens: Tokens) -> re.Pattern[str]:
    """Hive's patterns: * is anything, | is or."""
    tokens.accept("LIKE")
    text = "*" if tokens.at_end else tokens.text()
    tokens.end()
    return re.compile("|".join(re.escape(part).replace(r"\*", ".*") for part in text.split("|")), re.I)


STATEMENTS: dict[str, Callable[[Session, str], Answer]] = {
    "SHOW_DATABASES": show_databases,
    "SHOW_TABLES": show_tables,
    "SHOW_VIEWS": show_views,
    "SHOW_PARTITIONS": show_partitions,
    "SHOW_COLUMNS": show_columns,
    "SHOW_CREATE_TABLE": show_create_table,
    "SHOW_CREATE_VIEW": show_create_table,
    "SHOW_TBLPROPERTIES": show_table_properties,
    "DESCRIBE": describe,
}
