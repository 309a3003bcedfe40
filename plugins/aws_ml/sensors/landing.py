"""Wait for the files of a day, believe nothing but one's own eyes, and say which ones did not come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.sdk.exceptions import AirflowSensorTimeout

if TYPE_CHECKING:
    from airflow.sdk import Context


class LandingSensor(S3KeySensor):
    """The provider's sensor, which would take any event for the files' arrival, and whose message for a wait
    that was too long is "Trigger timeout".
    """

    def execute_complete(self, context: Context, event: Any) -> None:
        """Look again, whatever the event says.

        Airflow knows triggers by number, and on SQLite a deleted trigger's number goes to the next one: the
        late event of a cleared task wakes another task, even one that waits for something else. If S3 has
        something against this task, looking says it too.
        """
        self.execute(context)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Go on after the wait.

        :raises AirflowSensorTimeout: nothing came within `timeout`; it is not retried
        """
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowSensorTimeout as error:
            raise AirflowSensorTimeout(
                f"No file came within {self.timeout / 3600:g} hours: "
                f"nothing matches s3://{self.bucket_name}/{self.bucket_key}. "
                "Land the files, then clear this task."
            ) from error
