"""A command refuses another account or region than its environment's, and says which."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from boto3.session import Session
from moto import mock_aws

from infra import environments
from infra.__main__ import main as synthesise
from infra.target import Target, WrongTargetError, check_target, main, open_session, require_contact

DEV = environments.load("dev")
ACCOUNT, REGION = "123456789012", "eu-west-1"  # moto's account


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    with mock_aws():
        monkeypatch.setenv("AWS_REGION", REGION)
        yield open_session()


@pytest.mark.parametrize(
    "environment",
    [
        DEV,
        replace(DEV, account=ACCOUNT),
        replace(DEV, region=REGION),
        replace(DEV, account=ACCOUNT, region=REGION),
    ],
)
def test_its_own_account_and_region_are_accepted(environment: environments.Environment, aws: Session) -> None:
    assert check_target(environment, aws) == Target(ACCOUNT, REGION)


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        (replace(DEV, account="210987654321"), f"for account {ACCOUNT}, and dev is in 210987654321"),
        (replace(DEV, account=ACCOUNT, region="us-east-1"), f"for region {REGION}, and dev is in us-east-1"),
    ],
)
def test_any_other_is_refused_by_name(
    environment: environments.Environment, reason: str, aws: Session
) -> None:
    with pytest.raises(WrongTargetError, match=reason):
        check_target(environment, aws)


def test_a_session_without_a_region_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(WrongTargetError, match="set AWS_REGION"):
        check_target(DEV, open_session())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account", "12345678901"),
        ("account", "12345678901x"),
        ("region", "eu-west"),
        ("region", "eu-west-1a"),
    ],
)
def test_an_account_or_region_that_cannot_be_is_refused(field: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"{field} must be .*{value}"):
        replace(DEV, **{field: value})  # type: ignore[arg-type]  # one field of text at a time


def test_the_command_says_which_and_that_any_would_do(
    aws: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["dev"], aws)
    assert capsys.readouterr().out.startswith(f"dev: account {ACCOUNT}, region {REGION} (infra/environments")


def test_production_is_refused_while_its_alarms_would_wake_nobody() -> None:
    prod = environments.load("prod")
    with pytest.raises(WrongTargetError, match=r"pages=Contact\(email"):
        require_contact(replace(prod, pages=None))
    require_contact(replace(prod, pages=environments.Contact(email="on-call@example.com")))
    require_contact(DEV)


def test_the_cdk_cli_is_refused_likewise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_OUTDIR", "unused")
    with pytest.raises(SystemExit, match="wake nobody"):
        synthesise(["-c", "env=prod"])
