"""What an importer makes of another system's documents.

An importer only translates: a definition is the fields of docs/rules.md, as a file has them. What it cannot
carry over exactly it refuses, and goes on with the next one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from chalicelib.domain.bucketing import is_key

Json: TypeAlias = Any


class Refused(Exception):
    """A part of the document that has no exact counterpart. ``path`` is in the other system's document."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


class ForeignDocument(ValueError):
    """The document is of another system, or another form of this one."""


class Note(NamedTuple):
    """``key`` is the other system's own; ``path`` is in its document."""

    key: str
    path: str
    message: str


class Definition(NamedTuple):
    """``name``: the other system's key. ``comment`` stands above the definition in the file."""

    name: str
    data: dict[str, Json]
    comment: str = ""


@dataclass(slots=True)
class Imported:
    flags: list[Definition] = field(default_factory=list)
    segments: list[Definition] = field(default_factory=list)
    experiments: list[Definition] = field(default_factory=list)
    refusals: list[Note] = field(default_factory=list)
    warnings: list[Note] = field(default_factory=list)

    def refuse(self, key: str, error: Refused) -> None:
        self.refusals.append(Note(key, error.path, error.reason))

    @contextmanager
    def translating(self, key: str, path: str) -> Iterator[None]:
        """One definition: what has no counterpart, or is no valid document at all, refuses it alone."""
        try:
            yield
        except Refused as error:
            self.refuse(key, error)
        except UNEXPECTED as error:
            self.refusals.append(Note(key, path, f"has a part of an unknown form: {describe_error(error)}"))


UNEXPECTED = (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError, RecursionError)
"""What reading a malformed document may raise."""


def describe_error(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


Translate: TypeAlias = Callable[[Sequence[Json], Mapping[str, str]], Imported]
"""Documents as they were downloaded, and options by name. Raises ForeignDocument."""


class Names:
    """A valid key for each of another system's: the same where it is valid, else a readable one.

    No two are the same. Callers may ask by the other system's key: it becomes the definition's ``alias``.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._keys: dict[str, str] = {}
        listed = list(dict.fromkeys(names))
        self._taken = {name for name in listed if is_key(name)}
        for name in listed:
            self._keys[name] = name if name in self._taken else _make_key(name, self._taken)

    def add(self, name: str) -> str:
        """The key of one more definition, which is in no document of the other system."""
        return _make_key(name, self._taken)

    def __contains__(self, name: object) -> bool:
        return name in self._keys

    def __getitem__(self, name: str) -> str:
        return self._keys[name]

    def head(self, name: str) -> dict[str, Json]:
        """The first fields of a definition."""
        key = self._keys[name]
        return {"key": key} if key == name else {"key": key, "alias": name}


def _make_key(name: str, taken: set[str]) -> str:
    readable = "".join(letter if is_key(letter) else "-" for letter in name).strip("-")[:110] or "unnamed"
    key, number = readable, 1
    while key in taken:
        number += 1
        key = f"{readable}-{number}"
    taken.add(key)
    return key


class Variants:
    """The variants of one flag: equal name and value are one variant. Keys are unique and valid.

    ``name`` is what callers are told; None tells none.
    """

    def __init__(self) -> None:
        self._listed: dict[str, dict[str, Json]] = {}
        self._seen: dict[tuple[str | None, str], str] = {}

    def add(self, name: str | None, value: Json, key: str | None = None) -> str:
        """The key of the variant, to be served. ``key`` is what it is called if that is free."""
        identity = name, repr((type(value).__name__, value))
        if identity in self._seen:
            return self._seen[identity]
        wanted = key if key is not None else name if name is not None else "unnamed"
        made = (
            wanted if is_key(wanted) and wanted not in self._listed else _make_key(wanted, set(self._listed))
        )
        self._seen[identity] = made
        fields: dict[str, Json] = {"value": value}
        if name != made:
            fields["name"] = name
        self._listed[made] = fields
        return made

    def write(self) -> dict[str, Json]:
        """The field ``variants`` of a flag."""
        return {
            key: fields["value"] if len(fields) == 1 and not isinstance(fields["value"], dict) else fields
            for key, fields in self._listed.items()
        }


def serve(variant: str, *, enabled: bool | None = None) -> Json:
    """``variant`` as a rule serves it, also if its key is a word of the grammar."""
    if enabled is not None:
        return {"variant": variant, "enabled": enabled}
    return {"variant": variant} if variant in ("default", "next", "none", "error", "split") else variant


def attribute(name: str) -> str:
    """An attribute of that very name: its dots are no steps of a path."""
    return name.replace("\\", "\\\\").replace(".", "\\.")


def all_of(conditions: Sequence[Json]) -> Json:
    """True for none of them. A list among them is part of the whole."""
    parts = [part for each in conditions for part in (each if isinstance(each, list) else [each])]
    wanted = [condition for condition in parts if condition is not True]
    if any(condition is False for condition in wanted):
        return False
    return True if not wanted else wanted[0] if len(wanted) == 1 else list(wanted)


def any_of(conditions: Sequence[Json]) -> Json:
    """False for none of them."""
    parts = [
        part
        for each in conditions
        for part in (each["any"] if isinstance(each, dict) and each.keys() == {"any"} else [each])
    ]
    wanted = [condition for condition in parts if condition is not False]
    if any(condition is True for condition in wanted):
        return True
    return False if not wanted else wanted[0] if len(wanted) == 1 else {"any": list(wanted)}


def negate(condition: Json) -> Json:
    return (not condition) if isinstance(condition, bool) else {"not": condition}


def translate_each(
    names: Iterable[str],
    imported: Imported,
    translate: Callable[[str], Iterable[Definition]],
    path: str = "{}",
) -> None:
    """The flags of each name, or why it is refused. One refusal never stops the others.

    ``path``: where it is in the document, with its name for ``{}``.
    """
    for name in names:
        with imported.translating(name, path.replace("{}", name)):
            imported.flags += translate(name)
