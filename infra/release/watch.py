"""States of a step's watch: the alarms of the new versions each minute, and enough calls at its end."""

from chalicelib.metrics import NAMESPACE
from infra.environments import Environment
from infra.release.states import RETRY, States, call, catch, choose, compute, evaluate, for_each, wait
from infra.release.steps import MAX_LONGER
from infra.release.version_alarms import PLACEHOLDER

STEP = "$steps[$step]"


def build_alarms() -> States:
    """`MakeAlarms`: of each version that will get traffic, if anybody watches them."""
    templates = f"""$moves.($m := $; $functions[name = $m.name].alarms.{{
        'arguments': $replace($, '{PLACEHOLDER}', $m.version)}})"""
    put = call(
        "cloudwatch:putMetricAlarm",
        evaluate("$parse($states.input.arguments)"),
        None,
        Output=evaluate("{'name': $parse($states.input.arguments).AlarmName}"),
        Catch=[catch("NotMade", evaluate("{'problem': $states.errorOutput.Error}"))],
    )
    return {
        "MakeAlarms": choose("PutAlarms", ("$not($gates) or $sum($steps.minutes) = 0", "BeginStep")),
        "PutAlarms": for_each(
            templates,
            {"PutAlarm": put, "NotMade": compute(None)},
            "WereMade",
            Assign={"alarms": evaluate("[$states.result.name]"), "found": evaluate("$states.result")},
        ),
        "WereMade": choose("BeginStep", ("$exists($found.problem)", "TellNoAlarms")),
        "TellNoAlarms": compute(
            "TidyFailed",
            Assign={
                "error": "NotReady",
                "cause": evaluate("'its alarms could not be made: ' & $found.problem[0]"),
            },
        ),
    }


def build_watch(environment: Environment) -> States:
    """From `StartWatch` to `NextStep`, or to `GoBack` at the first alarm. What cannot be read rings."""
    look = call(
        "cloudwatch:describeAlarms",
        {"AlarmNames": evaluate("$alarms"), "MaxRecords": 100},
        "DoesRing",
        Output={},
        Assign={
            "minute": evaluate("$minute + 1"),
            "ringing": evaluate("[$states.result.MetricAlarms[StateValue = 'ALARM'].AlarmName]"),
            "missing": evaluate("$count($alarms) - $count($states.result.MetricAlarms)"),
        },
        Catch=[catch("TellUnread", evaluate("$states.input"))],
    )
    cause = f"""'at ' & {STEP}.percent & ' %: ' & ($count($ringing) > 0 ? $join($ringing, ', ') & ' in ALARM'
        : 'an alarm of the release was deleted')"""
    return {
        "StartWatch": choose("WaitMinute", (f"$not($gates) or {STEP}.minutes = 0", "NextStep")),
        "WaitMinute": wait(60, "LookAtAlarms"),
        "LookAtAlarms": look,
        "DoesRing": choose(
            "CountCalls",
            ("$count($ringing) > 0 or $missing > 0", "TellRinging"),
            (f"$minute < {STEP}.minutes", "WaitMinute"),
            ("$min_calls = 0", "NextStep"),
        ),
        "TellUnread": compute("TellRinging", Assign={"ringing": ["alarms that cannot be read"]}),
        "TellRinging": compute("GoBack", Assign={"error": "AlarmRang", "cause": evaluate(cause)}),
        **_build_count(environment),
    }


def _build_count(environment: Environment) -> States:
    """Too few calls are no success: the step is watched longer."""
    query = f"""{{'Id': 'm' & $string($i), 'MetricStat': {{'Metric': {{'Namespace': '{NAMESPACE}',
        'MetricName': 'Answered', 'Dimensions': [{{'Name': 'Environment', 'Value': '{environment.name}'}},
        {{'Name': 'Function', 'Value': $m.function}}, {{'Name': 'Version', 'Value': $m.version}}]}},
        'Period': 60, 'Stat': 'Sum'}}}}"""
    quiet = """[$map($moves, function($m, $i) {(
        $found := $states.result.MetricDataResults[Id = 'm' & $string($i)].Values[$ != ''];
        $calls := $sum([$found.$number($)]);
        $calls < $min_calls ? $m.name & ' ' & $calls
    )})]"""
    count = call(
        "cloudwatch:getMetricData",
        {
            "StartTime": evaluate("$since"),
            "EndTime": evaluate("$states.context.State.EnteredTime"),
            "MetricDataQueries": evaluate(f"[$map($moves, function($m, $i) {{{query}}})]"),
        },
        "AreEnough",
        Output={},
        Assign={"quiet": evaluate(quiet)},
        Retry=RETRY,
        Catch=[catch("TellUncounted", evaluate("{'error': $states.errorOutput}"))],
    )
    cause = f"""'at ' & {STEP}.percent & ' %: too few calls to judge by, less than ' & $min_calls & ' in '
        & $minute & ' minutes: ' & $join($quiet, ', ') & '. Lower min_calls, or release with --no-gates.'"""
    return {
        "CountCalls": count,
        "TellUncounted": compute("AreEnough", Assign={"quiet": ["calls that cannot be read"]}),
        "AreEnough": choose(
            "TellQuiet",
            ("$count($quiet) = 0", "NextStep"),
            (f"$minute < {MAX_LONGER} * {STEP}.minutes", "WaitMinute"),
        ),
        "TellQuiet": compute("GoBack", Assign={"error": "TooFewCalls", "cause": evaluate(cause)}),
    }
