"""### Stage 1: ingest and analyze

**What it does.** Waits for the day's files, lets a Glue crawler find out what lies there, cleans the files
with a Glue job and makes the clean rows a partition of an Athena table. Explores them with Athena and reports
their profile, makes an extract for analysis with a Data Wrangler flow, and holds them against the workflow's
rules of Glue Data Quality. Measures with SageMaker Clarify whether the labels are biased before any model
learns from them. A gate then takes one of four ways, as the workflow's bounds say: it publishes the
partition, has its bias mitigated and measured again, asks a person, or stops. After mitigation a second gate
publishes, asks or stops. Later stages learn only from what was published.

**Reads.** `<workflow>/landing/dt=<day>/`

**Writes.** `<workflow>/curated/dt=<day>/`, `<workflow>/quarantine/dt=<day>/` (refused rows, each with its
reason), and below `<workflow>/runs/<day>/ingest_analyze/`: `cleaning.json`, `statistics/` and `profile/` (the
exploration and its report), `wrangled/` (the extract), `quality/` and `recommended_rules.dqdl`, `bias/`
(Clarify's report), `mitigation/` (mitigated rows and their report), `decision.json` (every number, who
decided what, and which rows were accepted). The Glue database of the workflow's name. Asset
`<workflow>.curated`.

**Parameters.** `partition`: the day, `YYYY-MM-DD`. The parent passes it.

**When it fails.** `wait_for_partition`: the day's files did not come within the workflow's
`schedule.wait_hours`. `clean_partition`: the files are not what the workflow file says, or too many rows were
refused; the message names file and line. `check_rules`: the day as a whole breaks a rule of `quality.rules`;
the message has each rule and what was found. `stop_on_bias`: the labels are beyond the bounds, or a person
refused them; the message has the numbers. Correct the data or, knowingly, the bounds in the workflow file;
then clear `clean_partition` or `decide_on_bias`, with all that follows it.

**When it waits.** `ask_about_bias` and `ask_about_mitigation` wait in state *awaiting input* for a person:
open the task, *Required Actions*. Without an answer the workflow's `bias.ask` says what follows, and when. To
take an answer back, clear the task with what follows it: it asks again.
"""

from typing import Any

from airflow.sdk import DAG, TaskGroup, TriggerRule

from aws_ml.dags import asset, common
from aws_ml.decision import APPROVE, MITIGATE, REJECT
from aws_ml.gate import Way
from aws_ml.operators.ask_about_bias import AskAboutBiasOperator
from aws_ml.operators.athena_query import AthenaQueryOperator
from aws_ml.operators.decide_on_bias import DecideOnBiasOperator, DecideOnMitigationOperator
from aws_ml.operators.glue_crawler import GlueCrawlerOperator
from aws_ml.operators.glue_data_quality_evaluation_run import GlueDataQualityEvaluationRunOperator
from aws_ml.operators.glue_data_quality_recommendation_run import GlueDataQualityRecommendationRunOperator
from aws_ml.operators.glue_data_quality_ruleset import GlueDataQualityRulesetOperator
from aws_ml.operators.glue_database import GlueDatabaseOperator
from aws_ml.operators.glue_job import GlueJobOperator
from aws_ml.operators.glue_partition import GluePartitionOperator
from aws_ml.operators.glue_table import GlueTableOperator
from aws_ml.operators.list_profile_sources import ListProfileSourcesOperator
from aws_ml.operators.processing_job import ProcessingJobOperator
from aws_ml.operators.publish_code import PublishCodeOperator
from aws_ml.operators.put_json import PutJsonOperator
from aws_ml.operators.settle_bias import PublishDatasetOperator, StopOnBiasOperator
from aws_ml.requests import (
    athena_query,
    clarify,
    data_wrangler,
    glue_crawler,
    glue_database,
    glue_job,
    glue_partition,
    glue_table,
    mitigation,
    profile,
)
from aws_ml.requests import glue_data_quality_evaluation_run as evaluation_run
from aws_ml.requests import glue_data_quality_recommendation_run as recommendation_run
from aws_ml.requests import glue_data_quality_ruleset as ruleset
from aws_ml.run import BUCKET, RUN_KEY, from_task
from aws_ml.sensors.clarify_bias_report import ClarifyBiasReportSensor
from aws_ml.sensors.landing import LandingSensor
from aws_ml.waiters.patience import poll_seconds
from aws_ml.workflow import Workflow, workflows

CHOSEN = TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS  # where several ways of the gate meet


