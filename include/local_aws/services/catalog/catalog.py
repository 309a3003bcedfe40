"""Databases, tables and partitions as records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from local_aws.services.catalog.types import BadType, parse_type
from local_aws.services.context import Context
from local_aws.state.records import Body, Record, RecordExists, RecordMissing
from local_aws.wire.errors import AwsError


def missing(message: str) -> AwsError:
    """Glue's answer for something that is not there."""
    return AwsError("EntityNotFoundException", message)


def exists(message: str) -> AwsError:
    """Glue's answer for something that is there already."""
    return AwsError("AlreadyExistsException", message)


def invalid(message: str) -> AwsError:
    """Glue's answer for input that its model allows but Glue does not."""
    return AwsError("InvalidInputException", message)


class Catalog:
    """The account's catalog. Cheap to make: all state is in the records."""

    def __init__(self, context: Context) -> None:
        self.catalog_id = context.settings.account_id
        self._databases = context.records("glue.database")
        self._tables = context.records("glue.table")
        self._versions = context.records("glue.table_version")
        self._partitions = context.records("glue.partition")

    # Databases

    def create_database(self, given: Body) -> Body:
        """Store a DatabaseInput. Raises AlreadyExistsException."""
        name = given["Name"].lower()
        body = {**given, "Name": name, "CreateTime": datetime.now(UTC), "CatalogId": self.catalog_id}
        body.setdefault("CreateTableDefaultPermissions", [])
        try:
            return self._databases.insert(name, body).body
        except RecordExists:
            raise exists("Database already exists.") from None

    def database(self, name: str) -> Body:
        """One database. Raises EntityNotFoundException."""
        found = self._databases.find(name.lower())
        if found is None:
            raise missing(f"Database {name.lower()} not found.")
        return found.body

    def databases(self) -> Iterator[Body]:
        """All databases by name."""
        return (record.body for record in self._databases.scan())

    def update_database(self, name: str, given: Body) -> None:
        """Replace a database's DatabaseInput; its name stays. Raises EntityNotFoundException."""
        name = name.lower()
        if given["Name"].lower() != name:
            raise invalid("A database cannot be renamed.")
        kept = ("CreateTime", "CatalogId", "CreateTableDefaultPermissions")

        def replaced(body: Body) -> Body:
            return {**{field: body[field] for field in kept}, **given, "Name": name}

        try:
            self._databases.change(name, replaced)
        except RecordMissing:
            raise missing(f"Database {name} not found.") from None

    def delete_database(self, name: str) -> None:
        """Remove a database and all that it holds. Raises EntityNotFoundException."""
        name = self.database(name)["Name"]
        for table in list(self.tables(name)):
            self.delete_table(name, table["Name"])
        self._databases.delete(name)

    # Tables

    def create_table(self, database: str, given: Body) -> Body:
        """Store a TableInput. Raises EntityNotFound-, AlreadyExists-, InvalidInputException."""
        database = self.database(database)["Name"]
        now = datetime.now(UTC)
        body = {
            **_checked(given),
            "DatabaseName": database,
            "CreateTime": now,
            "UpdateTime": now,
            "IsRegisteredWithLakeFormation": False,
            "CatalogId": self.catalog_id,
            "VersionId": "0",
        }
        try:
            return self._tables.insert(f"{database}/{body['Name']}", body).body
        except RecordExists:
            raise exists("Table already exists.") from None

    def find_table(self, database: str, name: str) -> Body | None:
        """One table, or None."""
        found = self._tables.find(f"{database.lower()}/{name.lower()}")
        return found.body if found else None

    def table(self, database: str, name: str) -> Body:
        """One table. Raises EntityNotFoundException."""
        self.database(database)
        found = self.find_table(database, name)
        if found is None:
            raise missing(f"Table {name.lower()} not found.")
        return found

    def tables(self, database: str) -> Iterator[Body]:
        """All tables of a database by name. Raises EntityNotFoundException."""
        prefix = f"{self.database(database)['Name']}/"
        return (record.body for record in self._tables.scan(prefix))

    def update_table(
        self, database: str, given: Body, *, archive: bool = True, version: str | None = None
    ) -> Body:
        """Replace a table's TableInput; the one before becomes a version.

        Raises EntityNotFoundException, InvalidInputException, ConcurrentModificationException.
        """
        before = self.table(database, given["Name"])
        given = _checked(given)
        key = f"{before['DatabaseName']}/{before['Name']}"
        kept = ("DatabaseName", "CreateTime", "IsRegisteredWithLakeFormation", "CatalogId")

        def replaced(body: Body) -> Body:
            if version is not None and version != body["VersionId"]:
                raise AwsError(
                    "ConcurrentModificationException",
                    "Update table failed due to concurrent modifications.",
                )
            return {
                **{field: body[field] for field in kept},
                **given,
                "UpdateTime": datetime.now(UTC),
                "VersionId": str(int(body["VersionId"]) + 1),
            }

        after = self._tables.change(key, replaced).body
        if archive:
            self._versions.insert(f"{key}/{int(before['VersionId']):09d}", before)
        return after

    def table_versions(self, database: str, name: str) -> list[Body]:
        """A table as it is and as it was, newest first. Raises EntityNotFoundException."""
        table = self.table(database, name)
        prefix = f"{table['DatabaseName']}/{table['Name']}/"
        return [table, *(record.body for record in reversed(list(self._versions.scan(prefix))))]

    def delete_table(self, database: str, name: str) -> None:
        """Remove a table with its partitions and versions. Raises EntityNotFoundException."""
        table = self.table(database, name)
        key = f"{table['DatabaseName']}/{table['Name']}"
        for records in (self._partitions, self._versions):
            for record in list(records.scan(f"{key}/")):
                records.delete(record.key)
        self._tables.delete(key)

    # Partitions

    def create_partition(self, table: Body, given: Body) -> Body:
        """Store a PartitionInput of a table. Raises AlreadyExistsException, InvalidInputException."""
        values = _values(table, given.get("Values", []))
        body = {
            **given,
            "Values": values,
            "DatabaseName": table["DatabaseName"],
            "TableName": table["Name"],
            "CreationTime": datetime.now(UTC),
            "CatalogId": self.catalog_id,
        }
        _check_columns(given.get("StorageDescriptor", {}).get("Columns", []))
        try:
            return self._partitions.insert(_partition_key(table, values), body).body
        except RecordExists:
            raise exists("Partition already exists.") from None

    def create_partitions(self, table: Body, given: Sequence[Body]) -> None:
        """Store several PartitionInputs or none, in one transaction: a commit waits for the disk."""
        with self._partitions.database.transaction():
            for each in given:
                self.create_partition(table, each)

    def find_partition(self, table: Body, values: Sequence[str]) -> Body | None:
        """One partition of a table, or None."""
        found = self._partitions.find(_partition_key(table, values))
        return found.body if found else None

    def partition(self, table: Body, values: Sequence[str]) -> Body:
        """One partition of a table. Raises EntityNotFoundException."""
        found = self.find_partition(table, values)
        if found is None:
            raise missing("Cannot find partition.")
        return found

    def partitions(self, table: Body) -> Iterator[Body]:
        """All partitions of a table, in the order of their keys."""
        return (record.body for record in self.partition_records(table))

    def partition_records(self, table: Body) -> Iterator[Record]:
        """As ``partitions``, with the key that a paging token needs."""
        return self._partitions.scan(f"{table['DatabaseName']}/{table['Name']}/")

    def update_partition(self, table: Body, values: Sequence[str], given: Body) -> None:
        """Replace a partition, also its values. Raises EntityNotFoundException, AlreadyExistsException."""
        before = self.partition(table, values)
        new_values = _values(table, given.get("Values") or values)
        body = {
            **given,
            "Values": new_values,
            **{field: before[field] for field in ("DatabaseName", "TableName", "CreationTime", "CatalogId")},
        }
        if new_values == list(values):
            self._partitions.change(_partition_key(table, values), lambda _: body)
            return
        try:
            self._partitions.insert(_partition_key(table, new_values), body)
        except RecordExists:
            raise exists("Partition already exists.") from None
        self._partitions.delete(_partition_key(table, values))

    def delete_partition(self, table: Body, values: Sequence[str]) -> None:
        """Remove a partition. Raises EntityNotFoundException."""
        if not self._partitions.delete(_partition_key(table, values)):
            raise missing("Cannot find partition.")


