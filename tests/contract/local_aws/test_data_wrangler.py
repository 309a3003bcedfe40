"""Data Wrangler jobs as AWS's own export notebook makes them, through boto3, on the live stand-in."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.feature_store import created, group_request, offline_rows, plain
from tests.support.lake import Lake
from tests.support.sagemaker_jobs import (
    ended_processing,
    log_lines,
    needs_opt_ml,
    processing_input,
    processing_request,
)
from tests.support.spark import needs_spark
from tests.support.stand_in import StandIn

pytestmark = needs_opt_ml

IMAGE = "663277389841.dkr.ecr.us-east-1.amazonaws.com/sagemaker-data-wrangler-container:3.x"
ONE_HOT = {
    "invalid_handling_strategy": "Keep",
    "drop_last": False,
    "output_style": "Columns",
    "input_column": "driver",
}


def source(
    node_id: str, definition: dict[str, Any], operator: str = "sagemaker.s3_source_0.1"
) -> dict[str, Any]:
    parameters = {"dataset_definition": definition}
    return {
        "node_id": node_id,
        "type": "SOURCE",
        "operator": operator,
        "parameters": parameters,
        "inputs": [],
        "outputs": [{"name": "default"}],
    }


def s3(name: str, uri: str) -> dict[str, Any]:
    context = {"s3Uri": uri, "s3ContentType": "csv", "s3HasHeader": True}
    return {"datasetSourceType": "S3", "name": name, "s3ExecutionContext": context}


def step(node_id: str, operator: str, parameters: dict[str, Any], *inputs: str) -> dict[str, Any]:
    return {
        "node_id": node_id,
        "type": "TRANSFORM",
        "operator": f"sagemaker.spark.{operator}",
        "parameters": parameters,
        "outputs": [{"name": "default"}],
        "inputs": [{"name": "df", "node_id": name, "output_name": "default"} for name in inputs],
    }


class Wrangler:
    """A bucket, and jobs that wrangle what lies in it."""

    def __init__(self, stand_in: StandIn) -> None:
        self.s3 = stand_in.client("s3")
        self.sagemaker = stand_in.client("sagemaker")
        self.logs = stand_in.client("logs")
        self.bucket = f"wrangler-{uuid.uuid4().hex[:8]}"
        self.s3.create_bucket(Bucket=self.bucket)

    def put(self, key: str, text: str) -> str:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=text.encode())
        return f"s3://{self.bucket}/{key}"

    def run(
        self, nodes: list[Any], outputs: list[Any], arguments: list[str], inputs: Any = ()
    ) -> dict[str, Any]:
        """Run a flow and wait; the job's description. An output is a name, or whole."""
        name = f"flow-{uuid.uuid4().hex[:8]}"
        flow = json.dumps({"metadata": {"version": 1}, "parameters": [], "nodes": nodes})
        uri = self.put(f"flows/{name}.flow", flow)
        self.sagemaker.create_processing_job(
            **processing_request(
                name,
                AppSpecification={
                    "ImageUri": IMAGE,
                    **({"ContainerArguments": arguments} if arguments else {}),
                },
                ProcessingInputs=[processing_input("flow", uri, "/opt/ml/processing/flow"), *inputs],
                ProcessingOutputConfig={
                    "Outputs": [
                        output
                        if isinstance(output, dict)
                        else {
                            "OutputName": output,
                            "S3Output": {
                                "S3Uri": f"s3://{self.bucket}/out",
                                "LocalPath": "/opt/ml/processing/output" + (f"/{place}" if place else ""),
                                "S3UploadMode": "EndOfJob",
                            },
                        }
                        for place, output in enumerate(outputs)
                    ]
                },
            )
        )
        return ended_processing(self.sagemaker, name)

    def lines(self, job: dict[str, Any]) -> list[str]:
        return log_lines(self.logs, "/aws/sagemaker/ProcessingJobs", job["ProcessingJobName"])

    def rows(self, prefix: str) -> list[dict[str, str]]:
        """The CSV rows under a prefix, which holds one file."""
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        (key,) = [each["Key"] for each in found]
        body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode()
        return list(csv.DictReader(io.StringIO(body)))


@pytest.fixture(scope="module")
def wrangler(stand_in: StandIn) -> Iterator[Wrangler]:
    return Wrangler(stand_in)  # type: ignore[return-value]


