"""The runtime's rules of time: what is online afterwards, and what goes to the offline store."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from local_aws.app import open_context
from local_aws.services.context import Context
from local_aws.services.sagemaker.feature_store import offline, quick
from local_aws.services.sagemaker.feature_store import record as runtime
from local_aws.services.sagemaker.feature_store.keeper import KIND, Keeper
from local_aws.settings import Settings
from local_aws.wire import protocol, validation
from local_aws.wire.errors import AwsError
from local_aws.wire.registry import Call, Sent
from local_aws.wire.request import Request
from tests.support.feature_store import DEFINITIONS, plain, record

EARLY, MIDDLE, LATE = (f"2026-01-15T{hour:02}:00:00Z" for hour in (6, 7, 8))
NEVER = 1e6  # seconds until the offline store is written: the buffer is what the tests look at
WITH_DEFAULTS = {"EnableOnlineStore": True, "StorageType": "Standard"}


class Store:
    """One feature group without a server."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.make("g")

    def make(self, name: str, **changes: Any) -> None:
        body: dict[str, Any] = {
            "FeatureGroupName": name,
            "FeatureGroupArn": f"arn:aws:sagemaker:us-east-1:000000000000:feature-group/{name}",
            "FeatureGroupStatus": "Created",
            "StoreId": f"store of {name}",
            "RecordIdentifierFeatureName": "customer_id",
            "EventTimeFeatureName": "event_time",
            "FeatureDefinitions": DEFINITIONS,
            "OnlineStoreConfig": WITH_DEFAULTS,
            "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://b/k"}},
            "OfflineStoreStatus": {"Status": "Active"},
        }
        self.context.records(KIND).insert(name, body | changes)

    def call(self, how: Callable[[Context, Call], dict[str, Any]], **parameters: Any) -> dict[str, Any]:
        parameters.setdefault("FeatureGroupName", "g")
        call = Call(runtime.SERVICE, "", parameters, None, {}, "us-east-1", "000000000000", "", "", "")
        return how(self.context, call)

    def put(self, time: str, income: Any = None, *, group: str = "g", **more: Any) -> None:
        values = record(customer_id=1, event_time=time, **({"income": income} if income else {}))
        self.call(runtime.put_record, FeatureGroupName=group, Record=values, **more)

    def delete(self, time: str, mode: str, **more: Any) -> None:
        asked = {"RecordIdentifierValueAsString": "1", "EventTime": time, "DeletionMode": mode, **more}
        self.call(runtime.delete_record, **asked)

    def online(self, group: str = "g") -> dict[str, Any] | None:
        """The record of customer 1, without its name."""
        answer = self.call(runtime.get_record, FeatureGroupName=group, RecordIdentifierValueAsString="1")
        if "Record" not in answer:
            return None
        return {key: value for key, value in plain(answer["Record"]).items() if key != "customer_id"}

    def keys(self, prefix: str) -> list[str]:
        """The keys in the bucket b."""
        return [found.key for found in self.context.objects.scan("b", prefix)]

    def bodies(self, group: str) -> list[str]:
        """The records on their way to S3, as they are stored."""
        calls = Keeper.of(self.context).features.buffered(f"store of {group}", 1 << 30, 1 << 30)
        return [row for call in calls for row in call.body.split("\n")]

    def offline(self, group: str = "g") -> list[tuple[str, str | None, bool]]:
        """Event time, income and whether it says "deleted", of each record on its way to S3."""
        return [
            (values[1], values[2], call.deleted)
            for call in Keeper.of(self.context).features.buffered(f"store of {group}", 1 << 30, 1 << 30)
            for values in map(json.loads, call.body.split("\n"))
        ]


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = open_context(Settings(tmp_path, offline_store_seconds=NEVER))
    yield made
    made.running.clear()
    made.engine.close()


@pytest.fixture
def store(context: Context) -> Store:
    return Store(context)


def test_newer_equal_and_older_event_times(store: Store) -> None:
    """Newer and equal: both stores. Older: the offline store only."""
    store.put(MIDDLE, 1.5)
    store.put(EARLY, 2.5)
    assert store.online() == {"event_time": MIDDLE, "income": "1.5"}
    store.put(MIDDLE, 3.5)
    assert store.online() == {"event_time": MIDDLE, "income": "3.5"}
    store.put(LATE)  # a whole record: what it lacks is gone
    assert store.online() == {"event_time": LATE}
    assert store.offline() == [
        (MIDDLE, "1.5", False), (EARLY, "2.5", False), (MIDDLE, "3.5", False), (LATE, None, False),
    ]  # fmt: skip


