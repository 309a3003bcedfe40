"""Names, S3 keys and tags of one run. AWS's length and character rules live here and nowhere else.

A run processes one partition, and its key is that partition's date. Everything else follows from the
workflow's name and the key, so a cleared task overwrites its own output and nobody else's.

Values that are known only when a task runs are Jinja texts (``BUCKET``, ``RUN_KEY``, ...): request
builders put them into bodies, Airflow renders them, and the UI shows exactly what AWS was sent. The
macros they call come from :func:`macros`, which every DAG passes as ``user_defined_macros``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from jinja2 import pass_context
from jinja2.runtime import Context as JinjaContext

from aws_ml.exceptions import ImageUnknown, RunKeyInvalid, RunKeyMissing

STAGES = ("ingest_analyze", "prepare_transform", "train_tune", "deploy_manage")

BUCKET = "{{ var.value.aws_ml_bucket }}"
ROLE_ARN = "{{ var.value.aws_ml_role_arn }}"
RUN_KEY = "{{ run_key() }}"
# The Variable and, after it, the environment say the region; only image URIs need it.
REGION_VARIABLE = "aws_ml_region"
DEFAULT_REGION = "us-east-1"

IMAGES_FILE = Path(__file__).parents[2] / "include" / "workflows" / "images.json"

JOB_NAME_LIMIT = 63  # processing, training, transform, model, endpoint config, endpoint
TUNING_NAME_LIMIT = 32  # hyperparameter tuning, AutoML
SUFFIX_ROOM = len("-0123abcd")  # what operators append: the number of the attempt, or a digest of the content


class DagRun(Protocol):
    """The part of Airflow's dag run that a run key is made from."""

    run_id: str
    run_type: Any
    conf: Any
    data_interval_start: Any


# --------------------------------------------------------------------------------------------------
# The run key


def run_key(dag_run: DagRun, params: Mapping[str, Any] | None = None, timezone: str = "UTC") -> str:
    """The partition that this run processes, ``YYYY-MM-DD``.

    Taken from ``conf["partition"]``, else from the form's ``partition``, else, for scheduled and
    backfilled runs only, from the day on which the data interval starts in the schedule's ``timezone``.
    Never from the clock and never from the logical date, which runs started through the API lack.

    :raises RunKeyMissing: a manual or triggered run that names no partition.
    :raises RunKeyInvalid: the partition is not a date.
    """
    for source in (dag_run.conf, params):
        asked = (source or {}).get("partition")
        if asked not in (None, ""):
            return partition_date(asked)
    run_type = str(getattr(dag_run.run_type, "value", dag_run.run_type))
    if run_type in ("scheduled", "backfill") and dag_run.data_interval_start is not None:
        start = dag_run.data_interval_start.astimezone(ZoneInfo(timezone))
        return str(start.date().isoformat())
    raise RunKeyMissing(
        f"It is a {run_type} run ({dag_run.run_id}). Fill in `partition` in the form, or pass "
        '{"partition": "YYYY-MM-DD"} as its configuration.'
    )


def partition_date(value: object) -> str:
    """``value`` as ``YYYY-MM-DD``; a date or such a text is accepted, anything else is RunKeyInvalid."""
    text = value.isoformat() if type(value) is date else str(value)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError as error:
            raise RunKeyInvalid(f"Found {text!r}: {error}.") from error
    raise RunKeyInvalid(f"Found {text!r}.")


def day_end(key: str, timezone: str = "UTC") -> datetime:
    """The moment at which the partition's day is over: the midnight after it, in the schedule's time zone.

    What a run may know ends here, however late it runs.
    """
    after = date.fromisoformat(partition_date(key)) + timedelta(days=1)
    return datetime.combine(after, time.min, tzinfo=ZoneInfo(timezone)).astimezone(UTC)


def from_task(task_id: str, key: str | None = None) -> str:
    """Jinja text for what ``task_id`` of this run returned (or one ``key`` of that mapping)."""
    pulled = f"ti.xcom_pull(task_ids='{task_id}')"
    return f"{{{{ {pulled} }}}}" if key is None else f"{{{{ {pulled}['{key}'] }}}}"


