"""`compare`: how many of a team's users would get another answer here than from another system's document."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from chalicelib.domain.definitions.model import Definitions, Evaluation, Flag, find_in_force
from chalicelib.domain.errors import RealtimeError
from chalicelib.domain.explanation.form import explain_form
from chalicelib.domain.explanation.question import Question
from chalicelib.domain.publishing.documents import KINDS, Document, parse_document, parse_row
from chalicelib.domain.spelling import suggest
from realtime.commands.import_definitions import count_nouns, read_document
from realtime.commands.replay import create_progress
from realtime.definition_files.read import read_definitions
from realtime.migration.comparing import COMPARED, Comparer, Comparison, Difference, read_answer
from realtime.migration.compiled_set import CompiledSet, add_user
from realtime.migration.finishing import import_documents
from realtime.migration.model import ForeignDocument, Imported, Json
from realtime.migration.users import Cells, read_users
from realtime.migration.vendors import VENDORS
from realtime.safe_reading.shown_text import escape_controls


@dataclass(frozen=True, slots=True)
class Source:
    """What another system's document is, and how it is imported."""

    vendor: str
    paths: Sequence[Path]
    options: Mapping[str, str]

    def load(self) -> Imported:
        if self.vendor in VENDORS and not VENDORS[self.vendor].has_known_hash:
            title = VENDORS[self.vendor].title
            raise ValueError(
                f"{self.vendor}: {title}'s hash is not known, so nothing can be compared with it"
            )
        documents = [read_document(path) for path in self.paths]
        try:
            return import_documents(self.vendor, documents, self.options)
        except ForeignDocument as error:
            raise ForeignDocument(f"{', '.join(map(str, self.paths))}: {error}") from None


def compare(
    console: Console,
    source: Source,
    published: Sequence[Document],
    users: Path,
    cells: Cells,
    now: float,
    *,
    key: str = "",
    limit: int = 3,
    as_json: bool = False,
) -> int:
    """Returns the exit status: 0 if every answer of every user is the same, and there was one.

    Raises ValueError and OSError for a file that cannot be read (exit 2).
    """
    imported = source.load()
    theirs = [parse_document("flag", each.data) for each in imported.flags]
    theirs += [parse_document("segment", each.data) for each in imported.segments]
    theirs += [parse_document("experiment", each.data) for each in imported.experiments]
    names = _choose_names(imported, key)
    comparer = Comparer(CompiledSet(theirs), CompiledSet(published), imported.refusals, names)
    with create_progress(console, is_lasting=False) as progress:
        task = progress.add_task("users", total=None)
        for number, user in enumerate(read_users(users, cells), 1):
            comparer.compare(user, now, limit)
            if not number % 1_000:
                progress.update(task, completed=number)
    comparison = comparer.comparison
    shown = [_describe(comparer, difference, now) for difference in comparison.differences]
    if as_json:
        print(json.dumps(_to_json(comparison, shown), ensure_ascii=False))
    else:
        _show(console, comparison, shown, VENDORS[source.vendor].title, users)
    is_same = not comparison.different and not comparison.refused
    return int(not (is_same and comparison.users and comparison.compared))


def load_published(definitions: Definitions) -> list[Document]:
    """All that are published. Raises ValueError for one that is not valid, such as after an edit by hand."""
    documents = []
    for kind in KINDS:
        for key, row in definitions.get_all(kind).items():
            document = parse_row(row)
            if document is None:
                raise ValueError(f"the published {kind} {key} cannot be read: publish it again")
            documents.append(document)
    return documents


def load_file(path: Path) -> list[Document]:
    definitions = read_definitions([path])
    if definitions.problems:
        raise ValueError(f"{definitions.problems[0]}; `validate` says more")
    return list(definitions.documents.values())


