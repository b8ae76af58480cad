"""Every way in which a request can fail. ``api/http.py`` maps each to its HTTP status, in one place."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in an input: its path, such as ``variants[1].allocation``, and the fix."""

    path: str
    message: str

    def with_prefix(self, prefix: str) -> "Problem":
        """The same problem, with the path of the enclosing document before its own."""
        separator = "" if not prefix or not self.path or self.path.startswith("[") else "."
        return Problem(f"{prefix}{separator}{self.path}", self.message)

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


@dataclass(eq=False)
class RealtimeError(Exception):
    """A failure whose code and message may be shown to the caller; neither holds an id, context or key."""

    code: str
    message: str
    details: tuple[Problem, ...] = field(default=())

    def __str__(self) -> str:
        others = [str(problem) for problem in self.details if not self._is_in_message(problem)]
        return f"{self.message} ({'; '.join(others)})" if others else self.message

    def _is_in_message(self, problem: Problem) -> bool:
        return str(problem) in self.message or f"{problem.path} {problem.message}" in self.message


class InvalidInput(RealtimeError):
    """The caller made a mistake; the message names the field and the fix."""

    @classmethod
    def missing_unit(cls, kind: str, unit: str) -> "InvalidInput":
        """``unit`` is ``user``, or the attribute that is missing."""
        field = "user_id" if unit in ("user", "user_id") else f"context.{unit}"
        problem = Problem(field, f"required, because this {kind} divides its users by it")
        return cls("targeting_key_missing", f"The {kind} cannot be decided without a unit.", (problem,))


class NotFound(RealtimeError):
    """No experiment or flag has this key."""

    @classmethod
    def experiment(cls, key: str) -> "NotFound":
        return cls("experiment_not_found", f"There is no experiment {key!r}.")

    @classmethod
    def flag(cls, key: str) -> "NotFound":
        return cls("flag_not_found", f"There is no flag {key!r}.")


class NotPermitted(RealtimeError):
    """Who asks may not do this; somebody else may."""


class TooLarge(RealtimeError):
    """The input exceeds a stated limit."""


class EvaluationTooLong(RealtimeError):
    """The decisions of a request need more time than one request may take."""

    def __init__(self) -> None:
        super().__init__(
            "evaluation_too_long",
            "The rules need more time for this context than a request may take; send a smaller context.",
        )


class Conflict(RealtimeError):
    """Another was first, or it is so already."""


class StorageUnavailable(RealtimeError):
    """A decision needed the store, and the store did not answer."""

    def __init__(self, message: str = "The store cannot be reached; try again.") -> None:
        super().__init__("storage_unavailable", message)


class Misconfigured(StorageUnavailable):
    """The store will not answer before somebody mends the configuration.

    ``reason`` says what and how. It is for operators and logs; callers get the message of any failure.
    """

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class Throttled(RealtimeError):
    """The store refuses calls for now; ``retry_after`` is in whole seconds."""

    def __init__(self, retry_after: int = 1) -> None:
        super().__init__("throttled", "Too many requests; try again after the time in Retry-After.")
        self.retry_after = retry_after
