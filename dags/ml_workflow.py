"""### ML workflow

**What it does.** Runs the four stages of one workflow for one day, in order, each as a DAG run of its own:
`ingest_analyze`, `prepare_transform`, `train_tune`, `deploy_manage`. It computes nothing itself and waits
without a worker. A stage's run id follows from this run's, so a retry joins the stage that is running, and
a stage that a person has mended is taken as it is. Clearing a green task runs its stage again, all of it.

**Reads.** Nothing but its stages' states.

**Writes.** Nothing; the stages do.

**Parameters.** `partition`: the day whose data is processed, `YYYY-MM-DD`. Scheduled and backfilled runs
take the first day of their data interval. `candidates`: which models are made, for `train_tune`.

**When it fails.** The failed task's message names the stage's task and its error. Mend the cause, clear the
failed task *of the stage*, then clear the failed task here: it waits for the stage and goes on. Clearing
only the task here runs the whole stage again. A stage that is paused is refused: unpause it.
"""

from airflow.sdk import DAG

from aws_ml.dags import PARENT, candidates, common, dag_id, start, timetable
from aws_ml.operators.ensure_dag_run import EnsureDagRunOperator
from aws_ml.run import RUN_KEY, STAGES
from aws_ml.workflow import Workflow, workflows


def ml_workflow(workflow: Workflow) -> DAG:
    with DAG(
        schedule=timetable(workflow),
        start_date=start(workflow),
        **common(workflow, PARENT, __doc__, candidates(workflow)),
    ) as dag:
        ingest_analyze, prepare_transform, train_tune, deploy_manage = (
            EnsureDagRunOperator(
                task_id=stage,
                trigger_dag_id=dag_id(workflow, stage),
                trigger_run_id=f"{PARENT}__{{{{ run_id }}}}",
                conf={
                    "partition": RUN_KEY,
                    "run_key": RUN_KEY,
                    "candidates": "{{ params.candidates }}",
                    "parent": {"dag_id": "{{ dag.dag_id }}", "run_id": "{{ run_id }}"},
                },
            )
            for stage in STAGES
        )
        ingest_analyze >> prepare_transform >> train_tune >> deploy_manage
    return dag


for workflow in workflows():
    ml_workflow(workflow)
