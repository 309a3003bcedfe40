"""AWS Signature Version 4 (and S3's old query signature), verified against known credentials.

    canonical request = method, path, query, signed headers, their names, hash of the body
    signature         = HMAC(key(secret, date, region, service), algorithm, time, scope, SHA256(canonical))

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from local_aws.wire.errors import SignatureRefused
from local_aws.wire.payload import UNSIGNED
from local_aws.wire.request import Request

_ALGORITHM = "AWS4-HMAC-SHA256"
_EMPTY = hashlib.sha256(b"").hexdigest()
_SKEW = timedelta(minutes=15)
_LONGEST_LINK = 7 * 24 * 3600  # seconds
_TIME = "%Y%m%dT%H%M%SZ"
_NO_MATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method."
)


@dataclass(frozen=True)
class Key:
    """What a signature is checked against."""

    secret: str
    session_token: str | None
    expires: datetime | None


@dataclass
class Signed:
    """A verified signature: who called, for which service, and how the body is to be checked."""

    access_key: str
    region: str
    service: str  # as the credential scope names it
    content_sha256: str  # the body's hash, or a marker (see payload)
    _signing_key: bytes = field(repr=False)
    _previous: str = field(repr=False)
    _context: str = field(repr=False)  # time and scope, as chunks sign them

    def chunk(self, sha256: str) -> str:
        """The signature of the next chunk of an aws-chunked body."""
        return self._next("AWS4-HMAC-SHA256-PAYLOAD", f"{_EMPTY}\n{sha256}")

    def trailer(self, sha256: str) -> str:
        """The signature of the trailing headers."""
        return self._next("AWS4-HMAC-SHA256-TRAILER", sha256)

    def _next(self, algorithm: str, hashes: str) -> str:
        text = f"{algorithm}\n{self._context}\n{self._previous}\n{hashes}"
        self._previous = hmac.new(self._signing_key, text.encode(), hashlib.sha256).hexdigest()
        return self._previous


@dataclass(frozen=True)
class _Claim:
    """What a request says about its own signature."""

    access_key: str
    date: str
    region: str
    service: str
    signed_headers: list[str]
    signature: str
    time: str
    token: str | None
    expires: int | None  # seconds; of a presigned link

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def verify(request: Request, find: Callable[[str], Key | None], now: datetime) -> Signed:
    """Check who signed the request. Raises SignatureRefused."""
    authorization = request.headers.get("authorization")
    if authorization is None and request.argument("AWSAccessKeyId"):
        return _verify_version_2(request, find, now)
    claim = _presigned(request) if authorization is None else _claim(request, authorization)
    if claim is None:
        raise SignatureRefused("unsigned", "The request is not signed: Missing Authentication Token.")
    key = _known(claim.access_key, claim.token, find, now)
    _check_time(claim, now)
    content = _content_sha256(request, claim)
    canonical = "\n".join(
        [
            request.method,
            _path(request, claim.service),
            _query(request),
            *(f"{name}:{_header(request, name)}" for name in claim.signed_headers),
            "",
            ";".join(claim.signed_headers),
            content,
        ]
    )
    context = f"{claim.time}\n{claim.scope}"
    text = f"{_ALGORITHM}\n{context}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signing_key = _signing_key(key.secret, claim.date, claim.region, claim.service)
    computed = hmac.new(signing_key, text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(computed, claim.signature):
        raise SignatureRefused("wrong signature", _NO_MATCH)
    return Signed(
        claim.access_key, claim.region, claim.service, content, signing_key, claim.signature, context
    )


def claimed_service(request: Request) -> str | None:
    """The service that the request says it is for, not verified: it only chooses an error's wording."""
    authorization = request.headers.get("authorization", "")
    scope = authorization.partition("Credential=")[2] or request.argument("X-Amz-Credential") or ""
    parts = scope.split("/")
    return parts[3] if len(parts) > 4 else None


