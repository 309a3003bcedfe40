"""Answer requests from a file as the endpoint would: `score.py <unpacked archive> <requests> <answers>`.

Both files hold one JSON document a line; an answer is ``{"seconds": <how long it took>, "answer": <text>}``.
The program imports nothing of the project but the archive's own code/inference.py; run it with `python -I`,
so that nothing else is on the path either. What the archive lacks, it lacks here too, before it is deployed.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from pathlib import Path
from types import ModuleType


def score(archive: Path, requests: Path, answers: Path) -> None:
    """Load the archive as a model server does, and answer line by line."""
    served = _module(archive / "code" / "inference.py")
    model = served.model_fn(str(archive))
    with requests.open(encoding="utf-8") as lines, answers.open("w", encoding="utf-8") as out:
        for line in lines:
            began = time.perf_counter()
            predictions = served.predict_fn(served.input_fn(line, "application/json"), model)
            answer = served.output_fn(predictions, "application/json")
            out.write(json.dumps({"seconds": time.perf_counter() - began, "answer": answer}) + "\n")


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("inference", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules["inference"] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    score(*(Path(argument) for argument in sys.argv[1:4]))
