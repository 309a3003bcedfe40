"""The image's program on a folder that stands for /opt/ml: arguments, outputs, messages."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from local_aws.images.data_wrangler.__main__ import main, read_arguments, shortened
from local_aws.images.data_wrangler.problems import FlowInvalid
from tests.support.data_wrangler import flow, node, source

FILTER = {"operator": "Drop missing", "drop_missing_parameters": {}}
DESTINATION = {
    "output_config": {
        "output_path": "s3://elsewhere/",
        "output_content_type": "PARQUET",
        "compression": "none",
        "delimiter": ",",
    }
}


class Job:
    """A job's tree, and its program run in this process."""

    def __init__(self, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.base = base
        monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base))
        self.inputs: list[dict[str, Any]] = []
        self.outputs: list[dict[str, Any]] = []

    def input(self, name: str, file: str, text: str) -> None:
        folder = self.base / "processing" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text, encoding="utf-8")
        path = f"/opt/ml/processing/{name}"
        self.inputs.append({"InputName": name, "S3Input": {"LocalPath": path, "S3Uri": "s3://b/k"}})

    def output(self, name: str, folder: str = "output") -> None:
        path = f"/opt/ml/processing/{folder}"
        self.outputs.append({"OutputName": name, "S3Output": {"LocalPath": path, "S3Uri": "s3://b/o"}})

    def run(self, *arguments: str) -> int:
        config = {
            "ProcessingJobName": "the-job",
            "ProcessingInputs": self.inputs,
            "ProcessingOutputConfig": {"Outputs": self.outputs},
        }
        (self.base / "config").mkdir(exist_ok=True)
        (self.base / "config" / "processingjobconfig.json").write_text(json.dumps(config))
        return main(arguments)

    def message(self) -> str:
        return (self.base / "output" / "message").read_text(encoding="utf-8")


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    made = Job(tmp_path, monkeypatch)
    nodes = [
        source("s", "claims.csv"),
        node("keep", "handle_missing_0.1", FILTER, "s"),
        node("to", "s3_destination_0.1", DESTINATION, "keep", kind="DESTINATION"),
        node("bad", "magic_0.1", {}, "keep"),
    ]
    made.input("flow", "claims.flow", flow(*nodes))
    made.input("claims.csv", "claims.csv", "a,b\n1,x\n2,\n")
    return made


def test_an_output_is_csv_under_job_node_and_output(job: Job) -> None:
    job.output("keep.default")
    assert job.run() == 0
    (path,) = (job.base / "processing" / "output").rglob("*.csv")
    assert path.parent == job.base / "processing" / "output" / "the-job" / "keep" / "default"
    assert path.read_text() == "a,b\n1,x\n"
    assert not (job.base / "output" / "message").exists()


def test_several_outputs_each_with_its_place_and_format(job: Job) -> None:
    job.output("keep.default", "output/one")
    job.output("s.default", "output/two")
    job.output("to.default", "output/three")
    options = [
        '--output-config \'{"keep.default": {"content_type": "CSV", "delimiter": ";"}}\'',
        '--output-config \'{"s.default": {"content_type": "CSV", "compression": "gzip"}}\'',
    ]
    assert job.run(*options) == 0
    root = job.base / "processing" / "output"
    names = {str(path.relative_to(root).parent): path.suffix for path in root.rglob("part-*")}
    assert names == {
        "one/the-job/keep/default": ".csv",
        "two/the-job/s/default": ".gz",
        "three/the-job/to/default": ".parquet",  # as the destination node itself says
    }
    assert next(root.glob("one/the-job/keep/default/*")).read_text() == "a;b\n1;x\n"


def test_a_refitted_flow_is_written_beside(job: Job) -> None:
    job.output("keep.default")
    assert job.run("--refit-trained-params", '{"refit": true, "output_flow": "new.flow"}') == 0
    text = (job.base / "processing" / "output" / "the-job" / "new.flow").read_text()
    assert [each["node_id"] for each in json.loads(text)["nodes"]] == ["s", "keep", "to", "bad"]


