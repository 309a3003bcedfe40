"""Assemble what will be served, score the held-out rows with exactly that, and say how good it is.

    input  model         model.tar.gz of the training job
           transformer   transformer.json
           test          *.parquet: raw rows with key and label, that neither training nor fitting has seen
    output serving       model.tar.gz: the model, its transformer, and the code that the endpoint runs
           evaluation    evaluation.json: metrics, rows, threshold, confusion, and bias in the predictions
                         as Clarify lays it out (post_training_bias_metrics)
                         predictions.csv: key,label,score of every test row
                         smoke_records.json: some of them as requests, with the score to expect, and since
                         when their features hold, in seconds since 1970

The archive is loaded in a process of its own that sees nothing but the archive, through the endpoint's own
functions, and the rows travel as JSON, as a client sends them: what is evaluated is what is served.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.bias import predictions
from jobs.feature_store.online import described
from jobs.feature_store.records import entity_of
from jobs.processing.job import Job, JobError, run, say

JOBS = Path(__file__).resolve().parents[1]  # the tree `jobs` that this script belongs to
ROW_ID = "row_id"  # the key that the cleaning job adds where rows have none
FEATURE_TIME = "feature_time"  # since when the features that were joined with a row hold
REQUEST_RECORDS = 1_000  # a request
# What the endpoint needs of the tree, and where it lies in the archive.
SERVED_CODE = {
    "inference/inference.py": "code/inference.py",
    "__init__.py": "code/jobs/__init__.py",
    "feature_store/__init__.py": "code/jobs/feature_store/__init__.py",
    "feature_store/records.py": "code/jobs/feature_store/records.py",
    "feature_store/online.py": "code/jobs/feature_store/online.py",
    **{
        f"features/{file.name}": f"code/jobs/features/{file.name}"
        for file in sorted((JOBS / "features").glob("*.py"))
    },
}


def evaluate(job: Job) -> None:
    """Assemble the archive that will be served, and score the held-out rows with it."""
    data = job.config["data"]
    threshold = float(job.config["evaluation"]["threshold"])
    transformer = job.inputs("transformer", "transformer.json")[0].read_bytes()
    document = json.loads(transformer)
    rows = pa.concat_tables(pq.ParquetFile(str(path)).read() for path in job.inputs("test", "*.parquet"))
    if not rows.num_rows:
        raise JobError("the test split holds no rows")

    with tempfile.TemporaryDirectory() as room:
        archive = Path(room) / "archive"
        serving = {
            "threshold": threshold,
            "transformer_digest": document["digest"],
            "online_store": described(job.config),
        }
        assemble(archive, job.inputs("model", "model.tar.gz")[0], transformer, serving)
        pack(archive, job.output("serving") / "model.tar.gz")
        say("assembled the serving archive")
        records = as_sent(rows.select([column["name"] for column in document["inputs"]]))
        scores = serve(archive, records, Path(room))

    keys = [str(key) for key in rows.column(data["key"] or ROW_ID).to_pylist()]
    label = data["label"]
    labels = [int(value in label["positive"]) for value in rows.column(label["column"]).to_pylist()]
    report = {
        "metrics": metrics(np.array(labels), np.array(scores), threshold),
        "confusion": confusion(np.array(labels), np.array(scores), threshold),
        "rows": len(labels),
        "positives": sum(labels),
        "threshold": threshold,
        "label": label,
        "transformer_digest": document["digest"],
        "post_training_bias_metrics": predictions.analyze(
            rows.select(predictions.columns_of(job.config["bias"])).to_pandas(),
            job.config["bias"],
            label,
            np.array(labels) == 1,
            np.array(scores) >= threshold,
        ),
    }
    folder = job.output("evaluation")
    with (folder / "predictions.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["key", "label", "score"])
        writer.writerows(zip(keys, labels, scores, strict=True))
    entity = entity_of(job.config)
    entities = [str(value) for value in rows.column(entity).to_pylist()]
    times = [None] * len(keys)  # where rows were learned from as they are
    if FEATURE_TIME in rows.column_names:
        times = rows.column(FEATURE_TIME).to_pylist()
    smoke = [
        {
            "key": key,
            "entity": {entity: whose},
            FEATURE_TIME: at,
            "record": record,
            "label": truth,
            "score": score,
        }
        for key, whose, at, record, truth, score in zip(
            keys, entities, times, records, labels, scores, strict=True
        )
    ][: job.config["deployment"]["smoke_records"]]
    _write_json(folder / "smoke_records.json", smoke)
    _write_json(folder / "evaluation.json", report)
    told = ", ".join(f"{name} {value:.4f}" for name, value in report["metrics"].items() if value is not None)
    say(f"{len(labels)} test rows: {told}")


def assemble(folder: Path, model: Path, transformer: bytes, serving: Mapping[str, Any]) -> None:
    """Lay out the serving archive. Raises JobError if the training job's archive has no XGBoost model."""
    (folder / "code").mkdir(parents=True)
    with tarfile.open(model) as trained:
        members = {member.name.removeprefix("./"): member for member in trained if member.isfile()}
        found = trained.extractfile(members["xgboost-model"]) if "xgboost-model" in members else None
        if found is None:
            raise JobError(
                f"the model archive has no xgboost-model; it has {', '.join(members) or 'nothing'}"
            )
        (folder / "xgboost-model").write_bytes(found.read())
    (folder / "transformer.json").write_bytes(transformer)
    _write_json(folder / "serving.json", serving)
    for source, target in SERVED_CODE.items():
        path = folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((JOBS / source).read_bytes())