def _claim(request: Request, authorization: str) -> _Claim:
    algorithm, _, rest = authorization.partition(" ")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    scope = fields.get("Credential", "").split("/")
    if algorithm != _ALGORITHM or len(scope) < 5 or not {"SignedHeaders", "Signature"} <= set(fields):
        raise SignatureRefused(
            "malformed",
            f"The Authorization header is not a valid {_ALGORITHM} signature with its three parts.",
        )
    when = request.headers.get("x-amz-date")
    if when is None and "date" in request.headers:
        try:
            when = parsedate_to_datetime(request.headers["date"]).astimezone(UTC).strftime(_TIME)
        except ValueError:
            when = None
    if when is None:
        raise SignatureRefused("malformed", "The request must carry X-Amz-Date or Date.")
    signed = fields["SignedHeaders"].split(";")
    _check_signed_headers(request, signed)
    return _Claim(
        access_key="/".join(scope[:-4]),
        date=scope[-4],
        region=scope[-3],
        service=scope[-2],
        signed_headers=signed,
        signature=fields["Signature"],
        time=when,
        token=request.headers.get("x-amz-security-token"),
        expires=None,
    )


def _presigned(request: Request) -> _Claim | None:
    if request.argument("X-Amz-Algorithm") is None:
        return None
    names = ("Credential", "Date", "Expires", "SignedHeaders", "Signature")
    fields = {name: request.argument(f"X-Amz-{name}") or "" for name in names}
    scope = fields["Credential"].split("/")
    if request.argument("X-Amz-Algorithm") != _ALGORITHM or len(scope) < 5 or not all(fields.values()):
        raise SignatureRefused("malformed", "The query is not a complete presigned URL.")
    if not fields["Expires"].isdigit() or int(fields["Expires"]) > _LONGEST_LINK:
        raise SignatureRefused("malformed", f"X-Amz-Expires must be at most {_LONGEST_LINK} seconds.")
    signed = fields["SignedHeaders"].split(";")
    _check_signed_headers(request, signed)
    return _Claim(
        access_key="/".join(scope[:-4]),
        date=scope[-4],
        region=scope[-3],
        service=scope[-2],
        signed_headers=signed,
        signature=fields["Signature"],
        time=fields["Date"],
        token=request.argument("X-Amz-Security-Token"),
        expires=int(fields["Expires"]),
    )


def _check_signed_headers(request: Request, signed: list[str]) -> None:
    """``host`` and every ``x-amz-…`` header must be signed, else they could be changed on the way."""
    present = [name for name in request.headers if name == "host" or name.startswith("x-amz-")]
    unsigned = sorted(set(present) - set(signed))
    if unsigned:
        raise SignatureRefused(
            "wrong signature",
            f"There were headers present in the request which were not signed: {unsigned[0]}",
        )


def _known(access_key: str, token: str | None, find: Callable[[str], Key | None], now: datetime) -> Key:
    key = find(access_key)
    if key is None:
        raise SignatureRefused(
            "unknown key", f"The AWS access key id '{access_key}' does not exist in our records."
        )
    if key.session_token != token:
        raise SignatureRefused("wrong token", "The security token included in the request is invalid.")
    if key.expires is not None and key.expires <= now:
        raise SignatureRefused("expired token", "The security token included in the request is expired.")
    return key


def _check_time(claim: _Claim, now: datetime) -> None:
    try:
        signed_at = _moment(claim.time)
    except ValueError:
        raise SignatureRefused("malformed", f"'{claim.time}' is not a time like 20260115T060000Z.") from None
    if not claim.time.startswith(claim.date):
        raise SignatureRefused("malformed", "The credential's date is not the date of the request.")
    if claim.expires is not None:
        if now > signed_at + timedelta(seconds=claim.expires):
            raise SignatureRefused("expired link", "Request has expired")
        if now < signed_at - _SKEW:
            raise SignatureRefused("expired link", "Request is not valid yet")
    elif abs(now - signed_at) > _SKEW:
        raise SignatureRefused(
            "wrong clock",
            f"The difference between the request time ({claim.time}) and the current time "
            f"({now.strftime(_TIME)}) is too large.",
        )


