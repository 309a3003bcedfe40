"""The routes of the report pages. Imported by the API server only.

Routes of a plugin are open to everybody unless each asks Airflow whether its reader may see the DAG; these
do, before anything is looked up. They are plain functions, so that FastAPI runs them in threads: they wait
for the database and for S3.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.configuration import conf
from airflow.models.dag import DagModel
from airflow.models.variable import Variable
from airflow.sdk.exceptions import AirflowException
from airflow.utils.session import create_session
from botocore.exceptions import BotoCoreError
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from aws_ml.preload import share_models
from aws_ml.reports import page
from aws_ml.reports.shelf import Access, Kind, Shelf
from aws_ml.reports.subject import NoReport, Subject, find

log = logging.getLogger(__name__)

BUCKET_VARIABLE = "aws_ml_bucket"
# What a job wrote may come from anywhere, so it is shown without scripts, without an origin, and without a
# way to load or send anything.
SANDBOX = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}

READ_RUNS = Depends(requires_access_dag("GET", DagAccessEntity.RUN))


def create_app() -> FastAPI:
    """The pages, to be mounted by Airflow's API server."""
    # Else each page reads S3's model anew, for a tenth of a second, and leaves garbage whose collection stops
    # the whole server for longer than that.
    share_models(["s3"])
    app = FastAPI(
        title="Reports of ML runs", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    app.get("/{dag_id}/{run_id}/", dependencies=[READ_RUNS])(report)
    app.get("/{dag_id}/{run_id}/{key:path}", dependencies=[READ_RUNS])(job_page)
    app.exception_handler(StarletteHTTPException)(refused)
    return app


def report(dag_id: str, run_id: str, user: GetUserDep) -> Response:
    """The report of a run."""
    subject = found(dag_id, run_id, user)
    ui = conf.get("api", "base_url", fallback="").rstrip("/")
    nonce = secrets.token_urlsafe(16)
    try:
        shelf = shelf_of(subject)
    except HTTPException as error:
        return html(page.unread(subject, error.detail, ui=ui, nonce=nonce), nonce, error.status_code)
    return html(page.report(subject, shelf, ui=ui, nonce=nonce), nonce)


def job_page(dag_id: str, run_id: str, key: str, user: GetUserDep) -> Response:
    """A page that a job of the run wrote, in a sandbox."""
    subject = found(dag_id, run_id, user)
    known = page.job_page(key)
    if known is None or known[0].stage not in subject.shown:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"A report of {dag_id} has no page {key}.")
    document = shelf_of(subject).page(page.page_key(subject.paths, known[1]))
    if document.kind is not Kind.THERE:
        status = HTTPStatus.NOT_FOUND if document.kind is Kind.MISSING else HTTPStatus.BAD_GATEWAY
        raise HTTPException(status, document.says)
    return Response(
        document.data,
        media_type="text/html; charset=utf-8",
        headers={**ALWAYS, "Content-Security-Policy": SANDBOX},
    )


def refused(_request: Request, error: Any) -> Response:
    """An error for a person who looks at a frame: a page that says what is the matter, and nothing more."""
    nonce = secrets.token_urlsafe(16)
    title = HTTPStatus(error.status_code).phrase
    says = {
        HTTPStatus.UNAUTHORIZED: "Log in to Airflow, then open this page again.",
        HTTPStatus.FORBIDDEN: "Your role in Airflow may not see this DAG.",
    }.get(error.status_code, str(error.detail))
    response = html(page.notice(title, says, nonce=nonce), nonce, error.status_code)
    response.headers.update(error.headers or {})
    return response


def found(dag_id: str, run_id: str, user: Any) -> Subject:
    """The run that was asked for, as far as this reader may see it."""
    try:
        # Closed before S3 is asked: a page that waits must not hold one of the server's few connections.
        with create_session(scoped=False) as session:
            return find(session, dag_id, run_id, access_of(user))
    except NoReport as error:
        raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from error


def access_of(user: Any) -> Callable[[str], bool]:
    """Whether this reader may see the runs of a DAG."""

    def may_read(dag_id: str) -> bool:
        return get_auth_manager().is_authorized_dag(
            method="GET",
            access_entity=DagAccessEntity.RUN,
            details=DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id)),
            user=user,
        )

    return may_read


def shelf_of(subject: Subject) -> Shelf:
    """The documents of a run, through the connection and the Variable that its tasks use."""
    bucket = Variable.get(BUCKET_VARIABLE, default_var=None)
    if not bucket:
        says = f"Airflow's Variable {BUCKET_VARIABLE} is not set, so nobody knows where the runs write."
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, says)
    try:
        return Shelf(str(bucket), subject.lifetime())
    except (AirflowException, BotoCoreError, ValueError) as error:
        says = f"The connection {Access.aws_conn_id} cannot be used: {error}"
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, says) from error


def html(text: str, nonce: str, status: int = 200) -> Response:
    """A page of ours: its own style and script only, and frames of this host."""
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src data:; "
        "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    return Response(
        text.encode(errors="replace"),  # JSON may hold half a character, HTML may not
        status,
        media_type="text/html; charset=utf-8",
        headers={**ALWAYS, "Content-Security-Policy": policy},
    )
