"""Results of evaluation runs: a score, and what became of each rule."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from local_aws.services.catalog.catalog import missing
from local_aws.services.context import Context
from local_aws.services.glue import data_quality_source
from local_aws.services.glue.listing import listed
from local_aws.state.records import Body, Database, RecordMissing, Records
from local_aws.wire.registry import Call, operation

KIND = "glue.data_quality_result"


@operation("glue", "GetDataQualityResult")
def get_data_quality_result(context: Context, call: Call) -> dict[str, Any]:
    """Answer one result."""
    result_id = call.parameters["ResultId"]
    try:
        return context.records(KIND).get(result_id).body
    except RecordMissing:
        raise missing(f"Data quality result {result_id} not found.") from None


@operation("glue", "BatchGetDataQualityResult")
def batch_get_data_quality_result(context: Context, call: Call) -> dict[str, Any]:
    """Answer several results; ids that are not there are answered apart."""
    found = {result_id: context.records(KIND).find(result_id) for result_id in call.parameters["ResultIds"]}
    return {
        "Results": [record.body for record in found.values() if record],
        "ResultsNotFound": [result_id for result_id, record in found.items() if not record],
    }


@operation("glue", "ListDataQualityResults")
def list_data_quality_results(context: Context, call: Call) -> dict[str, Any]:
    """List the results that pass the filter, newest first; none is of an ETL job."""
    fits = call.parameters.get("Filter") or {}

    def chosen(result: Body) -> bool:
        return (
            ("DataSource" not in fits or data_quality_source.same(fits["DataSource"], result["DataSource"]))
            and fits.get("JobName") is None
            and fits.get("JobRunId") is None
            and ("StartedAfter" not in fits or result["StartedOn"] > fits["StartedAfter"])
            and ("StartedBefore" not in fits or result["StartedOn"] < fits["StartedBefore"])
        )

    results = sorted(
        (record.body for record in context.records(KIND).scan() if chosen(record.body)),
        key=lambda result: (result["StartedOn"], result["ResultId"]),
        reverse=True,
    )
    return listed(
        "Results",
        results,
        call.parameters,
        key=lambda result: (result["StartedOn"].isoformat(), result["ResultId"]),
        descending=True,
    )


def insert(database: Database, run: Body, results: Mapping[str, tuple[str, Mapping[str, Any]]]) -> None:
    """Store a run's results, all or none: ``{ResultId: (ruleset's name, what was found)}``."""
    now = datetime.now(UTC)
    with database.transaction():
        for result_id, (ruleset, found) in results.items():
            Records(database, KIND).insert(
                result_id,
                {
                    "ResultId": result_id,
                    "DataSource": run["DataSource"],
                    "RulesetName": ruleset,
                    "RulesetEvaluationRunId": run["RunId"],
                    "StartedOn": run["StartedOn"],
                    "CompletedOn": now,
                    **found,
                },
            )
