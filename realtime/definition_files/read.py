"""Read definition files as one checked set. Every problem names its file and path."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from chalicelib.domain.errors import Problem
from chalicelib.domain.publishing.definition_set import DefinitionSet
from realtime.definition_files.contents import FileContent, read_file
from realtime.definition_files.files import Skipped, list_files
from realtime.safe_reading.regular_files import STANDARD_INPUT

MAX_SET_BYTES = 64_000_000
"""Of all files together."""


@dataclass(slots=True)
class FileSet(DefinitionSet):
    """What files hold; ``skipped`` are those without definitions."""

    skipped: list[Skipped] = field(default_factory=list)

    def add_content(self, content: FileContent, *, is_named: bool) -> None:
        """``is_named``: by the user, so that a file without definitions is a mistake."""
        if content.is_empty and not is_named:
            self.skipped += content.skipped
            return
        self.problems += content.problems
        if not content.is_empty:
            self.skipped += content.skipped
        for source in content.definitions:
            self.add(source)
        for metric in content.metrics:
            self.add_metric(metric)


def read_definitions(paths: Iterable[Path]) -> FileSet:
    """All files below ``paths`` as one set, with everything that is wrong with it in ``problems``.

    In a folder, a file without definitions is skipped; named directly, it is a problem. `-` is what stands on
    standard input, as YAML, of which JSON is a part.
    """
    definitions = FileSet()
    seen: set[str] = set()
    size = 0
    for path in paths:
        if path.is_dir():
            files, skipped = list_files(path, definitions.problems)
            definitions.skipped += skipped
            if not files:
                definitions.problems.append(Problem(str(path), "holds no .yaml, .yml or .json file"))
        elif path == STANDARD_INPUT or path.exists():
            files = [path]
        else:
            definitions.problems.append(Problem(str(path), "no such file or folder"))
            continue
        size += sum(map(_get_size, files))
        if size > MAX_SET_BYTES:
            limit = f"{MAX_SET_BYTES // 1_000_000} MB"
            definitions.problems.append(Problem(str(path), f"the files have over {limit} in all; name fewer"))
            break
        contents = [read_file(file) for file in files if os.path.realpath(file) not in seen]
        seen.update(map(os.path.realpath, files))
        for content in contents:
            definitions.add_content(content, is_named=content.path == path)
        if path.is_dir() and contents and all(content.is_empty for content in contents):
            message = "holds no definitions; write flags: [] if none are meant"
            definitions.problems.append(Problem(str(path), message))
    return definitions


def _get_size(file: Path) -> int:
    """0 if it is not there; reading it says so."""
    try:
        return file.stat().st_size
    except OSError:
        return 0
