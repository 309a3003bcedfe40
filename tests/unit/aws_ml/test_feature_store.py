"""The feature group of a workflow: what it is made of, what is refused, and what of a group can change."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from aws_ml.feature_store import additions, definitions, differences, leftovers
from aws_ml.workflow import load_workflow
from tests.unit.aws_ml.test_workflow import DELETE, GOOD, column, problems

ROOT = Path(__file__).parents[3]
LOAN = load_workflow(ROOT / "include" / "workflows" / "loan_approval.yaml")
CENSUS = load_workflow(ROOT / "tests" / "workflows" / "census_income.yaml")


def feature(name: str, kind: str = "String", **more: Any) -> dict[str, Any]:
    return {"FeatureName": name, "FeatureType": kind, **more}


def group(*features: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A feature group as it is wanted, or as it is described."""
    return {
        "RecordIdentifierFeatureName": "id",
        "EventTimeFeatureName": "at",
        "FeatureDefinitions": [feature("id"), feature("at", "Fractional"), *features],
        "OnlineStoreConfig": {"EnableOnlineStore": True},
        "OfflineStoreConfig": {
            "S3StorageConfig": {"S3Uri": "s3://b/k/"},
            "DataCatalogConfig": {"TableName": "t", "Catalog": "AwsDataCatalog", "Database": "d"},
        },
        **changes,
    }


class TestDefinitions:
    def test_every_column_but_the_label_is_a_feature(self) -> None:
        """The label is not known when the model is asked, so it is no feature."""
        assert {each["FeatureName"]: each["FeatureType"] for each in definitions(LOAN)} == {
            "application_id": "String",
            "applied_at": "Fractional",
            "age": "Fractional",
            "sex": "String",
            "region": "String",
            "employment": "String",
            "income": "Fractional",
            "loan_amount": "Fractional",
            "term_months": "Integral",
            "credit_history_years": "Fractional",
            "existing_debt": "Fractional",
            "late_payments": "Integral",
            "purpose": "String",
        }

    def test_a_workflow_without_key_and_time_has_rows_and_days(self) -> None:
        first, second, third, *_ = definitions(CENSUS)
        assert first == feature("row_id")
        assert second == feature("event_time", "Fractional")
        assert third == feature("age", "Integral")

    def test_a_group_is_called_as_its_workflow(self) -> None:
        assert (LOAN.feature_group, CENSUS.feature_group) == ("loan-approval", "census-income")


COLUMNS = GOOD["data"]["columns"]
MANY = [*COLUMNS, *(column(f"extra_{number}") for number in range(2501 - 13))]


@pytest.mark.parametrize(
    ("changes", "path", "says"),
    [
        # a feature named twice
        (
            {"feature_store__features": ["income", "age", "income"]},
            "feature_store.features[2]",
            "found income for the second time; allowed: each feature once",
        ),
        # an unknown column
        (
            {"feature_store__features": ["incone", "age"]},
            "feature_store.features[0]",
            r"did you mean income\?",
        ),
        ({"feature_store__entity": "applicant"}, "feature_store.entity", 'found "applicant"; allowed: app'),
        ({"feature_store__event_time": "applied"}, "feature_store.event_time", r"did you mean applied_at\?"),
        ({"feature_store__notes__incone": {"description": "x"}}, "feature_store.notes.incone", "unknown key"),
        # the label
        (
            {"feature_store__features": ["age", "approved"]},
            "feature_store.features[1]",
            "approved, the label",
        ),
        ({"feature_store__entity": "approved"}, "feature_store.entity", "a column other than the label"),
        # the key of the rows, where entities are others
        (
            {
                "feature_store__entity": "customer",
                "feature_store__features": ["age", "application_id"],
                "data__columns": [*COLUMNS, column("customer", required=True)],
            },
            "feature_store.features[1]",
            "found application_id, the row's own key",
        ),
        # a reserved name
        (
            {"data__columns": [*COLUMNS, column("write_time", "timestamp")]},
            "data.columns[14].name",
            "found write_time; that name is reserved for the time of writing of the feature store",
        ),
        ({"data__columns": [*COLUMNS, column("is_deleted")]}, "data.columns[14].name", "reserved"),
        ({"data__columns": [*COLUMNS, column("api_invocation_time")]}, "data.columns[14].name", "reserved"),
        ({"data__columns": [*COLUMNS, column("month")]}, "data.columns[14].name", "reserved for a partition"),
        (
            {"data__columns": [*COLUMNS, column("city_")]},
            "data.columns[14].name",
            "ends with a letter or a digit",
        ),
        # an entity that may be missing, or is written in several ways
        ({"feature_store__entity": "region"}, "feature_store.entity", "found region; allowed: a column with"),
        (
            {"feature_store__entity": "age"},
            "feature_store.entity",
            "found age of type number; allowed: a string",
        ),
        # an event time that is none, or may be missing
        (
            {"feature_store__event_time": "age"},
            "feature_store.event_time",
            "found age of type number; allowed: a",
        ),
        (
            {"feature_store__event_time": "since", "data__columns": [*COLUMNS, column("since", "date")]},
            "feature_store.event_time",
            "found since; allowed: a column with `required: true`, or null",
        ),
        (
            {
                "feature_store__event_time": None,
                "feature_store__notes": {},
                "data__columns": [*COLUMNS, column("event_time")],
            },
            "feature_store.event_time",
            "found null beside a column event_time",
        ),
        # 2,501 features
        (
            {"data__columns": MANY},
            "data.columns",
            "found 2,501 features with entity and event time; allowed: 2,500 in a feature group",
        ),
        # what one key says for itself
        ({"feature_store__group": "-loans"}, "feature_store.group", "a letter or digit at both ends"),
        ({"feature_store__batch_size": 26}, "feature_store.batch_size", "less than or equal to 25"),
        ({"feature_store__window_days": 0}, "feature_store.window_days", "greater than or equal to 1"),
        ({"feature_store__ttl_hours": 0}, "feature_store.ttl_hours", "greater than or equal to 1"),
        (
            {"feature_store__notes__age": {"description": "x" * 256}},
            "feature_store.notes.age.description",
            "255",
        ),
        ({"feature_store__online": "yes"}, "feature_store.online", "a valid boolean"),
    ],
)
def test_a_group_that_could_not_be_made_is_refused_when_the_file_is_loaded(
    changes: dict[str, Any], path: str, says: str
) -> None:
    (said,) = problems(**{"feature_store__enabled": True, "feature_store__notes": {}, **changes})
    assert re.search(rf"^loan_approval.yaml:\d+: {re.escape(path)}: ", said), said
    assert re.search(says, said), said


