"""Glue's databases, tables, partitions and tags."""

from __future__ import annotations

from tests.contract.local_aws.examples import Request, World, example


def database(world: World) -> str:
    name = world.name("db").replace("-", "_")
    world.client("glue").create_database(DatabaseInput={"Name": name, "Description": "for an example"})
    return name


def table_input(name: str = "loans") -> Request:
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "csv"},
        "PartitionKeys": [{"Name": "dt", "Type": "string"}],
        "StorageDescriptor": {
            "Columns": [{"Name": "id", "Type": "bigint", "Comment": "the key"}],
            "Location": "s3://nobody-reads-this/loans/",
            "SerdeInfo": {"Parameters": {"field.delim": ","}},
        },
    }


def table(world: World) -> Request:
    """A table, as ``{"DatabaseName": ..., "TableName": ...}``."""
    name = database(world)
    world.client("glue").create_table(DatabaseName=name, TableInput=table_input())
    return {"DatabaseName": name, "TableName": "loans"}


def named(where: Request) -> Request:
    """The same with the member that tables are called by in their own operations."""
    return {"DatabaseName": where["DatabaseName"], "Name": where["TableName"]}


def partition_input(day: str = "2026-01-15") -> Request:
    return {"Values": [day], "StorageDescriptor": {"Location": f"s3://nobody-reads-this/loans/dt={day}/"}}


def partition(world: World) -> Request:
    """A table with one partition, 2026-01-15."""
    where = table(world)
    world.client("glue").create_partition(**where, PartitionInput=partition_input())
    return where


@example("glue", "CreateDatabase")
def create_database(world: World) -> Request:
    return {"DatabaseInput": {"Name": world.name("db").replace("-", "_")}}


@example("glue", "GetDatabase")
def get_database(world: World) -> Request:
    return {"Name": database(world)}


@example("glue", "GetDatabases")
def get_databases(world: World) -> Request:
    database(world)
    return {"MaxResults": 1}


@example("glue", "UpdateDatabase")
def update_database(world: World) -> Request:
    name = database(world)
    return {"Name": name, "DatabaseInput": {"Name": name, "Description": "changed"}}


@example("glue", "DeleteDatabase")
def delete_database(world: World) -> Request:
    return {"Name": table(world)["DatabaseName"]}


@example("glue", "CreateTable")
def create_table(world: World) -> Request:
    return {"DatabaseName": database(world), "TableInput": table_input()}


@example("glue", "GetTable")
def get_table(world: World) -> Request:
    return named(table(world))


@example("glue", "GetTables")
def get_tables(world: World) -> Request:
    return {"DatabaseName": table(world)["DatabaseName"], "Expression": "lo.*"}


@example("glue", "SearchTables")
def search_tables(world: World) -> Request:
    where = table(world)
    return {"Filters": [{"Key": "DatabaseName", "Value": where["DatabaseName"]}], "SearchText": "loans"}


@example("glue", "UpdateTable")
def update_table(world: World) -> Request:
    return {"DatabaseName": table(world)["DatabaseName"], "TableInput": table_input()}


@example("glue", "DeleteTable")
def delete_table(world: World) -> Request:
    return named(partition(world))


@example("glue", "BatchDeleteTable")
def batch_delete_table(world: World) -> Request:
    return {"DatabaseName": table(world)["DatabaseName"], "TablesToDelete": ["loans", "nothing"]}


@example("glue", "GetTableVersion")
def get_table_version(world: World) -> Request:
    return table(world)


@example("glue", "GetTableVersions")
def get_table_versions(world: World) -> Request:
    where = table(world)
    world.client("glue").update_table(DatabaseName=where["DatabaseName"], TableInput=table_input())
    return where


@example("glue", "CreatePartition")
def create_partition(world: World) -> Request:
    return {**table(world), "PartitionInput": partition_input()}


@example("glue", "BatchCreatePartition")
def batch_create_partition(world: World) -> Request:
    return {
        **partition(world),
        "PartitionInputList": [partition_input("2026-01-15"), partition_input("2026-01-16")],
    }


@example("glue", "GetPartition")
def get_partition(world: World) -> Request:
    return {**partition(world), "PartitionValues": ["2026-01-15"]}


@example("glue", "BatchGetPartition")
def batch_get_partition(world: World) -> Request:
    return {**partition(world), "PartitionsToGet": [{"Values": ["2026-01-15"]}]}


@example("glue", "GetPartitions")
def get_partitions(world: World) -> Request:
    return {**partition(world), "Expression": "dt >= '2026-01-01'"}


@example("glue", "UpdatePartition")
def update_partition(world: World) -> Request:
    return {
        **partition(world),
        "PartitionValueList": ["2026-01-15"],
        "PartitionInput": partition_input("2026-01-17"),
    }


@example("glue", "BatchUpdatePartition")
def batch_update_partition(world: World) -> Request:
    return {
        **partition(world),
        "Entries": [
            {"PartitionValueList": ["2026-01-15"], "PartitionInput": partition_input()},
            {"PartitionValueList": ["2030-01-15"], "PartitionInput": partition_input("2030-01-15")},
        ],
    }


@example("glue", "DeletePartition")
def delete_partition(world: World) -> Request:
    return {**partition(world), "PartitionValues": ["2026-01-15"]}


@example("glue", "BatchDeletePartition")
def batch_delete_partition(world: World) -> Request:
    return {**partition(world), "PartitionsToDelete": [{"Values": ["2026-01-15"]}, {"Values": ["x"]}]}


def arn(world: World) -> str:
    stand_in = world.stand_in
    return f"arn:aws:glue:{stand_in.region}:{stand_in.account_id}:crawler/{world.name('crawler')}"


@example("glue", "TagResource")
def tag_resource(world: World) -> Request:
    return {"ResourceArn": arn(world), "TagsToAdd": {"team": "ml"}}


@example("glue", "UntagResource")
def untag_resource(world: World) -> Request:
    return {"ResourceArn": arn(world), "TagsToRemove": ["team"]}


@example("glue", "GetTags")
def get_tags(world: World) -> Request:
    return {"ResourceArn": arn(world)}
