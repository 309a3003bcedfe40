"""### Stage 4: deploy and manage

**What it does.** Makes the evaluated archive a SageMaker model, brings the workflow's endpoint to it
(creates it the first time, updates it afterwards), and asks the endpoint about held-out rows: it must answer
what the evaluation computed. Where features are online, it is also asked by the entity alone.

**Reads.** `serving/model.tar.gz` and `evaluation/smoke_records.json` below
`<workflow>/runs/<day>/train_tune/`

**Writes.** A model, an endpoint configuration, the workflow's endpoint, and
`<workflow>/runs/<day>/deploy_manage/deployment.json` (each question and answer). Asset `<workflow>.endpoint`.

**Parameters.** `partition`: the day, `YYYY-MM-DD`. The parent passes it.

**When it fails.** `deploy_endpoint`: the endpoint did not come up, or AWS rolled the update back and the
previous model still serves; the message says why. `smoke_test`: the endpoint serves, but not what was
evaluated; the message has the differing answers. Deploy an earlier day again by clearing that day's
`create_model` and what follows.
"""

from airflow.sdk import DAG

from aws_ml.dags import asset, common
from aws_ml.operators.endpoint import EndpointOperator
from aws_ml.operators.endpoint_config import EndpointConfigOperator
from aws_ml.operators.model import ModelOperator
from aws_ml.operators.smoke_test import SmokeTestOperator
from aws_ml.requests import endpoint, endpoint_config, model
from aws_ml.run import BUCKET, from_task
from aws_ml.workflow import Workflow, workflows


def deploy_manage(workflow: Workflow) -> DAG:
    paths = workflow.paths
    with DAG(schedule=None, **common(workflow, "deploy_manage", __doc__)) as dag:
        create_model = ModelOperator(task_id="create_model", config=model.create_model(workflow))
        create_endpoint_config = EndpointConfigOperator(
            task_id="create_endpoint_config", config=endpoint_config.create_endpoint_config(workflow)
        )
        deploy_endpoint = EndpointOperator(
            task_id="deploy_endpoint", config=endpoint.create_endpoint(workflow)
        )
        smoke_test = SmokeTestOperator(
            task_id="smoke_test",
            bucket=BUCKET,
            records_key=paths.smoke_records,
            endpoint_name=workflow.deployment.endpoint,
            deployment_key=paths.deployment,
            config_name=from_task("create_endpoint_config", "name"),
            model_name=from_task("create_model", "name"),
            online_store=workflow.online_store(),
            outlets=[asset(workflow, "endpoint")],
        )

        create_model >> create_endpoint_config >> deploy_endpoint >> smoke_test
    return dag


for workflow in workflows():
    deploy_manage(workflow)
