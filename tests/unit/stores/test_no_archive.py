"""With REALTIME_ARCHIVE=none nothing is archived, and no client is made for it."""

from chalicelib.domain.stream.archive import ArchiveObject
from chalicelib.event_wiring import Services
from chalicelib.settings import Settings
from chalicelib.stores.archive import NoArchive


def test_the_setting_leaves_the_archive_to_the_platform() -> None:
    archive = Services(Settings.from_env({"REALTIME_ARCHIVE": "none"})).archive
    assert isinstance(archive, NoArchive)
    archive.put(ArchiveObject("raw/events/a.jsonl.gz", 0, [{"event_id": "1"}]))
