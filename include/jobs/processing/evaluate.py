"""Score the held-out rows with every candidate, exactly as it would be served, and compare them.

    input  candidates    candidates.json, the simplest first, and the archives that it names:
                         {"candidates": [{"name", "form", "file", "source"}, ...]}, where form is "model", the
                         archive that a training job left, or "archive", one that was assembled in an earlier
                         run and is served today; file lies below the input
           transformer   transformer.json, that the models were trained with
           test          *.parquet: raw rows with key and label, that neither training nor fitting has seen
    output candidates    comparison.json: all candidates side by side; and for each a folder with
             model.tar.gz         what would be served: the model, its transformer, and the endpoint's code
             evaluation.json      metrics, rows, threshold, confusion, calibration, metrics by facet, and bias
                                  in the predictions as Clarify has it (post_training_bias_metrics)
             statistics.json      the same metrics as Model Monitor writes them, for the registry
             predictions.csv      key,label,score of every test row
             smoke_records.json   some of them as requests, with the score to expect, and since when their
                                  features hold, in seconds since 1970

Each archive is loaded in a process of its own that sees nothing but the archive, through the endpoint's own
functions, and the rows travel as JSON, as a client sends them: what is evaluated is what is served. A model
of this run that can't be served fails the job; one of an earlier run may have been made for other columns,
and is reported with its fault instead.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.bias import predictions
from jobs.evaluation import archive, intervals, metrics
from jobs.evaluation.metrics import Labels, Scores
from jobs.evaluation.model_quality import statistics
from jobs.evaluation.serving import Served, as_sent, serve
from jobs.feature_store.online import described
from jobs.feature_store.records import entity_of
from jobs.processing.job import Job, JobError, run, say

ROW_ID = "row_id"  # the key that the cleaning job adds where rows have none
FEATURE_TIME = "feature_time"  # since when the features that were joined with a row hold
LISTING = "candidates.json"
MODEL, ARCHIVE = "model", "archive"


@dataclass(frozen=True)
class Candidate:
    """One model that might be served."""

    name: str
    form: str  # MODEL or ARCHIVE
    file: Path
    source: str  # where it comes from: a training job, a version in the registry


def evaluate(job: Job) -> None:
    """Assemble, score, measure and compare."""
    candidates = listed(job)
    transformer = job.inputs("transformer", "transformer.json")[0].read_bytes()
    rows = pa.concat_tables(pq.ParquetFile(str(path)).read() for path in job.inputs("test", "*.parquet"))
    if not rows.num_rows:
        raise JobError("the test split holds no rows")
    label = job.config["data"]["label"]
    labels = np.array([int(value in label["positive"]) for value in rows.column(label["column"]).to_pylist()])
    threshold = float(job.config["evaluation"]["threshold"])
    folder = job.output("candidates")

    served: dict[str, Served] = {}
    faults: dict[str, str] = {}
    for candidate in candidates:
        target = folder / candidate.name
        target.mkdir()
        try:
            digest, records, answers = answered(job, candidate, transformer, rows, target)
        except JobError as error:
            if candidate.form == MODEL:
                raise JobError(f"candidate {candidate.name!r}: {error}") from error
            faults[candidate.name] = str(error)
            say(f"{candidate.name} can't be compared: {error}")
            shutil.rmtree(target)
            continue
        served[candidate.name] = answers
        report = measured(job, rows, labels, np.array(answers.scores)) | {"transformer_digest": digest}
        _write_json(target / "evaluation.json", report)
        _write_json(target / "statistics.json", statistics(labels, np.array(answers.scores), threshold))
        _write_predictions(target / "predictions.csv", keys_of(job, rows), labels, answers.scores)
        _write_json(target / "smoke_records.json", smoke_records(job, rows, records, labels, answers.scores))
        told = ", ".join(
            f"{name} {value:.4f}" for name, value in report["metrics"].items() if value is not None
        )
        say(f"{candidate.name}: {len(labels)} test rows: {told}")
    _write_json(
        folder / "comparison.json", compared(job, candidates, labels, served, faults) | {"rows": len(labels)}
    )


def listed(job: Job) -> list[Candidate]:
    """The candidates that the job was given. Raises JobError if one is not there or can't be one."""
    listing = job.inputs("candidates", LISTING)[0]
    root = job.input("candidates")
    found = []
    for entry in json.loads(listing.read_text(encoding="utf-8"))["candidates"]:
        candidate = Candidate(entry["name"], entry["form"], root / entry["file"], entry["source"])
        if candidate.form not in (MODEL, ARCHIVE):
            raise JobError(
                f"candidate {candidate.name!r} is a {candidate.form!r}; expected {MODEL} or {ARCHIVE}"
            )
        if not candidate.file.is_file():
            raise JobError(f"candidate {candidate.name!r}: the job was not given {entry['file']}")
        found.append(candidate)
    if not found:
        raise JobError(f"{LISTING} names no candidate")
    return found


