"""The customers of the demo, and the one effect that it makes."""

from datetime import date

from realtime.demo.cdnow import (
    REMINDER,
    SAMPLE,
    SECOND_ORDER,
    Customer,
    build_second_orders,
    read_customers,
)

CUSTOMERS = read_customers(SAMPLE)


def test_a_second_order_is_on_a_later_day() -> None:
    found = {customer.id: customer for customer in CUSTOMERS}
    assert len(found) == 2_946
    assert all(each.second_order > each.first_order for each in CUSTOMERS if each.second_order)
    assert all(each.orders > 1 for each in CUSTOMERS if each.second_order)
    assert 1_000 < sum(bool(each.second_order) for each in CUSTOMERS) < 2_000


def test_without_a_reminder_the_orders_are_those_of_the_data() -> None:
    events = list(build_second_orders(CUSTOMERS, ()))
    assert {event["user_id"]: event["timestamp"] for event in events} == {
        each.id: f"{each.second_order}T00:00:00Z" for each in CUSTOMERS if each.second_order
    }
    assert {str(event["properties"]) for event in events} == {"{'constructed': False}"}


def test_made_orders_say_so_and_are_of_reminded_customers_without_one() -> None:
    reminded = {each.id for each in CUSTOMERS if int(each.id) % 16 == 0}
    by_id = {each.id: each for each in CUSTOMERS}
    events = list(build_second_orders(CUSTOMERS, reminded))
    made = [event for event in events if event["properties"] == {"constructed": True}]
    without = [each for each in CUSTOMERS if each.id in reminded and not each.second_order]
    assert 0.25 < len(made) / len(without) < 0.35
    for event in made:
        customer = by_id[str(event["user_id"])]
        assert customer in without
        days = date.fromisoformat(str(event["timestamp"])[:10]) - date.fromisoformat(customer.first_order)
        assert days.days == 14
    assert len({event["event_id"] for event in events}) == len(events)


def test_the_orders_count_for_their_experiment_only() -> None:
    customer = Customer("8", "1997-03", 10.0, "1997-03-01", 2, "1997-03-05")
    [event] = build_second_orders([customer], ())
    assert (event["event_type"], event["experiment_key"]) == (SECOND_ORDER, REMINDER)