def pack(folder: Path, target: Path) -> None:
    """Write the folder as tar.gz, the same bytes for the same content."""
    with (
        target.open("wb") as stream,
        gzip.GzipFile(fileobj=stream, mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
            content = path.read_bytes()
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def as_sent(rows: pa.Table) -> list[dict[str, Any]]:
    """The rows as a client sends them: JSON has no times, so they are ISO 8601 texts."""
    return [
        {
            name: value.isoformat() if isinstance(value, date) else value  # a datetime is a date
            for name, value in row.items()
        }
        for row in rows.to_pylist()
    ]


def serve(archive: Path, records: Sequence[Mapping[str, Any]], room: Path) -> list[float]:
    """The scores that the archive's own code gives the records. Raises JobError if it cannot be served."""
    requests, answers = room / "requests.jsonl", room / "answers.jsonl"
    with requests.open("w", encoding="utf-8") as stream:
        for start in range(0, len(records), REQUEST_RECORDS):
            stream.write(json.dumps({"records": records[start : start + REQUEST_RECORDS]}) + "\n")
    program = Path(__file__).with_name("score.py")
    served = subprocess.run(
        [sys.executable, "-I", str(program), str(archive), str(requests), str(answers)],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if served.returncode:
        sys.stderr.write(served.stderr)
        reason = served.stderr.strip().splitlines()[-1] if served.stderr.strip() else "it said nothing"
        raise JobError(f"the serving archive cannot score the test rows: {reason}")
    with answers.open(encoding="utf-8") as lines:
        scores = [float(one["score"]) for line in lines for one in json.loads(line)["predictions"]]
    if len(scores) != len(records):
        raise JobError(f"the serving archive gave {len(scores)} scores for {len(records)} records")
    return scores


def metrics(
    labels: npt.NDArray[np.int_], scores: npt.NDArray[np.float64], threshold: float
) -> dict[str, float | None]:
    """The metrics of a binary classifier; null where one is not defined for these rows."""
    table = confusion(labels, scores, threshold)
    hits, false_alarms, misses = table["true_positive"], table["false_positive"], table["false_negative"]
    return {
        "auc": auc(labels, scores),
        "log_loss": log_loss(labels, scores),
        "accuracy": (hits + table["true_negative"]) / len(labels),
        "f1": _share(2 * hits, 2 * hits + false_alarms + misses),
        "precision": _share(hits, hits + false_alarms),
        "recall": _share(hits, hits + misses),
    }


def confusion(
    labels: npt.NDArray[np.int_], scores: npt.NDArray[np.float64], threshold: float
) -> dict[str, int]:
    """How many rows are called right and wrong; a score at or above the threshold is called positive."""
    called, real = scores >= threshold, labels == 1
    return {
        "true_positive": int((called & real).sum()),
        "false_positive": int((called & ~real).sum()),
        "true_negative": int((~called & ~real).sum()),
        "false_negative": int((~called & real).sum()),
    }


def auc(labels: npt.NDArray[np.int_], scores: npt.NDArray[np.float64]) -> float | None:
    """Area under the ROC curve: the chance that a positive row scores above a negative one, ties half.

    0..1, 0.5 is guessing; null if one class is absent. From the ranks (Mann and Whitney).
    """
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return None
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]  # equal scores share their mean rank
    return float((ranks[labels == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def log_loss(labels: npt.NDArray[np.int_], scores: npt.NDArray[np.float64]) -> float:
    """Mean of -ln(probability given to the true class); 0 is perfect, a sure error counts 36."""
    tiny = np.finfo(np.float64).eps
    likely = np.clip(np.where(labels == 1, scores, 1 - scores), tiny, 1 - tiny)
    return float(-np.log(likely).mean())


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _write_json(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(run(evaluate))
