"""Building blocks of a state machine in Amazon's States Language, with JSONata.

Inside a `Map`, a call that fails ends no iteration: it writes `problem` into its item, so that what the other
items did is not lost.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

State: TypeAlias = dict[str, Any]
States: TypeAlias = dict[str, State]

FINAL = {
    "ErrorEquals": [
        "Lambda.PreconditionFailedException",
        "Lambda.InvalidParameterValueException",
        "Lambda.ResourceNotFoundException",
        "Lambda.CodeStorageExceededException",
        "States.QueryEvaluationError",
    ],
    "MaxAttempts": 0,
}
"""Asking again would change nothing."""
RETRY = [FINAL, {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "MaxAttempts": 5, "BackoffRate": 2}]
PROBLEM = "$states.errorOutput.Error & ': ' & $substring($states.errorOutput.Cause, 0, 300)"


def evaluate(expression: str) -> str:
    """A field whose value is that of a JSONata ``expression``."""
    return "{% " + " ".join(expression.split()) + " %}"


def merge(fields: str) -> str:
    """The state's input with ``fields`` (JSONata) beside it or in place of its own."""
    return evaluate(f"$merge([$states.input, {{{fields}}}])")


def follow(next_state: str | None) -> State:
    return {"Next": next_state} if next_state else {"End": True}


def call(action: str, arguments: Mapping[str, Any] | str, next_state: str | None, **fields: Any) -> State:
    """A call of AWS: ``action`` is such as `lambda:getAlias`. ``fields``: Output, Assign, Catch, Retry."""
    prefix = "" if action == "lambda:invoke" else "aws-sdk:"
    resource = f"arn:${{AWS::Partition}}:states:::{prefix}{action}"
    task: State = {"Type": "Task", "Resource": resource, "Arguments": arguments, "Retry": RETRY}
    return task | fields | follow(next_state)


def catch(next_state: str, output: str, errors: tuple[str, ...] = ("States.ALL",)) -> State:
    return {"ErrorEquals": list(errors), "Next": next_state, "Output": output}


def catch_problem(next_state: str, doing: str) -> list[State]:
    """Write the error of a call into the item; ``doing`` says what failed."""
    return [catch(next_state, merge(f"'problem': {quote(doing + ' failed: ')} & {PROBLEM}"))]


def quote(text: str) -> str:
    """A JSONata string."""
    return "'" + text.replace("'", "\\'") + "'"


def for_each(items: str, states: States, next_state: str | None, **fields: Any) -> State:
    """Run ``states``, from the first one, for each of ``items`` (JSONata)."""
    return {
        "Type": "Map",
        # the result of JSONata is no array if it has one element
        "Items": evaluate(f"[{items}]"),
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": next(iter(states)),
            "States": states,
        },
        **fields,
        **follow(next_state),
    }


def choose(default: str, *rules: tuple[str, str]) -> State:
    """Go to the state of the first of ``rules`` whose condition (JSONata) is true, else to ``default``."""
    choices = [{"Condition": evaluate(condition), "Next": next_state} for condition, next_state in rules]
    return {"Type": "Choice", "Choices": choices, "Default": default}


def compute(next_state: str | None, **fields: Any) -> State:
    """A state that calls nothing. ``fields``: Output, Assign."""
    return {"Type": "Pass", **fields, **follow(next_state)}


def wait(seconds: int, next_state: str) -> State:
    return {"Type": "Wait", "Seconds": seconds, "Next": next_state}