def _choose_names(imported: Imported, key: str) -> list[str]:
    names = list(dict.fromkeys([flag.name for flag in imported.flags] + [n.key for n in imported.refusals]))
    if key and key not in names:
        raise ValueError(f"--key {key}: the document has no such flag{suggest(key, names)}")
    return [key] if key else names


def _describe(comparer: Comparer, difference: Difference, now: float) -> dict[str, Any]:
    name, user = difference
    sides: dict[str, Any] = {"flag": name, "place": user.place}
    for side, definitions in (("theirs", comparer.theirs), ("here", comparer.ours)):
        flag = definitions.find(name)
        assert flag is not None  # noqa: S101  only flags of both sides are compared
        asked = add_user(user.id, user.context)
        state = definitions.make_state(user.id, asked, now)
        answer = definitions.ask(flag, user.id, asked, state)
        rule = _find_rule(flag, Question(user.id, asked, definitions.make_state(user.id, asked, now)))
        sides[side] = {**read_answer(answer)._asdict(), "reason": _get_reason(answer), "rule": rule}
    return sides


def _find_rule(flag: Flag, question: Question) -> str:
    """The rule that decides."""
    return explain_form(find_in_force(flag, question.state.now).definition.form, question)[-1].name


def _get_reason(answer: Evaluation | RealtimeError) -> str:
    return answer.code if isinstance(answer, RealtimeError) else str(answer.reason)


def _to_json(comparison: Comparison, shown: Sequence[dict[str, Any]]) -> dict[str, Any]:
    flags = {
        name: {"state": report.state, "different": report.different, "reason": report.reason}
        for name, report in comparison.flags.items()
    }
    counts = {"users": comparison.users, "different": comparison.different, "refused": comparison.refused}
    return counts | {"first_refused": comparison.first_refused, "flags": flags, "differences": shown}


def _show(
    console: Console, comparison: Comparison, shown: Sequence[dict[str, Any]], title: str, path: Path
) -> None:
    table = Table(Column("flag", overflow="fold"), Column("users with another answer", overflow="fold"))
    for name, report in comparison.flags.items():
        text, colour = "0: the same", "green"
        if report.different:
            text, colour = f"{report.different:,} of {comparison.users:,}", "red"
        elif report.state != COMPARED:
            text, colour = f"{report.state}: {report.reason}".removesuffix(": "), "yellow"
        table.add_row(Text(escape_controls(name)), Text(escape_controls(text), style=colour))
    console.print(table)
    width = max(len(title), len("here"))
    for each in shown:
        _say(console, f"{path}: {each['place']}: {each['flag']}")
        for side, label in (("theirs", title), ("here", "here")):
            _say(console, f"  {label:{width}}  {_describe_answer(each[side])}")
    if comparison.refused:
        users = count_nouns(comparison.refused, "user")
        _say(console, f"{users} cannot be asked here, first {comparison.first_refused}")
    _say(console, _summarize(comparison))


def _describe_answer(answer: Mapping[str, Json]) -> str:
    value = json.dumps(answer["value"], ensure_ascii=False) if answer["has_value"] else "no value"
    variant = f", variant {answer['variant']}" if answer["variant"] is not None else ""
    enabled = ", enabled" if answer["enabled"] else ", not enabled"
    return f"{value}{variant}{enabled} ({answer['reason']}, {answer['rule']})"


def _summarize(comparison: Comparison) -> str:
    if not comparison.users:
        return "There are no users in the file."
    if not comparison.compared:
        return "No flag of the document is published: nothing was compared."
    others = len(comparison.flags) - comparison.compared
    note = f" Not compared: {count_nouns(others, 'flag')}." if others else ""
    return (
        f"{comparison.different:,} of {count_nouns(comparison.users, 'user')} would get another answer "
        f"(expected 0) from {count_nouns(comparison.compared, 'flag')}.{note}"
    )


def _say(console: Console, text: str) -> None:
    console.print(escape_controls(text), highlight=False, markup=False, soft_wrap=True)
