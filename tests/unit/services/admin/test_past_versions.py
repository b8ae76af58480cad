"""Past versions are read once, and then only what is new."""

from collections import Counter
from typing import Any

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.services.admin.past_versions import MAX_QUERIES, PastVersions
from realtime.testing.stores import MemoryDefinitions


class CountedDefinitions(MemoryDefinitions):
    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def get_versions(self) -> list[DefinitionRow]:
        self.calls["all"] += 1
        return super().get_versions()

    def get_history(self, kind: Any, key: str) -> list[DefinitionRow]:
        self.calls["one"] += 1
        return [row for row in super().get_versions()[::-1] if (row.kind, row.key) == (kind, key)]


def publish(store: MemoryDefinitions, *keys: str, text: str = "{}") -> None:
    status = "active" if text else "removed"
    rows = [DefinitionRow("flag", key, text, status) for key in keys]
    store.publish(rows, store.get_changes(None).version, 0.0, "ann", "why")


def test_all_versions_are_read_once_and_then_those_that_are_new() -> None:
    store = CountedDefinitions()
    past = PastVersions(store)
    publish(store, "a", "b")
    assert [row.version for row in past.read()["flag", "a"]] == [1]
    publish(store, "a")
    assert [row.version for row in past.read()["flag", "a"]] == [2, 1]
    assert [row.version for row in past.read()["flag", "b"]] == [1]
    assert store.calls == {"all": 1, "one": 1}


def test_publications_come_in_pages_newest_first() -> None:
    store = CountedDefinitions()
    past = PastVersions(store)
    for number in range(5):
        publish(store, f"f{number}", "all")
    assert [each.version for each in past.list_publications(2, None)] == [5, 4]
    assert [each.version for each in past.list_publications(2, 4)] == [3, 2]
    assert [each.version for each in past.list_publications(9, 2)] == [1]
    newest = past.list_publications(1, None)[0]
    assert (newest.published_by, newest.note) == ("ann", "why")
    assert [row.key for row in newest.rows] == ["all", "f4"]


def test_one_publication_has_its_texts_and_those_before_it() -> None:
    store = CountedDefinitions()
    past = PastVersions(store)
    publish(store, "a", text='{"old":1}')
    publish(store, "a", "b", text='{"new":1}')
    publish(store, "a", text="")
    found = past.read_texts(2)
    assert found is not None
    publication, earlier = found
    assert [row.text for row in publication.rows] == ['{"new":1}', '{"new":1}']
    assert [row.text for row in earlier["flag", "a"]] == ['{"old":1}']
    assert not earlier["flag", "b"]
    assert past.read_texts(9) is None


def test_of_a_large_publication_all_versions_are_read_at_once() -> None:
    store = CountedDefinitions()
    past = PastVersions(store)
    publish(store, *(f"f{number}" for number in range(MAX_QUERIES + 1)), text='{"x":1}')
    found = past.read_texts(1)
    assert found is not None
    assert {row.text for row in found[0].rows} == {'{"x":1}'}
    assert store.calls["one"] == 0
