"""What webhooks are told, in one sentence and as fields."""

import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.announcements import (
    Announcement,
    announce_kill,
    announce_proposal,
    announce_publication,
    announce_split_alarm,
    announce_test,
)
from chalicelib.domain.proposals import Proposal, ProposedChange
from chalicelib.domain.publishing.author import Author
from tests.support.experiments import experiment

NOW = 1_800_000_000.0
ADA, BOB = Author("ada", "", "key 1"), Author("bob", "", "key 2")
CHANGES = (ProposedChange("flag", "dark", "changed"), ProposedChange("segment", "beta", "removed"))
PROPOSAL = Proposal(CHANGES, 11, ADA, "", "too dark", number=12)
APPROVED = replace(PROPOSAL.decide("approved", BOB, "", "fine"), published_version=13)


@pytest.mark.parametrize(
    ("announcement", "text"),
    [
        (
            announce_publication(13, ADA, "too dark", CHANGES, NOW),
            "ada published version 13 in prod: flag dark changed, segment beta removed. Reason: too dark",
        ),
        (
            announce_publication(13, ADA, "", CHANGES[:1], NOW),
            "ada published version 13 in prod: flag dark changed.",
        ),
        (
            announce_kill(14, ADA, "errors", "dark", NOW),
            "ada killed the flag dark in prod, version 14. Reason: errors",
        ),
        (
            announce_proposal(replace(PROPOSAL, changes=CHANGES[:1]), NOW),
            "ada proposes p-12 in prod, which waits for approval: flag dark changed. Reason: too dark",
        ),
        (
            announce_proposal(replace(APPROVED, changes=CHANGES[:1]), NOW),
            "bob approved p-12 of ada in prod: flag dark changed. Reason: fine",
        ),
        (
            announce_proposal(replace(PROPOSAL, changes=CHANGES[:1]).decide("rejected", BOB, ""), NOW),
            "bob rejected p-12 of ada in prod: flag dark changed.",
        ),
        (announce_test(ADA, NOW), "This is a test of the webhook from prod, asked for by ada."),
    ],
)
def test_a_sentence_says_who_what_and_why(announcement: Announcement, text: str) -> None:
    assert read(announcement)["text"] == text


def read(announcement: Announcement) -> Any:
    return json.loads(announcement.write("prod", "d_1"))


def test_the_same_stands_in_fields() -> None:
    assert read(announce_publication(13, ADA, "too dark", CHANGES, NOW)) == {
        "text": "ada published version 13 in prod: flag dark changed, segment beta removed. Reason: too dark",
        "id": "d_1",
        "event": "publication",
        "at": "2027-01-15T08:00:00.000Z",
        "environment": "prod",
        "version": 13,
        "by": "ada",
        "reason": "too dark",
        "definitions": [
            {"kind": "flag", "key": "dark", "change": "changed"},
            {"kind": "segment", "key": "beta", "change": "removed"},
        ],
        "definitions_total": 2,
        "proposal": None,
    }


@pytest.mark.parametrize(
    ("proposal", "state", "version"),
    [
        (PROPOSAL, "opened", None),
        (APPROVED, "approved", 13),
        (PROPOSAL.decide("rejected", BOB, ""), "rejected", None),
    ],
)
def test_a_proposal_is_named_with_what_became_of_it(
    proposal: Proposal, state: str, version: int | None
) -> None:
    fields = read(announce_proposal(proposal, NOW))
    assert fields["proposal"] == {"id": "p-12", "state": state}
    assert fields["version"] == version


def test_an_alarm_names_the_experiment() -> None:
    fields = read(announce_split_alarm(experiment("checkout", iteration=2), 0.00012345, NOW))
    assert fields["text"].startswith(
        "The split of the experiment checkout in prod is not as defined (iteration 2, p = 0.00012)."
    )
    assert fields["definitions"] == [{"kind": "experiment", "key": "checkout", "change": None}]
    assert fields["by"] is None


def test_slack_takes_nothing_of_it_for_a_link_or_a_call_to_everybody() -> None:
    author = Author("<@U1>", "", "x")
    text = read(announce_kill(1, author, "<!channel> a & b <http://x|y>", "dark", NOW))["text"]
    assert not set("<>") & set(text)
    assert "&lt;!channel&gt; a &amp; b" in text
    assert read(announce_kill(1, author, "a & b", "dark", NOW))["reason"] == "a & b"


def test_a_large_publication_fits_into_a_message() -> None:
    changes = [ProposedChange("flag", f"flag-{n}-{'x' * 100}", "added") for n in range(5_000)]
    text = announce_publication(1, ADA, "x" * 500, changes, NOW).write("prod", "d_1")
    assert len(text) < 30_000
    fields = json.loads(text)
    assert (len(fields["definitions"]), fields["definitions_total"]) == (100, 5_000)
    assert "and 4995 more" in fields["text"]
