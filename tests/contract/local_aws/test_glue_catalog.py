"""The Glue catalog through boto3: what it stores, finds, lists and refuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.lake import Lake
from tests.support.stand_in import StandIn


@pytest.fixture
def lake(stand_in: StandIn) -> Lake:
    return Lake(stand_in)


def table_input(name: str = "t", **changes: Any) -> dict[str, Any]:
    return {
        "Name": name,
        "PartitionKeys": [{"Name": "Year", "Type": "int"}, {"Name": "region", "Type": "string"}],
        "StorageDescriptor": {
            "Columns": [{"Name": "ID", "Type": "bigint"}],
            "Location": "s3://nobody-reads-this/t/",
        },
        **changes,
    }


@pytest.fixture
def table(lake: Lake) -> dict[str, str]:
    """A table with the partitions 2023/eu, 2024/eu, 2024/us."""
    lake.glue.create_table(DatabaseName=lake.database, TableInput=table_input())
    where = {"DatabaseName": lake.database, "TableName": "t"}
    lake.glue.batch_create_partition(
        **where,
        PartitionInputList=[
            {"Values": ["2023", "eu"]},
            {"Values": ["2024", "eu"]},
            {"Values": ["2024", "us"]},
        ],
    )
    return where


def test_names_are_lower_cased(lake: Lake) -> None:
    lake.glue.create_database(DatabaseInput={"Name": f"{lake.database}_UPPER"})
    assert (
        lake.glue.get_database(Name=f"{lake.database}_Upper")["Database"]["Name"] == f"{lake.database}_upper"
    )
    lake.glue.create_table(DatabaseName=lake.database.upper(), TableInput=table_input("Sales"))
    found = lake.glue.get_table(DatabaseName=lake.database, Name="SALES")["Table"]
    assert (found["Name"], found["DatabaseName"]) == ("sales", lake.database)
    assert found["StorageDescriptor"]["Columns"] == [{"Name": "id", "Type": "bigint"}]
    assert [key["Name"] for key in found["PartitionKeys"]] == ["year", "region"]


def test_what_is_there_and_what_is_not(lake: Lake, table: dict[str, str]) -> None:
    missing, exists = (
        lake.glue.exceptions.EntityNotFoundException,
        lake.glue.exceptions.AlreadyExistsException,
    )
    with pytest.raises(missing, match="Database nobody not found"):
        lake.glue.get_database(Name="nobody")
    with pytest.raises(missing):
        lake.glue.get_tables(DatabaseName="nobody")
    with pytest.raises(missing):
        lake.glue.create_table(DatabaseName="nobody", TableInput=table_input())
    with pytest.raises(missing):
        lake.glue.get_table(DatabaseName=lake.database, Name="nothing")
    with pytest.raises(missing):
        lake.glue.delete_table(DatabaseName=lake.database, Name="nothing")
    with pytest.raises(missing):
        lake.glue.get_partition(**table, PartitionValues=["1999", "eu"])
    with pytest.raises(missing):
        lake.glue.delete_partition(**table, PartitionValues=["1999", "eu"])
    with pytest.raises(exists):
        lake.glue.create_database(DatabaseInput={"Name": lake.database})
    with pytest.raises(exists):
        lake.glue.create_table(DatabaseName=lake.database, TableInput=table_input())
    with pytest.raises(exists):
        lake.glue.create_partition(**table, PartitionInput={"Values": ["2024", "eu"]})


def test_input_that_makes_no_sense(lake: Lake, table: dict[str, str]) -> None:
    invalid = lake.glue.exceptions.InvalidInputException
    with pytest.raises(invalid, match="number of partition"):
        lake.glue.create_partition(**table, PartitionInput={"Values": ["2024"]})
    columns = {"Columns": [{"Name": "a", "Type": "struct<a:nonsense>"}]}
    with pytest.raises(invalid, match="unknown type 'nonsense'"):
        lake.glue.create_table(
            DatabaseName=lake.database, TableInput={"Name": "x", "StorageDescriptor": columns}
        )
    with pytest.raises(invalid):
        lake.glue.get_tables(DatabaseName=lake.database, Expression="(")


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("year = 2024", ["2024/eu", "2024/us"]),
        ("year >= '2024' AND region <> 'us'", ["2024/eu"]),
        ("YEAR > 2000 and not (region = 'eu')", ["2024/us"]),
        ("region IN ('us', 'asia') OR year < 2024", ["2023/eu", "2024/us"]),
        ("year BETWEEN 2022 AND 2023", ["2023/eu"]),
        ("region LIKE 'e%'", ["2023/eu", "2024/eu"]),
        ("region LIKE '_s'", ["2024/us"]),
        ("year != 2024", ["2023/eu"]),
        ("2024 <= year AND region = 'eu'", ["2024/eu"]),
        ("region IS NULL", []),
        ("year = 24", []),
    ],
)
def test_partitions_by_expression(
    lake: Lake, table: dict[str, str], expression: str, found: list[str]
) -> None:
    """Numbers compare as numbers, text as text."""
    partitions = lake.glue.get_partitions(**table, Expression=expression)["Partitions"]
    assert ["/".join(each["Values"]) for each in partitions] == found


@pytest.mark.parametrize(
    "expression", ["nothing = 1", "year = ", "lower(region) = 'eu'", "year = region", "year = 'x'"]
)
def test_expressions_that_are_refused(lake: Lake, table: dict[str, str], expression: str) -> None:
    with pytest.raises(lake.glue.exceptions.InvalidInputException):
        lake.glue.get_partitions(**table, Expression=expression)


def test_pages_hold_everything_once(lake: Lake, table: dict[str, str]) -> None:
    days = [{"Values": [str(1000 + number), "x"]} for number in range(25)]
    lake.glue.batch_create_partition(**table, PartitionInputList=days)
    pages = lake.glue.get_paginator("get_partitions").paginate(**table, PaginationConfig={"PageSize": 10})
    found = [tuple(each["Values"]) for page in pages for each in page["Partitions"]]
    assert len(found) == len(set(found)) == 28
    segments = [
        lake.glue.get_partitions(**table, Segment={"SegmentNumber": number, "TotalSegments": 3})["Partitions"]
        for number in range(3)
    ]
    assert sorted(tuple(each["Values"]) for part in segments for each in part) == sorted(found)
    with pytest.raises(lake.glue.exceptions.InvalidInputException):
        lake.glue.get_partitions(**table, NextToken="nonsense")


def test_batches_say_what_failed(lake: Lake, table: dict[str, str]) -> None:
    answer = lake.glue.batch_create_partition(
        **table,
        PartitionInputList=[{"Values": ["2024", "eu"]}, {"Values": ["2025", "eu"]}, {"Values": ["x"]}],
    )
    codes = [(error["PartitionValues"], error["ErrorDetail"]["ErrorCode"]) for error in answer["Errors"]]
    assert codes == [(["2024", "eu"], "AlreadyExistsException"), (["x"], "InvalidInputException")]
    got = lake.glue.batch_get_partition(
        **table, PartitionsToGet=[{"Values": ["2025", "eu"]}, {"Values": ["1999", "eu"]}]
    )
    assert [each["Values"] for each in got["Partitions"]] == [["2025", "eu"]]
    gone = lake.glue.batch_delete_partition(
        **table, PartitionsToDelete=[{"Values": ["2025", "eu"]}, {"Values": ["1999", "eu"]}]
    )
    assert [error["PartitionValues"] for error in gone["Errors"]] == [["1999", "eu"]]
    lake.glue.create_table(DatabaseName=lake.database, TableInput=table_input("two"))
    answer = lake.glue.batch_delete_table(DatabaseName=lake.database, TablesToDelete=["two", "three"])
    assert [error["TableName"] for error in answer["Errors"]] == ["three"]


def test_partitions_are_changed_and_renamed(lake: Lake, table: dict[str, str]) -> None:
    moved = {"Values": ["2023", "eu"], "StorageDescriptor": {"Location": "s3://elsewhere/"}}
    lake.glue.update_partition(**table, PartitionValueList=["2023", "eu"], PartitionInput=moved)
    found = lake.glue.get_partition(**table, PartitionValues=["2023", "eu"])["Partition"]
    assert found["StorageDescriptor"]["Location"] == "s3://elsewhere/"
    renamed = {"Values": ["2022", "eu"]}
    lake.glue.update_partition(**table, PartitionValueList=["2023", "eu"], PartitionInput=renamed)
    with pytest.raises(lake.glue.exceptions.EntityNotFoundException):
        lake.glue.get_partition(**table, PartitionValues=["2023", "eu"])
    with pytest.raises(lake.glue.exceptions.AlreadyExistsException):
        lake.glue.update_partition(
            **table, PartitionValueList=["2022", "eu"], PartitionInput={"Values": ["2024", "eu"]}
        )


def test_versions_of_a_table(lake: Lake, table: dict[str, str]) -> None:
    lake.glue.update_table(DatabaseName=lake.database, TableInput=table_input(Description="second"))
    lake.glue.update_table(
        DatabaseName=lake.database, TableInput=table_input(Description="third"), SkipArchive=True
    )
    with pytest.raises(lake.glue.exceptions.ConcurrentModificationException):
        lake.glue.update_table(DatabaseName=lake.database, TableInput=table_input(), VersionId="0")
    versions = lake.glue.get_table_versions(**table)["TableVersions"]
    assert [each["VersionId"] for each in versions] == ["2", "0"]
    assert versions[0]["Table"]["Description"] == "third"
    assert len(lake.glue.get_partitions(**table)["Partitions"]) == 3


def test_deleting_takes_what_is_inside_along(lake: Lake, table: dict[str, str]) -> None:
    lake.glue.delete_table(DatabaseName=lake.database, Name="t")
    lake.glue.create_table(DatabaseName=lake.database, TableInput=table_input())
    assert lake.glue.get_partitions(**table)["Partitions"] == []
    lake.glue.delete_database(Name=lake.database)
    lake.glue.create_database(DatabaseInput={"Name": lake.database})
    assert lake.glue.get_tables(DatabaseName=lake.database)["TableList"] == []


def test_tables_by_expression_and_search(lake: Lake) -> None:
    for name in ("sales_eu", "sales_us", "loans"):
        lake.glue.create_table(
            DatabaseName=lake.database, TableInput=table_input(name, Parameters={"team": name})
        )
    tables = lake.glue.get_tables(DatabaseName=lake.database, Expression="sales_.*")["TableList"]
    assert [each["Name"] for each in tables] == ["sales_eu", "sales_us"]
    found = lake.glue.search_tables(
        Filters=[{"Key": "databaseName", "Value": lake.database}], SearchText="loans"
    )["TableList"]
    assert [each["Name"] for each in found] == ["loans"]


def test_tags(lake: Lake, stand_in: StandIn) -> None:
    arn = f"arn:aws:glue:{stand_in.region}:{stand_in.account_id}:crawler/{lake.database}"
    assert lake.glue.get_tags(ResourceArn=arn)["Tags"] == {}
    lake.glue.tag_resource(ResourceArn=arn, TagsToAdd={"a": "1", "b": "2"})
    lake.glue.untag_resource(ResourceArn=arn, TagsToRemove=["a", "z"])
    assert lake.glue.get_tags(ResourceArn=arn)["Tags"] == {"b": "2"}


def test_the_catalog_survives_a_kill(start_stand_in: Any) -> None:
    own = start_stand_in()
    lake = Lake(own)
    lake.glue.create_table(DatabaseName=lake.database, TableInput=table_input())
    where = {"DatabaseName": lake.database, "TableName": "t"}
    lake.glue.create_partition(**where, PartitionInput={"Values": ["2024", "it's/ü"]})
    own.kill()
    own.restart()
    assert lake.glue.get_partition(**where, PartitionValues=["2024", "it's/ü"])["Partition"]["Values"]