# The task `publish_code` of every stage says where it published the jobs and the resolved workflow.
CODE_PREFIX = from_task("publish_code", "prefix")  # <workflow>/code/<sha256>/
# The task `read_decision` says which rows were accepted.
DATASET_URI = from_task("read_decision", "uri")
# The task `define_features` says which feature group it brought about.
FEATURE_GROUP = from_task("define_features", "name")
FEATURE_GROUP_CREATED = from_task("define_features", "created_at")
# The task `join_features` says where it wrote which rows: to learn from, and to judge by.
JOINED = {part: from_task("join_features", part) for part in ("training", "curated")}
# The task `wrangle_features` says which job has fitted the flow: its files lie in a folder called after it.
WRANGLER_JOB = from_task("wrangle_features", "name")
# The end of the run's day in seconds since 1970: what happened later, the run does not know.
AS_OF = "{{ as_of() }}"
# The task `check_features` says whether the rows to learn from have weights.
CSV_WEIGHTS = "{{ ti.xcom_pull(task_ids='check_features')['weighted'] | int }}"
# The task `train_model` says what its job was called, and where SageMaker put the model's archive.
TRAINING_JOB = from_task("train_model", "name")
MODEL_URI = from_task("train_model", "model_uri")
# The task `list_candidates` says where the manifest of the models lies that are compared.
CANDIDATES_URI = from_task("list_candidates", "uri")


# --------------------------------------------------------------------------------------------------
# S3


