"""Training, batch and endpoint: the same features to the last bit, told by the model that is asked.

The archive is the one that evaluation makes. Only its program is wrapped: what it hands to its model is noted
and is the answer, instead of scores that a difference in a last bit seldom changes.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.evaluation.archive import assemble, pack
from jobs.evaluation.serving import as_sent
from jobs.features.split import assign
from tests.support.features import EVERY_WAY, SPLIT, declared
from tests.support.processing_job import ProcessingJob, train
from tests.support.sagemaker_jobs import XGBOOST
from tests.support.serving import Serving
from tests.support.stand_in import StandIn
from tests.unit.jobs.conftest import loan_config, loan_curated

__all__ = ["loan_config", "loan_curated"]

ROOT = Path(__file__).parents[3]
WRAPPED = """
import json, sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent))
import served
input_fn = served.input_fn

class Noting:
    def __init__(self, booster):
        self.booster, self.given = booster, []

    def predict(self, matrix, **how):
        values = matrix.get_data()  # dense: no value is left out, not even 0
        self.given = values.data.reshape(values.shape).tolist()
        return self.booster.predict(matrix, **how)

def model_fn(folder):
    model = served.model_fn(folder)
    object.__setattr__(model, "booster", Noting(model.booster))
    return model

def predict_fn(records, model):
    served.predict_fn(records, model)
    return model.booster.given

def output_fn(rows, accept):
    return json.dumps(rows)
"""


@dataclass(frozen=True)
class Served:
    """What was trained, and where it answers."""

    archive: Path  # unpacked
    records: list[dict[str, Any]]  # the validation rows as a client sends them
    trained: np.ndarray  # and as XGBoost's training job reads them
    endpoint: str
    serving: Serving

    def batch(self, records: list[dict[str, Any]], room: Path) -> np.ndarray:
        """All at once, with the program that evaluation starts."""
        requests, answers = room / "requests", room / "answers"
        requests.write_text(json.dumps({"records": records}) + "\n")
        program = ROOT / "include" / "jobs" / "evaluation" / "score.py"
        subprocess.run(
            [sys.executable, "-I", str(program), str(self.archive), str(requests), str(answers)], check=True
        )
        (told,) = answers.read_text().splitlines()
        return np.array(json.loads(json.loads(told)["answer"]), dtype=np.float32)

    def ask(self, body: str, kind: str) -> np.ndarray:
        """One request over HTTP."""
        answer = self.serving.ask(self.endpoint, body, ContentType=kind)
        return np.array(json.loads(answer), dtype=np.float32)


@pytest.fixture(scope="module")
def served(
    stand_in: StandIn,
    tmp_path_factory: pytest.TempPathFactory,
    loan_config: dict[str, Any],
    loan_curated: Path,
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    job = ProcessingJob(folder, {**loan_config, "features": declared(**EVERY_WAY)})
    job.give("curated", loan_curated)
    assert job.run("build_features.py").returncode == 0
    train(job.base / "output", {"max_depth": 2, "nthread": 1}, 5, folder / "model.tar.gz")
    transformer = (job.output("transformer") / "transformer.json").read_bytes()
    document = json.loads(transformer)
    serving_json = {"threshold": 0.5, "transformer_digest": document["digest"], "online_store": None}
    archive = folder / "archive"
    assemble(archive, folder / "model.tar.gz", transformer, serving_json)
    (archive / "code" / "inference.py").rename(archive / "code" / "served.py")
    (archive / "code" / "inference.py").write_text(WRAPPED)
    pack(archive, folder / "serving.tar.gz")

    serving = Serving(stand_in)
    environment = {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
    }
    model = serving.model((folder / "serving.tar.gz").read_bytes(), XGBOOST, environment)
    endpoint = serving.endpoint(serving.config(model))
    rows = pq.read_table(loan_curated).sort_by("application_id")
    split = assign(rows["application_id"].to_pandas(), SPLIT)
    validation = rows.filter(pa.array(split == "validation"))
    csv_file = job.output("validation") / "part-00000.csv"
    yield Served(
        archive=archive,
        records=as_sent(validation.select([column["name"] for column in document["inputs"]])),
        trained=np.loadtxt(csv_file, delimiter=",", ndmin=2, dtype=np.float32)[:, 1:],
        endpoint=endpoint,
        serving=serving,
    )
    serving.sagemaker.delete_endpoint(EndpointName=endpoint)


def as_csv(record: dict[str, Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(["" if value is None else value for value in record.values()])
    return line.getvalue()


def test_batch_sees_what_was_trained_on(served: Served, tmp_path: Path) -> None:
    assert served.trained.shape[0] == len(served.records) > 100
    assert served.batch(served.records, tmp_path).tobytes() == served.trained.tobytes()


def test_the_endpoint_sees_what_was_trained_on(served: Served) -> None:
    """Row by row, as either kind of request, and many at once."""
    for place in range(0, len(served.records), 20):
        record, wanted = served.records[place], served.trained[place].tobytes()
        assert served.ask(json.dumps(record), "application/json").tobytes() == wanted
        assert served.ask(as_csv(record), "text/csv").tobytes() == wanted
    many = json.dumps({"records": served.records})
    assert served.ask(many, "application/json").tobytes() == served.trained.tobytes()


def test_what_no_training_row_had_is_the_same_to_both(served: Served, tmp_path: Path) -> None:
    """A record without any value, and one of unseen categories and numbers far out."""
    empty = dict.fromkeys(served.records[0])
    empty["applied_at"] = served.records[0]["applied_at"]
    strange = {
        name: "never seen" if isinstance(value, str) and name != "applied_at" else value
        for name, value in served.records[0].items()
    } | {"income": 1e12, "term_months": 7}
    batch = served.batch([empty, strange], tmp_path)
    assert np.isfinite(batch).all()
    for record, wanted in zip((empty, strange), batch, strict=True):
        assert served.ask(json.dumps(record), "application/json").tobytes() == wanted.tobytes()
        assert served.ask(as_csv(record), "text/csv").tobytes() == wanted.tobytes()
