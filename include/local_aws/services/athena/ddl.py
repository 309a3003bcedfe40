"""Statements that change the catalog: databases, tables, partitions, views."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

from local_aws.services.athena.failure import QueryFailed, not_supported
from local_aws.services.athena.hive import Tokens
from local_aws.services.athena.query import Session, view_columns
from local_aws.services.athena.relations import CATALOG_NAME
from local_aws.services.athena.results import Answer, ResultColumn
from local_aws.services.athena.storage import JSON_HIVE, LAZY, PARQUET
from local_aws.services.catalog import data_files
from local_aws.services.catalog.files import folder_of
from local_aws.services.catalog.filter import NULL_PARTITION
from local_aws.state.records import Body

_TEXT_IN = "org.apache.hadoop.mapred.TextInputFormat"
_TEXT_OUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
# STORED AS word -> input format, output format, SerDe
_STORED_AS = {
    "TEXTFILE": (_TEXT_IN, _TEXT_OUT, LAZY),
    "PARQUET": (
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        PARQUET,
    ),
    "JSON": (_TEXT_IN, _TEXT_OUT, JSON_HIVE),
    "ORC": (
        "org.apache.hadoop.hive.ql.io.orc.OrcInputFormat",
        "org.apache.hadoop.hive.ql.io.orc.OrcOutputFormat",
        "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
    ),
    "AVRO": (
        "org.apache.hadoop.hive.ql.io.avro.AvroContainerInputFormat",
        "org.apache.hadoop.hive.ql.io.avro.AvroContainerOutputFormat",
        "org.apache.hadoop.hive.serde2.avro.AvroSerDe",
    ),
}


def create_database(session: Session, sql: str) -> Answer:
    """CREATE DATABASE [IF NOT EXISTS] name [COMMENT …] [LOCATION …] [WITH DBPROPERTIES (…)]."""
    tokens = Tokens(sql)
    tokens.expect("CREATE")
    if not tokens.accept("SCHEMA"):
        tokens.expect("DATABASE")
    tolerant = tokens.accept("IF", "NOT", "EXISTS")
    given: Body = {"Name": tokens.name()}
    if tokens.accept("COMMENT"):
        given["Description"] = tokens.text()
    if tokens.accept("LOCATION"):
        given["LocationUri"] = tokens.text()
    if tokens.accept("WITH", "DBPROPERTIES"):
        given["Parameters"] = tokens.properties()
    tokens.end()
    if any(each["Name"] == given["Name"] for each in session.catalog.databases()):
        if tolerant:
            return Answer()
        raise QueryFailed(
            "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. "
            f"Database {given['Name']} already exists"
        )
    session.catalog.create_database(given)
    return Answer()


def drop_database(session: Session, sql: str) -> Answer:
    """DROP DATABASE [IF EXISTS] name [RESTRICT | CASCADE]."""
    tokens = Tokens(sql)
    tokens.expect("DROP")
    if not tokens.accept("SCHEMA"):
        tokens.expect("DATABASE")
    tolerant = tokens.accept("IF", "EXISTS")
    name = tokens.name()
    cascade = tokens.accept("CASCADE")
    tokens.accept("RESTRICT")
    tokens.end()
    if not _has_database(session, name):
        if tolerant:
            return Answer()
        raise _no_database(name)
    if not cascade and any(True for _ in session.catalog.tables(name)):
        raise QueryFailed(
            "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. "
            f"InvalidOperationException(message:Database {name} is not empty. One or more tables exist.)"
        )
    session.catalog.delete_database(name)
    return Answer()


def create_table(session: Session, sql: str) -> Answer:
    """CREATE EXTERNAL TABLE, with Hive's clauses in any order."""
    tokens = Tokens(sql)
    tokens.expect("CREATE")
    external = tokens.accept("EXTERNAL")
    tokens.expect("TABLE")
    tolerant = tokens.accept("IF", "NOT", "EXISTS")
    database, name = tokens.qualified(session.database)
    columns = tokens.columns()
    clauses = _Clauses()
    while not tokens.at_end:
        clauses.read(tokens)
    if clauses.properties.get("table_type", "").upper() == "ICEBERG":
        raise not_supported("Iceberg tables")
    if not external:
        raise QueryFailed("FAILED: SemanticException CREATE TABLE needs EXTERNAL, or AS SELECT")
    if not clauses.location:
        raise QueryFailed("FAILED: SemanticException an external table needs a LOCATION")
    if not clauses.location.startswith("s3://"):
        raise QueryFailed(
            f"FAILED: SemanticException the location '{clauses.location}' is not an s3:// folder"
        )
    doubled = {column["Name"] for column in columns} & {key["Name"] for key in clauses.keys}
    if doubled:
        raise QueryFailed(
            "FAILED: SemanticException [Error 10035]: Column repeated in partitioning columns: "
            f"{doubled.pop()}"
        )
    if not _has_database(session, database):
        raise _no_database(database)
    if session.catalog.find_table(database, name):
        if tolerant:
            return Answer()
        raise QueryFailed(
            "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. "
            f"AlreadyExistsException(message:Table {name} already exists.)"
        )
    session.catalog.create_table(database, {"Name": name, **clauses.table_input(columns)})
    return Answer()


