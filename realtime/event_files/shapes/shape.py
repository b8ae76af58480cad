"""What a table of a system's export says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Columns = tuple[str, ...]


@dataclass(frozen=True)
class Shape:
    """How the rows of one system become events. ``a.b`` is the column ``b`` inside the object ``a``."""

    name: str
    title: str
    signature: tuple[Columns, ...]
    """A row has this shape if it has at least one column of each group."""
    fields: Mapping[str, Columns]
    """Field of an event → the columns that may hold it; the first that is not empty does."""
    constants: Mapping[str, Any] = field(default_factory=dict)
    value_if_number: Columns = ()
    """Columns that hold the value unless they hold text: anyone may have named a property so."""
    rest: Literal["properties", "metadata", "top"] = "metadata"
    """Where the columns go that no field takes; ``top``: they stay where they are."""
    dropped: Columns = ()
    pairs: Columns = ()
    """Columns that hold a list of ``{key, value}``, which becomes an object."""
    device_clock: Columns = ()
    """Time of the device, when the device sent it, when it arrived: used if there is no corrected time."""
    unique: str = ""
    """Rows with the same value here are one event."""
    skipped_if: str = ""
    """A column that is true for rows that are no events of their own."""
    columns: Columns = ()
    """The columns of files without a header."""
    integers: Columns = ()
