"""The DAG files: that they load, what they promise, and what depends on what."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, CronDataIntervalTimetable

from aws_ml.retry import OnlyIfItMayHelp
from aws_ml.workflow import load_workflows

ROOT = Path(__file__).parents[3]
DAGS = ROOT / "dags"
FOLDERS = [ROOT / "include" / "workflows", ROOT / "tests" / "workflows"]
WORKFLOWS = sorted(
    file.stem for folder in FOLDERS for file in folder.glob("*.yaml") if file.stem != "defaults"
)
STAGES = ["ingest_analyze", "prepare_transform", "train_tune", "deploy_manage"]
ALL = [*STAGES, "ml_workflow"]
# What no DAG file may cost: each takes from a quarter of a second to several seconds to import.
HEAVY = {"pandas", "numpy", "sklearn", "xgboost", "sagemaker", "pyarrow", "moto", "awswrangler", "s3fs"}

# task -> what follows it. The graph is what a reader of the DAG file sees in its last lines.
GRAPHS = {
    "ingest_analyze": {
        "wait_for_partition": {"publish_code", "create_database", "ask_clarify", "put_flow"},
        "publish_code": {"clean_partition"},
        "create_database": {"crawl_landing", "define_curated_table", "define_rules"},
        "crawl_landing": {"decide_on_bias"},
        "clean_partition": {"add_curated_partition", "wrangle_partition", "measure_bias"},
        "define_curated_table": {"add_curated_partition"},
        "add_curated_partition": {"explore", "recommend_rules", "check_rules", "decide_on_bias"},
        "explore": {"list_profile_sources"},
        "list_profile_sources": {"report_profile"},
        "report_profile": set(),
        "put_flow": {"wrangle_partition"},
        "wrangle_partition": set(),
        "recommend_rules": set(),
        "define_rules": {"check_rules"},
        "check_rules": {"measure_bias"},
        "ask_clarify": {"measure_bias"},
        "measure_bias": {"wait_for_bias_report"},
        "wait_for_bias_report": {"decide_on_bias"},
        "decide_on_bias": {"publish_partition", "mitigate_bias", "ask_about_bias", "stop_on_bias"},
        "ask_about_bias": {"publish_partition", "mitigate_bias", "stop_on_bias"},
        "mitigate_bias": {"decide_on_mitigation"},
        "decide_on_mitigation": {"publish_partition", "ask_about_mitigation", "stop_on_bias"},
        "ask_about_mitigation": {"publish_partition", "stop_on_bias"},
        "publish_partition": set(),
        "stop_on_bias": set(),
    },
    "prepare_transform": {
        "read_decision": {"register_accepted", "ingest_features"},
        "publish_code": {"ingest_features"},
        "register_accepted": {"wait_for_offline_store"},
        "define_features": {"ingest_features"},
        "ingest_features": {"wait_for_offline_store"},
        "wait_for_offline_store": {"join_features"},
        "join_features": {"build_features"},
        "build_features": {"check_features"},
        "check_features": set(),
    },
    "train_tune": {
        "publish_code": {"evaluate_candidates"},
        "check_features": {"select_candidates"},
        "select_candidates": {"train_model", "tune_model"},
        "train_model": {"list_candidates", "check_training"},
        "tune_model": {"list_candidates"},
        "check_training": {"choose_model"},
        "list_candidates": {"evaluate_candidates"},
        "evaluate_candidates": {"choose_model"},
        "choose_model": {"check_quality", "explain_model"},
        "explain_model": set(),
        "check_quality": {"register_model"},
        "register_model": set(),
    },
    "deploy_manage": {
        "create_model": {"create_endpoint_config"},
        "create_endpoint_config": {"deploy_endpoint"},
        "deploy_endpoint": {"smoke_test"},
        "smoke_test": set(),
    },
    "ml_workflow": {
        "ingest_analyze": {"prepare_transform"},
        "prepare_transform": {"train_tune"},
        "train_tune": {"deploy_manage"},
        "deploy_manage": set(),
    },
}
# What a workflow need not ask for: the key, the value that says so, and the tasks that it then lacks.
OPTIONAL = {
    "rules": ("quality", "rules", [], {"define_rules", "check_rules"}),
    "recommendation": ("quality", "recommend", False, {"recommend_rules"}),
    "flow": ("wrangler", "flow", None, {"put_flow", "wrangle_partition"}),
}
ASSETS = {
    "ingest_analyze": ("publish_partition", "curated"),
    "prepare_transform": ("check_features", "features"),
    "train_tune": ("register_model", "model"),
    "deploy_manage": ("smoke_test", "endpoint"),
}


def load(folders: list[Path]) -> DagBag:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ML_WORKFLOWS", os.pathsep.join(map(str, folders)))
        return DagBag(str(DAGS), bundle_path=DAGS)


@pytest.fixture(scope="module")
def bag() -> Iterator[DagBag]:
    bag = load(FOLDERS)
    # An empty folder has no errors either.
    assert sorted(bag.dag_ids) == sorted(f"{workflow}.{stage}" for workflow in WORKFLOWS for stage in ALL)
    assert bag.import_errors == {}
    return bag


def dag_of(bag: DagBag, workflow: str, stage: str) -> DAG:
    return bag.dags[f"{workflow}.{stage}"]


@pytest.mark.parametrize("workflow", WORKFLOWS)
@pytest.mark.parametrize("stage", ALL)
class TestEveryDag:
    def test_graph(self, bag: DagBag, workflow: str, stage: str) -> None:
        """Each task is followed by what the table says, and by nothing else."""
        dag = dag_of(bag, workflow, stage)
        assert {task.task_id: task.downstream_task_ids for task in dag.tasks} == GRAPHS[stage]

    def test_tags_owner_and_retries(self, bag: DagBag, workflow: str, stage: str) -> None:
        """DAGs are found by workflow and by stage; every task has an owner and retries."""
        dag = dag_of(bag, workflow, stage)
        assert dag.tags == {workflow, stage}
        assert all(task.owner not in ("", "airflow") for task in dag.tasks)
        assert all(task.retries >= 1 for task in dag.tasks)
        assert all(task.retry_delay.total_seconds() > 0 for task in dag.tasks)
        assert all(task.on_failure_callback for task in dag.tasks)

    def test_documentation_is_for_the_person_woken_at_night(
        self, bag: DagBag, workflow: str, stage: str
    ) -> None:
        """The UI shows what the DAG does, reads and writes, what it takes, and what to do when it fails."""
        doc = dag_of(bag, workflow, stage).doc_md or ""
        sections = ["**What it does.**", "**Reads.**", "**Writes.**", "**Parameters.**", "**When it fails.**"]
        places = [doc.find(section) for section in sections]
        assert -1 not in places
        assert places == sorted(places)

    def test_form_asks_for_a_partition(self, bag: DagBag, workflow: str, stage: str) -> None:
        """A run by hand names its day in the form, which refuses what is no date."""
        param = dag_of(bag, workflow, stage).params.get_param("partition")
        assert param.value is None
        assert param.schema["format"] == "date"

    def test_form_offers_the_candidates_where_models_are_made(
        self, bag: DagBag, workflow: str, stage: str
    ) -> None:
        """The parent hands the answer down; what it offers is what the stage has tasks for."""
        params = dag_of(bag, workflow, stage).params
        assert ("candidates" in params) == (stage in ("ml_workflow", "train_tune"))
        if "candidates" in params:
            select = dag_of(bag, workflow, "train_tune").get_task("select_candidates")
            assert params.get_param("candidates").schema["enum"] == list(select.branches)
            assert params.get_param("candidates").value == "baseline"

    def test_nothing_is_caught_up(self, bag: DagBag, workflow: str, stage: str) -> None:
        """The past is for backfills that somebody asks for."""
        assert dag_of(bag, workflow, stage).catchup is False

    def test_only_the_parent_has_a_schedule(self, bag: DagBag, workflow: str, stage: str) -> None:
        """A schedule with data intervals: a run knows the day whose data it processes."""
        timetable = dag_of(bag, workflow, stage).timetable
        scheduled = stage == "ml_workflow" and load_workflows(FOLDERS)[workflow].schedule.cron is not None
        assert isinstance(timetable, CronDataIntervalTimetable) == scheduled


@pytest.mark.parametrize("without", [*([name] for name in OPTIONAL), list(OPTIONAL)], ids="+".join)
def test_what_a_workflow_does_not_ask_for_leaves_the_rest_as_it_is(
    tmp_path: Path, without: list[str]
) -> None:
    """No task is lost or left hanging with the optional ones: the day still passes through all the others."""
    source = yaml.safe_load((ROOT / "include" / "workflows" / "loan_approval.yaml").read_text())
    data = source | {"name": "sparing", "deployment": source["deployment"] | {"endpoint": "sparing"}}
    gone: set[str] = set()
    for section, key, value, tasks in (OPTIONAL[name] for name in without):
        data[section] = {**data.get(section, {}), key: value}
        gone |= tasks
    (tmp_path / "sparing.yaml").write_text(yaml.safe_dump(data))
    bag = load([*FOLDERS, tmp_path])
    assert bag.import_errors == {}
    dag = dag_of(bag, "sparing", "ingest_analyze")
    assert {task.task_id: task.downstream_task_ids for task in dag.tasks} == {
        task_id: followers - gone
        for task_id, followers in GRAPHS["ingest_analyze"].items()
        if task_id not in gone
    }
    assert dag.roots == [dag.get_task("wait_for_partition")]
    before_the_gate = dag.get_task("decide_on_bias").get_flat_relative_ids(upstream=True)
    assert before_the_gate >= {"clean_partition", "add_curated_partition", "wait_for_bias_report"}
    assert "check_rules" in before_the_gate or "rules" in without


@pytest.mark.parametrize("workflow", WORKFLOWS)
@pytest.mark.parametrize("stage", STAGES)
def test_stage_ends_with_its_asset(bag: DagBag, workflow: str, stage: str) -> None:
    """A stage tells what it made, so that other people's DAGs can start from it."""
    task_id, name = ASSETS[stage]
    outlets = dag_of(bag, workflow, stage).get_task(task_id).outlets
    assert [outlet.name for outlet in outlets] == [f"{workflow}.{name}"]


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_parent_runs_the_stages_of_its_own_workflow(bag: DagBag, workflow: str) -> None:
    """Children's run ids follow from the parent's, and carry no logical date to collide with."""
    for task in dag_of(bag, workflow, "ml_workflow").tasks:
        assert task.trigger_dag_id == f"{workflow}.{task.task_id}"
        assert task.trigger_run_id == "ml_workflow__{{ run_id }}"
        assert task.logical_date is None
        assert task.deferrable
        assert task.wait_for_completion


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_day_without_files_does_not_block_the_next_for_a_week(bag: DagBag, workflow: str) -> None:
    """A sensor's own default is seven days, and runs wait for each other."""
    task = bag.dags[f"{workflow}.ingest_analyze"].get_task("wait_for_partition")
    assert task.timeout == 12 * 3600


