"""Build the environments from hashed locks, once, and know at a glance that they are still right.

An environment is right when its stamp says that it was made by the same Python from the same lock files.
The stamp is written last, so an installation that was interrupted is started again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from launcher.problem import Problem
from launcher.settings import Layout

# Both environments take 1.8 GB, uv's cache once more as much.
DISK_NEEDED_GB = 4.0
SPARK_DISK_GB = 1.6  # the extra, and once more as much for the cache
SUITABLE_UV = (0, 5)
UNREACHABLE = re.compile(
    r"dns error|error sending request|Failed to fetch|Could not connect|Connection refused|timed out"
    r"|Network is unreachable|NewConnectionError|Temporary failure in name resolution"
)


SUITABLE_PYTHONS = ((3, 11), (3, 12))  # those that there are locks for
FETCHED_PYTHON = "3.12"


def suitable_python(layout: Layout) -> Path:
    """The Python to work with: this one, or, where it is newer than the locks, one that uv brings into `.uv`.

    :raises Problem: this one is too old, or no other can be fetched
    """
    version = sys.version_info[:2]
    if version in SUITABLE_PYTHONS:
        return Path(sys.executable)
    found = f"This is Python {version[0]}.{version[1]}"
    advice = "Install Python 3.11 or 3.12, or name one: make run PYTHON=/path/to/python3.12"
    if version < min(SUITABLE_PYTHONS):
        raise Problem(f"{found}: too old. {advice}")
    folder = layout.root / ".uv" / "python"
    if not (python := _fetched(folder)):
        print(f"set-up        {found}: fetching {FETCHED_PYTHON} into .uv …", flush=True)
        uv = _uv(layout)
        try:
            _run_uv(
                uv,
                layout,
                ["python", "install", "--no-bin", FETCHED_PYTHON],
                UV_PYTHON_INSTALL_DIR=str(folder),
            )
        except Problem as problem:
            raise Problem(f"{found}, newer than the locks. {problem} {advice}") from None
        python = _fetched(folder)
    if not python:
        raise Problem(f"{found}, newer than the locks, and uv brought no {FETCHED_PYTHON}. {advice}")
    return python


def _fetched(folder: Path) -> Path | None:
    return next(iter(sorted(folder.glob(f"cpython-{FETCHED_PYTHON}*/bin/python{FETCHED_PYTHON}"))), None)


def prepare(layout: Layout, *, with_tests: bool = False, with_spark: bool = False) -> bool:
    """Make `.venv` and `.venv-jobs` what the locks say.

    :param with_tests: also what `make test` needs
    :param with_spark: `.venv-spark`, too, in which Glue Spark jobs run
    :return: whether anything had to be installed
    """
    tag = f"py{sys.version_info.major}{sys.version_info.minor}"
    wanted = {
        ".venv": [layout.locks / f"airflow-{tag}.txt"],
        ".venv-jobs": [layout.locks / f"jobs-{tag}.txt"],
    }
    if with_tests:
        wanted[".venv"].append(layout.locks / f"dev-airflow-{tag}.txt")
        wanted[".venv-jobs"].append(layout.locks / f"dev-jobs-{tag}.txt")
    if with_spark:
        wanted[".venv-spark"] = [layout.locks / f"spark-{tag}.txt"]
    missing = {name: locks for name, locks in wanted.items() if not is_right(layout.root / name, locks)}
    if not missing:
        return False
    for name in missing:
        if (layout.root / name).is_symlink():
            raise Problem(
                f"{name} is a link; building it would empty what it points to. Remove the link first."
            )
    needed_gb = SPARK_DISK_GB * (".venv-spark" in missing)
    needed_gb += DISK_NEEDED_GB * (list(missing) != [".venv-spark"])
    require_space(layout.root, needed_gb, "the first installation")
    uv = _uv(layout)
    for name, locks in missing.items():
        started = time.monotonic()
        print(f"set-up        installing {name} …", flush=True)
        _install(uv, layout, layout.root / name, locks)
        print(f"set-up        installed {name} in {time.monotonic() - started:.0f} s", flush=True)
    return True


def is_right(environment: Path, locks: Iterable[Path]) -> bool:
    """Whether the environment was completed from these locks by this Python. More than asked for is right,
    too."""
    try:
        stamp = json.loads((environment / "installed.json").read_text())
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return False
    return stamp.get("python") == _python() and all(
        stamp.get("locks", {}).get(lock.name) == _digest(lock) for lock in locks
    )


def _install(uv: str, layout: Layout, environment: Path, locks: list[Path]) -> None:
    base, additions = locks[0], locks[1:]
    python = environment / "bin" / "python"
    if not is_right(environment, [base]):
        _run_uv(uv, layout, ["venv", "--quiet", "--clear", "--python", sys.executable, str(environment)])
        _run_uv(uv, layout, ["pip", "sync", *_FROM_LOCK, "--python", str(python), str(base)])
    for lock in additions:
        _run_uv(uv, layout, ["pip", "install", *_FROM_LOCK, "--python", str(python), "-r", str(lock)])
    stamp = {"python": _python(), "locks": {lock.name: _digest(lock) for lock in locks}}
    (environment / "installed.json").write_text(json.dumps(stamp, indent=1))


# Airflow's processes start twice as fast from compiled bytecode, and each of them starts several times.
_FROM_LOCK = ["--quiet", "--require-hashes", "--compile-bytecode"]


def _uv(layout: Layout) -> str:
    """A uv to install with: the one on the PATH if it works, else one in `.uv/`."""
    found = shutil.which("uv")
    if found and _works(found):
        return found
    own = layout.root / ".uv" / "bin" / "uv"
    if not _works(str(own)):
        print("set-up        installing uv into .uv …", flush=True)
        _run(
            [sys.executable, "-m", "venv", "--clear", str(layout.root / ".uv")],
            layout,
            "make an environment for uv",
        )
        _run(
            [
                *(str(own.with_name("python")), "-m", "pip", "install", "--quiet", "--no-deps"),
                *("--disable-pip-version-check", "--require-hashes", "-r", str(layout.locks / "uv.txt")),
            ],
            layout,
            "install uv",
        )
    return str(own)


def _works(uv: str) -> bool:
    try:
        answer = subprocess.run([uv, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return False
    version = re.match(r"uv (\d+)\.(\d+)", answer.stdout)
    return version is not None and (int(version[1]), int(version[2])) >= SUITABLE_UV


def _run_uv(uv: str, layout: Layout, arguments: list[str], **environment: str) -> None:
    # By itself uv must not fetch a Python: that would be something global, and not what the user chose.
    environment = environment or {"UV_PYTHON_DOWNLOADS": "never"}
    _run([uv, *arguments], layout, f"run uv {arguments[0]} {arguments[1]}", **environment)


def _run(command: list[str], layout: Layout, purpose: str, **more: str) -> None:
    environment = os.environ | more
    environment.pop("VIRTUAL_ENV", None)
    answer = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, cwd=layout.root
    )
    if answer.returncode == 0:
        return
    layout.logs.mkdir(parents=True, exist_ok=True)
    log = layout.logs / "set-up.log"
    log.write_text(f"{' '.join(command)}\n{answer.stdout}{answer.stderr}")
    raise Problem(f"Could not {purpose}: {_reason(answer.stdout + answer.stderr)} (all of it: {log})")


def _reason(output: str) -> str:
    """The cause behind an installer's output, in one sentence."""
    if re.search(r"No space left on device", output):
        return "the disk is full; free some space and try again."
    if re.search(UNREACHABLE, output):
        return "the package index cannot be reached; the first installation needs the network."
    if re.search(r"ensurepip is not available|No module named (venv|ensurepip|pip)", output):
        return "this Python lacks venv and pip; install python3-venv, as Debian calls it, or install uv."
    if re.search(r"[Hh]ash mismatch|do not match the hashes", output):
        return "a package differs from what the lock says; nothing was trusted."
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing."


def require_space(folder: Path, needed_gb: float, purpose: str) -> None:
    """Refuse to begin what the disk cannot hold.

    :raises Problem: fewer gigabytes are free where `folder` is, or will be
    """
    while not folder.exists():
        folder = folder.parent
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < needed_gb:
        raise Problem(
            f"The disk is too full: {purpose} needs {needed_gb:g} GB, {free_gb:.1f} GB are free in {folder}."
        )


def _digest(lock: Path) -> str:
    try:
        return hashlib.sha256(lock.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise Problem(f"{lock} is missing: this copy of the project is not complete.") from None


def _python() -> str:
    return f"{'.'.join(map(str, sys.version_info[:3]))} {Path(sys.executable).resolve()}"