def test_a_batch_is_in_its_own_order(store: Store) -> None:
    """Of two with the same event time the later one counts; an older one behind it changes nothing."""
    entries = [
        {"FeatureGroupName": "g", "Record": record(customer_id=1, event_time=time, income=income)}
        for time, income in ((MIDDLE, 1.5), (MIDDLE, 2.5), (EARLY, 3.5))
    ]
    store.call(runtime.batch_write_record, Entries=entries)
    assert store.online() == {"event_time": MIDDLE, "income": "2.5"}
    assert len(store.offline()) == 3


def test_target_stores(store: Store) -> None:
    store.put(MIDDLE, 1.5, TargetStores=["OfflineStore"])
    assert store.online() is None
    store.put(EARLY, 2.5, TargetStores=["OnlineStore"])
    assert store.online() == {"event_time": EARLY, "income": "2.5"}
    assert store.offline() == [(MIDDLE, "1.5", False)]


def test_a_soft_delete_hides_the_record_and_keeps_its_time(store: Store) -> None:
    store.put(MIDDLE, 1.5)
    store.delete(LATE, "SoftDelete")
    assert store.online() is None
    assert store.offline()[-1] == (LATE, None, True)
    store.put(MIDDLE, 2.5)  # older than the deletion
    assert store.online() is None
    store.put(LATE, 3.5)
    assert store.online() == {"event_time": LATE, "income": "3.5"}


@pytest.mark.parametrize("event_time", [EARLY, MIDDLE])
def test_a_soft_delete_that_is_not_later_marks_the_offline_store_only(store: Store, event_time: str) -> None:
    store.put(MIDDLE, 1.5)
    store.delete(event_time, "SoftDelete")
    assert store.online() == {"event_time": MIDDLE, "income": "1.5"}
    assert store.offline() == [(MIDDLE, "1.5", False), (event_time, None, True)]


def test_a_hard_delete_forgets_the_record_and_its_time(store: Store) -> None:
    store.put(MIDDLE, 1.5)
    store.delete(LATE, "HardDelete")
    assert store.online() is None
    assert store.offline()[-1] == (LATE, None, True)
    store.put(EARLY, 2.5)  # nothing is left that it could be older than
    assert store.online() == {"event_time": EARLY, "income": "2.5"}


@pytest.mark.parametrize("event_time", [EARLY, MIDDLE])
def test_a_hard_delete_that_is_not_later_changes_nothing_at_all(store: Store, event_time: str) -> None:
    store.put(MIDDLE, 1.5)
    with pytest.raises(AwsError, match="older than the record's own, and must be later"):
        store.delete(event_time, "HardDelete")
    assert store.online() == {"event_time": MIDDLE, "income": "1.5"}
    assert store.offline() == [(MIDDLE, "1.5", False)]


def test_a_hard_delete_of_nothing_marks_the_offline_store(store: Store) -> None:
    store.delete(MIDDLE, "HardDelete")
    assert store.offline() == [(MIDDLE, None, True)]
    store.delete(LATE, "HardDelete", TargetStores=["OnlineStore"])
    assert store.offline() == [(MIDDLE, None, True)]


def test_what_has_expired_is_as_if_it_were_not_there(store: Store) -> None:
    """Also for the order of time: an older record takes its place. A century of seconds is not over yet."""
    day, century = {"Unit": "Seconds", "Value": 86400}, {"Unit": "Weeks", "Value": 5218}
    store.put("2000-01-02T00:00:00Z", 1.5, TtlDuration=day)
    assert store.online() is None
    store.put("2000-01-01T00:00:00Z", 2.5, TtlDuration=century)
    assert store.online() == {"event_time": "2000-01-01T00:00:00Z", "income": "2.5"}
    assert len(store.offline()) == 2


