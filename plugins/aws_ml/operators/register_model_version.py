"""Versions in SageMaker's model registry."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.operators.sagemaker import SageMakerRegisterModelVersionOperator
from botocore.exceptions import ClientError

from aws_ml.choice import CHAMPION
from aws_ml.hooks.aws import client_for
from aws_ml.hooks.model_registry import version, versions
from aws_ml.requests.model_package import DIGEST, RUN_KEY
from aws_ml.waiters.patience import error_code

if TYPE_CHECKING:
    from airflow.sdk import Context


class RegisterModelVersionOperator(SageMakerRegisterModelVersionOperator):
    """The provider's operator for model versions, made safe to retry.

    The stock operator makes a second version whenever it is run a second time. Here a version of the same
    run with the same archive is found again, whatever became of its approval. A champion that stays is
    registered already.

    :param config: body of CreateModelPackage (templated)
    :param group_description: of the model package group, which is made if it is not there
    :param chosen: which candidate was chosen, as `ChooseModelOperator` says (templated)
    :param chosen_source: where that candidate comes from; a champion's version (templated)
    :return: ``{"arn", "version", "approval", "registered"}``: registered is whether it is new
    """

    template_fields: Sequence[str] = ("config", "chosen", "chosen_source")
    template_fields_renderers: ClassVar[dict[str, str]] = {"config": "json"}

    def __init__(
        self,
        *,
        config: dict[str, Any],
        group_description: str,
        chosen: str,
        chosen_source: str,
        **kwargs: Any,
    ) -> None:
        (container,) = config["InferenceSpecification"]["Containers"]
        super().__init__(
            image_uri=container["Image"],
            model_url=container["ModelDataUrl"],
            package_group_name=config["ModelPackageGroupName"],
            config=config,
            **kwargs,
        )
        self.group_description = group_description
        self.chosen = chosen
        self.chosen_source = chosen_source

    def execute(self, context: Context) -> dict[str, Any]:
        """Find the version, or register it."""
        client = client_for(self, "sagemaker")
        if self.chosen == CHAMPION:
            self.log.info("The champion stays: %s", self.chosen_source)
            return self._told(client, self.chosen_source, registered=False)
        group, wanted = self.config["ModelPackageGroupName"], self.config["CustomerMetadataProperties"]
        self._ensure_group(client, group)
        for found in versions(client, group):
            if all(found.metadata.get(key) == wanted[key] for key in (RUN_KEY, DIGEST)):
                self.log.info("Version %d is this run's model already", found.number)
                return self._told(client, found.arn, registered=False)
        # A repeated call, whose first answer got lost, is known to AWS by its token.
        identity = "\0".join([group, wanted[RUN_KEY], wanted[DIGEST], context["ti"].run_id])
        token = hashlib.sha256(identity.encode()).hexdigest()[:32]
        arn = client.create_model_package(**self.config, ClientToken=token)["ModelPackageArn"]
        self.log.info("Registered %s", arn)
        return self._told(client, arn, registered=True)

    def _ensure_group(self, client: Any, group: str) -> None:
        try:
            client.create_model_package_group(
                ModelPackageGroupName=group,
                ModelPackageGroupDescription=self.group_description,
                Tags=self.config.get("Tags", []),
            )
            self.log.info("Made the model package group %s", group)
        except ClientError as error:
            said = str(error.response["Error"].get("Message", ""))
            if error_code(error) != "ValidationException" or "already exists" not in said:
                raise

    def _told(self, client: Any, arn: str, *, registered: bool) -> dict[str, Any]:
        found = version(client, arn)
        return {
            "arn": found.arn,
            "version": found.number,
            "approval": found.approval,
            "registered": registered,
        }
