"""States before any traffic moves: read the aliases, publish versions, warm and probe them, make alarms."""

from infra.release.states import (
    RETRY,
    States,
    call,
    catch_problem,
    choose,
    compute,
    evaluate,
    for_each,
    merge,
    wait,
)
from infra.release.traffic import IDENTIFY, WEIGHTS

SECONDS_BETWEEN = 5
VERSION = {
    "FunctionName": evaluate("$states.input.function"),
    "Qualifier": evaluate("$states.input.version"),
}
NAMED_PROBLEMS = "$join([$found[$exists(problem)].(name & ': ' & problem)], '; ')"


def describe(good: str, bad: str) -> str:
    """An alias's description (JSONata): versions to return to, newest first, and one that was rolled back."""
    return (
        f"'good=' & $join({good}, ',') & (({bad}) = '' ? '' : ' bad=' & ({bad}))"
        " & ' released=' & $states.context.Execution.StartTime"
    )


def build_reading() -> States:
    """`Read`: where each alias is, and what its description says about earlier releases."""
    text = "($exists($states.result.Description) ? $states.result.Description : '')"
    word = """function($name) {$contains($text, $name)
        ? $substringBefore($substringAfter($text, $name) & ' ', ' ') : ''}"""
    described = f"""($text := {text}; $word := {word}; {{
        'live': $states.result.FunctionVersion,
        'weights': {WEIGHTS},
        'revision': $states.result.RevisionId,
        'description': $text,
        'good': $word('good=') = '' ? [$states.result.FunctionVersion] : $split($word('good='), ','),
        'bad': $word('bad='),
        'released': $word('released=')
    }})"""
    reading = call(
        "lambda:getAlias",
        IDENTIFY,
        None,
        Output=evaluate(f"$merge([$states.input, {described}])"),
        Catch=catch_problem("NotRead", "reading its alias"),
    )
    fields = "{'name': name, 'function': function, 'warm': warm}"
    return {
        "Read": for_each(
            f"$functions[name in $names].{fields}",
            {"GetAlias": reading, "NotRead": compute(None)},
            "WereRead",
            Assign={"found": evaluate("$states.result")},
        ),
        "WereRead": choose(
            "Release",
            ("$exists($found.problem)", "TellNotReady"),
            ("$action = 'rollback'", "ChooseTargets"),
        ),
        "TellNotReady": compute(
            "TidyFailed", Assign={"error": "NotReady", "cause": evaluate(NAMED_PROBLEMS)}
        ),
        "Release": choose("Publish", ("$count([$found[$count($keys(weights)) > 0]]) > 0", "TellBusy")),
        "TellBusy": compute(
            "Failed",
            Assign={
                "error": "Busy",
                "cause": evaluate(
                    """($split := $found[$count($keys(weights)) > 0]; 'traffic is between two versions: '
                    & $join([$split.(name & ' ' & live & ' and ' & $keys(weights)[0])], ', ')
                    & '. A release is under way, or one ended in the middle: --rollback ends it.')"""
                ),
            },
        ),
    }


def build_publication(sha256: str) -> States:
    """`Publish`: a version of what was deployed. Lambda returns the last version if nothing has changed."""
    publish = call(
        "lambda:publishVersion",
        {"FunctionName": evaluate("$states.input.function"), "CodeSha256": sha256},
        "GetState",
        Output=merge("'version': $states.result.Version"),
        Catch=catch_problem("NotPublished", "publishing a version of the deployed code"),
    )
    get_state = call(
        "lambda:getFunctionConfiguration",
        VERSION,
        "IsActive",
        Output=merge("'state': $states.result.State ? $states.result.State : 'Active'"),
        Catch=catch_problem("NotPublished", "reading its new version"),
    )
    states = {
        "PublishVersion": publish,
        "GetState": get_state,
        # a version with a snapshot is pending for minutes
        "IsActive": choose(
            "Published",
            ("$states.input.state = 'Pending'", "WaitForState"),
            ("$states.input.state = 'Failed'", "StateFailed"),
        ),
        "WaitForState": wait(SECONDS_BETWEEN, "GetState"),
        "StateFailed": compute(None, Output=merge("'problem': 'Lambda could not start its new version'")),
        "Published": compute(None),
        "NotPublished": compute(None),
    }
    held = "version != live and version = bad and $not($again)"
    moves = f"""[$found[version != live and ($again or version != bad)].($item := $;
        $before := $distinct($append([live], good))[$ != $item.version and $ != $item.bad];
        $good := [$append([version], $before)[[0..$keep - 1]]];
        $merge([$item, {{
            'now': {{'version': live, 'weights': {{}}}},
            'moved': false,
            'next_description': {describe("$good", "bad = version ? '' : bad")}
        }}]))]"""
    return {
        "Publish": for_each("$found", states, "WerePublished", Assign={"found": evaluate("$states.result")}),
        "WerePublished": choose("ChooseMoves", ("$exists($found.problem)", "TellNotReady")),
        "ChooseMoves": compute(
            "IsAnythingNew",
            Assign={
                "moves": evaluate(moves),
                "held": evaluate(f"[$found[{held}].{{'name': name, 'version': version, 'live': live}}]"),
            },
        ),
        "IsAnythingNew": choose("Warm", ("$count($moves) = 0", "NothingToDo")),
        "NothingToDo": compute(None, Output={"released": [], "held": evaluate("$held")}),
    }


