"""What `make run ARGS=--keep` leaves for the next run. The emulator saves it when it is stopped."""

import shutil
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".realtime" / "state"
SAVE_SECONDS = 60.0
"""That the emulator has to save what it holds."""
_RUNNING = "running"


def open_state(folder: Path) -> bool:
    """Whether what was there is good. After a kill it is thrown away.

    Objects are on the disk at once, all else only after a stop. So an archive would have events whose
    counters are older, and new records would get the positions of those that were lost.
    """
    mark = folder / _RUNNING
    is_good = not mark.exists()
    if not is_good:
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    mark.touch()
    return is_good


def close_state(folder: Path) -> None:
    """The emulator has ended by itself, and with that has saved all."""
    (folder / _RUNNING).unlink(missing_ok=True)
