"""awswrangler, as analysts use it: write, catalogue, query, read back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import boto3
import pandas as pd
import pytest

from tests.support.lake import Lake
from tests.support.stand_in import StandIn

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def wr(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in stand_in.env().items():
        monkeypatch.setenv(name, value)
    import awswrangler

    boto3.setup_default_session(region_name=stand_in.region)
    yield awswrangler
    boto3.DEFAULT_SESSION = None


@pytest.fixture
def lake(stand_in: StandIn) -> Lake:
    return Lake(stand_in)


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [1, 2, 3],
            "name": ["x", None, 'with "quotes", comma'],
            "amount": [1.5, float("nan"), -2.0],
            "good": [True, False, True],
            "day": [date(2024, 1, 1), date(2024, 1, 2), None],
            "seen": pd.to_datetime(["2024-01-01 10:00:00.123", None, "2024-01-02 00:00:00.000"]),
            "dt": ["2024-01-01", "2024-01-01", "2024-01-02"],
        }
    )


def arguments(lake: Lake) -> dict[str, Any]:
    return {"database": lake.database, "s3_output": lake.uri("results/")}


@pytest.mark.parametrize("ctas", [True, False], ids=["ctas", "csv"])
def test_write_and_read_back(wr: Any, lake: Lake, frame: pd.DataFrame, ctas: bool) -> None:
    wr.s3.to_parquet(
        frame, path=lake.uri("t/"), dataset=True, database=lake.database, table="t", partition_cols=["dt"]
    )
    read = wr.athena.read_sql_query("SELECT * FROM t ORDER BY id", ctas_approach=ctas, **arguments(lake))
    assert read["id"].tolist() == [1, 2, 3]
    assert read["name"].tolist()[::2] == ["x", 'with "quotes", comma']
    assert pd.isna(read["name"][1])
    assert read["amount"].tolist()[::2] == [1.5, -2.0]
    assert read["good"].tolist() == [True, False, True]
    assert read["day"].tolist()[:2] == [date(2024, 1, 1), date(2024, 1, 2)]
    assert read["seen"][0] == pd.Timestamp("2024-01-01 10:00:00.123")
    assert read["dt"].tolist() == ["2024-01-01", "2024-01-01", "2024-01-02"]


def test_unload(wr: Any, lake: Lake, frame: pd.DataFrame) -> None:
    wr.s3.to_parquet(frame, path=lake.uri("t/"), dataset=True, database=lake.database, table="t")
    read = wr.athena.read_sql_query(
        "SELECT id, amount FROM t WHERE id > 1",
        ctas_approach=False,
        unload_approach=True,
        **arguments(lake),
    )
    assert sorted(read["id"].tolist()) == [2, 3]


def test_csv_dataset_and_parameters(wr: Any, lake: Lake, frame: pd.DataFrame) -> None:
    wr.s3.to_csv(
        frame[["id", "amount", "dt"]],
        path=lake.uri("c/"),
        dataset=True,
        database=lake.database,
        table="c",
        partition_cols=["dt"],
        index=False,
    )
    read = wr.athena.read_sql_query(
        "SELECT count(*) AS n, sum(amount) AS total FROM c WHERE dt = ?",
        ctas_approach=False,
        params=["2024-01-02"],
        paramstyle="qmark",
        **arguments(lake),
    )
    assert read.to_dict("records") == [{"n": 1, "total": -2.0}]
    assert wr.catalog.get_table_types(lake.database, "c")["amount"] == "double"
    assert len(wr.catalog.get_partitions(lake.database, "c", expression="dt > '2024-01-01'")) == 1


def test_chunks_and_an_empty_answer(wr: Any, lake: Lake) -> None:
    chunks = wr.athena.read_sql_query(
        "SELECT x FROM UNNEST(sequence(1, 25)) AS t(x)", ctas_approach=False, chunksize=10, **arguments(lake)
    )
    assert [len(chunk) for chunk in chunks] == [10, 10, 5]
    empty = wr.athena.read_sql_query("SELECT 1 AS a WHERE false", ctas_approach=False, **arguments(lake))
    assert list(empty.columns) == ["a"]
    assert empty.empty


def test_failures_and_catalogue(wr: Any, lake: Lake, frame: pd.DataFrame) -> None:
    with pytest.raises(wr.exceptions.QueryFailed, match="TABLE_NOT_FOUND"):
        wr.athena.read_sql_query("SELECT * FROM nothing", ctas_approach=False, **arguments(lake))
    wr.s3.to_parquet(
        frame, path=lake.uri("t/"), dataset=True, database=lake.database, table="t", partition_cols=["dt"]
    )
    described = wr.athena.describe_table(table="t", **arguments(lake))
    assert described["Column Name"].tolist() == ["id", "name", "amount", "good", "day", "seen", "dt"]
    assert described["Partition"].tolist() == [False] * 6 + [True]
    assert "CREATE EXTERNAL TABLE" in wr.athena.show_create_table(table="t", **arguments(lake))
    assert wr.athena.repair_table(table="t", **arguments(lake)) == "SUCCEEDED"
    assert wr.catalog.delete_table_if_exists(lake.database, "t")
    assert not wr.catalog.does_table_exist(lake.database, "t")
