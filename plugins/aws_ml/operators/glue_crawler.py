"""Glue crawlers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.operators.glue_crawler import GlueCrawlerRunOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from botocore.exceptions import ClientError

from aws_ml.exceptions import RemoteJobFailed
from aws_ml.operators.remote_job import RemoteWork
from aws_ml.waiters.kinds import GLUE_CRAWLER, Description, Handle, at
from aws_ml.waiters.patience import error_code

if TYPE_CHECKING:
    from airflow.sdk import Context


class GlueCrawlerOperator(RemoteWork, GlueCrawlerRunOperator):
    """The provider's crawler operator, made safe to retry, to kill and to restart.

    A crawler runs once at a time and its crawls have no names. A crawl is this task's if it is the first one
    after the crawl that was the last when this task started it. A crawl that somebody else runs may have
    looked before this run's files landed, so this task waits for it and then crawls again.

    :param config: body of CreateCrawler; the crawler is created, or updated to it (templated)
    :param poll_seconds: seconds between two polls
    :param deferrable: wait on the triggerer instead of on a worker
    :return: ``{"name", "database"}``
    """

    kind = GLUE_CRAWLER
    template_fields: Sequence[str] = aws_template_fields("config")
    template_fields_renderers: ClassVar[dict[str, str]] = {"config": "json"}

    def __init__(
        self, *, config: dict[str, Any], poll_seconds: float = 5, deferrable: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(crawler_name="", deferrable=deferrable, **kwargs)
        self.config = config
        self.poll_seconds = poll_seconds

    def execute(self, context: Context) -> Any:
        """Take up the crawl that an earlier try started, or crawl."""
        self.crawler_name = self.config["Name"]
        handle = {"Name": self.crawler_name}
        record = self.recorded(context)
        crawler = self.describe(handle)
        if record is None or record["handle"] is None or crawler is None:
            return self.crawl(context, handle=handle)
        working = not self.kind.phase(crawler).settled
        if working == (last_crawl(crawler) == record["after"]):
            self.log.info("An earlier try of this task started a crawl: adopting it")
            return self.follow(context, handle, "conclude", after=record["after"])
        return self.crawl(context, handle=handle)

    def crawl(self, context: Context, *, handle: Handle) -> Any:
        """Start a crawl of our own as soon as nobody else's runs."""
        crawler = self.describe(handle)
        try:
            if crawler is None:
                self.log.info("Creating crawler %s", handle["Name"])
                self._client().create_crawler(**self.config)
                crawler = self.describe(handle) or {}
            elif not self.kind.phase(crawler).settled:
                return self._after_other(context, handle)
            else:
                self._update(crawler)
            after = last_crawl(crawler)
            self.record(context, {"handle": None, "after": after})
            self._client().start_crawler(**handle)
        except ClientError as error:
            if error_code(error) != "CrawlerRunningException":
                raise
            return self._after_other(context, handle)
        self.record(context, {"handle": handle, "after": after})
        return self.follow(context, handle, "conclude", after=after)

    def conclude(self, context: Context, *, handle: Handle, after: str) -> dict[str, str]:
        """Judge the crawl that ended: the crawler is at rest again, however it went."""
        crawler = self.describe(handle)
        if crawler is None:
            raise self.failure(handle, None)
        status = at(crawler, "Crawler.LastCrawl.Status")
        if last_crawl(crawler) == after or status != "SUCCEEDED":
            self.record(context, {"handle": None, "after": after})  # a retry must not adopt this bad end
            if last_crawl(crawler) == after:
                status = "at rest without having crawled"
            reason = self.kind.reason(crawler) or "AWS gives no reason"
            raise RemoteJobFailed(self._called(handle), status, reason, self._where(handle, crawler))
        self.forget(context)
        return {"name": handle["Name"], "database": crawler["Crawler"]["DatabaseName"]}

    def _after_other(self, context: Context, handle: Handle) -> Any:
        self.log.info("Crawler %s runs for somebody else: waiting for its end", handle["Name"])
        return self.follow(context, handle, "crawl", stop_on_kill=False)

    def _update(self, crawler: Description) -> None:
        present = crawler["Crawler"]
        wanted = {key: value for key, value in self.config.items() if key != "Tags"}
        if any(_comparable(present.get(key)) != _comparable(value) for key, value in wanted.items()):
            self.log.info("Updating crawler %s", wanted["Name"])
            self._client().update_crawler(**wanted)


def last_crawl(crawler: Description) -> str:
    """When the crawler's last finished crawl began, ISO 8601; empty before the first."""
    start = at(crawler, "Crawler.LastCrawl.StartTime")
    return "" if start is None else str(start.isoformat())


def _comparable(value: Any) -> Any:
    """Drop what AWS adds to a definition that it was given: empty target lists, nulls, a schedule's state."""
    if isinstance(value, dict):
        kept = {key: _comparable(inner) for key, inner in value.items() if key != "State"}
        return {key: inner for key, inner in kept.items() if inner not in (None, [], {}, "")}
    if isinstance(value, list):
        return [_comparable(inner) for inner in value]
    return value