def test_an_update_keeps_the_expiry_of_its_record(store: Store) -> None:
    second = {"EnableOnlineStore": True, "StorageType": "Standard_V2"}
    store.make("second", OnlineStoreConfig=second)
    store.put(MIDDLE, 1.5, group="second", TtlDuration={"Unit": "Weeks", "Value": 5218})
    asked: dict[str, Any] = {"FeatureGroupName": "second", "RecordIdentifierValueAsString": "1"}
    before = store.call(runtime.get_record, **asked, ExpirationTimeResponse="Enabled")["ExpiresAt"]
    store.call(runtime.update_record, **asked, Features=record(City="Ulm", event_time=LATE))
    answer = store.call(runtime.get_record, **asked, ExpirationTimeResponse="Enabled")
    # 5,218 weeks after 2026-01-15T07:00Z, by `date`
    assert answer["ExpiresAt"] == before == "2126-01-17T07:00:00.000Z"
    assert plain(answer["Record"])["City"] == "Ulm"
    with pytest.raises(AwsError, match="older than that of the record"):
        store.call(runtime.update_record, **asked, Features=record(event_time=EARLY))


def test_a_batch_is_written_as_a_whole_or_not_at_all(store: Store) -> None:
    """A group that is deleted while its records are under way takes none, and neither does another one."""
    store.make("other")
    keeper = Keeper.of(store.context)
    batch = runtime.Batch(keeper)
    for name in ("g", "other"):
        schema = keeper.schema(name)
        assert schema is not None
        batch.add(schema, schema.read(record(customer_id=1, event_time=MIDDLE)), None, None)
    keeper._closed.add("store of other")
    with pytest.raises(AwsError, match="is being deleted"):
        batch.write()
    assert store.online() is None
    assert store.offline() == []


@pytest.mark.parametrize("group", ["g", "lists"])
def test_half_a_surrogate_pair_is_no_text(shared: Store, group: str) -> None:
    """JSON can escape it, and neither SQLite nor Parquet can hold it."""
    before = shared.bodies(group)
    with pytest.raises(AwsError, match="City has a value that is no Unicode text"):
        shared.call(
            runtime.put_record,
            FeatureGroupName=group,
            Record=record(customer_id=1, event_time=MIDDLE, City="\ud800"),
        )
    assert shared.bodies(group) == before


# --- the offline store ------------------------------------------------------------------------------


def test_a_flush_does_not_run_after_what_comes_in_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a stream of records would become a stream of files with a few records each."""
    store.context.objects.create_bucket("b")
    storage = {"S3Uri": "s3://b/k", "ResolvedOutputS3Uri": "s3://b/k/data"}
    store.make("bare", OfflineStoreConfig={"S3StorageConfig": storage, "DisableGlueTableCreation": True})
    features, body = Keeper.of(store.context).features, store.context.records(KIND).get("bare").body
    store.put(MIDDLE, 1.5, group="bare")
    read = features.buffered

    def busy(*asked: Any) -> Any:
        found = read(*asked)
        monkeypatch.setattr(features, "buffered", read)
        store.put(LATE, 2.5, group="bare")
        monkeypatch.setattr(features, "buffered", busy)
        return found

    monkeypatch.setattr(features, "buffered", busy)
    offline.flush(store.context, features, body)
    monkeypatch.setattr(features, "buffered", read)
    assert (
        store.offline("bare") == [(LATE, "2.5", False)] * 2
    )  # the last look, which found nothing, counts too
    assert len(store.keys("k/data/")) == 1
    offline.flush(store.context, features, body)
    assert store.offline("bare") == []
    assert len(store.keys("k/data/")) == 2


# --- the quick way ----------------------------------------------------------------------------------

TEXTS = st.one_of(
    st.sampled_from(["1", "-2.5", "7,8", "1e5", "", " ", "nan", "\n", EARLY, LATE, "ü", "\\n", "9" * 400]),
    st.text(max_size=4),
)
VALUES = st.one_of(
    TEXTS, st.none(), st.integers(), st.lists(TEXTS, max_size=2), st.dictionaries(TEXTS, TEXTS)
)
PAIRS = st.fixed_dictionaries(
    {"FeatureName": st.sampled_from(["customer_id", "event_time", "income", "City", "tags", "x"])},
    optional={"ValueAsString": VALUES, "ValueAsStringList": VALUES, "More": VALUES},
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A group for all examples; each looks at what it added to the buffer."""
    made = open_context(Settings(tmp_path_factory.mktemp("store"), offline_store_seconds=NEVER))
    store = Store(made)
    tags = {"FeatureName": "tags", "FeatureType": "String", "CollectionType": "List"}
    store.make("lists", FeatureDefinitions=[*DEFINITIONS, tags])
    yield store
    made.running.clear()
    made.engine.close()


