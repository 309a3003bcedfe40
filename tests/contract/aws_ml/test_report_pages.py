"""The report pages in Airflow's own API server, reading from the live stand-in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from aws_ml.reports.sections import SECTIONS
from tests.contract.aws_ml.conftest import BUCKET
from tests.support.api_server import ApiServer, RunRow
from tests.support.run_documents import CLEANING, DECISION, DOCUMENTS, FIRST_LAYOUT, PAGE
from tests.support.stand_in import StandIn

W = "loan_approval"
PARENT, INGEST = f"{W}.ml_workflow", f"{W}.ingest_analyze"
CHILD = "ml_workflow__"
STAGES = ("ingest_analyze", "prepare_transform", "train_tune", "deploy_manage")


def day(number: int) -> dict[str, str]:
    return {"partition": f"2026-01-{number:02}"}


ROWS = [
    RunRow(PARENT, "whole", conf=day(15)),
    *(RunRow(f"{W}.{stage}", f"{CHILD}whole", conf=day(15)) for stage in STAGES),
    RunRow(PARENT, "empty", "running", conf=day(16), ended=None),
    RunRow(INGEST, f"{CHILD}empty", "running", conf=day(16), ended=None),
    RunRow(PARENT, "after", conf=day(15), created=1, ended=2),  # the documents are older than this run
    RunRow(PARENT, "before", conf=day(15), created=-2, ended=-1),  # and younger than this one
    RunRow(PARENT, "hostile", conf=day(17)),
    RunRow(INGEST, "by hand", conf=day(15)),
    RunRow(INGEST, "first layout", conf=day(18)),
    RunRow(PARENT, "broken", conf=day(19)),
    RunRow(PARENT, "large", conf=day(20)),
    RunRow(PARENT, "dayless"),
    RunRow(PARENT, "up", conf={"partition": "../../../secrets"}),
    RunRow(PARENT, "listed", conf=["2026-01-15"]),
    RunRow(PARENT, '"><img src=x>', conf=day(15), user="<b>eve</b>"),
    RunRow("somebody.elses", "whole", conf=day(15)),
    RunRow("somebody.ingest_analyze", "whole", conf=day(15)),
]


def put(aws: StandIn, partition: str, documents: dict[str, Any]) -> None:
    for key, document in documents.items():
        body = document if isinstance(document, bytes | str) else json.dumps(document)
        aws.client("s3").put_object(Bucket=BUCKET, Key=f"{W}/runs/{partition}/{key}", Body=body)


@pytest.fixture(scope="module")
def server(aws: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    put(aws, "2026-01-15", DOCUMENTS)
    aws.client("s3").put_object(Bucket=BUCKET, Key="secrets/ingest_analyze/cleaning.json", Body="{}")
    environment = {"AIRFLOW_VAR_AWS_ML_BUCKET": BUCKET}
    running = ApiServer(tmp_path_factory.mktemp("airflow"), environment, ROWS)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def page(server: ApiServer) -> str:
    return server.report(PARENT, "whole").text


def section(page: str, name: str) -> str:
    found = re.search(rf'<section id="{name}".*?</section>', page, re.DOTALL)
    assert found, f"there is no section {name}"
    return found[0]


class TestWhoSees:
    @pytest.mark.parametrize("key", ["", "ingest_analyze/bias/report.html", "nonsense"])
    def test_nobody_without_a_login(self, server: ApiServer, key: str) -> None:
        answer = server.report(PARENT, "whole", key, user=None)
        assert answer.status_code == 401
        assert "Log in to Airflow" in answer.text
        assert "2026" not in answer.text

    @pytest.mark.parametrize("key", ["", "ingest_analyze/bias/report.html"])
    def test_a_viewer(self, server: ApiServer, key: str) -> None:
        answer = server.report(PARENT, "whole", key)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"

    @pytest.mark.parametrize("key", ["", "ingest_analyze/bias/report.html"])
    @pytest.mark.parametrize("run_id", ["whole", "no such run"])
    def test_not_who_may_not_see_the_dag_nor_whether_it_has_such_a_run(
        self, server: ApiServer, key: str, run_id: str
    ) -> None:
        assert server.report(PARENT, run_id, key, user="newcomer").status_code == 403

    def test_what_a_reader_may_not_see_of_a_stage_is_not_on_the_parents_page(self, server: ApiServer) -> None:
        page = server.report(PARENT, "whole", user="partial").text
        assert "not for your role" in page
        assert 'id="features"' in page
        for name in ("rows", "bias", "mitigation", "profile"):
            assert f'id="{name}"' not in page
        report = server.report(PARENT, "whole", "ingest_analyze/bias/report.html", user="partial")
        assert report.status_code == 404
        assert PAGE not in report.text

    @pytest.mark.parametrize(
        ("dag_id", "run_id", "says"),
        [
            ("somebody.elses", "whole", "not a DAG of one of the workflow files"),
            ("somebody.ingest_analyze", "whole", "not a DAG of one of the workflow files"),
            ("~", "whole", "not a DAG of one of the workflow files"),
            (f"{W}.", "whole", "not a DAG of one of the workflow files"),
            (PARENT, "none", "has no run none"),
            (PARENT, "dayless", "Fill in `partition`"),
            (PARENT, "listed", "Fill in `partition`"),
            (PARENT, "up", "not a date"),
        ],
    )
    def test_what_has_no_report_says_so(self, server: ApiServer, dag_id: str, run_id: str, says: str) -> None:
        answer = server.report(dag_id, run_id)
        assert answer.status_code == 404
        assert says in answer.text

    @pytest.mark.parametrize(
        "key",
        [
            "ingest_analyze/decision.json",
            "ingest_analyze/bias/../bias/report.html",
            "..%2f..%2f..%2fsecrets/ingest_analyze/cleaning.json",
            "%2e%2e/%2e%2e/2026-01-16/ingest_analyze/bias/report.html",
            "ingest_analyze/bias/report.html%00",
            "/etc/passwd",
        ],
    )
    def test_no_object_is_served_but_the_pages_that_sections_name(self, server: ApiServer, key: str) -> None:
        answer = server.report(PARENT, "whole", key)
        # httpx itself takes `x/..` out of an address: what is then asked for is the page.
        assert answer.status_code == (200 if "bias/../bias" in key else 404)


class TestTheWholePage:
    def test_it_links_to_the_runs_of_all_stages(self, page: str) -> None:
        for stage in STAGES:
            assert f'href="../../{W}.{stage}/{CHILD}whole/"' in page
            assert f'href="/dags/{W}.{stage}/runs/{CHILD}whole"' in page

    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("rows", ["4,925", "98.5 %", "age: not a number", "applications-1.csv"]),
            ("profile", ["<code>income</code> <bdi>is skewed", 'src="ingest_analyze/profile/profile.html"']),
            ("quality", ["broken", "0.9700", "4,925", "IsComplete &#34;income&#34;"]),
            (
                "bias",
                [
                    "0.2400",
                    "0.0123",
                    "then \N{MINUS SIGN}0.45 to 0.45",
                    "Ada",
                    "Known since February",
                    "bias.thresholds.DPL",
                ],
            ),
            ("mitigation", ["reweighing", "1310.5", "1.0804", 'src="ingest_analyze/mitigation/report.html"']),
            (
                "feature_store",
                ["54 records a second", "Who asks.", "<dt>to learn from</dt><dd>30", "ingest-14"],
            ),
            ("features", ["age*income", "region=north", "33.3 %", "leakage", "variance 0, not above 0"]),
            ("candidates", ["✓ chosen", "makes room for baseline", "model-package/loan-approval/1"]),
            ("model", ["0.8507", "✓ at least", "AUC", "40.0 %"]),
            ("deployment", ["InService", "&#34;age&#34;: 37.0", "✓ equal"]),
        ],
    )
    def test_every_section_shows_its_document(self, page: str, name: str, says: list[str]) -> None:
        for text in says:
            assert text in section(page, name)

    def test_a_page_may_run_nothing_and_load_nothing_but_its_own(self, server: ApiServer) -> None:
        answer = server.report(PARENT, "whole")
        policy = answer.headers["Content-Security-Policy"]
        nonce = re.search(r"script-src 'nonce-([^']+)'", policy)
        assert nonce
        assert policy.startswith("default-src 'none'; ")
        assert re.findall(r"<script[^>]*>", answer.text) == [f'<script nonce="{nonce[1]}">']
        assert server.report(PARENT, "whole").headers["Content-Security-Policy"] != policy
        assert answer.headers["Cache-Control"] == "no-store"
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', answer.text)
        frames = re.findall(r"<iframe[^>]*>", answer.text)
        assert len(frames) == 4
        assert all(re.search(r" sandbox(?: |>)", frame) for frame in frames)

    def test_what_a_job_wrote_is_served_in_a_sandbox(self, server: ApiServer) -> None:
        answer = server.report(PARENT, "whole", "ingest_analyze/mitigation/report.html")
        assert answer.text == PAGE
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    def test_a_stage_shows_its_own_part(self, server: ApiServer) -> None:
        page = server.report(f"{W}.train_tune", f"{CHILD}whole").text
        assert re.findall(r'<section id="(\w+)"', page) == ["candidates", "model", "explanations"]
        assert 'href="../../loan_approval.ml_workflow/whole/"' in page

    def test_a_stage_by_itself_belongs_to_no_parent(self, server: ApiServer) -> None:
        page = server.report(INGEST, "by hand").text
        assert page.count("not part of this run") == 3
        assert "4,925" in section(page, "rows")

    def test_names_are_shown_as_they_are(self, server: ApiServer) -> None:
        page = server.report(PARENT, '"><img src=x>').text
        assert "<img" not in page
        assert "&#34;&gt;&lt;img src=x&gt;" in page
        assert "&lt;b&gt;eve&lt;/b&gt;" in page


class TestWhatIsNotThere:
    def test_a_run_that_goes_on_has_not_written_it_yet(self, server: ApiServer) -> None:
        page = server.report(PARENT, "empty").text
        assert page.count("Not there yet: the run goes on.") == len(SECTIONS)
        assert page.count("has not begun") == 3

    def test_another_runs_documents_are_not_taken_for_this_ones(self, server: ApiServer) -> None:
        page = server.report(PARENT, "after").text
        assert page.count("Not made by this run. An earlier run of the same day left one") == len(SECTIONS)
        assert "4,925" not in page
        assert "<iframe" not in page
        assert server.report(PARENT, "after", "ingest_analyze/bias/report.html").status_code == 404

    def test_a_later_runs_documents_are_shown_as_such(self, server: ApiServer) -> None:
        page = server.report(PARENT, "before").text
        assert page.count("by a later run of the same day") == len(SECTIONS)


class TestWhatIsWrong:
    def test_the_first_layout_of_a_decision_is_read_too(self, aws: StandIn, server: ApiServer) -> None:
        put(aws, "2026-01-18", {"ingest_analyze/decision.json": FIRST_LAYOUT})
        bias = section(server.report(INGEST, "first layout").text, "bias")
        assert "<strong>Stopped.</strong>" in bias
        assert "✗ above" in bias

    def test_hostile_values_are_shown_as_text(self, aws: StandIn, server: ApiServer) -> None:
        evil = '</td><script>alert(1)</script><img src=x onerror="alert(1)">'
        group = DECISION["rounds"][0]["metrics"][0] | {"group": evil, "metric": evil, "finding": evil}
        document = DECISION | {"rounds": [DECISION["rounds"][0] | {"metrics": [group]}], "summary": evil}
        reasons = {evil: 7, "half a character \ud800": 1, "\u202egnp.exe": 2}
        cleaning = CLEANING | {"reasons": reasons, "files": [{"key": evil, "rows": 1}]}
        documents = {"ingest_analyze/decision.json": document, "ingest_analyze/cleaning.json": cleaning}
        put(aws, "2026-01-17", {**documents, "ingest_analyze/bias/report.html": f"<p>{evil}"})
        answer = server.report(PARENT, "hostile")
        assert answer.status_code == 200
        assert answer.text.count("<script") == 1
        assert "<img" not in answer.text
        assert "&lt;/td&gt;&lt;script&gt;" in section(answer.text, "bias")
        assert "half a character ?" in section(answer.text, "rows")

    @pytest.mark.parametrize(
        ("document", "says"),
        [
            (b"{", "is not JSON"),
            (b"\xff\xfe", "is not JSON"),
            (b"[" * 100_000, "is not JSON"),
            (b"null", "is not as expected. all of it"),
            ({"rows_in": 1}, "curated: Field required"),
            (CLEANING | {"rows_in": "<b>5</b>"}, "found &#34;&lt;b&gt;5&lt;/b&gt;&#34;"),
            (CLEANING | {"rows_in": -1}, "rows_in: "),
            (CLEANING | {"rows_in": 10**400}, "rows_in: "),
            (CLEANING | {"curated": True}, "curated: "),
            (CLEANING | {"rows_in": 1}, "do not add up"),
        ],
    )
    def test_a_broken_document_leaves_the_other_sections_alone(
        self, aws: StandIn, server: ApiServer, document: Any, says: str
    ) -> None:
        put(aws, "2026-01-19", {**DOCUMENTS, "ingest_analyze/cleaning.json": document})
        answer = server.report(PARENT, "broken")
        assert answer.status_code == 200
        assert says in section(answer.text, "rows")
        assert "0.0123" in section(answer.text, "bias")

    def test_what_is_large_is_cut_or_refused(self, aws: StandIn, server: ApiServer) -> None:
        cleaning = CLEANING | {
            "reasons": {f"{number} " + "x" * 5_000: 1 for number in range(500)},
            "files": [{"key": "y" * 5_000, "rows": 1}] * 2_000,
        }
        huge = b" " * (16 * 1024 * 1024 + 1)
        documents = {"ingest_analyze/cleaning.json": cleaning, "ingest_analyze/bias/report.html": huge}
        put(aws, "2026-01-20", {**DOCUMENTS, **documents, "train_tune/evaluation/evaluation.json": huge})
        answer = server.report(PARENT, "large")
        assert len(answer.text) < 300_000
        assert "490 rows for other reasons" in section(answer.text, "rows")
        assert "has 16777217 bytes" in section(answer.text, "model")
        assert "has 16777217 bytes" in section(answer.text, "bias")
        page = server.report(PARENT, "large", "ingest_analyze/bias/report.html")
        assert page.status_code == 502
        assert len(page.content) < 20_000

    def test_an_s3_that_refuses_or_is_away_is_a_sentence_in_each_section(
        self, aws: StandIn, server: ApiServer
    ) -> None:
        """The other half of a page, which Airflow knows, is shown all the same."""
        aws.client("s3").create_bucket(Bucket="away")
        aws.stop()
        try:
            answer = server.report(PARENT, "whole")
        finally:
            aws.restart()
        assert answer.status_code == 200
        assert answer.text.count("S3 could not be reached") >= 7
        assert f'href="../../{INGEST}/{CHILD}whole/"' in answer.text
        assert "4,925" in server.report(PARENT, "whole").text


def test_airflow_lists_the_tab_and_says_when_no_bucket_is_known(
    aws: StandIn, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Without the deployment's Variable the page still tells what Airflow knows of the run."""
    server = ApiServer(tmp_path_factory.mktemp("airflow"), {}, ROWS[:2])
    try:
        [plugin] = [
            plugin
            for plugin in server.get("/api/v2/plugins", "admin").json()["plugins"]
            if plugin["name"] == "aws_ml"
        ]
        answer = server.report(PARENT, "whole")
    finally:
        server.stop()
    [view] = plugin["external_views"]
    assert (view["name"], view["destination"]) == ("Report", "dag_run")
    assert view["href"] == "/aws_ml/reports/{DAG_ID}/{RUN_ID}/"
    assert answer.status_code == 503
    assert "aws_ml_bucket is not set" in answer.text
    assert f'href="../../{INGEST}/{CHILD}whole/"' in answer.text
