"""The pages for operators are true about alarms, metrics, settings, permissions and commands."""

import importlib.util
import re
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.settings import Settings
from infra import environments, resource_names
from infra.functions import LOGICAL_IDS
from infra.monitoring import alarms
from infra.monitoring.queries import ACCESS, EVERYWHERE, FUNCTIONS
from infra.roles import list_calls
from realtime.capacity.facts import PRICES
from realtime.capacity.load import MONTH_SECONDS
from tests.support.metrics import recorded
from tests.support.paths import ROOT
from tests.support.synth import everything

DOCS = ROOT / "docs"
PAGES = [DOCS / f"{name}.md" for name in ("deployment", "release", "runbook", "incidents", "troubleshooting")]
OF_FUNCTIONS = [DOCS / "functions" / f"{name}.md" for name in LOGICAL_IDS]
ALL = [*PAGES, *OF_FUNCTIONS]
PROD = environments.load("prod")
NAMES = resource_names.resolve_names("prod", "standalone")
ALARMS = {
    alarm.name: alarm
    for environment, names in ((PROD, NAMES), everything())
    for alarm in alarms.list_alarms(environment, names)
}
"""Of all modes."""


def name_of(page: Path) -> str:
    return str(page.relative_to(DOCS))


def section(page: Path, title: str) -> str:
    match = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", page.read_text(), re.MULTILINE | re.DOTALL)
    assert match, title
    return match[1]


def test_every_alarm_has_its_section_and_no_section_has_none() -> None:
    anchors = re.findall(r'<a id="([^"]+)">', (DOCS / "runbook.md").read_text())
    dedupe = {"dedupe-table-throttles"}  # only with REALTIME_EVENT_DEDUPE=table
    assert sorted(anchors) == sorted({*ALARMS} | dedupe)


def test_a_section_says_whether_somebody_is_woken() -> None:
    for part in (DOCS / "runbook.md").read_text().split("\n## ")[1:]:
        named = [ALARMS[name] for name in re.findall(r'<a id="([^"]+)">', part) if name in ALARMS]
        says = {word.lower() for word in re.findall(r"\b(Page|Ticket)\b", part.partition("**Escalate.**")[2])}
        assert {alarm.severity for alarm in named} <= says, part.partition("\n")[0]


def test_every_section_says_what_it_means_where_to_look_what_to_do_and_whom_to_wake() -> None:
    for part in (DOCS / "runbook.md").read_text().split("\n## ")[1:]:
        assert re.findall(r"^\*\*([\w ]+)\.\*\*", part, re.MULTILINE) == [
            *("Means", "Look first", "Do", "Escalate")
        ], part.partition("\n")[0]


@pytest.mark.parametrize("page", ALL, ids=name_of)
def test_alarms_that_are_named_exist(page: Path) -> None:
    for anchor in re.findall(r"runbook\.md#([\w-]+)", page.read_text()):
        assert anchor in ALARMS


@pytest.mark.parametrize("page", ALL, ids=name_of)
def test_settings_that_are_named_exist(page: Path) -> None:
    settings = {f"REALTIME_{field.upper()}" for field in Settings.__dataclass_fields__}
    assert set(re.findall(r"REALTIME_[A-Z_]+", page.read_text())) <= settings


@pytest.mark.parametrize("page", ALL, ids=name_of)
def test_modules_that_are_called_exist(page: Path) -> None:
    for module in re.findall(r"python -m (infra[\w.]*)", page.read_text()):
        assert importlib.util.find_spec(module), module


@pytest.mark.parametrize("page", ALL, ids=name_of)
def test_files_and_folders_that_are_named_exist(page: Path) -> None:
    for path in re.findall(r"`((?:infra|chalicelib|realtime|tests|\.github)/[\w./-]+)`", page.read_text()):
        assert (ROOT / path).exists(), path


def test_saved_queries_that_are_named_exist() -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    names = set(re.findall(r"saved quer(?:y|ies) `([\w-]+)`", text))
    assert names
    assert names <= {*FUNCTIONS, *ACCESS, *EVERYWHERE}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_an_environment_is_named_before_the_first_command(page: Path) -> None:
    """Without an environment, `python -m realtime` talks to the local stack."""
    before, called, _ = page.read_text().partition("python -m realtime ")
    assert "REALTIME_ENV=" in before or not called
    if page.name in ("runbook.md", "incidents.md", "release.md"):
        assert "export REALTIME_ENV=" in page.read_text().partition("\n## ")[0]


@pytest.mark.parametrize("name", LOGICAL_IDS)
def test_a_functions_page_lists_the_metrics_that_are_recorded(name: str) -> None:
    text = section(DOCS / "functions" / f"{name}.md", "Metrics")
    assert set(re.findall(r"`([A-Z]\w+)`", text)) <= recorded()


def test_every_metric_is_on_a_page() -> None:
    text = "\n".join(section(page, "Metrics") for page in OF_FUNCTIONS)
    assert recorded() <= set(re.findall(r"`([A-Z]\w+)`", text))


@pytest.mark.parametrize("name", LOGICAL_IDS)
def test_a_functions_page_lists_its_permissions(name: environments.FunctionName) -> None:
    table = section(DOCS / "functions" / f"{name}.md", "Permissions")
    listed = {
        (setting, action)
        for setting, actions in re.findall(r"^\| `(\w+)` \| ([^|]+) \|", table, re.MULTILINE)
        for action in re.findall(r"`([\w:]+)`", actions)
    }
    settings = {
        "REALTIME_ARCHIVE": "firehose",
        "REALTIME_EVENT_DEDUPE": "table",
        "REALTIME_IDENTITY": "true",
        "REALTIME_CONTEXT_SAMPLE": "0.01",
    }
    everything = replace(PROD, settings=settings, api="http", waf=False, usage_plan=None)
    platform_resources = replace(resource_names.get_platform_defaults("prod"), postgres_secret="a-name")  # noqa: S106 - a name
    granted = list_calls(
        name, everything, resource_names.resolve_names("prod", "existing", platform_resources)
    )
    assert listed == {(setting, action) for setting, actions in granted.items() for action in actions}


@pytest.mark.parametrize("name", LOGICAL_IDS)
def test_a_functions_page_leads_to_its_alarms(name: str) -> None:
    text = section(DOCS / "functions" / f"{name}.md", "Alarms")
    mine = {alarm for alarm in ALARMS if alarm.startswith(f"{name}-") and "table" not in alarm}
    assert mine - {"assignment-not-stored"} <= set(re.findall(r"#([\w-]+)\)", text))


def test_the_table_of_environments_is_theirs() -> None:
    rows = dict(
        re.findall(r"^\| ([^|]+) \| ([^\n]+) \|$", (DOCS / "deployment.md").read_text(), re.MULTILINE)
    )
    by_name = {env: environments.load(env) for env in environments.NAMES}

    def row(title: str) -> list[str]:
        return [cell.strip() for cell in rows[title].split("|")]

    assert row("requests a second") == [f"{environment.throttle.rate:,}" for environment in by_name.values()]
    peaks = [environment.peak for environment in by_name.values()]
    sized = row("sized for assignments, flag requests a second")
    assert sized == [f"{peak.assigns:,}, {peak.flags:,}" for peak in peaks]
    assert row("and events an hour") == [f"{peak.events_per_hour:,}" for peak in peaks]
    assert row("logs kept") == [f"{environment.log_days} days" for environment in by_name.values()]
    assert row("budget a month") == [f"${environment.budget_usd:,}" for environment in by_name.values()]
    assert row("firewall") == ["yes" if environment.waf else "no" for environment in by_name.values()]


def test_the_cost_of_snapshots_follows_from_memory_and_from_the_versions_that_are_kept() -> None:
    text = (DOCS / "deployment.md").read_text()
    cached_gigabyte = PRICES["lambda"]["snapshot_gb_second"] * MONTH_SECONDS
    assert f"${cached_gigabyte:.2f} a month for each version" in text
    megabytes = sum(each.memory for each in PROD.functions.values() if each.snap_start)
    assert f"cost ${PROD.release.keep * cached_gigabyte * megabytes / 1024:.0f} a month" in text