@pytest.mark.parametrize("workflow", WORKFLOWS)
@pytest.mark.parametrize("stage", ALL)
def test_no_task_retries_what_cannot_help(bag: DagBag, workflow: str, stage: str) -> None:
    for task in bag.dags[f"{workflow}.{stage}"].tasks:
        assert isinstance(task.retry_policy, OnlyIfItMayHelp), task.task_id


WITHOUT_A_STORE = {
    "read_decision": {"build_features"},
    "publish_code": {"build_features"},
    "build_features": {"check_features"},
    "check_features": set(),
}
BY_A_FLOW: dict[str, set[str]] = {
    "split_rows": {"wrangle_features"},
    "put_flow": {"wrangle_features"},
    "wrangle_features": {"build_features"},
}


@pytest.mark.parametrize("engine", ["processing", "data_wrangler"])
@pytest.mark.parametrize(
    ("enabled", "graph"), [(True, GRAPHS["prepare_transform"]), (False, WITHOUT_A_STORE)]
)
def test_features_are_joined_and_wrangled_where_a_workflow_says_so(
    tmp_path: Path, enabled: bool, graph: dict[str, set[str]], engine: str
) -> None:
    data = yaml.safe_load((FOLDERS[0] / "loan_approval.yaml").read_text())
    data["feature_store"]["enabled"] = enabled
    if engine == "data_wrangler":
        data["features"] = {
            "engine": engine,
            "flow": "loan_approval_features.flow",
            "output_node": "encoded",
        }
        graph = {
            task_id: {"split_rows" if follower == "build_features" else follower for follower in followers}
            for task_id, followers in graph.items()
        } | BY_A_FLOW
    (tmp_path / "loan_approval.yaml").write_text(yaml.safe_dump(data))
    bag = load([tmp_path])
    assert bag.import_errors == {}
    tasks = dag_of(bag, "loan_approval", "prepare_transform").tasks
    assert {task.task_id: task.downstream_task_ids for task in tasks} == graph


