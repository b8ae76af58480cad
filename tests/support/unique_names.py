"""Settings whose tables, stream, bucket and queues belong to one test alone."""

import uuid
from dataclasses import replace

from chalicelib.settings import Settings


def unique_names(settings: Settings) -> Settings:
    suffix = uuid.uuid4().hex[:12]
    return replace(
        settings,
        experiments_table=f"experiments-{suffix}",
        flags_table=f"flags-{suffix}",
        segments_table=f"segments-{suffix}",
        publications_table=f"publications-{suffix}",
        assignments_table=f"assignments-{suffix}",
        counters_table=f"counters-{suffix}",
        keys_table=f"keys-{suffix}",
        dedupe_table=f"dedupe-{suffix}",
        overrides_table=f"overrides-{suffix}",
        contexts_table=f"contexts-{suffix}",
        event_stream=f"events-{suffix}",
        archive_bucket=f"archive-{suffix}",
        quarantine_queue=f"quarantine-{suffix}",
        webhook_queue=f"webhooks-{suffix}",
    )
