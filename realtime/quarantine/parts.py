"""The parts of a quarantined payload: those of one record that were too many to be quarantined apart."""

from chalicelib.domain.stream.aggregation import UndecodableRecord, split_content, unpack_part


def list_parts(payload: bytes) -> list[bytes]:
    """Unpacked if possible. A payload that has no parts is the only one."""
    try:
        parts = split_content(payload)
    except UndecodableRecord:
        return [payload]
    return [_unpack(part) for _, part in parts]


def _unpack(part: bytes) -> bytes:
    try:
        return unpack_part(part)
    except UndecodableRecord:
        return part
