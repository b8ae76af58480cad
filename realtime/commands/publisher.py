"""Who publishes: the identity that AWS confirms, or on the local stack the name that the user gives."""

import getpass
import os
from collections.abc import Callable
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from chalicelib.domain.publishing.author import Author

UNCONFIRMED = "not confirmed by AWS"


def identify_publisher(declared: str, get_arn: Callable[[], str] | None) -> Author:
    """``declared`` is what the user wrote as ``--by``, or empty. ``get_arn`` is None on the local stack.

    A kill switch must not wait for STS, so a name that AWS does not confirm is marked instead.
    """
    if get_arn is None:
        return _name(declared or _get_user_name())
    try:
        arn = get_arn()
    except (BotoCoreError, ClientError):
        return Author(declared or _get_user_name(), UNCONFIRMED)  # without an identity
    return _name(format_identity(arn), f"--by {declared}" if declared else "")


def _name(by: str, note: str = "") -> Author:
    return Author(by, note, by)


def get_caller_arn() -> str:
    config = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})
    client: Any = get_session().create_client("sts", config=config)
    return str(client.get_caller_identity()["Arn"])


def format_identity(arn: str) -> str:
    """What an ARN names: ``grace`` of a user, ``Deployer/grace`` of a role's session, ``root``.

    The role is kept, since whoever assumes it can choose any name for the session.
    """
    resource = arn.split(":", 5)[-1]
    return resource.partition("/")[2] or resource


def _get_user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return str(os.getuid())
