"""### Stage 2: prepare and transform

**What it does.** Reads which rows of the day the bias gate accepted: the clean ones, or those whose bias was
mitigated. A SageMaker processing job splits them by their key, always alike, into training, validation and
test rows; imputes, scales, crosses and encodes them, with what it learned from the training rows only; and
keeps the fitted transformer, which inference uses as it is.

**Reads.** `<workflow>/runs/<day>/ingest_analyze/decision.json`, and the rows that it names:
`<workflow>/curated/dt=<day>/` or `<workflow>/runs/<day>/ingest_analyze/mitigation/data/`

**Writes.** Below `<workflow>/runs/<day>/prepare_transform/`: `train/`, `validation/` (CSV, label first),
`test/` (the raw rows), `transformer/`, `features.json`. Asset `<workflow>.features`.

**Parameters.** `partition`: the day, `YYYY-MM-DD`. The parent passes it.

**When it fails.** `read_decision`: no gate and no person accepted the day's rows, or they have changed since;
mend `ingest_analyze` of that day. `build_features`: the message is the job's own; its log is linked from the
task. `check_features`: a split is empty or rows were lost; `features.json` says which.
"""

from airflow.sdk import DAG

from aws_ml.dags import asset, common
from aws_ml.operators.check_features import CheckFeaturesOperator
from aws_ml.operators.processing_job import ProcessingJobOperator
from aws_ml.operators.publish_code import PublishCodeOperator
from aws_ml.operators.settle_bias import ReadDecisionOperator
from aws_ml.requests import processing_job
from aws_ml.run import BUCKET
from aws_ml.workflow import Workflow, workflows


def prepare_transform(workflow: Workflow) -> DAG:
    paths = workflow.paths
    with DAG(schedule=None, **common(workflow, "prepare_transform", __doc__)) as dag:
        read_decision = ReadDecisionOperator(
            task_id="read_decision", bucket=BUCKET, decision_key=paths.decision
        )
        publish_code = PublishCodeOperator(
            task_id="publish_code", bucket=BUCKET, prefix=paths.table("code"), config=workflow.resolved()
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

        [read_decision, publish_code] >> build_features >> check_features
    return dag


for workflow in workflows():
    prepare_transform(workflow)
