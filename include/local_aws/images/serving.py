"""Serving images: the command and environment of a model's container, and its unpacked model."""

from __future__ import annotations

import shutil
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path

MODEL_DIR = "/opt/ml/model"
SERVING_IMAGES = ("autopilot", "scikit_learn", "xgboost")  # names in the catalog
_PROGRAM = Path(__file__).with_name("serving_program.py")


class BadArchive(Exception):
    """The model archive is not a tar.gz file, or something in it leads outside the model's directory."""


def serving_command(image: str) -> list[str]:
    """The program of a serving image; the listening socket's number is to be appended.

    ``-P`` keeps the program's own directory off sys.path: modules there are named as the libraries.
    """
    program = ["-m", "local_aws.images.autopilot.serving"] if image == "autopilot" else [str(_PROGRAM)]
    return ["python3", "-P", *program, "--image", image, "--model-dir", MODEL_DIR, "--listen-fd"]


def serving_environment(image: str, region: str, container: Mapping[str, str]) -> dict[str, str]:
    """What a container finds in its environment; CreateModel's ``Environment`` (``container``) wins."""
    # Autopilot's program is a package of this project, which its container brings.
    own = {"PYTHONPATH": str(Path(__file__).parents[2])} if image == "autopilot" else {}
    return {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "SAGEMAKER_REGION": region,
        "SM_MODEL_DIR": MODEL_DIR,
        "PYTHONDONTWRITEBYTECODE": "1",
        **own,
        **container,
    }


def unpack_model(archive: Path, target: Path) -> None:
    """Unpack model.tar.gz into ``target``, wholly or not at all. Raises BadArchive.

    What a model has no use for is refused: links and names that lead outside, devices.
    """
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            _extract(tar, partial)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise BadArchive(str(error)) from error
    partial.rename(target)


def _extract(tar: tarfile.TarFile, target: Path) -> None:
    """``extractall(filter="data")``, which Python has since 3.11.4; Debian 12 has 3.11.2."""
    if hasattr(tarfile, "data_filter"):
        tar.extractall(target, filter="data")
        return
    root = target.resolve()
    for member in tar.getmembers():
        member.name = member.name.lstrip("/")
        inside = (root / member.name).resolve().is_relative_to(root)
        if not inside or not (member.isreg() or member.isdir()):
            raise tarfile.TarError(f"{member.name!r} is not a file or directory inside the archive")
    tar.extractall(target)  # noqa: S202 - every member was checked above
