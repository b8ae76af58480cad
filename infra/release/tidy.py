"""States at the end: alarms, warm containers and versions that nobody needs any more."""

from infra.release.preparation import VERSION
from infra.release.states import State, States, call, catch, compute, evaluate, for_each, merge
from infra.release.version_alarms import PLACEHOLDER

IGNORED = [catch("Left", evaluate("{'note': $states.errorOutput.Error}"))]
"""Nothing here is worth failing a release that has moved its traffic. The output says what was left."""


def build_tidying() -> States:
    """`Tidy` after a release and `TidyFailed` after one that failed."""
    return {
        "Tidy": _cool("live", "Prune"),
        "Prune": for_each(
            "$moves", _build_pruning(), "DeleteAlarms", Assign={"pruned": evaluate("$states.result")}
        ),
        "DeleteAlarms": _delete_alarms("Released"),
        "Released": compute(
            None,
            Output={
                "released": evaluate("[$moves.{'name': name, 'version': version, 'from': live}]"),
                "held": evaluate("$held"),
            },
        ),
        "TidyFailed": _cool("version", "DropAlarms"),
        "DropAlarms": _delete_alarms("Failed"),
    }


def _cool(field: str, next_state: str) -> State:
    """Stop paying for warm containers of the version in ``field``, which gets no traffic any more."""
    delete = call(
        "lambda:deleteProvisionedConcurrencyConfig",
        {"FunctionName": evaluate("$states.input.function"), "Qualifier": evaluate("$states.input.cold")},
        None,
        Output={},
        Catch=IGNORED,
    )
    items = f"$moves[warm > 0].{{'function': function, 'cold': {field}}}"
    return for_each(items, {"DeleteConcurrency": delete, "Left": compute(None)}, next_state)


def _delete_alarms(next_state: str) -> State:
    delete = call("cloudwatch:deleteAlarms", {"AlarmNames": evaluate("$states.input.names")}, None, Output={})
    states: States = {"DeleteAlarms": delete | {"Catch": IGNORED}, "Left": compute(None)}
    # none were made: no item
    return for_each("$count($alarms) > 0 ? {'names': $alarms}", states, next_state)


def _build_pruning() -> States:
    """Versions go that no rollback returns to and that are not among the newest. A used one Lambda keeps."""
    versions = """(
        $kept := $split($substringBefore($substringAfter($states.input.next_description, 'good='), ' '), ',');
        $all := $states.result.Versions[Version != '$LATEST'].Version;
        $newest := $sort($all, function($a, $b) {$number($a) < $number($b)})[[0..$keep - 1]];
        [$all[$not($ in $kept) and $not($ in $newest)]])"""
    delete = call(
        "lambda:deleteFunction",
        {"FunctionName": evaluate("$states.input.function"), "Qualifier": evaluate("$states.input.version")},
        None,
        Output={},
        Catch=[{**IGNORED[0], "Next": "Kept"}],
    )
    items = "$states.input.old.{'function': $states.input.function, 'version': $}"
    return {
        # the first page has the oldest ones; what is on others, later releases prune
        "ListVersions": call(
            "lambda:listVersionsByFunction",
            {"FunctionName": evaluate("$states.input.function")},
            "DeleteVersions",
            Output=merge(f"'old': {versions}"),
            Catch=IGNORED,
        ),
        "DeleteVersions": for_each(items, {"DeleteVersion": delete, "Kept": compute(None)}, None, Output={}),
        "Left": compute(None),
    }


def build_after_rollback() -> States:
    """From `WarmAgain`: warm containers follow the traffic, after it."""
    warm = call(
        "lambda:putProvisionedConcurrencyConfig",
        {**VERSION, "ProvisionedConcurrentExecutions": evaluate("$states.input.warm")},
        None,
        Output={},
        Catch=IGNORED,
    )
    names = f"""[$moves.($m := $; $functions[name = $m.name].alarms.(
        $parse($replace($, '{PLACEHOLDER}', $m.bad)).AlarmName))]"""
    return {
        "WarmAgain": for_each("$moves[warm > 0]", {"PutConcurrency": warm, "Left": compute(None)}, "Cool"),
        "Cool": _cool("bad", "NameAlarms"),
        "NameAlarms": compute("ForgetAlarms", Assign={"alarms": evaluate(names)}),
        "ForgetAlarms": _delete_alarms("RolledBack"),
        "RolledBack": compute(
            None, Output={"rolled_back": evaluate("[$moves.{'name': name, 'version': version, 'from': bad}]")}
        ),
    }
