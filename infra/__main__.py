"""`python -m infra`: synthesise the stacks. The CDK CLI runs it by cdk.json, `make synth` without the CLI.

Context: env=dev|staging|prod and platform=standalone|existing. For an existing platform: stream, bucket,
assignments_stream (names, or paths of SSM parameters, which start with /), stream_hours (how long its stream
keeps a record), postgres_secret (name or ARN), subnets and security_groups (comma-separated), archive (none,
s3 or firehose: who archives events once more), kms_key (comma-separated ARNs of the platform's keys).
On both: the name of a resource that exists, in place of one that the data stack would make (docs/backup.md):
event_stream, archive_bucket, or a table by its setting, such as counters_table. assignments_table needs
assignments_stream (an ARN) beside it. github=OWNER/NAME adds the stack of the pipeline's role.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from infra import environments, resource_names
from infra.app import compose
from infra.bundle import BUILD_FOLDER, BundleError
from infra.front_doors.variants import change_front_door
from infra.python_version import check_python, describe_other_python
from infra.target import WrongTargetError, require_contact


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m infra", description=__doc__)
    parser.add_argument("-c", "--context", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--all", action="store_true", help="every environment, platform and front door")
    parsed = parser.parse_args(arguments)
    try:
        context = parse_context(parsed.context)
        context |= json.loads(os.environ.get("CDK_CONTEXT_JSON", "{}"))  # set by the CDK CLI
        if parsed.all:
            if note := describe_other_python():
                print(f"to read, {note}")
            for env in environments.NAMES:
                for platform in resource_names.PLATFORMS:
                    for api in environments.APIS:
                        _synthesise({"env": env, "platform": platform}, api)
        else:
            environment = environments.load(context.get("env", "dev"))
            if "CDK_OUTDIR" in os.environ:  # the CDK CLI: it is going to deploy, or to show what it would
                require_contact(environment)
            check_python(environment)
            _synthesise(context)
    except (ValueError, BundleError, WrongTargetError) as error:
        sys.exit(f"infra: {error}")


def parse_context(options: list[str]) -> dict[str, str]:
    """Of options such as `-c env=dev`; raises ValueError for one without a value."""
    for option in options:
        if "=" not in option:
            raise ValueError(f"-c {option} has no value; write -c {option}=VALUE")
    return dict(option.split("=", 1) for option in options)


def _synthesise(context: Mapping[str, str], api: environments.Api | None = None) -> None:
    """``api``: with this front door, whatever the environment says."""
    started = time.monotonic()
    environment = environments.load(context.get("env", "dev"))
    names = resolve_context(environment.name, context)
    suffix = f"-{api}" if api and api != environment.api else ""
    environment = change_front_door(environment, api or environment.api)
    default_outdir = BUILD_FOLDER / "cdk" / f"{environment.name}-{names.platform}{suffix}"
    outdir = Path(os.environ.get("CDK_OUTDIR", default_outdir))
    app = compose(environment, names, outdir=outdir, repository=context.get("github"))
    stacks = [stack.stack_name for stack in app.synth().stacks]
    print(f"{outdir}: {', '.join(stacks)} ({time.monotonic() - started:.1f} s)")


def resolve_context(env: str, context: Mapping[str, str]) -> resource_names.ResourceNames:
    """The names of the resources that ``context`` asks for; raises ValueError for an unknown platform."""
    platform = context.get("platform", "standalone")
    if platform == "standalone":
        return resource_names.resolve_names(env, "standalone", given=_find_given(context, "standalone"))
    if platform != "existing":
        raise ValueError(
            f"there is no platform {platform!r}; use -c platform={'|'.join(resource_names.PLATFORMS)}"
        )
    defaults = resource_names.get_platform_defaults(env)
    platform_resources = resource_names.PlatformResources(
        stream=context.get("stream", defaults.stream),
        bucket=context.get("bucket", defaults.bucket),
        assignments_stream=context.get("assignments_stream", defaults.assignments_stream),
        postgres_secret=context.get("postgres_secret", ""),
        stream_hours=int(context.get("stream_hours", defaults.stream_hours)),
        archive=_choose(context, "archive", ("none", "s3", "firehose")),
        kms_keys=tuple(
            environments.require_key_arn(key, "-c kms_key") for key in _split(context.get("kms_key", ""))
        ),
        subnets=_split(context.get("subnets", "")),
        security_groups=_split(context.get("security_groups", "")),
    )
    return resource_names.resolve_names(env, "existing", platform_resources, _find_given(context, "existing"))


def _find_given(context: Mapping[str, str], platform: resource_names.Platform) -> dict[str, str]:
    """The resources that are named in place of ours: those that were restored, or retained elsewhere."""
    names = resource_names.resolve_names("dev", platform)
    allowed = resource_names.MAY_BE_GIVEN & (names.by_setting.keys() - names.platform_owned)
    given = {name: value for name, value in context.items() if name in allowed}
    for name in context:
        if name.endswith(("_table", "_bucket", "_queue")) and name not in allowed:
            raise ValueError(
                f"-c {name} names no resource that may be given; use {', '.join(sorted(allowed))}"
            )
    if platform == "standalone" and "assignments_table" in given:
        if "assignments_stream" not in context:
            raise ValueError(
                "-c assignments_table needs -c assignments_stream=ARN, the LatestStreamArn of that table"
            )
        given["assignments_stream"] = context["assignments_stream"]
    return given


def _choose(context: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """The first of ``choices`` is the default."""
    value = context.get(name, choices[0])
    if value not in choices:
        raise ValueError(f"there is no {name} {value!r}; use -c {name}={'|'.join(choices)}")
    return value


def _split(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


if __name__ == "__main__":
    main(sys.argv[1:])
