"""What a new user does: start the stack with its demo, call every route, read the results, stop it."""

import csv
import gzip
import json
import re
import socket
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import httpx
import mmh3
import pytest

from chalicelib.stores.postgres_address import parse_url
from realtime.demo.cdnow import FILE, SAMPLE
from tests.support.paths import ROOT
from tests.support.poll import wait_until
from tests.support.up import READY, RunningStack, run_command, start_up

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
METRICS = """metrics:
  - {key: orders, event: purchase, aggregate: count, window: 30d}
  - {key: revenue, event: purchase, aggregate: sum, window: 30d}
  - {key: revenue-capped, event: purchase, aggregate: sum, window: 30d, cap: 0.99}
  - key: order-value
    numerator: {event: purchase, aggregate: sum}
    denominator: {event: purchase, aggregate: count}
    window: 30d
"""
GOLDEN = {
    "orders": (1.2285336856, 1.24685138539, 0.622103554846),
    "revenue": (43.6350198151, 41.5634130982, 0.453802101225),
    "revenue-capped": (None, None, 0.500736363325),
    "order-value": (35.5179677419, 33.3346969697, 0.244475510765),
}
"""Of the sample: the means of control and treatment, and p of a test that is looked at once."""
KEY = {"Authorization": "Bearer rt_local_demo"}


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    with start_up() as running:
        running.wait_for_output(READY, 180)
        yield running


@pytest.fixture
def client(stack: RunningStack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, headers=KEY, timeout=30) as http:
        yield http


def hash_to_buckets(kind: str, key: str, user: str) -> tuple[int, int]:
    """The buckets of traffic and variant, computed without the service's code."""
    first, second = mmh3.hash64(f"{kind}/{key}:{user}".encode(), seed=0, x64arch=True, signed=False)
    return first * 100_000 >> 64, second * 100_000 >> 64


def read_customers() -> list[str]:
    with gzip.open(FILE, "rt") as text:
        return sorted(
            {row["customer_id"] for row in csv.DictReader(text) if int(row["customer_id"]) % SAMPLE == 0}
        )


def sum_purchases(variants: dict[str, str]) -> dict[str, tuple[int, Decimal]]:
    """Count and sum per variant straight from the CSV, in SQL, exact to the cent."""
    database = duckdb.connect()
    database.execute("CREATE TABLE assigned (customer_id VARCHAR, variant VARCHAR)")
    database.executemany("INSERT INTO assigned VALUES (?, ?)", list(variants.items()))
    rows = database.execute(
        """SELECT variant, count(*), sum(dollars) FROM assigned
           JOIN read_csv(?, columns = {'customer_id': 'VARCHAR', 'date': 'DATE', 'cds': 'INT',
                                       'dollars': 'DECIMAL(18, 2)'}, header = true) USING (customer_id)
           GROUP BY variant""",
        [str(FILE)],
    ).fetchall()
    return {variant: (count, total) for variant, count, total in rows}


def count_purchases(results: dict[str, Any]) -> dict[str, tuple[int, Decimal]]:
    purchases = {}
    for variant, counts in results["variants"].items():
        purchase = counts["events"]["purchase"]
        purchases[variant] = (purchase["count"], Decimal(str(purchase["sum"])).quantize(Decimal("0.01")))
    return purchases


def test_the_aa_experiment_counts_what_the_csv_holds_to_the_cent(client: httpx.Client) -> None:
    variants = {
        user: "a" if hash_to_buckets("experiment", "cdnow-aa", user)[1] < 50_000 else "b"
        for user in read_customers()
    }
    results = client.get("/experiments/cdnow-aa/results").json()
    assert count_purchases(results) == sum_purchases(variants)
    assert len(variants) == 2946
    others = sum(counts["assigned"] for counts in results["variants"].values()) - len(variants)
    assert others in (0, 1, 2)  # users of other tests on this stack
    assert sum(counts["exposures"] for counts in results["variants"].values()) == len(variants)
    assert results["srm"]["alarm"] is False


