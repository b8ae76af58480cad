"""API keys: create, list and revoke them."""

import re
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from chalicelib.domain.errors import Conflict, InvalidInput, NotFound, StorageUnavailable, Throttled
from chalicelib.domain.key_snapshot import KeySnapshots
from chalicelib.domain.keys import SCOPES, ApiKey, Keys, digest
from chalicelib.domain.timestamps import LATEST, format_timestamp, parse_timestamp

ID_LENGTH = 12  # characters of the digest that name a key
UNITS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}
_match_duration = re.compile(r"([0-9]{1,6})([hdw])").fullmatch


@dataclass(frozen=True, slots=True)
class KeyChange:
    """``token`` is the key itself, if it is new: it cannot be shown again.

    ``snapshot_failure``: why the snapshot of keys was not written; empty if it was. ``in_table``: whether
    the table has the change.
    """

    key: ApiKey
    token: str = ""
    snapshot_failure: str = ""
    in_table: bool = True


def create_key(
    keys: Keys,
    scopes: Collection[str],
    label: str,
    expires: str,
    now: float,
    *,
    snapshots: KeySnapshots | None = None,
    generate_token: Callable[[], str] = secrets.token_urlsafe,
) -> KeyChange:
    """Store the digest of a new key. ``snapshots`` get it, too. Raises InvalidInput."""
    wanted = sorted({scope.strip() for scope in scopes if scope.strip()})
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        named = ", ".join(unknown) or "scope"
        raise InvalidInput("invalid_scopes", f"scopes: unknown {named}; there are {', '.join(SCOPES)}.")
    if not label.strip():
        raise InvalidInput("invalid_label", "label: say whose key it is.")
    end = parse_expiry(expires, now) if expires else None
    token = f"rt_{generate_token()}"
    key = ApiKey(digest(token), label, tuple(wanted), format_timestamp(now, "seconds"), expires=end)
    keys.put(key)
    return KeyChange(key, token, _write_snapshot(keys, snapshots, now))


def list_keys(keys: Keys) -> Sequence[ApiKey]:
    """Oldest first. Raises StorageUnavailable or Throttled."""
    return sorted(keys.get_all(), key=lambda key: (key.created, key.id))


def revoke_key(keys: Keys, key_id: str, now: float, *, snapshots: KeySnapshots | None = None) -> KeyChange:
    """Revoke it in the table and in ``snapshots``, or in these alone while the table does not answer.

    Raises NotFound or Conflict unless the id of exactly one key starts with ``key_id`` and it is not
    revoked; StorageUnavailable or Throttled if neither store answers.
    """
    try:
        key = _find_key(keys.get_all(), key_id)
        revoked = replace(key, revoked=format_timestamp(now, "seconds"))
        keys.put(revoked)
    except (StorageUnavailable, Throttled):
        if snapshots is None:
            raise
        return _revoke_in_snapshot(snapshots, key_id, now)
    return KeyChange(revoked, snapshot_failure=_write_snapshot(keys, snapshots, now))


def parse_expiry(text: str, now: float) -> str:
    """A duration, such as 90d, or a date, as ISO 8601. Raises InvalidInput."""
    try:
        if found := _match_duration(text):
            end = now + int(found[1]) * UNITS[found[2]]
        else:
            end = parse_timestamp(text)
    except ValueError:
        examples = "a duration, such as 12h, 90d or 52w, nor a date, such as 2027-03-31"
        raise InvalidInput("invalid_expiry", f"expires: {text!r} is neither {examples}.") from None
    if not now < end < LATEST:
        raise InvalidInput("invalid_expiry", f"expires: {text!r} is not in the future.")
    return format_timestamp(end, "seconds")


def _find_key(stored: Iterable[ApiKey], key_id: str) -> ApiKey:
    matches = [key for key in stored if key_id and key.id.startswith(key_id)]
    if len(matches) != 1:
        message = f"{len(matches)} keys have an id that starts with {key_id!r}; see `keys list`."
        raise NotFound("key_not_found", message)
    if matches[0].revoked:
        raise Conflict("key_revoked", f"The key is revoked already, since {matches[0].revoked}.")
    return matches[0]


def _revoke_in_snapshot(snapshots: KeySnapshots, key_id: str, now: float) -> KeyChange:
    """The table does not answer, so the containers that cannot reach it either are told."""
    snapshot = snapshots.read()
    if snapshot is None:
        raise StorageUnavailable("The table of keys does not answer, and there is no snapshot: try again.")
    key = _find_key(snapshot.keys.values(), key_id)
    if not snapshots.revoke(key.id, format_timestamp(now, "seconds"), now):
        raise StorageUnavailable(
            "The table of keys does not answer, and the snapshot has changed: try again."
        )
    return KeyChange(key, in_table=False)


def _write_snapshot(keys: Keys, snapshots: KeySnapshots | None, now: float) -> str:
    """Why it was not written; empty if it was."""
    try:
        if snapshots is not None:
            snapshots.write(keys.get_all, now)
    except (StorageUnavailable, Throttled, InvalidInput) as error:
        return str(error)
    return ""
