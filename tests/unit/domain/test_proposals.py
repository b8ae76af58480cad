"""Which changes wait for approval, and which proposals are outdated."""

from collections.abc import Sequence
from typing import Any

import pytest

from chalicelib.domain.definitions.compiler import parse_experiment, parse_flag, parse_segment
from chalicelib.domain.definitions.model import DefinitionName, DefinitionRow
from chalicelib.domain.definitions.uses import get_kind
from chalicelib.domain.errors import NotFound
from chalicelib.domain.proposals import (
    Documents,
    Proposal,
    ProposedChange,
    find_published_since,
    make_note,
    needs_approval,
    parse_id,
)
from chalicelib.domain.publishing.author import Author

ADA = Author("ada", "key 1", "key 1")
FLAG: DefinitionName = ("flag", "f")
OTHER: DefinitionName = ("flag", "g")
SEGMENT: DefinitionName = ("segment", "s")


def flag(key: str = "f", **fields: Any) -> Any:
    return parse_flag({"key": key, "type": "boolean", **fields})


def documents(*listed: Any) -> Documents:
    return {(get_kind(document), document.key): document for document in listed}


PROTECTED = documents(
    flag(approvals=1, rules=[{"when": {"segment": "s"}, "serve": "on"}], default="off"),
    flag("g"),
    parse_segment({"key": "s", "when": {"segment": "inner"}}),
    parse_segment({"key": "inner", "include": ["ada"]}),
    parse_segment({"key": "other"}),
)


def test_nothing_waits_where_nobody_asks_for_approvals() -> None:
    assert not needs_approval([OTHER], documents(flag("g")), documents(flag("g", enabled=False)), 0)


def test_every_change_of_an_environment_with_approvals_waits() -> None:
    assert needs_approval([OTHER], {}, documents(flag("g")), 1)
    assert not needs_approval([], {}, {}, 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (PROTECTED, documents(flag(approvals=1))),
        (PROTECTED, documents(flag())),  # the protection is taken away
        (documents(flag()), PROTECTED),  # and given
        (PROTECTED, {}),
        ({}, PROTECTED),
    ],
)
def test_every_change_of_a_flag_with_approvals_waits(before: Documents, after: Documents) -> None:
    assert needs_approval([FLAG], before, after, 0)


@pytest.mark.parametrize(("changed", "waits"), [("s", True), ("inner", True), ("other", False)])
def test_a_flag_with_approvals_protects_the_segments_that_it_uses(changed: str, waits: bool) -> None:
    assert needs_approval([("segment", changed)], PROTECTED, PROTECTED, 0) is waits
    assert not needs_approval([OTHER], PROTECTED, PROTECTED, 0)


def test_an_experiment_with_approvals_is_protected_too() -> None:
    variants = {"a": 1, "b": 1}
    experiment = parse_experiment({"key": "e", "variants": variants, "approvals": 1})
    assert needs_approval([("experiment", "e")], documents(experiment), {}, 0)


def propose(*changes: tuple[str, str, str], base: int = 5) -> Proposal:
    named = tuple(ProposedChange(*change) for change in changes)  # type: ignore[arg-type]
    return Proposal(
        named, base, Author("ada", "key 1", "key 1"), "2027-01-15T08:00:00.000Z", "darker", number=12
    )


def row(kind: Any, key: str, version: int) -> DefinitionRow:
    return DefinitionRow(kind, key, "{}", "active", version)


@pytest.mark.parametrize(
    ("change", "published", "outdated"),
    [
        ("changed", [row("flag", "f", 5)], False),
        ("changed", [row("flag", "f", 5), row("flag", "g", 9)], False),  # another was published since
        ("changed", [row("flag", "f", 6)], True),
        ("changed", [], True),  # removed since
        ("removed", [row("flag", "f", 1)], False),
        ("removed", [row("flag", "f", 6)], True),
        ("removed", [], True),
        ("added", [], False),
        ("added", [row("flag", "f", 6)], True),  # somebody else has added it
        ("added", [row("experiment", "f", 6)], False),
    ],
)
def test_a_proposal_is_outdated_if_what_it_changes_was_published_since(
    change: str, published: Sequence[DefinitionRow], outdated: bool
) -> None:
    rows = {(each.kind, each.key): each for each in published}
    names = find_published_since(propose(("flag", "f", change)), rows)
    assert names == ([FLAG] if outdated else [])


def test_ids_are_read_as_they_are_written() -> None:
    assert parse_id(propose().id) == 12
    for text in ("", "p-", "12x", "p-1.5", "p--1", "p-²", "p-" + "1" * 30):
        with pytest.raises(NotFound, match="p-12"):
            parse_id(text)


def test_the_history_says_who_proposed() -> None:
    assert make_note(propose(), Author("bob")) == "p-12 proposed by ada (key 1): darker"
    assert make_note(propose(), Author("bob", "key 2"), "looks fine").endswith(
        ": darker; approved: looks fine; key 2"
    )
