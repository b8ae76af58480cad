"""Move traffic to the deployed version, step by step, or back.

A state machine in AWS does it, and goes on if this command
ends. It publishes a version of each function, probes it,
moves 10, 50 and 100 % of the traffic (infra/environments),
watches the version's own alarms at each step, and goes back
by itself at the first. docs/release.md says more.

examples:
  python -m infra.release prod
  python -m infra.release prod --status
  python -m infra.release prod --rollback
  python -m infra.release prod --no-gates --reason "INC-7"

exit status: 0 done, or nothing to do
  1 not done
  2 wrong arguments, account or region
  130 interrupted: the release goes on
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra import environments
from infra.environments import Environment
from infra.release import report
from infra.release.aliases import Traffic, read_traffic
from infra.release.executions import Machine, find_machine
from infra.target import WrongTargetError, check_target, open_session


def main(
    arguments: Sequence[str] | None = None, aws: Any = None, pause: Callable[[float], object] = time.sleep
) -> int:
    parsed = _parse(arguments)
    environment = environments.load(parsed.environment)
    aws = aws or open_session()
    try:
        target = check_target(environment, aws)
        return _run(parsed, environment, aws, find_machine(aws, environment, target, pause))
    except WrongTargetError as error:
        print(f"release: {error}", file=sys.stderr)
        return 2
    except (BotoCoreError, ClientError) as error:
        print(f"release: {_explain(error, environment)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        report.tell(
            f"\nNot watching any more. A release that was started goes on:"
            f" `python -m infra.release {environment.name} --status` shows it, `--rollback` ends it."
        )
        return 130


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m infra.release",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("environment", choices=environments.NAMES)
    parser.add_argument(
        "--function",
        action="append",
        choices=sorted(environments.load("dev").functions),
        metavar="NAME",
        help="only this one; may repeat",
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--status", action="store_true", help="show where the traffic is; change nothing")
    action.add_argument(
        "--rollback",
        action="store_true",
        help="send the functions of the last release back to the last good version; ends a running release",
    )
    action.add_argument(
        "--no-gates", action="store_true", help="at once to 100 %%, without alarms; needs --reason"
    )
    parser.add_argument("--reason", help="why; kept with the execution and in its log")
    parser.add_argument("--again", action="store_true", help="release a version though it was rolled back")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parsed = parser.parse_args(arguments)
    if parsed.no_gates and not parsed.reason:
        parser.error("--no-gates needs --reason TEXT: it is the record of why nobody watched")
    if parsed.again and (parsed.status or parsed.rollback):
        parser.error("--again belongs to a release")
    return parsed


def _run(parsed: argparse.Namespace, environment: Environment, aws: Any, machine: Machine) -> int:
    names = parsed.function or list(environment.functions)
    lambda_ = aws.client("lambda")

    def read() -> list[Traffic]:
        return read_traffic(lambda_, names, environment)

    if parsed.status:
        report.show_status(read(), machine.list_running(), parsed.json)
        return 0
    by = aws.client("sts").get_caller_identity()["Arn"]
    running = machine.list_running()
    if parsed.rollback:
        for arn in machine.stop_running(by):
            report.tell(f"stopped {report.get_name(arn)}")
    elif running:
        started = ", ".join(execution["name"] for execution in running)
        report.tell(f"release: {started} is under way; --status shows it, --rollback ends it")
        return 1
    order = {
        "action": "rollback" if parsed.rollback else "release",
        "functions": parsed.function or [],
        "gates": not parsed.no_gates,
        "again": parsed.again,
        "reason": parsed.reason or "",
        "by": by,
    }
    arn = machine.start(order)
    report.tell(f"started {report.get_name(arn)}; it goes on if this command ends")
    try:
        outcome = machine.follow(arn, report.Progress(read).show)
    except (BotoCoreError, ClientError) as error:  # the credentials have expired, for example
        report.tell(f"release: its end cannot be seen: {error}. It goes on; --status shows it.")
        return 1
    report.show_outcome(outcome, report.get_name(arn), parsed.json)
    return 0 if outcome.status == "SUCCEEDED" else 1


def _explain(error: BotoCoreError | ClientError, environment: Environment) -> str:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    if code == "StateMachineDoesNotExist":
        return f"{environment.name} has no release machine here: deploy it first (docs/deployment.md)"
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
