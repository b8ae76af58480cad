"""The systems whose files are known, one table each. A row has the first shape whose signature fits."""

from realtime.event_files.shapes.amplitude import AMPLITUDE
from realtime.event_files.shapes.cdnow import CDNOW
from realtime.event_files.shapes.cloudevents import CLOUDEVENTS
from realtime.event_files.shapes.ga4 import GA4
from realtime.event_files.shapes.mixpanel import MIXPANEL
from realtime.event_files.shapes.native import ARCHIVE, EVENTS
from realtime.event_files.shapes.posthog import POSTHOG
from realtime.event_files.shapes.segment import RUDDERSTACK, SEGMENT, WAREHOUSE
from realtime.event_files.shapes.shape import Shape
from realtime.event_files.shapes.snowplow import SNOWPLOW

SHAPES: tuple[Shape, ...] = (
    ARCHIVE,
    CDNOW,
    AMPLITUDE,
    RUDDERSTACK,
    SEGMENT,
    MIXPANEL,
    POSTHOG,
    SNOWPLOW,
    GA4,
    CLOUDEVENTS,
    WAREHOUSE,
    EVENTS,
)
