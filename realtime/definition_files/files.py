"""Which files below a folder may hold definitions, and which are left out: hidden, ignored by Git, linked."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import re2
from pathspec import GitIgnoreSpec

from chalicelib.domain.errors import Problem
from realtime.safe_reading.regular_files import RefusedFile, read_regular

SUFFIXES = (".yaml", ".yml", ".json")
HIDDEN, IGNORED, LINKED = "hidden", "ignored by .gitignore", "links to folders"
MAX_RULES_BYTES = 100_000
"""Of a .gitignore."""
_Rules = list[tuple[Path, GitIgnoreSpec]]
"""Folders with a .gitignore, outermost first."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file, folder or document below a named folder that is no part of the set."""

    path: Path
    reason: str
    document: int | None = None  # of a file with several, counted from 1

    def __str__(self) -> str:
        return f"{self.path} (document {self.document})" if self.document else str(self.path)


def has_suffix(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def list_files(folder: Path, problems: list[Problem]) -> tuple[list[Path], list[Skipped]]:
    """The files below ``folder`` by name, and what is skipped. What cannot be listed is a problem."""
    files: list[Path] = []
    skipped: list[Skipped] = []
    absolute = Path(os.path.abspath(folder))
    rules = _read_outer_rules(absolute, problems)
    for root, folders, names in os.walk(folder, onerror=lambda error: problems.append(_describe(error))):
        here = absolute / Path(root).relative_to(folder)
        if ".gitignore" in names:
            rules.append((here, _read_rules(here / ".gitignore", problems)))
        for name in list(folders):
            reason = _find_reason(here / name, rules, is_folder=True)
            if reason:
                folders.remove(name)
                skipped.append(Skipped(Path(root, name), reason))
        for name in filter(lambda name: has_suffix(Path(name)), names):
            reason = _find_reason(here / name, rules, is_folder=False)
            if reason:
                skipped.append(Skipped(Path(root, name), reason))
            else:
                files.append(Path(root, name))
    return sorted(files), sorted(skipped, key=lambda item: item.path)


def list_skipped_files(skipped: Iterable[Skipped]) -> Iterator[Path]:
    """Every file that a hidden, ignored or linked folder would have added to the set."""
    for item in skipped:
        if item.path.is_dir():
            for root, _, names in os.walk(item.path):
                yield from (path for path in (Path(root, name) for name in names) if has_suffix(path))
        elif item.reason in (HIDDEN, IGNORED):
            yield item.path


def _find_reason(path: Path, rules: _Rules, *, is_folder: bool) -> str:
    """Why Git or this project leaves ``path`` out; empty if it does not."""
    if path.name.startswith("." if is_folder else (".#", "._")):  # locks of Emacs, resource forks of macOS
        return HIDDEN
    if _is_ignored(path, rules, is_folder=is_folder):
        return IGNORED
    return LINKED if is_folder and path.is_symlink() else ""


def _is_ignored(path: Path, rules: _Rules, *, is_folder: bool) -> bool:
    """As Git decides: the innermost .gitignore that names ``path``, and in it the last pattern that does."""
    for base, spec in reversed(rules):
        if not path.is_relative_to(base):
            continue
        relative = path.relative_to(base).as_posix().encode(errors="replace").decode()
        for pattern in reversed(list(spec.patterns)):
            if pattern.regex and _matches(_compile(pattern.regex.pattern), relative, is_folder=is_folder):
                return bool(pattern.include)
    return False


@lru_cache(maxsize=10_000)
def _compile(regex: str) -> Any:
    """In time that grows with the path only: a pattern of many stars would keep `re` busy for years."""
    return re2.compile(regex)


def _matches(regex: Any, path: str, *, is_folder: bool) -> bool:
    """``path`` itself, not by a folder around it: pathspec marks the slash after a folder that matches."""
    if is_folder and any(
        match.end() == len(path) + 1 for match in regex.finditer(f"{path}/") if _mark(match)
    ):
        return True
    match = regex.search(path)
    return match is not None and not _mark(match)


def _mark(match: Any) -> Any:
    return match.groupdict().get("ps_d")


def _read_outer_rules(folder: Path, problems: list[Problem]) -> _Rules:
    """Of the repository's folders around ``folder``; none if they ignore it, as somebody named it."""
    around = [folder, *folder.parents]
    root = next((index for index, parent in enumerate(around) if (parent / ".git").exists()), 0)
    outer = [parent for parent in reversed(around[1 : root + 1]) if (parent / ".gitignore").is_file()]
    rules = [(parent, _read_rules(parent / ".gitignore", problems)) for parent in outer]
    return [] if any(_is_ignored(each, rules, is_folder=True) for each in around[:root]) else rules


def _read_rules(path: Path, problems: list[Problem]) -> GitIgnoreSpec:
    """Git passes over a file that it cannot read, and over a pattern that is not valid."""
    patterns: list[Any] = []
    try:
        text = read_regular(path, MAX_RULES_BYTES, "shorten it").decode("utf-8-sig", errors="replace")
    except OSError:
        text = ""
    except RefusedFile as error:
        problems.append(Problem(str(path), error.reason))
        text = ""
    for line in text.splitlines():
        with suppress(ValueError, re.error):
            patterns += GitIgnoreSpec.from_lines([line]).patterns
    return GitIgnoreSpec(patterns)


def _describe(error: OSError) -> Problem:
    return Problem(str(error.filename), f"cannot be read: {error.strerror}")
