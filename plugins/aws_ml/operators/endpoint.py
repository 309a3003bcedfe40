"""SageMaker endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.operators.sagemaker import SageMakerEndpointOperator

from aws_ml.exceptions import RemoteJobFailed
from aws_ml.operators.remote_job import RemoteWork
from aws_ml.waiters.kinds import ENDPOINT, Description, Handle

if TYPE_CHECKING:
    from airflow.sdk import Context


class EndpointOperator(RemoteWork, SageMakerEndpointOperator):
    """The provider's endpoint operator, made honest and safe to retry.

    It creates the endpoint or updates it, whichever is due, and succeeds only if the endpoint then serves
    the wanted configuration. The provider's calls an update that was rolled back a success.

    Killing the task doesn't touch the endpoint: it may serve people, and AWS can't stop an update anyway.

    :param config: body of CreateEndpoint, and of UpdateEndpoint without its tags (templated)
    :param poll_seconds: seconds between two polls
    :param deferrable: wait on the triggerer instead of on a worker
    :return: ``{"name", "arn", "config"}``
    """

    kind = ENDPOINT

    def __init__(
        self, *, config: dict[str, Any], poll_seconds: float = 30, deferrable: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(config=config, deferrable=deferrable, **kwargs)
        self.poll_seconds = poll_seconds

    def execute(self, context: Context) -> Any:
        """Bring the endpoint to the wanted configuration, or take up where an earlier try was."""
        self.preprocess_config()
        handle = {"EndpointName": self.config["EndpointName"]}
        record = self.recorded(context)
        endpoint = self.describe(handle)
        # A call that was recorded but never reached AWS left the endpoint as it was seen before it.
        sent = record is not None and record.get("seen") != _seen(endpoint)
        return self.deploy(context, handle=handle, sent=sent)

    def deploy(self, context: Context, *, handle: Handle, sent: bool) -> Any:
        """Look at the settled endpoint and do what is due.

        :param sent: whether this task has sent its Create or Update already; then whatever the endpoint
            has become is the outcome
        """
        endpoint = self.describe(handle)
        if endpoint is not None and not self.kind.phase(endpoint).settled:
            return self.follow(context, handle, "deploy", stop_on_kill=False, sent=sent)
        if endpoint is not None and self._serves(endpoint):
            self.forget(context)
            config = endpoint["EndpointConfigName"]
            return {"name": handle["EndpointName"], "arn": endpoint["EndpointArn"], "config": config}
        self.record(context, {"seen": _seen(endpoint)})
        if sent:
            raise self._not_deployed(handle, endpoint)
        if endpoint is not None and endpoint["EndpointStatus"] == "Failed":
            self.log.info("Endpoint %s has failed and serves nobody: deleting it", handle["EndpointName"])
            self._client().delete_endpoint(**handle)  # the only operation that AWS allows on it
            return self.follow(context, handle, "deploy", stop_on_kill=False, sent=False)
        self._send(endpoint)
        return self.follow(context, handle, "deploy", stop_on_kill=False, sent=True)

    def _serves(self, endpoint: Description) -> bool:
        wanted = self.config["EndpointConfigName"]
        return bool(endpoint["EndpointStatus"] == "InService" and endpoint["EndpointConfigName"] == wanted)

    def _send(self, endpoint: Description | None) -> None:
        name, config = self.config["EndpointName"], self.config["EndpointConfigName"]
        if endpoint is None:
            self.log.info("Creating endpoint %s with %s", name, config)
            self._client().create_endpoint(**self.config)
        else:
            self.log.info("Updating endpoint %s to %s", name, config)
            update = {key: value for key, value in self.config.items() if key != "Tags"}
            self._client().update_endpoint(**update)

    def _not_deployed(self, handle: Handle, endpoint: Description | None) -> Exception:
        if endpoint is None or endpoint["EndpointStatus"] != "InService":
            return self.failure(handle, endpoint)
        reason = self.kind.reason(endpoint) or "AWS gives no reason"
        state = f"rolled back, it still serves {endpoint['EndpointConfigName']}"
        return RemoteJobFailed(self._called(handle), state, reason, self._where(handle, endpoint))


def _seen(endpoint: Description | None) -> str | None:
    return None if endpoint is None else str(endpoint["LastModifiedTime"].isoformat())
