"""Crawlers: look at what lies in S3 and make it tables of the catalog.

What a crawl does is in crawl.py, what it makes of one file in classify.py. A crawler crawls once at a time,
on a thread of this process. A crawl that a crash cuts short ends as FAILED when the stand-in starts again.
Scheduled crawls, custom classifiers and targets other than S3 are refused.
"""

from __future__ import annotations

import json
import logging
import statistics
import threading
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from local_aws.services.catalog.catalog import exists, invalid, missing
from local_aws.services.context import Context
from local_aws.services.glue import tag
from local_aws.services.glue.crawl import CrawlStopped, Found, make_tables
from local_aws.services.glue.listing import listed
from local_aws.state.logs import now_ms
from local_aws.state.objects import parse_s3_uri
from local_aws.state.records import Body, RecordExists, RecordMissing
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call, operation

LOG = logging.getLogger(__name__)

KIND = "glue.crawler"
RUNNING = "glue.crawler"  # key of Context.running: crawls by crawler name
LOG_GROUP = "/aws-glue/crawlers"
LEFT_BEHIND = "Internal Service Exception: the stand-in was stopped while this crawl ran."
CLOSING_SECONDS = 3.0
_LIST_TARGETS = ("JdbcTargets", "MongoDBTargets", "DynamoDBTargets", "CatalogTargets", "DeltaTargets",
                 "IcebergTargets", "HudiTargets")  # fmt: skip


# --- operations -------------------------------------------------------------------------------------


@operation("glue", "CreateCrawler")
def create_crawler(context: Context, call: Call) -> dict[str, Any]:
    """Store a crawler over S3 targets."""
    given = {key: value for key, value in call.parameters.items() if key != "Tags"}
    _check("CreateCrawler", given)
    now = datetime.now(UTC)
    body = {**_defaults(), **given, "State": "READY", "CreationTime": now, "LastUpdated": now, "Version": 1}
    body |= {"CrawlElapsedTime": 0, "Runtimes": [], "Metrics": {}}
    with context.database.transaction():
        try:
            context.records(KIND).insert(given["Name"], body)
        except RecordExists:
            raise exists(f"{given['Name']} already exists") from None
        tag.remember(context, tag.arn(context, f"crawler/{given['Name']}"), call.parameters.get("Tags"))
    return {}


@operation("glue", "UpdateCrawler")
def update_crawler(context: Context, call: Call) -> dict[str, Any]:
    """Change the given members of a crawler that is at rest."""
    given = call.parameters
    _check("UpdateCrawler", given)

    def changed(body: Body) -> Body:
        if body["State"] != "READY":
            raise _is_running(given["Name"])
        return {**body, **given, "LastUpdated": datetime.now(UTC), "Version": body["Version"] + 1}

    _change(context, given["Name"], changed)
    return {}


@operation("glue", "GetCrawler")
def get_crawler(context: Context, call: Call) -> dict[str, Any]:
    """Describe one crawler and its last crawl."""
    return {"Crawler": _shown(_crawler(context, call.parameters["Name"]))}


@operation("glue", "GetCrawlers")
def get_crawlers(context: Context, call: Call) -> dict[str, Any]:
    """List all crawlers by name."""
    crawlers = (_shown(record.body) for record in context.records(KIND).scan())
    return listed("Crawlers", crawlers, call.parameters, key=lambda crawler: crawler["Name"])


@operation("glue", "ListCrawlers")
def list_crawlers(context: Context, call: Call) -> dict[str, Any]:
    """List the names of all crawlers, or of those that carry all the given tags."""
    wanted = call.parameters.get("Tags") or {}
    fitting = (
        record.key
        for record in context.records(KIND).scan()
        if wanted.items() <= tag.tags_of(context, tag.arn(context, f"crawler/{record.key}")).items()
    )
    return listed("CrawlerNames", fitting, call.parameters, key=lambda name: name)


@operation("glue", "BatchGetCrawlers")
def batch_get_crawlers(context: Context, call: Call) -> dict[str, Any]:
    """Describe several crawlers; names that are not there are answered apart."""
    found = {name: context.records(KIND).find(name) for name in call.parameters["CrawlerNames"]}
    return {
        "Crawlers": [_shown(record.body) for record in found.values() if record],
        "CrawlersNotFound": [name for name, record in found.items() if not record],
    }


