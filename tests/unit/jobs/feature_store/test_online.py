"""A record that names only its entity is answered as if its features had been sent.

A server of a few lines answers GetRecord here; that the stand-in's does the same, the contract tests see.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pytest

from jobs.feature_store.online import NotKnown, OnlineStore, described
from jobs.feature_store.texts import as_text

FEATURES = {
    "pay": "number",
    "loans": "integer",
    "owner": "boolean",
    "since": "date",
    "seen": "timestamp",
    "city": "string",
}
INPUTS = ["pay", "loans", "owner", "city"]


class Handler(BaseHTTPRequestHandler):
    records: dict[str, dict[str, str]] = {}  # noqa: RUF012 - filled by the test

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        entity = parse_qs(parts.query)["RecordIdentifierValueAsString"][0]
        found = self.records.get(entity)
        answer: dict[str, Any] = {}
        if found is not None:
            answer["Record"] = [{"FeatureName": name, "ValueAsString": text} for name, text in found.items()]
        known = parts.path == "/FeatureGroup/loans"
        body = json.dumps(answer if known else {"message": "no such group"}).encode()
        self.send_response(200 if known else 404)
        if not known:
            self.send_header("x-amzn-ErrorType", "ResourceNotFound")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, dict[str, str]]]:
    """The records of the group `loans`, by entity."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    Handler.records = {}
    yield Handler.records
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def store() -> OnlineStore:
    return OnlineStore(group="loans", entity="id", event_time="at", features=FEATURES)


def test_values_come_back_as_a_client_would_have_sent_them(
    records: dict[str, dict[str, str]], store: OnlineStore
) -> None:
    """To the last bit, and what has no value is null."""
    sent = {"pay": 0.1 + 0.2, "loans": 2**53 + 1, "owner": True, "city": "Zoë's"}
    columns = {name: as_text(pa.chunked_array([[value]]), FEATURES[name]) for name, value in sent.items()}
    texts = {name: column[0].as_py() for name, column in columns.items()}
    records["A1"] = {"id": "A1", "at": "1768478400.123", **texts}
    (completed,) = store.completed([{"id": "A1"}], INPUTS)
    assert completed == {"id": "A1", "at": "2026-01-15T12:00:00.123000", **sent, "since": None, "seen": None}


def test_only_records_without_inputs_are_looked_up(
    records: dict[str, dict[str, str]], store: OnlineStore
) -> None:
    """One that has some is judged as it is sent: what it lacks is told as ever."""
    records["A1"] = {"id": "A1", "at": "0", "pay": "1.0"}
    sent = [{"id": "A2", "pay": 2.0}, {"id": "A1"}, {"pay": 3.0}]
    first, second, third = store.completed(sent, INPUTS)
    assert (first, third) == (sent[0], sent[2])
    assert second["pay"] == 1.0


def test_rows_of_csv_are_left_alone(store: OnlineStore) -> None:
    assert store.completed([["1", "2"]], INPUTS) == [["1", "2"]]


def test_a_whole_number_names_an_entity(records: dict[str, dict[str, str]], store: OnlineStore) -> None:
    records["7"] = {"id": "7", "at": "0", "pay": "1.0"}
    assert store.completed([{"id": 7}], INPUTS)[0]["pay"] == 1.0


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (
            [{"id": "A1"}, {"id": "no"}],
            "record 2: id no has no features in the online store of loans; send them",
        ),
        ([{"id": None}], "record 1: id is None; expected a text or a whole number"),
        ([{"id": ""}], "record 1: id is ''; expected"),
        ([{"id": 1.5}], "record 1: id is 1.5; expected"),
        ([{"id": True}], "record 1: id is True; expected"),
        ([{"id": "A1"}] * 101, "101 records name only their id; at most 100 are looked up in one request"),
    ],
)
def test_what_cannot_be_completed_is_told(
    records: dict[str, dict[str, str]], store: OnlineStore, sent: list[Any], says: str
) -> None:
    records["A1"] = {"id": "A1", "at": "0", "pay": "1.0"}
    with pytest.raises(NotKnown) as failed:
        store.completed(sent, INPUTS)
    assert str(failed.value).startswith(says)


def test_a_group_that_is_not_there_knows_nobody(records: dict[str, dict[str, str]]) -> None:
    store = OnlineStore(group="others", entity="id", event_time="at", features=FEATURES)
    with pytest.raises(NotKnown, match="has no features in the online store of others"):
        store.completed([{"id": "A1"}], INPUTS)


def test_an_input_that_the_store_does_not_keep_is_named(store: OnlineStore) -> None:
    with pytest.raises(
        NotKnown, match=r"cannot be completed by its id: the feature group loans has no extra$"
    ):
        store.completed([{"id": "A1"}], [*INPUTS, "extra"])


class TestDescribed:
    CONFIG: dict[str, Any] = {  # noqa: RUF012 - never changed
        "name": "loan_approval",
        "data": {
            "key": "id",
            "columns": [
                {"name": "id", "type": "string"},
                {"name": "pay", "type": "number"},
                {"name": "paid", "type": "integer"},
            ],
            "label": {"column": "paid"},
        },
        "feature_store": {
            "enabled": True, "online": True, "group": None, "entity": None, "event_time": None,
            "features": None,
        },
    }  # fmt: skip

    def test_it_is_what_the_endpoint_needs(self) -> None:
        assert described(self.CONFIG) == {
            "group": "loan-approval",
            "entity": "id",
            "event_time": "event_time",
            "features": {"pay": "number"},
        }

    @pytest.mark.parametrize("key", ["enabled", "online"])
    def test_without_a_store_there_is_nothing_to_know(self, key: str) -> None:
        config = {**self.CONFIG, "feature_store": {**self.CONFIG["feature_store"], key: False}}
        assert described(config) is None
