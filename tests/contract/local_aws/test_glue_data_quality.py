"""Data quality through boto3: rulesets on real tables of every format, runs that can be stopped, results."""

from __future__ import annotations

import gzip
import io
import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from botocore.exceptions import ClientError

from tests.support.lake import Lake
from tests.support.stand_in import StandIn

ROLE = "arn:aws:iam::000000000000:role/quality"
# Too much for any test to wait for: 40,000 rows, each with each with each.
ENDLESS = (
    'Rules = [ CustomSql "select count(*) from primary a, primary b, primary c'
    ' where a.id < b.id + c.id" > 0 ]'
)
SERDES = {
    "csv": ("org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", {"field.delim": ","}),
    "quoted": ("org.apache.hadoop.hive.serde2.OpenCSVSerde", {"separatorChar": ","}),
    "json": ("org.openx.data.jsonserde.JsonSerDe", {}),
    "parquet": ("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe", {}),
}
COLUMNS = [("id", "bigint"), ("name", "string"), ("amount", "double")]
ROWS: list[tuple[int, str, float | None]] = [(1, "a, b", 1.5), (2, "b", None), (3, "c", 4.5)]


class Table(Lake):
    """A lake with one partitioned table."""

    def define(self, form: str = "parquet", keys: tuple[str, ...] = ("dt",), **parameters: str) -> None:
        serde, given = SERDES[form]
        self.glue.create_table(
            DatabaseName=self.database,
            TableInput={
                "Name": "t",
                "Parameters": {"classification": form, **parameters},
                "PartitionKeys": [{"Name": key, "Type": "string"} for key in keys],
                "StorageDescriptor": {
                    "Columns": [{"Name": name, "Type": kind} for name, kind in COLUMNS],
                    "Location": self.uri("t/"),
                    "SerdeInfo": {"SerializationLibrary": serde, "Parameters": given},
                },
            },
        )

    def add(self, day: str, body: bytes | None, key: str = "part") -> None:
        if body is not None:
            self.put(f"t/dt={day}/{key}", body)
        self.glue.create_partition(
            DatabaseName=self.database,
            TableName="t",
            PartitionInput={"Values": [day], "StorageDescriptor": {"Location": self.uri(f"t/dt={day}/")}},
        )

    def source(self, **options: str) -> dict[str, Any]:
        named: dict[str, Any] = {"DatabaseName": self.database, "TableName": "t"}
        return {"GlueTable": named | ({"AdditionalOptions": options} if options else {})}

    def ruleset(self, text: str) -> str:
        name = f"rules-{uuid.uuid4().hex[:12]}"
        self.glue.create_data_quality_ruleset(Name=name, Ruleset=text)
        return name

    def start_evaluation(self, *texts: str, options: dict[str, str] | None = None, **changes: Any) -> str:
        run_id: str = self.glue.start_data_quality_ruleset_evaluation_run(
            DataSource=self.source(**(options or {})),
            Role=ROLE,
            RulesetNames=[self.ruleset(text) for text in texts],
            **changes,
        )["RunId"]
        return run_id

    def ended(self, run_id: str, *, get: str = "get_data_quality_ruleset_evaluation_run") -> dict[str, Any]:
        return until(
            lambda: getattr(self.glue, get)(RunId=run_id),
            lambda run: run["Status"] in ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT"),
        )

    def evaluate(self, text: str, options: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
        """The result of a ruleset."""
        run = self.ended(self.start_evaluation(text, options=options, **changes))
        assert run["Status"] == "SUCCEEDED", run
        (result_id,) = run["ResultIds"]
        result: dict[str, Any] = self.glue.get_data_quality_result(ResultId=result_id)
        return result

    def recommend(self, **changes: Any) -> dict[str, Any]:
        run_id = self.glue.start_data_quality_rule_recommendation_run(
            **{"DataSource": self.source(), "Role": ROLE, **changes}
        )["RunId"]
        return self.ended(run_id, get="get_data_quality_rule_recommendation_run")


def until(look: Callable[[], Any], done: Callable[[Any], bool]) -> Any:
    """Poll as a client does; Glue offers no event to await."""
    end = time.monotonic() + 60
    while not done(seen := look()):
        assert time.monotonic() < end, f"still {seen}"
        time.sleep(0.05)
    return seen


def parquet(rows: list[Any]) -> bytes:
    columns = list(zip(*rows, strict=True)) or [[], [], []]
    kinds = [pyarrow.int64(), pyarrow.string(), pyarrow.float64()]
    arrays = [pyarrow.array(values, kind) for values, kind in zip(columns, kinds, strict=True)]
    body = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(dict(zip(["id", "name", "amount"], arrays, strict=True))), body)
    return body.getvalue()


def csv(rows: list[Any]) -> str:
    return "".join(f'{number},"{name}",{"" if amount is None else amount}\n' for number, name, amount in rows)


