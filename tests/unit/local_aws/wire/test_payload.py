"""Payloads without a server: chunks, checksums, and how a body is read."""

from __future__ import annotations

import base64
import hashlib
import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.payload import CHECKSUMS, UNSIGNED, Payload

TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def payload(body: bytes, headers: dict[str, str] | None = None, sha256: str = UNSIGNED) -> Payload:
    return Payload(io.BytesIO(body), headers or {}, sha256, None, has_checksum=True)


def chunked(blocks: list[bytes]) -> bytes:
    whole = b"".join(blocks)
    crc = base64.b64encode(zlib.crc32(whole).to_bytes(4, "big"))
    body = b"".join(f"{len(block):x}\r\n".encode() + block + b"\r\n" for block in blocks if block)
    return body + b"0\r\nx-amz-checksum-crc32:" + crc + b"\r\n\r\n"


@given(st.lists(st.binary()), st.integers(1, 50))
def test_chunks_join_whatever_the_reads(blocks: list[bytes], size: int) -> None:
    read = payload(chunked(blocks), {"x-amz-trailer": "x-amz-checksum-crc32"}, TRAILER)
    pieces = list(iter(lambda: read.read(size), b""))
    assert b"".join(pieces) == b"".join(blocks)
    assert all(0 < len(piece) <= size for piece in pieces)
    assert list(read.checksums) == ["crc32"]


@given(st.binary())
def test_a_cut_or_garbled_chunked_body_is_an_aws_error(noise: bytes) -> None:
    """Whatever arrives: an AwsError or the bytes, never another exception."""
    try:
        payload(noise, {}, TRAILER).read()
    except AwsError:
        return


@pytest.mark.parametrize(
    ("name", "value"),
    [  # of b"123456789", from the algorithms' own specifications
        ("crc32", "cbf43926"),
        ("crc32c", "e3069283"),
        ("crc64nvme", "ae8b14860a799888"),
    ],
)
def test_known_values_of_checksums(name: str, value: str) -> None:
    digest = CHECKSUMS[name]()
    digest.update(b"12345")
    digest.update(b"6789")
    assert digest.digest().hex() == value


def test_a_wrong_hash_is_told_at_the_end() -> None:
    read = payload(b"hello", sha256=hashlib.sha256(b"other").hexdigest())
    assert read.read(5) == b"hello"
    with pytest.raises(AwsError) as caught:
        read.read(5)
    assert caught.value.code == "XAmzContentSHA256Mismatch"


def test_an_unknown_algorithm_is_refused_by_name() -> None:
    with pytest.raises(NotEmulated, match="the algorithm XXHASH64"):
        payload(b"", {"x-amz-checksum-xxhash64": "x"})


def test_a_checksum_that_is_none() -> None:
    with pytest.raises(AwsError, match="x-amz-checksum-sha256 header is invalid") as caught:
        payload(b"", {"x-amz-checksum-sha256": "short"}).read()
    assert caught.value.code == "InvalidRequest"


def test_headers_that_only_look_like_checksums() -> None:
    headers = {"x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "FULL_OBJECT"}
    assert payload(b"x", headers).read() == b"x"
