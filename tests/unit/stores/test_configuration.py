"""Mistakes of configuration are named with their remedy; outages are not taken for them."""

import json
from typing import Any

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from chalicelib.stores.configuration import explain_misconfiguration, name_resource


def refusal(code: str, asked: str = "", message: str = "") -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": message, "Asked": asked}}
    return ClientError(response, "GetItem")


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (exceptions.NoCredentialsError(), "Unable to locate credentials: set AWS_PROFILE, or"),
        (exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), "missing: A"),
        (exceptions.NoRegionError(), "You must specify a region: set AWS_REGION"),
        (exceptions.ProfileNotFound(profile="shop"), r"The config profile \(shop\) could not be found: set"),
        (exceptions.InvalidRegionError(region_name="a b"), "'a b' .* set AWS_REGION to a region such as"),
        (exceptions.SSOTokenLoadError(error_msg="x"), "`aws sso login`"),
        (exceptions.UnauthorizedSSOTokenError(), "`aws sso login`"),
        (exceptions.TokenRetrievalError(provider="sso", error_msg="x"), "`aws sso login`"),
        (exceptions.CredentialRetrievalError(provider="p", error_msg="x"), "`aws sso login`"),
        (exceptions.ConfigParseError(path="/c"), "mend that file"),
        (refusal("ExpiredTokenException"), "AWS refuses GetItem: the credentials have expired: sign in"),
        (refusal("UnrecognizedClientException"), "AWS does not know the credentials: check AWS_PROFILE"),
        (refusal("InvalidSignatureException"), "the secret key is wrong, or this machine's clock is"),
        (refusal("RequestTimeTooSkewed"), "clock is wrong"),
        (refusal("PermanentRedirect"), "the bucket is in another region"),
        (refusal("OptInRequired"), "has not enabled"),
        (refusal("ResourceNotFoundException", "table 'keys'"), "There is no table 'keys' in this account"),
        (refusal("NoSuchBucket", "bucket 'b'"), "There is no bucket 'b' in this account and region"),
        (refusal("AWS.SimpleQueueService.NonExistentQueue", "queue 'q'"), "There is no queue 'q'"),
        (refusal("AccessDeniedException", "table 't'", "User: arn is not authorized"),
         r"AWS denies GetItem on the table 't' \(AccessDeniedException\): User: arn is not authorized"),
        (refusal("AccessDenied", "bucket 'b'"), "AWS denies GetItem on the bucket 'b'"),
        (refusal("KMSAccessDeniedException", "stream 's'"), "AWS denies GetItem on the stream 's'"),
    ],
)  # fmt: skip
def test_a_mistake_of_configuration_has_its_remedy(error: Exception, remedy: str) -> None:
    reason = explain_misconfiguration(error)
    assert reason
    with pytest.raises(AssertionError, match=remedy):
        raise AssertionError(reason)
    assert "\n" not in reason
    assert "GetItem: None" not in reason


@pytest.mark.parametrize(
    "error",
    [
        refusal("InternalServerError"),
        refusal("ProvisionedThroughputExceededException"),
        refusal("ConditionalCheckFailedException"),
        refusal("ValidationException"),
        exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        exceptions.ReadTimeoutError(endpoint_url="http://127.0.0.1:1"),
        ValueError("no"),
    ],
)
def test_what_may_pass_is_no_mistake_of_configuration(error: Exception) -> None:
    assert explain_misconfiguration(error) is None


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"TableName": "t", "Key": {"id": {"S": "secret"}}}, "table 't'"),
        ({"RequestItems": {"b": {"Keys": []}, "a": {}}}, "table 'a' or 'b'"),
        ({"TransactItems": [{"Put": {"TableName": "t"}}, {"Update": {"TableName": "t"}}]}, "table 't'"),
        ({"StreamName": "s", "Records": [{"Data": "secret"}]}, "stream 's'"),
        ({"QueueUrl": "https://sqs/0/q", "MessageBody": "secret"}, "queue 'q'"),
        ({"SecretId": "s"}, "secret 's'"),
        ({"DeliveryStreamName": "f"}, "delivery stream 'f'"),
        ({"Other": "secret"}, ""),
        ([], ""),
    ],
)  # fmt: skip
def test_a_request_names_its_resource_and_no_data(body: object, name: str) -> None:
    assert name_resource({"body": json.dumps(body).encode()}) == name


@pytest.mark.parametrize("body", [b"{", b"\xff", None, b"", 5])
def test_a_request_that_is_no_json_names_nothing(body: object) -> None:
    assert name_resource({"body": body}) == ""
    assert name_resource({"body": body, "context": {"s3_redirect": {"bucket": "b"}}}) == "bucket 'b'"
