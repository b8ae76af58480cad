"""Write documents to a file and publish it to definitions in memory."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from chalicelib.domain.definitions.model import DefinitionKind
from realtime.commands.publish import publish, roll_back
from realtime.commands.validate import validate
from realtime.testing.stores import MemoryDefinitions

NOW = 1_800_000_000.0
FLAG = {"key": "f", "type": "boolean"}


class Publisher:
    """Publishes sets of documents; ``output`` is what the last call printed."""

    def __init__(self, folder: Path) -> None:
        self.definitions = MemoryDefinitions()
        self.folder = folder
        self.console = Console(file=io.StringIO(), width=200)

    @property
    def output(self) -> str:
        assert isinstance(self.console.file, io.StringIO)
        return self.console.file.getvalue()

    def _write_file(
        self,
        flags: list[Any],
        experiments: Sequence[Any] = (),
        segments: Sequence[Any] = (),
        metrics: Sequence[Any] = (),
    ) -> Path:
        path = self.folder / "set.yaml"
        content = {"flags": flags, "experiments": [*experiments], "segments": [*segments]}
        if metrics:
            content["metrics"] = [*metrics]
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return path

    def publish(
        self,
        *flags: Any,
        experiments: tuple[Any, ...] = (),
        segments: tuple[Any, ...] = (),
        metrics: tuple[Any, ...] = (),
        strict: bool = False,
        **options: Any,
    ) -> int:
        self.console.file = io.StringIO()
        path = self._write_file([*flags], experiments, segments, metrics)
        options = {"confirm": lambda _: True} | options
        return publish(self.console, self.definitions, [path], strict, now=NOW, **options)

    def publish_folder(self, *flags: Any, **options: Any) -> int:
        """Publish all files of the folder, with ``flags`` in one of them."""
        self.console.file = io.StringIO()
        self._write_file([*flags])
        options = {"confirm": lambda _: True} | options
        return publish(self.console, self.definitions, [self.folder], False, now=NOW, **options)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def roll_back(self, version: int, **options: Any) -> int:
        self.console.file = io.StringIO()
        return roll_back(self.console, self.definitions, version, now=NOW, **options)

    def validate(self, *flags: Any, strict: bool = False) -> int:
        self.console.file = io.StringIO()
        return validate(self.console, [self._write_file([*flags])], strict)

    def list_flag_keys(self) -> list[str]:
        return self.list_keys("flag")

    def list_keys(self, kind: DefinitionKind) -> list[str]:
        return sorted(self.definitions.get_all(kind))
