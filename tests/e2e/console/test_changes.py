"""Every action: what it asks for, what it sends, and what it says afterwards."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.support.console.definitions import make_flag
from tests.support.console.fake_admin import OTHER_KEY, FakeAdmin
from tests.support.console.tab import PHONE, Tab, open_tab

pytestmark = pytest.mark.e2e


@pytest.fixture
def tab(browser: Browser) -> Iterator[Tab]:
    with open_tab(browser, FakeAdmin()) as opened:
        yield opened


def last_sent(tab: Tab, path: str) -> Any:
    return next(body for _, asked, body in reversed(tab.admin.asked) if asked == path and body)


def set_rollout(tab: Tab, percent: str) -> None:
    tab.page.get_by_label("Rollout in percent", exact=True).fill(percent)
    tab.button("Review the change").click()


def test_a_flag_is_killed_and_turned_on_again_on_a_phone(browser: Browser) -> None:
    with open_tab(browser, FakeAdmin(), size=PHONE) as tab:
        tab.open("flags/new-checkout")
        tab.page.evaluate("scrollTo(0, document.body.scrollHeight)")
        expect(tab.button("Kill")).to_be_in_viewport()
        tab.button("Kill").click()
        expect(tab.dialog()).to_contain_text("turned off for everybody within 10 seconds")
        expect(tab.dialog()).to_contain_text("enabled: true → false")
        tab.confirm("Kill it now", "checkout fails")
        expect(tab.notice()).to_contain_text("Killed, version 2. Everybody gets off, false.")
        expect(tab.heading()).to_be_focused()
        expect(tab.page.locator("main")).to_contain_text("by ann: checkout fails")
        tab.button("Undo the kill").click()
        tab.confirm("Undo the kill", "repaired")
        expect(tab.page.locator(".title .chip")).to_have_text("active")
        tab.assert_fits()


def test_a_kill_needs_a_reason_and_waits_for_nothing_else(tab: Tab) -> None:
    tab.expected.add("500")
    tab.admin.failing.add("/diff")
    tab.open("flags/new-checkout")
    tab.button("Kill").click()
    expect(tab.dialog()).to_contain_text("The table does not answer.")
    tab.button("Kill it now").click()
    assert not any(path.endswith("/kill") for _, path, _ in tab.admin.asked)
    tab.confirm("Kill it now", "now")
    assert last_sent(tab, "/admin/flags/new-checkout/kill") == {"reason": "now"}


def test_a_flag_is_killed_without_a_mouse(tab: Tab) -> None:
    keyboard = tab.page.keyboard
    tab.open("flags")
    for _ in range(40):
        if tab.page.evaluate("document.activeElement.textContent") == "new-checkout":
            break
        keyboard.press("Tab")
    keyboard.press("Enter")
    expect(tab.button("Kill")).to_be_visible()
    expect(tab.heading()).to_be_focused()
    keyboard.press("Tab")
    expect(tab.button("Kill")).to_be_focused()
    keyboard.press("Enter")
    expect(tab.dialog().get_by_label("Reason")).to_be_focused()
    keyboard.press("Escape")
    expect(tab.button("Kill")).to_be_focused()
    keyboard.press("Enter")
    keyboard.type("by hand")
    keyboard.press("Tab")
    keyboard.press("Tab")
    expect(tab.button("Kill it now")).to_be_focused()
    keyboard.press("Enter")
    expect(tab.notice()).to_contain_text("Killed")


def test_a_rollout_is_moved_by_the_slider(tab: Tab) -> None:
    tab.open("flags/new-checkout")
    expect(tab.button("Review the change")).to_be_disabled()
    slider = tab.page.get_by_role("slider")
    slider.focus()
    for _ in range(3):
        slider.press("ArrowRight")
    expect(tab.page.get_by_label("Rollout in percent", exact=True)).to_have_value("28")
    expect(tab.page.locator("main form").last).to_contain_text("25 % → 28 %")
    tab.button("Review the change").click()
    expect(tab.dialog()).to_contain_text("14.9% of 10,000 made-up users get another answer")
    expect(tab.dialog()).to_contain_text("rollout_percentage: 25.0 → 28")
    tab.confirm("Publish", "a bit more")
    expect(tab.notice()).to_contain_text("Published version 2.")
    sent = last_sent(tab, "/admin/publish")
    assert (sent["reason"], sent["definitions"]["flags"][0]["rollout_percentage"]) == ("a bit more", 28)
    expect(tab.page.locator("main")).to_contain_text("28 % of the users are inside.")
    expect(tab.page.locator(".history")).to_contain_text("rollout_percentage: 25.0 → 28")


@pytest.mark.parametrize(("label", "enabled"), [("Disable", False), ("Enable", True)])
def test_a_flag_is_turned_off_and_on(tab: Tab, label: str, enabled: bool) -> None:
    tab.admin.items["flag", "new-checkout"]["definition"]["enabled"] = not enabled
    tab.open("flags/new-checkout")
    tab.button(label).click()
    tab.confirm("Publish", "why not")
    assert last_sent(tab, "/admin/publish")["definitions"]["flags"][0]["enabled"] is enabled


def test_numbers_of_a_definition_go_back_as_they_came(tab: Tab) -> None:
    """1.0 is a float and 1 is not; whole numbers may be larger than a float can say."""
    document = tab.admin.items["flag", "new-checkout"]["definition"]
    document |= {"variants": [{"key": "a", "value": 1.0}, {"key": "b", "value": 2**63 + 1}]}
    tab.open("flags/new-checkout")
    tab.button("Disable").click()
    tab.confirm("Publish", "only this")
    sent = last_sent(tab, "/admin/publish")["definitions"]["flags"][0]["variants"]
    assert [repr(variant["value"]) for variant in sent] == ["1.0", str(2**63 + 1)]


def test_a_definition_is_edited_as_json(tab: Tab) -> None:
    tab.open("flags/new-checkout")
    tab.button("Edit the definition").click()
    text = tab.dialog().get_by_label("Definition (JSON)")
    text.fill('{"key": "new-checkout", ')
    tab.button("Review the change").last.click()
    expect(tab.dialog()).to_contain_text("This is not JSON")
    text.fill('{"key": "new-checkout", "type": "wrong"}')
    tab.button("Review the change").last.click()
    expect(tab.dialog()).to_contain_text("It cannot be published")
    expect(tab.dialog()).to_contain_text("new-checkout.type is not one of boolean, string")
    expect(tab.button("Publish")).to_be_disabled()


def test_a_flag_is_made_and_removed(tab: Tab) -> None:
    tab.open("flags")
    tab.button("New flag").click()
    tab.dialog().get_by_label("Definition (JSON)").fill('{"key": "fresh", "type": "boolean"}')
    tab.dialog().get_by_role("button", name="Review the change").click()
    expect(tab.dialog()).to_contain_text("added flag fresh")
    tab.confirm("Publish", "to try it")
    tab.page.get_by_role("link", name="fresh", exact=True).click()
    tab.button("Remove").click()
    expect(tab.dialog()).to_contain_text("removed flag fresh")
    tab.confirm("Publish", "done")
    assert last_sent(tab, "/admin/publish")["remove"] == [{"kind": "flag", "key": "fresh"}]
    assert ("flag", "fresh") not in tab.admin.items


def test_an_experiment_is_started_and_paused(tab: Tab) -> None:
    tab.open("experiments/quiet")
    tab.button("Start").click()
    tab.confirm("Publish", "go")
    assert last_sent(tab, "/admin/publish")["definitions"]["experiments"][0]["status"] == "active"
    tab.button("Pause").click()
    tab.confirm("Publish", "wait")
    expect(tab.page.locator(".title .chip")).to_have_text("paused")


def test_a_question_does_not_outlast_its_page(tab: Tab) -> None:
    tab.open("flags")
    tab.go("flags/new-checkout")
    tab.button("Kill").click()
    tab.page.go_back()
    expect(tab.heading()).to_have_text("Flags")
    expect(tab.dialog()).to_have_count(0)


def test_nothing_changes_without_a_reason_or_after_cancel(tab: Tab) -> None:
    tab.open("flags/new-checkout")
    set_rollout(tab, "30")
    expect(tab.button("Publish")).to_be_enabled()
    tab.button("Publish").click()
    expect(tab.dialog()).to_be_visible()
    tab.button("Cancel").click()
    expect(tab.dialog()).to_have_count(0)
    assert tab.admin.version == 1


@pytest.mark.parametrize("is_before_the_diff", [True, False])
def test_who_was_slower_is_told_who_was_faster(tab: Tab, is_before_the_diff: bool) -> None:
    tab.expected.add("412")
    tab.open("flags/new-checkout")
    if is_before_the_diff:
        tab.admin.publish_as("ben", make_flag("other"), "first")
        set_rollout(tab, "40")
    else:
        set_rollout(tab, "40")
        expect(tab.button("Publish")).to_be_enabled()
        tab.admin.publish_as("ben", make_flag("other"), "first")
        tab.dialog().get_by_label("Reason").fill("more")
        tab.button("Publish").click()
    expect(tab.dialog()).to_contain_text("ben published version 2")
    expect(tab.dialog()).to_contain_text("Your change is not published.")
    expect(tab.button("Publish")).to_be_disabled()
    tab.button("Look again").click()
    expect(tab.dialog()).to_have_count(0)
    set_rollout(tab, "40")
    tab.confirm("Publish", "more")
    expect(tab.notice()).to_contain_text("Published version 3.")


def test_an_answer_that_is_lost_is_no_success(tab: Tab) -> None:
    tab.expected.add("ERR_INTERNET_DISCONNECTED")
    tab.open("flags/new-checkout")
    set_rollout(tab, "40")
    expect(tab.button("Publish")).to_be_enabled()
    tab.page.context.set_offline(True)
    tab.dialog().get_by_label("Reason").fill("more")
    tab.button("Publish").click()
    expect(tab.dialog()).to_contain_text("Nobody knows whether it was done.")
    tab.page.context.set_offline(False)


def test_a_change_waits_for_somebody_else(browser: Browser) -> None:
    admin = FakeAdmin()
    admin.needs_approval = True
    with open_tab(browser, admin) as tab:
        tab.open("flags/new-checkout")
        set_rollout(tab, "50")
        expect(tab.dialog()).to_contain_text("This waits until somebody else approves it.")
        tab.confirm("Ask for approval", "half of them")
        expect(tab.notice()).to_contain_text("It waits for approval")
        expect(tab.page.locator("main")).to_contain_text("A proposal by ann waits for approval: half of them")
        assert admin.version == 1
    with open_tab(browser, admin, OTHER_KEY) as tab:
        tab.open("proposals")
        tab.page.get_by_role("link", name="p-1").click()
        tab.button("Approve").click()
        expect(tab.dialog()).to_contain_text("rollout_percentage: 25.0 → 50")
        tab.confirm("Approve and publish", "fine")
        expect(tab.notice()).to_contain_text("Approved and published as version 2.")
        expect(tab.page.locator("main")).to_contain_text("by ben, as version 2: fine")


def test_a_proposal_that_is_outdated_or_rejected_publishes_nothing(browser: Browser) -> None:
    admin = FakeAdmin()
    admin.propose(
        "ann", {"definitions": {"flags": [{"key": "new-checkout", "type": "string"}]}, "reason": "x"}
    )
    with open_tab(browser, admin, OTHER_KEY) as tab:
        tab.expected.add("409")
        tab.open("proposals/p-1")
        tab.button("Approve").click()
        admin.proposals["p-1"]["state"] = "outdated"
        tab.button("Approve and publish").click()
        expect(tab.dialog()).to_contain_text("What it changes was published since.")
        tab.button("Cancel").click()
        tab.button("Reject").click()
        tab.confirm("Reject", "too late")
        expect(tab.notice()).to_contain_text("Rejected. Nothing was published.")
        assert admin.version == 1


def test_a_version_is_rolled_back_to(tab: Tab) -> None:
    tab.admin.publish_as("ben", make_flag("other"), "a mistake")
    tab.open("publications")
    tab.page.get_by_role("link", name="version 1", exact=True).click()
    tab.button("Roll back to it").click()
    expect(tab.dialog()).to_contain_text("Version 2, by ben: a mistake")
    tab.confirm("Roll back", "as before")
    assert last_sent(tab, "/admin/rollback") == {"version": 1, "reason": "as before"}
    expect(tab.notice()).to_contain_text("Published version 3.")


def test_older_publications_follow(tab: Tab) -> None:
    for number in range(60):
        tab.admin.publish_as("ben", make_flag("other"), f"note {number}")
    tab.open("publications")
    expect(tab.page.locator("tbody tr")).to_have_count(50)
    tab.page.get_by_role("link", name="Older ones").click()
    expect(tab.page.locator("tbody tr")).to_have_count(11)
    expect(tab.page.get_by_role("link", name="Older ones")).to_have_count(0)


def test_the_tester_shows_the_answer_and_then_every_step(tab: Tab) -> None:
    tab.open("flags/new-checkout")
    tab.page.get_by_label("User id").fill("margaret")
    tab.page.get_by_label("Context (JSON)").fill('{"country": "FR"')
    tab.button("Ask").click()
    expect(tab.page.get_by_role("alert")).to_contain_text("The context is not JSON")
    tab.page.get_by_label("Context (JSON)").fill('{"country": "FR", "orders": 1.0}')
    tab.button("Ask").click()
    expect(tab.page.locator(".answer")).to_have_text("margaret gets on, the value 1.0, because SPLIT.")
    steps = tab.page.locator(".steps li")
    expect(steps).to_have_text([
        "no match german-speakers: country is not in DE, AT: FR",
        "passed traffic: bucket 12345 is inside 0-25000",
        "decides default: serves on",
    ])  # fmt: skip
    sent = last_sent(tab, "/admin/explain")
    assert (sent["user_id"], repr(sent["context"]["orders"])) == ("margaret", "1.0")
    tab.assert_accessible()


def test_a_key_is_made_shown_once_and_revoked(tab: Tab) -> None:
    tab.expected.add("400")
    tab.open("keys")
    tab.button("New key").click()
    tab.dialog().get_by_label("Label").fill("shop")
    tab.button("Create").click()
    expect(tab.dialog()).to_contain_text("scopes must name at least one")
    tab.dialog().get_by_label("flags:client").check()
    tab.dialog().get_by_label("Expires after").fill("90d")
    tab.confirm("Create")
    assert last_sent(tab, "/admin/keys") == {"label": "shop", "scopes": ["flags:client"], "expires": "90d"}
    expect(tab.notice()).to_contain_text("rt_shown_once")
    tab.assert_accessible()
    tab.button("I have it").click()
    expect(tab.notice()).to_have_text("")
    tab.button("Revoke shop").click()
    tab.confirm("Revoke")
    expect(tab.page.locator("tr", has_text="shop")).to_contain_text("revoked")


def test_a_webhook_is_made_tested_and_deleted(tab: Tab) -> None:
    tab.open("webhooks")
    tab.button("New webhook").click()
    tab.dialog().get_by_label("Address").fill("https://hooks.example/x")
    tab.dialog().get_by_label("kill").check()
    tab.confirm("Create")
    expect(tab.notice()).to_contain_text("whsec_shown_once")
    tab.button("Test https://hooks.example/x").click()
    expect(tab.notice()).to_contain_text("A test is on its way")
    tab.button("Delete https://hooks.example/x").click()
    tab.confirm("Delete")
    expect(tab.page.locator("main")).to_contain_text("Nobody is told")
