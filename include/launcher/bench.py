"""`make bench`: how long, how much memory, how much time outside of jobs. Printed, never asserted.

`make run` itself and the cost of DAG files are measured here; each part of the project has a program of its
own in `tests/bench/`, which prints its table. `make bench ONLY=run,bias` measures some of them.
"""

from __future__ import annotations

import ast
import os
import resource
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from launcher import timing
from launcher.problem import Problem
from launcher.settings import Choices

# Only these are copied to run from scratch: what a fresh clone holds.
CLONE = ("dags", "plugins", "include", "locks", "Makefile")
IMPORT_ROUNDS = 5
SAMPLE_SECONDS = 0.5
# What a DAG file imports of these is what it uses; the floor is there even for one that makes no DAG.
OPERATORS = ("airflow", "aws_ml.operators", "aws_ml.sensors")
FLOOR = "from airflow.sdk import DAG"


@dataclass(frozen=True)
class Measured:
    """One `make run`."""

    seconds: float
    peak_gib: float  # proportional set size of all its processes together


def bench(choices: Choices) -> int:
    """Measure what `ONLY` names, or everything."""
    parts: dict[str, Callable[[], None]] = {
        "run": lambda: runs(choices),
        "dags": lambda: dag_files(choices),
        **{
            file.stem: partial(program, choices, file.stem)
            for file in sorted((choices.layout.root / "tests" / "bench").glob("[a-z]*.py"))
        },
    }
    chosen = [name for name in os.environ.get("ONLY", "").split(",") if name] or list(parts)
    if unknown := sorted(set(chosen) - set(parts)):
        raise Problem(f"ONLY={','.join(unknown)}: there is no such benchmark; there are: {', '.join(parts)}.")
    for name in chosen:
        parts[name]()
    return 0


def runs(choices: Choices) -> None:
    """A fresh and a second `make run`, in a copy of the project."""
    copy = choices.layout.home / "bench"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for name in CLONE:
        source = choices.layout.root / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, copy / name)
    try:
        fresh = make_run(copy, "fresh")
        second = make_run(copy, "second")
        times = timing.read(copy / ".local" / "reports" / choices.workflow / choices.date / "timing.json")
    finally:
        shutil.rmtree(copy, ignore_errors=True)
    print("\nmake run                     seconds   peak memory (PSS)")
    for name, run in (("fresh, warm package cache", fresh), ("second", second)):
        print(f"  {name:<26} {run.seconds:7.0f}   {run.peak_gib:.2f} GiB")
    print("\nstage (second run)           seconds   outside jobs")
    for stage in times:
        print(f"  {stage.stage:<26} {stage.seconds:7.1f}   {stage.outside_share:.0%}")
    total, inside = sum(stage.seconds for stage in times), sum(stage.in_jobs for stage in times)
    print(f"  {'all':<26} {total:7.1f}   {1 - inside / total:.0%}", flush=True)


def dag_files(choices: Choices) -> None:
    """What importing each DAG file costs, against importing the operators that it uses."""
    print("\nDAG file                     seconds   ratio to importing the operators that it uses")
    for file in sorted((choices.layout.root / "dags").glob("*.py")):
        whole, operators = import_seconds(choices, file)
        print(f"  {file.name:<26} {whole:7.2f}   {whole / operators:.2f}", flush=True)


def program(choices: Choices, name: str) -> None:
    """One program of `tests/bench`, in the jobs' environment.

    :raises Problem: it failed
    """
    root = choices.layout.root
    path = os.pathsep.join(str(part) for part in (root / "include", root / "plugins", root))
    print(f"\nbench         {name} …", flush=True)
    done = subprocess.run(
        [str(choices.layout.jobs_python), "-m", f"tests.bench.{name}"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": path},
        check=False,
    )
    if done.returncode != 0:
        raise Problem(f"The benchmark {name} failed.")


def make_run(folder: Path, name: str) -> Measured:
    """Run `make run` in a folder on free ports, and watch its memory.

    :raises Problem: the run was not green
    """
    print(f"bench         {name} make run …", flush=True)
    log = folder / f"{name}.log"
    environment = os.environ | {"PORT": "0", "AWS_PORT": "0"}
    began = time.monotonic()
    with log.open("w") as output:
        # The Python that made this environment is one that the locks fit.
        python = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
        process = subprocess.Popen(
            ["make", "run", f"PYTHON={python}"],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        peak = Peak(process.pid)
        with peak:
            code = process.wait()
    seconds = time.monotonic() - began
    if code != 0:
        raise Problem(f"The {name} make run was not green:\n{log.read_text()}")
    return Measured(seconds, peak.kib / 2**20)


class Peak:
    """The largest sum of proportional set sizes of a process and all its descendants, sampled."""

    def __init__(self, root: int) -> None:
        self.kib = 0
        self._root = root
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self.kib = max(self.kib, sum(_pss_kib(pid) for pid in _family(self._root)))


def import_seconds(choices: Choices, dag_file: Path) -> tuple[float, float]:
    """Processor time to run a DAG file, and to import only the operators and sensors that it names."""
    tree = ast.parse(dag_file.read_text())
    imports = [
        ast.unparse(node)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(OPERATORS)
    ]
    whole = f"import runpy; runpy.run_path({str(dag_file)!r})"
    return _processor_seconds(choices, whole), _processor_seconds(choices, "\n".join([FLOOR, *imports]))


def _processor_seconds(choices: Choices, program: str) -> float:
    """The median over some fresh interpreters; the first, which may compile, does not count."""
    layout = choices.layout
    environment = os.environ | {
        "PYTHONPATH": f"{layout.root / 'include'}{os.pathsep}{layout.root / 'plugins'}",
        "AIRFLOW_HOME": str(layout.home / "bench-airflow"),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    seconds = []
    for _ in range(1 + IMPORT_ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    shutil.rmtree(layout.home / "bench-airflow", ignore_errors=True)
    return statistics.median(seconds[1:])


def _family(root: int) -> list[int]:
    """A process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    family, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        family.append(pid)
        waiting.extend(parents.get(pid, []))
    return family


def _pss_kib(pid: int) -> int:
    """A process's share of the memory that it uses; 0 for one that has just ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
