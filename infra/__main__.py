"""`python -m infra`: synthesise the stacks. The CDK CLI runs it by cdk.json, `make synth` without the CLI.

Context: env=dev|staging|prod and platform=standalone|existing. For an existing platform: stream, bucket,
assignments_stream (names, or paths of SSM parameters, which start with /), stream_hours (how long its stream
keeps a record), postgres_secret (name or ARN), subnets and security_groups (comma-separated).
github=OWNER/NAME adds the stack of the pipeline's role.
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
from infra.python_version import check_python, describe_other_python


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m infra", description=__doc__)
    parser.add_argument("-c", "--context", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--all", action="store_true", help="every environment on both platforms")
    parsed = parser.parse_args(arguments)
    context = dict(option.split("=", 1) for option in parsed.context)
    context |= json.loads(os.environ.get("CDK_CONTEXT_JSON", "{}"))  # set by the CDK CLI
    try:
        if parsed.all:
            if note := describe_other_python():
                print(f"to read, {note}")
            for env in environments.NAMES:
                for platform in resource_names.PLATFORMS:
                    _synthesise({"env": env, "platform": platform})
        else:
            check_python(environments.load(context.get("env", "dev")))
            _synthesise(context)
    except (ValueError, BundleError) as error:
        sys.exit(f"infra: {error}")


def _synthesise(context: Mapping[str, str]) -> None:
    started = time.monotonic()
    environment = environments.load(context.get("env", "dev"))
    names = resolve_context(environment.name, context)
    default_outdir = BUILD_FOLDER / "cdk" / f"{environment.name}-{names.platform}"
    outdir = Path(os.environ.get("CDK_OUTDIR", default_outdir))
    app = compose(environment, names, outdir=outdir, repository=context.get("github"))
    stacks = [stack.stack_name for stack in app.synth().stacks]
    print(f"{outdir}: {', '.join(stacks)} ({time.monotonic() - started:.1f} s)")


def resolve_context(env: str, context: Mapping[str, str]) -> resource_names.ResourceNames:
    """The names of the resources that ``context`` asks for; raises ValueError for an unknown platform."""
    platform = context.get("platform", "standalone")
    if platform == "standalone":
        return resource_names.resolve_names(env, "standalone")
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
        subnets=_split(context.get("subnets", "")),
        security_groups=_split(context.get("security_groups", "")),
    )
    return resource_names.resolve_names(env, "existing", platform_resources)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


if __name__ == "__main__":
    main(sys.argv[1:])