class _Clauses:
    """What stands behind a table's columns."""

    def __init__(self) -> None:
        self.comment = ""
        self.keys: list[dict[str, str]] = []
        self.stored = _STORED_AS["TEXTFILE"]
        self.serde: str | None = None
        self.serde_parameters: dict[str, str] = {}
        self.location = ""
        self.properties: dict[str, str] = {}
        self.buckets: tuple[list[str], int] | None = None

    def read(self, tokens: Tokens) -> None:  # noqa: PLR0912 - one branch a clause, as Hive's grammar has them
        """Take the next clause."""
        if tokens.accept("COMMENT"):
            self.comment = tokens.text()
        elif tokens.accept("PARTITIONED", "BY"):
            self.keys = tokens.columns()
        elif tokens.accept("CLUSTERED", "BY"):
            names = [column["Name"] for column in tokens.columns(types=False)]
            tokens.expect("INTO")
            self.buckets = (names, int(tokens.value()))
            tokens.expect("BUCKETS")
        elif tokens.accept("ROW", "FORMAT", "DELIMITED"):
            self._delimited(tokens)
        elif tokens.accept("ROW", "FORMAT", "SERDE"):
            self.serde = tokens.text()
            if tokens.accept("WITH", "SERDEPROPERTIES"):
                self.serde_parameters.update(tokens.properties())
        elif tokens.accept("WITH", "SERDEPROPERTIES"):
            self.serde_parameters.update(tokens.properties())
        elif tokens.accept("STORED", "AS", "INPUTFORMAT"):
            reads = tokens.text()
            tokens.expect("OUTPUTFORMAT")
            self.stored = (reads, tokens.text(), self.stored[2])
        elif tokens.accept("STORED", "AS"):
            word = tokens.name().upper()
            if word not in _STORED_AS:
                raise not_supported(f"STORED AS {word}")
            self.stored = _STORED_AS[word]
        elif tokens.accept("LOCATION"):
            self.location = tokens.text()
        elif tokens.accept("TBLPROPERTIES"):
            self.properties.update(tokens.properties())
        else:
            raise tokens.fail("a clause of CREATE TABLE")

    def _delimited(self, tokens: Tokens) -> None:
        words = {
            ("FIELDS",): "field.delim",
            ("COLLECTION", "ITEMS"): "colelction.delim",
            ("MAP", "KEYS"): "mapkey.delim",
            ("LINES",): "line.delim",
        }
        while True:
            for start, parameter in words.items():
                if tokens.accept(*start, "TERMINATED", "BY"):
                    self.serde_parameters[parameter] = tokens.text()
                    break
            else:
                if tokens.accept("ESCAPED", "BY"):
                    self.serde_parameters["escape.delim"] = tokens.text()
                elif tokens.accept("NULL", "DEFINED", "AS"):
                    self.serde_parameters["serialization.null.format"] = tokens.text()
                else:
                    break
        if "field.delim" in self.serde_parameters:
            self.serde_parameters["serialization.format"] = self.serde_parameters["field.delim"]

    def table_input(self, columns: list[dict[str, str]]) -> Body:
        """The TableInput without its name."""
        reads, writes, serde = self.stored
        storage: dict[str, Any] = {
            "Columns": columns,
            "Location": self.location,
            "InputFormat": reads,
            "OutputFormat": writes,
            "Compressed": False,
            "NumberOfBuckets": self.buckets[1] if self.buckets else -1,
            "BucketColumns": self.buckets[0] if self.buckets else [],
            "SerdeInfo": {
                "SerializationLibrary": self.serde or serde,
                "Parameters": {"serialization.format": "1", **self.serde_parameters},
            },
        }
        given: Body = {
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"EXTERNAL": "TRUE", **self.properties},
            "PartitionKeys": self.keys,
            "StorageDescriptor": storage,
        }
        if self.comment:
            given["Description"] = self.comment
            given["Parameters"]["comment"] = self.comment
        return given


