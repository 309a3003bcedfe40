"""Libraries of Airflow's environment that talk to AWS by themselves."""

from tests.support.stand_in import stand_in, start_stand_in

__all__ = ["stand_in", "start_stand_in"]