@operation("glue", "DeleteCrawler")
def delete_crawler(context: Context, call: Call) -> dict[str, Any]:
    """Forget a crawler that is at rest; its tables stay."""
    name = call.parameters["Name"]
    with context.database.transaction():
        if _crawler(context, name)["State"] != "READY":
            raise _is_running(name)
        context.records(KIND).delete(name)
        tag.forget(context, tag.arn(context, f"crawler/{name}"))
    return {}


@operation("glue", "StartCrawler")
def start_crawler(context: Context, call: Call) -> dict[str, Any]:
    """Begin a crawl; answers at once."""
    name = call.parameters["Name"]
    started = datetime.now(UTC)

    def begun(body: Body) -> Body:
        if body["State"] != "READY":
            raise _is_running(name)
        return {**body, "State": "RUNNING", "CrawlStarted": started}

    body = _change(context, name, begun)
    stop = threading.Event()
    thread = threading.Thread(target=_crawl, args=(context, body, stop), name=f"crawl {name}", daemon=True)
    context.running.setdefault(RUNNING, {})[name] = (stop, thread)
    thread.start()
    return {}


@operation("glue", "StopCrawler")
def stop_crawler(context: Context, call: Call) -> dict[str, Any]:
    """Ask the crawl under way to end."""
    name = call.parameters["Name"]

    def stopping(body: Body) -> Body:
        if body["State"] == "STOPPING":
            raise AwsError("CrawlerStoppingException", f"Crawler with name {name} is stopping")
        if body["State"] != "RUNNING":
            raise AwsError("CrawlerNotRunningException", f"Crawler with name {name} isn't running")
        return {**body, "State": "STOPPING"}

    _change(context, name, stopping)
    running = context.running.get(RUNNING, {}).get(name)
    if running:
        running[0].set()
    return {}


@operation("glue", "GetCrawlerMetrics")
def get_crawler_metrics(context: Context, call: Call) -> dict[str, Any]:
    """Say what the last crawls did and how long they took."""
    names = call.parameters.get("CrawlerNameList")
    bodies = (record.body for record in context.records(KIND).scan())
    metrics = (
        {
            "CrawlerName": body["Name"],
            "TimeLeftSeconds": 0.0,
            "StillEstimating": body["State"] != "READY",
            "LastRuntimeSeconds": body["Runtimes"][-1] if body["Runtimes"] else 0.0,
            "MedianRuntimeSeconds": statistics.median(body["Runtimes"] or [0.0]),
            "TablesCreated": body["Metrics"].get("created", 0),
            "TablesUpdated": body["Metrics"].get("updated", 0),
            "TablesDeleted": body["Metrics"].get("deleted", 0),
        }
        for body in bodies
        if not names or body["Name"] in names
    )
    return listed(
        "CrawlerMetricsList", metrics, call.parameters, key=lambda metric: str(metric["CrawlerName"])
    )


def recover(context: Context) -> None:
    """End the crawls that an earlier life of the stand-in left."""
    for record in list(context.records(KIND).scan()):
        if record.body["State"] != "READY":
            _end(context, record.body, "FAILED", LEFT_BEHIND, Found())


def close(context: Context) -> None:
    """Ask all crawls to end and wait for them a little."""
    crawls = list(context.running.get(RUNNING, {}).values())
    for stop, _ in crawls:
        stop.set()
    for _, thread in crawls:
        thread.join(CLOSING_SECONDS)


def _defaults() -> Body:
    return {
        "Description": "",
        "Classifiers": [],
        "TablePrefix": "",
        "SchemaChangePolicy": {
            "UpdateBehavior": "UPDATE_IN_DATABASE",
            "DeleteBehavior": "DEPRECATE_IN_DATABASE",
        },
        "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVERYTHING"},
        "LineageConfiguration": {"CrawlerLineageSettings": "DISABLE"},
    }


