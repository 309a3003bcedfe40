"""SageMaker resources that never change: their name says their content.

A model or an endpoint configuration can't be updated. With the content's digest in the name, a retry finds
what it made before, and a cleared task whose input changed makes a new one, which an endpoint then sees as a
different configuration to roll out.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, ClassVar

from botocore.exceptions import ClientError

from aws_ml.run import suffixed
from aws_ml.waiters.patience import is_missing

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.operators.sagemaker import SageMakerBaseOperator
    from airflow.sdk import Context

    Operator = SageMakerBaseOperator
else:
    Operator = object


class ContentNamed(Operator):
    """Create a resource under `<name>-<8 hex of its content>` unless it is there."""

    resource: ClassVar[str]
    """The resource's name in AWS's API, e.g. `Model`."""
    snake: ClassVar[str]
    """The same as in boto3's methods, e.g. `model`."""

    def content(self) -> Any:
        """All that makes two resources different. Tags don't."""
        return {key: value for key, value in self.config.items() if key != "Tags"}

    def execute(self, context: Context) -> dict[str, str]:
        """Create the resource unless one of this content is there."""
        self.preprocess_config()
        text = json.dumps(self.content(), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        name = suffixed(self.config[f"{self.resource}Name"], digest)
        arn = self._find(name)
        if arn is None:
            self.log.info("Creating %s %s", self.resource, name)
            create = getattr(self.hook.get_conn(), f"create_{self.snake}")
            try:
                arn = create(**{**self.config, f"{self.resource}Name": name})[f"{self.resource}Arn"]
            except ClientError:
                # botocore repeats a call whose answer got lost: the first one did it.
                arn = self._find(name)
                if arn is None:
                    raise
        else:
            self.log.info("%s %s is there already", self.resource, name)
        return {"name": name, "arn": arn}

    def _find(self, name: str) -> str | None:
        describe = getattr(self.hook.get_conn(), f"describe_{self.snake}")
        try:
            arn: str = describe(**{f"{self.resource}Name": name})[f"{self.resource}Arn"]
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        return arn
