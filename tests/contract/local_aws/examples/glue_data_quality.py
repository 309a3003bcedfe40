"""Data quality: rulesets, the runs that evaluate and recommend them, and results."""

from __future__ import annotations

import time
from typing import Any

from tests.contract.local_aws.examples import Request, World, example
from tests.contract.local_aws.examples.glue_catalog import database, table_input

RULESET = 'Rules = [ RowCount > 0, IsComplete "id" ]'


def source(world: World) -> Request:
    """A DataSource of two rows."""
    place = world.object("loans/dt=2026-01-15/a.csv", b"1\n2\n")
    name = database(world)
    given = {**table_input(), "PartitionKeys": []}
    given["StorageDescriptor"]["Location"] = f"s3://{place['Bucket']}/loans/"
    world.client("glue").create_table(DatabaseName=name, TableInput=given)
    return {"GlueTable": {"DatabaseName": name, "TableName": "loans"}}


def ruleset(world: World) -> str:
    name = world.name("ruleset")
    world.client("glue").create_data_quality_ruleset(Name=name, Ruleset=RULESET, Tags={"team": "ml"})
    return name


def evaluation(world: World) -> Request:
    return {"DataSource": source(world), "Role": world.role(), "RulesetNames": [ruleset(world)]}


def evaluation_run(world: World, **changes: Any) -> str:
    run_id: str = world.client("glue").start_data_quality_ruleset_evaluation_run(
        **evaluation(world), **changes
    )["RunId"]
    return run_id


def recommendation_run(world: World) -> str:
    run_id: str = world.client("glue").start_data_quality_rule_recommendation_run(
        DataSource=source(world), Role=world.role()
    )["RunId"]
    return run_id


def ended(world: World, run_id: str) -> Request:
    """An evaluation run, once it has ended."""
    end = time.monotonic() + 60
    while True:
        run: Request = world.client("glue").get_data_quality_ruleset_evaluation_run(RunId=run_id)
        if run["Status"] not in ("STARTING", "RUNNING"):
            assert run["Status"] == "SUCCEEDED", run
            return run
        assert time.monotonic() < end, run
        time.sleep(0.02)  # Glue has nothing that could be awaited


def result(world: World) -> str:
    result_id: str = ended(world, evaluation_run(world))["ResultIds"][0]
    return result_id


@example("glue", "CreateDataQualityRuleset")
def create_data_quality_ruleset(world: World) -> Request:
    return {
        "Name": world.name("ruleset"),
        "Ruleset": RULESET,
        "TargetTable": {"DatabaseName": "lake", "TableName": "loans"},
        "Tags": {"team": "ml"},
    }


@example("glue", "UpdateDataQualityRuleset")
def update_data_quality_ruleset(world: World) -> Request:
    return {"Name": ruleset(world), "Ruleset": "Rules = [ RowCount > 1 ]", "Description": "more"}


@example("glue", "GetDataQualityRuleset")
def get_data_quality_ruleset(world: World) -> Request:
    return {"Name": ruleset(world)}


@example("glue", "ListDataQualityRulesets")
def list_data_quality_rulesets(world: World) -> Request:
    return {"Filter": {"Name": ruleset(world)}, "Tags": {"team": "ml"}}


@example("glue", "DeleteDataQualityRuleset")
def delete_data_quality_ruleset(world: World) -> Request:
    return {"Name": ruleset(world)}


@example("glue", "StartDataQualityRulesetEvaluationRun")
def start_data_quality_ruleset_evaluation_run(world: World) -> Request:
    return {**evaluation(world), "ClientToken": world.name("token")}


@example("glue", "GetDataQualityRulesetEvaluationRun")
def get_data_quality_ruleset_evaluation_run(world: World) -> Request:
    return {"RunId": ended(world, evaluation_run(world))["RunId"]}


@example("glue", "BatchGetDataQualityRulesetEvaluationRun")
def batch_get_data_quality_ruleset_evaluation_run(world: World) -> Request:
    return {"RunIds": [evaluation_run(world), "dqrun-none"]}


@example("glue", "ListDataQualityRulesetEvaluationRuns")
def list_data_quality_ruleset_evaluation_runs(world: World) -> Request:
    evaluation_run(world)
    return {"MaxResults": 1}


@example("glue", "CancelDataQualityRulesetEvaluationRun")
def cancel_data_quality_ruleset_evaluation_run(world: World) -> Request:
    return {"RunId": evaluation_run(world)}


@example("glue", "GetDataQualityResult")
def get_data_quality_result(world: World) -> Request:
    return {"ResultId": result(world)}


@example("glue", "BatchGetDataQualityResult")
def batch_get_data_quality_result(world: World) -> Request:
    return {"ResultIds": [result(world), "dqresult-none"]}


@example("glue", "ListDataQualityResults")
def list_data_quality_results(world: World) -> Request:
    result(world)
    return {"MaxResults": 1}


@example("glue", "StartDataQualityRuleRecommendationRun")
def start_data_quality_rule_recommendation_run(world: World) -> Request:
    return {"DataSource": source(world), "Role": world.role(), "CreatedRulesetName": world.name("made")}


@example("glue", "GetDataQualityRuleRecommendationRun")
def get_data_quality_rule_recommendation_run(world: World) -> Request:
    return {"RunId": recommendation_run(world)}


@example("glue", "ListDataQualityRuleRecommendationRuns")
def list_data_quality_rule_recommendation_runs(world: World) -> Request:
    recommendation_run(world)
    return {"MaxResults": 1}


@example("glue", "CancelDataQualityRuleRecommendationRun")
def cancel_data_quality_rule_recommendation_run(world: World) -> Request:
    return {"RunId": recommendation_run(world)}
