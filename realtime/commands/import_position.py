"""How far the import of a file has come: an interrupted run goes on there, a finished one does nothing."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from chalicelib.domain.definitions.model import Experiment
from realtime.assignment_files.formats import Form
from realtime.commands.replay_position import quote_target
from realtime.event_files.files import Source

POSITIONS = Path(".realtime") / "assignments"


@dataclass
class Position:
    """The first ``lines`` are settled. ``is_begun``: those after them may be rows, with events or without."""

    lines: int = 0
    is_begun: bool = False
    is_done: bool = False
    file: Path = field(default=Path(), repr=False)

    def save(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        partial = self.file.with_name(self.file.name + ".new")
        partial.write_text(
            json.dumps({name: value for name, value in asdict(self).items() if name != "file"})
        )
        partial.replace(self.file)


def load_position(
    folder: Path, source: Source, experiment: Experiment, form: Form, variants: Mapping[str, str]
) -> Position:
    """Of one file into one iteration of an experiment, read in one way. Raises ValueError."""
    read = repr((experiment.id, experiment.iteration, form, sorted(variants.items())))
    digest = hashlib.sha256(read.encode()).hexdigest()[:12]
    file = folder / quote_target() / f"{source.get_key()}-{digest}.json"
    if not file.exists():
        return Position(file=file)
    try:
        return Position(**json.loads(file.read_text()), file=file)
    except (ValueError, TypeError):
        raise ValueError(f"{file}: is no position; --restart begins again") from None
