"""What one run left in S3, in a screenful. Every number is read from the reports that the run wrote."""

from __future__ import annotations

import datetime
import json
from typing import Any

from botocore.exceptions import ClientError

from launcher import timing
from launcher.follow import PARENT, Outcome
from launcher.landing import client
from launcher.problem import Problem
from launcher.settings import Choices
from launcher.stack import Stack
from launcher.timing import StageTime

PAGE = "report.html"  # all of it on one page, as Airflow shows it
# Reports worth opening, by stage: key below the run's prefix.
REPORTS = (
    "ingest_analyze/cleaning.json",
    "ingest_analyze/bias/report.html",
    "ingest_analyze/bias/analysis.json",
    "ingest_analyze/profile/profile.html",
    "ingest_analyze/profile/profile.json",
    "ingest_analyze/quality.json",
    "ingest_analyze/recommended_rules.dqdl",
    "ingest_analyze/mitigation/report.html",
    "ingest_analyze/mitigation/bias/report.html",
    "ingest_analyze/mitigation/mitigation.json",
    "ingest_analyze/decision.json",
    "prepare_transform/feature_group.json",
    "prepare_transform/ingestion/ingestion.json",
    "prepare_transform/offline_store.json",
    "prepare_transform/features.json",
    "train_tune/choice.json",
    "train_tune/evaluation/evaluation.json",
    "train_tune/explanations/analysis.json",
    "deploy_manage/deployment.json",
)


