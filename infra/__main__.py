"""`python -m infra`: what cdk.json names for the CDK CLI, and what `make synth` runs without it.

Context: env=dev|staging|prod, platform=standalone|existing, and for an existing platform stream, bucket,
assignments_stream (names, or SSM parameters that start with /), stream_hours (that its stream keeps a
record), postgres_secret (name or ARN), subnets and security_groups (comma-separated);
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
from infra.bundle import BUILD, BundleError


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m infra", description=__doc__)
    parser.add_argument("-c", "--context", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--all", action="store_true", help="every environment on both platforms")
    parsed = parser.parse_args(arguments)
    context = dict(one.split("=", 1) for one in parsed.context)
    context |= json.loads(os.environ.get("CDK_CONTEXT_JSON", "{}"))  # what the CDK CLI hands over
    try:
        if parsed.all:
            for env in environments.NAMES:
                for platform in resource_names.PLATFORMS:
                    _synthesise({"env": env, "platform": platform})
        else:
            _synthesise(context)
    except (ValueError, BundleError) as error:
        sys.exit(f"infra: {error}")


def _synthesise(context: Mapping[str, str]) -> None:
    began = time.monotonic()
    environment = environments.load(context.get("env", "dev"))
    found = attach(environment.name, context)
    default = BUILD / "cdk" / f"{environment.name}-{found.platform}"
    outdir = Path(os.environ.get("CDK_OUTDIR", default))
    app = compose(environment, found, outdir=outdir, repository=context.get("github"))
    stacks = [stack.stack_name for stack in app.synth().stacks]
    print(f"{outdir}: {', '.join(stacks)} ({time.monotonic() - began:.1f} s)")


def attach(env: str, context: Mapping[str, str]) -> resource_names.ResourceNames:
    """Where things are, by ``context``."""
    platform = context.get("platform", "standalone")
    if platform == "standalone":
        return resource_names.find(env, "standalone")
    if platform != "existing":
        raise ValueError(
            f"there is no platform {platform!r}; use -c platform={'|'.join(resource_names.PLATFORMS)}"
        )
    usual = resource_names.defaults(env)
    attached = resource_names.Attached(
        stream=context.get("stream", usual.stream),
        bucket=context.get("bucket", usual.bucket),
        assignments_stream=context.get("assignments_stream", usual.assignments_stream),
        postgres_secret=context.get("postgres_secret", ""),
        stream_hours=int(context.get("stream_hours", usual.stream_hours)),
        subnets=_listed(context.get("subnets", "")),
        security_groups=_listed(context.get("security_groups", "")),
    )
    return resource_names.find(env, "existing", attached)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


if __name__ == "__main__":
    main(sys.argv[1:])