def json_lines(rows: list[Any]) -> str:
    return "".join(json.dumps(dict(zip(("id", "name", "amount"), row, strict=True))) + "\n" for row in rows)


@pytest.fixture
def lake(stand_in: StandIn) -> Table:
    return Table(stand_in)


def refused(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize(
    ("form", "body", "key", "parameters"),
    [
        ("parquet", parquet(ROWS), "part", {}),
        ("csv", csv(ROWS).encode(), "part", {}),
        (
            "csv",
            gzip.compress(f"id,name,amount\n{csv(ROWS)}".encode()),
            "a.gz",
            {"skip.header.line.count": "1"},
        ),
        ("quoted", csv(ROWS).encode(), "part", {}),
        ("json", json_lines(ROWS).encode(), "part", {}),
        ("json", gzip.compress(json_lines(ROWS).encode()), "part.gz", {}),
    ],
    ids=["parquet", "csv", "csv with a header, gzip", "quoted csv", "json", "json, gzip"],
)
def test_every_format_gives_the_same_figures(
    lake: Table, form: str, body: bytes, key: str, parameters: dict[str, str]
) -> None:
    lake.define(form, **parameters)
    lake.add("2026-01-15", body, key)
    result = lake.evaluate(
        'Rules = [ RowCount = 3, Completeness "amount" > 0.5, Mean "amount" = 3, IsUnique "name",'
        ' ColumnValues "name" in ["a, b","b","c"], ColumnValues "dt" = "2026-01-15", ColumnCount = 4 ]'
    )
    assert [rule["Result"] for rule in result["RuleResults"]] == ["PASS"] * 7, result["RuleResults"]
    assert result["Score"] == 1.0
    assert result["RuleResults"][1]["EvaluatedMetrics"]["Column.amount.Completeness"] == pytest.approx(2 / 3)


def test_a_result_is_what_aws_documents(lake: Table) -> None:
    """docs.aws.amazon.com/glue/latest/webapi/API_GetDataQualityResult.html"""
    lake.define()
    lake.add("2026-01-15", parquet(ROWS))
    text = 'Rules = [ RowCount > 2, Completeness "amount" > 0.95, Mean "nowhere" > 1 ]'
    run_id = lake.start_evaluation(text)
    run = lake.ended(run_id)
    result = lake.glue.get_data_quality_result(ResultId=run["ResultIds"][0])
    assert result["RulesetName"] == run["RulesetNames"][0]
    assert result["RulesetEvaluationRunId"] == run_id
    assert result["DataSource"] == lake.source()
    assert result["StartedOn"] <= result["CompletedOn"]
    assert result["Score"] == pytest.approx(1 / 3)
    assert result["RuleResults"] == [
        {
            "Name": "Rule_1",
            "Description": "RowCount > 2",
            "Result": "PASS",
            "EvaluatedMetrics": {"Dataset.*.RowCount": 3.0},
            "EvaluatedRule": "RowCount > 2",
        },
        {
            "Name": "Rule_2",
            "Description": 'Completeness "amount" > 0.95',
            "Result": "FAIL",
            "EvaluationMessage": f"Value: {2 / 3} does not meet the constraint requirement!",
            "EvaluatedMetrics": {"Column.amount.Completeness": 2 / 3},
            "EvaluatedRule": 'Completeness "amount" > 0.95',
        },
        {
            "Name": "Rule_3",
            "Description": 'Mean "nowhere" > 1',
            "Result": "ERROR",
            "EvaluationMessage": "Input data does not include column nowhere!",
            "EvaluatedMetrics": {},
            "EvaluatedRule": 'Mean "nowhere" > 1',
        },
    ]
    listed = lake.glue.list_data_quality_results(Filter={"DataSource": lake.source()})["Results"]
    assert [each["ResultId"] for each in listed] == run["ResultIds"]
    batch = lake.glue.batch_get_data_quality_result(ResultIds=[*run["ResultIds"], "dqresult-none"])
    assert [each["ResultId"] for each in batch["Results"]] == run["ResultIds"]
    assert batch["ResultsNotFound"] == ["dqresult-none"]


@pytest.mark.parametrize("option", ["pushDownPredicate", "catalogPartitionPredicate"])
def test_a_predicate_selects_partitions(lake: Table, option: str) -> None:
    lake.define()
    lake.add("2026-01-14", parquet(ROWS[:1]))
    lake.add("2026-01-15", parquet(ROWS))
    for predicate, rows in (("dt = '2026-01-15'", 3), ("dt >= '2026-01-14'", 4), ("dt = '1999-01-01'", 0)):
        result = lake.evaluate(f"Rules = [ RowCount = {rows} ]", {option: predicate})
        assert result["RuleResults"][0]["Result"] == "PASS", result["RuleResults"]


def test_several_rulesets_have_a_result_each(lake: Table) -> None:
    lake.define()
    lake.add("2026-01-15", parquet(ROWS))
    run = lake.ended(lake.start_evaluation("Rules = [RowCount > 1]", "Rules = [RowCount > 9]"))
    results = lake.glue.batch_get_data_quality_result(ResultIds=run["ResultIds"])["Results"]
    assert {each["RulesetName"]: each["Score"] for each in results} == dict(
        zip(run["RulesetNames"], [1.0, 0.0], strict=True)
    )


def test_results_go_to_s3_and_to_the_log(lake: Table, stand_in: StandIn) -> None:
    lake.define()
    lake.add("2026-01-15", parquet(ROWS))
    options = {"ResultsS3Prefix": lake.uri("quality")}
    run_id = lake.start_evaluation("Rules = [RowCount > 9]", AdditionalRunOptions=options)
    assert lake.ended(run_id)["AdditionalRunOptions"] == options
    line = json.loads(lake.get(lake.uri(f"quality/{run_id}.json")))
    assert (line["rule"], line["outcome"]) == ("RowCount > 9", "Failed")
    assert line["evaluatedMetrics"] == {"Dataset.*.RowCount": 3.0}
    events = stand_in.client("logs").get_log_events(
        logGroupName="/aws-glue/data-quality/output", logStreamName=run_id, startFromHead=True
    )["events"]
    assert "FAIL  RowCount > 9: Dataset.*.RowCount 3" in [event["message"] for event in events]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Rules = [ RowCount > ]", "Parsing Error: line 1:21"),
        ('Rules = [ DataFreshness "d" < 3 days ]', "does not evaluate rule type DataFreshness"),
    ],
)
def test_a_wrong_ruleset_is_refused_when_it_is_stored(lake: Table, text: str, says: str) -> None:
    code, message = refused(lambda: lake.glue.create_data_quality_ruleset(Name="wrong", Ruleset=text))
    assert code == "InvalidInputException"
    assert says in message
    good = lake.ruleset("Rules = [RowCount > 1]")
    code, message = refused(lambda: lake.glue.update_data_quality_ruleset(Name=good, Ruleset=text))
    assert code == "InvalidInputException"
    assert lake.glue.get_data_quality_ruleset(Name=good)["Ruleset"] == "Rules = [RowCount > 1]"