def test_a_training_that_nobody_watches_has_nothing_to_wait_for(tmp_path: Path) -> None:
    data = yaml.safe_load((FOLDERS[0] / "loan_approval.yaml").read_text())
    rules = dict.fromkeys(("LossNotDecreasing", "ClassImbalance", "CreateXgboostReport"))
    data["training"]["debugger"] = {"rules": rules}
    (tmp_path / "loan_approval.yaml").write_text(yaml.safe_dump(data))
    bag = load([tmp_path])
    assert bag.import_errors == {}
    tasks = dag_of(bag, "loan_approval", "train_tune").tasks
    assert "check_training" not in {task.task_id for task in tasks}


def test_without_debugger_a_job_evaluates_the_rules(tmp_path: Path) -> None:
    data = yaml.safe_load((FOLDERS[0] / "loan_approval.yaml").read_text())
    data["training"]["debugger"] = {"engine": "portable"}
    (tmp_path / "loan_approval.yaml").write_text(yaml.safe_dump(data))
    bag = load([tmp_path])
    assert bag.import_errors == {}
    dag = dag_of(bag, "loan_approval", "train_tune")
    job = dag.get_task("evaluate_rules")
    assert (job.upstream_task_ids, job.downstream_task_ids) == (
        {"publish_code", "train_model"},
        {"check_training"},
    )
    assert dag.get_task("check_training").key.endswith("/train_tune/debugger/rules/rules.json")
    assert "DebugHookConfig" not in dag.get_task("train_model").config