@dataclass(frozen=True)
class Paths:
    """Every S3 key of one run. Prefixes end with a slash; ``uri`` makes an S3 URI of any of them.

    With the defaults, keys carry Jinja texts; pass a real ``run_key`` and ``bucket`` where they are known.
    ::

        <workflow>/landing/dt=<run key>/      raw files, written by the data's owner
                   curated/dt=<run key>/      typed, deduplicated Parquet
                   quarantine/dt=<run key>/   refused rows, each with its reason
                   runs/<run key>/<stage>/    all that a run makes
                   code/<sha256>/             job scripts and the resolved workflow, content-addressed
                   models/<sha256>/           archives of registered models, content-addressed
    """

    workflow: str
    run_key: str = RUN_KEY
    bucket: str = BUCKET

    def uri(self, key: str) -> str:
        """``s3://<bucket>/<key>``."""
        return f"s3://{self.bucket}/{key}"

    def table(self, name: str) -> str:
        """The prefix of all partitions of a table, or of all ``runs``, or of the ``feature_store``."""
        return f"{self.workflow}/{name}/"

    @property
    def landing(self) -> str:
        """The partition's raw files."""
        return f"{self.table('landing')}dt={self.run_key}/"

    @property
    def curated(self) -> str:
        """The partition's clean rows, Parquet."""
        return f"{self.table('curated')}dt={self.run_key}/"

    @property
    def quarantine(self) -> str:
        """The partition's refused rows, JSON lines; absent when nothing was refused."""
        return f"{self.table('quarantine')}dt={self.run_key}/"

    @property
    def code(self) -> str:
        """Below it lies each published version of the job scripts, under the SHA-256 of its content."""
        return f"{self.workflow}/code/"

    def stage(self, name: str) -> str:
        """All that one stage of this run makes."""
        return f"{self.workflow}/runs/{self.run_key}/{name}/"

    # ingest_analyze
    @property
    def cleaning(self) -> str:
        """Rows in, curated, quarantined, duplicate; per file and per reason. JSON."""
        return f"{self.stage('ingest_analyze')}cleaning.json"

    @property
    def queries(self) -> str:
        """Where Athena puts the (empty) results of DDL."""
        return f"{self.stage('ingest_analyze')}queries/"

    @property
    def statistics(self) -> str:
        """What Athena found out about the partition; one folder a statement."""
        return f"{self.stage('ingest_analyze')}statistics/"

    def statement(self, name: str) -> str:
        """The results of one statement of the exploration, a CSV a query execution."""
        return f"{self.statistics}{name}/"

    @property
    def profile(self) -> str:
        """The prefix of ``profile.json`` and ``profile.html``."""
        return f"{self.stage('ingest_analyze')}profile/"

    @property
    def profile_facts(self) -> str:
        """All that is known about the partition, for machines; the next day's profile is compared with it."""
        return f"{self.profile}profile.json"

    @property
    def profile_report(self) -> str:
        """The same for people, one page that needs nothing else."""
        return f"{self.profile}profile.html"

    @property
    def profile_sources(self) -> str:
        """The manifest of what the profile job reads: results, and the previous profile if there is one."""
        return f"{self.profile}sources.json"

    @property
    def quality(self) -> str:
        """What became of each data quality rule, one JSON lines file a run of Glue."""
        return f"{self.stage('ingest_analyze')}quality/"

    @property
    def quality_report(self) -> str:
        """Each data quality rule with its outcome and what was found, for people and the report page."""
        return f"{self.stage('ingest_analyze')}quality.json"

    @property
    def recommended_rules(self) -> str:
        """The data quality rules that Glue recommends for this partition. DQDL."""
        return f"{self.stage('ingest_analyze')}recommended_rules.dqdl"

    @property
    def bias(self) -> str:
        """Clarify's input and output."""
        return f"{self.stage('ingest_analyze')}bias/"

    @property
    def analysis_config(self) -> str:
        """What Clarify is asked."""
        return f"{self.bias}analysis_config.json"

    @property
    def analysis(self) -> str:
        """What Clarify answered, for machines."""
        return f"{self.bias}analysis.json"

    @property
    def bias_report(self) -> str:
        """What Clarify answered, for people."""
        return f"{self.bias}report.html"

    @property
    def decision(self) -> str:
        """Every metric with its bounds and verdict, and the gate's overall decision. JSON."""
        return f"{self.stage('ingest_analyze')}decision.json"

    @property
    def mitigation(self) -> str:
        """All that the mitigation job makes."""
        return f"{self.stage('ingest_analyze')}mitigation/"

    @property
    def mitigated_data(self) -> str:
        """The curated rows with weights, or resampled. Parquet."""
        return f"{self.mitigation}data/"

    @property
    def mitigated_bias(self) -> str:
        """Bias, measured again on the mitigated rows: the same files as below ``bias``."""
        return f"{self.mitigation}bias/"

    @property
    def mitigated_analysis(self) -> str:
        """The second measurement, for machines."""
        return f"{self.mitigated_bias}analysis.json"

    @property
    def mitigated_bias_report(self) -> str:
        """The second measurement, for people."""
        return f"{self.mitigated_bias}report.html"

    @property
    def mitigation_summary(self) -> str:
        """Method, groups and weights, rows in and out, every metric before and after. JSON."""
        return f"{self.mitigation}mitigation.json"

    @property
    def mitigation_report(self) -> str:
        """Before and after side by side, and what it cost, for people."""
        return f"{self.mitigation}report.html"

    @property
    def dataset(self) -> str:
        """Which rows this run's models learn from: the curated or the mitigated ones. JSON."""
        return f"{self.stage('ingest_analyze')}dataset.json"

    @property
    def flow(self) -> str:
        """The Data Wrangler flow with this run's partition as its source. JSON."""
        return f"{self.stage('ingest_analyze')}wrangler.flow"

    @property
    def wrangled(self) -> str:
        """Data Wrangler's extract of the partition, at ``<job name>/<node id>/default/part-*``."""
        return f"{self.stage('ingest_analyze')}wrangled/"

    # the feature store
    @property
    def feature_group_report(self) -> str:
        """The feature group as the run found or made it: its schema, and what was changed. JSON."""
        return f"{self.stage('prepare_transform')}feature_group.json"

    @property
    def offline_store_report(self) -> str:
        """The labelled rows of each day of the window, all of which have features, and when. JSON."""
        return f"{self.stage('prepare_transform')}offline_store.json"

    @property
    def ingestion(self) -> str:
        """The prefix of ``ingestion.json``."""
        return f"{self.stage('prepare_transform')}ingestion/"

    @property
    def ingestion_progress(self) -> str:
        """How far the day's ingestion has come, for the job that follows one that was killed. JSON."""
        return f"{self.stage('prepare_transform')}ingestion_progress.json"

    @property
    def ingestion_report(self) -> str:
        """The day's records: how many came in, were written and refused, with reasons. JSON."""
        return f"{self.ingestion}ingestion.json"

    @property
    def joined(self) -> str:
        """Labelled rows with the features known at their time, in a folder for the query that made them."""
        return f"{self.stage('prepare_transform')}joined/"

    @property
    def join_queries(self) -> str:
        """Where Athena puts the results of the questions around the join."""
        return f"{self.stage('prepare_transform')}queries/"

    # prepare_transform
    @property
    def training_rows(self) -> str:
        """The raw training rows, for a Data Wrangler job to learn from. Parquet."""
        return f"{self.stage('prepare_transform')}rows/"

    @property
    def features_flow(self) -> str:
        """The Data Wrangler flow with this run's training rows as its source. JSON."""
        return f"{self.stage('prepare_transform')}wrangler.flow"

    @property
    def wrangled_features(self) -> str:
        """The flow with what it has learned, and its table, in a folder for the job that made them."""
        return f"{self.stage('prepare_transform')}wrangled/"

    @property
    def features(self) -> str:
        """Columns in order, rows per split, digest of the transformer. JSON."""
        return f"{self.stage('prepare_transform')}features.json"

    @property
    def transformer(self) -> str:
        """The fitted transformer as pure JSON."""
        return f"{self.stage('prepare_transform')}transformer/"

    def split(self, name: str) -> str:
        """``train`` and ``validation``: CSV, label first, no header; ``test``: raw Parquet.

        Where rows have weights, these are the second column of the CSV.
        """
        return f"{self.stage('prepare_transform')}{name}/"

    # train_tune
    @property
    def model(self) -> str:
        """Where SageMaker puts ``<training job>/output/model.tar.gz``."""
        return f"{self.stage('train_tune')}model/"

    @property
    def debugger(self) -> str:
        """Below it lies ``<training job>/``: what was saved for its rules, and what the rules made."""
        return f"{self.stage('train_tune')}debugger/"

    @property
    def rules(self) -> str:
        """What the rules over a trained model made, where Debugger does not evaluate them."""
        return f"{self.debugger}rules/"

    @property
    def rules_report(self) -> str:
        """What they found, as DescribeTrainingJob has it. JSON."""
        return f"{self.rules}rules.json"

    @property
    def tuning(self) -> str:
        """Where SageMaker puts ``<training job>/output/model.tar.gz`` of a tuning job's training jobs."""
        return f"{self.stage('train_tune')}tuning/"

    @property
    def automl(self) -> str:
        """Where Autopilot puts all that it makes, in a folder for the AutoML job."""
        return f"{self.stage('train_tune')}automl/"

    @property
    def automl_features(self) -> str:
        """Which columns Autopilot learns from, and what they are. JSON."""
        return f"{self.automl}features.json"

    @property
    def candidates(self) -> str:
        """``comparison.json``, and for each candidate a folder with its archive and its evaluation."""
        return f"{self.stage('train_tune')}candidates/"

    @property
    def candidate_list(self) -> str:
        """Which models are compared, and where they come from. JSON."""
        return f"{self.stage('train_tune')}candidates.json"

    @property
    def candidate_manifest(self) -> str:
        """The manifest of what the evaluation job reads: the list and the archives that it names."""
        return f"{self.stage('train_tune')}candidates.manifest"

    @property
    def comparison(self) -> str:
        """Metrics of all candidates on the same rows, with intervals of their differences. JSON."""
        return f"{self.candidates}comparison.json"

    def candidate(self, name: str) -> str:
        """The files of one candidate."""
        return f"{self.candidates}{name}/"

    def registered(self, digest: str) -> str:
        """A registered model's archive and evaluation, under the archive's SHA-256."""
        return f"{self.table('models')}{digest}/"

    @property
    def choice(self) -> str:
        """Which candidate was chosen, by which rule, and what is said of each. JSON."""
        return f"{self.stage('train_tune')}choice.json"

    @property
    def evaluation(self) -> str:
        """The chosen candidate's ``evaluation.json``, ``predictions.csv`` and ``smoke_records.json``."""
        return f"{self.stage('train_tune')}evaluation/"

    @property
    def evaluation_report(self) -> str:
        """Metrics on the held-out split. JSON."""
        return f"{self.evaluation}evaluation.json"

    @property
    def predictions(self) -> str:
        """Key, label and score of every held-out row. CSV."""
        return f"{self.evaluation}predictions.csv"

    @property
    def smoke_records(self) -> str:
        """The first held-out rows as the endpoint takes them, with the scores it must answer. JSON."""
        return f"{self.evaluation}smoke_records.json"

    @property
    def explanations(self) -> str:
        """The prefix of what explains the model: the files that Clarify would write."""
        return f"{self.stage('train_tune')}explanations/"

    @property
    def explained_analysis(self) -> str:
        """SHAP values, partial dependence, and bias after training, laid out as by Clarify. JSON."""
        return f"{self.explanations}analysis.json"

    @property
    def serving(self) -> str:
        """The prefix of the archive that is served."""
        return f"{self.stage('train_tune')}serving/"

    @property
    def serving_archive(self) -> str:
        """The chosen candidate's model, transformer and inference program: what was evaluated is served."""
        return f"{self.serving}model.tar.gz"

    # deploy_manage
    @property
    def deployment(self) -> str:
        """Endpoint, config, model, and what the smoke records were answered. JSON."""
        return f"{self.stage('deploy_manage')}deployment.json"


