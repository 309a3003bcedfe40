"""The point-in-time join of prepare_transform on the stand-in's Athena: a million records, 200,000 labels.

Beside it DuckDB alone, which joins the same files by its ASOF JOIN and writes the same two parts, and
pandas.merge_asof on the same rows in memory, which also says whether the join is right.

PYTHONPATH=include:plugins:. .venv-jobs/bin/python -m tests.bench.point_in_time
"""

from __future__ import annotations

import io
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from aws_ml.requests import glue_table, point_in_time
from aws_ml.schema import Workflow
from aws_ml.workflow import load_workflow
from tests.support.stand_in import StandIn
from tests.unit.aws_ml.rendering import XCOMS, rendered

ROOT = Path(__file__).parents[2]
RECORDS, LABELS, ENTITIES, FEATURES = 1_000_000, 200_000, 100_000, 20
DAYS = 10  # over which the records' event times are spread; the labels are of the last
DAY = "2026-01-15"
END = 1_768_521_600  # of that day, in seconds since 1970
WANTED_SECONDS = 3.0
NAMES = [f"f{number:02}" for number in range(FEATURES)]


def main() -> None:
    """Measure and print."""
    records, labels = made()
    with tempfile.TemporaryDirectory() as folder:
        workflow = described(Path(folder))
        server = StandIn(Path(folder) / "state")
        try:
            furnish(server, workflow, records, labels, Path(folder) / "files")
            answer(server, workflow, "SELECT 1")  # the first query of a server loads its engine
            began = time.perf_counter()
            count = athena(server, workflow, point_in_time.count_known(workflow))
            counted = time.perf_counter() - began
            began = time.perf_counter()
            joined = athena(server, workflow, point_in_time.join_features(workflow))
            took = time.perf_counter() - began
            found = result(server, joined)
        finally:
            server.stop()
        alone = duckdb_alone(Path(folder))
    began = time.perf_counter()
    oracle = pd.merge_asof(labels, records, on="at", by="entity")
    in_memory = time.perf_counter() - began
    oracle = oracle.dropna(subset=NAMES[0])
    wrong = int((found.to_numpy() != oracle.sort_values("row")[["row", *NAMES]].to_numpy()).any(axis=1).sum())
    print(f"{RECORDS:,} records of {FEATURES} features, {LABELS:,} labels, {len(oracle):,} with features")
    print(f"{'':<52}{'seconds':>9}")
    print(f"{'count what is known (Athena)':<52}{counted:>9.2f}")
    print(f"{'join and write both parts as Parquet (Athena)':<52}{took:>9.2f}  wanted {WANTED_SECONDS:.1f}")
    for what, peer in (
        ("DuckDB alone: ASOF JOIN of the same files, written", alone),
        ("pandas.merge_asof, in memory, sorted before", in_memory),
    ):
        print(f"{what:<52}{peer:>9.2f}  ratio {took / peer:.1f}")
    print(f"{'rows that differ from pandas':<52}{wrong:>9}")
    del count