def test_2500_features_are_not_too_many() -> None:
    assert problems(data__columns=MANY[:-1], feature_store__enabled=True) == []


def test_what_is_left_out_may_have_any_name() -> None:
    """A reserved name is no matter as long as it is no feature."""
    changes = {"data__columns": [*COLUMNS, column("month")], "feature_store__features": ["age", "income"]}
    assert problems(**changes, feature_store__enabled=True, feature_store__notes=DELETE) == []


def test_without_a_store_nothing_is_asked_of_the_names() -> None:
    changes = {"data__columns": [*COLUMNS, column("is_deleted")], "feature_store__enabled": False}
    assert problems(**changes) == []


class TestAgainstTheGroupThatIsThere:
    def test_the_same_group_is_fine(self) -> None:
        assert differences(group(feature("a")), group(feature("a"))) == []

    def test_a_changed_type_is_told_with_both(self) -> None:
        said = differences(group(feature("a", "Fractional")), group(feature("a", "Integral")))
        assert said == ["its feature a is Integral, wanted is Fractional"]

    def test_a_collection_is_another_type(self) -> None:
        there = group(feature("a", CollectionType="List"))
        assert differences(group(feature("a")), there) == [
            "its feature a is List of String, wanted is String"
        ]

    def test_another_entity_or_event_time(self) -> None:
        there = group(RecordIdentifierFeatureName="other", EventTimeFeatureName="then")
        assert differences(group(), there) == [
            "its entity is other, wanted is id",
            "its event time is then, wanted is at",
        ]

    @pytest.mark.parametrize(
        ("wanted", "there", "says"),
        [
            ({}, {"OnlineStoreConfig": None}, "it has no online store, wanted is one"),
            (
                {},
                {"OnlineStoreConfig": {"EnableOnlineStore": False}},
                "it has no online store, wanted is one",
            ),
            ({"OnlineStoreConfig": None}, {}, "it has an online store, wanted is none"),
            ({}, {"OfflineStoreConfig": None}, "it has no offline store, wanted is one"),
            (
                {},
                {"OfflineStoreConfig": {"DisableGlueTableCreation": True}},
                "its offline store has no table in the Glue catalog, wanted is one: Athena reads that",
            ),
        ],
    )
    def test_stores_that_are_others(self, wanted: Any, there: Any, says: str) -> None:
        assert differences(group(**wanted), group(**there)) == [says]

    def test_names_that_differ_in_case_would_be_one_column_in_athena(self) -> None:
        assert differences(group(feature("a")), group(feature("A"))) == [
            "its feature A differs from a only in case"
        ]

    def test_additions_must_leave_it_within_aws_limit(self) -> None:
        """2,500 there and wanted, one of which is new: 2,501."""
        many = [feature(f"f{number}") for number in range(2498)]
        assert differences(group(*many), group(*many)) == []
        (said,) = differences(group(feature("new")), group(*many))
        assert said == "with what is added it would have 2,501 features, AWS allows 2,500"

    def test_what_is_new_and_what_is_left(self) -> None:
        wanted, there = [feature("a"), feature("b")], [feature("c"), feature("a")]
        assert additions(wanted, there) == [feature("b")]
        assert leftovers(wanted, there) == ["c"]
