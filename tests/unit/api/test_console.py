"""The console's files: which there are, how large, and with which headers they are served."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from chalicelib.api import console
from chalicelib.settings import Settings
from tests.support.service import Service, run_service
from tests.unit.api.test_flag_routes import call

MAX_BYTES = 60_000
"""As they are sent, before any compression."""


def squeeze(text: str) -> str:
    return re.sub(r"\s", "", text).replace(";}", "}")


def list_texts(code: str) -> list[str]:
    """All that is in quotes or in backticks, without the code in ``${…}``, which may have texts again."""
    texts, inside = list[str](), list[str]()  # the quotes and braces that are open
    for part in re.findall(r"\\.|\$\{|[\"'`{}]|[^\\\"'`{}$]+|.", code):
        quote = inside[-1] if inside else ""
        if quote in ("'", '"', "`") and part == quote:
            inside.pop()
        elif quote in ("'", '"') or (quote == "`" and part != "${"):
            texts[-1] += part
        elif part in ("'", '"', "`"):
            inside.append(part)
            texts.append("")
        elif part in ("{", "${"):
            inside.append(part)
        elif part == "}":
            inside.pop()
            texts.append("")  # the rest of the backticks, if this was in some
    assert inside == []
    return texts


@pytest.fixture
def running() -> Iterator[Service]:
    with run_service() as service:
        yield service


def fetch(name: str = "", **headers: str) -> dict[str, object]:
    path, parameters = ("/console/{name}", {"name": name}) if name else ("/console", None)
    answer: dict[str, object] = call(path, method="GET", parameters=parameters, **headers)
    return answer


def test_every_file_of_the_folder_is_served_and_no_other(running: Service) -> None:
    files = {path.name for path in console.FOLDER.iterdir()}
    assert files == {console.PAGE, *console.TYPES}
    for name in console.TYPES:
        answer = fetch(name)
        assert (answer["statusCode"], type(answer["body"])) == (200, str)
    for name in ("index.html", "none.js", "..%2fsettings.py", "../settings.py", "CONSOLE.js"):
        assert fetch(name)["statusCode"] == 404


def test_all_of_it_is_small() -> None:
    texts = [console.load_page("").text, *(console.load_file(name).text for name in console.TYPES)]
    assert sum(len(text.encode()) for text in texts) < MAX_BYTES


def test_a_file_has_the_headers_that_keep_the_page_safe(running: Service) -> None:
    for name, kind in (("", "text/html"), ("console.js", "text/javascript"), ("console.css", "text/css")):
        headers = fetch(name)["headers"]
        assert isinstance(headers, dict)
        assert headers["Content-Type"] == f"{kind}; charset=utf-8"
        assert headers["Cache-Control"] == "no-cache"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["form-action"] == policy["base-uri"] == "'none'"
        assert (policy["require-trusted-types-for"], policy["trusted-types"]) == ("'script'", "'none'")
        assert "Access-Control-Allow-Origin" not in headers
        assert "Set-Cookie" not in headers


def test_what_a_browser_has_already_is_not_sent_again(running: Service) -> None:
    headers = fetch("dom.js")["headers"]
    assert isinstance(headers, dict)
    again = fetch("dom.js", if_none_match=headers["ETag"])
    assert (again["statusCode"], again["body"]) == (304, "")
    assert fetch("dom.js", if_none_match='"another"')["statusCode"] == 200
    assert fetch("", if_none_match=headers["ETag"])["statusCode"] == 200


def test_it_is_off_where_the_management_api_is_off() -> None:
    with run_service() as service, pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.settings", lambda: replace(service.settings, admin=False))
        for name in ("", "console.js"):
            answer = fetch(name)
            assert answer["statusCode"] == 404
            assert json.loads(str(answer["body"]))["error"]["code"] == "admin_disabled"


def test_only_this_machine_gives_the_page_a_key() -> None:
    assert 'content="rt_local_demo"' in console.load_page(Settings.from_env({}).demo_key).text
    elsewhere = Settings.from_env({"REALTIME_ENV": "prod", "REALTIME_DEMO_KEY": "rt_local_demo"})
    assert "rt_" not in console.load_page(elsewhere.demo_key).text
    assert 'content="&quot;&gt;"' in console.load_page('">').text


def test_no_file_makes_html_of_text_or_asks_another_host() -> None:
    """The policy would stop it in a browser; this names the line."""
    risky = re.compile(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function|https?://|localStorage"
    )
    for name in (console.PAGE, *console.TYPES):
        found = [line for line in (console.FOLDER / name).read_text().splitlines() if risky.search(line)]
        assert [line for line in found if "www.w3.org/2000/svg" not in line] == []


def test_no_text_changes_when_the_layout_is_left_out() -> None:
    for name in console.TYPES:
        written = re.sub(r"^ *(//|/\*\*).*", "", (console.FOLDER / name).read_text(), flags=re.MULTILINE)
        sent = console.load_file(name).text
        if name.endswith(".css"):
            assert squeeze(sent) == squeeze(written)
            continue
        assert list_texts(sent) == list_texts(written)
        assert not any(line.count("`") % 2 for line in written.splitlines())