def made() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Records and labels, each sorted by time; no two records of an entity at one time."""
    random = np.random.default_rng(7)
    records = pd.DataFrame(
        {
            "entity": [f"E{number:06}" for number in random.integers(0, ENTITIES, RECORDS)],
            "at": np.sort(random.integers((END - DAYS * 86_400) * 1000, END * 1000, RECORDS)) / 1000,
            **{name: random.random(RECORDS) for name in NAMES},
        }
    ).drop_duplicates(["entity", "at"])
    labels = pd.DataFrame(
        {
            "row": range(LABELS),
            "entity": [f"E{number:06}" for number in random.integers(0, ENTITIES, LABELS)],
            "at": np.sort(random.integers((END - 86_400) * 1000, END * 1000, LABELS)) / 1000,
        }
    )
    return records, labels


def described(folder: Path) -> Workflow:
    """A workflow of these columns."""
    document = {
        "name": "bench",
        "description": "As the benchmark says.",
        "owner": "bench",
        "schedule": {"cron": None},
        "data": {
            "key": None,
            "columns": [
                {"name": "row", "type": "integer", "required": True},
                {"name": "entity", "type": "string", "required": True},
                {"name": "at", "type": "timestamp", "required": True},
                *({"name": name, "type": "number"} for name in NAMES),
                {"name": "label", "type": "integer", "required": True, "allowed": [0, 1]},
            ],
            "label": {"column": "label", "positive": [1]},
        },
        "bias": {"facets": [{"column": "f00", "threshold": 0.5}], "metrics": ["CI"], "thresholds": {}},
        "feature_store": {"entity": "entity", "event_time": "at", "features": NAMES},
        "features": {"numeric": NAMES, "categorical": []},
        "training": {"hyperparameters": {"num_round": 1}},
        "evaluation": {"minimum": 0.5},
        "deployment": {"endpoint": "bench"},
    }
    file = folder / "bench.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return load_workflow(file)


def duckdb_alone(folder: Path) -> float:
    """Seconds in which the engine below the stand-in joins and writes, asked directly, on as many threads."""
    store = f"read_parquet('{folder}/files/store/data/**/*.parquet', hive_partitioning = false)"
    labels = f"read_parquet('{folder}/files/bench/curated/**/*.parquet', hive_partitioning = false)"
    names = ", ".join(f"stored.{name}" for name in NAMES)
    sql = f"""
        COPY (
            WITH labelled AS (
                SELECT 'training' AS part, * FROM {labels} UNION ALL SELECT 'curated', * FROM {labels}
            )
            SELECT row_id, row, labelled.entity, labelled.at, {names}, label, part
            FROM labelled
            ASOF LEFT JOIN {store} AS stored
                ON labelled.entity = stored.entity AND epoch(labelled.at) >= stored.at
        ) TO '{folder}/alone' (FORMAT parquet, PARTITION_BY (part))
    """  # noqa: S608 - our own names
    with duckdb.connect(config={"threads": os.cpu_count() or 1}) as connection:
        began = time.perf_counter()
        connection.execute(sql)
        return time.perf_counter() - began


def furnish(
    server: StandIn, workflow: Workflow, records: pd.DataFrame, labels: pd.DataFrame, folder: Path
) -> None:
    """Put labelled rows and an offline store in AWS's layout where the statements look for them.

    :param folder: where the same files are kept besides
    """
    s3, glue = server.client("s3"), server.client("glue")
    s3.create_bucket(Bucket="local-ml")
    for database in ("bench", "sagemaker_featurestore"):
        glue.create_database(DatabaseInput={"Name": database})

    def put(key: str, table: pa.Table) -> None:
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        s3.put_object(Bucket="local-ml", Key=key, Body=buffer.getvalue())
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(buffer.getvalue())

    rows = pa.table(
        {
            "row_id": [f"f.csv:{row}" for row in labels["row"]],
            "row": labels["row"].to_numpy(),
            "entity": labels["entity"],
            "at": pa.array((labels["at"] * 1000).round().astype("int64"), pa.timestamp("ms")).cast(
                pa.timestamp("us")
            ),
            "label": labels["row"].to_numpy() % 2,
        }
    )
    put(f"bench/curated/dt={DAY}/part-00000.parquet", rows)
    uri = f"s3://local-ml/bench/curated/dt={DAY}/"
    table = rendered(workflow, glue_table.create_accepted(workflow))
    for name in ("accepted", "curated"):
        table["TableInput"]["Name"] = name
        glue.create_table(**table)
        storage = {**table["TableInput"]["StorageDescriptor"], "Location": uri}
        glue.create_partition(
            DatabaseName="bench",
            TableName=name,
            PartitionInput={"Values": [DAY], "StorageDescriptor": storage},
        )

    columns = [("entity", "string"), ("at", "double"), *((name, "double") for name in NAMES)]
    columns += [("api_invocation_time", "timestamp"), ("write_time", "timestamp"), ("is_deleted", "boolean")]
    storage = {
        **table["TableInput"]["StorageDescriptor"],
        "Columns": [{"Name": name, "Type": kind} for name, kind in columns],
        "Location": "s3://local-ml/store/data",
    }
    store = {"DatabaseName": XCOMS["define_features"]["database"], "Name": XCOMS["define_features"]["table"]}
    keys = [{"Name": name, "Type": "string"} for name in ("year", "month", "day", "hour")]
    glue.create_table(
        DatabaseName=store["DatabaseName"],
        TableInput={
            "Name": store["Name"],
            "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": keys,
            "StorageDescriptor": storage,
        },
    )
    called = pd.to_datetime(records["at"], unit="s").dt.floor("us").astype("datetime64[us]")
    stored = records.assign(api_invocation_time=called, write_time=called, is_deleted=False)
    partitions = []
    for hour, part in stored.groupby(called.dt.strftime("%Y/%m/%d/%H")):
        values = str(hour).split("/")
        place = "/".join(f"{key['Name']}={value}" for key, value in zip(keys, values, strict=True))
        put(f"store/data/{place}/part.parquet", pa.Table.from_pandas(part, preserve_index=False))
        location = f"s3://local-ml/store/data/{place}/"
        partitions.append({"Values": values, "StorageDescriptor": {**storage, "Location": location}})
    for start in range(0, len(partitions), 100):
        glue.batch_create_partition(
            DatabaseName=store["DatabaseName"],
            TableName=store["Name"],
            PartitionInputList=partitions[start : start + 100],
        )


def athena(server: StandIn, workflow: Workflow, body: dict[str, Any]) -> dict[str, Any]:
    """A statement of the project, run to its end."""
    return answer(server, workflow, rendered(workflow, body)["QueryString"])


def answer(server: StandIn, workflow: Workflow, sql: str) -> dict[str, Any]:
    """The query execution of a statement that must succeed."""
    client = server.client("athena")
    query = client.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": workflow.name},
        ResultConfiguration={"OutputLocation": "s3://local-ml/queries/"},
    )["QueryExecutionId"]
    while True:
        execution: dict[str, Any] = client.get_query_execution(QueryExecutionId=query)["QueryExecution"]
        if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
            break
        time.sleep(0.02)  # Athena has nothing that could be awaited
    if execution["Status"]["State"] != "SUCCEEDED":
        raise RuntimeError(execution["Status"]["StateChangeReason"])
    return execution


def result(server: StandIn, execution: dict[str, Any]) -> pd.DataFrame:
    """The rows to judge by of a join's result, in the labels' order."""
    del execution
    s3 = server.client("s3")
    prefix = f"bench/runs/{DAY}/prepare_transform/joined/part=curated/"
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket="local-ml", Prefix=prefix)["Contents"]]
    parts = [s3.get_object(Bucket="local-ml", Key=key)["Body"].read() for key in keys]
    tables = [pq.ParquetFile(io.BytesIO(part)).read() for part in parts]
    return pa.concat_tables(tables).to_pandas().sort_values("row")[["row", *NAMES]]


if __name__ == "__main__":
    main()