@lru_cache(maxsize=64)
def _moment(text: str) -> datetime:
    """A time as it is signed; many calls are of the same second. Raises ValueError."""
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC)


def _content_sha256(request: Request, claim: _Claim) -> str:
    announced = request.headers.get("x-amz-content-sha256") or request.argument("X-Amz-Content-Sha256")
    if announced:
        return announced
    if claim.service == "s3":
        if claim.expires is not None:
            return UNSIGNED
        raise SignatureRefused("malformed", "Missing required header for this request: x-amz-content-sha256")
    hashed = hashlib.file_digest(request.source, "sha256").hexdigest()  # type: ignore[arg-type]
    request.source.seek(0)
    return hashed


def _path(request: Request, service: str) -> str:
    if service == "s3":  # encoded once, nothing collapsed: keys may hold "//" and "."
        return quote(unquote_to_bytes(request.raw_path), safe="/~")
    return quote(_normalised(request.raw_path), safe="/~")


def _normalised(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    ends = "/" if path.endswith("/") and parts else ""
    return "/" + "/".join(parts) + ends


def _query(request: Request) -> str:
    pairs = []
    for item in request.raw_query.split("&"):
        name, _, value = item.partition("=")
        decoded = unquote_to_bytes(name.replace("+", "%20"))
        if item and decoded != b"X-Amz-Signature":
            pairs.append(
                (quote(decoded, safe="~"), quote(unquote_to_bytes(value.replace("+", "%20")), safe="~"))
            )
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _header(request: Request, name: str) -> str:
    return " ".join(request.headers.get(name, "").split())


@lru_cache(maxsize=256)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


# Query arguments that the old signature covers, https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html
_VERSION_2_ARGUMENTS = {
    "accelerate", "acl", "cors", "delete", "lifecycle", "location", "logging", "notification", "partNumber",
    "policy", "requestPayment", "restore", "tagging", "torrent", "uploadId", "uploads", "versionId",
    "versioning", "versions", "website", "response-cache-control", "response-content-disposition",
    "response-content-encoding", "response-content-language", "response-content-type", "response-expires",
}  # fmt: skip


def _verify_version_2(request: Request, find: Callable[[str], Key | None], now: datetime) -> Signed:
    """The signature of the links that boto3 still makes for S3 unless told otherwise."""
    access_key = request.argument("AWSAccessKeyId") or ""
    expires, signature = request.argument("Expires") or "", request.argument("Signature") or ""
    token = request.argument("x-amz-security-token")
    key = _known(access_key, token, find, now)
    if not expires.isdigit() or not signature:
        raise SignatureRefused("malformed", "The query is not a complete presigned URL.")
    if now.timestamp() > int(expires):
        raise SignatureRefused("expired link", "Request has expired")
    amz = {name: _header(request, name) for name in request.headers if name.startswith("x-amz-")}
    amz |= {name: value for name, value in request.query if name.startswith("x-amz-")}
    resource = request.raw_path
    covered = sorted((name, value) for name, value in request.query if name in _VERSION_2_ARGUMENTS)
    if covered:
        resource += "?" + "&".join(f"{name}={value}" if value else name for name, value in covered)
    text = "\n".join(
        [
            request.method,
            request.headers.get("content-md5", ""),
            request.headers.get("content-type", ""),
            expires,
            *(f"{name}:{value}" for name, value in sorted(amz.items())),
            resource,
        ]
    )
    computed = base64.b64encode(hmac.new(key.secret.encode(), text.encode(), "sha1").digest()).decode()
    if not hmac.compare_digest(computed, signature):
        raise SignatureRefused("wrong signature", _NO_MATCH)
    return Signed(access_key, "", "s3", UNSIGNED, b"", "", "")


def utc_now() -> datetime:
    """The server's clock."""
    return datetime.fromtimestamp(time.time(), UTC)
