"""A kill -9 while records come in and are flushed: none that was acknowledged is lost, none is doubled."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.support.feature_store import created, group_request, plain, record, until
from tests.support.lake import Lake
from tests.support.stand_in import StandIn

WRITERS = 3
ENOUGH = 40  # acknowledged batches of every writer before the kill
EACH = 5  # records of a batch
TIME = "2026-01-15T06:00:00Z"


def test_kill_during_ingestion(start_stand_in: Callable[..., StandIn]) -> None:
    server = start_stand_in(None, "--offline-store-seconds", "0.05")  # many flushes happen meanwhile
    described = created(server, group_request("durable", Lake(server).bucket))
    once = Config(retries={"total_max_attempts": 1}, read_timeout=10)
    runtime = server.client("sagemaker-featurestore-runtime", config=once)
    acknowledged: list[str] = []
    enough = threading.Semaphore(0)

    def write(writer: int) -> None:
        number = 0
        try:
            while True:
                names = [str(writer * 1_000_000 + number * EACH + one) for one in range(EACH)]
                entries = [
                    {
                        "FeatureGroupName": "durable",
                        "Record": record(customer_id=name, event_time=TIME, income=name),
                    }
                    for name in names
                ]
                assert runtime.batch_write_record(Entries=entries)["Errors"] == []
                acknowledged.extend(names)
                number += 1
                if number == ENOUGH:
                    enough.release()
        except (BotoCoreError, ClientError):
            enough.release()  # the server is gone, or failed: then the assertions below say what

    with ThreadPoolExecutor(WRITERS) as pool:
        for writer in range(WRITERS):
            pool.submit(write, writer)
        for _ in range(WRITERS):
            assert enough.acquire(timeout=120)
        server.kill()
    assert len(acknowledged) >= WRITERS * ENOUGH * EACH
    server.restart()

    runtime = server.client("sagemaker-featurestore-runtime")
    for name in acknowledged[:: len(acknowledged) // 50]:
        answer = runtime.get_record(FeatureGroupName="durable", RecordIdentifierValueAsString=name)
        assert plain(answer["Record"])["income"] == name
    # A batch that was under way may have been written, though nobody was told.
    found = Counter(row["customer_id"] for row in _rows(server, described, len(acknowledged)))
    assert set(acknowledged) <= set(found)
    assert set(found.values()) == {1}
    assert len(found) <= len(acknowledged) + WRITERS * EACH
    assert "Traceback" not in server.log()


def _rows(server: StandIn, described: dict[str, object], count: int) -> list[dict[str, str]]:
    where = described["OfflineStoreConfig"]["DataCatalogConfig"]  # type: ignore[index]
    table = f'"{where["Database"]}"."{where["TableName"]}"'
    lake = Lake(server)
    offline_count(lake, table, count)
    # Results come a thousand rows a page.
    texts = lake.sql(f"SELECT array_join(array_agg(CAST(customer_id AS varchar)), ' ') FROM {table}")  # noqa: S608
    return [{"customer_id": name} for name in str(texts[0][0]).split()]


def offline_count(lake: Lake, table: str, count: int) -> None:

    sql = f"SELECT count(*) FROM {table}"  # noqa: S608 - our own name
    until(lambda: lake.sql(sql), lambda rows: int(str(rows[0][0])) >= count, "the offline store")
