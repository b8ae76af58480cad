"""What each gateway takes, and how long it waits, as AWS documents it."""

from dataclasses import dataclass

FUNCTION_SECONDS, ADMIN_SECONDS = 10.0, 29.0
"""What Lambda gives a function that decides, and `admin`, as .chalice/config.json says."""
ADMIN_PATHS = ("/admin", "/console")


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds; the defaults are those of API Gateway."""

    body: int = 10 * 1024 * 1024  # the service itself refuses smaller ones
    line: int = 10_240  # the URL
    head: int = 10_240  # the URL and the values of the headers
    answer: int = 6 * 1024 * 1024  # of Lambda, as JSON
    receive_seconds: float = 30.0  # until all of a request has arrived
    idle_seconds: int = 75  # between two requests of a connection
    function_seconds: float = FUNCTION_SECONDS
    gateway_seconds: float = 29.0

    def get_function_seconds(self, path: str) -> float:
        return ADMIN_SECONDS if path.startswith(ADMIN_PATHS) else self.function_seconds


def get_limits(front: str) -> Limits:
    return Limits(line=16 * 1024, head=64 * 1024) if front.startswith("alb") else Limits()