def test_a_job_of_awss_notebook(wrangler: Wrangler) -> None:
    """One input a source, options in AWS's one-argument form, results under job, node and output."""
    uri = wrangler.put("raw/claims.csv", "id,driver\n1,self\n2,spouse\n3,self\n")
    encode = {"operator": "One-hot encode", "one_hot_encode_parameters": ONE_HOT}
    nodes = [
        source("src", s3("claims.csv", uri)),
        step("types", "infer_and_cast_type_0.1", {}, "src"),
        step("hot", "encode_categorical_0.1", encode, "types"),
    ]
    config = {"hot.default": {"content_type": "CSV"}}
    refit = {"refit": True, "output_flow": "claims-refitted.flow"}
    job = wrangler.run(
        nodes,
        ["hot.default"],
        [f"--output-config '{json.dumps(config)}'", f"--refit-trained-params '{json.dumps(refit)}'"],
        [processing_input("claims.csv", uri, "/opt/ml/processing/claims.csv")],
    )
    assert job["ProcessingJobStatus"] == "Completed", wrangler.lines(job)
    name = job["ProcessingJobName"]
    assert wrangler.rows(f"out/{name}/hot/default/") == [
        {"id": "1", "driver_self": "1.0", "driver_spouse": "0.0"},
        {"id": "2", "driver_self": "0.0", "driver_spouse": "1.0"},
        {"id": "3", "driver_self": "1.0", "driver_spouse": "0.0"},
    ]
    body = wrangler.s3.get_object(Bucket=wrangler.bucket, Key=f"out/{name}/claims-refitted.flow")[
        "Body"
    ].read()
    trained = {each["node_id"]: each.get("trained_parameters") for each in json.loads(body)["nodes"]}
    assert trained["types"] == {"schema": {"id": "long", "driver": "string"}}
    assert trained["hot"]["one_hot_encode_parameters"]["encoder_mapping"] == {"0": "self", "1": "spouse"}
    assert any("rows, 3 columns" in line for line in wrangler.lines(job))


def test_a_source_that_is_no_input_is_read_by_the_job_itself(wrangler: Wrangler) -> None:
    uri = wrangler.put("day/a.csv", "x\n1\n").rpartition("/")[0] + "/"
    wrangler.put("day/b.csv", "x\n2\n")
    wrangler.put("day/deeper/c.csv", "x\n3\n")
    wrangler.put("day.csv", "x\n4\n")
    job = wrangler.run([source("src", s3("day", uri))], ["src.default"], [])
    assert job["ProcessingJobStatus"] == "Completed", wrangler.lines(job)
    assert wrangler.rows(f"out/{job['ProcessingJobName']}/src/") == [{"x": "1"}, {"x": "2"}]


def test_a_wrong_flow_fails_before_anything_runs(wrangler: Wrangler) -> None:
    uri = wrangler.put("raw/x.csv", "x\n1\n")
    nodes = [
        source("src", s3("x.csv", uri)),
        step("n1", "custom_pandas_0.1", {"code": "print('ran')"}, "src"),
        step("n2", "magic_0.1", {}, "n1"),
        step("n3", "custom_formula_0.1", {"formula": "x"}, "n2"),
    ]
    job = wrangler.run(nodes, ["n3.default"], [])
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: See job logs for more information, exit code: 1")
    first, second = job["ExitMessage"].splitlines()
    assert first.startswith("node n2 (sagemaker.spark.magic_0.1): unknown operator; allowed: ")
    assert second.startswith(
        "node n3 (sagemaker.spark.custom_formula_0.1): output_column: missing; allowed: "
    )
    assert "ran" not in wrangler.lines(job)


def test_code_that_fails_is_told_with_node_and_line(wrangler: Wrangler) -> None:
    uri = wrangler.put("raw/x.csv", "x\n1\n")
    nodes = [source("src", s3("x.csv", uri)), step("n1", "custom_pandas_0.1", {"code": "df['y']"}, "src")]
    job = wrangler.run(nodes, ["n1.default"], [])
    assert job["ExitMessage"] == (
        "node n1 (sagemaker.spark.custom_pandas_0.1): the code failed in line 1: KeyError: 'y'"
    )
    assert any(line.startswith("Traceback") for line in wrangler.lines(job))