def answered(
    job: Job, candidate: Candidate, transformer: bytes, rows: pa.Table, target: Path
) -> tuple[str, list[dict[str, Any]], Served]:
    """Put the archive that would be served into ``target`` and ask it about all rows.

    :return: its transformer's digest, the rows as they were sent, the answers
    :raises JobError: it can't be assembled, or can't score the rows
    """
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room) / "archive"
        if candidate.form == ARCHIVE:
            archive.unpack(candidate.file, folder)
            shutil.copy(candidate.file, target / "model.tar.gz")
        else:
            serving = {
                "threshold": float(job.config["evaluation"]["threshold"]),
                "transformer_digest": json.loads(transformer)["digest"],
                "online_store": described(job.config),
            }
            archive.assemble(folder, candidate.file, transformer, serving)
            archive.pack(folder, target / "model.tar.gz")
        document = json.loads((folder / "transformer.json").read_bytes())
        wanted = [column["name"] for column in document["inputs"]]
        if absent := [name for name in wanted if name not in rows.column_names]:
            raise JobError(f"it needs {', '.join(absent)}, which the test rows don't have")
        records = as_sent(rows.select(wanted))
        return document["digest"], records, serve(folder, records, Path(room))


def measured(job: Job, rows: pa.Table, labels: Labels, scores: Scores) -> dict[str, Any]:
    """All that is known of one candidate's predictions."""
    bias, label = job.config["bias"], job.config["data"]["label"]
    threshold = float(job.config["evaluation"]["threshold"])
    people = rows.select(predictions.columns_of(bias)).to_pandas()
    return {
        "metrics": metrics.metrics(labels, scores, threshold),
        "confusion": metrics.confusion(labels, scores, threshold),
        "calibration": metrics.calibration(labels, scores),
        "by_facet": by_facet(people, bias, labels, scores, threshold),
        "rows": len(labels),
        "positives": int(labels.sum()),
        "threshold": threshold,
        "label": label,
        "post_training_bias_metrics": predictions.analyze(
            people, bias, label, labels == 1, scores >= threshold
        ),
    }


def by_facet(
    people: pd.DataFrame, bias: dict[str, Any], labels: Labels, scores: Scores, threshold: float
) -> list[dict[str, Any]]:
    """The same metrics for the members of each facet and for the others, where there are any."""
    found = []
    for column, text, members in predictions.of_facets(people, bias):
        for group, chosen in (("facet", members), ("others", ~members)):
            if chosen.any():
                found.append(
                    {
                        "column": column,
                        "value_or_threshold": text,
                        "group": group,
                        "rows": int(chosen.sum()),
                        "positives": int(labels[chosen].sum()),
                        "metrics": metrics.metrics(labels[chosen], scores[chosen], threshold),
                    }
                )
    return found


def compared(
    job: Job,
    candidates: Sequence[Candidate],
    labels: Labels,
    served: dict[str, Served],
    faults: dict[str, str],
) -> dict[str, Any]:
    """All candidates side by side, in their order, with intervals of the metric that decides.

    ``against`` is by how much a candidate is better than each other one, and the interval of that difference,
    on the same resampled rows.
    """
    asked = job.config["evaluation"]
    metric, threshold, confidence = asked["metric"], float(asked["threshold"]), asked["confidence"]
    scores = {name: np.array(answers.scores) for name, answers in served.items()}
    values = {name: metrics.metrics(labels, one, threshold) for name, one in scores.items()}
    samples = intervals.resampled(labels, scores, threshold, metric, asked["resamples"])

    def against(name: str) -> dict[str, Any]:
        """By how much it is better than each of the others."""
        return {
            other: {
                "value": _difference(values[name][metric], values[other][metric]),
                "interval": intervals.interval(samples[name] - samples[other], confidence),
            }
            for other in served
            if other != name
        }

    folder = job.output("candidates")
    return {
        "metric": metric,
        "confidence": confidence,
        "resamples": asked["resamples"],
        "candidates": [
            {
                "name": each.name,
                "form": each.form,
                "source": each.source,
                "fault": faults.get(each.name),
                **(
                    {}
                    if each.name in faults
                    else {
                        "metrics": values[each.name],
                        "interval": intervals.interval(samples[each.name], confidence),
                        "against": against(each.name),
                        "bytes": (folder / each.name / "model.tar.gz").stat().st_size,
                        "sha256": _sha256(folder / each.name / "model.tar.gz"),
                        "milliseconds": served[each.name].milliseconds,
                    }
                ),
            }
            for each in candidates
        ],
    }


def keys_of(job: Job, rows: pa.Table) -> list[str]:
    """What names each row."""
    return [str(key) for key in rows.column(job.config["data"]["key"] or ROW_ID).to_pylist()]


def smoke_records(
    job: Job, rows: pa.Table, records: list[dict[str, Any]], labels: Labels, scores: list[float]
) -> list[dict[str, Any]]:
    """The first rows as requests, each with the answer to expect."""
    first = rows.slice(0, job.config["deployment"]["smoke_records"])
    entity = entity_of(job.config)
    entities = [str(value) for value in first.column(entity).to_pylist()]
    times = [None] * first.num_rows  # where rows were learned from as they are
    if FEATURE_TIME in first.column_names:
        times = first.column(FEATURE_TIME).to_pylist()
    return [
        {
            "key": key,
            "entity": {entity: whose},
            FEATURE_TIME: at,
            "record": record,
            "label": int(truth),
            "score": score,
        }
        for key, whose, at, record, truth, score in zip(
            keys_of(job, first), entities, times, records, labels, scores, strict=False
        )
    ]


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _write_predictions(path: Path, keys: list[str], labels: Labels, scores: list[float]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["key", "label", "score"])
        writer.writerows(zip(keys, labels.tolist(), scores, strict=True))


def _write_json(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(run(evaluate))