def test_the_ab_experiment_counts_only_targeted_users_inside_the_traffic(client: httpx.Client) -> None:
    first_orders: dict[str, list[tuple[str, float]]] = defaultdict(list)
    with gzip.open(FILE, "rt") as text:
        for row in csv.DictReader(text):
            first_orders[row["customer_id"]].append((row["date"], float(row["dollars"])))
    variants = {}
    for user in read_customers():
        date, dollars = first_orders[user][0]
        traffic, variant = hash_to_buckets("experiment", "cdnow-free-shipping", user)
        if date < "1997-03" and dollars >= 10 and traffic < 80_000:
            variants[user] = "control" if variant < 50_000 else "free-shipping"
    results = client.get("/experiments/cdnow-free-shipping/results").json()
    assert count_purchases(results) == sum_purchases(variants)
    assert sum(counts["exposures"] for counts in results["variants"].values()) == len(variants)
    assert results["unassigned"]["events"]["purchase"]["count"] == 8977 - sum(
        count for count, _ in sum_purchases(variants).values()
    )


def test_the_results_command_says_what_the_route_says(stack: RunningStack, client: httpx.Client) -> None:
    as_json = run_command(stack.environ, "results", "cdnow-aa", "--json")
    assert json.loads(as_json.stdout) == client.get("/experiments/cdnow-aa/results").json()
    as_table = run_command(stack.environ, "results", "cdnow-aa")
    assert as_table.returncode == 0
    assert "Split: as asked for" in as_table.stdout


def test_analyze_has_the_numbers_that_others_computed(stack: RunningStack, tmp_path: Path) -> None:
    """Means, p-values and the cap as scipy.stats and tea-tasting have them for the same users."""
    file = tmp_path / "metrics.yaml"
    file.write_text(METRICS)
    options = "--anchor", "exposure", "--fixed", "--json", "--metrics", str(file)
    done = run_command(stack.environ, "analyze", "cdnow-free-shipping", *options)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["users"] == {"control": 757, "free-shipping": 794}
    [split] = [check for check in answer["checks"] if check["code"] == "split"]
    assert split["chi_square"] == pytest.approx(0.882656350744, rel=1e-10)
    metrics = {metric["key"]: metric for metric in answer["metrics"]}
    for key, (control, treatment, p_value) in GOLDEN.items():
        variants, [comparison] = metrics[key]["variants"], metrics[key]["comparisons"]
        means = variants["control"]["mean"], variants["free-shipping"]["mean"]
        expected = [mean for mean in (control, treatment) if mean is not None]
        assert [*means][: len(expected)] == pytest.approx(expected, rel=1e-10)
        assert comparison["fixed"]["p_value"] == pytest.approx(p_value, rel=1e-10)
    assert metrics["revenue-capped"]["cap"] == 234.84


def test_the_printed_analysis_is_that_of_the_documentation(stack: RunningStack) -> None:
    text = (ROOT / "docs" / "analysis.md").read_text()
    command = "python -m realtime analyze cdnow-free-shipping"
    [shown] = re.findall(rf"```console\n\$ {command}\n(.*?)```", text, re.DOTALL)
    done = run_command(stack.environ | {"COLUMNS": "80"}, "analyze", "cdnow-free-shipping")
    assert "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines()) == shown


