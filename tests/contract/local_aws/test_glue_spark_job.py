"""Glue Spark jobs through boto3: PySpark really runs, S3 is its file system, awsglue is there."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.spark import LONGEST_SECONDS, SparkLab, needs_spark
from tests.support.stand_in import StandIn

# One job that does everything and tells what it saw: a session costs seconds.
EVERYTHING = """
import json
import sys

import boto3
import helper
from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.transforms import *
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from pyspark.sql import functions as F

options = getResolvedOptions(sys.argv, ["JOB_NAME", "bucket", "day"])
glue = GlueContext(SparkContext.getOrCreate())
spark, root = glue.spark_session, f"s3://{options['bucket']}"
job = Job(glue)
job.init(options["JOB_NAME"], options)
told = {"options": options, "conf": spark.conf.get("spark.told"), "helper": helper.WORD}

def rows(frame):
    frame = frame if not hasattr(frame, "toDF") or hasattr(frame, "rdd") else frame.toDF()
    return sorted(tuple(row) for row in frame.collect())

def refusal(action):
    try:
        action()
    except NotImplementedError as error:
        return str(error)

# Spark's own readers and writers
people = spark.read.option("header", True).option("inferSchema", True).csv(f"{root}/in/people")
told["read"] = rows(people)
people.write.mode("overwrite").partitionBy("team").parquet(f"{root}/plain/")
two = people.where("team = 'red'").withColumn("age", F.col("age") + 1)
dynamic = two.write.mode("overwrite").option("partitionOverwriteMode", "dynamic").partitionBy("team")
dynamic.parquet(f"{root}/plain/")
told["dynamic"] = rows(spark.read.parquet(f"{root}/plain/").select("name", "age", "team"))
for value in ("first", "second"):
    spark.createDataFrame([(value,)], "text string").write.mode("overwrite").text(f"{root}/replaced/")
keys = boto3.client("s3").list_objects_v2(Bucket=options["bucket"], Prefix="replaced/")["Contents"]
told["boto3 sees"] = [entry["Key"] for entry in keys]
told["rdd"] = spark.sparkContext.textFile(f"{root}/in/people/a.csv").count()

# awsglue
frame = glue.create_dynamic_frame.from_options(
    "s3", {"paths": [f"{root}/in/people/"]}, format="csv", format_options={"withHeader": True}
)
told["schema"] = frame.schema().simpleString()
mapped = ApplyMapping.apply(frame=frame, mappings=[
    ("name", "string", "who", "string"),
    ("age", "string", "age", "long"),
    ("team", "string", "team", "string"),
])
told["mapped"] = rows(mapped)
told["filtered"] = rows(Filter.apply(frame=mapped, f=lambda record: record["age"] > 40))
told["map"] = rows(Map.apply(frame=mapped, f=lambda record: {"who": record["who"].upper()}))
told["resolved"] = ResolveChoice.apply(mapped, specs=[("age", "cast:string")]).schema().simpleString()
empty = mapped.toDF().withColumn("nothing", F.lit(None).cast("string"))
told["dropped"] = DropNullFields.apply(mapped.fromDF(empty, glue, "e")).toDF().columns
told["selected"] = rows(SelectFields.apply(RenameField.apply(mapped, "who", "n"), ["n"]))
teams = mapped.fromDF(spark.createDataFrame([("red", 1)], "team string, floor int"), glue, "teams")
told["joined"] = Join.apply(mapped, teams, ["team"], ["team"]).toDF().columns
told["count"] = [mapped.count(), mapped.errorsCount()]
table = glue.create_dynamic_frame.from_catalog("lab", "people", push_down_predicate="dt >= '2026-01-02'")
told["catalog"] = rows(table)
told["catalog whole"] = glue.create_data_frame.from_catalog("lab", "people").count()
glue.write_dynamic_frame.from_options(
    mapped, "s3", {"path": f"{root}/glue/", "partitionKeys": ["team"]}, format="json"
)
told["refused"] = [
    refusal(lambda: glue.getSink()),
    refusal(lambda: mapped.unbox("who", "json")),
    refusal(lambda: glue.create_dynamic_frame.from_options("mysql", {}, format="csv")),
    refusal(lambda: glue.create_dynamic_frame.from_options("s3", {"paths": ["s3://b/k"]}, format="xml")),
]
glue.get_logger().warn("a word to the log")
boto3.client("s3").put_object(Bucket=options["bucket"], Key="told.json", Body=json.dumps(told, default=str))
job.commit()
"""
HALF = """
import sys
from awsglue.utils import getResolvedOptions
from pyspark.sql import SparkSession

