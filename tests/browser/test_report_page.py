"""The report page in a real browser, in Airflow's own server: as the reader sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from aws_ml.reports.sections import SECTIONS
from tests.support.api_server import ApiServer, RunRow, address
from tests.support.chromium import Browser, Tab, program
from tests.support.run_documents import DOCUMENTS
from tests.support.stand_in import StandIn, stand_in  # noqa: F401 (fixture)

pytestmark = pytest.mark.skipif(program() is None, reason="there is no Chromium on this machine")

W = "loan_approval"
STAGES = ("ingest_analyze", "prepare_transform", "train_tune", "deploy_manage")
CONF = {"partition": "2026-01-15"}
ROWS = [
    RunRow(f"{W}.ml_workflow", "whole", conf=CONF),
    *(RunRow(f"{W}.{stage}", "ml_workflow__whole", conf=CONF) for stage in STAGES),
]
# What a job's page might try; of it nothing may happen.
ROGUE = """<!doctype html><title>rogue</title><body><h1>rogue</h1>
<script>document.title = "ran"; parent.document.title = "ran"</script>
<img src="http://127.0.0.1:9/pixel.png" onerror="document.title = 'ran'">
<form action="http://127.0.0.1:9/steal"><button>go</button></form>"""
WIDE = "w" * 300


@pytest.fixture(scope="module")
def server(
    stand_in: StandIn,  # noqa: F811 (the imported fixture)
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ApiServer]:
    s3 = stand_in.client("s3")
    s3.create_bucket(Bucket="browser")
    documents: dict[str, Any] = DOCUMENTS | {"ingest_analyze/bias/report.html": ROGUE}
    cleaning = documents["ingest_analyze/cleaning.json"]
    documents["ingest_analyze/cleaning.json"] = cleaning | {
        "reasons": {WIDE: 30},
        "files": [{"key": WIDE, "rows": 1}],
    }
    for key, document in documents.items():
        body = document if isinstance(document, str) else json.dumps(document)
        s3.put_object(Bucket="browser", Key=f"{W}/runs/2026-01-15/{key}", Body=body)
    extra = {"region_name": stand_in.region, "endpoint_url": stand_in.endpoint_url}
    connection = {
        "conn_type": "aws",
        "login": stand_in.access_key,
        "password": stand_in.secret_key,
        "extra": extra,
    }
    environment = {
        **stand_in.env(),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(connection),
        "AIRFLOW_VAR_AWS_ML_BUCKET": "browser",
    }
    running = ApiServer(tmp_path_factory.mktemp("airflow"), environment, ROWS)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser")) as running:
        yield running


def page(server: ApiServer, browser: Browser, run_id: str = "whole", **look: Any) -> Tab:
    tab = browser.tab(**look)
    tab.call("Network.setCookie", name="_token", value=server.token("viewer"), url=server.url)
    tab.open(server.url + address(f"{W}.ml_workflow", run_id))
    return tab


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 800, 1400])
def test_the_page_fits_and_nobody_complains(
    server: ApiServer, browser: Browser, width: int, dark: bool
) -> None:
    tab = page(server, browser, width=width, dark=dark)
    tab.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true })")
    assert tab.evaluate("document.querySelectorAll('section').length") == len(SECTIONS)
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(json.loads(background.replace("rgb(", "[").replace(")", "]"))) < 384) is dark
    assert tab.complaints() == []


def test_nothing_is_asked_of_another_host(server: ApiServer, browser: Browser) -> None:
    tab = page(server, browser)
    asked = [url for url in tab.requests() if not url.startswith("data:")]
    assert asked == [server.url + address(f"{W}.ml_workflow", "whole")]


def test_what_a_job_wrote_is_seen_and_can_do_nothing(server: ApiServer, browser: Browser) -> None:
    tab = page(server, browser)
    tab.evaluate("document.querySelector('#bias details').open = true")
    tab.evaluate("document.querySelector('#bias iframe').scrollIntoView()")
    frame = server.url + address(f"{W}.ml_workflow", "whole") + "ingest_analyze/bias/report.html"
    # A frame that is loaded is another origin to the page: its document can no longer be looked at.
    tab.wait("document.querySelector('#bias iframe').contentDocument === null")
    assert tab.evaluate("document.title") != "ran"

    tab.open(frame)
    assert tab.evaluate("document.querySelector('h1').textContent") == "rogue"
    assert tab.evaluate("document.title") == "rogue"
    assert tab.evaluate("self.origin") == "null"
    said = " ".join(tab.complaints())
    assert "Blocked script execution" in said
    assert "http://127.0.0.1:9/pixel.png' violates" in said


def test_in_airflows_tab_the_links_lead_on(server: ApiServer, browser: Browser) -> None:
    """The tab is a frame that may not navigate the page around it; the reader gets there all the same."""
    tab = page(server, browser)
    tab.open(f"{server.url}/dags/{W}.ml_workflow/runs/whole/plugin/aws_ml_report")
    inside = "document.querySelector('iframe')?.contentDocument"
    tab.wait(f"{inside}?.querySelector('.stages') !== null && {inside} !== undefined")
    tab.evaluate(f"{inside}.querySelector('.stages a:not(.ui)').click()")
    tab.wait(f"{inside}?.querySelector('h1')?.textContent.includes('ingest analyze')")
    tab.evaluate(f"{inside}.querySelectorAll('.stages a.ui')[2].click()")
    tab.wait(f"location.pathname === '/dags/{W}.train_tune/runs/ml_workflow__whole'")
