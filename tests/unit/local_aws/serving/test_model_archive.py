"""Unpacking model.tar.gz: wholly or not at all, and never outside the model's directory."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from local_aws.images.serving import BadArchive, unpack_model


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = 5 if kind == tarfile.REGTYPE else 0
    return info


def archive(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info in members:
            tar.addfile(info, io.BytesIO(b"hello"))
    return path


def test_files_and_directories(tmp_path: Path) -> None:
    unpack_model(archive(tmp_path / "a", member("x"), member("code/y.py")), tmp_path / "model")
    found = {str(p.relative_to(tmp_path / "model")) for p in (tmp_path / "model").rglob("*") if p.is_file()}
    assert found == {"x", "code/y.py"}


@pytest.mark.parametrize(
    "evil",
    [
        member("../evil"),
        member("code/../../evil"),
        member("evil", tarfile.SYMTYPE, "/etc/passwd"),
        member("evil", tarfile.SYMTYPE, "../../secret"),
        member("evil", tarfile.LNKTYPE, "../secret"),
        member("evil", tarfile.CHRTYPE),
    ],
)
def test_what_leads_outside_is_refused(tmp_path: Path, evil: tarfile.TarInfo) -> None:
    """Nothing of such an archive stays, not even its good members."""
    (tmp_path / "secret").write_text("s")
    with pytest.raises(BadArchive):
        unpack_model(archive(tmp_path / "a", member("x"), evil), tmp_path / "room" / "model")
    assert not (tmp_path / "evil").exists()
    assert list((tmp_path / "room").iterdir()) == []


def test_an_absolute_name_stays_inside(tmp_path: Path) -> None:
    unpack_model(archive(tmp_path / "a", member("/x")), tmp_path / "model")
    assert (tmp_path / "model" / "x").read_text() == "hello"


@pytest.mark.parametrize("data", [b"", b"no archive", b"\x1f\x8b\x08\x00broken"])
def test_not_an_archive(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(BadArchive):
        unpack_model(tmp_path / "a", tmp_path / "model")


def test_a_truncated_archive(tmp_path: Path) -> None:
    whole = archive(tmp_path / "a", member("x"), member("y")).read_bytes()
    (tmp_path / "a").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadArchive):
        unpack_model(tmp_path / "a", tmp_path / "model")
    assert not (tmp_path / "model").exists()