def drop_table(session: Session, sql: str) -> Answer:
    """DROP TABLE | VIEW [IF EXISTS] name; the objects in S3 stay."""
    tokens = Tokens(sql)
    tokens.expect("DROP")
    is_view = tokens.accept("VIEW")
    if not is_view:
        tokens.expect("TABLE")
    tolerant = tokens.accept("IF", "EXISTS")
    database, name = tokens.qualified(session.database)
    tokens.end()
    table = session.catalog.find_table(database, name)
    if table is None:
        if tolerant:
            return Answer()
        if is_view:
            raise QueryFailed(
                f"TABLE_NOT_FOUND: line 1:1: View '{CATALOG_NAME}.{database}.{name}' does not exist",
                error_type=1300,
            )
        raise _no_table(database, name)
    if is_view != (table.get("TableType") == "VIRTUAL_VIEW"):
        raise QueryFailed(
            f"FAILED: SemanticException [Error 10001]: '{database}.{name}' is a "
            f"{'table, not a view' if is_view else 'view, not a table'}"
        )
    session.catalog.delete_table(database, name)
    return Answer()


def create_view(session: Session, sql: str) -> Answer:
    """CREATE [OR REPLACE] VIEW name AS query; stored as Athena stores it, so that its query can be read."""
    found = re.match(
        r"\s*CREATE\s+(OR\s+REPLACE\s+)?VIEW\s+((?:[\w.$-]|\"[^\"]*\"|`[^`]*`)+)\s+AS\s+(.*)$",
        sql,
        re.I | re.S,
    )
    if not found:
        raise QueryFailed("SYNTAX_ERROR: line 1:1: expecting CREATE [OR REPLACE] VIEW name AS SELECT …")
    database, name = Tokens(found[2]).qualified(session.database)
    query = found[3].strip()
    held = session.catalog.find_table(database, name)
    if held and held.get("TableType") != "VIRTUAL_VIEW":
        raise QueryFailed(
            f"TABLE_ALREADY_EXISTS: line 1:1: Table '{CATALOG_NAME}.{database}.{name}' already exists"
        )
    if held and not found[1]:
        raise QueryFailed(
            f"TABLE_ALREADY_EXISTS: line 1:1: View already exists: '{CATALOG_NAME}.{database}.{name}'"
        )
    session.catalog.database(database)
    columns = view_columns(session, query)
    view: dict[str, Any] = {
        "originalSql": query,
        "catalog": CATALOG_NAME,
        "schema": session.database,
        "columns": [{"name": column, "type": trino} for column, trino, _ in columns],
        "owner": session.catalog.catalog_id,
        "runAsInvoker": False,
        "properties": {},
    }
    encoded = base64.b64encode(json.dumps(view).encode()).decode()
    given = {
        "Name": name,
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "ViewOriginalText": f"/* Presto View: {encoded} */",
        "ViewExpandedText": "/* Presto View */",
        "PartitionKeys": [],
        "StorageDescriptor": {
            "Columns": [{"Name": column, "Type": hive} for column, _, hive in columns],
            "Location": "",
            "SerdeInfo": {},
        },
    }
    if held:
        session.catalog.update_table(database, given)
    else:
        session.catalog.create_table(database, given)
    return Answer()