def test_a_bad_workflow_file_stops_no_other(tmp_path: Path) -> None:
    """The good workflows' DAGs are there; the bad file is named among the import errors, with its key."""
    (tmp_path / "half_done.yaml").write_text("name: half_done\nno_such_key: 1\n")
    bag = load([*FOLDERS, tmp_path])
    assert {f"{workflow}.{stage}" for workflow in WORKFLOWS for stage in ALL} == set(bag.dag_ids)
    assert [Path(file).name for file in bag.import_errors] == ["workflow_errors.py"]
    (message,) = bag.import_errors.values()
    assert "half_done.yaml" in message
    assert "no_such_key" in message


@pytest.mark.parametrize("file", sorted(file.name for file in DAGS.glob("*.py")))
def test_parsing_imports_nothing_heavy(file: str) -> None:
    """Airflow parses DAG files again and again; what jobs need is imported by jobs."""
    program = f"import runpy, sys; runpy.run_path({str(DAGS / file)!r}); print(*sys.modules)"
    loaded = set(run_python(program).split())
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()


def test_plugins_take_nobodys_name() -> None:
    """Airflow executes plugin files under their bare names: none of ours may be called like a library."""
    program = (
        "import sys; from airflow import plugins_manager; before = set(sys.modules);"
        "plugins = plugins_manager._get_plugins(); print('plugins', *[type(p).__name__ for p in plugins[0]]);"
        "print('errors', plugins[1]); print(*set(sys.modules) - before)"
    )
    plugins, errors, loaded = run_python(program).splitlines()[-3:]
    assert "AwsMlPlugin" in plugins
    assert errors == "errors {}"
    stems = {file.stem for file in (ROOT / "plugins" / "aws_ml").rglob("*.py")} - {"__init__"}
    assert stems & set(loaded.split()) == set()


def run_python(program: str) -> str:
    """Run a program in a fresh interpreter that sees DAGs, plugins and include/ as Airflow's processes do."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "include"), str(ROOT / "plugins")]),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }
    answer = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout
