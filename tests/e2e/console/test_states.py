"""What a page shows before it has data, without data, and when the API fails."""

import threading

import pytest
from playwright.sync_api import Browser, expect

from tests.support.console.answers import make_analysis, make_empty_results
from tests.support.console.fake_admin import ADMIN_KEY, FakeAdmin
from tests.support.console.server import SETTINGS, serve_console
from tests.support.console.tab import open_tab, open_tab_at

pytestmark = pytest.mark.e2e
EMPTY = {
    "flags": "python -m realtime publish flags.yaml",
    "experiments": "python -m realtime publish experiments.yaml",
    "segments": "python -m realtime publish segments.yaml",
    "proposals": "Nothing waits for approval.",
    "webhooks": "Nobody is told",
    "audit": "Nobody has changed a key",
}


def test_an_empty_environment_says_what_fills_it(browser: Browser) -> None:
    with open_tab(browser, FakeAdmin([])) as tab:
        tab.open("flags")
        for address, text in EMPTY.items():
            tab.go(address)
            expect(tab.page.locator("main")).to_contain_text(text)
            tab.assert_accessible()


def test_an_experiment_without_users_says_so(browser: Browser) -> None:
    admin = FakeAdmin()
    admin.results = make_empty_results
    with open_tab(browser, admin) as tab:
        tab.open("experiments/free-shipping")
        main = tab.page.locator("main")
        expect(main).to_contain_text("too few users to test it")
        expect(main).to_contain_text("No exposures and no events yet.")


def test_curves_take_only_days_of_events(browser: Browser) -> None:
    """Users were assigned in 2026, and bought in 1997."""
    with open_tab(browser, FakeAdmin()) as tab:
        tab.open("experiments/free-shipping")
        picture = tab.page.locator("figure")
        expect(picture).to_contain_text("1997-01-28")
        assert "2026" not in picture.inner_text()
        tab.page.get_by_text("Numbers by day").click()
        rows = tab.page.get_by_role("region", name="on each day").locator("tbody tr")
        assert rows.count() == 28
        expect(rows.first).to_have_text("1997-01-287677")
        tab.page.get_by_label("Curve").select_option("exposures per assigned user")
        expect(picture).to_contain_text("exposures per assigned user")


def test_newer_numbers_come_by_themselves_and_leave_what_was_chosen(browser: Browser) -> None:
    admin = FakeAdmin()
    results = admin.results("free-shipping")
    admin.results = lambda _key: results
    with open_tab(browser, admin) as tab:
        tab.page.clock.install()
        tab.open("experiments/free-shipping")
        tab.page.get_by_label("Curve").select_option("exposures per assigned user")
        tab.page.get_by_text("Numbers by day").click()
        tab.heading().focus()
        results["variants"]["control"]["assigned"] = 4_321
        tab.page.clock.run_for(11_000)
        expect(tab.page.locator("main")).to_contain_text("4,321")
        expect(tab.page.locator("figure").last).to_contain_text("exposures per assigned user")
        expect(tab.page.get_by_role("region", name="exposures on each day")).to_be_visible()


def test_a_failed_check_stands_before_the_verdict(browser: Browser) -> None:
    admin = FakeAdmin()
    admin.analyses["free-shipping"] = make_analysis("free-shipping", "alarm")
    with open_tab(browser, admin) as tab:
        tab.open("experiments/free-shipping")
        texts = tab.page.locator("main").inner_text()
        assert texts.index("alarm split") < texts.index("Do not ship")


def test_a_split_that_is_wrong_is_an_alarm(browser: Browser) -> None:
    admin = FakeAdmin()
    results = admin.results("free-shipping")
    results["srm"] |= {"alarm": True, "p_value": 0.000_01}
    admin.results = lambda _key: results
    with open_tab(browser, admin) as tab:
        tab.open("experiments/free-shipping")
        expect(tab.page.locator("main")).to_contain_text("The split is not as asked for (p 0.00001)")


def test_a_slow_answer_shows_that_it_loads(browser: Browser) -> None:
    admin = FakeAdmin()
    is_answered = threading.Event()
    with open_tab(browser, admin) as tab:
        tab.open("status")
        admin.before = lambda _method, path: path == "/admin" or is_answered.wait(10)
        tab.page.evaluate("location.hash = '#/keys'")
        expect(tab.page.get_by_role("status").filter(has_text="Loading keys…")).to_be_visible()
        expect(tab.heading()).to_have_text("Keys")
        is_answered.set()
        expect(tab.page.locator("table")).to_contain_text("web")
        assert tab.page.get_by_text("Loading").count() == 0