def alter_table(session: Session, sql: str) -> Answer:
    """ALTER TABLE: ADD, DROP, RENAME PARTITION, SET LOCATION, SET TBLPROPERTIES, ADD and REPLACE COLUMNS."""
    tokens = Tokens(sql)
    tokens.expect("ALTER", "TABLE")
    table = _table(session, *tokens.qualified(session.database))
    if tokens.accept("ADD", "COLUMNS"):
        added = tokens.columns()
        _change_columns(session, table, [*table["StorageDescriptor"]["Columns"], *added])
    elif tokens.accept("REPLACE", "COLUMNS"):
        _change_columns(session, table, tokens.columns())
    elif tokens.accept("SET", "TBLPROPERTIES"):
        properties = tokens.properties()
        _update(session, table, {"Parameters": {**table.get("Parameters", {}), **properties}})
    elif tokens.accept("SET", "LOCATION"):
        _update(
            session, table, {"StorageDescriptor": {**table["StorageDescriptor"], "Location": tokens.text()}}
        )
    elif tokens.accept("ADD"):
        _add_partitions(session, table, tokens)
    elif tokens.accept("DROP"):
        _drop_partitions(session, table, tokens)
    elif tokens.accept("PARTITION"):
        _change_partition(session, table, tokens)
    else:
        raise not_supported("this form of ALTER TABLE")
    tokens.end()
    return Answer()


def _add_partitions(session: Session, table: Body, tokens: Tokens) -> None:
    tolerant = tokens.accept("IF", "NOT", "EXISTS")
    tokens.expect("PARTITION")
    while True:
        values = _values(table, tokens.partition())
        location = tokens.text() if tokens.accept("LOCATION") else _default_location(table, values)
        if session.catalog.find_partition(table, values) is None:
            _register(session, table, values, location)
        elif not tolerant:
            raise QueryFailed(
                "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. "
                f"AlreadyExistsException(message:Partition already exists. {_spec(table, values)})"
            )
        tokens.accept(",")
        if not tokens.accept("PARTITION"):
            return


def _drop_partitions(session: Session, table: Body, tokens: Tokens) -> None:
    tolerant = tokens.accept("IF", "EXISTS")
    tokens.expect("PARTITION")
    while True:
        values = _values(table, tokens.partition())
        if session.catalog.find_partition(table, values):
            session.catalog.delete_partition(table, values)
        elif not tolerant:
            raise QueryFailed(
                f"FAILED: SemanticException [Error 10006]: Partition not found ({_spec(table, values)})"
            )
        tokens.accept(",")
        if not tokens.accept("PARTITION"):
            return


def _change_partition(session: Session, table: Body, tokens: Tokens) -> None:
    values = _values(table, tokens.partition())
    found = session.catalog.partition(table, values)
    if tokens.accept("SET", "LOCATION"):
        storage = {**found["StorageDescriptor"], "Location": tokens.text()}
        session.catalog.update_partition(table, values, {"Values": values, "StorageDescriptor": storage})
    elif tokens.accept("RENAME", "TO", "PARTITION"):
        renamed = _values(table, tokens.partition())
        storage = found["StorageDescriptor"]
        session.catalog.update_partition(table, values, {"Values": renamed, "StorageDescriptor": storage})
    else:
        raise tokens.fail("SET LOCATION or RENAME TO PARTITION")


