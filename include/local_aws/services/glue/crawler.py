"""Crawlers: definitions, and their runs.

    READY ──Start──> RUNNING ──────────────> READY   LastCrawl SUCCEEDED or FAILED
                        └──Stop──> STOPPING ──> READY   LastCrawl CANCELLED

A run is a thread of this process; one that is found unfinished after a restart has FAILED.
"""

from __future__ import annotations

import json
import logging
import statistics
import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local_aws.services.catalog import Catalog
from local_aws.services.catalog.catalog import exists, invalid, missing
from local_aws.services.context import Context
from local_aws.services.glue import tag
from local_aws.services.glue.crawl import Counts, Crawl, CrawlFailed, CrawlStopped
from local_aws.services.glue.listing import listed
from local_aws.state.logs import now_ms
from local_aws.state.objects import parse_s3_uri
from local_aws.state.records import Body, Record, RecordExists
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call, operation

LOG = logging.getLogger(__name__)

_KIND = "glue.crawler"
_LOG_GROUP = "/aws-glue/crawlers"
_KEPT_RUNS = 100
_SETTINGS = (
    "Role", "DatabaseName", "Description", "Targets", "TablePrefix", "SchemaChangePolicy", "RecrawlPolicy",
    "Configuration", "Classifiers",
)  # fmt: skip


@operation("glue", "CreateCrawler")
def create_crawler(context: Context, call: Call) -> dict[str, Any]:
    """Make a crawler of S3 folders; schedules, other targets and own classifiers are refused."""
    given = call.parameters
    _check(given, "CreateCrawler")
    now = datetime.now(UTC)
    crawler: Body = {
        "Name": given["Name"],
        "Classifiers": [],
        "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVERYTHING"},
        "SchemaChangePolicy": {},
        "LineageConfiguration": {"CrawlerLineageSettings": "DISABLE"},
        "LakeFormationConfiguration": {"UseLakeFormationCredentials": False, "AccountId": ""},
        "State": "READY",
        "CrawlElapsedTime": 0,
        "CreationTime": now,
        "LastUpdated": now,
        "Version": 1,
        **{key: given[key] for key in _SETTINGS if given.get(key) is not None},
    }
    _complete(crawler)
    try:
        context.records(_KIND).insert(given["Name"], {"Crawler": crawler, "Runs": []})
    except RecordExists:
        raise exists(f"Crawler with name {given['Name']} already exists") from None
    tag.remember(context, tag.arn(context, f"crawler/{given['Name']}"), given.get("Tags"))
    return {}


@operation("glue", "UpdateCrawler")
def update_crawler(context: Context, call: Call) -> dict[str, Any]:
    """Change a crawler that does not run."""
    given = call.parameters
    _check(given, "UpdateCrawler")
    _find(context, given["Name"])

    def change(body: Body) -> Body:
        crawler = body["Crawler"]
        _need_ready(crawler)
        crawler |= {key: given[key] for key in _SETTINGS if given.get(key) is not None}
        crawler |= {"LastUpdated": datetime.now(UTC), "Version": crawler["Version"] + 1}
        _complete(crawler)
        return body

    context.records(_KIND).change(given["Name"], change)
    return {}


@operation("glue", "GetCrawler")
def get_crawler(context: Context, call: Call) -> dict[str, Any]:
    """Describe a crawler and its last run."""
    return {"Crawler": _described(_find(context, call.parameters["Name"]).body)}


@operation("glue", "GetCrawlers")
def get_crawlers(context: Context, call: Call) -> dict[str, Any]:
    """Describe all crawlers by name."""
    answer = listed("Crawlers", context.records(_KIND).scan(), call.parameters, key=lambda record: record.key)
    answer["Crawlers"] = [_described(record.body) for record in answer["Crawlers"]]
    return answer


@operation("glue", "BatchGetCrawlers")
def batch_get_crawlers(context: Context, call: Call) -> dict[str, Any]:
    """Describe several crawlers; those that are not there are named."""
    records = {name: context.records(_KIND).find(name) for name in call.parameters["CrawlerNames"]}
    return {
        "Crawlers": [_described(record.body) for record in records.values() if record],
        "CrawlersNotFound": [name for name, record in records.items() if record is None],
    }


@operation("glue", "ListCrawlers")
def list_crawlers(context: Context, call: Call) -> dict[str, Any]:
    """List the crawlers' names, those that have all of ``Tags`` if given."""
    wanted = call.parameters.get("Tags") or {}
    names = [
        record.key
        for record in context.records(_KIND).scan()
        if wanted.items() <= tag.of(context, tag.arn(context, f"crawler/{record.key}")).items()
    ]
    return listed("CrawlerNames", names, call.parameters, key=lambda name: name)


@operation("glue", "DeleteCrawler")
def delete_crawler(context: Context, call: Call) -> dict[str, Any]:
    """Remove a crawler that does not run; its tables stay."""
    name = call.parameters["Name"]
    _need_ready(_find(context, name).body["Crawler"])
    context.records(_KIND).delete(name)
    tag.forget(context, tag.arn(context, f"crawler/{name}"))
    return {}