# --------------------------------------------------------------------------------------------------
# Names and tags


def legal(name: str) -> str:
    """``name`` with every character that SageMaker and Glue names don't share turned into a hyphen."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")


def job_name(
    workflow: str,
    step: str,
    run_key: str,
    *,
    dag_id: str,
    run_id: str,
    task_id: str,
    map_index: int = -1,
    limit: int = JOB_NAME_LIMIT,
) -> str:
    """``<workflow>-<step>-<yyyymmdd>-<6 hex>``, with room for the suffix that the operator appends.

    The same task of the same run always gets the same name. The hexadecimal digits stand for dag, run,
    task and map index, so shortening a long workflow name can't make two jobs collide.
    """
    identity = "\0".join([workflow, step, run_key, dag_id, run_id, task_id, str(map_index)])
    digest = hashlib.sha256(identity.encode()).hexdigest()[:6]
    tail = f"-{legal(step)}-{run_key.replace('-', '')}-{digest}"
    return legal(workflow)[: max(limit - SUFFIX_ROOM - len(tail), 1)] + tail


def job_family(name: str) -> str:
    """What ``job_name`` gives the same step of all runs: ``<workflow>-<step>-``, the workflow maybe cut."""
    return re.sub(r"\d{8}-[0-9a-f]{6}$", "", name)


def attempt_name(name: str, attempt: int, limit: int = JOB_NAME_LIMIT) -> str:
    """The name of one attempt at a job; ``attempt`` counts from 1 to 999."""
    if not 1 <= attempt <= 999:
        raise ValueError(f"attempt is {attempt}; a job name has room for 1 to 999")
    return suffixed(name, str(attempt), limit)


def suffixed(name: str, suffix: str, limit: int = JOB_NAME_LIMIT) -> str:
    """``<name>-<suffix>`` within ``limit`` characters; a name that is too long is cut and hashed."""
    room = limit - len(suffix) - 1
    if len(name) > room:
        digest = hashlib.sha256(name.encode()).hexdigest()[:6]
        name = f"{name[: room - 7].rstrip('-')}-{digest}"
    return f"{name}-{suffix}"


def tags(workflow: str, stage: str) -> list[dict[str, str]]:
    """SageMaker's tag list of all that a run makes; the values are texts of at most 256 characters."""
    return [{"Key": key, "Value": value} for key, value in tag_map(workflow, stage).items()]


