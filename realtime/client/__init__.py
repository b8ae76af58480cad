"""Evaluates flags in the caller's own process, with the engine of the service (docs/local-evaluation.md).

`make wheel` makes a package of its own of this folder and of what it needs of the domain. It imports nothing
else of this project, and no AWS library.
"""

from realtime.client.client import Client
from realtime.client.details import Details, ErrorCode
from realtime.client.status import Status

__all__ = ["Client", "Details", "ErrorCode", "Status"]
