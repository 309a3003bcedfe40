"""A crawler's task: its own crawl, and nobody else's, decides."""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime
from typing import Any

import pytest

from aws_ml.exceptions import RemoteJobFailed
from aws_ml.operators.glue_crawler import GlueCrawlerOperator
from aws_ml.operators.glue_database import GlueDatabaseOperator
from aws_ml.triggers.remote_job import RemoteJobTrigger
from tests.contract.aws_ml.conftest import BUCKET, ROLE, TaskInstance, WorkerDied, first_event, until
from tests.support.stand_in import StandIn

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def config(aws: StandIn) -> dict[str, Any]:
    """Body of CreateCrawler for one table with one partition."""
    name = f"crawled_{uuid.uuid4().hex[:8]}"
    land(aws, name, "2026-01-15")
    GlueDatabaseOperator(task_id="db", config={"Name": name}).execute(TaskInstance().context())
    return {
        "Name": name,
        "Role": ROLE,
        "DatabaseName": name,
        "Targets": {"S3Targets": [{"Path": f"s3://{BUCKET}/{name}/landing/"}]},
        "SchemaChangePolicy": {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"},
    }


def land(aws: StandIn, name: str, day: str) -> None:
    rows = "id,amount\n" + "".join(f"{n},{n}.5\n" for n in range(20))
    aws.client("s3").put_object(Bucket=BUCKET, Key=f"{name}/landing/dt={day}/part.csv", Body=rows.encode())


def operator(config: dict[str, Any], **arguments: Any) -> GlueCrawlerOperator:
    return GlueCrawlerOperator(task_id="task", config=config, **{"deferrable": False, **arguments})


def partitions(aws: StandIn, config: dict[str, Any]) -> list[str]:
    found = aws.client("glue").get_partitions(DatabaseName=config["DatabaseName"], TableName="landing")
    return sorted(partition["Values"][0] for partition in found["Partitions"])


def die(*arguments: Any, **state: Any) -> None:
    raise WorkerDied


def last_crawl(aws: StandIn, config: dict[str, Any]) -> datetime:
    """When the last crawl began, once the crawler is at rest."""

    def resting() -> Any:
        crawler = aws.client("glue").get_crawler(Name=config["Name"])["Crawler"]
        return crawler if crawler["State"] == "READY" else None

    begun: datetime = until(resting)["LastCrawl"]["StartTime"]
    return begun


def test_the_crawler_is_made_and_run(aws: StandIn, task: TaskInstance, config: dict[str, Any]) -> None:
    result = operator(config).execute(task.context())
    assert result == {"name": config["Name"], "database": config["DatabaseName"]}
    assert partitions(aws, config) == ["2026-01-15"]


def test_every_run_crawls_again(aws: StandIn, config: dict[str, Any]) -> None:
    operator(config).execute(TaskInstance().context())
    land(aws, config["Name"], "2026-01-16")
    operator(config).execute(TaskInstance().context())
    assert partitions(aws, config) == ["2026-01-15", "2026-01-16"]


def test_a_changed_definition_is_updated(aws: StandIn, config: dict[str, Any]) -> None:
    operator(config).execute(TaskInstance().context())
    operator({**config, "Description": "changed"}).execute(TaskInstance().context())
    assert aws.client("glue").get_crawler(Name=config["Name"])["Crawler"]["Description"] == "changed"


def test_somebody_elses_crawl_is_waited_for_and_not_taken_for_ours(
    aws: StandIn, task: TaskInstance, config: dict[str, Any]
) -> None:
    """Their crawl may have listed the files before ours landed."""
    glue = aws.client("glue")
    glue.create_crawler(**config)
    glue.start_crawler(Name=config["Name"])
    land(aws, config["Name"], "2026-01-16")
    operator(config).execute(task.context())
    assert partitions(aws, config) == ["2026-01-15", "2026-01-16"]


def test_our_own_crawl_is_adopted_by_a_retry(
    aws: StandIn, task: TaskInstance, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first try's worker died while it waited: the crawl that it started counts."""
    dying = operator(config)
    monkeypatch.setattr(dying, "follow", die)
    with pytest.raises(WorkerDied):
        dying.execute(task.context())
    begun = last_crawl(aws, config)
    operator(config).execute(task.context())
    assert last_crawl(aws, config) == begun


def test_a_crawl_that_the_triggerer_awaited_is_judged_on_the_worker(
    aws: StandIn, task: TaskInstance, config: dict[str, Any]
) -> None:
    glue = aws.client("glue")
    glue.create_crawler(**config)
    glue.start_crawler(Name=config["Name"])
    handle = {"Name": config["Name"]}
    trigger = RemoteJobTrigger(kind="glue.crawler", handle=handle, poll_seconds=0.1)
    event = asyncio.run(first_event(trigger))
    assert event == {"phase": "succeeded", "state": "READY"}
    result = operator(config).resume(task.context(), event, handle, "conclude", {"after": ""})
    assert result["name"] == config["Name"]


def test_a_failed_crawl_fails_the_task_and_a_retry_crawls_again(
    aws: StandIn, task: TaskInstance, config: dict[str, Any]
) -> None:
    broken = {**config, "Targets": {"S3Targets": [{"Path": "s3://no-such-bucket/x/"}]}}
    with pytest.raises(RemoteJobFailed, match=config["Name"]):
        operator(broken).execute(task.context())
    operator(config).execute(task.context())
    assert partitions(aws, config) == ["2026-01-15"]


def test_a_database_may_be_there_already(config: dict[str, Any]) -> None:
    again = GlueDatabaseOperator(task_id="db", config={"Name": config["DatabaseName"]})
    assert again.execute(TaskInstance().context()) == {"name": config["DatabaseName"]}