def tag_map(workflow: str, stage: str) -> dict[str, str]:
    """The same tags as the mapping that Glue wants. A run id may hold `~`, which a tag may not."""
    return {
        "workflow": workflow,
        "stage": stage,
        "run_key": RUN_KEY,
        "dag_run_id": "{{ dag_run.run_id | replace('~', '-') }}",
    }


# --------------------------------------------------------------------------------------------------
# Images


@cache
def images(file: Path = IMAGES_FILE) -> dict[str, dict[str, str]]:
    """Container image URIs: region -> ``<name>:<version>`` -> URI. Written by ``make images``."""
    table: dict[str, dict[str, str]] = json.loads(file.read_text(encoding="utf-8"))
    return table


def image_versions(name: str) -> list[str]:
    """The versions of an image that every listed region has, e.g. of ``xgboost``."""
    offered = [
        {key.partition(":")[2] for key in known if key.startswith(f"{name}:")} for known in images().values()
    ]
    return sorted(set.intersection(*offered)) if offered else []


def image_uri(name: str, version: str, region: str) -> str:
    """The image's URI in a region, e.g. ``image_uri("xgboost", "3.2-0", "us-east-1")``.

    :raises ImageUnknown: no such region, name or version in images.json.
    """
    known = images().get(region)
    if known is None:
        raise ImageUnknown(f"Region {region!r} is not listed; listed: {', '.join(sorted(images()))}.")
    uri = known.get(f"{name}:{version}")
    if uri is None:
        listed = ", ".join(sorted(known))
        raise ImageUnknown(f"{name}:{version} is not listed for {region}; listed: {listed}.")
    return uri