def repair_table(session: Session, sql: str) -> Answer:
    """MSCK REPAIR TABLE: registers the partitions whose folders lie in S3."""
    tokens = Tokens(sql)
    tokens.expect("MSCK", "REPAIR", "TABLE")
    table = _table(session, *tokens.qualified(session.database))
    tokens.end()
    if not table["PartitionKeys"]:
        raise QueryFailed(
            f"FAILED: SemanticException [Error 10241]: {table['Name']} is not a partitioned table"
        )
    location = table["StorageDescriptor"]["Location"]
    bucket, prefix = folder_of(location)
    found: dict[tuple[str, ...], str] = {}
    for file in data_files(session.objects, location):
        parts = file.below.split("/")[:-1][: len(table["PartitionKeys"])]
        values = _folder_values(table, parts)
        if values:
            found.setdefault(values, f"s3://{bucket}/{prefix}{'/'.join(parts)}")
    known = {tuple(partition["Values"]) for partition in session.catalog.partitions(table)}
    new = {values: place for values, place in found.items() if values not in known}
    lines = []
    if new:
        listed = "\t".join(f"{table['Name']}:{_spec(table, values)}" for values in new)
        lines.append([f"Partitions not in metastore:\t{listed}"])
    storage = table["StorageDescriptor"]
    session.catalog.create_partitions(
        table,
        [
            {"Values": list(values), "StorageDescriptor": {**storage, "Location": place}}
            for values, place in new.items()
        ],
    )
    lines += [
        [f"Repair: Added partition to metastore {table['Name']}:{_spec(table, values)}"] for values in new
    ]
    return Answer([ResultColumn("result", "string")], lines)


def _folder_values(table: Body, parts: list[str]) -> tuple[str, ...] | None:
    keys = [key["Name"] for key in table["PartitionKeys"]]
    pairs = [part.split("=", 1) for part in parts]
    if len(pairs) != len(keys) or any(len(pair) != 2 for pair in pairs):
        return None
    if [pair[0].lower() for pair in pairs] != keys:
        return None
    return tuple(unquote(pair[1]) for pair in pairs)


def _has_database(session: Session, name: str) -> bool:
    return any(each["Name"] == name for each in session.catalog.databases())


def _table(session: Session, database: str, name: str) -> Body:
    found = session.catalog.find_table(database, name)
    if found is None:
        raise _no_table(database, name)
    return found


def _no_table(database: str, name: str) -> QueryFailed:
    return QueryFailed(
        f"FAILED: SemanticException [Error 10001]: Table not found {database}.{name}", error_type=1300
    )


def _no_database(name: str) -> QueryFailed:
    return QueryFailed(
        f"FAILED: SemanticException [Error 10072]: Database does not exist: {name}", error_type=1301
    )


def _values(table: Body, given: dict[str, str]) -> list[str]:
    keys = [key["Name"] for key in table["PartitionKeys"]]
    if sorted(given) != sorted(keys):
        spec = ", ".join(f"{key}={value}" for key, value in given.items())
        raise QueryFailed(
            f"FAILED: SemanticException partition spec ({spec}) does not fit the partition keys "
            f"({', '.join(keys) or 'the table has none'})"
        )
    return [given[key] for key in keys]


def _spec(table: Body, values: Any) -> str:
    pairs = zip(table["PartitionKeys"], values, strict=True)
    return "/".join(f"{key['Name']}={quote(value, safe=' -_.,()')}" for key, value in pairs)


def _default_location(table: Body, values: list[str]) -> str:
    location = table["StorageDescriptor"]["Location"]
    return f"{location.rstrip('/')}/{_spec(table, [value or NULL_PARTITION for value in values])}"


def _register(session: Session, table: Body, values: list[str], location: str) -> None:
    storage = {**table["StorageDescriptor"], "Location": location}
    session.catalog.create_partition(table, {"Values": values, "StorageDescriptor": storage})


def _change_columns(session: Session, table: Body, columns: list[dict[str, str]]) -> None:
    _update(session, table, {"StorageDescriptor": {**table["StorageDescriptor"], "Columns": columns}})


def _update(session: Session, table: Body, changed: Body) -> None:
    added = (
        "DatabaseName", "CreateTime", "UpdateTime", "IsRegisteredWithLakeFormation", "CatalogId", "VersionId",
    )  # fmt: skip
    given = {key: value for key, value in table.items() if key not in added}
    session.catalog.update_table(table["DatabaseName"], {**given, **changed})


STATEMENTS: dict[str, Callable[[Session, str], Answer]] = {
    "CREATE_DATABASE": create_database,
    "DROP_DATABASE": drop_database,
    "CREATE_TABLE": create_table,
    "DROP_TABLE": drop_table,
    "DROP_VIEW": drop_table,
    "CREATE_VIEW": create_view,
    "ALTER_TABLE": alter_table,
    "MSCK_REPAIR_TABLE": repair_table,
}
