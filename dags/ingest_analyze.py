"""### Stage 1: ingest and analyze

**What it does.** Waits for the day's files, lets a Glue crawler find out what lies there, cleans the files
with a Glue job, makes the clean rows a partition of an Athena table, describes them, and measures with
SageMaker Clarify whether the labels are biased before any model learns from them. Within the workflow's
bounds the partition is published; beyond them the run stops.

**Reads.** `<workflow>/landing/dt=<day>/`

**Writes.** `<workflow>/curated/dt=<day>/`, `<workflow>/quarantine/dt=<day>/` (refused rows, each with its
reason), and below `<workflow>/runs/<day>/ingest_analyze/`: `cleaning.json`, `statistics/`, `bias/`
(Clarify's report), `decision.json`. The Glue database of the workflow's name. Asset `<workflow>.curated`.

**Parameters.** `partition`: the day, `YYYY-MM-DD`. The parent passes it.

**When it fails.** `wait_for_partition`: the day's files did not come within the workflow's
`schedule.wait_hours`. `clean_partition`: the files are not what the workflow file says, or too many rows were
refused; the message names file and line. `stop_on_bias`: the labels are beyond the bounds; the message has
the numbers. Correct the data or, knowingly, the bounds in the workflow file; then clear the failed task with
all that follows it.
"""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from aws_ml.dags import asset, common
from aws_ml.operators.athena_query import AthenaQueryOperator
from aws_ml.operators.decide_on_bias import DecideOnBiasOperator, StopOnBiasOperator
from aws_ml.operators.glue_crawler import GlueCrawlerOperator
from aws_ml.operators.glue_database import GlueDatabaseOperator
from aws_ml.operators.glue_job import GlueJobOperator
from aws_ml.operators.processing_job import ProcessingJobOperator
from aws_ml.operators.publish_code import PublishCodeOperator
from aws_ml.operators.put_json import PutJsonOperator
from aws_ml.requests import athena_query, clarify, glue_crawler, glue_database, glue_job
from aws_ml.run import BUCKET, from_task
from aws_ml.sensors.clarify_bias_report import ClarifyBiasReportSensor
from aws_ml.sensors.landing import LandingSensor
from aws_ml.waiters.patience import poll_seconds
from aws_ml.workflow import Workflow, workflows


def ingest_analyze(workflow: Workflow) -> DAG:
    paths = workflow.paths
    with DAG(schedule=None, **common(workflow, "ingest_analyze", __doc__)) as dag:
        wait_for_partition = LandingSensor(
            task_id="wait_for_partition",
            bucket_name=BUCKET,
            bucket_key=f"{paths.landing}*",
            wildcard_match=True,
            poke_interval=poll_seconds(workflow.polling.seconds),
            timeout=workflow.schedule.wait_hours * 3600,
            deferrable=True,
        )
        publish_code = PublishCodeOperator(
            task_id="publish_code", bucket=BUCKET, prefix=paths.table("code"), config=workflow.resolved()
        )
        create_database = GlueDatabaseOperator(
            task_id="create_database", config=glue_database.create_database(workflow)["DatabaseInput"]
        )
        crawl_landing = GlueCrawlerOperator(
            task_id="crawl_landing", config=glue_crawler.create_crawler(workflow)
        )
        clean_partition = GlueJobOperator(
            task_id="clean_partition",
            config=glue_job.create_job(workflow),
            arguments=glue_job.arguments(workflow),
        )
        define_curated_table = AthenaQueryOperator(
            task_id="define_curated_table", config=athena_query.create_curated(workflow)
        )
        add_curated_partition = AthenaQueryOperator(
            task_id="add_curated_partition", config=athena_query.add_partition(workflow)
        )
        describe_partition = AthenaQueryOperator(
            task_id="describe_partition", config=athena_query.describe_partition(workflow)
        )
        ask_clarify = PutJsonOperator(
            task_id="ask_clarify",
            bucket=BUCKET,
            key=paths.analysis_config,
            document=clarify.analysis_config(workflow),
        )
        measure_bias = ProcessingJobOperator(task_id="measure_bias", config=clarify.measure_bias(workflow))
        wait_for_bias_report = ClarifyBiasReportSensor(
            task_id="wait_for_bias_report",
            bucket=BUCKET,
            key=paths.analysis,
            job_name=from_task("measure_bias", "name"),
        )
        decide_on_bias = DecideOnBiasOperator(
            task_id="decide_on_bias",
            bucket=BUCKET,
            analysis_key=paths.analysis,
            decision_key=paths.decision,
            bounds=workflow.bias_bounds(),
            accept="publish_partition",
            stop="stop_on_bias",
        )
        publish_partition = EmptyOperator(task_id="publish_partition", outlets=[asset(workflow, "curated")])
        stop_on_bias = StopOnBiasOperator(task_id="stop_on_bias", bucket=BUCKET, decision_key=paths.decision)

        # What the day's rows pass through, one after the other ...
        wait_for_partition >> publish_code >> clean_partition
        [clean_partition, ask_clarify] >> measure_bias >> wait_for_bias_report
        [clean_partition, define_curated_table] >> add_curated_partition >> describe_partition
        # ... and what need not wait for them.
        wait_for_partition >> [create_database, ask_clarify]
        create_database >> [crawl_landing, define_curated_table]
        [crawl_landing, describe_partition, wait_for_bias_report] >> decide_on_bias
        decide_on_bias >> [publish_partition, stop_on_bias]
    return dag


for workflow in workflows():
    ingest_analyze(workflow)
