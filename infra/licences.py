"""`make licences`: write docs/licences.md."""

import re
from collections.abc import Iterable

from infra.bundle import HOST_TARGET, ROOT, get_wheels
from infra.packages import Package, read_installed, read_wheels

PAGE = ROOT / "docs" / "licences.md"
ALLOWED = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "ISC",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PSF-2.0",
        "Zlib",
    }
)
"""Permissive ones, and MPL-2.0, which asks only for the source of its own files. No GPL, LGPL or AGPL."""


def write_page() -> str:
    bundle = read_wheels(get_wheels(HOST_TARGET))
    shipped = {package.name for package in bundle}
    toolkit = [package for package in read_installed("run.txt") if package.name not in {*shipped, "pip"}]
    return f"""# Licences

Which licences come with a deployment, and with the operator's toolkit? `make licences` writes this
page from what the packages say of themselves; a test fails if it is out of date, or if a licence is
not allowed. Nothing of the GPL family is. Allowed are:

    {" ".join(sorted(ALLOWED))}

## In the Lambda bundle

{_write_table(bundle)}

Chalice's two runtime files are Apache-2.0. The service itself is [Apache-2.0](../LICENSE).

## In the operator's toolkit

On Linux; nothing of it is deployed.

{_write_table(toolkit)}
"""


def find_forbidden(packages: Iterable[Package]) -> list[str]:
    """Packages without a choice of allowed licences."""
    return [f"{package.name}: {package.licence}" for package in packages if not _is_allowed(package.licence)]


def _is_allowed(expression: str) -> bool:
    """``A AND (B OR C)``: each part of AND, and one of each OR."""
    parts = [re.split(r"\s+OR\s+", part.strip("() ")) for part in re.split(r"\s+AND\s+", expression)]
    return all(any(licence.strip("() ") in ALLOWED for licence in choices) for choices in parts)


def _write_table(packages: Iterable[Package]) -> str:
    rows = [f"| {package.name} | {package.licence} |" for package in packages]
    return "\n".join(["| package | licence |", "|---|---|", *rows])


def main() -> None:
    PAGE.write_text(write_page())
    print(f"{PAGE.relative_to(ROOT)} is written.")


if __name__ == "__main__":
    main()