def build_warming() -> States:
    """`Warm`: concurrency is provisioned at the version: Lambda takes none at an alias with weights."""
    put = call(
        "lambda:putProvisionedConcurrencyConfig",
        {**VERSION, "ProvisionedConcurrentExecutions": evaluate("$states.input.warm")},
        "GetWarmth",
        Output=evaluate("$states.input"),
        Catch=catch_problem("NotWarm", "provisioning concurrency"),
    )
    states = {
        "PutConcurrency": put,
        "GetWarmth": call(
            "lambda:getProvisionedConcurrencyConfig",
            VERSION,
            "IsWarm",
            Output=merge("'status': $states.result.Status"),
            Catch=catch_problem("NotWarm", "provisioning concurrency"),
        ),
        "IsWarm": choose(
            "IsReady",
            ("$states.input.status = 'IN_PROGRESS'", "WaitForWarmth"),
            ("$states.input.status = 'FAILED'", "WarmthFailed"),
        ),
        "WaitForWarmth": wait(SECONDS_BETWEEN, "GetWarmth"),
        "WarmthFailed": compute(None, Output=merge("'problem': 'Lambda could not provision concurrency'")),
        "IsReady": compute(None),
        "NotWarm": compute(None),
    }
    return {
        "Warm": for_each(
            "$moves[warm > 0]", states, "WereWarmed", Assign={"found": evaluate("$states.result")}
        ),
        "WereWarmed": choose("Probe", ("$exists($found.problem)", "TellNotReady")),
    }


def build_probing() -> States:
    """`Probe`: the new version itself answers known events as it should (infra/release/probes.py)."""
    # every field of what is expected is in the answer, at any depth
    holds = """$holds := function($expected, $answer) {$type($expected) = 'object'
        ? ($type($answer) = 'object' and $count($keys($expected)[
            $not($holds($lookup($expected, $), $lookup($answer, $)))]) = 0)
        : $expected = $answer}"""
    wrong = f"""({holds}; $holds($states.input.expect, $states.result.Payload) ? {{}} : {{'problem':
        'a probe expects ' & $string($states.input.expect) & ', not '
        & $substring($string($states.result.Payload), 0, 200)}})"""
    invoke = call(
        "lambda:invoke",
        {
            "FunctionName": evaluate("$states.input.function & ':' & $states.input.version"),
            "Payload": evaluate("$states.input.event"),
        },
        None,
        Output=evaluate(f"$merge([{{'name': $states.input.name}}, {wrong}])"),
        Retry=RETRY,
        Catch=catch_problem("NotAnswered", "a probe"),
    )
    items = """$moves.($m := $; $functions[name = $m.name].probes.{
        'name': $m.name, 'function': $m.function, 'version': $m.version, 'event': event, 'expect': expect})"""
    return {
        "Probe": for_each(
            items,
            {"Invoke": invoke, "NotAnswered": compute(None)},
            "HasAnswered",
            Assign={"found": evaluate("$states.result")},
        ),
        "HasAnswered": choose("MakeAlarms", ("$exists($found.problem)", "TellProbe")),
        "TellProbe": compute(
            "TidyFailed", Assign={"error": "ProbeFailed", "cause": evaluate(NAMED_PROBLEMS)}
        ),
    }


def build_targets() -> States:
    """`ChooseTargets`: where a rollback goes. Functions of the last release only, unless they are named."""
    target = """$count($keys($f.weights)) > 0
        ? {'version': $f.live, 'bad': $keys($f.weights)[0], 'good': $f.good}
        : $f.live != $f.good[0] ? {'version': $f.good[0], 'bad': $f.live, 'good': $f.good}
        : $count($f.good) > 1 ? {'version': $f.good[1], 'bad': $f.live, 'good': [$f.good[[1..99]]]}
        : {'bad': '', 'good': [], 'problem': 'no version before ' & $f.live & ' is known to be good'}"""
    chosen = """($last := $sort($found.released)[-1];
        $split := [$found[$count($keys(weights)) > 0 or live != good[0]]];
        $is_named ? $found : $count($split) > 0 ? $split : $found[released = $last])"""
    moves = f"""[{chosen}.($f := $; $target := {target}; $merge([$f, $target, {{
        'now': {{'version': $f.live, 'weights': $f.weights}},
        'moved': false,
        'next_description': {describe("$target.good", "$target.bad")}
    }}]))]"""
    return {
        "ChooseTargets": compute("HaveTargets", Assign={"moves": evaluate(moves)}),
        "HaveTargets": choose("RollBack", ("$exists($moves.problem)", "TellNoTarget")),
        "TellNoTarget": compute(
            "Failed",
            Assign={
                "error": "NothingBefore",
                "cause": evaluate("$join([$moves[$exists(problem)].(name & ': ' & problem)], '; ')"),
            },
        ),
    }
