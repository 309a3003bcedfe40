"""What a data quality run is, as a process of its own.

    python3 -m local_aws.images.data_quality.program task.json answer.json

    task      {"table": see source.open_table, "rulesets": {name: text}, "recommend": bool,
               "columns": [name, …]}
    answer    {"results": {name: {"Score", "RuleResults", "AggregatedMetrics"}}, "ruleset": text or null}

Exit status 1 and a last line on stderr say why there is no answer.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import duckdb

from local_aws.images.data_quality.dqdl import parse
from local_aws.images.data_quality.evaluate import Evaluator
from local_aws.images.data_quality.recommend import NothingToRecommend, recommend
from local_aws.images.data_quality.source import ROWS, Unreadable, name, open_table


def main(task_file: Path, answer_file: Path) -> None:
    """Do the task; the answer is whole or not there."""
    task = json.loads(task_file.read_text(encoding="utf-8"))
    spill = task_file.parent / "spill"
    spill.mkdir()
    connection = open_table(task["table"], spill)
    row = connection.execute(f"SELECT count(*) FROM {name(ROWS)}").fetchone()  # noqa: S608 - a constant
    rows = int(row[0]) if row else 0
    say(f"{rows} rows, {len(task['columns'])} columns")
    results = {
        ruleset: evaluated(Evaluator(connection), text, rows) for ruleset, text in task["rulesets"].items()
    }
    recommended = recommend(connection, task["columns"]) if task["recommend"] else None
    if recommended:
        say(recommended)
    fresh = answer_file.with_suffix(".part")
    fresh.write_text(json.dumps({"results": results, "ruleset": recommended}), encoding="utf-8")
    fresh.replace(answer_file)


def evaluated(evaluator: Evaluator, text: str, rows: int) -> dict[str, Any]:
    """The result of one ruleset, as GetDataQualityResult answers it."""
    results = evaluator.evaluate(parse(text))
    for result in results:
        figures = ", ".join(f"{metric} {value:g}" for metric, value in result["EvaluatedMetrics"].items())
        say(f"{result['Result']:5} {result['Description']}: {figures or result.get('EvaluationMessage', '')}")
    passed = sum(result["Result"] == "PASS" for result in results)
    return {
        "Score": passed / len(results),
        "RuleResults": results,
        "AggregatedMetrics": {
            "TotalRowsProcessed": float(rows),
            "TotalRulesProcessed": float(len(results)),
            "TotalRulesPassed": float(passed),
            "TotalRulesFailed": float(len(results) - passed),
        },
    }


def say(line: str) -> None:
    """A line of the run's log."""
    print(line, flush=True)  # noqa: T201 - a job's standard output is its CloudWatch log


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    except (Unreadable, NothingToRecommend, duckdb.Error) as why:
        sys.exit(f"{type(why).__name__}: {' '.join(str(why).split())}")