def _checked(given: Body) -> Body:
    """A TableInput with lower-case names. Raises InvalidInputException."""
    body: dict[str, Any] = {**given, "Name": given["Name"].lower()}
    keys = given.get("PartitionKeys") or []
    body["PartitionKeys"] = _check_columns(keys)
    if "StorageDescriptor" in given:
        storage = dict(given["StorageDescriptor"])
        storage["Columns"] = _check_columns(storage.get("Columns") or [])
        body["StorageDescriptor"] = storage
    return body


def _check_columns(columns: Sequence[Body]) -> list[Body]:
    checked = []
    for column in columns:
        if column.get("Type"):
            try:
                parse_type(column["Type"])
            except BadType as problem:
                raise invalid(f"Column '{column['Name']}': {problem}") from None
        checked.append({**column, "Name": column["Name"].lower()})
    return checked


def _values(table: Body, values: Sequence[str]) -> list[str]:
    keys = table.get("PartitionKeys") or []
    if len(keys) != len(values):
        raise invalid(
            "The number of partition keys do not match the number of partition values "
            f"({len(keys)} keys, {len(values)} values)."
        )
    return list(values)


def _partition_key(table: Body, values: Sequence[str]) -> str:
    return f"{table['DatabaseName']}/{table['Name']}/{json.dumps(list(values), ensure_ascii=False)}"