def test_the_quick_way_takes_what_is_plainly_right(store: Store) -> None:
    """Whole records and some with gaps, features in another order, letters beyond ASCII: all are taken."""
    whole = record(customer_id=1, event_time=MIDDLE, income=1.5, City="Köln")
    gap = record(customer_id=2, event_time=EARLY, income="-2.5")
    for records in ([whole], [whole, whole[::-1]], [whole, gap], [gap]):
        entries = [{"FeatureGroupName": "g", "Record": each} for each in records]
        sent = Sent({}, [], json.dumps({"Entries": entries}).encode())
        answer = quick.batch_write_record(store.context, sent)
        assert answer == {"Errors": [], "UnprocessedEntries": []}
    put = quick.put_record(
        store.context, Sent({"FeatureGroupName": "g"}, [], json.dumps({"Record": gap}).encode())
    )
    assert put == {}
    assert [row[:2] for row in store.offline()] == [
        (MIDDLE, "1.5"), (MIDDLE, "1.5"), (MIDDLE, "1.5"), (MIDDLE, "1.5"), (EARLY, "-2.5"), (EARLY, "-2.5"),
        (EARLY, "-2.5"),
    ]  # fmt: skip
    assert store.online() == {"event_time": MIDDLE, "income": "1.5", "City": "Köln"}


def sent_as(text: str) -> Sent:
    return Sent({}, [], text.encode())


def batch_of(*records: list[dict[str, Any]], **how: Any) -> str:
    return json.dumps({"Entries": [{"FeatureGroupName": "g", "Record": each} for each in records]}, **how)


def alike(store: Store, text: str) -> list[tuple[Any, ...]] | None:
    """What the pattern makes of a batch."""
    schema = Keeper.of(store.context).schema("g")
    assert schema is not None
    return schema.read_alike(text)


@pytest.mark.parametrize("how", [{}, {"separators": (",", ":")}, {"ensure_ascii": False}])
def test_batches_that_come_alike_are_read_by_a_pattern(store: Store, how: dict[str, Any]) -> None:
    """From the third whole record on that has its features in the same order; gaps and numbers are free."""
    whole = record(City="Ulm", income="+1.5e-7", customer_id="1", event_time=MIDDLE)
    text = batch_of(whole, record(City="", customer_id=2, event_time=LATE), **how)
    for expected in (None, None):
        assert alike(store, text) is expected
        assert quick.batch_write_record(store.context, sent_as(text)) is not None
    rows = alike(store, text)
    assert rows is not None
    seven = 1768460400.0  # date -u -d 2026-01-15T07:00:00Z +%s
    assert rows == [
        ("1", seven, f'["1","{MIDDLE}","+1.5e-7","Ulm"]'),
        ("2", seven + 3600, f'["2","{LATE}",null,""]'),
    ]
    assert quick.batch_write_record(store.context, sent_as(text)) is not None
    assert store.bodies("g") == [row[2] for row in rows] * 3
    for other in (
        batch_of(whole[::-1], **how),
        batch_of(*[whole] * 26, **how),
        batch_of(record(City='"', customer_id=1, event_time=MIDDLE), **how),
        batch_of(record(income="1e999", customer_id=1, event_time=MIDDLE), **how),
        batch_of(record(customer_id="", event_time=MIDDLE), **how),
        batch_of(record(customer_id=1, event_time="2026-02-30T00:00:00Z"), **how),
        batch_of(record(City="x" * 2**17, customer_id=1, event_time=MIDDLE), **how),
        batch_of(record(customer_id="1" * 2**10, event_time=MIDDLE), **how),
        batch_of(record(customer_id=1), **how),
        batch_of(**how),
        text.replace('"g"', '"h"'),
        text.replace('"}]', '"},]'),
        text.replace('[{"FeatureName', '[,{"FeatureName'),
        text.replace('},{"FeatureName', '}{"FeatureName').replace('}, {"FeatureName', '} {"FeatureName'),
        text.replace('},{"FeatureGroup', '}{"FeatureGroup').replace('}, {"FeatureGroup', '} {"FeatureGroup'),
        "[" + text,
        text + " ",
        text.replace("Ulm", "U\tlm"),
    ):
        assert other != text
        assert alike(store, other) is None


