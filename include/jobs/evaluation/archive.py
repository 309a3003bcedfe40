"""The archive that is served: a model, the transformer it was trained with, and the endpoint's program."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobs.processing.job import JobError

JOBS = Path(__file__).resolve().parents[1]  # the tree `jobs` that this module belongs to
# What the endpoint needs of the tree, and where it lies in the archive.
SERVED_CODE = {
    "inference/inference.py": "code/inference.py",
    "__init__.py": "code/jobs/__init__.py",
    "feature_store/__init__.py": "code/jobs/feature_store/__init__.py",
    "feature_store/records.py": "code/jobs/feature_store/records.py",
    "feature_store/online.py": "code/jobs/feature_store/online.py",
    **{
        f"features/{file.name}": f"code/jobs/features/{file.name}"
        for file in sorted((JOBS / "features").glob("*.py"))
    },
}


def assemble(folder: Path, model: Path, transformer: bytes, serving: Mapping[str, Any]) -> None:
    """Lay out the serving archive. Raises JobError if the training job's archive has no XGBoost model."""
    (folder / "code").mkdir(parents=True)
    with tarfile.open(model) as trained:
        members = {member.name.removeprefix("./"): member for member in trained if member.isfile()}
        found = trained.extractfile(members["xgboost-model"]) if "xgboost-model" in members else None
        if found is None:
            raise JobError(
                f"the model archive has no xgboost-model; it has {', '.join(members) or 'nothing'}"
            )
        (folder / "xgboost-model").write_bytes(found.read())
    (folder / "transformer.json").write_bytes(transformer)
    (folder / "serving.json").write_text(json.dumps(serving, indent=2), encoding="utf-8")
    for source, target in SERVED_CODE.items():
        path = folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((JOBS / source).read_bytes())


def pack(folder: Path, target: Path) -> None:
    """Write the folder as tar.gz, the same bytes for the same content."""
    with (
        target.open("wb") as stream,
        gzip.GzipFile(fileobj=stream, mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
            content = path.read_bytes()
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive that was assembled earlier. Raises JobError for one that is not such an archive."""
    folder.mkdir(parents=True)
    try:
        with tarfile.open(archive) as packed:
            for member in packed:
                name = member.name.removeprefix("./")
                if not member.isfile() or name.startswith("/") or ".." in name.split("/"):
                    raise JobError(f"{archive.name} holds {member.name!r}, which no archive of ours does")
                content = packed.extractfile(member)
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read() if content else b"")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise JobError(f"{archive.name} can't be unpacked: {error}") from error
