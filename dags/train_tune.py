"""### Stage 3: train and tune

**What it does.** Trains SageMaker's built-in XGBoost on the prepared rows, assembles the archive that would
be served (model, transformer, inference program), and scores the held-out rows with that very archive. A
model below the workflow's minimum goes no further.

**Reads.** `features.json`, `train/`, `validation/`, `test/`, `transformer/` below
`<workflow>/runs/<day>/prepare_transform/`

**Writes.** Below `<workflow>/runs/<day>/train_tune/`: `model/`, `evaluation/` (metrics, predictions,
records for the smoke test), `serving/model.tar.gz`. Asset `<workflow>.model`.

**Parameters.** `partition`: the day, `YYYY-MM-DD`. The parent passes it.

**When it fails.** `check_features`: `prepare_transform` of that day did not end well; run it first.
`train_model`, `evaluate_model`: the message is the job's own; its log is linked from the task.
`check_quality`: the model is worse than the minimum in the workflow file; the message has both numbers.
"""

from airflow.sdk import DAG

from aws_ml.dags import asset, common
from aws_ml.operators.check_features import CheckFeaturesOperator
from aws_ml.operators.check_quality import CheckQualityOperator
from aws_ml.operators.processing_job import ProcessingJobOperator
from aws_ml.operators.publish_code import PublishCodeOperator
from aws_ml.operators.training_job import TrainingJobOperator
from aws_ml.requests import processing_job, training_job
from aws_ml.run import BUCKET
from aws_ml.workflow import Workflow, workflows


def train_tune(workflow: Workflow) -> DAG:
    paths = workflow.paths
    with DAG(schedule=None, **common(workflow, "train_tune", __doc__)) as dag:
        publish_code = PublishCodeOperator(
            task_id="publish_code", bucket=BUCKET, prefix=paths.table("code"), config=workflow.resolved()
        )
        check_features = CheckFeaturesOperator(task_id="check_features", bucket=BUCKET, key=paths.features)
        train_model = TrainingJobOperator(task_id="train_model", config=training_job.train_model(workflow))
        evaluate_model = ProcessingJobOperator(
            task_id="evaluate_model", config=processing_job.evaluate(workflow)
        )
        check_quality = CheckQualityOperator(
            task_id="check_quality",
            bucket=BUCKET,
            key=paths.evaluation_report,
            metric=workflow.evaluation.metric,
            minimum=workflow.evaluation.minimum,
            outlets=[asset(workflow, "model")],
        )

        check_features >> train_model
        [publish_code, train_model] >> evaluate_model >> check_quality
    return dag


for workflow in workflows():
    train_tune(workflow)