root = "s3://" + getResolvedOptions(sys.argv, ["bucket"])["bucket"]
spark = SparkSession.builder.getOrCreate()

def fail_late(rows):
    yield from rows
    raise ValueError("file a.csv, line 7: no such column")

whole = spark.range(4, numPartitions=2)
whole.write.parquet(f"{root}/whole/")
broken = whole.rdd.mapPartitionsWithIndex(lambda index, rows: fail_late(rows) if index else rows)
broken.toDF().write.parquet(f"{root}/half/")
"""
WAIT_FOR_EVER = """
import os, signal
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print("driver", os.getpid(), flush=True)
print("jvm", spark._jvm.java.lang.ProcessHandle.current().pid(), flush=True)
spark.range(1).rdd.map(lambda _: print("worker", os.getpid(), flush=True)).count()
signal.pause()
"""
EXITS = """
import sys
sys.exit("Refused: nothing came in")
"""


@pytest.fixture(scope="module")
def lab(stand_in: StandIn) -> SparkLab:
    return SparkLab(stand_in)


@pytest.fixture(scope="module")
def told(lab: SparkLab) -> dict[str, Any]:
    """What the job that does everything saw."""
    lab.put("in/people/a.csv", "name,age,team\nann,30,red\nbob,50,blue\n")
    lab.put("in/people/b é %20.csv", "name,age,team\nzoë,41,red\n")
    for day in ("2026-01-01", "2026-01-02", "2026-01-03"):
        lab.put(f"people/dt={day}/x.csv", f"id;name\n1;{day}\n")
    lab.put("lib/helper.py", "WORD = 'from the helper'\n")
    lab.glue.create_database(DatabaseInput={"Name": "lab"})
    described = {
        "Columns": [{"Name": "id", "Type": "bigint"}, {"Name": "name", "Type": "string"}],
        "SerdeInfo": {
            "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
            "Parameters": {"field.delim": ";", "skip.header.line.count": "1"},
        },
    }
    lab.glue.create_table(
        DatabaseName="lab",
        TableInput={
            "Name": "people",
            "PartitionKeys": [{"Name": "dt", "Type": "string"}],
            "StorageDescriptor": {**described, "Location": f"s3://{lab.bucket}/people/"},
        },
    )
    for day in ("2026-01-01", "2026-01-02", "2026-01-03"):
        location = f"s3://{lab.bucket}/people/dt={day}/"
        lab.glue.create_partition(
            DatabaseName="lab",
            TableName="people",
            PartitionInput={"Values": [day], "StorageDescriptor": {**described, "Location": location}},
        )
    arguments = {
        "--bucket": lab.bucket,
        "--extra-py-files": f"s3://{lab.bucket}/lib/helper.py",
        "--conf": "spark.told=by --conf spark.other=x",
        "--job-bookmark-option": "job-bookmark-disable",
        "--enable-metrics": "true",
    }
    name = lab.job(EVERYTHING, DefaultArguments=arguments)
    run_id = lab.start(name, Arguments={"--day": "2026-01-15"})
    run = lab.ended(name, run_id)
    assert run["JobRunState"] == "SUCCEEDED", (run, lab.log("error", run_id)[-30:])
    found: dict[str, Any] = json.load(lab.s3.get_object(Bucket=lab.bucket, Key="told.json")["Body"])
    return {
        **found,
        "run": run,
        "name": name,
        "output": lab.log("output", run_id),
        "error": lab.log("error", run_id),
    }


@needs_spark
def test_a_script_has_its_arguments_configuration_and_library(told: dict[str, Any]) -> None:
    assert told["options"] == {
        "JOB_NAME": told["name"],
        "bucket": told["options"]["bucket"],
        "day": "2026-01-15",
    }
    assert (told["conf"], told["helper"]) == ("by", "from the helper")


@needs_spark
def test_a_run_tells_its_size_and_its_logs(told: dict[str, Any]) -> None:
    run = told["run"]
    sizes = ("GlueVersion", "WorkerType", "NumberOfWorkers", "MaxCapacity", "LogGroupName")
    assert [run[name] for name in sizes] == ["5.1", "G.1X", 2, 2.0, "/aws-glue/jobs"]
    assert "local stand-in: --enable-metrics has no effect here" in told["output"]
    assert any(line.endswith("WARNING a word to the log") for line in told["error"])


@needs_spark
def test_s3_is_read_whatever_its_keys(told: dict[str, Any]) -> None:
    assert told["read"] == [["ann", 30, "red"], ["bob", 50, "blue"], ["zoë", 41, "red"]]
    assert told["rdd"] == 3


@needs_spark
def test_overwriting_replaces_objects(told: dict[str, Any], lab: SparkLab) -> None:
    """Also seen by boto3 at once; and nothing is left of Spark's own preparations, nor of Hadoop's .crc."""
    assert told["dynamic"] == [["ann", 31, "red"], ["bob", 50, "blue"], ["zoë", 42, "red"]]
    assert told["boto3 sees"] == lab.keys("replaced/")
    parts = [key for key in lab.keys("replaced/") if not key.endswith("_SUCCESS")]
    contents = [lab.s3.get_object(Bucket=lab.bucket, Key=key)["Body"].read() for key in parts]
    assert b"".join(contents) == b"second\n"
    assert [key for key in lab.keys("") if ".crc" in key or "_temporary" in key or ".spark" in key] == []


@needs_spark
def test_dynamic_frames_do_what_glue_s_do(told: dict[str, Any], lab: SparkLab) -> None:
    assert told["schema"] == "struct<name:string,age:string,team:string>"
    assert told["mapped"] == [["ann", 30, "red"], ["bob", 50, "blue"], ["zoë", 41, "red"]]
    assert told["filtered"] == [["bob", 50, "blue"], ["zoë", 41, "red"]]
    assert told["map"] == [["ANN"], ["BOB"], ["ZOË"]]
    assert told["resolved"] == "struct<who:string,age:string,team:string>"
    assert told["dropped"] == ["who", "age", "team"]
    assert told["selected"] == [["ann"], ["bob"], ["zoë"]]
    assert told["joined"] == ["who", "age", "team", ".team", "floor"]
    assert told["count"] == [3, 0]
    written = [key for key in lab.keys("glue/team=blue/") if key.endswith(".json")]
    line = lab.s3.get_object(Bucket=lab.bucket, Key=written[0])["Body"].read()
    assert json.loads(line) == {"who": "bob", "age": 50}


@needs_spark
def test_tables_of_the_catalog_are_read_partition_by_partition(told: dict[str, Any]) -> None:
    assert told["catalog"] == [[1, "2026-01-02", "2026-01-02"], [1, "2026-01-03", "2026-01-03"]]
    assert told["catalog whole"] == 3


@needs_spark
def test_what_the_library_lacks_is_named(told: dict[str, Any]) -> None:
    named = [sentence.partition(" is not there")[0] for sentence in told["refused"]]
    assert named == ["GlueContext.getSink", "DynamicFrame.unbox", "connection_type 'mysql'", "format 'xml'"]


@needs_spark
def test_a_failed_job_says_why_in_a_line_and_leaves_nothing_half_written(lab: SparkLab) -> None:
    name = lab.job(HALF)
    run_id = lab.start(name)
    run = lab.ended(name, run_id)
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"] == "ValueError: file a.csv, line 7: no such column"
    assert any(key.endswith(".parquet") for key in lab.keys("whole/"))
    assert lab.keys("half/") == []
    assert any("Traceback" in line for line in lab.log("error", run_id))


@needs_spark
def test_an_exit_with_words_is_told_with_them(lab: SparkLab) -> None:
    name = lab.job(EXITS)
    assert lab.ended(name, lab.start(name))["ErrorMessage"] == "Refused: nothing came in"


@needs_spark
def test_stop_kills_driver_jvm_and_workers(lab: SparkLab) -> None:
    name = lab.job(WAIT_FOR_EVER)
    run_id = lab.start(name)

    def pids() -> dict[str, int]:
        words = [line.split() for line in [*lab.log("output", run_id), *lab.log("error", run_id)]]
        return {
            words[0]: int(words[1])
            for words in words
            if len(words) == 2 and words[0] in ("driver", "jvm", "worker")
        }

    seen = until(pids, lambda found: len(found) == 3)
    lab.glue.batch_stop_job_run(JobName=name, JobRunIds=[run_id])
    assert lab.ended(name, run_id)["JobRunState"] == "STOPPED"
    for pid in seen.values():
        assert not alive(pid)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A killed worker may wait for whoever takes in orphans on this machine.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def until(look: Callable[[], Any], done: Callable[[Any], bool]) -> Any:
    """Poll as a client does; boto3 offers no event to await."""
    end = time.monotonic() + LONGEST_SECONDS
    while not done(seen := look()):
        assert time.monotonic() < end, f"still {seen}"
        time.sleep(0.1)
    return seen


def test_without_spark_a_run_says_how_to_install_it(start_stand_in: Callable[..., StandIn]) -> None:
    lab = SparkLab(start_stand_in(None, "--spark-python", "/nowhere/bin/python"))
    name = lab.job("print()")
    run = lab.ended(name, lab.start(name))
    assert run["JobRunState"] == "FAILED"
    assert "there is no /nowhere/bin/python. `make spark` installs it" in run["ErrorMessage"]


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"GlueVersion": "4.0"}, "NotImplemented", "GlueVersion 4.0"),
        ({"GlueVersion": "6.0"}, "NotImplemented", "GlueVersion 6.0"),
        ({"MaxCapacity": 2.0}, "InvalidInputException", "MaxCapacity cannot be given"),
        ({"WorkerType": "G.025X"}, "InvalidInputException", "WorkerType G.025X"),
        ({"WorkerType": "Standard"}, "InvalidInputException", "WorkerType Standard"),
        ({"NumberOfWorkers": 1}, "InvalidInputException", "at least 2"),
        ({"NumberOfWorkers": 0}, "InvalidInputException", "have to be given together"),
        ({"MaxRetries": 1}, "NotImplemented", "MaxRetries"),
        ({"ExecutionClass": "FLEX"}, "NotImplemented", "ExecutionClass FLEX"),
    ],
)
def test_what_cannot_run_is_refused_at_creation(
    lab: SparkLab, changes: dict[str, Any], code: str, said: str
) -> None:
    with pytest.raises(ClientError) as refused:
        lab.glue.create_job(**{**lab.definition("x.py"), "Name": "refused", **changes})
    assert refused.value.response["Error"]["Code"] == code
    assert said in refused.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("--job-bookmark-option", "job-bookmark-enable", "NotImplemented"),
        ("--job-language", "scala", "NotImplemented"),
        ("--extra-jars", "s3://b/x.jar", "NotImplemented"),
        ("--enable-glue-datacatalog", "true", "NotImplemented"),
        ("--additional-python-modules", "pandas", "NotImplemented"),
        ("--conf", "executor.cores=2", "InvalidInputException"),
    ],
)
def test_what_a_run_cannot_have_is_refused_at_its_start(
    lab: SparkLab, name: str, value: str, code: str
) -> None:
    job = lab.job("print()")
    with pytest.raises(ClientError) as refused:
        lab.start(job, Arguments={name: value})
    assert refused.value.response["Error"]["Code"] == code
    assert name in refused.value.response["Error"]["Message"]


def test_a_job_that_says_nothing_of_its_size_gets_ten_workers(lab: SparkLab) -> None:
    definition = lab.definition("x.py")
    del definition["WorkerType"], definition["NumberOfWorkers"]
    lab.glue.create_job(Name="default-size", **definition)
    job = lab.glue.get_job(JobName="default-size")["Job"]
    assert (job["WorkerType"], job["NumberOfWorkers"], job["MaxCapacity"]) == ("G.1X", 10, 10.0)
