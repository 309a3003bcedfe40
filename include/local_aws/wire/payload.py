"""A request's body as a stream whose hashes are verified when its end is reached.

    Content-Encoding: aws-chunked
        <hex size>[;chunk-signature=<hex>]\\r\\n<bytes>\\r\\n … 0[;chunk-signature=<hex>]\\r\\n
        [x-amz-checksum-crc32:<base64>\\r\\n][x-amz-trailer-signature:<hex>\\r\\n]\\r\\n

Nothing is kept in memory but one block. Who reads must read to the end before believing the bytes: the
last ``read`` raises when the SHA-256 of the signature, a checksum or Content-MD5 does not match.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, Protocol

import awscrt.checksums

from local_aws.wire.errors import AwsError, NotEmulated

_BLOCK = 1 << 18  # bytes
_LINE = 1 << 14  # bytes; the longest chunk header or trailer line

UNSIGNED = "UNSIGNED-PAYLOAD"
_SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
_SIGNED_CHUNKS_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
_UNSIGNED_CHUNKS_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_CHUNKED = (_SIGNED_CHUNKS, _SIGNED_CHUNKS_TRAILER, _UNSIGNED_CHUNKS_TRAILER)


class Digest(Protocol):
    """A running hash or checksum."""

    def update(self, block: bytes, /) -> None:
        """Take in more bytes."""
        ...

    def digest(self) -> bytes:
        """The value so far."""
        ...


class _Crc:
    """A cyclic redundancy check with hashlib's interface; ``size`` in bytes."""

    def __init__(self, step: Callable[[bytes, int], int], size: int) -> None:
        self._step = step
        self._size = size
        self._value = 0

    def update(self, block: bytes, /) -> None:
        self._value = self._step(block, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


# Header suffix -> how it is computed. S3 knows more (xxHash); those are refused by name.
CHECKSUMS: dict[str, Callable[[], Digest]] = {
    "crc32": lambda: _Crc(zlib.crc32, 4),
    "crc32c": lambda: _Crc(awscrt.checksums.crc32c, 4),
    "crc64nvme": lambda: _Crc(awscrt.checksums.crc64nvme, 8),
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
    "sha512": hashlib.sha512,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
}
_CHECKSUM_HEADER = "x-amz-checksum-"
_NO_CHECKSUM = ("algorithm", "type", "mode")  # headers of the same prefix that say something else


class ChunkSigner(Protocol):
    """Signs chunk after chunk, starting from the request's own signature."""

    def chunk(self, sha256: str) -> str:
        """The signature of the next chunk, whose bytes have this hash."""
        ...

    def trailer(self, sha256: str) -> str:
        """The signature of the trailing headers."""
        ...


class Payload:
    """The un-chunked body.

    Args:
        source: the body as sent.
        headers: of the request, lower-case names.
        content_sha256: what the signature says of the body: a hex SHA-256, ``UNSIGNED-PAYLOAD`` or one of
            the ``STREAMING-…`` markers.
        signer: verifies the signatures of chunks.
        has_checksum: whether ``x-amz-checksum-…`` headers speak of this body (of CompleteMultipartUpload
            they speak of the object).
    """

    def __init__(
        self,
        source: BinaryIO,
        headers: Mapping[str, str],
        content_sha256: str,
        signer: ChunkSigner | None,
        *,
        has_checksum: bool,
    ) -> None:
        self._digests: dict[str, Digest] = {}
        self._expected: dict[str, str] = {}  # of headers; trailers are added when they arrive
        self._content_sha256 = content_sha256
        self._sha256 = hashlib.sha256() if len(content_sha256) == 64 else None
        self._md5 = headers.get("content-md5")
        if has_checksum:
            self._expect_checksums(headers)
        if self._md5 is not None:
            self._digests.setdefault("md5", CHECKSUMS["md5"]())
        self.checksums: dict[str, str] = {}  # verified, by header suffix, base64; complete at the end
        self._buffer = b""
        self._length = 0
        decoded = headers.get("x-amz-decoded-content-length")
        self._decoded_length = int(decoded) if decoded and decoded.isdigit() else None
        if content_sha256 in _CHUNKED:
            self._blocks = self._chunks(
                source, None if content_sha256 == _UNSIGNED_CHUNKS_TRAILER else signer
            )
        else:
            self._blocks = iter(lambda: source.read(_BLOCK), b"")

    def read(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes, all of them when negative; empty only at the end.

        Raises AwsError (BadDigest, XAmzContentSHA256Mismatch, …) at the end when the bytes are not those
        that were announced.
        """
        if size < 0:
            return b"".join(iter(lambda: self.read(_BLOCK), b""))
        if not self._buffer:
            self._buffer = next(self._blocks, b"")
            if not self._buffer:
                self._finish()
                return b""
            self._take_in(self._buffer)
        block, self._buffer = self._buffer[:size], self._buffer[size:]
        return block

    def _take_in(self, block: bytes) -> None:
        self._length += len(block)
        if self._sha256:
            self._sha256.update(block)
        for digest in self._digests.values():
            digest.update(block)

    def _finish(self) -> None:
        if self._sha256 and self._sha256.hexdigest() != self._content_sha256:
            raise AwsError(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )
        if self._decoded_length is not None and self._decoded_length != self._length:
            raise AwsError(
                "IncompleteBody",
                "You did not provide the number of bytes that x-amz-decoded-content-length says.",
            )
        computed = {name: base64.b64encode(it.digest()).decode() for name, it in self._digests.items()}
        if self._md5 is not None and self._md5 != computed["md5"]:
            _decode(self._md5, "Content-MD5", 16)
            raise AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.")
        for name, value in self._expected.items():
            if value != computed[name]:
                _decode(value, _CHECKSUM_HEADER + name, len(self._digests[name].digest()))
                raise AwsError(
                    "BadDigest",
                    f"The {name.upper()} you specified did not match the calculated checksum.",
                )
            self.checksums[name] = value

    def _expect_checksums(self, headers: Mapping[str, str]) -> None:
        announced = [name.strip().lower() for name in headers.get("x-amz-trailer", "").split(",")]
        for header in (*headers, *announced):
            name = header.removeprefix(_CHECKSUM_HEADER)
            if name == header or name in _NO_CHECKSUM:
                continue
            if name not in CHECKSUMS:
                raise NotEmulated("s3", "checksum", f"the algorithm {name.upper()}")
            self._digests[name] = CHECKSUMS[name]()
            if header in headers:
                self._expected[name] = headers[header]

    def _chunks(self, source: BinaryIO, signer: ChunkSigner | None) -> Iterator[bytes]:
        while True:
            head, _, extension = _line(source).partition(b";")
            try:
                size = int(head, 16)
            except ValueError:
                raise AwsError("InvalidRequest", "A chunk of the body has no valid size.") from None
            hashed = hashlib.sha256()
            left = size
            while left:
                block = source.read(min(left, _BLOCK))
                if not block:
                    raise AwsError("IncompleteBody", "The request body terminated unexpectedly.")
                left -= len(block)
                hashed.update(block)
                yield block
            if signer:
                _same(extension.removeprefix(b"chunk-signature="), signer.chunk(hashed.hexdigest()))
            if size == 0:
                break
            if source.read(2) != b"\r\n":
                raise AwsError("InvalidRequest", "A chunk of the body is longer than its size says.")
        self._trailers(source, signer)

    def _trailers(self, source: BinaryIO, signer: ChunkSigner | None) -> None:
        canonical = b""
        while line := _line(source, may_end=True):
            name, _, value = line.partition(b":")
            lower, text = name.decode("latin-1").strip().lower(), value.decode("latin-1").strip()
            if lower == "x-amz-trailer-signature":
                if signer:
                    _same(text.encode(), signer.trailer(hashlib.sha256(canonical).hexdigest()))
                    signer = None  # verified
                continue
            canonical += f"{lower}:{text}\n".encode()
            if lower.startswith(_CHECKSUM_HEADER):
                suffix = lower.removeprefix(_CHECKSUM_HEADER)
                if suffix not in self._digests:
                    raise AwsError("MalformedTrailerError", f"The trailer {lower} was not announced.")
                self._expected[suffix] = text
        missing = sorted(set(self._digests) - set(self._expected) - {"md5"})
        if missing:
            raise AwsError("MalformedTrailerError", f"The trailer {_CHECKSUM_HEADER}{missing[0]} is missing.")
        if signer and self._content_sha256 == _SIGNED_CHUNKS_TRAILER:
            raise AwsError("MalformedTrailerError", "The trailer x-amz-trailer-signature is missing.")


def _line(source: BinaryIO, *, may_end: bool = False) -> bytes:
    line = source.readline(_LINE)
    if not line.endswith(b"\n") and not (may_end and not line):
        raise AwsError("IncompleteBody", "The request body terminated unexpectedly.")
    return line.rstrip(b"\r\n")


def _same(given: bytes, computed: str) -> None:
    if not hmac.compare_digest(given, computed.encode()):
        raise AwsError(
            "SignatureDoesNotMatch", "The signature of a chunk of the body does not match.", status=403
        )


def _decode(value: str, header: str, size: int) -> None:
    """Refuse what is no base64 of ``size`` bytes, which AWS calls by another name than a mismatch."""
    try:
        decoded: Any = base64.b64decode(value, validate=True)
    except binascii.Error:
        decoded = b""
    if len(decoded) != size:
        code = "InvalidDigest" if header == "Content-MD5" else "InvalidRequest"
        raise AwsError(code, f"Value for {header} header is invalid.")