@operation("glue", "StartCrawler")
def start_crawler(context: Context, call: Call) -> dict[str, Any]:
    """Start a run; a crawler runs once at a time."""
    name = call.parameters["Name"]
    _find(context, name)
    run = _Run(name, str(uuid.uuid4()), datetime.now(UTC), threading.Event())

    def change(body: Body) -> Body:
        _need_ready(body["Crawler"])
        body["Crawler"]["State"] = "RUNNING"
        body["Runs"] = [{"CrawlId": run.id, "State": "RUNNING", "StartTime": run.start}, *body["Runs"]][
            :_KEPT_RUNS
        ]
        return body

    context.records(_KIND).change(name, change)
    thread = threading.Thread(target=_run, args=(context, run), name=f"crawler {name}", daemon=True)
    run.thread = thread
    _runs(context)[name] = run
    thread.start()
    return {}


@operation("glue", "StopCrawler")
def stop_crawler(context: Context, call: Call) -> dict[str, Any]:
    """End a run before its next file."""
    name = call.parameters["Name"]
    _find(context, name)

    def change(body: Body) -> Body:
        state = body["Crawler"]["State"]
        if state == "STOPPING":
            raise AwsError("CrawlerStoppingException", f"Crawler with name {name} is stopping")
        if state != "RUNNING":
            raise AwsError("CrawlerNotRunningException", f"Crawler with name {name} isn't running")
        body["Crawler"]["State"] = "STOPPING"
        return body

    context.records(_KIND).change(name, change)
    run = _runs(context).get(name)
    if run:
        run.stopping.set()
    return {}


@operation("glue", "GetCrawlerMetrics")
def get_crawler_metrics(context: Context, call: Call) -> dict[str, Any]:
    """Tell what the crawlers' runs changed and how long they took."""
    wanted = call.parameters.get("CrawlerNameList")
    records = [record for record in context.records(_KIND).scan() if not wanted or record.key in wanted]
    answer = listed("CrawlerMetricsList", records, call.parameters, key=lambda record: record.key)
    answer["CrawlerMetricsList"] = [_metrics(record.body) for record in answer["CrawlerMetricsList"]]
    return answer


@operation("glue", "ListCrawls")
def list_crawls(context: Context, call: Call) -> dict[str, Any]:
    """List a crawler's runs, newest first."""
    if call.parameters.get("Filters"):
        raise NotEmulated("glue", "ListCrawls", "Filters")
    runs = _find(context, call.parameters["CrawlerName"]).body["Runs"]
    answer = listed(
        "Crawls",
        runs,
        call.parameters,
        key=lambda run: (run["StartTime"].timestamp(), run["CrawlId"]),
        largest=20,
        descending=True,
    )
    answer["Crawls"] = [_crawl(call.parameters["CrawlerName"], run) for run in answer["Crawls"]]
    return answer


def recover(context: Context) -> None:
    """End the runs that an earlier life of the stand-in left."""
    for record in list(context.records(_KIND).scan()):
        if record.body["Crawler"]["State"] != "READY":
            _end(
                context, record.key, "FAILED", "Internal service error: the stand-in was stopped while it ran"
            )


def close(context: Context) -> None:
    """Stop all runs and wait for them."""
    for run in list(_runs(context).values()):
        run.stopping.set()
        if run.thread is not None:
            run.thread.join(timeout=30)


@dataclass
class _Run:
    name: str
    id: str
    start: datetime
    stopping: threading.Event
    thread: threading.Thread | None = None


def _runs(context: Context) -> dict[str, _Run]:
    found: dict[str, _Run] = context.running.setdefault("glue.crawls", {})
    return found


def _run(context: Context, run: _Run) -> None:
    def say(line: str) -> None:
        context.logs.put(_LOG_GROUP, run.name, [(now_ms(), f"[{run.id}] {line}")])

    crawler = _find(context, run.name).body["Crawler"]
    say(f"BENCHMARK : Running Start Crawl for Crawler {run.name}")
    crawl = Crawl(Catalog(context), context.objects, crawler, say, run.stopping)
    status, message = "SUCCEEDED", None
    try:
        crawl.run()
    except CrawlStopped:
        status, message = "CANCELLED", "The crawler was stopped"
    except (CrawlFailed, AwsError) as problem:
        status, message = "FAILED", str(problem)
    except Exception as problem:
        LOG.exception("crawler %s", run.name)
        status, message = "FAILED", f"Internal service error: {problem!r}"
    say(f"{'ERROR' if status == 'FAILED' else 'BENCHMARK'} : {message or 'Crawler has finished running'}")
    _runs(context).pop(run.name, None)
    _end(context, run.name, status, message, crawl.counts)


