"""States that move the traffic of aliases: a step forward, all of it for good, and back.

Each item says where its alias is (`now`), where it shall be (`want`), and the `revision` that was seen last.
An alias that changed meanwhile is read again. If the traffic is still where this release left it, somebody
only added a permission, and the write is repeated. Otherwise somebody else moved it: it is left alone.
"""

from infra.release.alias import ALIAS
from infra.release.states import (
    FINAL,
    RETRY,
    State,
    States,
    call,
    catch,
    catch_problem,
    choose,
    compute,
    evaluate,
    for_each,
    merge,
)

PRECONDITION_FAILED = "Lambda.PreconditionFailedException"
PATIENT_RETRY = [
    FINAL,
    {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 2,
        "MaxAttempts": 60,
        "BackoffRate": 1.5,
        "MaxDelaySeconds": 60,
    },
]
"""For the way back: about an hour."""
WEIGHTS = (
    "($exists($states.result.RoutingConfig.AdditionalVersionWeights)"
    " ? $states.result.RoutingConfig.AdditionalVersionWeights : {})"
)
IDENTIFY = {"FunctionName": evaluate("$states.input.function"), "Name": ALIAS}


TELL_PROBLEM = {
    "error": "NotMoved",
    "cause": evaluate("$join([$moves[$exists(problem)].(name & ': ' & problem)], '; ')"),
}


def move(items: str, want: str, next_state: str, retry: list[State] = RETRY) -> State:
    """Move each of ``items``; ``want`` (JSONata, with ``$item``) has `version`, `weights`, `description`."""
    wanted = f"$map({items}, function($item) {{$merge([$item, {{'want': {want}}}])}})"
    return for_each(wanted, _build_move(retry), next_state, Assign={"moves": evaluate("$states.result")})


def _build_move(retry: list[State]) -> States:
    arguments = {
        **IDENTIFY,
        "FunctionVersion": evaluate("$states.input.want.version"),
        # without it Lambda keeps the weights
        "RoutingConfig": {"AdditionalVersionWeights": evaluate("$states.input.want.weights")},
        "Description": evaluate("$states.input.want.description"),
        "RevisionId": evaluate("$states.input.revision"),
    }
    where = "{'version': $states.input.want.version, 'weights': $states.input.want.weights}"
    done = f"'now': {where}, 'moved': true"
    seen = f"{{'version': $states.result.FunctionVersion, 'weights': {WEIGHTS}}}"
    return {
        "UpdateAlias": call(
            "lambda:updateAlias",
            arguments,
            None,
            Output=merge(f"{done}, 'revision': $states.result.RevisionId"),
            Retry=retry,
            Catch=[
                catch("ReadAgain", evaluate("$states.input"), (PRECONDITION_FAILED,)),
                *catch_problem("NotMoved", "moving its traffic"),
            ],
        ),
        "ReadAgain": call(
            "lambda:getAlias",
            IDENTIFY,
            "WhoMoved",
            Output=merge(f"'seen': {seen}, 'revision': $states.result.RevisionId"),
            Retry=retry,
            Catch=catch_problem("NotMoved", "reading its alias"),
        ),
        "WhoMoved": choose(
            "SomebodyElse",
            (f"$states.input.seen = {where}", "AlreadyMoved"),
            ("$states.input.seen = $states.input.now", "UpdateAlias"),
        ),
        "AlreadyMoved": compute(None, Output=merge(done)),
        "SomebodyElse": compute(
            None,
            Output=merge(
                "'moved': false, 'problem': 'somebody else moved its traffic meanwhile; it stays there'"
            ),
        ),
        "NotMoved": compute(None),
    }


def build_steps() -> States:
    """From `BeginStep` to `Committed`: all steps, each followed by its watch, then the end for good."""
    weighted = (
        "{'version': $item.live, 'weights': {$item.version: $steps[$step].percent / 100},"
        " 'description': $item.description}"
    )
    final = "{'version': $item.version, 'weights': {}, 'description': $item.next_description}"
    lost = "$exists($moves.problem)"
    return {
        "BeginStep": compute(
            "Shift", Assign={"minute": 0, "since": evaluate("$states.context.State.EnteredTime")}
        ),
        "Shift": move("$moves", weighted, "Shifted"),
        "Shifted": choose("StartWatch", (lost, "TellProblem")),
        # On to the next step, or to the end.
        "NextStep": compute("IsLast", Assign={"step": evaluate("$step + 1")}),
        "IsLast": choose("Commit", ("$step < $count($steps)", "BeginStep")),
        "Commit": move("$moves", final, "Committed"),
        "Committed": choose("Tidy", (lost, "TellProblem")),
    }


def build_return() -> States:
    """`TellProblem` and `GoBack`: aliases that this release moved go back, and it fails with its reason."""
    before = "{'version': $item.live, 'weights': {}, 'description': $item.description}"
    stuck = "$join([$moves[$exists(problem)].(' ' & name & ' is not back: ' & problem & '.')], '')"
    # a problem of the way there is told already
    moved = "$map($moves[moved], function($m) {$sift($m, function($v, $k) {$k != 'problem'})})"
    return {
        "TellProblem": compute("GoBack", Assign=TELL_PROBLEM),
        "GoBack": move(moved, before, "IsBack", PATIENT_RETRY),
        "IsBack": compute("TidyFailed", Assign={"cause": evaluate(f"$cause & {stuck}")}),
        "Failed": {"Type": "Fail", "Error": evaluate("$error"), "Cause": evaluate("$cause")},
    }
