"""The model behind an endpoint: requests made of rows, answers read back to numbers and labels.

A model that has no endpoint gets one for as long as the analysis takes, as Clarify's "shadow endpoint":

    CreateEndpointConfig -> CreateEndpoint -> InService -> InvokeEndpoint ... -> DeleteEndpoint

In a template, ``$features`` is a row as a list, ``$features_kvp`` as an object, ``$records`` all rows of the
request, each made by the record template.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import boto3
import jmespath  # comes with boto3
import numpy as np
import pandas as pd
from botocore.exceptions import ClientError, WaiterError

from jobs.explain.config import Predictor
from jobs.explain.trees import Numbers
from jobs.processing.job import JobError, say

REQUEST_ROWS = 1_000  # at most ...
REQUEST_BYTES = 5_000_000  # ... and AWS allows 6 MB
POLL = {"Delay": 1, "MaxAttempts": 1_800}


@dataclass(frozen=True)
class Answers:
    """What the model says of rows."""

    scores: Numbers | None  # rows x outputs: probabilities, or what else it gives as numbers
    labels: pd.Series | None


@contextmanager
def endpoint_of(predictor: Predictor) -> Iterator[str]:
    """The endpoint's name. One that was made here is deleted, whatever happens meanwhile.

    :raises JobError: the endpoint does not come up
    """
    if predictor.endpoint_name is not None:
        yield predictor.endpoint_name
        return
    sagemaker = boto3.client("sagemaker")
    name = f"{predictor.endpoint_name_prefix}-{datetime.now(timezone.utc):%Y%m%d%H%M%S%f}"[:63]
    try:
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "shadow",
                    "ModelName": predictor.model_name,
                    "InstanceType": predictor.instance_type,
                    "InitialInstanceCount": predictor.initial_instance_count,
                }
            ],
        )
    except ClientError as error:
        raise JobError(
            f"no endpoint can be made of predictor.model_name {predictor.model_name!r}: {error}"
        ) from error
    try:
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        try:
            say(f"waiting for the shadow endpoint {name}")
            sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig=POLL)
            yield name
        except WaiterError as error:
            reason = sagemaker.describe_endpoint(EndpointName=name).get("FailureReason", str(error))
            raise JobError(
                f"the shadow endpoint of {predictor.model_name} did not come up: {reason}"
            ) from error
        finally:
            sagemaker.delete_endpoint(EndpointName=name)
            say(f"deleted the shadow endpoint {name}")
    finally:
        sagemaker.delete_endpoint_config(EndpointConfigName=name)


class Asked:
    """An endpoint that answers for rows."""

    def __init__(self, endpoint: str, predictor: Predictor) -> None:
        self.endpoint = endpoint
        self.predictor = predictor
        self.runtime = boto3.client("sagemaker-runtime")

    def answers(self, rows: pd.DataFrame) -> Answers:
        """What the model says of the rows. Raises JobError for an answer that cannot be read."""
        found: list[tuple[list[Any] | None, list[Any] | None]] = []
        for body, count in self._requests(rows):
            more = (
                {"CustomAttributes": self.predictor.custom_attributes}
                if self.predictor.custom_attributes
                else {}
            )
            try:
                answer = self.runtime.invoke_endpoint(
                    EndpointName=self.endpoint,
                    Body=body.encode(),
                    ContentType=self.predictor.content_type,
                    Accept=self.predictor.accept_type,
                    **more,
                )
            except ClientError as error:
                raise JobError(f"the model refuses the rows: {error}") from error
            text = answer["Body"].read().decode("utf-8", "replace")
            scores, labels = read(text, self.predictor)
            for what, values in (("probability", scores), ("label", labels)):
                if values is not None and len(values) != count:
                    raise JobError(
                        f"the model answered {len(values)} values of {what} for {count} rows: {text[:200]}"
                    )
            found.append((scores, labels))
        has_scores, has_labels = (
            (found[0][0] is not None, found[0][1] is not None) if found else (False, False)
        )
        return Answers(
            _numbers([each for scores, _ in found for each in scores or []]) if has_scores else None,
            pd.Series([each for _, labels in found for each in labels or []]) if has_labels else None,
        )

    def scores(self, rows: pd.DataFrame) -> Numbers:
        """Rows x outputs. Raises JobError if the model gives no numbers."""
        answers = self.answers(rows)
        if answers.scores is not None:
            return answers.scores
        if answers.labels is None:
            raise JobError("the model's answer holds neither predictor.probability nor predictor.label")
        return _numbers(answers.labels.tolist())

    def _requests(self, rows: pd.DataFrame) -> Iterator[tuple[str, int]]:
        records = [record_of(values, list(rows.columns), self.predictor) for values in plain(rows)]
        batch: list[str] = []
        size = 0
        for record in records:
            if batch and (len(batch) == REQUEST_ROWS or size + len(record) > REQUEST_BYTES):
                yield body_of(batch, self.predictor), len(batch)
                batch, size = [], 0
            batch.append(record)
            size += len(record.encode()) + 2
        if batch:
            yield body_of(batch, self.predictor), len(batch)


def plain(rows: pd.DataFrame) -> Iterator[list[Any]]:
    """Each row's values as JSON has them; what is absent is null."""
    for values in rows.astype(object).itertuples(index=False, name=None):
        yield [
            None if value is None or value != value  # noqa: PLR0124 - NaN
            else value.item() if isinstance(value, np.generic)
            else value if isinstance(value, bool | int | float | str)
            else str(value)
            for value in values
        ]  # fmt: skip


