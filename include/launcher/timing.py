"""Where a run's time went: in AWS's jobs, or in scheduling, starting, polling and waiting."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from launcher.follow import Outcome, child_run_id, moment, task_log
from launcher.landing import client
from launcher.stack import Stack

Moment = datetime.datetime
Span = tuple[Moment, Moment]
# What EndpointOperator logs just before the call.
SENDS_DEPLOYMENT = re.compile(r'"event": ?"(Creating|Updating) endpoint ')


@dataclass(frozen=True)
class StageTime:
    """One stage's run."""

    stage: str
    seconds: float
    in_jobs: float  # seconds in which at least one of AWS's jobs, queries, crawls or deployments went on

    @property
    def outside_share(self) -> float:
        """The share of the time in which AWS did nothing for this stage."""
        return 1 - self.in_jobs / self.seconds if self.seconds else 0.0


def stage_times(stack: Stack, workflow: str, outcome: Outcome) -> list[StageTime]:
    """The stages of a finished parent run, as far as they were run."""
    jobs = [*job_spans(stack), *deployment_spans(stack, outcome)]
    times = []
    for stage, seconds in outcome.stages.items():
        run = stack.airflow.run(f"{workflow}.{stage}", child_run_id(outcome.run_id))
        start, end = moment(run["start_date"]), moment(run["end_date"])
        clipped = [(max(start, a), min(end, b)) for a, b in jobs if a < end and b > start]
        times.append(StageTime(stage, seconds, covered(clipped)))
    return times


def covered(spans: list[Span]) -> float:
    """Seconds in at least one of the spans."""
    total, until = datetime.timedelta(), None
    for start, end in sorted(spans):
        begin = start if until is None else max(start, until)
        total += max(end - begin, datetime.timedelta())
        until = end if until is None else max(until, end)
    return total.total_seconds()


def job_spans(stack: Stack) -> Iterator[Span]:
    """From when to when each job, query and crawl went on, as AWS tells it."""
    sagemaker, glue, athena = (client(stack, name) for name in ("sagemaker", "glue", "athena"))
    for name in _listed(sagemaker, "list_processing_jobs", "ProcessingJobSummaries", "ProcessingJobName"):
        yield from _span(
            sagemaker.describe_processing_job(ProcessingJobName=name), "CreationTime", "ProcessingEndTime"
        )
    for name in _listed(sagemaker, "list_training_jobs", "TrainingJobSummaries", "TrainingJobName"):
        yield from _span(
            sagemaker.describe_training_job(TrainingJobName=name), "CreationTime", "TrainingEndTime"
        )
    for name in glue.get_paginator("list_jobs").paginate().search("JobNames[]"):
        for run in glue.get_job_runs(JobName=name)["JobRuns"]:
            yield from _span(run, "StartedOn", "CompletedOn")
    for crawler in glue.get_paginator("get_crawlers").paginate().search("Crawlers[]"):
        crawl = crawler.get("LastCrawl")
        if crawl:
            metrics = glue.get_crawler_metrics(CrawlerNameList=[crawler["Name"]])["CrawlerMetricsList"]
            took = metrics[0].get("LastRuntimeSeconds", 0.0) if metrics else 0.0
            yield crawl["StartTime"], crawl["StartTime"] + datetime.timedelta(seconds=took)
    for query in athena.get_paginator("list_query_executions").paginate().search("QueryExecutionIds[]"):
        status = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
        yield from _span(status, "SubmissionDateTime", "CompletionDateTime")


def deployment_spans(stack: Stack, outcome: Outcome) -> Iterator[Span]:
    """From when to when endpoints were deployed: AWS tells the end, the task's log when it asked for it.

    An endpoint outlives its run, so the time since its creation says nothing of this run. The start of the
    task would not do either: it would count as AWS's what Airflow takes to start a task.
    """
    sagemaker = client(stack, "sagemaker")
    ends = [endpoint["LastModifiedTime"] for endpoint in sagemaker.list_endpoints()["Endpoints"]]
    for task in outcome.tasks:
        if task.task_id == "deploy_endpoint":
            sent = deployment_sent(task_log(stack.choices.layout.airflow_home, task))
            yield from ((sent, end) for end in ends if sent and end > sent)


def deployment_sent(log: Path) -> Moment | None:
    """When a task asked AWS to create or update an endpoint; None if its log does not say."""
    if not log.exists():
        return None
    for line in log.read_text(errors="replace").splitlines():
        if SENDS_DEPLOYMENT.search(line):
            return moment(json.loads(line)["timestamp"])
    return None


def write(times: list[StageTime], file: Path) -> None:
    """Keep the times beside the run's reports."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(time) for time in times], indent=1))


def read(file: Path) -> list[StageTime]:
    """What `write` has kept."""
    return [StageTime(**time) for time in json.loads(file.read_text())]


def _listed(sagemaker: Any, operation: str, result: str, name: str) -> Iterator[str]:
    yield from sagemaker.get_paginator(operation).paginate().search(f"{result}[].{name}")


def _span(description: dict[str, Any], start: str, end: str) -> Iterator[Span]:
    if start in description and end in description:
        yield description[start], description[end]
