"""The report page that `make run` keeps, fetched from a server that answers as Airflow does."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aws_ml.reports.sections import SECTIONS
from aws_ml.run import Paths
from launcher.api import Airflow
from launcher.summary import PAGE, REPORTS, Reports, _choice, _deployment, _evaluation, _features

TOKEN = "the token of the login"
RUN = "manual__2026-01-15__2026-01-16T06:00:00+00:00"
PATH = "/aws_ml/reports/w.ml_workflow/manual__2026-01-15__2026-01-16T06%3A00%3A00%2B00%3A00/"
HTML = '<a href="../../w.train_tune/child/">report</a> <iframe src="ingest_analyze/bias/report.html">'


class Handler(http.server.BaseHTTPRequestHandler):
    """Logs everybody in, and serves one page to who has the token."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(201, json.dumps({"access_token": TOKEN}))

    def do_GET(self) -> None:
        allowed = self.headers["Authorization"] == f"Bearer {TOKEN}"
        self.answer(200 if allowed and self.path == PATH else 404, HTML)

    def answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Airflow(f"http://127.0.0.1:{server.server_address[1]}", "admin", "secret")
    server.shutdown()
    thread.join()
    server.server_close()


def kept(folder: Path) -> Reports:
    reports = object.__new__(Reports)  # without a client of S3, which keeping a page does not need
    reports.folder, reports.found = folder, ["ingest_analyze/bias/report.html"]
    return reports


def test_all_that_the_page_shows_is_kept_beside_it() -> None:
    paths = Paths("w", "2026-01-15")
    shown = {
        key(paths).removeprefix("w/runs/2026-01-15/")
        for section in SECTIONS
        for key in (*section.documents.values(), *section.texts.values())
    } | {page.key for section in SECTIONS for page in section.pages}
    assert shown <= set(REPORTS)


def test_the_page_is_kept_first_and_leads_to_airflow(airflow: Airflow, tmp_path: Path) -> None:
    """What other runs' reports are is asked of Airflow; what lies beside the page is read from there."""
    reports = kept(tmp_path)
    stack: Any = SimpleNamespace(airflow=airflow)
    reports.keep(stack, "w.ml_workflow", RUN)
    assert reports.found == [PAGE, "ingest_analyze/bias/report.html"]
    text = (tmp_path / PAGE).read_text()
    assert f'href="{airflow.base_url}/aws_ml/reports/w.train_tune/child/"' in text
    assert 'src="ingest_analyze/bias/report.html"' in text


def test_without_a_page_the_old_one_goes_and_a_sentence_comes(
    airflow: Airflow, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / PAGE).write_text("of an earlier run")
    reports = kept(tmp_path)
    stack: Any = SimpleNamespace(airflow=airflow)
    reports.keep(stack, "w.ml_workflow", "another")
    assert reports.found == ["ingest_analyze/bias/report.html"]
    assert not (tmp_path / PAGE).exists()
    assert "There is no report page: Airflow answered 404" in capsys.readouterr().out


def test_features_are_told_with_what_looks_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    _features(
        {
            "columns": ["age", "income", "income.missing"],
            "inputs": ["age", "income"],
            "left_out": [{"name": "still", "reason": "variance 0, not above 0"}],
            "splits": {"train": {"rows": 70}, "validation": {"rows": 20}, "test": {"rows": 10}},
            "alerts": [{"says": "income alone tells the label with AUC 0.9900: has it seen the label?"}],
        }
    )
    assert capsys.readouterr().out.splitlines() == [
        "features      3 of 2 columns, 1 left out; rows: train 70, validation 20, test 10",
        "              look at this: income alone tells the label with AUC 0.9900: has it seen the label?",
    ]


@pytest.mark.parametrize(
    ("by_entity", "said"),
    [([True, False], "1 of 2 asked again by their key alone are the same"), ([], None)],
)
def test_answers_by_key_are_told_where_features_are_online(
    capsys: pytest.CaptureFixture[str], by_entity: list[bool], said: str | None
) -> None:
    answer = {"request": {"x": 1}, "response": {"score": 0.5}, "equal": True}
    report = {"endpoint": "e", "records": [answer], "by_entity": [{"equal": each} for each in by_entity]}
    assert _deployment(report)
    out = capsys.readouterr().out
    assert "1 of 1 answers are what was evaluated" in out
    assert (said in out) if said else ("by their key" not in out)


def test_a_model_is_told_with_the_bias_in_its_predictions(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = {"DPPL": 0.092, "DI": "Infinity", "RD": None, "AD": -0.5, "GE": 0.1}
    block = {
        "value_or_threshold": "female",
        "metrics": [{"name": name, "value": value} for name, value in metrics.items()],
    }
    report = {
        "metrics": {"auc": 0.85069, "f1": None},
        "rows": 10,
        "post_training_bias_metrics": {"facets": {"sex": [block]}},
    }
    _evaluation(report)
    assert capsys.readouterr().out.splitlines() == [
        "model         on 10 held-out rows: auc 0.8507, f1 none",
        "              bias of sex female: DPPL 0.0920, DI Infinity, RD none, AD -0.5000",
    ]
    del report["post_training_bias_metrics"]  # an evaluation of before
    _evaluation(report)
    assert "bias" not in capsys.readouterr().out


def test_the_choice_is_told_with_what_was_not_taken(capsys: pytest.CaptureFixture[str]) -> None:
    _choice(
        {
            "summary": "tuned with auc 0.8600: the best of this run",
            "chosen": "tuned",
            "candidates": [
                {"name": "baseline", "value": 0.85, "verdict": "0.0100 worse than tuned"},
                {"name": "tuned", "value": 0.86, "verdict": "the best of this run"},
                {"name": "champion", "value": None, "verdict": "can't be compared: it needs fee"},
            ],
        }
    )
    assert capsys.readouterr().out.splitlines() == [
        "candidates    tuned with auc 0.8600: the best of this run",
        "              baseline 0.8500: 0.0100 worse than tuned",
        "              champion none: can't be compared: it needs fee",
    ]
