"""The contract of stores of definitions: in memory and in DynamoDB."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.domain.definitions.model import Changes, DefinitionRow, Definitions
from chalicelib.domain.errors import Conflict
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.definitions import DefinitionStore
from realtime.testing.stores import MemoryDefinitions
from tests.support.experiments import published, published_flag, published_segment

NOW = 1_800_000_000.0
A, B = published("a"), published("b")
FLAG = published_flag("a")
SEGMENT = published_segment("a", include=["ada"])


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Iterator[Definitions]:
    if request.param == "memory":
        yield MemoryDefinitions()
        return
    settings: Settings = request.getfixturevalue("aws_settings")
    clients: Clients = request.getfixturevalue("service_clients")
    yield DefinitionStore(clients, settings)


def test_an_empty_store_has_version_0_and_nothing_in_it(store: Definitions) -> None:
    assert store.get_changes(None) == Changes(0, None)
    assert store.get_many("experiment", ["a"]) == {}
    assert store.get_all("flag") == {}


def test_published_definitions_are_loaded_by_kind_and_key(store: Definitions) -> None:
    assert store.publish([A, B, FLAG, SEGMENT], 0, NOW) == 1
    assert store.get_many("experiment", ["a", "missing"]) == {"a": _with_version(A, 1)}
    assert store.get_many("flag", ["a", "b", "a"]) == {"a": _with_version(FLAG, 1)}
    assert store.get_many("segment", ["a", "b"]) == {"a": _with_version(SEGMENT, 1)}
    assert store.get_all("experiment") == {"a": _with_version(A, 1), "b": _with_version(B, 1)}
    assert store.get_all("segment") == {"a": _with_version(SEGMENT, 1)}


def test_changes_since_a_version_name_what_was_published_after_it(store: Definitions) -> None:
    store.publish([A, FLAG, SEGMENT], 0, NOW)
    store.publish([B], 1, NOW)
    assert store.get_changes(0) == Changes(
        2, frozenset({("experiment", "a"), ("flag", "a"), ("segment", "a"), ("experiment", "b")})
    )
    assert store.get_changes(1) == Changes(2, frozenset({("experiment", "b")}))
    assert store.get_changes(2) == Changes(2, frozenset())
    assert store.get_changes(None) == Changes(2, None)


def test_a_publish_that_expects_an_older_version_changes_nothing(store: Definitions) -> None:
    store.publish([A], 0, NOW)
    with pytest.raises(Conflict):
        store.publish([published("a", status="paused"), B], 0, NOW)
    assert store.get_changes(None).version == 1
    assert store.get_all("experiment") == {"a": _with_version(A, 1)}


def test_of_concurrent_publishers_one_wins(store: Definitions) -> None:
    def publish(number: int) -> str:
        try:
            store.publish([published("a", name=str(number))], 0, NOW)
        except Conflict:
            return "refused"
        return "published"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(publish, range(8)))
    assert sorted(outcomes) == ["published"] + ["refused"] * 7
    assert store.get_changes(None).version == 1


def test_history_keeps_every_version_of_a_definition(store: Definitions) -> None:
    paused = published("a", status="paused")
    store.publish([A], 0, NOW)
    store.publish([B], 1, NOW)
    store.publish([paused], 2, NOW)
    assert store.get_history("experiment", "a") == [_with_version(paused, 3), _with_version(A, 1)]
    assert store.get_history("flag", "a") == []
    assert sorted(store.get_versions(), key=lambda row: row.version) == [
        _with_version(A, 1),
        _with_version(B, 2),
        _with_version(paused, 3),
    ]


def test_a_segment_has_a_history_of_its_own(store: Definitions) -> None:
    changed, removed = published_segment("a", include=["bob"]), DefinitionRow("segment", "a", "", "removed")
    store.publish([A, SEGMENT], 0, NOW)
    store.publish([changed], 1, NOW)
    store.publish([removed], 2, NOW)
    assert store.get_history("segment", "a") == [
        _with_version(removed, 3),
        _with_version(changed, 2),
        _with_version(SEGMENT, 1),
    ]
    assert store.get_history("experiment", "a") == [_with_version(A, 1)]
    assert store.get_all("segment") == {}


def test_history_says_who_published_and_when(store: Definitions) -> None:
    store.publish([A, FLAG], 0, NOW, "ada", "rollback to 7")
    for row in (*store.get_history("flag", "a"), *store.get_versions()):
        assert (row.published_at, row.published_by) == ("2027-01-15T08:00:00.000Z", "ada")
        assert row.published_note == "rollback to 7"
    assert store.get_all("flag")["a"].published_at == "2027-01-15T08:00:00.000Z"


def test_a_definition_without_text_is_removed_and_can_come_back(store: Definitions) -> None:
    store.publish([A, B], 0, NOW)
    removed = DefinitionRow("experiment", "a", "", "removed")
    store.publish([removed], 1, NOW, "ada")
    assert store.get_many("experiment", ["a"]) == {}
    assert (
        store.get_many("experiment", ["a", "b"]) == {"b": _with_version(B, 1)} == store.get_all("experiment")
    )
    assert store.get_changes(1) == Changes(2, frozenset({("experiment", "a")}))
    assert store.get_history("experiment", "a") == [_with_version(removed, 2), _with_version(A, 1)]
    store.publish([A], 2, NOW)
    assert store.get_many("experiment", ["a"]) == {"a": _with_version(A, 3)}


def test_more_definitions_than_fit_one_transaction_are_published_as_one(store: Definitions) -> None:
    many = [published(f"e{number}") for number in range(130)]
    segments = [published_segment(f"s{number}") for number in range(70)]
    assert store.publish([A], 0, NOW) == 1
    assert store.publish([*many, *segments], 1, NOW) == 2
    assert len(store.get_all("experiment")) == 131
    assert len(store.get_all("segment")) == 70
    assert store.get_many("experiment", [item.key for item in many]).keys() == {item.key for item in many}
    changes = store.get_changes(1)
    assert changes.keys is not None
    assert len(changes.keys) == 200
    with pytest.raises(Conflict):
        store.publish(many, 1, NOW)
    assert store.publish([B], 2, NOW) == 3


def test_versions_since_a_time_are_those_and_the_one_before_them(store: Definitions) -> None:
    store.publish([A, B, FLAG], 0, NOW)
    store.publish([replace(A, text='{"key": "a", "n": 2}')], 1, NOW + 10)
    store.publish([replace(A, text='{"key": "a", "n": 3}'), published("c")], 2, NOW + 20)
    store.publish([replace(A, text="", status="")], 3, NOW + 30)

    def list_since(since: float) -> list[tuple[str, int]]:
        return sorted((row.key, row.version) for row in store.get_versions_since("experiment", since))

    assert list_since(NOW + 30) == []
    assert list_since(NOW + 29) == [("a", 3), ("a", 4)]
    assert list_since(NOW + 15) == [("a", 2), ("a", 3), ("a", 4), ("c", 3)]
    everything = [("a", version) for version in (1, 2, 3, 4)] + [("b", 1), ("c", 3)]
    assert list_since(NOW - 1) == list_since(float("-inf")) == everything


def test_versions_since_a_publication_that_lists_no_changes_are_all(store: Definitions) -> None:
    many = [published(f"e{number}", description="x" * 5) for number in range(1001)]
    store.publish(many, 0, NOW)
    rows = store.get_versions_since("experiment", NOW - 1)
    assert {row.key for row in rows} == {row.key for row in many}


def _with_version(definition: DefinitionRow, version: int) -> DefinitionRow:
    return DefinitionRow(definition.kind, definition.key, definition.text, definition.status, version)


def test_restored_versions_are_as_they_were_and_publications_go_on_after_them(store: Definitions) -> None:
    copy = MemoryDefinitions()
    removed = DefinitionRow("flag", "a", "", "removed")
    copy.publish([A, FLAG], 0, NOW, "ada")
    copy.publish([published("a", status="paused"), SEGMENT], 1, NOW + 60, "grace", "rollback to 7")
    copy.publish([removed, B], 2, NOW + 120.5)
    versions, written = copy.get_versions(), list[int]()
    store.restore(versions, NOW, on_written=written.append)
    assert sum(written) == len(versions) + 4
    assert sorted(map(_list_fields, store.get_versions())) == sorted(map(_list_fields, versions))
    for kind in ("experiment", "flag", "segment"):
        assert store.get_all(kind) == copy.get_all(kind)
    assert store.get_history("flag", "a") == [_with_version(removed, 3), _with_version(FLAG, 1)]
    assert store.get_changes(None) == Changes(3, None)
    everything = frozenset((row.kind, row.key) for row in versions)
    assert store.get_changes(0).keys in (None, everything)  # for a container that has seen nothing yet
    assert store.publish([FLAG], 3, NOW + 180) == 4
    assert store.get_many("flag", ["a"]) == {"a": _with_version(FLAG, 4)}
    assert store.get_changes(3) == Changes(4, frozenset({("flag", "a")}))


def test_nothing_is_restored_over_what_is_published(store: Definitions) -> None:
    store.publish([A], 0, NOW)
    with pytest.raises(Conflict, match="published already"):
        store.restore([_with_version(B, 1)], NOW)
    assert store.get_versions() == [_with_version(A, 1)]
    assert store.get_all("experiment") == {"a": _with_version(A, 1)}


def _list_fields(row: DefinitionRow) -> tuple[object, ...]:
    return row.version, row.kind, row.key, row.text, row.published_at, row.published_by, row.published_note
