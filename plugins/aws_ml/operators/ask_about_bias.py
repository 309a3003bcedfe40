"""A person decides on bias that the gate will not decide on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.providers.standard.operators.hitl import HITLBranchOperator, HITLOperator
from airflow.sdk import Param
from airflow.sdk.api.datamodels._generated import HITLUser
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError, TaskAwaitingInput
from airflow.sdk.execution_time.comms import CreateHITLDetailPayload

from aws_ml import decision, form
from aws_ml.exceptions import AnswerUnusable, FormOutdated
from aws_ml.hooks.documents import read_json, write_json
from aws_ml.operators.decide_on_bias import ANSWER

if TYPE_CHECKING:
    from airflow.sdk import Context

FOLLOWS = {
    decision.APPROVE: "the data is published as it is, whatever its bias",
    decision.MITIGATE: "the mitigation job runs, and bias is measured again",
    decision.REJECT: "the run stops, and nothing is learned from the data",
}
MAX_REASON = 2000


class AskAboutBiasOperator(HITLBranchOperator, AwsBaseOperator[S3Hook]):
    """Airflow's own human-in-the-loop operator, with the gate's numbers in its form.

    The task waits in state `awaiting_input`, without worker and triggerer, for an answer in the UI or over
    REST. The answer goes to an XCom, because the stock operator returns none when it branches, and the task
    that it leads to writes it into `decision.json`. While the question is open, `decision.json` accepts
    nothing; clearing the task asks again.

    :param bucket: bucket of the decision (templated)
    :param decision_key: key of `decision.json`, which has the numbers (templated)
    :param branches: for each option the task to follow
    :param users: ids of the users who may answer; empty: everyone who may act on the DAG
    :param timeout_hours: how long to wait; then `on_timeout` is the answer
    :param on_timeout: ``reject`` or ``approve``
    :return: the id of the task to follow; XCom `answer` holds the answer, see `aws_ml.decision`
    """

    aws_hook_class = S3Hook
    template_fields: Sequence[str] = aws_template_fields("bucket", "decision_key", "subject")

    def __init__(
        self,
        *,
        bucket: str,
        decision_key: str,
        branches: Mapping[str, str],
        users: Sequence[str],
        timeout_hours: float,
        on_timeout: str,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("params", None)  # Airflow passes the DAG's; the form is about the answer alone
        super().__init__(
            options=list(branches),
            options_mapping=dict(branches),
            defaults=on_timeout.capitalize(),
            response_timeout=timedelta(hours=timeout_hours),
            assigned_users=[{"id": user, "name": user} for user in users],
            params={
                "reason": Param(
                    "",
                    type="string",
                    source="task",
                    maxLength=MAX_REASON,
                    title="Reason",
                    description="Kept in decision.json with your name.",
                )
            },
            **kwargs,
        )
        self.bucket = bucket
        self.decision_key = decision_key
        self.users = users
        self.timeout_hours = timeout_hours
        self.on_timeout = on_timeout

    def execute(self, context: Context) -> None:
        """Ask, and leave the worker."""
        uri = f"s3://{self.bucket}/{self.decision_key}"
        record = decision.reopened(decision.checked(read_json(self, self.bucket, self.decision_key), uri))
        choices = {option: FOLLOWS[option] for option in self.options}
        self.body = form.body(record, choices, self.timeout_hours, self.on_timeout, uri)
        write_json(self, self.bucket, self.decision_key, record)
        self._show(context)
        self.log.info("Waiting for one of %s", ", ".join(self.options))
        raise TaskAwaitingInput(method_name="execute_complete", timeout=self.response_timeout)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Keep the answer, and follow it.

        :raises AnswerUnusable: another form than ours, which REST lets through; a retry asks again
        """
        try:
            HITLOperator.execute_complete(self, context, event)
        except (ValueError, ParamValidationError) as error:
            raise AnswerUnusable(f"{error}") from error
        (choice,) = event["chosen_options"]
        user = event["responded_by_user"]
        context["ti"].xcom_push(
            key=ANSWER,
            value={
                "choice": choice,
                "reason": str((event["params_input"] or {}).get("reason") or "").strip(),
                "by": None if user is None else {"id": user["id"], "name": user["name"]},
                "at": event["responded_at"].isoformat(),
                "timed_out": user is None,
            },
        )
        return self.do_branch(context, self.options_mapping[choice])

    def _show(self, context: Context) -> None:
        """Have Airflow show the form, as the stock operator does, and look at what it really shows.

        When a task that has asked is cleared, Airflow forgets the answer but keeps the form as it was first
        shown, and there is no call to change it. With the same numbers that is right.

        :raises AirflowFailException: the form has numbers that are no longer true
        """
        from airflow.sdk.execution_time import task_runner

        shown: Any = task_runner.SUPERVISOR_COMMS.send(
            CreateHITLDetailPayload(
                ti_id=context["task_instance"].id,
                options=self.options,
                subject=self.subject,
                body=self.body,
                defaults=self.defaults,
                params=self.serialized_params,
                multiple=False,
                assigned_users=[HITLUser(id=user, name=user) for user in self.users],
            )
        )
        if (shown.body, list(shown.options)) != (self.body, self.options):
            raise AirflowFailException(str(FormOutdated("Start a new run for this day.")))
