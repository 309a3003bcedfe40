"""The stand-in's own contract tests: live servers, spoken to through boto3."""

from tests.support.stand_in import stand_in, start_stand_in

__all__ = ["stand_in", "start_stand_in"]
