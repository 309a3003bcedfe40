"""The workflow's own tables, as days go by and columns come, go and change: Athena reads what there is."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aws_ml.operators.glue_partition import GluePartitionOperator
from aws_ml.operators.glue_table import GlueTableOperator, merged
from aws_ml.requests import glue_partition, glue_table
from aws_ml.schema import Workflow
from aws_ml.workflow import load_workflows
from tests.contract.aws_ml.conftest import TaskInstance
from tests.support.lake import Lake
from tests.support.stand_in import StandIn
from tests.unit.aws_ml.rendering import rendered

ROOT = Path(__file__).parents[3]
WORKFLOWS = load_workflows([ROOT / "include" / "workflows", ROOT / "tests" / "workflows"]).workflows
FIRST, SECOND = "2026-01-14", "2026-01-15"
ARROW = {"string": pa.string(), "bigint": pa.int64(), "double": pa.float64()}


class Curated(Lake):
    """One table of clean rows."""

    def define(self, **columns: str) -> dict[str, Any]:
        """What `define_curated_table` does for a workflow of these columns."""
        loan = WORKFLOWS["loan_approval"]
        config = rendered(loan, glue_table.create_curated(loan)) | {"DatabaseName": self.database}
        storage = config["TableInput"]["StorageDescriptor"]
        storage["Columns"] = [{"Name": name, "Type": kind} for name, kind in columns.items()]
        told: dict[str, Any] = GlueTableOperator(task_id="define", config=config).execute(
            TaskInstance().context()
        )
        return told

    def land(self, day: str, **columns: tuple[str, list[Any]]) -> None:
        """What `clean_partition` and `add_curated_partition` do for a day."""
        table = pa.table({name: pa.array(values, ARROW[kind]) for name, (kind, values) in columns.items()})
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        self.put(f"curated/dt={day}/part-0.parquet", buffer.getvalue())
        place = {"Values": [day], "StorageDescriptor": {"Location": self.uri(f"curated/dt={day}/")}}
        config = {"DatabaseName": self.database, "TableName": "curated", "PartitionInput": place}
        GluePartitionOperator(task_id="add", config=config).execute(TaskInstance().context())

    def described(self) -> dict[str, Any]:
        """The table."""
        table: dict[str, Any] = self.glue.get_table(DatabaseName=self.database, Name="curated")["Table"]
        return table


@pytest.fixture
def lake(aws: StandIn) -> Curated:
    """A day of `id` and `x`."""
    lake = Curated(aws)
    assert lake.define(id="string", x="double") == {"name": "curated", "added": []}
    lake.land(FIRST, id=("string", ["a"]), x=("double", [1.5]))
    return lake


def test_a_new_column_is_added_and_earlier_days_have_no_value_in_it(lake: Curated) -> None:
    """Wherever the workflow file has it: the day before knows nothing of it, and stays readable."""
    assert lake.define(id="string", new="bigint", x="double")["added"] == ["new"]
    lake.land(SECOND, id=("string", ["b"]), new=("bigint", [7]), x=("double", [2.5]))
    columns = lake.described()["StorageDescriptor"]["Columns"]
    assert [column["Name"] for column in columns] == ["id", "x", "new"]
    assert lake.sql("SELECT id, x, new FROM curated ORDER BY id") == [["a", "1.5", None], ["b", "2.5", "7"]]


def test_a_column_that_is_gone_stays_for_the_days_that_have_it(lake: Curated) -> None:
    assert lake.define(id="string")["added"] == []
    lake.land(SECOND, id=("string", ["b"]))
    assert lake.sql("SELECT id, x FROM curated ORDER BY id") == [["a", "1.5"], ["b", None]]


def test_a_day_that_is_cleaned_anew_has_the_new_columns(lake: Curated) -> None:
    lake.define(id="string", x="double", new="bigint")
    lake.land(FIRST, id=("string", ["a"]), x=("double", [1.5]), new=("bigint", [7]))
    assert lake.sql("SELECT new FROM curated") == [["7"]]
    told = lake.glue.get_partitions(DatabaseName=lake.database, TableName="curated")["Partitions"]
    assert [[each["Name"] for each in one["StorageDescriptor"]["Columns"]] for one in told] == [
        ["id", "x", "new"]
    ]


def test_a_column_of_another_type_has_that_type_from_then_on(lake: Curated) -> None:
    lake.define(id="string", x="string")
    lake.land(SECOND, id=("string", ["b"]), x=("string", ["high"]))
    assert lake.sql("SELECT x FROM curated WHERE dt = '2026-01-15'") == [["high"]]


def test_the_same_again_changes_nothing(lake: Curated) -> None:
    before = lake.described()
    assert lake.define(id="string", x="double")["added"] == []
    assert lake.described() == before


def test_columns_keep_their_places() -> None:
    before = [{"Name": "a", "Type": "string", "Comment": "kept"}, {"Name": "b", "Type": "string"}]
    wanted = [{"Name": "c", "Type": "string"}, {"Name": "b", "Type": "double"}]
    assert merged(before, wanted) == [before[0], wanted[1], wanted[0]]


@pytest.mark.parametrize("workflow", WORKFLOWS.values(), ids=WORKFLOWS)
def test_the_tables_have_every_column_as_the_cleaning_job_writes_it(workflow: Workflow) -> None:
    """Also without a key, where the cleaning job names rows in a first column."""
    named = ["row_id"] if workflow.data.key is None else []
    named += [column.name for column in workflow.data.columns]
    for builder, more in ((glue_table.create_curated, []), (glue_table.create_accepted, ["sample_weight"])):
        storage = builder(workflow)["TableInput"]["StorageDescriptor"]
        assert [column["Name"] for column in storage["Columns"]] == [*named, *more]
    kinds = {"applied_at": "timestamp", "age": "double", "late_payments": "bigint", "region": "string"}
    if workflow.name == "loan_approval":
        told = {column["Name"]: column["Type"] for column in storage["Columns"]}
        assert {name: told[name] for name in kinds} == kinds
    place = rendered(workflow, glue_partition.curated_partition(workflow))["PartitionInput"]
    assert place["Values"] == ["2026-01-15"]
    uri = f"s3://local-ml/{workflow.name}/curated/dt=2026-01-15/"
    assert place["StorageDescriptor"]["Location"] == uri