@pytest.fixture
def table(wrangler: Wrangler, stand_in: StandIn) -> str:
    """A table that Athena knows."""
    glue = stand_in.client("glue")
    location = wrangler.put("lake/t/a.csv", "1,x\n2,y\n3,y\n").rpartition("/")[0] + "/"
    glue.create_database(DatabaseInput={"Name": "lake"})
    glue.create_table(
        DatabaseName="lake",
        TableInput={
            "Name": "t",
            "TableType": "EXTERNAL_TABLE",
            "StorageDescriptor": {
                "Columns": [{"Name": "n", "Type": "bigint"}, {"Name": "g", "Type": "string"}],
                "Location": location,
                "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
                "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                "SerdeInfo": {
                    "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
                    "Parameters": {"field.delim": ","},
                },
            },
        },
    )
    return "lake"


def test_an_athena_source_asks_athena(wrangler: Wrangler, table: str) -> None:
    for place, output_format in enumerate(("parquet", "csv")):
        definition = {
            "datasetSourceType": "Athena",
            "name": "q",
            "catalogName": "AwsDataCatalog",
            "databaseName": table,
            "queryString": "SELECT g, sum(n) AS total FROM t GROUP BY g ORDER BY g;",
            "s3OutputLocation": f"s3://{wrangler.bucket}/athena{place}/",
            "outputFormat": output_format,
        }
        job = wrangler.run([source("src", definition, "sagemaker.athena_source_0.1")], ["src.default"], [])
        assert job["ProcessingJobStatus"] == "Completed", wrangler.lines(job)
        assert wrangler.rows(f"out/{job['ProcessingJobName']}/src/") == [
            {"g": "x", "total": "1"},
            {"g": "y", "total": "5"},
        ]
    definition["queryString"] = "SELECT nope FROM t"
    job = wrangler.run([source("src", definition, "sagemaker.athena_source_0.1")], ["src.default"], [])
    assert "node src (sagemaker.athena_source_0.1): Athena's query " in job["ExitMessage"]
    assert "nope" in job["ExitMessage"]


def into_group(group: str, output: str = "types.default") -> dict[str, Any]:
    """An output of a node into a feature group, as AWS's notebook has it."""
    return {"OutputName": output, "AppManaged": True, "FeatureStoreOutput": {"FeatureGroupName": group}}


CONFIG = f"--output-config '{json.dumps({'types.default': {'content_type': 'CSV'}})}'"


@pytest.fixture(scope="module")
def prompt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """A stand-in that does not let the offline store wait."""
    running = StandIn(tmp_path_factory.mktemp("aws"), "--offline-store-seconds", "0.05")
    yield running
    running.stop()


def test_a_table_lands_in_a_feature_group(prompt: StandIn) -> None:
    """Every row is a record online and offline; a missing value is none, and times keep milliseconds."""
    wrangler, lake = Wrangler(prompt), Lake(prompt)
    described = created(prompt, group_request("claims", lake.bucket))
    rows = "".join(f"{number},2026-01-{number % 28 + 1:02} 06:00:00.250,{number}.5,c{number}\n"
                   for number in range(1, 61))  # fmt: skip
    uri = wrangler.put("raw/claims.csv", f'customer_id,event_time,income,City\n{rows}61,2026-01-15,,"x"\n')
    nodes = [source("src", s3("claims", uri)), step("types", "infer_and_cast_type_0.1", {}, "src")]
    job = wrangler.run(nodes, [into_group("claims")], [CONFIG])
    assert job["ProcessingJobStatus"] == "Completed", wrangler.lines(job)
    assert wrangler.lines(job)[-1] == (
        "wrote 61 rows of types.default to the feature group claims, which took 61 records"
    )
    runtime = prompt.client("sagemaker-featurestore-runtime")

    def record(identifier: int) -> dict[str, Any]:
        answer = runtime.get_record(FeatureGroupName="claims", RecordIdentifierValueAsString=str(identifier))
        return plain(answer["Record"])

    assert record(27) == {
        "customer_id": "27", "event_time": "2026-01-28T06:00:00.250Z", "income": "27.5", "City": "c27",
    }  # fmt: skip
    assert record(61) == {"customer_id": "61", "event_time": "2026-01-15T00:00:00.000Z", "City": "x"}
    found = offline_rows(lake, described, 61)
    assert len(found) == 61
    # 1.5 + 2.5 + ... + 60.5 = 60 * 61 / 2 + 60 / 2
    assert sum(float(row["income"] or 0) for row in found) == 1860.0


