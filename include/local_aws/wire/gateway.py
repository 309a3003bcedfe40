"""The stand-in's front door, a WSGI application: one call in, one answer out.

    guard Host and Origin -> verify signature -> which service -> which operation -> is it emulated?
    -> decode body -> parse -> validate -> handler -> serialise

Two kinds of error leave it: an AwsError in the words of the service, and InternalFailure (500) for a bug
of ours, whose traceback goes to the log.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.datastructures import MultiDict

from local_aws.state.paging import BadToken
from local_aws.wire import protocol, validation
from local_aws.wire.errors import AwsError, NotEmulated, SignatureRefused
from local_aws.wire.payload import Payload
from local_aws.wire.protocol import Response
from local_aws.wire.registry import Call, Registry, Sent
from local_aws.wire.request import Request
from local_aws.wire.signature import Key, Signed, claimed_service, utc_now, verify

log = logging.getLogger("local_aws")

_HOSTS = ("127.0.0.1", "localhost", "[::1]")
_BLOCK = 1 << 18  # bytes
# `sagemaker` is the signing name of four services; the path tells them apart.
_SAGEMAKER_PATHS = {
    "/endpoints/": "sagemaker-runtime",
    "/FeatureGroup/": "sagemaker-featurestore-runtime",
    "/BatchGetRecord": "sagemaker-featurestore-runtime",
    "/BatchWriteRecord": "sagemaker-featurestore-runtime",
    "/BatchPutMetrics": "sagemaker-metrics",
    "/BatchGetMetrics": "sagemaker-metrics",
}
# Signed with whatever region the client has: these services are one for the whole account.
_GLOBAL = ("iam", "sts")

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


@dataclass(frozen=True)
class Gateway:
    """A WSGI application that answers every call of every emulated service.

    Args:
        registry: the operations.
        context: handed to every handler.
        find_key: the secret behind an access key id.
        region: the one region that is emulated.
        account_id: of the one account.
        base_url: the server's own address.
        check_instance_types: see ``validation.check``.
        now: the clock that signatures are checked against.
    """

    registry: Registry
    context: Any
    find_key: Callable[[str], Key | None]
    region: str
    account_id: str
    base_url: str
    check_instance_types: bool = True
    now: Callable[[], datetime] = utc_now

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        request = Request.of(environ)
        response = self._answer(request, str(uuid.uuid4()))
        headers = response.headers
        body = response.body
        if isinstance(body, tuple):
            headers["Content-Length"] = headers.get("Content-Length", str(sum(map(len, body))))
        if request.method == "HEAD":
            headers.setdefault("Content-Length", "0")
        status = f"{response.status} {HTTPStatus(response.status).phrase}"
        start_response(status, list(headers.items()))
        if request.method == "HEAD" or response.status in (204, 304):
            if hasattr(body, "close"):
                body.close()
            return ()
        return _blocks(body) if hasattr(body, "read") else body

    def _answer(self, request: Request, request_id: str) -> Response:
        service = _service(request, claimed_service(request))
        wording = protocol.protocol_of(service) if self._emulates(service) else _likely_protocol(request)
        try:
            _guard(request)
            signed = verify(request, self.find_key, self.now())
            service = _service(request, signed.service)
            if not self._emulates(service):
                raise NotEmulated(service, _likely_operation(request))
            self._check_region(signed)
            return self._call(service, request, signed, request_id)
        except SignatureRefused as refused:
            log.warning("%s %s refused: %s", request.method, request.raw_path, refused)
            error = refused.as_error(wording)
        except BadToken as fault:
            error = AwsError(validation.validation_code(service), str(fault))
        except AwsError as raised:
            error = raised
            if isinstance(error, NotEmulated):
                log.warning("%s", error)
        except Exception as bug:
            log.exception("%s %s failed (request %s)", request.method, request.raw_path, request_id)
            what = f"{type(bug).__name__}: {bug}"  # a full disk is one of them: say so
            error = AwsError(
                "InternalFailure", f"The local AWS stand-in failed (request {request_id}): {what}"
            )
        return protocol.refuse(service, wording, error, request_id)

    def _call(self, service: str, request: Request, signed: Signed, request_id: str) -> Response:
        is_query = protocol.protocol_of(service) == "query"
        form = _form(request) if is_query else MultiDict[str, str]()
        operation, path = protocol.route(service, request, form)
        handler = self.registry.find(service, operation)
        if handler is None:
            raise NotEmulated(service, operation)
        payload = Payload(
            request.source,
            request.headers,
            signed.content_sha256,
            signed,
            has_checksum=protocol.has_checksum(service, operation),
        )
        streamed = protocol.payload_member(service, operation)
        body = b"" if streamed or is_query else payload.read()
        if quick := self.registry.quick.get((service, operation)):
            quickly = quick(self.context, Sent(path, request.query, body))
            if quickly is not None:
                return protocol.plain(service, quickly, request_id)
        parameters = protocol.parse(service, operation, request, form=form, body=body, path=path)
        validation.check(
            service,
            operation,
            parameters,
            payload=streamed,
            check_instance_types=self.check_instance_types,
        )
        call = Call(
            service=service,
            operation=operation,
            parameters=parameters,
            body=payload if streamed else None,
            headers=request.headers,
            region=self.region,
            account_id=self.account_id,
            access_key=signed.access_key,
            request_id=request_id,
            base_url=self.base_url,
        )
        result: Mapping[str, Any] = handler(self.context, call)
        return protocol.answer(service, operation, result, request_id)

    def _emulates(self, service: str) -> bool:
        return service in self.registry.services

    def _check_region(self, signed: Signed) -> None:
        if signed.region not in ("", self.region) and signed.service not in _GLOBAL:
            raise SignatureRefused(
                "wrong region",
                f"Credential should be scoped to a valid region, not '{signed.region}': "
                f"this stand-in is {self.region} (serve --region chooses another).",
            )


def _guard(request: Request) -> None:
    """Refuse what a page in someone's browser could send: a foreign Host name, or any Origin."""
    host = request.headers.get("host", "")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if name.lower() not in _HOSTS:
        raise AwsError(
            "AccessDenied",
            f"The local AWS stand-in answers on {_HOSTS[0]} only, not on '{host}'.",
            status=403,
        )
    if "origin" in request.headers:
        raise AwsError("AccessDenied", "The local AWS stand-in does not answer web pages.", status=403)


def _service(request: Request, scope: str | None) -> str:
    if scope is None:
        return "s3" if "x-amz-target" not in request.headers else "sagemaker"
    if scope == "sagemaker":
        for prefix, service in _SAGEMAKER_PATHS.items():
            if request.raw_path.startswith(prefix):
                return service
    return scope


def _likely_protocol(request: Request) -> str:
    if "x-amz-target" in request.headers:
        return "json"
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return "query"
    return "rest-json" if claimed_service(request) not in (None, "s3") else "rest-xml"


def _likely_operation(request: Request) -> str:
    target = request.headers.get("x-amz-target", "").rpartition(".")[2]
    return target or _form(request).get("Action") or f"{request.method} {request.raw_path}"


def _form(request: Request) -> MultiDict[str, str]:
    """The arguments of a query-protocol call, from its body or, for GET, its query."""
    request.source.seek(0)
    text = request.source.read().decode("utf-8", "replace")
    return MultiDict([*request.query, *parse_qsl(text, keep_blank_values=True)])


def _blocks(body: Any) -> Iterable[bytes]:
    """A file's bytes in blocks; the file is closed at the end or when the client goes away."""
    with body:
        while block := body.read(_BLOCK):
            yield block
