"""`python -m tests.support.console.screenshots`: the pictures in docs/console, of made-up definitions.

Look at them after a change of the page. Other versions of the browser draw other bytes.
"""

from pathlib import Path
from typing import Literal, NamedTuple

from tests.support.console.answers import make_analysis
from tests.support.console.browser import start_browser
from tests.support.console.definitions import make_demo
from tests.support.console.fake_admin import ADMIN_KEY, FakeAdmin
from tests.support.console.small_png import shrink
from tests.support.console.tab import Tab, open_tab
from tests.support.paths import ROOT

FOLDER = ROOT / "docs" / "console"
CLOCK = "2026-11-27T06:05:00Z"


class Picture(NamedTuple):
    """``opener``: a button that is pressed first; ``scroll``: a text that is scrolled to."""

    name: str
    address: str
    opener: str | None = None
    scroll: str | None = None


class View(NamedTuple):
    theme: Literal["light", "dark"]
    size: dict[str, int]
    suffix: str


VIEWS = (
    View("light", {"width": 1100, "height": 640}, ""),
    View("dark", {"width": 320, "height": 640}, "-phone"),
)
PICTURES = (
    Picture("flags", "flags"),
    Picture("flag", "flags/new-checkout"),
    Picture("tester", "flags/new-checkout", scroll="Who gets what"),
    Picture("kill", "flags/new-checkout", opener="Kill"),
    Picture("rollout", "flags/new-checkout", opener="Review the change"),
    Picture("not-valid", "flags/broken"),
    Picture("experiments", "experiments"),
    Picture("experiment", "experiments/free-shipping"),
    Picture("effect", "experiments/free-shipping", scroll="Revenue of 30 days: difference"),
    Picture("live", "experiments/free-shipping", scroll="Live numbers"),
    Picture("segment", "segments/testers"),
    Picture("proposals", "proposals"),
    Picture("proposal", "proposals/p-1"),
    Picture("publications", "publications"),
    Picture("publication", "publications/2"),
    Picture("status", "status"),
    Picture("keys", "keys"),
    Picture("webhooks", "webhooks"),
    Picture("audit", "audit"),
)


def make_admin() -> FakeAdmin:
    admin = FakeAdmin(make_demo())
    admin.analyses["free-shipping"] = make_analysis("free-shipping")
    document = admin.items["flag", "dark-mode"]["definition"] | {"rollout_percentage": 50, "enabled": True}
    admin.items["flag", "dark-mode"]["summary"] = "50 % on"
    admin.apply("ben", {"definitions": {"flags": [document]}}, "dark mode for half of them")
    checkout = admin.items["flag", "new-checkout"]["definition"] | {"rollout_percentage": 50}
    admin.propose("ben", {"definitions": {"flags": [checkout]}, "reason": "nothing broke for a week"})
    admin.create_webhook({"url": "https://hooks.example/…", "events": ["publication", "kill"]})
    admin.explain({"kind": "flag", "key": "new-checkout", "user_id": "margaret"}, "ann")
    return admin


def take(tab: Tab, picture: Picture, view: View) -> Path:
    tab.use_theme(view.theme, view.size)
    tab.open(picture.address)
    if picture.scroll == "Who gets what":
        tab.page.get_by_label("User id").fill("margaret")
        tab.page.get_by_label("Context (JSON)").fill('{"country": "FR"}')
        tab.button("Ask").click()
        tab.page.locator(".steps").wait_for()
    if picture.opener == "Review the change":
        tab.page.get_by_label("Rollout in percent", exact=True).fill("40")
    if picture.opener:
        tab.button(picture.opener).click()
        tab.settle()
    elif picture.scroll:
        part = tab.page.get_by_text(picture.scroll).first
        part.evaluate("part => { part.scrollIntoView(true); scrollBy(0, -80); }")
    tab.page.evaluate("document.activeElement.blur()")
    file = FOLDER / f"{picture.name}{view.suffix}.png"
    file.write_bytes(shrink(tab.page.screenshot(caret="hide")))
    return file


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    with start_browser() as browser:
        for picture in PICTURES:
            for view in VIEWS:
                with open_tab(browser, make_admin(), ADMIN_KEY, size=view.size) as tab:
                    tab.page.clock.set_fixed_time(CLOCK)
                    file = take(tab, picture, view)
                    print(f"{file.relative_to(ROOT)}  {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
