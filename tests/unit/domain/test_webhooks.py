"""Addresses that a webhook may have, and signatures."""

import hashlib
import hmac

import pytest

from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.webhooks import Webhook, check_events, check_url, is_public, parse_id, sign


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com/services/x",
        "https://example.com",
        "https://example.com:8443/a?b=c",
        "https://192.0.2.1/x",
        "https://[2001:db8::1]/x",
    ],
)
def test_https_with_a_host_is_accepted(url: str) -> None:
    assert check_url(url, is_local=False) == url


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://example.com/x", "must begin with https://"),
        ("ftp://example.com/x", "must begin with https://"),
        ("file:///etc/passwd", "must begin with https://"),
        ("", "must begin with https://"),
        ("https://", "names no host"),
        ("https:///x", "names no host"),
        ("https://example.com:0/", "names no host"),
        ("https://example.com:99999/", "is no URL"),
        ("https://[::1/", "is no URL"),
        ("https://user:password@example.com/x", "no user and no password"),  # pragma: allowlist secret
        ("https://token@example.com/x", "no user and no password"),
        ("https://example.com/x#y", "no fragment"),
        ("https://example.com/a b", "ASCII without blanks"),
        ("https://example.com/a\r\nX: y", "ASCII without blanks"),
        ("https://exämple.com/", "ASCII without blanks"),
        ("https://example.com/" + "x" * 2_000, "at most 2000"),
    ],
)
def test_any_other_url_is_refused_with_the_fix(url: str, problem: str) -> None:
    with pytest.raises(InvalidInput, match="url: ") as caught:
        check_url(url, is_local=False)
    assert problem in str(caught.value)


def test_http_is_for_the_local_stack() -> None:
    assert check_url("http://127.0.0.1:9000/x", is_local=True)


@pytest.mark.parametrize("address", ["8.8.8.8", "52.94.236.248", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104 - refused
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",  # of providers
        "169.254.169.254",  # metadata of EC2
        "169.254.170.2",  # credentials of containers
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",  # metadata of EC2
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "2002:7f00:1::1",  # 127.0.0.1 by 6to4
        "64:ff9b::a9fe:a9fe",  # 169.254.169.254 by NAT64
        "64:ff9b:1::a00:1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",  # Teredo
    ],
)
def test_addresses_of_machines_networks_and_clouds_are_not(address: str) -> None:
    assert not is_public(address)


def test_a_signature_covers_time_and_body() -> None:
    header = sign("whsec_1", b'{"a":1}', 1_800_000_000.9)
    expected = hmac.new(b"whsec_1", b'1800000000.{"a":1}', hashlib.sha256).hexdigest()
    assert header == f"t=1800000000,v1={expected}"


def test_ids_are_read_as_they_are_written() -> None:
    webhook = Webhook(0xFF_0000_0007, "https://a.example/", ("kill",), "s", "")
    assert webhook.id == "wh_ff00000007"
    assert parse_id(webhook.id) == webhook.number
    for text in ("", "wh_", "ff00000007", "wh_7", "wh_FF00000007", "wh_ff0000000g", "wh_+f00000007"):
        assert parse_id(text) is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.slack.com/services/xyzw1234", "https://hooks.slack.com/…1234"),
        ("https://a.example/x?token=abcdef", "https://a.example/…cdef"),
        ("https://a.example/hook", "https://a.example/hook"),
    ],
)
def test_a_url_is_shown_without_what_may_be_a_password(url: str, shown: str) -> None:
    assert Webhook(1, url, ("kill",), "s", "").shown_url == shown


def test_events_are_known_and_each_is_kept_once() -> None:
    assert check_events(["kill", "publication", "kill"]) == ("publication", "kill")
    for wrong in ([], ["test"], ["kill", "everything"]):
        with pytest.raises(InvalidInput, match="events: must be some of publication, kill"):
            check_events(wrong)