def record_of(values: Sequence[Any], names: Sequence[str], predictor: Predictor) -> str:
    """One row as a request has it."""
    if predictor.content_type == "text/csv":
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerow(["" if value is None else value for value in values])
        return stream.getvalue()
    template = predictor.record_template or predictor.content_template or "$features"
    return (
        template.replace("$features_kvp", json.dumps(dict(zip(names, values, strict=True))))
        .replace("$features", json.dumps(list(values)))
        .replace("$record", json.dumps(list(values)))
    )


def body_of(records: Sequence[str], predictor: Predictor) -> str:
    """A request."""
    if predictor.content_type == "text/csv":
        return "".join(records)
    if predictor.content_type == "application/jsonlines":
        return "".join(f"{record}\n" for record in records)
    return (predictor.content_template or "$records").replace("$records", f"[{', '.join(records)}]")


def read(text: str, predictor: Predictor) -> tuple[list[Any] | None, list[Any] | None]:
    """An answer's probabilities and labels; what the configuration says nothing of is the probability."""
    if predictor.accept_type == "text/csv":
        table = [row for row in csv.reader(io.StringIO(text)) if row]
        places = (predictor.probability, predictor.label)
        if places == (None, None):
            return [[_number(cell) for cell in row] for row in table], None
        return tuple(None if place is None else [_cell(row, place) for row in table] for place in places)  # type: ignore[return-value]
    try:
        lines = text.splitlines() if predictor.accept_type == "application/jsonlines" else [text]
        documents = [json.loads(line) for line in lines if line.strip()]
    except ValueError as error:
        raise JobError(f"the model's answer is not {predictor.accept_type}: {text[:200]}") from error
    found = []
    for path in (predictor.probability, predictor.label):
        values = None
        if path is not None:
            values = [jmespath.search(str(path), document) for document in documents]
            if predictor.accept_type == "application/json":
                values = values[0]
            if not isinstance(values, list) or any(value is None for value in values):
                raise JobError(f"{path!r} leads to no value in the model's answer: {text[:200]}")
        found.append(values)
    if found == [None, None]:
        raise JobError("predictor.probability or predictor.label must say where the model's answer has it")
    return found[0], found[1]


def _cell(row: Sequence[str], place: str | int) -> Any:
    """A cell of CSV. Raises JobError if the row has none there."""
    if not isinstance(place, int) or not 0 <= place < len(row):
        raise JobError(
            f"the model's answer has columns 0 to {len(row) - 1}; the configuration says {place!r}"
        )
    return _number(row[place])


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _numbers(values: Sequence[Any]) -> Numbers:
    """Rows x outputs. Raises JobError for what is no number."""
    try:
        numbers = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise JobError(
            f"the model's answer {values[:1]!r} is no number; explanations need numbers"
        ) from error
    return numbers.reshape(len(values), -1)
