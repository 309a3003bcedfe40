"""Rulesets of Glue Data Quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.operators.glue import GlueDataQualityOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.sdk.exceptions import AirflowFailException
from botocore.exceptions import ClientError

from aws_ml.exceptions import RequestRefused
from aws_ml.waiters.patience import error_code

if TYPE_CHECKING:
    from airflow.sdk import Context


class GlueDataQualityRulesetOperator(GlueDataQualityOperator):
    """The provider's ruleset operator, made safe to repeat: a ruleset that is there is left as it is.

    The name must say the content, as `aws_ml.requests.glue_data_quality_ruleset` makes it.

    :param config: body of CreateDataQualityRuleset (templated)
    :return: ``{"name"}``
    """

    template_fields: Sequence[str] = aws_template_fields("config")
    template_fields_renderers: ClassVar[dict[str, str]] = {"config": "json"}

    def __init__(self, *, config: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(name="", ruleset="", **kwargs)
        self.config = config

    def execute(self, context: Context) -> dict[str, str]:
        """Create the ruleset unless it is there; one that Glue cannot read fails at once."""
        name = self.config["Name"]
        try:
            self.hook.get_conn().create_data_quality_ruleset(**self.config)
            self.log.info("Created ruleset %s:\n%s", name, self.config["Ruleset"])
        except ClientError as error:
            if error_code(error) == "InvalidInputException":
                raise AirflowFailException(str(RequestRefused(f"Ruleset {name}: {error}"))) from error
            if error_code(error) != "AlreadyExistsException":
                raise
            self.log.info("Ruleset %s is there already", name)
        return {"name": name}
