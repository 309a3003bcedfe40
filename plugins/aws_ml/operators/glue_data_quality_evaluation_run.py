"""The gate of data quality: rules that a partition must fulfil before anything is paid for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.operators.glue import GlueDataQualityRuleSetEvaluationRunOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields

from aws_ml.exceptions import RulesBroken
from aws_ml.hooks.documents import write_json
from aws_ml.operators.glue_data_quality_run import GlueDataQualityRun
from aws_ml.operators.remote_job import RECORD_KEY
from aws_ml.waiters.kinds import GLUE_DATA_QUALITY_EVALUATION_RUN, Description, Handle
from aws_ml.waiters.patience import Patience, poll_seconds

if TYPE_CHECKING:
    from airflow.sdk import Context

RESULTS_AT_ONCE = 10
"""How many results BatchGetDataQualityResult is asked for in one call."""


class GlueDataQualityEvaluationRunOperator(GlueDataQualityRun, GlueDataQualityRuleSetEvaluationRunOperator):
    """The provider's evaluation operator, made safe to retry, to kill and to restart, and to read.

    It fails unless every rule passed, with a line for each that did not: the rule and the figures found. A
    rule that could not be evaluated never passes, and neither does a run without results. Such a failure is
    not retried (`aws_ml.retry`), and a task that is cleared after it evaluates anew. What was found lies in
    S3 before it is judged.

    :param config: body of StartDataQualityRulesetEvaluationRun (templated)
    :param bucket: where the report goes (templated)
    :param key: its key (templated)
    :param poll_seconds: seconds between two polls
    :param deferrable: wait on the triggerer instead of on a worker
    :return: ``{"run_id", "result_ids", "rules"}``, `rules` being how many passed
    """

    kind = GLUE_DATA_QUALITY_EVALUATION_RUN
    start = "start_data_quality_ruleset_evaluation_run"
    template_fields: Sequence[str] = aws_template_fields("config", "bucket", "key")
    template_fields_renderers: ClassVar[dict[str, str]] = {"config": "json"}

    def __init__(
        self,
        *,
        config: dict[str, Any],
        bucket: str,
        key: str,
        poll_seconds: float = 30,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(datasource={}, role="", rule_set_names=[], deferrable=deferrable, **kwargs)
        self.config = config
        self.bucket = bucket
        self.key = key
        self.poll_seconds = poll_seconds

    def conclude(self, context: Context, *, handle: Handle, attempt: int, adopted: bool) -> Any:
        """Judge the run; one that found broken rules is not adopted by a later try."""
        try:
            return super().conclude(context, handle=handle, attempt=attempt, adopted=adopted)
        except RulesBroken:
            # The data or the rules have to change first. The task that is then cleared must look again.
            self._with_store(context, lambda store: store.delete(RECORD_KEY))
            raise

    def result(self, handle: Handle, description: Description) -> dict[str, Any]:
        """Read the results and fail with those rules that did not pass."""
        result_ids = list(description.get("ResultIds") or [])
        results = self._results(result_ids)
        rules = [rule for result in results for rule in result.get("RuleResults") or []]
        where = f"{self._called(handle)}, results {', '.join(result_ids) or 'none'}"
        for rule in rules:
            self.log.info("%s %s", rule["Result"], said(rule))
        write_json(self, self.bucket, self.key, report(handle["RunId"], rules))
        broken = [rule for rule in rules if rule["Result"] != "PASS"]
        if broken or not rules or len(results) != len(self.config["RulesetNames"]):
            lines = [said(rule) for rule in broken] or ["There is no result for every ruleset."]
            raise RulesBroken(where, len(rules), lines)
        self.log.info("All %d rules passed", len(rules))
        return {"run_id": handle["RunId"], "result_ids": result_ids, "rules": len(rules)}

    def _results(self, result_ids: Sequence[str]) -> list[Mapping[str, Any]]:
        client = self._client()
        results: list[Mapping[str, Any]] = []
        for at in range(0, len(result_ids), RESULTS_AT_ONCE):
            some = list(result_ids[at : at + RESULTS_AT_ONCE])
            answer = self._patiently(
                lambda some=some: client.batch_get_data_quality_result(ResultIds=some),  # type: ignore[misc]
                Patience(poll_seconds(self.poll_seconds)),
            )
            results += answer["Results"]
        return results


def report(run_id: str, rules: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The document of a run: ``{"run_id", "rules": [{"rule", "outcome", "figures", "message"}]}``.

    `outcome` is PASS, FAIL or ERROR; `figures` are what Glue evaluated, by its names of them.
    """
    return {
        "run_id": run_id,
        "rules": [
            {
                "rule": _text(rule),
                "outcome": rule["Result"],
                "figures": rule.get("EvaluatedMetrics") or {},
                "message": rule.get("EvaluationMessage"),
            }
            for rule in rules
        ],
    }


def said(rule: Mapping[str, Any]) -> str:
    """One rule and what was found, e.g. ``Mean "age" > 18: found Column.age.Mean 17.2``."""
    text = _text(rule)
    figures = ", ".join(f"{name} {value:.6g}" for name, value in (rule.get("EvaluatedMetrics") or {}).items())
    message = str(rule.get("EvaluationMessage") or "")
    if rule.get("Result") == "ERROR":
        return f"{text}: could not be evaluated: {message or 'AWS gives no reason'}"
    # The message names the worst figure again; where there is none, or it is NULL, it is all there is to say.
    if not figures or "NULL" in message:
        return f"{text}: {f'found {figures}; ' if figures else ''}{message or 'AWS gives no figures'}"
    return f"{text}: found {figures}"


def _text(rule: Mapping[str, Any]) -> str:
    return str(rule.get("Description") or rule.get("EvaluatedRule") or rule.get("Name", "a rule"))
