"""Runs that evaluate rulesets on a table of the catalog. One result a ruleset; see data_quality_result."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from local_aws.jobs.engine import JobFailed
from local_aws.jobs.room import Room
from local_aws.services.catalog.catalog import invalid
from local_aws.services.context import Context
from local_aws.services.glue import data_quality_result, data_quality_run, data_quality_source
from local_aws.services.glue.data_quality_ruleset import ruleset_of
from local_aws.state.objects import BucketMissing, parse_s3_uri
from local_aws.state.records import Body
from local_aws.wire.errors import NotEmulated
from local_aws.wire.registry import Call, operation

KIND = "glue.data_quality_evaluation_run"
_START = "StartDataQualityRulesetEvaluationRun"
_OPTIONS = frozenset({"ResultsS3Prefix", "CustomLogGroupPrefix", "CompositeRuleEvaluationMethod"})


@operation("glue", "StartDataQualityRulesetEvaluationRun")
def start_data_quality_ruleset_evaluation_run(context: Context, call: Call) -> dict[str, Any]:
    """Start a run; answers before it runs. The same ClientToken answers the run that it made before."""

    def prepared() -> Body:
        given = call.parameters
        if given.get("AdditionalDataSources"):
            raise NotEmulated("glue", _START, "AdditionalDataSources")
        _check_options(given.get("AdditionalRunOptions") or {})
        return {
            # The run's own copies: what changes later must not reach a run under way.
            "Rulesets": {name: ruleset_of(context, name)["Ruleset"] for name in given["RulesetNames"]},
            "Table": data_quality_source.described(context, _START, given["DataSource"]),
        }

    return {"RunId": data_quality_run.start(context, KIND, call.parameters, prepared)}


@operation("glue", "GetDataQualityRulesetEvaluationRun")
def get_data_quality_ruleset_evaluation_run(context: Context, call: Call) -> dict[str, Any]:
    """Describe one run."""
    return data_quality_run.run_of(context, KIND, call.parameters["RunId"])


@operation("glue", "BatchGetDataQualityRulesetEvaluationRun")
def batch_get_data_quality_ruleset_evaluation_run(context: Context, call: Call) -> dict[str, Any]:
    """Describe several runs; ids that are not there are answered apart."""
    found = {run_id: context.records(KIND).find(run_id) for run_id in call.parameters["RunIds"]}
    return {
        "Runs": [record.body for record in found.values() if record],
        "RunsNotFound": [run_id for run_id, record in found.items() if not record],
    }


@operation("glue", "ListDataQualityRulesetEvaluationRuns")
def list_data_quality_ruleset_evaluation_runs(context: Context, call: Call) -> dict[str, Any]:
    """List runs, newest first."""
    return data_quality_run.list_runs(context, KIND, call.parameters)


@operation("glue", "CancelDataQualityRulesetEvaluationRun")
def cancel_data_quality_ruleset_evaluation_run(context: Context, call: Call) -> dict[str, Any]:
    """Ask a run to end."""
    return data_quality_run.cancel(context, KIND, call.parameters["RunId"])


def _check_options(options: Mapping[str, Any]) -> None:
    data_quality_run.refuse(_START, options, _OPTIONS)
    if options.get("CompositeRuleEvaluationMethod", "COLUMN") != "COLUMN":
        raise NotEmulated("glue", _START, "CompositeRuleEvaluationMethod ROW")
    if options.get("ResultsS3Prefix"):
        try:
            parse_s3_uri(options["ResultsS3Prefix"])
        except ValueError as error:
            raise invalid(f"ResultsS3Prefix: {error}") from None


class EvaluationRunKind(data_quality_run.RunKind):
    """How the engine runs an evaluation."""

    kind = KIND

    def task(self, body: Body) -> dict[str, Any]:
        """The rulesets' texts."""
        return {"rulesets": body["Rulesets"], "recommend": False}

    def keep(self, room: Room, body: Body, answer: Mapping[str, Any]) -> Body:
        """Store one result a ruleset, and what S3 is to get of them."""
        results = {
            f"dqresult-{secrets.token_hex(20)}": (name, found) for name, found in answer["results"].items()
        }
        prefix = (body.get("AdditionalRunOptions") or {}).get("ResultsS3Prefix")
        if prefix:
            bucket, key = parse_s3_uri(prefix)
            lines = "".join(f"{json.dumps(line)}\n" for line in _lines(body, answer["results"]))
            key = f"{key}/" if key and not key.endswith("/") else key
            try:
                room.objects.put(bucket, f"{key}{body['RunId']}.json", lines.encode())
            except BucketMissing:
                raise JobFailed(f"ResultsS3Prefix {prefix}: there is no bucket {bucket}.") from None
        data_quality_result.insert(room.database, body, results)
        return {"ResultIds": list(results)}


def _lines(body: Body, results: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One line a rule, with the columns of the table over result files that AWS's walk-throughs define."""
    named = next(iter(body["DataSource"].values()))
    for ruleset, found in results.items():
        for rule in found["RuleResults"]:
            yield {
                "catalogId": named.get("CatalogId", ""),
                "databaseName": named["DatabaseName"],
                "tableName": named["TableName"],
                "rulesetName": ruleset,
                "dqRunId": body["RunId"],
                "evaluationStartedOn": body["StartedOn"].isoformat(),
                "rule": rule["Description"],
                "outcome": {"PASS": "Passed", "FAIL": "Failed", "ERROR": "Error"}[rule["Result"]],
                "failureReason": rule.get("EvaluationMessage", ""),
                "evaluatedMetrics": rule["EvaluatedMetrics"],
            }