def test_a_ruleset_s_life(lake: Table) -> None:
    name, glue = f"life-{uuid.uuid4().hex[:8]}", lake.glue
    target = {"DatabaseName": lake.database, "TableName": "t"}
    given = {"Name": name, "Ruleset": "Rules = [RowCount > 1]", "TargetTable": target, "Tags": {"of": name}}
    glue.create_data_quality_ruleset(**given)
    assert refused(lambda: glue.create_data_quality_ruleset(**given))[0] == "AlreadyExistsException"
    glue.update_data_quality_ruleset(
        Name=name, Ruleset="Rules = [RowCount > 1, RowCount < 9]", Description="d"
    )
    stored = glue.get_data_quality_ruleset(Name=name)
    assert (stored["Description"], stored["TargetTable"]) == ("d", target)
    assert stored["LastModifiedOn"] > stored["CreatedOn"]
    for chosen in ({"Filter": {"TargetTable": target}}, {"Tags": {"of": name}}):
        (listed,) = glue.list_data_quality_rulesets(**chosen)["Rulesets"]
        assert (listed["Name"], listed["RuleCount"]) == (name, 2)
    glue.delete_data_quality_ruleset(Name=name)
    for call in (glue.get_data_quality_ruleset, glue.delete_data_quality_ruleset):
        assert refused(lambda call=call: call(Name=name))[0] == "EntityNotFoundException"


def test_a_client_token_starts_one_run(lake: Table) -> None:
    lake.define()
    lake.add("2026-01-15", parquet(ROWS))
    request = {
        "DataSource": lake.source(),
        "Role": ROLE,
        "RulesetNames": [lake.ruleset("Rules = [RowCount > 1]")],
    }
    token = uuid.uuid4().hex
    start = lake.glue.start_data_quality_ruleset_evaluation_run
    first, second = (start(**request, ClientToken=token)["RunId"] for _ in range(2))
    assert first == second
    assert start(**request)["RunId"] != first
    assert refused(lambda: start(**request, Timeout=7, ClientToken=token))[0] == "ConflictException"
    assert (
        len(lake.glue.list_data_quality_ruleset_evaluation_runs(Filter={"DataSource": lake.source()})["Runs"])
        == 2
    )


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"RulesetNames": ["nowhere"]}, "EntityNotFoundException", "nowhere"),
        (
            {"DataSource": {"GlueTable": {"DatabaseName": "no", "TableName": "t"}}},
            "EntityNotFoundException",
            "no",
        ),
        ({"AdditionalRunOptions": {"CompositeRuleEvaluationMethod": "ROW"}}, "NotImplemented", "ROW"),
        (
            {"AdditionalRunOptions": {"CloudWatchMetricsEnabled": True}},
            "NotImplemented",
            "CloudWatchMetricsEnabled",
        ),
        ({"AdditionalRunOptions": {"ResultsS3Prefix": "not s3"}}, "InvalidInputException", "ResultsS3Prefix"),
        ({"AdditionalDataSources": {"other": {}}}, "NotImplemented", "AdditionalDataSources"),
    ],
)
def test_what_cannot_be_run_is_refused(lake: Table, changes: dict[str, Any], code: str, says: str) -> None:
    lake.define()
    request = {
        "DataSource": lake.source(),
        "Role": ROLE,
        "RulesetNames": [lake.ruleset("Rules = [RowCount > 1]")],
    }
    found = refused(lambda: lake.glue.start_data_quality_ruleset_evaluation_run(**(request | changes)))
    assert found[0] == code
    assert says in found[1]