def ingest_analyze(workflow: Workflow) -> DAG:
    paths, bias = workflow.paths, workflow.bias
    record: dict[str, Any] = {"bucket": BUCKET, "decision_key": paths.decision}
    decides = {
        **record,
        "bounds": workflow.bias_bounds(),
        "workflow": workflow.name,
        "partition": RUN_KEY,
        "runs_prefix": paths.table("runs"),
    }
    asks = {**record, **bias.ask.model_dump()}
    settles = {**record, "asked": ["ask_about_bias", "ask_about_mitigation"]}
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
        define_curated_table = GlueTableOperator(
            task_id="define_curated_table", config=glue_table.create_curated(workflow)
        )
        add_curated_partition = GluePartitionOperator(
            task_id="add_curated_partition", config=glue_partition.curated_partition(workflow)
        )
        with TaskGroup("exploration", prefix_group_id=False):
            explore = AthenaQueryOperator.partial(task_id="explore").expand(
                config=athena_query.explore(workflow)
            )
            list_profile_sources = ListProfileSourcesOperator(
                task_id="list_profile_sources",
                bucket=BUCKET,
                workflow=workflow.name,
                run_key=RUN_KEY,
                results=explore.output,
            )
            report_profile = ProcessingJobOperator(
                task_id="report_profile", config=profile.report_profile(workflow)
            )
            add_curated_partition >> explore >> list_profile_sources >> report_profile
            if workflow.wrangler.flow:
                put_flow = PutJsonOperator(
                    task_id="put_flow",
                    bucket=BUCKET,
                    key=paths.flow,
                    document=data_wrangler.flow_of_run(workflow),
                )
                wrangle_partition = ProcessingJobOperator(
                    task_id="wrangle_partition", config=data_wrangler.wrangle(workflow)
                )
                wait_for_partition >> put_flow
                [clean_partition, put_flow] >> wrangle_partition
            if workflow.quality.recommend:
                recommend_rules = GlueDataQualityRecommendationRunOperator(
                    task_id="recommend_rules",
                    config=recommendation_run.start_data_quality_rule_recommendation_run(workflow),
                    bucket=BUCKET,
                    key=paths.recommended_rules,
                )
                add_curated_partition >> recommend_rules
        ask_clarify = PutJsonOperator(
            task_id="ask_clarify",
            bucket=BUCKET,
            key=paths.analysis_config,
            document=clarify.analysis_config(workflow),
        )
        measure_bias = ProcessingJobOperator(task_id="measure_bias", config=clarify.measure_bias(workflow))
        if workflow.quality.rules:
            define_rules = GlueDataQualityRulesetOperator(
                task_id="define_rules", config=ruleset.create_data_quality_ruleset(workflow)
            )
            check_rules = GlueDataQualityEvaluationRunOperator(
                task_id="check_rules",
                config=evaluation_run.start_data_quality_ruleset_evaluation_run(workflow),
                bucket=BUCKET,
                key=paths.quality_report,
            )
            create_database >> define_rules
            add_curated_partition >> check_rules
            define_rules >> check_rules >> measure_bias
        wait_for_bias_report = ClarifyBiasReportSensor(
            task_id="wait_for_bias_report",
            bucket=BUCKET,
            key=paths.analysis,
            job_name=from_task("measure_bias", "name"),
        )
        decide_on_bias = DecideOnBiasOperator(
            task_id="decide_on_bias",
            analysis_key=paths.analysis,
            dataset=mitigation.dataset(workflow, mitigated=False),
            branches={
                Way.ACCEPT: "publish_partition",
                Way.MITIGATE: "mitigate_bias",
                Way.ASK: "ask_about_bias",
                Way.STOP: "stop_on_bias",
            },
            **decides,
        )
        ask_about_bias = AskAboutBiasOperator(
            task_id="ask_about_bias",
            subject=f"Bias in {workflow.name}, {RUN_KEY}",
            branches={
                APPROVE: "publish_partition",
                **({MITIGATE: "mitigate_bias"} if bias.mitigation.method != "none" else {}),
                REJECT: "stop_on_bias",
            },
            **asks,
        )
        mitigate_bias = ProcessingJobOperator(
            task_id="mitigate_bias", config=mitigation.mitigate(workflow), trigger_rule=CHOSEN
        )
        decide_on_mitigation = DecideOnMitigationOperator(
            task_id="decide_on_mitigation",
            analysis_key=paths.mitigated_analysis,
            mitigation_key=paths.mitigation_summary,
            dataset=mitigation.dataset(workflow, mitigated=True),
            still_beyond=bias.still_beyond,
            asked="ask_about_bias",
            branches={
                Way.ACCEPT: "publish_partition",
                Way.ASK: "ask_about_mitigation",
                Way.STOP: "stop_on_bias",
            },
            **decides,
        )
        ask_about_mitigation = AskAboutBiasOperator(
            task_id="ask_about_mitigation",
            subject=f"Bias in {workflow.name} after mitigation, {RUN_KEY}",
            branches={APPROVE: "publish_partition", REJECT: "stop_on_bias"},
            **asks,
        )
        publish_partition = PublishDatasetOperator(
            task_id="publish_partition",
            trigger_rule=CHOSEN,
            outlets=[asset(workflow, "curated")],
            **settles,
        )
        stop_on_bias = StopOnBiasOperator(task_id="stop_on_bias", trigger_rule=CHOSEN, **settles)

        # What the day's rows pass through, one after the other ...
        wait_for_partition >> publish_code >> clean_partition
        [clean_partition, ask_clarify] >> measure_bias >> wait_for_bias_report
        [clean_partition, define_curated_table] >> add_curated_partition
        # ... and what need not wait for them.
        wait_for_partition >> [create_database, ask_clarify]
        create_database >> [crawl_landing, define_curated_table]
        [crawl_landing, add_curated_partition, wait_for_bias_report] >> decide_on_bias
        # The gate's ways: each leads to one of the two ends.
        decide_on_bias >> [publish_partition, mitigate_bias, ask_about_bias, stop_on_bias]
        ask_about_bias >> [publish_partition, mitigate_bias, stop_on_bias]
        mitigate_bias >> decide_on_mitigation >> [publish_partition, ask_about_mitigation, stop_on_bias]
        ask_about_mitigation >> [publish_partition, stop_on_bias]
    return dag


for workflow in workflows():
    ingest_analyze(workflow)