def test_a_node_that_is_not_needed_may_be_unknown_and_one_that_is_may_not(job: Job) -> None:
    job.output("bad.default")
    assert job.run() == 1
    assert job.message().startswith("node bad (sagemaker.spark.magic_0.1): unknown operator; allowed: ")
    assert not (job.base / "processing" / "output").exists()


@pytest.mark.parametrize(
    ("outputs", "arguments", "says"),
    [
        ([], [], "the job has no output; allowed: one or more named <node id>.<output>"),
        (["keep"], [], "the output keep is not <node id>.<output>; allowed nodes: s, keep, to, bad"),
        (["kep.default"], [], "the output kep.default is not <node id>.<output>"),
        (["keep.Train"], [], "has no output 'Train'; allowed: default"),
        (
            ["keep.default"],
            ["--output-config", '{"kep.default": {}}'],
            "no output kep.default; allowed: keep.default (did you mean",
        ),
        (
            ["keep.default"],
            ["--output-config", '{"keep.default": {"content_type": "JSON"}}'],
            "keep.default: content_type: found 'JSON'; allowed: CSV, PARQUET",
        ),
        (
            ["keep.default"],
            ["--output-config", '{"keep.default": 7}'],
            "keep.default: found 7; allowed: a mapping",
        ),
        (["keep.default"], ["--output-config", "{"], "--output-config: '{' is not JSON"),
        (["keep.default"], ["--output-config"], "--output-config: '' is not JSON"),
        (["keep.default"], ["--output-config", "[]"], "--output-config: found '[]'; allowed: a mapping"),
        (["keep.default"], ["--colour", "{}"], "found the argument '--colour'; allowed: --output-config"),
        (["keep.default"], ["--output-config '"], "cannot be split"),
        (["keep.default"], ["--refit-trained-params", '{"refit": true}'], "output_flow: found None; allowed"),
        (
            ["keep.default"],
            ["--refit-trained-params", '{"refit": true, "output_flow": "../x"}'],
            "a file's name",
        ),
        (
            ["keep.default"],
            ["--refit-trained-params", '{"refit": 1}'],
            "refit: found 1; allowed: true or false",
        ),
        (["keep.default"], ["--refit-trained-params", '{"fit": true}'], "unknown key 'fit'"),
    ],
)
def test_what_a_job_cannot_be_asked_for_fails_it_with_a_message(
    job: Job, outputs: list[str], arguments: list[str], says: str
) -> None:
    for name in outputs:
        job.output(name)
    assert job.run(*arguments) == 1
    assert says in job.message()


def test_a_job_without_its_flow_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Job(tmp_path, monkeypatch)
    made.output("n.default")
    assert made.run() == 1
    assert made.message() == "the job's input 'flow' has 0 files; allowed: one flow"


def test_awss_way_of_one_argument_an_option_is_read() -> None:
    config = {"n.default": {"content_type": "CSV", "delimiter": ","}}
    refit = {"refit": True, "output_flow": "x y.flow"}
    apart = ["--output-config", json.dumps(config), "--refit-trained-params", json.dumps(refit)]
    together = [f"--output-config '{json.dumps(config)}'", f"--refit-trained-params '{json.dumps(refit)}'"]
    quoted = [f"--output-config {shlex.quote(json.dumps(config))}", *apart[2:]]
    assert read_arguments(apart) == read_arguments(together) == read_arguments(quoted) == (config, refit)
    with pytest.raises(FlowInvalid, match=r"the output n\.default is there twice"):
        read_arguments([*apart, *apart[:2]])


def test_a_message_is_short_whole_and_utf_8() -> None:
    problems = [f"node {place} (x): {'é' * 100}" for place in range(20)]
    text = shortened(problems)
    assert len(text.encode()) <= 1024
    assert text.splitlines()[-1] == f"and {20 - len(text.splitlines()) + 1} more; see the log"
    assert all(line in problems for line in text.splitlines()[:-1])
    assert shortened(["é" * 2000, "b"]).endswith("\nand 1 more; see the log")
    assert len(shortened(["é" * 2000]).encode()) <= 1024
    assert shortened(["a", "b"]) == "a\nb"
