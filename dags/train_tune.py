"""### Stage 3: train and tune

**What it does.** Trains SageMaker's built-in XGBoost on the prepared rows, with the workflow file's
hyperparameters, with those that a tuning job finds, or both. Each candidate, this run's models and the
champion (the newest approved version in the model registry, of this day or an earlier one), is assembled as
it would be served and scores the same held-out rows with that very archive. The workflow's rule chooses one.
If it is good enough it is registered as a version of the workflow's model package group; a champion that
stays is registered already. Beside that it says which columns the chosen model's scores come from.

**Reads.** `features.json`, `train/`, `validation/`, `test/`, `transformer/` below
`<workflow>/runs/<day>/prepare_transform/`; the model registry

**Writes.** Below `<workflow>/runs/<day>/train_tune/`: `model/`, `debugger/` (what the training's rules looked
at, and their report), `candidates/` (`comparison.json`, and of each candidate archive, metrics and
predictions), `choice.json` (which one, and why), and of the chosen one `evaluation/` (metrics, predictions,
records for the smoke test), `serving/model.tar.gz` and `explanations/` (SHAP values and partial dependence,
as Clarify's `analysis.json`). Below `<workflow>/models/<SHA-256>/`: the archive and the evaluation, for good.
A version in the registry. Asset `<workflow>.model`.

**Parameters.** `partition`: the day, `YYYY-MM-DD`. `candidates`: which models are made, `baseline`, `tuning`
or `all`. The parent passes both.

**When it fails.** `check_features`: `prepare_transform` of that day did not end well; run it first.
`select_candidates`: the run was asked for something else. `train_model`, `tune_model`,
`evaluate_candidates`, `explain_model`: the message is the job's own; its log is linked from the task.
`check_training`: a rule that watched the training found an issue, or could not be evaluated; the message has
its words. Its policy in the workflow file says whether that stops the training, fails the run or warns.
`choose_model`: no candidate has a value of the metric that decides. `check_quality`: the chosen model is
worse than the minimum in the workflow file; the message has both numbers.
"""

from airflow.sdk import DAG

from aws_ml.dags import asset, candidates, common
from aws_ml.operators.check_features import CheckFeaturesOperator
from aws_ml.operators.check_quality import CheckQualityOperator
from aws_ml.operators.choose_model import ChooseModelOperator
from aws_ml.operators.list_candidates import ListCandidatesOperator
from aws_ml.operators.processing_job import ProcessingJobOperator
from aws_ml.operators.publish_code import PublishCodeOperator
from aws_ml.operators.register_model_version import RegisterModelVersionOperator
from aws_ml.operators.select_candidates import SelectCandidatesOperator
from aws_ml.operators.training_job import TrainingJobOperator
from aws_ml.operators.tuning_job import TuningJobOperator
from aws_ml.requests import model_package, processing_job, training_job, tuning_job
from aws_ml.run import BUCKET, RUN_KEY, TRAINING_JOB, from_task
from aws_ml.sensors.training_rules import TrainingRulesSensor
from aws_ml.workflow import Workflow, workflows


def train_tune(workflow: Workflow) -> DAG:
    paths = workflow.paths
    with DAG(schedule=None, **common(workflow, "train_tune", __doc__, candidates(workflow))) as dag:
        publish_code = PublishCodeOperator(
            task_id="publish_code", bucket=BUCKET, prefix=paths.table("code"), config=workflow.resolved()
        )
        check_features = CheckFeaturesOperator(task_id="check_features", bucket=BUCKET, key=paths.features)
        select_candidates = SelectCandidatesOperator(
            task_id="select_candidates",
            asked="{{ params.candidates }}",
            branches={
                "baseline": ["train_model"],
                "tuning": ["tune_model"],
                "all": ["train_model", "tune_model"],
            },
        )
        train_model = TrainingJobOperator(task_id="train_model", config=training_job.train_model(workflow))
        tune_model = TuningJobOperator(
            task_id="tune_model",
            config=tuning_job.tune_model(workflow),
            warm_start=workflow.tuning.warm_start,
        )
        list_candidates = ListCandidatesOperator(
            task_id="list_candidates",
            bucket=BUCKET,
            workflow=workflow.name,
            run_key=RUN_KEY,
            trained={"baseline": train_model.output, "tuned": tune_model.output},
            group=workflow.model_group,
            trigger_rule="none_failed_min_one_success",
        )
        evaluate_candidates = ProcessingJobOperator(
            task_id="evaluate_candidates", config=processing_job.evaluate(workflow)
        )
        choose_model = ChooseModelOperator(
            task_id="choose_model",
            bucket=BUCKET,
            workflow=workflow.name,
            run_key=RUN_KEY,
            margin=workflow.choice.margin,
            trigger_rule="none_failed_min_one_success",  # only the baseline is watched by rules
        )
        explain_model = ProcessingJobOperator(
            task_id="explain_model", config=processing_job.explain(workflow)
        )
        check_quality = CheckQualityOperator(
            task_id="check_quality",
            bucket=BUCKET,
            key=paths.evaluation_report,
            metric=workflow.evaluation.metric,
            minimum=workflow.evaluation.minimum,
        )
        register_model = RegisterModelVersionOperator(
            task_id="register_model",
            config=model_package.create_model_package(workflow),
            group_description=workflow.description,
            chosen=from_task("choose_model", "chosen"),
            chosen_source=from_task("choose_model", "source"),
            outlets=[asset(workflow, "model")],
        )

        check_features >> select_candidates >> [train_model, tune_model] >> list_candidates
        [publish_code, list_candidates] >> evaluate_candidates
        evaluate_candidates >> choose_model >> check_quality >> register_model
        choose_model >> explain_model
        debugger = workflow.training.debugger
        if debugger.chosen:
            check_training = TrainingRulesSensor(
                task_id="check_training",
                job_name=TRAINING_JOB,
                policies={name: rule.policy for name, rule in debugger.chosen.items()},
                bucket=None if debugger.beside_training else BUCKET,
                key=None if debugger.beside_training else paths.rules_report,
            )
            train_model >> check_training >> choose_model
            if not debugger.beside_training:
                evaluate_rules = ProcessingJobOperator(
                    task_id="evaluate_rules", config=processing_job.check_rules(workflow)
                )
                [publish_code, train_model] >> evaluate_rules >> check_training
    return dag


for workflow in workflows():
    train_tune(workflow)
