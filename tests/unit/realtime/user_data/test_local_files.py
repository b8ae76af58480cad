"""Files of this machine without a user."""

import json
from pathlib import Path

import pytest

from realtime.user_data.lines import Action
from realtime.user_data.local_files import LocalFiles
from realtime.user_data.matching import Matcher
from realtime.user_data.people import Person
from realtime.user_data.stores import Request

REQUEST = Request([Person(("customer-7",))], Matcher(["customer-7"]), Action(None))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("123", "123"),
        ('{"sent": 1}', '{"sent": 1}'),
        ('{"refused": [{"user_id": "customer-7"}]}', '{"refused":[{"user_id":"$forgotten"}]}'),
        ('{"user_id": "customer-7"}\n{"user_id": "customer-71"}\n', '{"user_id": "customer-71"}\n'),
        ("row 3: customer-7\nrow 4: customer-71\n", "row 4: customer-71\n"),
    ],
)
def test_a_file_keeps_its_form(before: str, after: str, tmp_path: Path) -> None:
    file = tmp_path / "target" / "position"
    file.parent.mkdir()
    file.write_text(before)
    store = LocalFiles(tmp_path)
    found = store.search(REQUEST)
    assert file.read_text() == before
    assert store.forget(REQUEST) == found
    assert found.is_clean == (before == after)
    assert file.read_text() == after
    assert store.search(REQUEST).is_clean
    assert store.export(REQUEST) == {}


def test_positions_of_today_hold_no_user(tmp_path: Path) -> None:
    (tmp_path / "position").write_text(json.dumps(8977))
    assert LocalFiles(tmp_path / "nowhere").search(REQUEST).is_clean
