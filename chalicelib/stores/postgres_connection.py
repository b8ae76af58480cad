"""pg8000's connection, closed completely. Import it on first use: only the sync function needs the driver."""

from contextlib import suppress
from typing import Any

from pg8000.native import Connection


class ClosingConnection(Connection):  # type: ignore[misc]
    """pg8000 forgets its buffered file without closing it, and closes nothing if the server hangs up at once.
    What the buffer still holds is then written to a peer that has gone, whenever the garbage is collected;
    since Python 3.13 this error is logged."""

    _usock: Any = None
    _sock: Any = None
    """The socket and its buffered file, as pg8000 names them."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        try:
            super().__init__(*arguments, **options)
        except BaseException:
            with suppress(Exception):  # it may have no socket yet, or be closed already
                self.close()
            raise

    def close(self) -> None:
        file = self._sock
        try:
            super().close()
        finally:
            if file is not None:
                with suppress(OSError):  # it cannot be flushed, but is closed nevertheless
                    file.close()