@pytest.mark.parametrize(
    "options", [{"pushDownPredicate": "id = 1"}, {"other": "x"}, {"pushDownPredicate": "dt ="}]
)
def test_a_wrong_predicate_is_refused(lake: Table, options: dict[str, str]) -> None:
    lake.define()
    code, _ = refused(lambda: lake.start_evaluation("Rules = [RowCount > 1]", options=options))
    assert code == "InvalidInputException"


def test_files_that_are_not_what_the_catalog_says_fail_the_run(lake: Table) -> None:
    lake.define()
    lake.add("2026-01-15", b"no parquet at all")
    run = lake.ended(lake.start_evaluation("Rules = [RowCount > 1]"))
    assert run["Status"] == "FAILED"
    assert "Unreadable" in run["ErrorString"]


def test_a_run_can_be_cancelled(lake: Table) -> None:
    lake.define()
    lake.add("2026-01-15", parquet([(row, "x", 1.0) for row in range(40000)]))
    run_id = lake.start_evaluation(ENDLESS)
    get = lake.glue.get_data_quality_ruleset_evaluation_run
    until(lambda: get(RunId=run_id)["Status"], lambda status: status == "RUNNING")
    lake.glue.cancel_data_quality_ruleset_evaluation_run(RunId=run_id)
    run = lake.ended(run_id)
    assert run["Status"] == "STOPPED"
    assert "ResultIds" not in run
    code, message = refused(lambda: lake.glue.cancel_data_quality_ruleset_evaluation_run(RunId=run_id))
    assert code == "InvalidInputException"
    assert "STOPPED" in message


def test_a_killed_stand_in_fails_its_runs(start_stand_in: Callable[..., StandIn], tmp_path: Path) -> None:
    running = start_stand_in(tmp_path / "aws")
    lake = Table(running)
    lake.define()
    lake.add("2026-01-15", parquet([(row, "x", 1.0) for row in range(40000)]))
    run_id = lake.start_evaluation(ENDLESS)
    get = lake.glue.get_data_quality_ruleset_evaluation_run
    until(lambda: get(RunId=run_id)["Status"], lambda status: status == "RUNNING")
    running.kill()
    running.start()
    run = lake.ended(run_id)
    assert run["Status"] == "FAILED"
    assert "the stand-in was stopped" in run["ErrorString"]
    assert lake.evaluate("Rules = [RowCount = 40000]")["Score"] == 1.0


def test_what_is_recommended_holds_and_becomes_a_ruleset(lake: Table) -> None:
    lake.define()
    lake.add(
        "2026-01-15", parquet([(row, "xyz"[row % 3], None if row % 9 == 0 else row / 7) for row in range(90)])
    )
    name = f"made-{uuid.uuid4().hex[:8]}"
    run = lake.recommend(CreatedRulesetName=name)
    assert run["Status"] == "SUCCEEDED", run
    text = run["RecommendedRuleset"]
    assert 'ColumnValues "name" in ["x","y","z"]' in text
    assert '"dt"' not in text  # the partition, not the data
    stored = lake.glue.get_data_quality_ruleset(Name=name)
    assert (stored["Ruleset"], stored["RecommendationRunId"]) == (text, run["RunId"])
    assert lake.evaluate(text)["Score"] == 1.0
    request = {"DataSource": lake.source(), "Role": ROLE, "CreatedRulesetName": name}
    assert (
        refused(lambda: lake.glue.start_data_quality_rule_recommendation_run(**request))[0]
        == "ConflictException"
    )


def test_no_rows_and_no_table_recommend_nothing(lake: Table) -> None:
    assert refused(lake.recommend)[0] == "InvalidInputException"
    lake.define()
    run = lake.recommend()
    assert run["Status"] == "FAILED"
    assert "no rows" in run["ErrorString"]