def test_a_failed_call_can_be_tried_again_and_keeps_what_was_there(browser: Browser) -> None:
    admin = FakeAdmin()
    with open_tab(browser, admin) as tab:
        tab.expected.add("500")
        tab.open("flags")
        admin.failing.add("/admin/definitions")
        tab.go("flags/new-checkout")
        main = tab.page.locator("main")
        expect(main.get_by_role("alert")).to_contain_text("The table does not answer.")
        tab.go("flags")
        expect(main.get_by_role("alert")).to_contain_text("What you see is as of ")
        expect(main).to_contain_text("new-checkout")
        tab.assert_accessible()
        admin.failing.clear()
        tab.button("Try again").click()
        expect(main.get_by_role("alert")).to_have_count(0)
        expect(main).to_contain_text("new-checkout")


def test_one_part_that_fails_leaves_the_others(browser: Browser) -> None:
    admin = FakeAdmin()
    admin.failing.add("/results")
    with open_tab(browser, admin) as tab:
        tab.expected.add("500")
        tab.open("experiments/free-shipping")
        main = tab.page.locator("main")
        expect(main).to_contain_text("The table does not answer.")
        expect(main).to_contain_text("No verdict yet")


def test_an_api_that_is_away_is_said(browser: Browser) -> None:
    admin = FakeAdmin()
    with open_tab(browser, admin) as tab:
        tab.expected.add("ERR_INTERNET_DISCONNECTED")
        tab.open("status")
        tab.page.context.set_offline(True)
        tab.go("flags")
        expect(tab.page.get_by_role("alert")).to_contain_text("The API does not answer.")
        tab.assert_accessible()
        tab.page.context.set_offline(False)
        tab.button("Try again").click()
        expect(tab.page.locator("table")).to_contain_text("new-checkout")


def test_what_is_not_known_is_said(browser: Browser) -> None:
    with open_tab(browser, FakeAdmin()) as tab:
        tab.open("flags/none")
        expect(tab.page.get_by_role("alert")).to_contain_text("There is no flag 'none'.")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Paste a key."),
        ("rt_a rt_b", "There is a blank in it"),
        ("a-password", "A key begins with rt_."),
        ("rt_ünïcode", "only letters, digits"),
        ("rt_unknown", "This key is not accepted here."),
    ],
)
def test_sign_in_says_what_is_wrong(browser: Browser, typed: str, said: str) -> None:
    with open_tab(browser, FakeAdmin(), key=None) as tab:
        tab.expected.add("403")
        tab.open("flags")
        tab.page.get_by_label("API key").fill(typed)
        tab.button("Sign in").click()
        expect(tab.page.get_by_role("alert")).to_contain_text(said)
        expect(tab.page.get_by_label("API key")).to_be_focused()
        tab.assert_accessible()


def test_a_key_stays_in_its_tab_until_one_signs_out(browser: Browser) -> None:
    with open_tab(browser, FakeAdmin(), key=None) as tab:
        tab.open("flags/new-checkout")
        tab.page.get_by_label("API key").fill(f"  {ADMIN_KEY}\n")
        tab.button("Sign in").click()
        expect(tab.heading()).to_have_text("new-checkout")
        tab.page.reload()
        expect(tab.heading()).to_have_text("new-checkout")
        assert tab.page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
        tab.button("Sign out").click()
        expect(tab.heading()).to_have_text("Sign in")
        assert ADMIN_KEY not in str(tab.page.evaluate("({...sessionStorage})"))
        tab.page.reload()
        expect(tab.heading()).to_have_text("Sign in")


def test_on_this_machine_the_demo_key_opens_it(browser: Browser) -> None:
    admin = FakeAdmin()
    settings = type(SETTINGS).from_env({"REALTIME_DEMO_KEY": ADMIN_KEY})
    with serve_console(admin, settings) as url, open_tab_at(browser, url, admin, None) as tab:
        tab.open("flags")
        expect(tab.page.locator("table")).to_contain_text("new-checkout")
        tab.button("Sign out").click()
        tab.page.reload()
        expect(tab.heading()).to_have_text("Sign in")


def test_a_key_that_was_revoked_meanwhile_leads_to_sign_in(browser: Browser) -> None:
    admin = FakeAdmin()
    with open_tab(browser, admin) as tab:
        tab.expected.add("403")
        tab.open("flags")
        tab.page.evaluate("sessionStorage.setItem('key', 'rt_revoked')")
        tab.go("keys")
        expect(tab.page.get_by_role("alert")).to_contain_text("The key is not accepted")
        tab.page.get_by_role("link", name="Sign in with another key").click()
        expect(tab.heading()).to_have_text("Sign in")