def image(name: str, version: str) -> str:
    """Jinja text for an image's URI in the deployment's region."""
    return f"{{{{ image_uri('{name}', '{version}') }}}}"


# --------------------------------------------------------------------------------------------------
# Macros


def macros(workflow: str, timezone: str = "UTC") -> dict[str, Callable[..., str]]:
    """``user_defined_macros`` of a workflow's DAGs.

    ``run_key()``, ``job_name(step)``, ``image_uri(name, version)``, ``as_of()``: the end of the run's day in
    seconds since 1970; for SQL ``day_list(days)``: texts with commas between, ``day_ends(days)``: rows of
    VALUES, each a day and its end.
    """

    @pass_context
    def key(context: JinjaContext) -> str:
        return run_key(context["dag_run"], context.get("params"), timezone)

    @pass_context
    def name(context: JinjaContext, step: str, limit: int = JOB_NAME_LIMIT) -> str:
        ti = context["ti"]
        return job_name(
            workflow,
            step,
            run_key(context["dag_run"], context.get("params"), timezone),
            dag_id=ti.dag_id,
            run_id=context["dag_run"].run_id,
            task_id=ti.task_id,
            map_index=-1 if ti.map_index is None else ti.map_index,
            limit=limit,
        )

    @pass_context
    def uri(context: JinjaContext, image_name: str, version: str) -> str:
        environment = os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION") or DEFAULT_REGION
        region = context["var"]["value"].get(REGION_VARIABLE, environment)
        return image_uri(image_name, version, region)

    @pass_context
    def as_of(context: JinjaContext) -> str:
        return f"{day_end(key(context), timezone).timestamp():.0f}"

    def day_ends(days: Sequence[str]) -> str:
        return ", ".join(
            f"('{partition_date(day)}', {day_end(day, timezone).timestamp():.0f}e0)" for day in days
        )

    def day_list(days: Sequence[str]) -> str:
        return ", ".join(f"'{partition_date(day)}'" for day in days)

    return {
        "run_key": key,
        "job_name": name,
        "image_uri": uri,
        "as_of": as_of,
        "day_ends": day_ends,
        "day_list": day_list,
    }