@pytest.fixture(scope="module")
def taught(shared: Store) -> Store:
    whole = record(customer_id=1, event_time=MIDDLE, income=1.5, City="Ulm")
    for _ in range(2):
        assert quick.batch_write_record(shared.context, sent_as(batch_of(whole)))
    return shared


@settings(max_examples=500, deadline=None)
@given(
    compact=st.booleans(),
    at=st.floats(0, 1, exclude_max=True),
    length=st.integers(0, 3),
    put=st.one_of(
        st.text(max_size=2),
        st.sampled_from(["{", "}", "]", "[", ",", ":", '"', "\\", "\\u0061", "null", "},{", '"},', " ", "1"]),
    ),
)
@example(compact=False, at=0, length=0, put=" ")
def test_the_pattern_takes_no_json_otherwise_than_it_is(
    taught: Store, compact: bool, at: float, length: int, put: str
) -> None:
    """A batch with some characters changed: the pattern reads what JSON reads, or nothing."""
    whole = record(customer_id=1, event_time=MIDDLE, income=1.5, City="Ulm")
    gap = record(customer_id=2, event_time=LATE, City="x")
    text = batch_of(whole, gap, separators=(",", ":") if compact else None)
    place = int(at * len(text))
    text = text[:place] + put + text[place + length :]
    rows = alike(taught, text)
    if rows is None:
        return
    schema = Keeper.of(taught.context).schema("g")
    assert schema is not None
    entries = json.loads(text)["Entries"]
    assert all(entry.keys() == {"FeatureGroupName", "Record"} for entry in entries)
    assert all(
        each.keys() == {"FeatureName", "ValueAsString"} for entry in entries for each in entry["Record"]
    )
    assert rows == [schema.read(entry["Record"]) for entry in entries]


@settings(max_examples=300, deadline=None)
@given(made=st.lists(PAIRS, max_size=5), group=st.sampled_from(["g", "lists"]))
@example(made=record(City="\n"), group="g")
@example(made=record(City="\\n"), group="g")
@example(made=[{"FeatureName": "City", "ValueAsString": None}], group="g")
@example(made=[{"FeatureName": "City", "ValueAsString": "x", "ValueAsStringList": ["x"]}], group="g")
@example(made=[{"FeatureName": "City", "ValueAsString": "x", "More": "x"}], group="g")
@example(made=record(City='a"b'), group="g")
@example(made=record(City="a\\b"), group="g")
@example(made=record(income="1,2"), group="g")
@example(made=record(tags=["x", "y"]), group="lists")
@example(made=[{"FeatureName": "tags", "ValueAsString": ["x"]}], group="lists")
@example(made=[{"FeatureName": "tags", "ValueAsStringList": ["x", 1]}], group="lists")
@example(made=[{"FeatureName": "City", "ValueAsStringList": "x"}], group="lists")
def test_the_quick_way_takes_nothing_that_the_other_refuses(
    shared: Store, made: list[dict[str, Any]], group: str
) -> None:
    """Both write the same bytes, or the quick one leaves the record to the other."""
    fine = record(customer_id=1, event_time=MIDDLE, income=1.5, City="Ulm")
    replaced = {each["FeatureName"] for each in made}
    values = [*(each for each in fine if each["FeatureName"] not in replaced), *made]
    before = len(shared.bodies(group))
    entries = [{"FeatureGroupName": group, "Record": each} for each in (values, fine)]
    sent = json.dumps({"Entries": entries}).encode()
    if quick.batch_write_record(shared.context, Sent({}, [], sent)) is None:
        assert len(shared.bodies(group)) == before
        return
    body = json.dumps({"Record": values}).encode()
    where = {"FeatureGroupName": group}
    request = Request("PUT", f"/FeatureGroup/{group}", "", [], {}, io.BytesIO(body))
    parameters = protocol.parse(
        runtime.SERVICE, "PutRecord", request, form=MultiDict(), body=body, path=where
    )
    validation.check(runtime.SERVICE, "PutRecord", parameters, payload=None)
    shared.call(runtime.put_record, **parameters)
    quickly, of_fine, other = shared.bodies(group)[before:]
    assert quickly == other
    assert json.loads(of_fine)[:4] == ["1", MIDDLE, "1.5", "Ulm"]