def _end(context: Context, name: str, status: str, message: str | None, counts: Counts | None = None) -> None:
    def change(body: Body) -> Body:
        run, now = body["Runs"][0], datetime.now(UTC)
        run |= {
            "State": {"SUCCEEDED": "COMPLETED", "CANCELLED": "STOPPED"}.get(status, status),
            "EndTime": now,
        }
        run["Counts"] = vars(counts or Counts())
        if message:
            run["ErrorMessage"] = message
        last = {
            "Status": status,
            "LogGroup": _LOG_GROUP,
            "LogStream": name,
            "MessagePrefix": run["CrawlId"],
            "StartTime": run["StartTime"],
        }
        if message:
            last["ErrorMessage"] = message
        body["Crawler"] |= {"State": "READY", "LastCrawl": last, "CrawlElapsedTime": 0}
        return body

    context.records(_KIND).change(name, change)


def _find(context: Context, name: str) -> Record:
    found = context.records(_KIND).find(name)
    if found is None:
        raise missing(f"Crawler entry with name {name} does not exist")
    return found


def _need_ready(crawler: Body) -> None:
    if crawler["State"] != "READY":
        raise AwsError("CrawlerRunningException", f"Crawler with name {crawler['Name']} has already started")


def _check(given: Body, name: str) -> None:
    if given.get("Schedule"):
        raise NotEmulated("glue", name, "Schedule")
    if given.get("Classifiers"):
        raise NotEmulated("glue", name, "Classifiers")
    targets = given.get("Targets")
    if targets is not None:
        for kind, members in targets.items():
            if members and kind != "S3Targets":
                raise NotEmulated("glue", name, kind)
        if not targets.get("S3Targets"):
            raise invalid("Crawler cannot be created without targets.")
        for target in targets["S3Targets"]:
            _check_target(target, name)
    if (given.get("RecrawlPolicy") or {}).get("RecrawlBehavior") == "CRAWL_EVENT_MODE":
        raise NotEmulated("glue", name, "CRAWL_EVENT_MODE")
    if given.get("Configuration"):
        _check_configuration(given["Configuration"], name)


def _check_target(target: Body, name: str) -> None:
    if target.get("ConnectionName") or target.get("EventQueueArn"):
        raise NotEmulated("glue", name, "S3 targets with a connection or an event queue")
    path = target.get("Path", "")
    if "://" not in path:
        path = target["Path"] = f"s3://{path}"
    try:
        parse_s3_uri(path)
    except ValueError:
        raise invalid(f"Invalid S3 path: {path}") from None


def _check_configuration(text: str, name: str) -> None:
    try:
        configuration = json.loads(text)
    except ValueError:
        raise invalid("The crawler configuration is not valid JSON.") from None
    grouping = configuration.get("Grouping", {})
    policy = grouping.get("TableGroupingPolicy", "CombineCompatibleSchemas")
    unknown = set(configuration) - {"Version", "CrawlerOutput", "Grouping", "CreatePartitionIndex"}
    if unknown or policy != "CombineCompatibleSchemas" or "TableLevelConfiguration" in grouping:
        what = next(iter(unknown), "this grouping")
        raise NotEmulated("glue", name, f"{what} in Configuration")


def _complete(crawler: Body) -> None:
    crawler["SchemaChangePolicy"] = {
        "UpdateBehavior": "UPDATE_IN_DATABASE",
        "DeleteBehavior": "DEPRECATE_IN_DATABASE",
        **crawler["SchemaChangePolicy"],
    }
    if not crawler.get("DatabaseName"):
        raise invalid("Crawler needs a DatabaseName.")


def _described(body: Body) -> Body:
    crawler: Body = dict(body["Crawler"])
    if crawler["State"] != "READY":
        elapsed = datetime.now(UTC) - body["Runs"][0]["StartTime"]
        crawler["CrawlElapsedTime"] = int(elapsed.total_seconds() * 1000)
    return crawler


def _metrics(body: Body) -> Body:
    ended = [run for run in body["Runs"] if "EndTime" in run]
    times = [(run["EndTime"] - run["StartTime"]).total_seconds() for run in ended]
    counts = ended[0]["Counts"] if ended else vars(Counts())
    return {
        "CrawlerName": body["Crawler"]["Name"],
        "TimeLeftSeconds": 0.0,
        "StillEstimating": body["Crawler"]["State"] != "READY",
        "LastRuntimeSeconds": times[0] if times else 0.0,
        "MedianRuntimeSeconds": statistics.median(times) if times else 0.0,
        "TablesCreated": counts["created"],
        "TablesUpdated": counts["updated"],
        "TablesDeleted": counts["deleted"],
    }


def _crawl(name: str, run: Body) -> Body:
    shown = {
        key: run[key] for key in ("CrawlId", "State", "StartTime", "EndTime", "ErrorMessage") if key in run
    }
    place = {"LogGroup": _LOG_GROUP, "LogStream": name, "MessagePrefix": run["CrawlId"]}
    return {str(key): value for key, value in shown.items()} | place
