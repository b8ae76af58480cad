"""Definitions in files: one to start from, and the last good ones, kept for the next start."""

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from chalicelib.domain.definitions.client_document import ClientDocument, decode_document

_log = logging.getLogger("realtime_client")


def read_newest(paths: Iterable[Path | None]) -> ClientDocument | None:
    """Of those that can be read, the one with the highest version."""
    documents = [document for path in paths if path is not None and (document := read(path)) is not None]
    return max(documents, key=lambda document: document.version, default=None)


def read(path: Path) -> ClientDocument | None:
    try:
        return decode_document(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        _log.warning("%s is left out: %s", path, error)
        return None


def write(path: Path, text: str, version: int) -> None:
    """For its owner only, whole or not at all, and never in place of a newer one."""
    try:
        older = read(path) if path.exists() else None
        if older is not None and older.version > version:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # with mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        _log.warning("%s cannot be written: %s", path, error)
