"""Search for feature groups and features through boto3."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.feature_store import DEFINITIONS, created, group_request, updated
from tests.support.stand_in import StandIn

AGE = {"FeatureName": "age", "FeatureType": "String"}


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """Three groups: applicants, claims (with a TTL and a description) and scores, made in this order."""
    running = StandIn(tmp_path_factory.mktemp("aws"))
    client = running.client("sagemaker")
    client_tags = [{"Key": "team", "Value": "risk"}, {"Key": "cost", "Value": "7"}]
    created(running, group_request("applicants", Tags=client_tags))
    ttl = {"EnableOnlineStore": True, "TtlDuration": {"Unit": "Days", "Value": 30}}
    created(running, group_request("claims", OnlineStoreConfig=ttl, Description="of cars"))
    created(running, group_request("scores", FeatureDefinitions=[*DEFINITIONS[:2], AGE]))
    client.update_feature_metadata(
        FeatureGroupName="claims",
        FeatureName="income",
        Description="of a month",
        ParameterAdditions=[{"Key": "owner", "Value": "risk"}, {"Key": "unit", "Value": "EUR"}],
    )
    yield running
    running.stop()


def search(stand_in: StandIn, resource: str = "FeatureGroup", **request: Any) -> dict[str, Any]:
    answer: dict[str, Any] = stand_in.client("sagemaker").search(Resource=resource, **request)
    return answer


def names(stand_in: StandIn, expression: dict[str, Any] | None, **more: Any) -> list[str]:
    """The names of the groups that are found, the one made first before the others."""
    given = {"SearchExpression": expression} if expression else {}
    answer = search(stand_in, SortBy="CreationTime", SortOrder="Ascending", **given, **more)
    found = [each["FeatureGroup"]["FeatureGroupName"] for each in answer["Results"]]
    assert answer["TotalHits"] == {"Value": len(found), "Relation": "EqualTo"}
    return found


def condition(name: str, how: str | None = None, value: str | None = None) -> dict[str, Any]:
    given = {"Name": name, "Operator": how, "Value": value}
    return {"Filters": [{key: text for key, text in given.items() if text is not None}]}


@pytest.mark.parametrize(
    ("name", "how", "value", "found"),
    [
        ("FeatureGroupName", "Equals", "claims", ["claims"]),
        ("FeatureGroupName", None, "claims", ["claims"]),
        ("FeatureGroupName", "NotEquals", "claims", ["applicants", "scores"]),
        ("FeatureGroupName", "Contains", "c", ["applicants", "claims", "scores"]),
        ("FeatureGroupName", "Contains", "la", ["claims"]),
        ("FeatureGroupName", "In", "scores, claims", ["claims", "scores"]),
        ("Description", "Exists", None, ["claims"]),
        ("Description", "NotExists", None, ["applicants", "scores"]),
        ("Description", "NotEquals", "of cars", ["applicants", "scores"]),
        ("Tags.team", "Equals", "risk", ["applicants"]),
        ("Tags.team", "NotExists", None, ["claims", "scores"]),
        ("AllTags", "Contains", "cos", ["applicants"]),
        ("FeatureDefinitions.FeatureName", "Equals", "age", ["scores"]),
        ("FeatureDefinitions.FeatureName", "NotEquals", "age", ["applicants", "claims"]),
        ("OnlineStoreConfig.TtlDuration.Value", "GreaterThan", "29.5", ["claims"]),
        ("OnlineStoreConfig.TtlDuration.Value", "GreaterThan", "30", []),
        ("OnlineStoreConfig.TtlDuration.Value", "GreaterThanOrEqualTo", "30", ["claims"]),
        ("OnlineStoreConfig.TtlDuration.Value", "LessThan", "30", []),
        ("OnlineStoreConfig.TtlDuration.Value", "LessThanOrEqualTo", "30", ["claims"]),
        ("OnlineStoreConfig.EnableOnlineStore", "Equals", "true", ["applicants", "claims", "scores"]),
        ("OnlineStoreConfig.TtlDuration", "Exists", None, ["claims"]),
        ("FeatureGroupStatus", "Equals", "CreateFailed", []),
    ],
)
def test_a_filter(stand_in: StandIn, name: str, how: str | None, value: str | None, found: list[str]) -> None:
    assert names(stand_in, condition(name, how, value)) == found


def test_times_are_compared_in_utc(stand_in: StandIn) -> None:
    hour = timedelta(hours=1)
    before, after = (f"{datetime.now(UTC) + shift:%Y-%m-%dT%H:%M:%S}" for shift in (-hour, hour))
    assert len(names(stand_in, condition("CreationTime", "GreaterThan", before))) == 3
    assert names(stand_in, condition("CreationTime", "GreaterThan", after)) == []


def test_expressions_within_expressions(stand_in: StandIn) -> None:
    risk, cars = condition("Tags.team", "Equals", "risk"), condition("Description", "Contains", "cars")
    both = {"Filters": [*risk["Filters"], *cars["Filters"]]}
    assert names(stand_in, both) == []
    assert names(stand_in, {**both, "Operator": "Or"}) == ["applicants", "claims"]
    not_claims = condition("FeatureGroupName", "NotEquals", "claims")
    either = {"SubExpressions": [risk, cars], "Operator": "Or"}
    assert names(stand_in, {"SubExpressions": [either, not_claims]}) == ["applicants"]
    assert names(stand_in, None) == ["applicants", "claims", "scores"]


def test_a_nested_filter_is_about_one_item_of_the_list(stand_in: StandIn) -> None:
    """All groups have a feature `event_time` and a feature that is Integral; none has both in one."""

    def nested(name: str, kind: str) -> dict[str, Any]:
        filters = [
            {"Name": "FeatureDefinitions.FeatureName", "Operator": "Equals", "Value": name},
            {"Name": "FeatureDefinitions.FeatureType", "Operator": "Equals", "Value": kind},
        ]
        return {"NestedFilters": [{"NestedPropertyName": "FeatureDefinitions", "Filters": filters}]}

    assert names(stand_in, {"Filters": nested("event_time", "Integral")["NestedFilters"][0]["Filters"]}) == [
        "applicants", "claims", "scores",
    ]  # fmt: skip
    assert names(stand_in, nested("event_time", "Integral")) == []
    assert names(stand_in, nested("age", "String")) == ["scores"]


def test_order_and_pages(stand_in: StandIn) -> None:
    def all_pages(**request: Any) -> list[str]:
        found, token = [], ""
        while True:
            answer = search(stand_in, MaxResults=2, **request, **({"NextToken": token} if token else {}))
            found += [each["FeatureGroup"]["FeatureGroupName"] for each in answer["Results"]]
            assert answer["TotalHits"]["Value"] == 3
            token = answer.get("NextToken", "")
            if not token:
                return found

    assert all_pages(SortBy="FeatureGroupName", SortOrder="Ascending") == ["applicants", "claims", "scores"]
    assert all_pages(SortBy="FeatureGroupName") == ["scores", "claims", "applicants"]
    assert all_pages(SortBy="Description") == ["claims", "scores", "applicants"]  # what has none is last
    assert all_pages(SortBy="Description", SortOrder="Ascending") == ["applicants", "scores", "claims"]
    updated(stand_in, "applicants", OnlineStoreConfig={"TtlDuration": {}})
    assert all_pages() == ["applicants", "scores", "claims"]  # by LastModifiedTime, the newest first


def test_features(stand_in: StandIn) -> None:
    def features(expression: dict[str, Any]) -> list[dict[str, Any]]:
        answer = search(stand_in, "FeatureMetadata", SearchExpression=expression)
        return [each["FeatureMetadata"] for each in answer["Results"]]

    (found,) = features(condition("Parameters.owner", "Equals", "risk"))
    assert (found["FeatureGroupName"], found["FeatureName"]) == ("claims", "income")
    assert found["Description"] == "of a month"
    assert found["Parameters"] == [{"Key": "owner", "Value": "risk"}, {"Key": "unit", "Value": "EUR"}]
    assert features(condition("AllParameters", "Contains", "EUR")) == [found]
    ages = features(condition("FeatureName", "Contains", "age"))
    assert [(each["FeatureGroupName"], each["FeatureType"]) for each in ages] == [("scores", "String")]
    in_claims = features(condition("FeatureGroupName", "Equals", "claims"))
    assert {each["FeatureName"] for each in in_claims} == {"customer_id", "event_time", "income", "City"}


def test_tags_of_a_group_change(stand_in: StandIn) -> None:
    client = stand_in.client("sagemaker")
    arn = client.describe_feature_group(FeatureGroupName="scores")["FeatureGroupArn"]
    late = condition("Tags.late", "Equals", "yes")
    assert names(stand_in, late) == []
    added = client.add_tags(ResourceArn=arn, Tags=[{"Key": "late", "Value": "yes"}])
    assert added["Tags"] == [{"Key": "late", "Value": "yes"}]
    (found,) = search(stand_in, SearchExpression=late)["Results"]
    assert found["FeatureGroup"]["Tags"] == [{"Key": "late", "Value": "yes"}]
    assert client.list_tags(ResourceArn=arn)["Tags"] == added["Tags"]
    client.delete_tags(ResourceArn=arn, TagKeys=["late"])
    assert names(stand_in, late) == []
    assert client.list_tags(ResourceArn=arn)["Tags"] == []


def refused(stand_in: StandIn, resource: str = "FeatureGroup", **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        search(stand_in, resource, **request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


TAGGED = {"NestedPropertyName": "Tags", "Filters": [{"Name": "Tags.Key", "Operator": "Exists"}]}
ELSEWHERE = {
    "NestedPropertyName": "FeatureDefinitions",
    "Filters": condition("Description", "Exists")["Filters"],
}


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ({}, "needs at least one of Filters"),
        (condition("Colour", "Exists"), "Colour is no property of a FeatureGroup"),
        (condition("FeatureDefinitions.Colour", "Exists"), "FeatureDefinitions.Colour is no property"),
        (condition("Parameters.owner", "Exists"), "Parameters.owner is no property of a FeatureGroup"),
        (condition("FeatureGroupName", "GreaterThan", "a"), "GreaterThan is for numbers and times"),
        (condition("CreationTime", "Contains", "2026"), "Contains is for texts, and it is timestamp"),
        (condition("CreationTime", "LessThan", "yesterday"), "'yesterday' is not a time such as"),
        (condition("OnlineStoreConfig.TtlDuration.Value", "Equals", "x"), "'x' is not a number"),
        (condition("OnlineStoreConfig.EnableOnlineStore", "Equals", "1"), "'1' is not true or false"),
        (condition("OnlineStoreConfig", "Equals", "x"), "a structure can be asked for Exists"),
        (condition("Description", "Exists", "x"), "Exists takes no Value"),
        (condition("Description", "Equals"), "Equals needs a Value"),
        ({"NestedFilters": [TAGGED]}, "NestedPropertyName Tags is no list"),
        ({"NestedFilters": [ELSEWHERE]}, "must start with FeatureDefinitions."),
        (
            {"SubExpressions": [{"Filters": condition("Description", "Exists")["Filters"] * 17}] * 3},
            "most 50",
        ),
    ],
)
def test_what_aws_would_not_accept(stand_in: StandIn, expression: dict[str, Any], says: str) -> None:
    code, message = refused(stand_in, SearchExpression=expression)
    assert code == "ValidationException"
    assert says in message


def test_an_order_that_there_is_not(stand_in: StandIn) -> None:
    assert "cannot be sorted by a list" in refused(stand_in, SortBy="FeatureDefinitions.FeatureName")[1]


def test_what_is_not_emulated_is_refused_by_name(stand_in: StandIn) -> None:
    assert refused(stand_in, "TrainingJob")[0] == "NotImplemented"
    assert "Search with Resource TrainingJob" in refused(stand_in, "TrainingJob")[1]
    assert "CrossAccount" in refused(stand_in, CrossAccountFilterOption="CrossAccount")[1]
    conditions = [{"Key": "Tags.team", "Value": "risk"}]
    assert "VisibilityConditions" in refused(stand_in, VisibilityConditions=conditions)[1]