def test_a_table_that_does_not_fit_its_feature_group_fails_before_a_record_is_written(
    prompt: StandIn,
) -> None:
    wrangler = Wrangler(prompt)
    created(prompt, group_request("fits"))
    uri = wrangler.put("raw/x.csv", "customer_id,event_time,incom\n1,2026-01-15 06:00:00,2.5\n")
    nodes = [source("src", s3("x", uri)), step("types", "infer_and_cast_type_0.1", {}, "src")]
    job = wrangler.run(nodes, [into_group("fits")], [CONFIG])
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["ExitMessage"] == (
        "node types (sagemaker.spark.infer_and_cast_type_0.1): its output cannot be written: the table does"
        " not fit the feature group fits: there is no column for the features income, City; the columns"
        " incom are no features; the group has customer_id, event_time, income, City (did you mean income?)"
    )
    runtime = prompt.client("sagemaker-featurestore-runtime")
    assert "Record" not in runtime.get_record(FeatureGroupName="fits", RecordIdentifierValueAsString="1")


def test_a_record_that_is_refused_fails_the_job_and_says_how_far_it_came(prompt: StandIn) -> None:
    """The identifier of row 30 has more bytes than AWS's 2 KB."""
    wrangler = Wrangler(prompt)
    definitions = [
        {"FeatureName": name, "FeatureType": kind}
        for name, kind in (("customer_id", "String"), ("event_time", "String"))
    ]
    created(prompt, group_request("long", FeatureDefinitions=definitions))
    names = [f"c{number}" if number != 30 else "c" * 2049 for number in range(40)]
    text = "".join(f"{name},2026-01-15T06:00:00Z\n" for name in names)
    uri = wrangler.put("raw/long.csv", f"customer_id,event_time\n{text}")
    job = wrangler.run([source("types", s3("long", uri))], [into_group("long")], [CONFIG])
    assert job["ProcessingJobStatus"] == "Failed"
    assert (
        "after 25 of 40 records that the feature group long took: 1 of 15 records were refused"
        in (job["ExitMessage"])
    )
    assert "has 2049 bytes; at most 2048 are allowed" in job["ExitMessage"]


def test_what_cannot_be_said_of_an_output_into_a_feature_group(prompt: StandIn) -> None:
    wrangler = Wrangler(prompt)
    created(prompt, group_request("told"))
    uri = wrangler.put("raw/x.csv", "x\n1\n")
    nodes = [source("types", s3("x", uri))]
    config = json.dumps({"types.default": {"content_type": "CSV", "delimiter": ";"}})
    job = wrangler.run(nodes, [into_group("told")], ["--output-config", config])
    assert job["ExitMessage"].endswith("found delimiter; allowed for a feature group: content_type")
    refit = json.dumps({"refit": True, "output_flow": "x.flow"})
    job = wrangler.run(nodes, [into_group("told")], ["--refit-trained-params", refit])
    assert job["ExitMessage"].endswith("the refitted flow needs an output in S3, there is none")


@needs_spark
def test_a_step_in_pyspark_with_a_function_of_its_own(wrangler: Wrangler) -> None:
    """The function runs in Spark's own worker process, which needs PySpark as well."""
    uri = wrangler.put("raw/kinds.csv", "kind,n\na,1\nb,2\na,3\n")
    code = (
        "from pyspark.sql import functions as F\n"
        "shout = F.udf(lambda kind: kind.upper(), 'string')\n"
        "df = df.groupBy(shout('kind').alias('kind')).agg(F.sum('n').alias('n')).orderBy('kind')"
    )
    nodes = [
        source("src", s3("kinds.csv", uri)),
        step("types", "infer_and_cast_type_0.1", {}, "src"),
        step("own", "custom_pyspark_0.1", {"code": code}, "types"),
    ]
    job = wrangler.run(
        nodes,
        ["own.default"],
        [f"--output-config '{json.dumps({'own.default': {'content_type': 'CSV'}})}'"],
        [processing_input("kinds.csv", uri, "/opt/ml/processing/kinds.csv")],
    )
    assert job["ProcessingJobStatus"] == "Completed", wrangler.lines(job)
    assert wrangler.rows(f"out/{job['ProcessingJobName']}/own/default/") == [
        {"kind": "A", "n": "4"},
        {"kind": "B", "n": "2"},
    ]
