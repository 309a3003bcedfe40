"""### Stage 2: prepare and transform

**What it does.** Reads which rows of the day the bias gate accepted: the clean ones, or those whose bias was
mitigated. Where the workflow has a feature store, it brings the feature group to what the workflow file
describes, writes the day's features into it, waits until the offline store has them, and joins the labelled
rows of the window with the features that were known at each row's own time. A SageMaker processing job splits
the rows by their entity, always alike, into training, validation and test rows; imputes, scales, crosses and
encodes them, with what it learned from the training rows only; and keeps the fitted transformer, which
inference uses as it is. With `features.engine: data_wrangler` a flow says what the features are: Data
Wrangler fits it on the training rows, and the job takes over what was learned, once both make the same of
these rows.

**Reads.** `<workflow>/runs/<day>/ingest_analyze/decision.json`, and the rows that it names:
`<workflow>/curated/dt=<day>/` or `<workflow>/runs/<day>/ingest_analyze/mitigation/data/`. With a feature
store also those of earlier days, `feature_store.window_days` in all.

**Writes.** Below `<workflow>/runs/<day>/prepare_transform/`: `train/`, `validation/` (CSV, label first),
`test/` (the raw rows), `transformer/`, `features.json`. With a feature store also `feature_group.json` (its
schema and what was changed), `ingestion/` (records in, written, refused), `offline_store.json` (rows with
features, by day) and `joined/`, the records of the feature group, and the Glue table `<workflow>.accepted`.
With Data Wrangler also `rows/`, `wrangler.flow` and `wrangled/` (the fitted flow and its table).
Asset `<workflow>.features`.

**Parameters.** `partition`: the day, `YYYY-MM-DD`. The parent passes it.

**When it fails.** `read_decision`: no gate and no person accepted the day's rows, or they have changed since;
mend `ingest_analyze` of that day. `define_features`: the group that is there has another schema; the message
names both types. `ingest_features`: the day's rows cannot be records, and none was written; or AWS refused
some, which are named. `wait_for_offline_store`: records did not arrive, or rows have no features; the message
has the first entities. `join_features`: Athena's message, with the entity that has no features.
`build_features`: the message is the job's own; its log is linked from the task. `check_features`: a split is
empty or rows were lost; `features.json` says which.
"""

from airflow.sdk import DAG

from aws_ml.dags import asset, common
from aws_ml.operators.check_features import CheckFeaturesOperator
from aws_ml.operators.feature_group import FeatureGroupOperator
from aws_ml.operators.ingest_features import IngestFeaturesOperator
from aws_ml.operators.join_features import JoinFeaturesOperator
from aws_ml.operators.processing_job import ProcessingJobOperator
from aws_ml.operators.publish_code import PublishCodeOperator
from aws_ml.operators.put_json import PutJsonOperator
from aws_ml.operators.register_accepted import RegisterAcceptedOperator
from aws_ml.operators.settle_bias import ReadDecisionOperator
from aws_ml.requests import (
    data_wrangler,
    feature_group,
    glue_partition,
    glue_table,
    point_in_time,
    processing_job,
)
from aws_ml.run import BUCKET, JOINED, RUN_KEY, from_task
from aws_ml.sensors.offline_store import OfflineStoreSensor
from aws_ml.workflow import Workflow, workflows


def prepare_transform(workflow: Workflow) -> DAG:
    paths, store = workflow.paths, workflow.feature_store
    with DAG(schedule=None, **common(workflow, "prepare_transform", __doc__)) as dag:
        read_decision = ReadDecisionOperator(
            task_id="read_decision", bucket=BUCKET, decision_key=paths.decision
        )
        publish_code = PublishCodeOperator(
            task_id="publish_code", bucket=BUCKET, prefix=paths.table("code"), config=workflow.resolved()
        )
        if store.enabled:
            register_accepted = RegisterAcceptedOperator(
                task_id="register_accepted",
                table=glue_table.create_accepted(workflow),
                partition=glue_partition.accepted_partition(workflow),
                window_days=store.window_days,
            )
            define_features = FeatureGroupOperator(
                task_id="define_features",
                config=feature_group.create_feature_group(workflow),
                metadata=feature_group.update_feature_metadata(workflow),
                bucket=BUCKET,
                report_key=paths.feature_group_report,
            )
            ingest_features = IngestFeaturesOperator(
                task_id="ingest_features",
                config=processing_job.ingest_features(workflow),
                bucket=BUCKET,
                report_key=paths.ingestion_report,
                group_arn=from_task("define_features", "arn"),
                lineage=feature_group.lineage(workflow),
            )
            wait_for_offline_store = OfflineStoreSensor(
                task_id="wait_for_offline_store",
                config=point_in_time.count_known(workflow),
                run_key=RUN_KEY,
                ingestion_ended=from_task("ingest_features", "ended"),
                bucket=BUCKET,
                report_key=paths.offline_store_report,
                patience_minutes=store.offline_minutes,
            )
            join_features = JoinFeaturesOperator(
                task_id="join_features",
                config=point_in_time.join_features(workflow),
                bucket=BUCKET,
                prefix=paths.joined,
                parts=list(JOINED),
            )
        if workflow.features.engine == "data_wrangler":
            split_rows = ProcessingJobOperator(
                task_id="split_rows", config=processing_job.split_rows(workflow)
            )
            put_flow = PutJsonOperator(
                task_id="put_flow",
                bucket=BUCKET,
                key=paths.features_flow,
                document=data_wrangler.features_flow(workflow),
            )
            wrangle_features = ProcessingJobOperator(
                task_id="wrangle_features", config=data_wrangler.wrangle_features(workflow)
            )
        build_features = ProcessingJobOperator(
            task_id="build_features", config=processing_job.build_features(workflow)
        )
        check_features = CheckFeaturesOperator(
            task_id="check_features",
            bucket=BUCKET,
            key=paths.features,
            outlets=[asset(workflow, "features")],
        )

        rows = [read_decision, publish_code]
        if store.enabled:
            read_decision >> register_accepted
            [read_decision, publish_code, define_features] >> ingest_features
            [register_accepted, ingest_features] >> wait_for_offline_store >> join_features
            rows = [join_features]
        if workflow.features.engine == "data_wrangler":
            rows >> split_rows
            [split_rows, put_flow] >> wrangle_features >> build_features
        else:
            rows >> build_features
        build_features >> check_features
    return dag


for workflow in workflows():
    prepare_transform(workflow)