def test_the_demo_ends_with_a_verdict(stack: RunningStack) -> None:
    """The data has no experiment with an effect, so the demo makes one, and the analysis doubts its size."""
    done = run_command(stack.environ, "analyze", "cdnow-reminder", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["verdict"]["code"] == "ship"
    assert answer["users"] == {"control": 466, "reminder": 448}
    assert [check["code"] for check in answer["checks"] if check["status"] != "ok"] == ["twyman"]


def test_assign_gives_the_same_answer_by_get_post_and_again(client: httpx.Client) -> None:
    body = {"user_id": "ünïcode-🙂", "experiment_key": "cdnow-aa", "context": {}}
    first = client.post("/assign", json=body).json()
    query = {"user_id": str(body["user_id"]), "experiment_key": "cdnow-aa", "context": "{}"}
    again = client.get("/assign", params=query).json()
    assert first["reason"] == "ASSIGNED"
    assert again == {**first, "reason": "STICKY"}
    assert set(first) == {
        "user_id", "experiment_key", "experiment_id", "variant", "payload",
        "assignment_id", "timestamp", "reason",
    }  # fmt: skip


def test_a_user_who_is_not_targeted_gets_200_and_a_reason(client: httpx.Client) -> None:
    body = {"user_id": "x", "experiment_key": "cdnow-free-shipping", "context": {"cohort": "1997-03"}}
    answer = client.post("/assign", json=body)
    assert (answer.status_code, answer.json()["variant"], answer.json()["reason"]) == (
        200,
        None,
        "NOT_TARGETED",
    )


@pytest.mark.parametrize(
    ("flag", "kind"),
    [
        ("new-checkout", bool),
        ("banner-text", str),
        ("page-size", int),
        ("discount-rate", float),
        ("search-settings", dict),
    ],
)
def test_a_flag_of_each_type_keeps_its_type(client: httpx.Client, flag: str, kind: type) -> None:
    answer = client.post("/flags/evaluate", json={"user_id": "u", "flag_key": flag, "context": {"orders": 5}})
    assert answer.status_code == 200
    assert type(answer.json()["value"]) is kind


def test_targeting_fixes_a_variant(client: httpx.Client) -> None:
    body = {"user_id": "u", "flag_key": "banner-text", "context": {"country": "FR"}}
    answer = client.post("/flags/evaluate", json=body).json()
    assert (answer["value"], answer["reason"]) == ("Bienvenue", "TARGETING_MATCH")


def test_all_flags_at_once_with_etag(client: httpx.Client) -> None:
    body = {"user_id": "u", "context": {"country": "DE"}}
    answer = client.post("/flags/evaluate/batch", json=body)
    assert len(answer.json()["flags"]) == 5
    same = client.post("/flags/evaluate/batch", json=body, headers={"If-None-Match": answer.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")


def test_an_event_that_is_sent_is_counted(client: httpx.Client) -> None:
    user = {"user_id": "a-buyer", "experiment_key": "cdnow-aa"}
    variant = client.post("/assign", json=user).json()["variant"]

    def count() -> int:
        events = client.get("/experiments/cdnow-aa/results").json()["variants"][variant]["events"]
        number = events.get("$other", {"count": 0})["count"]  # no definition names clicks
        assert isinstance(number, int)
        return number

    before = count()
    event = {**user, "event_type": "click", "timestamp": "2026-01-31T12:00:00Z"}
    answer = client.post(
        "/events", json={"events": [event, {**event, "event_type": "no\ncontrol characters"}]}
    )
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    assert answer.json()["rejected"][0]["index"] == 1
    wait_until(lambda: count() == before + 1, 20)


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "hint"),
    [
        ("POST", "/assign", {"json": {"user_id": "u", "experiment_key": "none"}}, 404, "none"),
        ("POST", "/assign", {"json": {"experiment_key": "cdnow-aa"}}, 400, "user_id"),
        ("POST", "/assign", {"json": {"user_id": 7, "experiment_key": "cdnow-aa"}}, 400, "user_id"),
        (
            "POST",
            "/assign",
            {"json": {"user_id": "u", "experiment_key": "cdnow-aa", "context": 1}},
            400,
            "context",
        ),
        ("POST", "/assign", {"content": "{", "headers": {"Content-Type": "application/json"}}, 400, "body"),
        (
            "POST",
            "/assign",
            {"content": "{}", "headers": {"Content-Type": "text/plain"}},
            415,
            "application/json",
        ),
        ("POST", "/assign", {"json": {"user_id": "u" * 300_000}}, 413, "262144 are allowed"),
        ("GET", "/assign", {}, 400, "experiment_key"),
        ("DELETE", "/assign", {}, 405, ""),
        ("GET", "/nowhere", {}, 404, ""),
        ("GET", "/experiments/none/results", {}, 404, "none"),
        ("POST", "/flags/evaluate", {"json": {"user_id": "u", "flag_key": "none"}}, 404, "none"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(
    client: httpx.Client, method: str, path: str, options: dict[str, Any], status: int, hint: str
) -> None:
    answer = client.request(method, path, **options)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "message", "details"}
    assert hint in answer.text


def test_no_key_is_401_a_wrong_one_401_or_403_and_health_needs_none(stack: RunningStack) -> None:
    with httpx.Client(base_url=stack.url) as http:
        assert http.get("/assign").status_code == 401
        assert http.get("/assign", headers={"Authorization": "Bearer wrong"}).status_code in (401, 403)
        assert http.get("/health").json()["status"] == "ok"
        assert http.get("/openapi.json").json()["openapi"] == "3.1.0"


def test_a_key_of_one_scope_opens_nothing_else_and_can_be_revoked(stack: RunningStack) -> None:
    created = run_command(stack.environ, "keys", "create", "--scopes", "flags", "--label", "web")
    key = created.stdout.splitlines()[0].strip()
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=stack.url, headers=headers) as http:
        assert (
            http.get("/flags/evaluate", params={"user_id": "u", "flag_key": "page-size"}).status_code == 200
        )
        assert http.get("/assign", params={"user_id": "u", "experiment_key": "cdnow-aa"}).status_code == 403
    listed = run_command(stack.environ, "keys", "list").stdout
    assert "web" in listed
    assert key not in listed


def test_assignments_are_copied_into_the_embedded_postgresql(stack: RunningStack) -> None:
    [url] = [line.split()[-1] for line in stack.lines if line.startswith("PostgreSQL on ")]
    connection = parse_url(url).connect(5, 0)
    try:
        sql = "SELECT count(*), count(DISTINCT user_id) FROM assignments WHERE experiment_id = 'cdnow-aa'"
        [[rows, users]] = connection.run(sql)
    finally:
        connection.close()
    assert rows == users >= len(read_customers())
    checked = run_command(stack.environ, "sync", "--check", "--grace", "0")
    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (0, "No differences."), checked.stdout


def test_status_is_green_on_a_stack_that_is_well(stack: RunningStack) -> None:
    def is_green() -> bool:  # minutes of the replay may still count
        done = run_command(stack.environ, "status", "--json")
        lines = {line["name"]: line["state"] for line in json.loads(done.stdout)["lines"]}
        return done.returncode == 0 and lines["heartbeat"] == "green"

    wait_until(is_green, 150)
    answer = json.loads(run_command(stack.environ, "status", "--json").stdout)
    lines = {line["name"]: line for line in answer["lines"]}
    assert lines["events"]["figures"]["seconds"] < 60
    assert lines["definitions"]["figures"]["functions"]["local"]["version"] == 1
    assert lines["archive"]["figures"]["newest_object"]


def test_explain_shows_every_step(stack: RunningStack) -> None:
    context = json.dumps({"cohort": "1997-01", "first_order_value": 50})
    steps = run_command(
        stack.environ, "explain", "--user", "u", "--experiment", "cdnow-free-shipping", "--context", context
    ).stdout
    for step in ("status", "active", "stored", "bucket", "serves", "because"):
        assert step in steps


def test_a_second_start_says_in_one_line_that_the_port_is_taken(stack: RunningStack) -> None:
    with start_up(port=stack.port) as second:
        assert second.process.wait(30) == 1
        wait_until(lambda: second.lines, 5)
        assert len(second.lines) == 1
        assert f"port {stack.port} is taken" in second.lines[0]


def test_ctrl_c_during_start_up_leaves_nothing() -> None:
    with start_up("--no-demo") as starting:
        wait_until(lambda: _listens(starting.aws_port), 30)
        assert starting.interrupt() == 0, starting.output()
        assert not _listens(starting.aws_port)
        assert not _listens(starting.port)


def test_ctrl_c_stops_everything() -> None:
    with start_up("--no-demo", "--no-postgres") as running:
        running.wait_for_output(READY, 60)
        assert "PostgreSQL" not in running.output()
        assert "cdnow" not in running.output()  # nothing of what was left out is suggested
        assert "realtime publish FILE.yaml" in running.output()
        assert running.interrupt() == 0, running.output()
        assert "nothing is left running" in running.output()
        assert not _listens(running.aws_port)
        assert not _listens(running.port)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
