"""Runs that look at a table of the catalog and recommend a ruleset for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local_aws.jobs.engine import JobFailed
from local_aws.jobs.room import Room
from local_aws.services.catalog.catalog import invalid
from local_aws.services.context import Context
from local_aws.services.glue import data_quality_ruleset, data_quality_run, data_quality_source
from local_aws.state.records import Body, RecordExists, Records
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call, operation

KIND = "glue.data_quality_recommendation_run"
_START = "StartDataQualityRuleRecommendationRun"


@operation("glue", "StartDataQualityRuleRecommendationRun")
def start_data_quality_rule_recommendation_run(context: Context, call: Call) -> dict[str, Any]:
    """Start a run; answers before it runs. The same ClientToken answers the run that it made before."""

    def prepared() -> Body:
        given = call.parameters
        if given.get("DataQualitySecurityConfiguration"):
            raise NotEmulated("glue", _START, "DataQualitySecurityConfiguration")
        if given.get("RecommendationMode", "BASIC") != "BASIC":
            raise NotEmulated("glue", _START, f"RecommendationMode {given['RecommendationMode']}")
        name = given.get("CreatedRulesetName")
        if name and context.records(data_quality_ruleset.KIND).find(name):
            raise AwsError("ConflictException", f"Data Quality Ruleset {name} already exists.")
        try:
            return {"Table": data_quality_source.described(context, _START, given["DataSource"])}
        except AwsError as error:
            if error.code != "EntityNotFoundException":  # which this operation does not have
                raise
            raise invalid(error.message) from None

    return {"RunId": data_quality_run.start(context, KIND, call.parameters, prepared)}


@operation("glue", "GetDataQualityRuleRecommendationRun")
def get_data_quality_rule_recommendation_run(context: Context, call: Call) -> dict[str, Any]:
    """Describe one run, with the ruleset that it recommends once it has succeeded."""
    return data_quality_run.run_of(context, KIND, call.parameters["RunId"])


@operation("glue", "ListDataQualityRuleRecommendationRuns")
def list_data_quality_rule_recommendation_runs(context: Context, call: Call) -> dict[str, Any]:
    """List runs, newest first."""
    if call.parameters.get("Tags"):
        raise NotEmulated("glue", "ListDataQualityRuleRecommendationRuns", "Tags")
    return data_quality_run.list_runs(context, KIND, call.parameters)


@operation("glue", "CancelDataQualityRuleRecommendationRun")
def cancel_data_quality_rule_recommendation_run(context: Context, call: Call) -> dict[str, Any]:
    """Ask a run to end."""
    return data_quality_run.cancel(context, KIND, call.parameters["RunId"])


class RecommendationRunKind(data_quality_run.RunKind):
    """How the engine runs a recommendation."""

    kind = KIND

    def task(self, body: Body) -> dict[str, Any]:  # noqa: ARG002 - every recommendation asks the same
        """No ruleset, but one to be made."""
        return {"rulesets": {}, "recommend": True}

    def keep(self, room: Room, body: Body, answer: Mapping[str, Any]) -> Body:
        """The ruleset in the run, and as a ruleset of its own if that was asked for."""
        text, name = answer["ruleset"], body.get("CreatedRulesetName")
        if name:
            named = next(iter(body["DataSource"].values()))
            ruleset = {
                "Name": name,
                "Ruleset": text,
                "RecommendationRunId": body["RunId"],
                "TargetTable": {key: named[key] for key in ("DatabaseName", "TableName")},
            }
            try:
                data_quality_ruleset.insert(Records(room.database, data_quality_ruleset.KIND), ruleset)
            except RecordExists:
                raise JobFailed(f"Data Quality Ruleset {name} already exists.") from None
        return {"RecommendedRuleset": text}
