"""The console over the whole service on a local AWS, as a user starts it."""

import json
import time
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

from chalicelib.settings import Settings
from realtime.local.clients import connect
from realtime.local.emulator import build_environment
from realtime.local.ports import find_free_port
from tests.support.console.fake_admin import FakeAdmin
from tests.support.console.tab import PHONE, Tab, open_tab_at
from tests.support.poll import wait_until
from tests.support.up import READY, RunningStack, run_command, start_up

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
HEADERS = {"Authorization": "Bearer rt_local_demo"}
DEFINITIONS = {
    "flags": [
        {"key": "new-checkout", "type": "boolean", "rollout_percentage": 100, "owner": "payments"},
        {"key": "careful", "type": "boolean", "rollout_percentage": 10},
        {"key": "sliding", "type": "boolean", "rollout_percentage": 10},
        {"key": "breakable", "type": "boolean"},
    ],
    "experiments": [{"key": "button", "status": "active", "variants": {"control": 1, "green": 1}}],
    "segments": [{"key": "testers", "include": ["qa-anna"]}],
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    file = tmp_path_factory.mktemp("definitions") / "all.json"
    file.write_text(json.dumps(DEFINITIONS))
    with start_up("--no-demo", "--no-postgres") as running:
        running.wait_for_output(READY, 90)
        done = run_command(running.environ, "publish", str(file))
        assert done.returncode == 0, done.stdout + done.stderr
        with httpx.Client(base_url=running.url, headers=HEADERS) as client:
            wait_until(lambda: is_on(client), 20)
        yield running


@pytest.fixture
def api(stack: RunningStack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, headers=HEADERS, timeout=30) as client:
        yield client


@pytest.fixture
def tab(browser: Browser, stack: RunningStack) -> Iterator[Tab]:
    """Nobody signed in: on this machine the demo key does."""
    with open_tab_at(browser, f"{stack.url}/console", FakeAdmin(), None) as opened:
        yield opened


def make_key(stack: RunningStack, label: str) -> str:
    made = run_command(stack.environ, "keys", "create", "--scopes", "admin", "--label", label)
    return made.stdout.splitlines()[0].strip()


def is_on(api: httpx.Client) -> bool:
    answer = api.get("/flags/evaluate", params={"user_id": "u", "flag_key": "new-checkout"}).json()
    return answer.get("value") is True


def test_a_kill_on_a_phone_is_in_force_within_ten_seconds(
    browser: Browser, stack: RunningStack, api: httpx.Client
) -> None:
    with open_tab_at(browser, f"{stack.url}/console", FakeAdmin(), None, PHONE) as tab:
        tab.open("flags/new-checkout")
        tab.button("Kill").click()
        tab.dialog().get_by_label("Reason").fill("checkout fails")
        tab.button("Kill it now").click()
        began = time.monotonic()
        wait_until(lambda: not is_on(api), 10)
        assert time.monotonic() - began < 10
        expect(tab.notice()).to_contain_text("Everybody gets off, false.")
        expect(tab.page.locator(".history")).to_contain_text("kill: checkout fails")
        tab.assert_fits()
        environ = stack.environ | {"COLUMNS": "200"}
        assert "kill: checkout fails" in run_command(environ, "history", "--flag", "new-checkout").stdout
        tab.button("Undo the kill").click()
        tab.confirm("Undo the kill", "repaired")


def test_the_tester_shows_the_steps_and_the_audit_no_user(tab: Tab, api: httpx.Client) -> None:
    tab.open("flags/sliding")
    tab.page.get_by_label("User id").fill("margaret-hamilton")
    tab.button("Ask").click()
    expect(tab.page.locator(".answer")).to_contain_text("margaret-hamilton gets ")
    expect(tab.page.locator(".steps li").last).to_contain_text("bucket")
    actions = api.get("/admin/actions").text
    assert "sha256:" in actions
    assert "margaret" not in actions
    tab.go("audit")
    expect(tab.page.locator("table")).to_contain_text("explain")


def test_a_rollout_is_published_and_a_later_one_is_told(tab: Tab, api: httpx.Client) -> None:
    tab.expected.add("412")
    tab.open("flags/sliding")
    tab.page.get_by_role("slider").press("ArrowRight")
    tab.button("Review the change").click()
    expect(tab.dialog()).to_contain_text("made-up users get another answer")
    tab.confirm("Publish", "a bit more")
    expect(tab.notice()).to_contain_text("It is in force within 10 seconds")
    assert api.get("/admin/definitions/flag/sliding").json()["rollout"] == 11

    tab.page.get_by_role("slider").press("ArrowRight")
    tab.button("Review the change").click()
    expect(tab.button("Publish")).to_be_enabled()
    version = api.get("/admin").json()["version"]
    flag = {"key": "meanwhile", "type": "boolean"}
    body = {"definitions": {"flags": [flag]}, "reason": "faster"}
    assert api.post("/admin/publish", json=body, headers={"If-Match": f'"{version}"'}).status_code == 200
    tab.dialog().get_by_label("Reason").fill("slower")
    tab.button("Publish").click()
    expect(tab.dialog()).to_contain_text(f"demo published version {version + 1}")
    tab.button("Look again").click()
    assert api.get("/admin/definitions/flag/sliding").json()["rollout"] == 11


def test_a_change_waits_for_a_second_person(browser: Browser, stack: RunningStack, api: httpx.Client) -> None:
    url, ann, ben = f"{stack.url}/console", make_key(stack, "ann"), make_key(stack, "ben")
    with open_tab_at(browser, url, FakeAdmin(), ann) as tab:
        tab.open("flags/careful")
        tab.button("Edit the definition").click()
        careful = {"key": "careful", "type": "boolean", "rollout_percentage": 50, "approvals": 1}
        tab.dialog().get_by_label("Definition (JSON)").fill(json.dumps(careful))
        tab.dialog().get_by_role("button", name="Review the change").click()
        tab.confirm("Ask for approval", "half of them")
        tab.page.get_by_role("link", name="look at the proposal").click()
        expect(tab.page.locator("main")).to_contain_text("somebody with another key must approve")
    with open_tab_at(browser, url, FakeAdmin(), ben) as tab:
        tab.open("proposals")
        tab.page.locator("tbody a").first.click()
        tab.button("Approve").click()
        expect(tab.dialog()).to_contain_text("50")
        tab.confirm("Approve and publish", "fine")
        expect(tab.page.locator("main")).to_contain_text("by ben (key ")
    assert api.get("/admin/definitions/flag/careful").json()["rollout"] == 50


def test_a_key_that_is_made_opens_the_page_until_it_is_revoked(tab: Tab, api: httpx.Client) -> None:
    tab.open("keys")
    tab.button("New key").click()
    tab.dialog().get_by_label("Label").fill("for a test")
    tab.dialog().get_by_label("view").check()
    tab.confirm("Create")
    key = tab.notice().locator("code").inner_text()
    mine = {"Authorization": f"Bearer {key}"}
    assert api.get("/admin", headers=mine).json()["scopes"] == ["view"]
    body = {"label": "x", "scopes": ["view"]}
    assert api.post("/admin/keys", json=body, headers=mine).json()["error"]["code"] == "missing_scope"
    tab.button("Revoke for a test").click()
    tab.confirm("Revoke")
    expect(tab.page.locator("tr", has_text="for a test")).to_contain_text("revoked")
    listed = {row["label"]: row["accepted"] for row in api.get("/admin/keys").json()["keys"]}
    assert listed["for a test"] is False


def test_a_webhook_is_made_tested_and_deleted(tab: Tab, api: httpx.Client) -> None:
    tab.open("webhooks")
    tab.button("New webhook").click()
    tab.dialog().get_by_label("Address").fill(f"http://127.0.0.1:{find_free_port()}/hook")
    tab.dialog().get_by_label("kill").check()
    tab.confirm("Create")
    expect(tab.notice()).to_contain_text("This secret signs the deliveries.")
    tab.page.get_by_role("button", name="Test http").click()
    expect(tab.notice()).to_contain_text("A test is on its way")
    [webhook] = api.get("/admin/webhooks").json()["webhooks"]
    assert webhook["events"] == ["kill"]
    tab.page.get_by_role("button", name="Delete http").click()
    tab.confirm("Delete")
    assert api.get("/admin/webhooks").json() == {"webhooks": []}


def test_every_page_understands_what_the_service_answers(
    tab: Tab, stack: RunningStack, api: httpx.Client
) -> None:
    """Also of a row that somebody has broken by hand."""
    dynamodb = connect(build_environment(f"http://127.0.0.1:{stack.aws_port}")).dynamodb
    dynamodb.update_item(
        TableName=Settings.from_env({}).flags_table,
        Key={"id": {"S": "breakable"}},
        UpdateExpression="SET #definition = :text",
        ExpressionAttributeNames={"#definition": "definition"},
        ExpressionAttributeValues={":text": {"S": '{"key": "breakable", "type": 7}'}},
    )
    newest = api.get("/admin").json()["version"]
    pages = (
        "flags", "flags/new-checkout", "experiments", "experiments/button", "segments", "segments/testers",
        "proposals", "publications", f"publications/{newest}", "status", "keys", "webhooks", "audit",
    )  # fmt: skip
    for address in pages:
        tab.open(address)
        assert tab.page.get_by_role("alert").count() == 0, address
        tab.use_theme("dark", PHONE)
        tab.assert_fits()
    tab.open("flags/breakable")
    expect(tab.page.locator("main")).to_contain_text("not a valid definition")
    expect(tab.page.locator("pre")).to_contain_text('"type": 7')