class Reports:
    """The reports of one run, copied to the laptop as they are read."""

    def __init__(self, stack: Stack, choices: Choices) -> None:
        self._s3 = client(stack, "s3")
        self._bucket = choices.deployment.bucket
        self._prefix = f"{choices.workflow}/runs/{choices.date}/"
        self.uri = f"s3://{self._bucket}/{self._prefix}"
        self.folder = choices.layout.reports / choices.workflow / choices.date
        self.found: list[str] = []

    def copy(self, since: datetime.datetime) -> None:
        """Copy the reports to `.local/reports/<workflow>/<run key>/`.

        :param since: when the run began; what is older was left by an earlier run of the same day
        """
        since = since.replace(microsecond=0)  # S3 keeps whole seconds
        for key in REPORTS:
            target = self.folder / key
            target.unlink(missing_ok=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                report = self._s3.get_object(
                    Bucket=self._bucket, Key=self._prefix + key, IfModifiedSince=since
                )
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("304", "NoSuchKey"):
                    raise
            else:
                target.write_bytes(report["Body"].read())
                self.found.append(key)

    def keep(self, stack: Stack, dag_id: str, run_id: str) -> None:
        """Put the run's report page beside the copies, to which its links then lead."""
        target = self.folder / PAGE
        target.unlink(missing_ok=True)
        try:
            page = stack.airflow.report(dag_id, run_id)
        except Problem as problem:  # the run is what it is, with or without a page about it
            print(f"\nThere is no report page: {problem}")
            return
        # What leads to other runs' reports leads to Airflow; the disk has none of them.
        elsewhere = f'href="{stack.airflow.base_url}/aws_ml/reports/'
        target.write_bytes(page.replace(b'href="../../', elsewhere.encode()))
        self.found.insert(0, PAGE)

    def read(self, key: str) -> Any:
        """A JSON report, or None when the run did not get so far."""
        return json.loads((self.folder / key).read_text()) if key in self.found else None


def summarize(
    stack: Stack, choices: Choices, outcome: Outcome, times: list[StageTime], seconds: float
) -> bool:
    """Print what the run found and made.

    :param times: of the stages; kept beside the reports
    :param seconds: since the launcher began
    :return: whether the endpoint answered its smoke records as the evaluation expects
    """
    reports = Reports(stack, choices)
    reports.copy(outcome.started)
    reports.keep(stack, f"{choices.workflow}.{PARENT}", outcome.run_id)
    print()
    _cleaning(reports.read("ingest_analyze/cleaning.json"))
    _decision(reports.read("ingest_analyze/decision.json"))
    _features(reports.read("prepare_transform/features.json"))
    _choice(reports.read("train_tune/choice.json"))
    _evaluation(reports.read("train_tune/evaluation/evaluation.json"))
    answered = _deployment(reports.read("deploy_manage/deployment.json"))
    print(f"reports       {reports.folder}   (in S3: {reports.uri})")
    for key in reports.found:
        if key.endswith(".html"):
            print(f"              open {(reports.folder / key).as_uri()}")
    timing.write(times, reports.folder / "timing.json")
    print(f"time          {seconds:.0f} s in all, {outcome.seconds:.0f} s of it the run:")
    for time in times:
        print(
            f"              {time.stage:<18} {time.seconds:4.0f} s, {time.outside_share:.0%} outside of jobs"
        )
    print(f"result        {'all tasks green' if outcome.green else 'NOT green'}")
    return answered


def _cleaning(report: dict[str, Any] | None) -> None:
    if report:
        print(
            f"rows          {report['rows_in']} in = {report['curated']} curated"
            f" + {report['quarantined']} quarantined + {report['duplicates']} duplicates"
        )


DATA = {"curated": "measured", "mitigated": "after mitigation"}


def _decision(report: dict[str, Any] | None) -> None:
    """Both gates with all numbers, who was asked, and what came of it."""
    if not report:
        return
    for part in report["rounds"]:
        print(f"bias          {DATA[part['data']]}: {part['summary']}")
        for verdict in part["metrics"]:
            value = "none" if verdict["value"] is None else f"{verdict['value']:+.4f}"
            bounds = _bounds(verdict["minimum"], verdict["maximum"])
            what = f"{verdict['group']:<20} {verdict['metric']:<5} {value:>8}  {bounds:<18}"
            way = "" if verdict["way"] == "accept" else f": {verdict['way']}"
            print(f"              {what} {verdict['finding']}{way}")
        if answer := part["answer"]:
            who = answer["by"]["name"] if answer["by"] else "nobody answered in time"
            reason = f": {answer['reason']}" if answer["reason"] else ""
            print(f"asked         {answer['choice']} ({who}, {answer['at']}){reason}")
    dataset = report["dataset"]
    outcome = report["outcome"] or "not decided"
    print(f"gate          {outcome}" + (f": {dataset['uri']}" if dataset else ""))


def _bounds(minimum: float | None, maximum: float | None) -> str:
    if minimum is None and maximum is None:
        return "no bounds"
    if minimum is None:
        return f"at most {maximum:g}"
    return f"at least {minimum:g}" if maximum is None else f"{minimum:g} to {maximum:g}"


def _features(report: dict[str, Any] | None) -> None:
    """What the model sees, and what looks wrong about it."""
    if not report:
        return
    left = f", {len(report['left_out'])} left out" if report["left_out"] else ""
    rows = ", ".join(f"{name} {split['rows']}" for name, split in report["splits"].items())
    print(f"features      {len(report['columns'])} of {len(report['inputs'])} columns{left}; rows: {rows}")
    for alert in report["alerts"]:
        print(f"              look at this: {alert['says']}")


def _choice(report: dict[str, Any] | None) -> None:
    """Which model was taken, and what is said of each."""
    if not report:
        return
    print(f"candidates    {report['summary']}")
    for each in report["candidates"]:
        if each["name"] != report["chosen"]:
            value = "none" if each["value"] is None else f"{each['value']:.4f}"
            print(f"              {each['name']} {value}: {each['verdict']}")


def _evaluation(report: dict[str, Any] | None) -> None:
    """How good the model is, and of the bias in its predictions what people ask for first."""
    if not report:
        return
    print(f"model         on {report['rows']} held-out rows: {_values(report['metrics'])}")
    bias = report.get("post_training_bias_metrics", {"facets": {}})
    for column, blocks in bias["facets"].items():
        for block in blocks:
            values = {metric["name"]: metric["value"] for metric in block["metrics"]}
            first = {name: values[name] for name in ("DPPL", "DI", "RD", "AD")}
            print(f"              bias of {column} {block['value_or_threshold']}: {_values(first)}")


def _values(metrics: dict[str, Any]) -> str:
    """Names and values; a metric may have none, and an infinite one is a word."""
    return ", ".join(
        f"{name} {value:.4f}" if isinstance(value, float) else f"{name} {value or 'none'}"
        for name, value in metrics.items()
    )


def _deployment(report: dict[str, Any] | None) -> bool:
    """Show one real record and the endpoint's answer to it."""
    if not report:
        return False
    records = report["records"]
    equal = sum(record["equal"] for record in records)
    print(f"endpoint      {report['endpoint']}: {equal} of {len(records)} answers are what was evaluated")
    if by_entity := report.get("by_entity"):
        same = sum(record["equal"] for record in by_entity)
        print(f"              {same} of {len(by_entity)} asked again by their key alone are the same")
    if records:
        print(f"              asked     {json.dumps(records[0]['request'])}")
        print(f"              answered  {json.dumps(records[0]['response'])}")
    return bool(records) and equal == len(records)
