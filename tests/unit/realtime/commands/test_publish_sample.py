"""`publish` with a sample of recent contexts: they take the place of made-up users."""

from typing import Any

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.recent_contexts import RecentContext
from tests.support.publisher import NOW, Publisher


def make_flag(country: str, key: str = "f", **fields: Any) -> dict[str, Any]:
    rules = [{"when": {"if": "country", "in": [country]}, "serve": "on"}]
    return {"key": key, "rules": rules, "default": "off", **fields}


def make_sample(count: int, keys: tuple[str, ...] | None = None) -> list[RecentContext]:
    """One of eight is in Germany."""
    contexts = ({"country": "FR" if number % 8 else "DE"} for number in range(count))
    units = (f"{number:032x}" for number in range(count))
    return [
        RecentContext("flag", keys, unit, {**context, "user_id": unit}, NOW)
        for unit, context in zip(units, contexts, strict=True)
    ]


def test_the_share_is_one_of_recent_decisions(publisher: Publisher) -> None:
    publisher.publish(make_flag("DE"))
    publisher.publish(make_flag("XX"), dry_run=True, read_recent=lambda _now: make_sample(2_000))
    assert "    12.5% of 2,000 sampled recent decisions get another answer\n" in publisher.output
    assert "      on → off: 12.5%\n" in publisher.output
    assert "made" not in publisher.output
    assert "0000" not in publisher.output


def test_a_flag_that_requires_a_changed_one_is_measured_by_them_too(publisher: Publisher) -> None:
    needs = {"key": "g", "type": "boolean", "prerequisites": [{"flag": "f", "variants": ["on"]}]}
    publisher.publish(make_flag("DE"), needs)
    publisher.publish(make_flag("XX"), needs, read_recent=lambda _now: make_sample(80))
    assert "12.5% of 80 sampled recent decisions get another answer" in publisher.output.split("flag g")[1]


def test_users_are_divided_by_their_hash(publisher: Publisher) -> None:
    publisher.publish({"key": "f", "type": "boolean", "rollout_percentage": 10})
    publisher.publish(
        {"key": "f", "type": "boolean", "rollout_percentage": 40}, read_recent=lambda _now: make_sample(2_000)
    )
    (line,) = [line for line in publisher.output.splitlines() if "sampled recent" in line]
    assert abs(float(line.split("%")[0]) - 30) < 4


def test_too_few_decisions_and_those_of_other_flags_say_nothing(publisher: Publisher) -> None:
    for sample in (make_sample(49), make_sample(500, keys=("other",))):
        publisher.publish(make_flag("DE"))
        publisher.publish(make_flag("XX"), dry_run=True, read_recent=lambda _now, rows=sample: rows)
        assert "users whom a rule targets get another answer" in publisher.output
        assert "sampled" not in publisher.output


def test_a_rollback_is_measured_by_them_too(publisher: Publisher) -> None:
    publisher.publish(make_flag("DE"))
    publisher.publish(make_flag("XX"))
    publisher.roll_back(1, dry_run=True, read_recent=lambda _now: make_sample(80))
    assert "12.5% of 80 sampled recent decisions get another answer" in publisher.output


def test_a_sample_that_cannot_be_read_stops_no_publish(publisher: Publisher) -> None:
    def fail(_now: float) -> list[RecentContext]:
        raise StorageUnavailable

    publisher.publish(make_flag("DE"))
    assert publisher.publish(make_flag("XX"), read_recent=fail) == 0
    assert "Recent contexts cannot be read; users are made up." in publisher.output
    assert "Published version 2" in publisher.output
