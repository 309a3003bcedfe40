"""The workflow files and the rules speak of the same things."""

from aws_ml.training_rules import RULES as CHOSEN
from jobs.training.rules import MAXIMIZED, RULES


def test_rules_and_their_parameters_are_named_alike_on_both_sides():
    assert {name: set(one.parameters) for name, one in CHOSEN.items()} == {
        name: set(one.parameters) for name, one in RULES.items()
    }


def test_what_grows_as_a_model_improves_is_told_alike():
    from local_aws.images.metrics import MAXIMIZED as GROWING

    assert set(GROWING) | {"pre"} == MAXIMIZED