def _check(api: str, given: Mapping[str, Any]) -> None:
    """Raise NotEmulated or InvalidInputException for what these crawlers cannot do."""
    for member in ("Schedule", "Classifiers", "CrawlerSecurityConfiguration", "LakeFormationConfiguration"):
        if given.get(member):
            raise NotEmulated("glue", api, member)
    if (given.get("RecrawlPolicy") or {}).get("RecrawlBehavior", "CRAWL_EVERYTHING") != "CRAWL_EVERYTHING":
        raise NotEmulated("glue", api, f"RecrawlBehavior {given['RecrawlPolicy']['RecrawlBehavior']}")
    _check_configuration(api, given.get("Configuration"))
    if "Targets" not in given:
        return
    targets = given["Targets"]
    for member in _LIST_TARGETS:
        if targets.get(member):
            raise NotEmulated("glue", api, f"Targets.{member}")
    if not targets.get("S3Targets"):
        raise invalid("The crawler needs at least one target.")
    for target in targets["S3Targets"]:
        for member in ("ConnectionName", "EventQueueArn", "DlqEventQueueArn"):
            if target.get(member):
                raise NotEmulated("glue", api, f"S3Targets.{member}")
        try:
            parse_s3_uri(target.get("Path", ""))
        except ValueError as error:
            raise invalid(f"S3 target: {error}") from None


def _check_configuration(api: str, text: str | None) -> None:
    """Only what the stand-in does anyway: partitions that inherit their table's schema."""
    try:
        configuration = json.loads(text) if text else {}
    except ValueError as error:
        raise invalid(f"Configuration is no JSON: {error}") from None
    inherit = {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}}
    for key, value in configuration.items():
        if key != "Version" and (key, value) != ("CrawlerOutput", inherit):
            raise NotEmulated("glue", api, f"Configuration {key}")


def _crawler(context: Context, name: str) -> Body:
    try:
        return context.records(KIND).get(name).body
    except RecordMissing:
        raise _no_such_crawler(name) from None


def _change(context: Context, name: str, how: Any) -> Body:
    try:
        return context.records(KIND).change(name, how).body
    except RecordMissing:
        raise _no_such_crawler(name) from None


def _no_such_crawler(name: str) -> AwsError:
    return missing(f"Crawler with name {name} does not exist")


def _is_running(name: str) -> AwsError:
    return AwsError("CrawlerRunningException", f"Crawler with name {name} has already started")


def _shown(body: Body) -> Body:
    if body["State"] == "READY":
        return body
    elapsed = datetime.now(UTC) - body["CrawlStarted"]
    return {**body, "CrawlElapsedTime": int(elapsed.total_seconds() * 1000)}


# --- one crawl --------------------------------------------------------------------------------------


def _crawl(context: Context, crawler: Body, stop: threading.Event) -> None:
    name, found = crawler["Name"], Found()
    try:
        make_tables(context, crawler, stop, found)
    except CrawlStopped:
        _end(context, crawler, "CANCELLED", None, found)
    except AwsError as error:
        _end(context, crawler, "FAILED", error.message, found)
    except Exception as error:
        LOG.exception("crawler %s", name)
        _end(context, crawler, "FAILED", f"Internal Service Exception: {error}", found)
    else:
        _end(context, crawler, "SUCCEEDED", None, found)
    finally:
        context.running.get(RUNNING, {}).pop(name, None)


def _end(context: Context, crawler: Body, status: str, error: str | None, found: Found) -> None:
    """Bring the crawler back to rest and say how the crawl went."""
    started: datetime = crawler["CrawlStarted"]
    prefix = str(uuid.uuid4())
    last = {
        "Status": status,
        "LogGroup": LOG_GROUP,
        "LogStream": crawler["Name"],
        "MessagePrefix": prefix,
        "StartTime": started,
    }
    if error:
        last["ErrorMessage"] = error
    lines = [*found.lines, *([f"ERROR : {error}"] if error else []), f"Crawl {status}: {found.counts()}"]
    context.logs.put(LOG_GROUP, crawler["Name"], [(now_ms(), f"[{prefix}] {line}") for line in lines])
    seconds = (datetime.now(UTC) - started).total_seconds()

    def rested(body: Body) -> Body:
        return {
            **body,
            "State": "READY",
            "LastCrawl": last,
            "CrawlElapsedTime": 0,
            "Runtimes": [*body["Runtimes"][-19:], seconds],
            "Metrics": found.counts(),
        }

    try:
        context.records(KIND).change(crawler["Name"], rested)
    except RecordMissing:
        LOG.warning("crawler %s was deleted while it ran", crawler["Name"])
